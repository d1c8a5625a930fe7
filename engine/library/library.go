// Package library keeps the documents that jobs are made of: workflows, the snapshots that
// running jobs hold on to, transformations, templates, forms, and the projects they travel in.
//
// Whatever is saved is validated first; a workflow with errors is kept as a draft, which can
// be read and repaired but not started.
package library

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/builtin"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/transformation"
	"github.com/heddlehq/heddle/workflows/value"
)

// fresh is how long a name's machine is used without a look at the store. Changes made
// through this library count at once; those of other servers after this time.
const fresh = time.Second

// bound is how many compiled documents of each kind are kept in memory.
const bound = 2000

// Library keeps documents in a store. It is safe for concurrent use.
type Library struct {
	store   store.Store
	catalog workflows.Catalog
	now     func() time.Time
	limits  engine.Limits

	mu        sync.Mutex
	machines  map[string]*engine.Machine // by revision
	current   map[string]named           // by workflow name
	documents map[string]document        // transformations, by key
}

type named struct {
	machine *engine.Machine
	stored  int64 // revision of the stored document
	checked time.Time
}

type document struct {
	transformation *transformation.Transformation
	checked        time.Time
}

// Options are what a library works with. Store and Catalog are required.
type Options struct {
	Store   store.Store
	Catalog workflows.Catalog
	Now     func() time.Time // the wall clock unless set
	Limits  engine.Limits    // of the machines; engine.DefaultLimits unless set
}

// New builds a library over a store.
func New(o Options) *Library {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Limits == (engine.Limits{}) {
		o.Limits = engine.DefaultLimits
	}
	return &Library{
		store: o.Store, catalog: o.Catalog, now: o.Now, limits: o.Limits,
		machines: map[string]*engine.Machine{}, current: map[string]named{}, documents: map[string]document{},
	}
}

// Catalog is what the library's workflows are validated against.
func (l *Library) Catalog() workflows.Catalog { return l.catalog }

// Machine is the machine of the stored workflow called name, as it is now. Errors wrap
// store.ErrNotFound, or are *workflows.Invalid for a draft.
func (l *Library) Machine(ctx context.Context, name string) (*engine.Machine, error) {
	l.mu.Lock()
	c, ok := l.current[name]
	l.mu.Unlock()
	if ok && l.now().Sub(c.checked) < fresh {
		return c.machine, nil
	}
	doc, err := l.find(ctx, store.Workflows, "name", name)
	if err != nil {
		return nil, fmt.Errorf("workflow %q: %w", name, err)
	}
	if ok && c.stored == doc.Revision {
		c.checked = l.now()
		l.remember(name, c)
		return c.machine, nil
	}
	v, err := value.ParseLast(doc.Body)
	if err != nil {
		return nil, fmt.Errorf("workflow %q: %w", name, err)
	}
	w, problems := workflows.Load(relinked(v), l.catalog, l.resolver(ctx))
	if err := problems.Err(); err != nil {
		return nil, fmt.Errorf("workflow %q is a draft: %w", name, err)
	}
	m, err := l.compile(w, w.Revision())
	if err != nil {
		return nil, fmt.Errorf("workflow %q: %w", name, err)
	}
	if err := l.snapshot(ctx, m); err != nil {
		return nil, fmt.Errorf("workflow %q: %w", name, err)
	}
	l.remember(name, named{m, doc.Revision, l.now()})
	return m, nil
}

// Unstored is the machine of a workflow that is not among those people may start. Its snapshot
// is kept like that of any other, for the jobs that run it.
func (l *Library) Unstored(ctx context.Context, doc value.Value) (*engine.Machine, error) {
	w, problems := workflows.Parse(doc)
	if err := problems.Err(); err != nil {
		return nil, fmt.Errorf("workflow %q: %w", w.Name, err)
	}
	m, err := l.compile(w, w.Revision())
	if err != nil {
		return nil, fmt.Errorf("workflow %q: %w", w.Name, err)
	}
	if err := l.snapshot(ctx, m); err != nil {
		return nil, fmt.Errorf("workflow %q: %w", w.Name, err)
	}
	return m, nil
}

func (l *Library) remember(name string, c named) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.current) > bound {
		clear(l.current)
	}
	l.current[name] = c
}

// Forget makes the library look at the store again.
func (l *Library) Forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.current)
	clear(l.documents)
}

func (l *Library) compile(w *workflows.Workflow, revision string) (*engine.Machine, error) {
	l.mu.Lock()
	m := l.machines[revision]
	l.mu.Unlock()
	if m != nil && m.Workflow().Name == w.Name {
		return m, nil
	}
	m, err := engine.Compile(w, l.catalog, revision, l.limits)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.machines) > bound {
		clear(l.machines)
	}
	l.machines[revision] = m
	return m, nil
}

