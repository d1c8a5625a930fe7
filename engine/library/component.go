package library

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// Addition names a stored document that a project is to have.
type Addition struct {
	Type   workflows.ComponentType
	Key    string // its id or its name
	Folder string // its place in the project, "/" for the top
}

// AddComponents takes documents into a project, under its prefix: the documents themselves
// with move, else copies of them. All are taken in or none. Errors: *UnknownError for a
// document that is not there, *ExistsError for a name that the project has already.
func (l *Library) AddComponents(ctx context.Context, project string, parts []Addition, move bool, by string) (Stored, error) {
	p, err := l.Project(ctx, project)
	if err != nil {
		return p, err
	}
	heads := p.Doc.Get("components").Slice()
	folders := p.Doc.Get("folders")
	next := int64(0)
	for _, h := range heads {
		iid, _ := h.Get("iid").Int()
		next = max(next, iid)
	}
	var batch store.Batch
	for i, part := range parts {
		next++
		writes, head, err := l.addition(ctx, p.ID(), part, move, by)
		if err != nil {
			return p, fmt.Errorf("component %d: %w", i, err)
		}
		for _, h := range heads {
			if h.Get("name").Text() == head.Get("name").Text() && h.Get("type").Text() == string(part.Type) {
				return p, &ExistsError{string(part.Type), head.Get("name").Text()}
			}
		}
		heads = append(heads, head.With("iid", value.Int(next)))
		folders = placed(folders, strings.FieldsFunc(part.Folder, func(r rune) bool { return r == '/' }), next)
		batch = append(batch, writes...)
	}
	doc := p.Doc.With("components", value.Array(heads...)).With("folders", folders).
		With("lastUpdated", value.Time(l.now())).With("lastUpdatedBy", value.String(by))
	batch = append(batch, store.Write{Collection: store.Projects, ID: p.ID(), Expect: p.Revision, Body: doc.AppendJSON(nil), Index: index(store.Projects, doc)})
	if err := l.store.Commit(ctx, batch)[0]; err != nil {
		if c, ok := errors.AsType[*store.Conflict](err); ok && c.Reason != store.StaleRevision {
			return p, &ExistsError{"document", c.ID}
		}
		return p, fmt.Errorf("add to project %q: %w", project, err)
	}
	l.Forget()
	return l.Project(ctx, p.ID())
}

// UnknownError is the answer when a document that is named is not there.
type UnknownError struct{ Kind, Key string }

func (e *UnknownError) Error() string { return fmt.Sprintf("there is no %s %q", e.Kind, e.Key) }

// addition prepares one document for a project.
func (l *Library) addition(ctx context.Context, project string, part Addition, move bool, by string) (store.Batch, value.Value, error) {
	collection, known := collections[part.Type]
	if !known {
		return nil, value.Absent, &UnknownError{"type of component", string(part.Type)}
	}
	d, err := l.byKey(ctx, collection, part.Key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, value.Absent, &UnknownError{string(part.Type), part.Key}
	}
	if err != nil {
		return nil, value.Absent, err
	}
	s, err := decode(d)
	if err != nil {
		return nil, value.Absent, err
	}
	if owner := s.Doc.Get("project").Text(); owner == project || owner != "" && move {
		return nil, value.Absent, &ExistsError{string(part.Type), s.Name()}
	}
	_, plain := workflows.SplitName(s.Name())
	name := workflows.PrefixName(project, plain)
	id, expect := d.ID, d.Revision
	switch {
	case collection == store.CommandTemplates: // whose name is its id
		id, expect = name, store.New
	case !move:
		id, expect = newReference(part.Type), store.New
	}
	doc := s.Doc.With("_id", value.String(id)).With("name", value.String(name)).With("project", value.String(project))
	if doc.Has("id") {
		doc = doc.With("id", value.String(id))
	}
	var batch store.Batch
	if part.Type == workflows.ComponentWorkflow {
		_, w, err := l.workflowWrite(ctx, doc, by, expect)
		if err != nil {
			return nil, value.Absent, err
		}
		batch = append(batch, w)
	} else {
		batch = append(batch, store.Write{Collection: collection, ID: id, Expect: expect, Body: doc.AppendJSON(nil), Index: index(collection, doc)})
	}
	if move && id != d.ID {
		batch = append(batch, store.Write{Collection: collection, ID: d.ID, Expect: d.Revision})
	}
	folder := part.Folder
	if folder == "" {
		folder = "/"
	}
	return batch, value.Object("type", value.String(string(part.Type)), "reference", value.String(id), "stored", value.String(id),
		"folder", value.String(folder), "name", value.String(name)), nil
}

// placed puts a component's node into a tree of folders, which are made as needed.
func placed(tree value.Value, path []string, iid int64) value.Value {
	nodes := tree.Slice()
	if len(path) == 0 {
		return value.Array(append(nodes, value.Object("nodeType", value.String("component"), "iid", value.Int(iid)))...)
	}
	for i, n := range nodes {
		if n.Get("nodeType").Text() == "folder" && n.Get("name").Text() == path[0] {
			nodes[i] = n.With("children", placed(n.Get("children"), path[1:], iid))
			return value.Array(nodes...)
		}
	}
	return value.Array(append(nodes, value.Object("nodeType", value.String("folder"), "name", value.String(path[0]),
		"children", placed(value.Array(), path[1:], iid)))...)
}
