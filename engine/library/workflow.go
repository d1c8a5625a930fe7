package library

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// Stored is a document as the library keeps it.
type Stored struct {
	Doc      value.Value
	Revision int64
}

// ID is the document's identifier.
func (s Stored) ID() string { return s.Doc.Get("_id").Text() }

// Name is the document's name.
func (s Stored) Name() string { return s.Doc.Get("name").Text() }

// ExistsError is the answer when a name is taken.
type ExistsError struct{ Kind, Name string }

func (e *ExistsError) Error() string {
	return fmt.Sprintf("%s with name %q already exists", e.Kind, e.Name)
}

// resolver tells which documents the store has.
func (l *Library) resolver(ctx context.Context) workflows.Resolver { return resolver{l, ctx} }

type resolver struct {
	l   *Library
	ctx context.Context
}

var collections = map[workflows.ComponentType]string{
	workflows.ComponentWorkflow:         store.Workflows,
	workflows.ComponentTransformation:   store.Transformations,
	workflows.ComponentForm:             store.Forms,
	workflows.ComponentTemplate:         store.Templates,
	workflows.ComponentCommandTemplate:  store.CommandTemplates,
	workflows.ComponentAnalyticTemplate: store.CommandTemplates,
}

func (r resolver) Exists(t workflows.ComponentType, key string) bool {
	c, ok := collections[t]
	if !ok {
		return true // not ours to know
	}
	_, err := r.l.byKey(r.ctx, c, key)
	return !errors.Is(err, store.ErrNotFound)
}

// Check parses and validates a workflow document against what is stored. Findings about
// other documents that are missing are warnings: they may come later.
func (l *Library) Check(ctx context.Context, doc value.Value) (*workflows.Workflow, workflows.Problems) {
	return workflows.Load(doc, l.catalog, l.resolver(ctx))
}

// CreateWorkflow stores a new workflow and gives it its id. Its problems are stored with it;
// only a name that is missing or taken, or a document without tasks, is refused:
// *ExistsError, *workflows.Invalid.
func (l *Library) CreateWorkflow(ctx context.Context, doc value.Value, by string) (Stored, error) {
	doc = doc.With("_id", value.String(uuid.NewString()))
	w, write, err := l.workflowWrite(ctx, doc, by, store.New)
	if err != nil {
		return Stored{}, err
	}
	return l.save(ctx, "workflow", w.Name, write)
}

// UpdateWorkflow replaces the workflow with an id. A revision of 0 replaces whatever is
// stored; another one must be the stored one, or the error is store.ErrConflict.
func (l *Library) UpdateWorkflow(ctx context.Context, id string, doc value.Value, revision int64, by string) (Stored, error) {
	old, err := l.Workflow(ctx, id)
	if err != nil {
		return Stored{}, err
	}
	if revision == 0 {
		revision = old.Revision
	}
	for _, key := range []string{"created", "created_by"} {
		if v := old.Doc.Get(key); !v.IsAbsent() {
			doc = doc.With(key, v)
		}
	}
	w, write, err := l.workflowWrite(ctx, doc.With("_id", value.String(old.ID())), by, revision)
	if err != nil {
		return Stored{}, err
	}
	return l.save(ctx, "workflow", w.Name, write)
}

// workflowWrite validates a document and prepares it for storing.
func (l *Library) workflowWrite(ctx context.Context, doc value.Value, by string, expect int64) (*workflows.Workflow, store.Write, error) {
	w, problems := l.Check(ctx, doc)
	if refused := unfit(w, problems); len(refused) > 0 {
		return nil, store.Write{}, &workflows.Invalid{Problems: refused}
	}
	stamp := value.Time(l.now())
	out := w.Normalise(l.catalog)
	if out.Get("created").IsNothing() {
		out = out.With("created", stamp).With("created_by", value.String(by))
	}
	out = out.With("last_updated", stamp).With("last_updated_by", value.String(by))
	return w, judged(out, problems, expect), nil
}

