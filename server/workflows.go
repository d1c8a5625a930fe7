package server

import (
	"errors"
	"fmt"

	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

func listWorkflows(c *call) (value.Value, error) {
	q, err := c.list(shape{collection: store.Workflows, plain: []string{"name", "type", "draft"}, sort: []store.Order{{Field: "name"}}})
	if err != nil {
		return value.Absent, err
	}
	p, err := c.workflows(q)
	if err != nil {
		return value.Absent, err
	}
	return p.studio(c), nil
}

// workflows reads a page of the workflows the caller may know of.
func (c *call) workflows(q query) (page, error) {
	q.and(c.reachable())
	show := c.signed("created_by", "last_updated_by")
	return c.find(store.Workflows, q, func(v value.Value) (value.Value, error) { return show(v.Without("project")), nil })
}

// signed returns what replaces the ids of those who made a document by their accounts, as
// clients read them. What an import brought along stays.
func (c *call) signed(keys ...string) func(value.Value) value.Value {
	people := c.people()
	return func(doc value.Value) value.Value {
		for _, key := range keys {
			if v := doc.Get(key); !v.IsObject() {
				doc = doc.With(key, people(v.Text()))
			}
		}
		return doc
	}
}

// workflow reads a workflow by id or name that the caller may know of.
func (c *call) workflow(key string) (library.Stored, error) {
	s, err := c.Library.Workflow(c.Request().Context(), key)
	if err != nil {
		return s, absent(err, "workflow", key)
	}
	if !c.who.Reaches(groupsOf(s.Doc)) {
		return library.Stored{}, refuse(missing, "there is no workflow %q", clip(key))
	}
	return s, nil
}

// detailedWorkflow answers one document, and an empty one when it is not there.
func detailedWorkflow(c *call) (value.Value, error) {
	s, err := c.workflow(c.tail(3))
	if r, ok := errors.AsType[*refusal](err); ok && r.reason == missing {
		return value.Object(), nil
	}
	if err != nil {
		return value.Absent, err
	}
	c.Response().Header().Set("ETag", etag(s))
	return c.signed("created_by", "last_updated_by")(s.Doc.Without("project")), nil
}

// createWorkflow stores {"automation": document}.
func createWorkflow(c *call) (value.Value, error) {
	doc, err := c.member("automation", value.KindObject)
	if err != nil {
		return value.Absent, err
	}
	s, err := c.Library.CreateWorkflow(c.Request().Context(), plainGroups(doc), c.who.ID)
	if err != nil {
		return value.Absent, err
	}
	return createdEdit(c.signed("created_by", "last_updated_by")(s.Doc), "workflows"), nil
}

// createdEdit is how the studio answers a new document: with a link to its editor.
func createdEdit(doc value.Value, kind string) value.Value {
	return value.Object("created", doc, "edit", value.String("/automation-studio/#/edit?tab=0&"+kind+"="+doc.Get("_id").Text()))
}

// updateWorkflow replaces the document with {"update": document}. A header If-Match with
// the revision keeps one author from overwriting another.
func updateWorkflow(c *call) (value.Value, error) {
	doc, err := c.member("update", value.KindObject)
	if err != nil {
		return value.Absent, err
	}
	old, err := c.workflow(c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	if old.ID() != c.text("id") {
		return value.Absent, refuse(missing, "there is no workflow with the id %q", c.text("id"))
	}
	if tag := c.Request().Header.Get("If-Match"); tag != "" && tag != etag(old) {
		return value.Absent, store.ErrConflict
	}
	if project := old.Doc.Get("project"); !project.IsAbsent() {
		doc = doc.With("project", project)
	}
	s, err := c.Library.UpdateWorkflow(c.Request().Context(), old.ID(), plainGroups(doc), old.Revision, c.who.ID)
	if err != nil {
		return value.Absent, err
	}
	c.Response().Header().Set("ETag", etag(s))
	updated := c.signed("created_by", "last_updated_by")(s.Doc.Without("project"))
	return updated.With("updated", updated), nil
}

func etag(s library.Stored) string { return fmt.Sprintf("%q", fmt.Sprint(s.Revision)) }

// deleteWorkflow removes a workflow. Its name, or id, is all the rest of the path.
func deleteWorkflow(c *call) (value.Value, error) { return c.removeWorkflow(c.tail(3)) }

// deleteWorkflowByID removes a workflow unless others need it. The older route does not ask:
// its clients replace a workflow by removing it first.
func deleteWorkflowByID(c *call) (value.Value, error) {
	s, err := c.workflow(c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	if err := c.unused(s.Name()); err != nil {
		return value.Absent, err
	}
	return c.removeWorkflow(s.ID())
}

func (c *call) removeWorkflow(key string) (value.Value, error) {
	s, err := c.workflow(key)
	if err != nil {
		return value.Absent, err
	}
	if _, err := c.Library.DeleteWorkflow(c.Request().Context(), s.ID()); err != nil {
		return value.Absent, absent(err, "workflow", key)
	}
	return value.Object("_id", value.String(s.ID()), "name", value.String(s.Name()), "message", value.String("Successfully deleted workflow"),
		"value", s.Doc.Without("project"), "ok", value.Int(1), "lastErrorObject", value.Object("n", value.Int(1))), nil
}

// importWorkflows stores {"automations": [documents]}. It succeeds when one of them was stored.
func importWorkflows(c *call) (value.Value, error) {
	list, err := c.member("automations", value.KindArray)
	if err != nil {
		return value.Absent, err
	}
	if list.Len() == 0 {
		return value.Absent, badAt("/automations", "count", "\"automations\" must list at least one workflow.")
	}
	var imported []value.Value
	var first error
	var problems []problem
	done := 0
	for i, doc := range list.Elements() {
		s, err := c.importWorkflow(doc)
		if err != nil {
			if first == nil {
				first = err
			}
			a := decide(err)
			problems = append(problems, problem{fmt.Sprintf("/automations/%d", i), "not-imported", a.text})
			for _, p := range a.problems {
				problems = append(problems, problem{fmt.Sprintf("/automations/%d%s", i, p.pointer), p.code, p.text})
			}
			imported = append(imported, value.Object("success", value.False, "message", value.String(a.text), "original", doc))
			continue
		}
		done++
		imported = append(imported, value.Object("success", value.True, "message", value.String("Successfully imported workflow "+s.Name()),
			"original", doc, "created", s.Doc))
	}
	if done == 0 {
		if r := (&refusal{}); errors.As(first, &r) || decide(first).status < 500 {
			return value.Absent, &refusal{reason: reasonOf(first), text: decide(first).text, problems: problems}
		}
		return value.Absent, first
	}
	return value.Object("message", value.String(fmt.Sprintf("Successfully imported %d of %d workflows", done, list.Len())),
		"imported", value.Array(imported...)), nil
}

// reasonOf keeps a clash a clash when an error is told with others.
func reasonOf(err error) reason {
	if _, ok := errors.AsType[*library.ExistsError](err); ok {
		return clash
	}
	return malformed
}

func (c *call) importWorkflow(doc value.Value) (library.Stored, error) {
	return c.Library.CreateWorkflow(c.Request().Context(), plainGroups(doc).Without("_id", "encodingVersion", "errors", "warnings", "namespace"), c.who.ID)
}

// importOne is the old import: {"workflow": document}; the answer carries the name.
func importOne(c *call) (value.Value, error) {
	doc, err := c.member("workflow", value.KindObject)
	if err != nil {
		return value.Absent, err
	}
	s, err := c.importWorkflow(doc)
	if err != nil {
		return value.Absent, err
	}
	return value.Object("name", value.String(s.Name()), "_id", value.String(s.ID()), "message", value.String("Successfully imported workflow")), nil
}

// exportWorkflow answers the bare document for {"options": {"name"}} or {"options": {"_id"}}.
func exportWorkflow(c *call) (value.Value, error) {
	options, err := c.member("options", value.KindObject)
	if err != nil {
		return value.Absent, err
	}
	key := options.Get("_id").Text()
	if key == "" {
		key = options.Get("name").Text()
	}
	if key == "" {
		return value.Absent, badAt("/options/name", "required", "\"options\" needs the text \"name\" or \"_id\".")
	}
	s, err := c.workflow(key)
	if err != nil {
		return value.Absent, err
	}
	doc, err := c.Library.ExportWorkflow(c.Request().Context(), s.ID())
	return c.signed("created_by", "last_updated_by")(doc.Without("project")), err
}

// validateWorkflow checks {"workflow": document} or {"asset": document} without storing it.
func validateWorkflow(c *call) (value.Value, error) {
	body, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	doc := body.Get("workflow")
	if doc.IsAbsent() {
		doc = body.Get("asset")
	}
	if !doc.IsObject() {
		return value.Absent, badAt("/workflow", "required", "The body needs a \"workflow\" or an \"asset\": the document to check.")
	}
	_, problems := c.Library.Check(c.Request().Context(), doc)
	return value.Object("isValid", value.Bool(len(problems.Errors()) == 0), "errors", problemList(problems.Errors()), "warnings", problemList(problems.Warnings())), nil
}

func problemList(ps workflows.Problems) value.Value {
	out := make([]value.Value, len(ps))
	for i, p := range ps {
		out[i] = value.Object("task", value.String(p.Task), "name", value.String(p.Name), "message", value.String(p.Text),
			"pointer", value.String(p.Pointer), "code", value.String(p.Code))
	}
	return value.Array(out...)
}
