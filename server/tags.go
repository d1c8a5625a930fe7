package server

import (
	"errors"

	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// tagged are the collections whose documents carry tags.
var tagged = []string{store.Workflows, store.Projects, store.Transformations, store.Templates, store.Forms, store.CommandTemplates}

// allTags lists the tags that were made and those that workflows carry.
func allTags(c *call) (value.Value, error) {
	made, err := c.find(store.Tags, query{Query: store.Query{Sort: []store.Order{{Field: "name"}}, NoTotal: true}}, nil)
	if err != nil {
		return value.Absent, err
	}
	seen := map[string]bool{}
	out := made.docs
	for _, t := range out {
		seen[t.Get("name").Text()] = true
	}
	p, err := c.find(store.Workflows, query{Query: store.Query{
		Where: c.reachable(), Sort: []store.Order{{Field: "name"}}, NoTotal: true,
	}}, nil)
	if err != nil {
		return value.Absent, err
	}
	for _, w := range p.docs {
		for _, t := range tagsOf(w) {
			if name := t.Get("name").Text(); !seen[name] {
				seen[name] = true
				out = append(out, t)
			}
		}
	}
	return value.Array(out...), nil
}

// tagsOf reads a document's tags: objects, or names alone.
func tagsOf(doc value.Value) (out []value.Value) {
	for _, t := range doc.Get("tags").Elements() {
		name := orText(t.Get("name").Text(), t.Text())
		if name == "" {
			continue
		}
		out = append(out, value.Object("_id", value.String(orText(t.Get("_id").Text(), name)), "name", value.String(name),
			"description", value.String(t.Get("description").Text())))
	}
	return out
}

// getTag answers the tag with {"id"}, or with that as its name.
func getTag(c *call) (value.Value, error) {
	id, err := c.member("id", value.KindString)
	if err != nil {
		return value.Absent, err
	}
	all, err := allTags(c)
	if err != nil {
		return value.Absent, err
	}
	for _, t := range all.Elements() {
		if t.Get("_id").Text() == id.Text() || t.Get("name").Text() == id.Text() {
			return t, nil
		}
	}
	return value.Absent, refuse(missing, "there is no tag %q", clip(id.Text()))
}

// createTag stores {"data": {"name", "description"}}.
func createTag(c *call) (value.Value, error) {
	data, err := c.member("data", value.KindObject)
	if err != nil {
		return value.Absent, err
	}
	name, err := optionalText(data, "name")
	if err != nil {
		return value.Absent, err
	}
	if name == "" {
		return value.Absent, badAt("/data/name", "required", "A tag needs a text \"name\".")
	}
	description, err := optionalText(data, "description")
	if err != nil {
		return value.Absent, err
	}
	doc := value.Object("_id", value.String(library.NewID()), "name", value.String(name), "description", value.String(description))
	return doc, c.save(store.Tags, "tag", doc, store.New)
}

// deleteTag removes the tag with {"_id"}. Documents that carry it keep it.
func deleteTag(c *call) (value.Value, error) {
	id, err := c.member("_id", value.KindString)
	if err != nil {
		return value.Absent, err
	}
	doc, revision, err := c.stored(store.Tags, "tag", id.Text())
	if err != nil {
		return value.Absent, err
	}
	err = c.commit(c.Request().Context(), "tag", doc, store.Write{Collection: store.Tags, ID: id.Text(), Expect: revision})
	return doc, err
}

// tagsByReference lists the tags of the document with {"data": {"ref_id"}}.
func tagsByReference(c *call) (value.Value, error) {
	data, err := c.member("data", value.KindObject)
	if err != nil {
		return value.Absent, err
	}
	id, err := need(data, "ref_id", value.KindString)
	if err != nil {
		return value.Absent, err
	}
	for _, collection := range tagged {
		d, err := c.Store.Get(c.Request().Context(), collection, id.Text())
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return value.Absent, err
		}
		doc, err := value.ParseLast(d.Body)
		if err != nil {
			return value.Absent, err
		}
		if !c.who.Reaches(groupsOf(doc)) {
			break
		}
		return value.Array(tagsOf(doc)...), nil
	}
	return value.Array(), nil
}
