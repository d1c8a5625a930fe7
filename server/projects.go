package server

import (
	"fmt"
	"slices"

	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

func listProjects(c *call) (value.Value, error) {
	q, err := c.list(shape{collection: store.Projects, plain: []string{"name"}, sort: []store.Order{{Field: "name"}}})
	if err != nil {
		return value.Absent, err
	}
	show := c.projectDoc()
	p, err := c.find(store.Projects, q, func(v value.Value) (value.Value, error) { return show(v), nil })
	if err != nil {
		return value.Absent, err
	}
	return p.operations("Successfully retrieved projects"), nil
}

// projectDoc returns what shows a project: its components as references to what is stored.
func (c *call) projectDoc() func(value.Value) value.Value {
	sign := c.signed("createdBy", "lastUpdatedBy")
	return func(doc value.Value) value.Value {
		parts := doc.Get("components").Slice()
		for i, p := range parts {
			if stored := p.Get("stored"); stored.IsString() {
				p = p.With("reference", stored)
			}
			parts[i] = p.Without("stored", "document")
		}
		for key, empty := range map[string]value.Value{
			"members": value.Array(), "folders": value.Array(), "description": value.String(""),
			"accessControl": value.Object("manage", value.Array(), "write", value.Array(), "execute", value.Array(), "read", value.Array()),
		} {
			if doc.Get(key).IsNothing() {
				doc = doc.With(key, empty)
			}
		}
		return sign(doc.With("components", value.Array(parts...)))
	}
}

func (c *call) project(id string) (library.Stored, error) {
	s, err := c.Library.Project(c.Request().Context(), id)
	return s, absent(err, "project", id)
}

func getProject(c *call) (value.Value, error) {
	s, err := c.project(c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	return enveloped("Successfully retrieved project", c.projectDoc()(s.Doc)), nil
}

func createProject(c *call) (value.Value, error) {
	doc, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	s, err := c.Library.CreateProject(c.Request().Context(), doc, c.who.ID)
	if err != nil {
		return value.Absent, err
	}
	return enveloped("Successfully created project", c.projectDoc()(s.Doc)), nil
}

func importProject(c *call) (value.Value, error) {
	body, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	doc, err := need(body, "project", value.KindObject)
	if err != nil {
		return value.Absent, err
	}
	mode := library.ConflictMode(body.Get("conflictMode").Text())
	if !slices.Contains([]library.ConflictMode{library.Refuse, library.InsertNew, library.Overwrite}, mode) {
		return value.Absent, badAt("/conflictMode", "enum", "\"conflictMode\" must be %q or %q, not %q.", library.InsertNew, library.Overwrite, mode)
	}
	if m := doc.Get("members"); !m.IsNothing() {
		access, err := accessControl(m)
		if err != nil {
			return value.Absent, err
		}
		doc = doc.With("accessControl", access)
	}
	if mode == library.Overwrite {
		if err := c.holdsAll(doc.Get("_id").Text()); err != nil {
			return value.Absent, err
		}
	}
	parts := doc.Get("components").Slice()
	for i, p := range parts {
		if d := p.Get("document"); d.IsObject() {
			parts[i] = p.With("document", plainGroups(d))
		}
	}
	if doc.Get("components").IsArray() {
		doc = doc.With("components", value.Array(parts...))
	}
	fresh, err := optional(body, "assignNewReferences", value.KindBool)
	if err != nil {
		return value.Absent, err
	}
	in, err := c.Library.ImportProject(c.Request().Context(), doc, mode, fresh.Truth(), c.who.ID)
	if err != nil {
		return value.Absent, err
	}
	failed := make([]value.Value, len(in.Failed))
	for i, f := range in.Failed {
		failed[i] = value.Object("iid", value.Int(f.IID), "name", value.String(f.Name), "reason", value.String(f.Reason))
	}
	return value.Object("message", value.String("Successfully imported project"), "data", c.projectDoc()(in.Project.Doc),
		"metadata", value.Object("failedComponents", value.Array(failed...), "drafts", value.Strings(in.Drafts...))), nil
}

func exportProject(c *call) (value.Value, error) {
	s, err := c.project(c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	if err := c.holdsAll(s.ID()); err != nil {
		return value.Absent, err
	}
	doc, err := c.Library.ExportProject(c.Request().Context(), s.ID())
	if err != nil {
		return value.Absent, absent(err, "project", c.text("id"))
	}
	sign := c.signed("created_by", "last_updated_by")
	parts := doc.Get("components").Slice()
	for i, p := range parts {
		if p.Get("type").Text() == "workflow" {
			parts[i] = p.With("document", sign(p.Get("document")))
		}
	}
	doc = c.signed("createdBy", "lastUpdatedBy")(doc.With("components", value.Array(parts...)))
	return enveloped("Successfully exported project", doc), nil
}

// projectRoles are the roles a member of a project may have, and what they may do with it.
var projectRoles = map[string][]string{
	"owner": {"manage", "write", "execute", "read"}, "editor": {"write", "execute", "read"}, "operator": {"execute", "read"}, "viewer": {"read"},
}

// patchProject changes a project's own members: name, description, its people and so on.
func patchProject(c *call) (value.Value, error) {
	change, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	known := []string{"backgroundColor", "description", "folders", "members", "name", "thumbnail"}
	for _, key := range change.Keys() {
		if !slices.Contains(known, key) {
			return value.Absent, badAt("/"+value.EscapePointer(key), "unknown", "A project's %q cannot be changed this way; there are %v.", key, known)
		}
	}
	for _, key := range []string{"name", "description", "backgroundColor", "thumbnail"} {
		if _, err := optionalText(change, key); err != nil {
			return value.Absent, err
		}
	}
	if change.Has("name") && change.Get("name").Text() == "" {
		return value.Absent, badAt("/name", "required", "A project needs a name.")
	}
	if change.Has("members") {
		access, err := accessControl(change.Get("members"))
		if err != nil {
			return value.Absent, err
		}
		change = change.With("accessControl", access)
	}
	s, err := c.project(c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	s, err = c.Library.AmendProject(c.Request().Context(), s.ID(), change, c.who.ID)
	if err != nil {
		return value.Absent, err
	}
	return enveloped("Successfully updated project", c.projectDoc()(s.Doc)), nil
}

// accessControl lists by right the members who have it.
func accessControl(members value.Value) (value.Value, error) {
	if !members.IsArray() {
		return value.Absent, badAt("/members", "type", "\"members\" must be a list.")
	}
	by := map[string][]string{}
	for i, m := range members.Elements() {
		kind, role, ref := m.Get("type").Text(), m.Get("role").Text(), m.Get("reference").Text()
		rights, ok := projectRoles[role]
		if kind != "account" && kind != "group" || ref == "" || !ok {
			return value.Absent, badAt(fmt.Sprintf("/members/%d", i), "member",
				"A member has a \"type\" (account or group), a \"reference\" (an id) and a \"role\" (%v).", sortedKeys(projectRoles))
		}
		for _, r := range rights {
			by[r] = append(by[r], kind+":"+ref)
		}
	}
	return value.Object("manage", value.Strings(by["manage"]...), "write", value.Strings(by["write"]...),
		"execute", value.Strings(by["execute"]...), "read", value.Strings(by["read"]...)), nil
}

func deleteProject(c *call) (value.Value, error) {
	s, err := c.project(c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	if err := c.holdsAll(s.ID()); err != nil {
		return value.Absent, err
	}
	if _, err := c.Library.DeleteProject(c.Request().Context(), s.ID()); err != nil {
		return value.Absent, absent(err, "project", c.text("id"))
	}
	doc := c.projectDoc()(s.Doc)
	return value.Object("message", value.String("Successfully deleted project"), "data", doc,
		"metadata", value.Object("deletedComponents", doc.Get("components"))), nil
}