// judged stores a workflow document under its _id, with the problems found in it.
func judged(doc value.Value, problems workflows.Problems, expect int64) store.Write {
	errs := problems.Errors()
	doc = doc.With("errors", problemList(errs)).With("warnings", problemList(problems.Warnings()))
	return store.Write{
		Collection: store.Workflows, ID: doc.Get("_id").Text(), Expect: expect, Body: doc.AppendJSON(nil),
		Index: index(store.Workflows, doc.With("draft", value.Bool(len(errs) > 0)).With("uuid", doc.Get("_id"))),
	}
}

// unfit are the errors with which a document cannot even be a draft: without a good name it
// cannot be found, without tasks there is nothing to repair.
func unfit(w *workflows.Workflow, problems workflows.Problems) workflows.Problems {
	errs := problems.Errors()
	if len(w.Tasks) == 0 {
		return errs
	}
	return slices.DeleteFunc(errs, func(p workflows.Problem) bool { return p.Pointer != "/name" })
}

func problemList(ps workflows.Problems) value.Value {
	out := make([]value.Value, 0, len(ps))
	for _, p := range ps {
		var m value.Members
		m.Set("task", value.String(p.Task)).Set("name", value.String(p.Name)).Set("message", value.String(p.Text)).
			Set("pointer", value.String(p.Pointer)).Set("code", value.String(p.Code))
		if len(p.Witness) > 0 {
			m.Set("witness", value.Strings(p.Witness...))
		}
		out = append(out, m.Value())
	}
	return value.Array(out...)
}

// save commits one document and reads it back as stored.
func (l *Library) save(ctx context.Context, kind, name string, w store.Write) (Stored, error) {
	err := l.store.Commit(ctx, store.Batch{w})[0]
	if c, ok := errors.AsType[*store.Conflict](err); ok && c.Reason != store.StaleRevision {
		return Stored{}, &ExistsError{kind, name}
	}
	if err != nil {
		return Stored{}, fmt.Errorf("save %s %q: %w", kind, name, err)
	}
	l.Forget()
	return l.read(ctx, w.Collection, w.ID)
}

func (l *Library) read(ctx context.Context, collection, key string) (Stored, error) {
	doc, err := l.byKey(ctx, collection, key)
	if err != nil {
		return Stored{}, err
	}
	return decode(doc)
}

func decode(doc store.Doc) (Stored, error) {
	v, err := value.ParseLast(doc.Body)
	if err != nil {
		return Stored{}, fmt.Errorf("decode %q: %w", doc.ID, err)
	}
	return Stored{v, doc.Revision}, nil
}

// Workflow reads a workflow by id or by name. The error wraps store.ErrNotFound.
func (l *Library) Workflow(ctx context.Context, key string) (Stored, error) {
	s, err := l.read(ctx, store.Workflows, key)
	if err != nil {
		return s, fmt.Errorf("workflow %q: %w", key, err)
	}
	return s, nil
}

// DeleteWorkflow removes a workflow by id or by name and returns what it was. Running jobs
// keep their snapshot.
func (l *Library) DeleteWorkflow(ctx context.Context, key string) (Stored, error) {
	s, err := l.Workflow(ctx, key)
	if err != nil {
		return s, err
	}
	err = l.store.Commit(ctx, store.Batch{{Collection: store.Workflows, ID: s.ID(), Expect: store.Any}})[0]
	if err != nil {
		return s, fmt.Errorf("delete workflow %q: %w", key, err)
	}
	l.Forget()
	return s, nil
}

// ExportWorkflow is the document of a stored workflow for another server.
func (l *Library) ExportWorkflow(ctx context.Context, key string) (value.Value, error) {
	s, err := l.Workflow(ctx, key)
	if err != nil {
		return value.Absent, err
	}
	w, _ := workflows.Parse(s.Doc)
	return w.Export().Without("project", linksKey), nil
}
