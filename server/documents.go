package server

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/schemas"
	"github.com/heddlehq/heddle/workflows/value"
)

// documents is a kind of document that is only stored here: tasks use them.
type documents struct {
	kind       string
	collection string
	body       string // the member of a request's body that holds the document; "" = the body itself
	update     string // the same for a replacement
	wrap       func(doc value.Value) value.Value
	check      func(doc value.Value) error
}

var transformations = documents{
	kind: "transformation", collection: store.Transformations,
	wrap:  func(doc value.Value) value.Value { return doc },
	check: library.CheckTransformation,
}

var templates = documents{
	kind: "template", collection: store.Templates, body: "template", update: "update",
	wrap: func(doc value.Value) value.Value { return createdEdit(doc, "templates") },
	check: func(doc value.Value) error {
		if kind := doc.Get("type"); !kind.IsNothing() && kind.Text() != "jinja2" && kind.Text() != "textfsm" {
			return badAt("/type", "enum", "A template's \"type\" must be \"jinja2\" or \"textfsm\", not %s.", kind)
		}
		return nil
	},
}

var forms = documents{
	kind: "form", collection: store.Forms,
	wrap: func(doc value.Value) value.Value {
		return value.Object("status", value.String("success"), "message", value.String("Successfully created form"), "doc", doc)
	},
	check: func(doc value.Value) error {
		schema := doc.Get("schema")
		if schema.IsNothing() {
			return nil
		}
		if _, err := schemas.Compile(schema); err != nil {
			return badAt("/schema", "schema", "The form's schema cannot be used: %v.", err)
		}
		return nil
	},
}

type storedDocument struct {
	doc      value.Value
	revision int64
}

// document reads a document by id, or by name.
func (c *call) document(d *documents, key string) (storedDocument, error) {
	ctx := c.Request().Context()
	doc, err := c.Store.Get(ctx, d.collection, key)
	if errors.Is(err, store.ErrNotFound) {
		var p store.Page
		p, err = c.Store.Find(ctx, d.collection, store.Query{Where: store.Where("name", store.Eq, key), Limit: 1, NoTotal: true})
		if err == nil && len(p.Docs) == 0 {
			return storedDocument{}, refuse(missing, "there is no %s %q", d.kind, clip(key))
		}
		if err == nil {
			doc = p.Docs[0]
		}
	}
	if err != nil {
		return storedDocument{}, err
	}
	v, err := value.ParseLast(doc.Body)
	return storedDocument{d.show(v, doc.ID), doc.Revision}, err
}

// show gives a document the id it is stored under, and forms theirs twice.
func (d *documents) show(doc value.Value, id string) value.Value {
	doc = doc.With("_id", value.String(id)).Without("project")
	if d.collection == store.Forms {
		doc = doc.With("id", value.String(id))
	}
	return doc
}

func (d *documents) find(c *call, q query) (page, error) {
	return c.find(d.collection, q, func(v value.Value) (value.Value, error) {
		id := v.Get("_id").Text()
		if id == "" {
			id = v.Get("id").Text()
		}
		return d.show(v, id), nil
	})
}

// list answers a page in the envelope that clients of the kind expect.
func (d *documents) list(c *call) (value.Value, error) {
	q, err := c.list(shape{collection: d.collection, plain: []string{"name"}, sort: []store.Order{{Field: "name"}}, all: d == &forms})
	if err != nil {
		return value.Absent, err
	}
	p, err := d.find(c, q)
	if err != nil {
		return value.Absent, err
	}
	switch d {
	case &templates:
		return p.studio(c), nil
	case &forms:
		return value.Array(p.docs...), nil
	}
	return p.results(), nil
}

func (d *documents) get(c *call) (value.Value, error) {
	s, err := c.document(d, c.text("id"))
	return s.doc, err
}

func (d *documents) create(c *call) (value.Value, error) {
	doc, err := d.read(c, d.body)
	if err != nil {
		return value.Absent, err
	}
	if doc, err = d.insert(c, doc, false); err != nil {
		return value.Absent, err
	}
	return d.wrap(doc), nil
}

func (d *documents) read(c *call, member string) (value.Value, error) {
	if member == "" {
		return c.object()
	}
	return c.member(member, value.KindObject)
}

// insert stores a new document. A name that is taken is refused, or, with rename, gets a
// number behind it.
func (d *documents) insert(c *call, doc value.Value, rename bool) (value.Value, error) {
	if err := d.fit(doc); err != nil {
		return value.Absent, err
	}
	name := doc.Get("name").Text()
	for n := 1; ; n++ {
		p, err := c.Store.Find(c.Request().Context(), d.collection, store.Query{Where: store.Where("name", store.Eq, doc.Get("name").Text()), Limit: 1, NoTotal: true})
		if err != nil {
			return value.Absent, err
		}
		if len(p.Docs) == 0 {
			break
		}
		if !rename {
			return value.Absent, refuse(clash, "%s with name %q already exists", d.kind, name)
		}
		doc = doc.With("name", value.String(fmt.Sprintf("%s (%d)", name, n)))
	}
	id, err := c.freeID(d.collection, orText(doc.Get("_id").Text(), doc.Get("id").Text()))
	if err != nil {
		return value.Absent, err
	}
	doc = c.stamped(d.show(doc, id))
	if err := c.save(d.collection, d.kind, doc, store.New); err != nil {
		return value.Absent, err
	}
	c.Library.Forget()
	return doc, nil
}

