package adapters

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/schemas"
	"github.com/heddlehq/heddle/workflows/value"
)

// Instance is a configured adapter, which tasks choose by incoming.adapter_id. A text of the
// configuration of the form $secret.<name> stands for that secret; within a longer text, as in
// "Token $secret.netbox", a name has letters, digits, '_', '-' and '.' only.
type Instance struct {
	ID      string
	Config  value.Value
	Limits  Limits
	Stopped bool       // its calls wait until it is started
	Level   slog.Level // lines of calls below it are dropped
	Renewal int64      // another number opens the instance anew
}

// Secrets gives the text of a secret.
type Secrets func(ctx context.Context, name string) (string, error)

const secretPrefix = "$secret."

// opened is an instance that is ready for calls.
type opened struct {
	Instance
	client any
	redact *strings.Replacer // nil when the configuration holds no secrets

	mu      sync.Mutex
	users   int
	retired bool // to be closed when nobody uses it any more
}

// use registers a user; false when the instance was closed meanwhile.
func (o *opened) use() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.retired {
		return false
	}
	o.users++
	return true
}

func (o *opened) release() { o.leave(-1, false) }

// retire closes what the calls share, after the last of them.
func (o *opened) retire() { o.leave(0, true) }

func (o *opened) leave(n int, retire bool) {
	o.mu.Lock()
	before := o.retired && o.users == 0
	o.users += n
	o.retired = o.retired || retire
	last := o.retired && o.users == 0 && !before
	o.mu.Unlock()
	if c, ok := o.client.(io.Closer); ok && last {
		_ = c.Close() // nobody is left to be told
	}
}

// instances opens the instances of a kind when they are first called.
type instances struct {
	kind    *Kind
	secrets Secrets
	check   *schemas.Schema // nil when any configuration will do

	mu      sync.Mutex
	known   []Instance
	entries map[string]*entry
}

// entry is an instance's place; one that is slow to open holds up its own calls only.
type entry struct {
	instance Instance
	gate     *gate
	kept     bool // the gate is that of the next entry, too
	health   health

	mu     sync.Mutex
	opened *opened
	at     time.Time
	gone   bool
}

// refresh is how soon a changed secret is noticed.
const refresh = time.Minute

func newInstances(k *Kind, secrets Secrets, known []Instance) (*instances, error) {
	s := &instances{kind: k, secrets: secrets, entries: map[string]*entry{}}
	if !k.Config.IsAbsent() {
		var err error
		if s.check, err = schemas.Compile(k.Config); err != nil {
			return nil, fmt.Errorf("configuration schema of kind %s: %w", k.name(), err)
		}
	} else if len(known) == 0 {
		known = []Instance{{}}
	}
	return s, s.set(known)
}

// set replaces the instances. Those that stay as they were keep what is open.
func (s *instances) set(known []Instance) error {
	for i, a := range known {
		if slices.ContainsFunc(known[:i], func(b Instance) bool { return b.ID == a.ID }) {
			return fmt.Errorf("kind %s: two instances are called %q", s.kind.name(), a.ID)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.entries
	s.known, s.entries = slices.Clone(known), map[string]*entry{}
	for _, i := range known {
		before := old[i.ID]
		if before != nil && before.same(&i) {
			s.entries[i.ID] = before
			delete(old, i.ID)
			continue
		}
		e := &entry{instance: i, gate: newGate(&i)}
		if before != nil && before.gate.fits(&i) {
			e.gate.close()
			e.gate, before.kept = before.gate, true
		}
		s.entries[i.ID] = e
	}
	for _, e := range old {
		e.end()
	}
	return nil
}

func (e *entry) same(i *Instance) bool {
	h := e.instance
	return e.gate.fits(i) && h.Renewal == i.Renewal && h.Level == i.Level && value.Equal(h.Config, i.Config)
}

// end retires what is open. Whoever waits for the instance looks for it anew.
func (e *entry) end() {
	if !e.kept {
		e.gate.close()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.gone = true
	if e.opened != nil {
		e.opened.retire()
		e.opened = nil
	}
}

// find gives the place of an instance. Without an id it is the only one.
func (s *instances) find(id string) (*entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.entries[id]; ok {
		return e, nil
	}
	switch {
	case s.kind.Config.IsAbsent() && len(s.known) == 1, id == "" && len(s.known) == 1:
		return s.entries[s.known[0].ID], nil
	case id == "":
		return nil, &Error{Class: engine.ClassInput, Text: fmt.Sprintf("adapter_id must name one of the instances of %s: %s", s.kind.App, s.names())}
	}
	return nil, &Error{Class: engine.ClassInput, Text: fmt.Sprintf("%s has no adapter instance %q; there is %s", s.kind.App, id, s.names())}
}

// get opens an instance, to be released after the call. errReplaced says that it was changed meanwhile.
func (s *instances) get(ctx context.Context, e *entry) (*opened, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.gone {
		return nil, errReplaced
	}
	if e.opened != nil && time.Since(e.at) < refresh && e.opened.use() {
		return e.opened, nil
	}
	o, err := s.open(ctx, e.instance, e.opened)
	if err != nil {
		e.health.failed(err)
		return nil, err
	}
	if e.opened != nil && e.opened != o {
		e.opened.retire()
	}
	e.opened, e.at = o, time.Now()
	o.use()
	return o, nil
}

// all lists the places, in the order the instances were given.
func (s *instances) all() []*entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*entry, len(s.known))
	for i := range s.known {
		out[i] = s.entries[s.known[i].ID]
	}
	return out
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
			return nil, o.named(err)
		}
	}
	return o, nil
}

// named is an error that says which instance it is of, and no secret.
func (o *opened) named(err error) error {
	where := fmt.Sprintf("adapter instance %q: ", o.ID)
	if e, ok := errors.AsType[*Error](err); ok {
		named := *e
		named.Text = o.redacted(where + e.Text)
		return &named
	}
	return errors.New(o.redacted(where + err.Error()))
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
	case strings.Contains(v.Text(), secretPrefix):
		return s.within(ctx, v.Text(), hidden)
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

var reference = regexp.MustCompile(regexp.QuoteMeta(secretPrefix) + `[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_-])?`)

// within puts secrets in the places of a text that name them.
func (s *instances) within(ctx context.Context, text string, hidden *[]string) (value.Value, error) {
	var errs []error
	text = reference.ReplaceAllStringFunc(text, func(name string) string {
		v, err := s.resolve(ctx, value.String(name), hidden)
		errs = append(errs, err)
		return v.Text()
	})
	return value.String(text), errors.Join(errs...)
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
