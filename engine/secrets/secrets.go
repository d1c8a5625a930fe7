// Package secrets keeps what adapters log in with: named texts, sealed before they reach the
// store, written by people and read by adapters alone.
package secrets

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/heddlehq/heddle/engine/sealed"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// Secrets keeps secrets in a store. It is safe for concurrent use.
type Secrets struct {
	store  store.Store
	box    sealed.Box
	schema *store.Schema
	now    func() time.Time
}

// New keeps secrets in a store, sealed by a box. A nil clock is the wall clock.
func New(st store.Store, box sealed.Box, now func() time.Time) (*Secrets, error) {
	schema, err := store.NewSchema(store.Collections)
	if err != nil {
		return nil, err
	}
	if now == nil {
		now = time.Now
	}
	return &Secrets{st, box, schema, now}, nil
}

// Secret describes a secret. What it says is never shown.
type Secret struct {
	Name      string
	Created   time.Time
	CreatedBy string
	Updated   time.Time
	UpdatedBy string
}

const (
	maxName = 128
	maxText = 64 << 10
)

var names = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)

// Set stores a secret over the one of the same name. The error is *workflows.Invalid when the
// name or the text cannot be used.
func (s *Secrets) Set(ctx context.Context, name, text, by string) (Secret, error) {
	var problems workflows.Problems
	if !names.MatchString(name) || len(name) > maxName {
		problems = append(problems, workflows.Problem{Level: workflows.Error, Pointer: "/name", Code: "name",
			Text: fmt.Sprintf("A secret's name has up to %d letters, digits, '_', '-' and '.'.", maxName)})
	}
	if text == "" || len(text) > maxText {
		problems = append(problems, workflows.Problem{Level: workflows.Error, Pointer: "/value", Code: "value",
			Text: fmt.Sprintf("A secret needs a text of 1 to %d bytes.", maxText)})
	}
	if err := problems.Err(); err != nil {
		return Secret{}, err
	}
	out := Secret{Name: name, Created: s.now(), CreatedBy: by, Updated: s.now(), UpdatedBy: by}
	expect := store.New
	d, err := s.store.Get(ctx, store.Secrets, name)
	switch {
	case err == nil:
		before, err := read(d)
		if err != nil {
			return Secret{}, err
		}
		out.Created, out.CreatedBy, expect = before.Created, before.CreatedBy, d.Revision
	case !notFound(err):
		return Secret{}, fmt.Errorf("secret %q: %w", name, err)
	}
	sealed, err := s.box.Seal(ctx, place(name), []byte(text))
	if err != nil {
		return Secret{}, fmt.Errorf("seal secret %q: %w", name, err)
	}
	return out, s.commit(ctx, out, sealed, expect)
}

// Get gives the text of a secret; its error wraps store.ErrNotFound if there is none.
func (s *Secrets) Get(ctx context.Context, name string) (string, error) {
	d, err := s.store.Get(ctx, store.Secrets, name)
	if notFound(err) {
		return "", fmt.Errorf("it is not stored; give it with heddle secret set %s: %w", name, err)
	}
	if err != nil {
		return "", err
	}
	v, err := value.ParseLast(d.Body)
	if err != nil {
		return "", err
	}
	text, err := s.box.Open(ctx, place(name), v.Get("sealed").Text())
	return string(text), err
}

// Reseal seals all secrets anew, as after a rotation of the keys, and tells how many.
func (s *Secrets) Reseal(ctx context.Context) (n int, err error) {
	page, err := s.store.Find(ctx, store.Secrets, store.Query{NoTotal: true})
	if err != nil {
		return 0, fmt.Errorf("list secrets: %w", err)
	}
	for _, d := range page.Docs {
		m, err := read(d)
		if err != nil {
			return n, err
		}
		text, err := s.Get(ctx, d.ID)
		if err != nil {
			return n, fmt.Errorf("secret %q: %w", d.ID, err)
		}
		sealed, err := s.box.Seal(ctx, place(d.ID), []byte(text))
		if err != nil {
			return n, fmt.Errorf("seal secret %q: %w", d.ID, err)
		}
		switch err := s.commit(ctx, m, sealed, d.Revision); {
		case errors.Is(err, store.ErrConflict): // given anew meanwhile, and so sealed anew
		case err != nil:
			return n, err
		default:
			n++
		}
	}
	return n, nil
}

// place binds what is sealed to its name: it cannot be moved under another.
func place(name string) string { return "secret/" + name }

// List describes all secrets, ordered by name.
func (s *Secrets) List(ctx context.Context) ([]Secret, error) {
	page, err := s.store.Find(ctx, store.Secrets, store.Query{Sort: []store.Order{{Field: store.ID}}, NoTotal: true})
	if err != nil {
		return nil, fmt.Errorf("list secrets: %w", err)
	}
	out := make([]Secret, len(page.Docs))
	for i, d := range page.Docs {
		if out[i], err = read(d); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Delete removes a secret; its error wraps store.ErrNotFound if there is none.
func (s *Secrets) Delete(ctx context.Context, name string) (Secret, error) {
	d, err := s.store.Get(ctx, store.Secrets, name)
	if err != nil {
		return Secret{}, fmt.Errorf("secret %q: %w", name, err)
	}
	out, err := read(d)
	if err != nil {
		return Secret{}, err
	}
	return out, s.store.Commit(ctx, store.Batch{{Collection: store.Secrets, ID: name, Expect: d.Revision}})[0]
}