// fit checks what every kind needs, and what this one does.
func (d *documents) fit(doc value.Value) error {
	if !doc.IsObject() {
		return badAt("", "type", "A %s must be an object, not %s.", d.kind, doc.Kind())
	}
	if doc.Get("name").Text() == "" {
		return badAt("/name", "required", "A %s needs a text \"name\".", d.kind)
	}
	return d.check(doc)
}

func (d *documents) replace(c *call) (value.Value, error) {
	doc, err := d.read(c, d.update)
	if err != nil {
		return value.Absent, err
	}
	if err := d.fit(doc); err != nil {
		return value.Absent, err
	}
	old, revision, err := c.stored(d.collection, d.kind, c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	for _, key := range []string{"created", "createdBy", "project"} {
		doc = doc.With(key, old.Get(key))
	}
	project := doc.Get("project")
	doc = c.stamped(d.show(doc, c.text("id")))
	if err := c.save(d.collection, d.kind, doc.With("project", project), revision); err != nil {
		return value.Absent, err
	}
	c.Library.Forget()
	return doc, nil
}

func (d *documents) remove(c *call) (value.Value, error) {
	doc, revision, err := c.stored(d.collection, d.kind, c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	err = c.commit(c.Request().Context(), d.kind, doc, store.Write{Collection: d.collection, ID: c.text("id"), Expect: revision})
	if err != nil {
		return value.Absent, err
	}
	c.Library.Forget()
	return enveloped("Successfully deleted "+d.kind, d.show(doc, c.text("id"))), nil
}

// removeQuietly answers without content, which clients of transformations demand.
func (d *documents) removeQuietly(c *call) (value.Value, error) {
	if _, err := d.remove(c); err != nil {
		return value.Absent, err
	}
	return value.Absent, c.NoContent(http.StatusNoContent)
}

// importOne stores the document in the body, under a new name if its own is taken.
func (d *documents) importOne(c *call) (value.Value, error) {
	doc, err := d.read(c, d.body)
	if err != nil {
		return value.Absent, err
	}
	return d.insert(c, doc, true)
}

// importTemplates stores {"templates": [documents]}.
func importTemplates(c *call) (value.Value, error) {
	list, err := c.member("templates", value.KindArray)
	if err != nil {
		return value.Absent, err
	}
	out := make([]value.Value, 0, list.Len())
	for _, doc := range list.Elements() {
		made, err := templates.insert(c, doc, false)
		if err != nil {
			a := decide(err)
			if a.status >= 500 {
				return value.Absent, err
			}
			out = append(out, value.Object("success", value.False, "message", value.String(a.text), "original", doc))
			continue
		}
		out = append(out, value.Object("success", value.True, "message", value.String("Successfully imported template"), "original", doc, "created", made))
	}
	return value.Object("imported", value.Array(out...)), nil
}

// importForms stores {"forms": [documents]} and tells of each.
func importForms(c *call) (value.Value, error) {
	list, err := c.member("forms", value.KindArray)
	if err != nil {
		return value.Absent, err
	}
	if list.Len() == 0 {
		return value.Absent, badAt("/forms", "count", "\"forms\" must list at least one form.")
	}
	out := make([]value.Value, 0, list.Len())
	for i, doc := range list.Elements() {
		made, err := forms.insert(c, doc, false)
		if err != nil && (list.Len() == 1 || decide(err).status >= 500) {
			return value.Absent, err
		}
		if err != nil {
			out = append(out, value.Object("success", value.False, "message", value.String(fmt.Sprintf("/forms/%d: %s", i, decide(err).text)), "original", doc))
			continue
		}
		out = append(out, value.Object("success", value.True, "message", value.String("Successfully imported form "+made.Get("name").Text()), "original", doc, "created", made))
	}
	return value.Object("status", value.String("success"), "message", value.String(fmt.Sprintf("Successfully imported %d forms", len(out))), "imported", value.Array(out...)), nil
}

// removeForms deletes {"ids": [...]}.
func removeForms(c *call) (value.Value, error) {
	body, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	ids, err := texts(body.Get("ids"), "/ids")
	if err != nil {
		return value.Absent, err
	}
	if len(ids) == 0 || len(ids) > maxLimit {
		return value.Absent, badAt("/ids", "count", "\"ids\" must list 1 to %d forms, not %d.", maxLimit, len(ids))
	}
	var batch store.Batch
	for _, id := range ids {
		if _, _, err := c.stored(store.Forms, "form", id); err != nil {
			return value.Absent, err
		}
		batch = append(batch, store.Write{Collection: store.Forms, ID: id, Expect: store.Any})
	}
	err = c.commit(c.Request().Context(), "form", value.Absent, batch...)
	return value.Object("status", value.String("success"), "message", value.String(fmt.Sprintf("Successfully deleted %d forms", len(ids)))), err
}

// noResults answers a list of things this server has none of.
func noResults(c *call) (value.Value, error) { return c.constant(nil) }

// listApplications lists the parts of the API as installed applications.
func listApplications(c *call) (value.Value, error) {
	all := make([]value.Value, len(applications))
	for i, a := range applications {
		all[i] = value.Object("data", value.Object("name", value.String(a.id), "type", value.String("Application"), "model", value.String("heddle/"+a.prefix),
			"properties", value.Object(), "isEncrypted", value.False, "loggerProps", value.Object(), "virtual", value.False),
			"metadata", value.Object("isActive", value.True, "activeSync", value.True, "isAlive", value.True))
	}
	return c.constant(all)
}