// snapshot stores a machine's workflow under its revision, once.
func (l *Library) snapshot(ctx context.Context, m *engine.Machine) error {
	w := m.Workflow()
	err := l.store.Commit(ctx, store.Batch{{
		Collection: store.Revisions, ID: m.Revision(), Expect: store.New, Body: w.Doc.AppendJSON(nil),
		Index: index(store.Revisions, w.Doc),
	}})[0]
	if errors.Is(err, store.ErrConflict) {
		return nil // it is there
	}
	return err
}

// Revision is the machine of a snapshot that jobs hold on to.
func (l *Library) Revision(ctx context.Context, revision string) (*engine.Machine, error) {
	l.mu.Lock()
	m := l.machines[revision]
	l.mu.Unlock()
	if m != nil {
		return m, nil
	}
	doc, err := l.store.Get(ctx, store.Revisions, revision)
	if err != nil {
		return nil, fmt.Errorf("workflow revision %s: %w", revision, err)
	}
	v, err := value.ParseLast(doc.Body)
	if err != nil {
		return nil, fmt.Errorf("workflow revision %s: %w", revision, err)
	}
	w, _ := workflows.Parse(v)
	return l.compile(w, revision)
}

// Resolve finds the registered name of the workflow that the workflow called caller calls
// name. The error wraps store.ErrNotFound.
func (l *Library) Resolve(ctx context.Context, name, caller string) (string, error) {
	for _, n := range workflows.CandidateNames(caller, name) {
		l.mu.Lock()
		_, ok := l.current[n]
		l.mu.Unlock()
		if ok {
			return n, nil
		}
		if _, err := l.find(ctx, store.Workflows, "name", n); err == nil {
			return n, nil
		} else if !errors.Is(err, store.ErrNotFound) {
			return "", err
		}
	}
	return "", fmt.Errorf("workflow %q: %w", name, store.ErrNotFound)
}

// find reads the document whose field has a value.
func (l *Library) find(ctx context.Context, collection, field, v string) (store.Doc, error) {
	page, err := l.store.Find(ctx, collection, store.Query{Where: store.Where(field, store.Eq, v), Limit: 1, NoTotal: true})
	if err != nil {
		return store.Doc{}, err
	}
	if len(page.Docs) == 0 {
		return store.Doc{}, store.ErrNotFound
	}
	return page.Docs[0], nil
}

// byKey reads a document by id, or by name.
func (l *Library) byKey(ctx context.Context, collection, key string) (store.Doc, error) {
	doc, err := l.store.Get(ctx, collection, key)
	if errors.Is(err, store.ErrNotFound) {
		return l.find(ctx, collection, "name", key)
	}
	return doc, err
}

var schema = func() *store.Schema {
	s, err := store.NewSchema(store.Collections)
	if err != nil {
		panic(err) // the table of collections is wrong
	}
	return s
}()

// index gives the index values of a document.
func index(collection string, doc value.Value) []any {
	c, err := schema.Collection(collection)
	if err != nil {
		panic(err)
	}
	return c.IndexOf(doc)
}

// Documents finds what built-in tasks name.
func (l *Library) Documents(ctx context.Context) builtin.Documents { return documents{l, ctx} }

type documents struct {
	l   *Library
	ctx context.Context //nolint:containedctx // lives as long as one turn
}

func (d documents) Transformation(key string) (*transformation.Transformation, error) {
	d.l.mu.Lock()
	c, ok := d.l.documents[key]
	d.l.mu.Unlock()
	if ok && d.l.now().Sub(c.checked) < fresh {
		return c.transformation, nil
	}
	doc, err := d.l.byKey(d.ctx, store.Transformations, key)
	if err != nil {
		return nil, fmt.Errorf("transformation %q: %w", key, notFound(err))
	}
	v, err := value.ParseLast(doc.Body)
	if err != nil {
		return nil, fmt.Errorf("transformation %q: %w", key, err)
	}
	t, err := transformation.Parse(v)
	if err != nil {
		return nil, fmt.Errorf("transformation %q: %w", key, err)
	}
	d.l.mu.Lock()
	defer d.l.mu.Unlock()
	if len(d.l.documents) > bound {
		clear(d.l.documents)
	}
	d.l.documents[key] = document{t, d.l.now()}
	return t, nil
}

func (d documents) Template(name string) (builtin.Template, error) {
	doc, err := d.l.byKey(d.ctx, store.Templates, name)
	if err != nil {
		return builtin.Template{}, fmt.Errorf("template %q: %w", name, notFound(err))
	}
	v, err := value.ParseLast(doc.Body)
	if err != nil {
		return builtin.Template{}, fmt.Errorf("template %q: %w", name, err)
	}
	t := builtin.Template{Name: v.Get("name").Text(), Type: v.Get("type").Text(), Text: v.Get("template").Text(), Data: v.Get("data")}
	if t.Data.IsString() {
		if data, err := value.ParseLast([]byte(t.Data.Text())); err == nil {
			t.Data = data
		}
	}
	return t, nil
}

func notFound(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return builtin.ErrNotFound
	}
	return err
}
