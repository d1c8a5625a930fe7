package library

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// ConflictMode says what an import does when the project's id is taken.
type ConflictMode string

// The modes. Without one, a taken id is refused.
const (
	Refuse    ConflictMode = ""
	InsertNew ConflictMode = "insert-new" // under a new id
	Overwrite ConflictMode = "overwrite"  // in its place; the old components go
)

// Import is what an import of a project did.
type Import struct {
	Project Stored
	Failed  []FailedComponent
	Drafts  []string // registered names of the workflows that are not fit to run
}

// FailedComponent is a component that could not be stored.
type FailedComponent struct {
	IID    int64
	Name   string
	Reason string
}

// ImportProject stores a project file: the project and each of its components under the name
// "@<project id>: <name>". A component whose reference belongs to something outside of the
// project gets another, as all do with fresh, and the documents that refer to it follow.
// Errors: *workflows.Invalid for a file that is no project, *ExistsError for a taken id or name.
func (l *Library) ImportProject(ctx context.Context, doc value.Value, mode ConflictMode, fresh bool, by string) (Import, error) {
	p, problems := workflows.ParseProject(doc)
	if err := problems.Err(); err != nil {
		return Import{}, err
	}
	if p.ID == "" {
		p = p.Rename(NewID())
	}
	old, err := l.store.Get(ctx, store.Projects, p.ID)
	taken := err == nil
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return Import{}, fmt.Errorf("import project %q: %w", p.Name, err)
	}
	var batch store.Batch
	switch {
	case taken && mode == Overwrite:
		batch, err = l.removal(ctx, p.ID)
		if err != nil {
			return Import{}, fmt.Errorf("import project %q: %w", p.Name, err)
		}
		batch = append(batch, store.Write{Collection: store.Projects, ID: p.ID, Expect: old.Revision})
	case taken && mode == InsertNew:
		p = p.Rename(NewID())
	case taken:
		return Import{}, &ExistsError{"project", p.Name}
	}
	p = p.Reassign(l.references(ctx, p, fresh))
	result, writes, err := l.components(ctx, p, by)
	if err != nil {
		return Import{}, err
	}
	batch = append(batch, writes...)
	if err := l.store.Commit(ctx, batch)[0]; err != nil {
		if c, ok := errors.AsType[*store.Conflict](err); ok && c.Reason == store.NotUnique {
			return Import{}, &ExistsError{"project", p.Name}
		}
		return Import{}, fmt.Errorf("import project %q: %w", p.Name, err)
	}
	l.Forget()
	result.Project, err = l.Project(ctx, p.ID)
	return result, err
}

// references maps the references of a project that cannot stay to new ones.
func (l *Library) references(ctx context.Context, p *workflows.Project, fresh bool) map[string]string {
	out := map[string]string{}
	for _, c := range p.Components {
		collection, known := collections[c.Type]
		if !known || c.Reference == "" || collection == store.CommandTemplates || !fresh && !l.taken(ctx, collection, c.Reference, p.ID) {
			continue
		}
		out[c.Reference] = newReference(c.Type)
	}
	return out
}

func newReference(t workflows.ComponentType) string {
	if t == workflows.ComponentWorkflow {
		return uuid.NewString()
	}
	return NewID()
}

// components prepares every document of a project for storing.
func (l *Library) components(ctx context.Context, p *workflows.Project, by string) (Import, store.Batch, error) {
	var result Import
	var batch store.Batch
	within := both{p, l.resolver(ctx)}
	linked, _ := p.Relink(l.resolver(ctx))
	heads := make([]value.Value, 0, len(p.Components))
	for i := range p.Components {
		c := &p.Components[i]
		id := c.Reference
		doc := c.Registered(p.ID).With("project", value.String(p.ID))
		collection, known := collections[c.Type]
		if c.Type == workflows.ComponentWorkflow {
			if _, err := uuid.Parse(id); err != nil {
				id = uuid.NewString()
			}
			doc = doc.With("_id", value.String(id)).With(linksKey, links(c.Document, linked.Components[i].Document))
			w, problems := workflows.Load(relinked(doc), l.catalog, within)
			if len(problems.Errors()) > 0 {
				result.Drafts = append(result.Drafts, w.Name)
			}
			doc = doc.With("transitions", w.Normalise(l.catalog).Get("transitions"))
			batch = append(batch, judged(doc, problems, store.Any))
		} else if known {
			batch = append(batch, store.Write{Collection: collection, ID: id, Expect: store.Any, Body: doc.AppendJSON(nil), Index: index(collection, doc)})
		}
		heads = append(heads, value.Object(
			"iid", value.Int(c.IID), "type", value.String(string(c.Type)), "reference", value.String(c.Reference), "stored", value.String(id),
			"folder", value.String(c.Path), "name", value.String(workflows.PrefixName(p.ID, c.Name)),
			// A type that no collection keeps stays with the project.
			"document", keep(!known, c.Document),
		))
	}
	stamp := value.Time(l.now())
	doc := p.Doc.With("_id", value.String(p.ID)).With("components", value.Array(heads...))
	if doc.Get("created").IsNothing() {
		doc = doc.With("created", stamp)
	}
	if doc.Get("createdBy").IsNothing() {
		doc = doc.With("createdBy", value.String(by))
	}
	batch = append(batch, store.Write{Collection: store.Projects, ID: p.ID, Expect: store.Any, Body: doc.AppendJSON(nil), Index: index(store.Projects, doc)})
	return result, batch, nil
}

