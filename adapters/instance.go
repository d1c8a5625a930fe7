package adapters

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/schemas"
	"github.com/heddlehq/heddle/workflows/value"
)

// Instance is a configured adapter, which tasks choose by incoming.adapter_id. A text of the
// configuration of the form $secret.<name> stands for that secret.
type Instance struct {
	ID     string
	Config value.Value
}

// Secrets gives the text of a secret.
type Secrets func(ctx context.Context, name string) (string, error)

const secretPrefix = "$secret."

// opened is an instance that is ready for calls.
type opened struct {
	Instance
	client any
	redact *strings.Replacer // nil when the configuration holds no secrets
}

// instances opens the instances of a kind when they are first called.
type instances struct {
	kind    *Kind
	secrets Secrets
	known   []Instance
	check   *schemas.Schema // nil when any configuration will do
	entries []entry         // one for each of known
}

// entry is an instance's place; one that is slow to open holds up its own calls only.
type entry struct {
	mu     sync.Mutex
	opened *opened
	at     time.Time
}

// refresh is how soon a changed secret is noticed.
const refresh = time.Minute

func newInstances(k *Kind, secrets Secrets, known []Instance) (*instances, error) {
	s := &instances{kind: k, secrets: secrets, known: known}
	if k.Config.IsAbsent() {
		if len(known) == 0 {
			s.known = []Instance{{}}
		}
	} else {
		var err error
		if s.check, err = schemas.Compile(k.Config); err != nil {
			return nil, fmt.Errorf("configuration schema of kind %s: %w", k.name(), err)
		}
	}
	for i, a := range s.known {
		if slices.ContainsFunc(s.known[:i], func(b Instance) bool { return b.ID == a.ID }) {
			return nil, fmt.Errorf("kind %s: two instances are called %q", k.name(), a.ID)
		}
	}
	s.entries = make([]entry, len(s.known))
	return s, nil
}

// get finds an instance, and opens it. Without an id it is the only one.
func (s *instances) get(ctx context.Context, id string) (*opened, error) {
	i := slices.IndexFunc(s.known, func(a Instance) bool { return a.ID == id })
	switch {
	case i >= 0:
	case s.kind.Config.IsAbsent() && len(s.known) == 1, id == "" && len(s.known) == 1:
		i = 0
	case id == "":
		return nil, &Error{Class: engine.ClassInput, Text: fmt.Sprintf("adapter_id must name one of the instances of %s: %s", s.kind.App, s.names())}
	default:
		return nil, &Error{Class: engine.ClassInput, Text: fmt.Sprintf("%s has no adapter instance %q; there is %s", s.kind.App, id, s.names())}
	}
	e := &s.entries[i]
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.opened != nil && time.Since(e.at) < refresh {
		return e.opened, nil
	}
	o, err := s.open(ctx, s.known[i], e.opened)
	if err != nil {
		return nil, err
	}
	e.opened, e.at = o, time.Now()
	return o, nil
}

func (s *instances) names() string {
	var ids []string
	for _, i := range s.known {
		ids = append(ids, fmt.Sprintf("%q", i.ID))
	}
	if len(ids) == 0 {
		return "none"
	}
	return strings.Join(ids, ", ")
}

// open resolves an instance's secrets and makes what its calls share, unless it is as before.
func (s *instances) open(ctx context.Context, i Instance, before *opened) (*opened, error) {
	o := &opened{Instance: i}
	var hidden []string
	var err error
	if o.Config, err = s.resolve(ctx, i.Config, &hidden); err != nil {
		return nil, &Error{Class: ClassAuth, Text: fmt.Sprintf("adapter instance %q: %s", i.ID, err)}
	}
	if before != nil && value.Equal(before.Config, o.Config) {
		return before, nil
	}
	if s.check != nil {
		for _, v := range s.check.Check(o.Config) {
			return nil, &Error{Class: engine.ClassInput, Text: fmt.Sprintf("the configuration of adapter instance %q does not fit: %s", i.ID, v.Error())}
		}
	}
	o.redact = redactor(hidden)
	if s.kind.Open != nil {
		if o.client, err = s.kind.Open(ctx, o.Instance); err != nil {
			where := fmt.Sprintf("adapter instance %q: ", i.ID)
			if e, ok := errors.AsType[*Error](err); ok {
				named := *e
				named.Text = o.redacted(where + e.Text)
				return nil, &named
			}
			return nil, errors.New(o.redacted(where + err.Error()))
		}
	}
	return o, nil
}

// resolve puts secrets in the places that name them.
func (s *instances) resolve(ctx context.Context, v value.Value, hidden *[]string) (value.Value, error) {
	name, ok := strings.CutPrefix(v.Text(), secretPrefix)
	switch {
	case ok && s.secrets == nil:
		return v, fmt.Errorf("there is no store for secret %q", name)
	case ok:
		text, err := s.secrets(ctx, name)
		if err != nil {
			return v, fmt.Errorf("secret %q: %w", name, err)
		}
		*hidden = append(*hidden, text)
		return value.String(text), nil
	}
	var errs []error
	for key, m := range v.Members() {
		m, err := s.resolve(ctx, m, hidden)
		v, errs = v.With(key, m), append(errs, err)
	}
	for i, e := range v.Elements() {
		e, err := s.resolve(ctx, e, hidden)
		v, errs = v.WithAt(i, e), append(errs, err)
	}
	return v, errors.Join(errs...)
}

// shortest is how long a secret must be to be struck out: shorter ones occur by chance.
const shortest = 4

func redactor(hidden []string) *strings.Replacer {
	slices.SortFunc(hidden, func(a, b string) int { return len(b) - len(a) }) // a secret may be part of another
	var pairs []string
	for _, h := range hidden {
		if len(h) >= shortest {
			pairs = append(pairs, h, "***")
		}
	}
	if pairs == nil {
		return nil
	}
	return strings.NewReplacer(pairs...)
}

func (o *opened) redacted(text string) string { return o.strike(value.String(text)).Text() }

// strike replaces secrets in every text of a value, keys included.
func (o *opened) strike(v value.Value) value.Value {
	if o == nil || o.redact == nil {
		return v
	}
	switch v.Kind() {
	case value.KindString:
		return value.String(o.redact.Replace(v.Text()))
	case value.KindArray:
		out := make([]value.Value, 0, v.Len())
		for _, e := range v.Elements() {
			out = append(out, o.strike(e))
		}
		return value.Array(out...)
	case value.KindObject:
		var out value.Members
		for key, m := range v.Members() {
			out.Set(o.redact.Replace(key), o.strike(m))
		}
		return out.Value()
	}
	return v
}
