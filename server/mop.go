package server

import (
	"errors"
	"fmt"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// mop is a kind of template of commands. Heddle keeps them, so that projects stay whole; their
// name is their id.
type mop struct {
	kind     string
	analytic bool
	body     string // the member of a request's body that holds the template
	commands string // the member that holds its commands
}

var (
	commandTemplates  = mop{kind: "command template", body: "mop", commands: "commands"}
	analyticTemplates = mop{kind: "analytic template", analytic: true, body: "template", commands: "prepostCommands"}
)

// show gives a template every member that clients read.
func (m *mop) show(doc value.Value, id string) value.Value {
	namespace := value.Null
	if project := doc.Get("project"); project.IsString() {
		namespace = value.Object("_id", project, "type", value.String("project"))
	}
	doc = doc.With("_id", value.String(id)).With("namespace", namespace).Without("project")
	for key, empty := range map[string]value.Value{
		"description": value.String(""), "os": value.String(""), "passRule": value.True, "ignoreWarnings": value.False, "tags": value.Array(),
		m.commands: value.Array(), "created": value.Int(0), "createdBy": value.String(""), "lastUpdated": value.Int(0), "lastUpdatedBy": value.String(""),
	} {
		if doc.Get(key).IsNothing() {
			doc = doc.With(key, empty)
		}
	}
	return doc
}

// list answers all templates of the kind, bare.
func (m *mop) list(c *call) (value.Value, error) {
	q, err := c.list(shape{collection: store.CommandTemplates, plain: []string{"name"}, sort: []store.Order{{Field: "name"}}, all: true})
	if err != nil {
		return value.Absent, err
	}
	q.and(store.Where("analytic", store.Eq, m.analytic))
	found, err := c.Store.Find(c.Request().Context(), store.CommandTemplates, q.Query)
	if err != nil {
		return value.Absent, err
	}
	out := make([]value.Value, len(found.Docs))
	for i, d := range found.Docs {
		v, err := value.ParseLast(d.Body)
		if err != nil {
			return value.Absent, err
		}
		out[i] = q.project(m.show(v, d.ID))
	}
	return value.Array(out...), nil
}

// read finds a template by its id, which is its name outside of projects.
func (m *mop) read(c *call, name string) (value.Value, int64, error) {
	doc, revision, err := c.stored(store.CommandTemplates, m.kind, name)
	if err != nil {
		return value.Absent, 0, err
	}
	if doc.Has("prepostCommands") != m.analytic {
		return value.Absent, 0, refuse(missing, "there is no %s %q", m.kind, clip(name))
	}
	return doc, revision, nil
}

// get answers a list of the one template, or of none.
func (m *mop) get(c *call) (value.Value, error) {
	doc, _, err := m.read(c, c.tail(2))
	if r, ok := errors.AsType[*refusal](err); ok && r.reason == missing {
		return value.Array(), nil
	}
	if err != nil {
		return value.Absent, err
	}
	return value.Array(m.show(doc, c.tail(2))), nil
}

// fit checks and stamps a template that is to be stored under its name.
func (m *mop) fit(c *call, doc, old value.Value) (value.Value, error) {
	name := doc.Get("name").Text()
	if name == "" {
		return value.Absent, badAt("/"+m.body+"/name", "required", "A %s needs a text \"name\".", m.kind)
	}
	if commands := doc.Get(m.commands); !commands.IsArray() {
		return value.Absent, badAt("/"+m.body+"/"+m.commands, "type", "A %s needs a list %q, not %s.", m.kind, m.commands, commands.Kind())
	}
	now, who := value.Int(c.Now().UnixMilli()), value.String(c.who.Username)
	for key, first := range map[string]value.Value{"created": now, "createdBy": who} {
		doc = doc.With(key, orElse(old.Get(key), first))
	}
	return doc.Without("namespace").With("project", old.Get("project")).With("lastUpdated", now).With("lastUpdatedBy", who), nil
}

func (m *mop) insert(c *call, doc value.Value) (value.Value, error) {
	doc, err := m.fit(c, doc, value.Absent)
	if err != nil {
		return value.Absent, err
	}
	doc = doc.With("_id", doc.Get("name"))
	err = c.save(store.CommandTemplates, m.kind, doc, store.New)
	if conflict, ok := errors.AsType[*store.Conflict](err); ok && conflict.Reason == store.AlreadyExists {
		err = refuse(clash, "%s with name %q already exists", m.kind, doc.Get("name").Text())
	}
	return m.show(doc, doc.Get("name").Text()), err
}

// create answers as the database of the original does.
func (m *mop) create(c *call) (value.Value, error) {
	doc, err := c.member(m.body, value.KindObject)
	if err != nil {
		return value.Absent, err
	}
	if doc, err = m.insert(c, doc); err != nil {
		return value.Absent, err
	}
	return value.Object("result", value.Object("ok", value.Int(1), "n", value.Int(1)), "ops", value.Array(doc), "insertedCount", value.Int(1),
		"insertedIds", value.Object("0", doc.Get("_id"))), nil
}

// update replaces the template named in the path; in a project it keeps its place.
func (m *mop) update(c *call) (value.Value, error) {
	doc, err := c.member(m.body, value.KindObject)
	if err != nil {
		return value.Absent, err
	}
	id := c.tail(2)
	old, revision, err := m.read(c, id)
	if err != nil {
		return value.Absent, err
	}
	if doc, err = m.fit(c, doc, old); err != nil {
		return value.Absent, err
	}
	if project := old.Get("project"); project.IsString() {
		_, plain := workflows.SplitName(doc.Get("name").Text())
		doc = doc.With("name", value.String(workflows.PrefixName(project.Text(), plain)))
	}
	if err := c.save(store.CommandTemplates, m.kind, doc.With("_id", value.String(id)), revision); err != nil {
		return value.Absent, err
	}
	return value.Object("acknowledged", value.True, "matchedCount", value.Int(1), "modifiedCount", value.Int(1), "upsertedCount", value.Int(0), "upsertedId", value.Null), nil
}

func (m *mop) remove(c *call) (value.Value, error) {
	doc, revision, err := m.read(c, c.tail(2))
	if err != nil {
		return value.Absent, err
	}
	err = c.commit(c.Request().Context(), m.kind, doc, store.Write{Collection: store.CommandTemplates, ID: c.tail(2), Expect: revision})
	return value.Object("acknowledged", value.True, "deletedCount", value.Int(1)), err
}

// mopOf chooses the kind that a transfer's "type" names.
func mopOf(body value.Value) (*mop, error) {
	switch kind := body.Get("type"); kind.Text() {
	case "templates":
		return &commandTemplates, nil
	case "analytic":
		return &analyticTemplates, nil
	default:
		return nil, badAt("/type", "enum", "\"type\" must be \"templates\" or \"analytic\", not %s.", orNull(kind))
	}
}

// exportMop answers the template that {"type", "options": {"name" or "_id"}} names.
func exportMop(c *call) (value.Value, error) {
	body, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	m, err := mopOf(body)
	if err != nil {
		return value.Absent, err
	}
	key := orText(body.Path("options", "_id").Text(), body.Path("options", "name").Text())
	doc, _, err := m.read(c, key)
	return m.show(doc, key), err
}

// importMop stores {"type", "template": document or list of documents}.
func importMop(c *call) (value.Value, error) {
	body, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	m, err := mopOf(body)
	if err != nil {
		return value.Absent, err
	}
	list := body.Get("template").Slice()
	if !body.Get("template").IsArray() {
		list = []value.Value{body.Get("template")}
	}
	made := make([]value.Value, len(list))
	for i, doc := range list {
		if made[i], err = m.insert(c, doc); err != nil {
			return value.Absent, err
		}
	}
	return value.Object("status", value.String("success"), "message", value.String(fmt.Sprintf("Successfully imported %d templates", len(made))), "imported", value.Array(made...)), nil
}