// linksKey is the member of a stored workflow that says which transformations its tasks mean
// where the document carries ids that nobody has: {task: id}. The document itself stays as it
// was imported, so that an export equals it.
const linksKey = "links"

// links lists what relinking changed; Absent when it changed nothing.
func links(before, after value.Value) value.Value {
	var m value.Members
	for id, task := range after.Get("tasks").Members() {
		to := task.Path("variables", "incoming", "tr_id")
		if !value.Equal(to, before.Path("tasks", id, "variables", "incoming", "tr_id")) {
			m.Set(id, to)
		}
	}
	if m.Len() == 0 {
		return value.Absent
	}
	return m.Value()
}

// relinked is a stored workflow with its links put in place.
func relinked(doc value.Value) value.Value {
	for id, to := range doc.Get(linksKey).Members() {
		doc = doc.WithPath([]string{"tasks", id, "variables", "incoming", "tr_id"}, to)
	}
	return doc
}

func keep(yes bool, v value.Value) value.Value {
	if yes {
		return v
	}
	return value.Absent
}

// taken tells whether a document id belongs to something outside the project.
func (l *Library) taken(ctx context.Context, collection, id, project string) bool {
	s, err := l.read(ctx, collection, id)
	return err == nil && s.Doc.Get("project").Text() != project
}

type both [2]workflows.Resolver

func (b both) Exists(t workflows.ComponentType, key string) bool {
	return b[0].Exists(t, key) || b[1].Exists(t, key)
}

// CreateProject stores an empty project.
func (l *Library) CreateProject(ctx context.Context, doc value.Value, by string) (Stored, error) {
	if !doc.Get("components").IsArray() {
		doc = doc.With("components", value.Array())
	}
	in, err := l.ImportProject(ctx, doc.Without("_id"), Refuse, false, by)
	return in.Project, err
}

// Project reads a project by id or by name, its components as references.
func (l *Library) Project(ctx context.Context, key string) (Stored, error) {
	s, err := l.read(ctx, store.Projects, key)
	if err != nil {
		return s, fmt.Errorf("project %q: %w", key, err)
	}
	return s, nil
}

// ExportProject is the file of a project with its components as they are now.
func (l *Library) ExportProject(ctx context.Context, key string) (value.Value, error) {
	s, err := l.Project(ctx, key)
	if err != nil {
		return value.Absent, err
	}
	var parts []value.Value
	for _, head := range s.Doc.Get("components").Elements() {
		doc := head.Get("document")
		if c, ok := collections[workflows.ComponentType(head.Get("type").Text())]; ok {
			d, err := l.read(ctx, c, head.Get("stored").Text())
			if errors.Is(err, store.ErrNotFound) {
				continue // deleted since
			}
			if err != nil {
				return value.Absent, fmt.Errorf("export project %q: %w", key, err)
			}
			doc = d.Doc.Without("project", linksKey)
		}
		parts = append(parts, head.Without("stored", "name").With("document", doc))
	}
	p, problems := workflows.ParseProject(s.Doc.With("components", value.Array(parts...)))
	if err := problems.Err(); err != nil {
		return value.Absent, fmt.Errorf("export project %q: %w", key, err)
	}
	return p.Export(), nil
}

// DeleteProject removes a project with all its components and returns what it was.
func (l *Library) DeleteProject(ctx context.Context, key string) (Stored, error) {
	s, err := l.Project(ctx, key)
	if err != nil {
		return s, err
	}
	batch, err := l.removal(ctx, s.ID())
	if err != nil {
		return s, fmt.Errorf("delete project %q: %w", key, err)
	}
	batch = append(batch, store.Write{Collection: store.Projects, ID: s.ID(), Expect: store.Any})
	if err := l.store.Commit(ctx, batch)[0]; err != nil {
		return s, fmt.Errorf("delete project %q: %w", key, err)
	}
	l.Forget()
	return s, nil
}

// removal is the deletion of a project's components.
func (l *Library) removal(ctx context.Context, project string) (store.Batch, error) {
	var batch store.Batch
	for _, c := range []string{store.Workflows, store.Transformations, store.Forms, store.Templates, store.CommandTemplates} {
		page, err := l.store.Find(ctx, c, store.Query{Where: store.Where("project", store.Eq, project), NoTotal: true})
		if err != nil {
			return nil, err
		}
		for _, d := range page.Docs {
			batch = append(batch, store.Write{Collection: c, ID: d.ID, Expect: store.Any})
		}
	}
	return batch, nil
}
