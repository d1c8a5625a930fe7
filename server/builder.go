package server

import (
	"errors"
	"slices"

	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// The workflow builder's older API: it finds workflows by name.

// saveWorkflow stores {"workflow": document}: over the workflow with its id or, without one,
// its name, else as a new one.
func saveWorkflow(c *call) (value.Value, error) {
	doc, err := c.member("workflow", value.KindObject)
	if err != nil {
		return value.Absent, err
	}
	key := orText(doc.Get("_id").Text(), doc.Get("name").Text())
	old, err := c.Library.Workflow(c.Request().Context(), key)
	var s library.Stored
	switch {
	case errors.Is(err, store.ErrNotFound):
		s, err = c.Library.CreateWorkflow(c.Request().Context(), plainGroups(doc), c.who.ID)
	case err == nil:
		s, err = c.overwrite(old, doc)
	}
	if err != nil {
		return value.Absent, err
	}
	return c.signed("created_by", "last_updated_by")(s.Doc.Without("project")), nil
}

// overwrite replaces a workflow that the caller may know of.
func (c *call) overwrite(old library.Stored, doc value.Value) (library.Stored, error) {
	if !c.who.Reaches(groupsOf(old.Doc)) {
		return old, refuse(missing, "there is no workflow %q", clip(old.Name()))
	}
	if project := old.Doc.Get("project"); !project.IsAbsent() {
		doc = doc.With("project", project)
	}
	return c.Library.UpdateWorkflow(c.Request().Context(), old.ID(), plainGroups(doc), old.Revision, c.who.ID)
}

// renameWorkflow gives {"workflow": {"_id" or "name"}} the name "newName".
func renameWorkflow(c *call) (value.Value, error) {
	body, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	doc, err := need(body, "workflow", value.KindObject)
	if err != nil {
		return value.Absent, err
	}
	name, err := need(body, "newName", value.KindString)
	if err != nil {
		return value.Absent, err
	}
	key := orText(doc.Get("_id").Text(), doc.Get("name").Text())
	if key == "" {
		return value.Absent, badAt("/workflow/name", "required", "\"workflow\" needs the text \"name\" or \"_id\".")
	}
	old, err := c.workflow(key)
	if err != nil {
		return value.Absent, err
	}
	s, err := c.overwrite(old, old.Doc.With("name", name))
	if err != nil {
		return value.Absent, err
	}
	return c.signed("created_by", "last_updated_by")(s.Doc.Without("project")), nil
}

// workflowSchemas works out what {"workflow": document} takes and gives.
func workflowSchemas(c *call) (value.Value, error) {
	doc, err := c.member("workflow", value.KindObject)
	if err != nil {
		return value.Absent, err
	}
	w, _ := workflows.Parse(doc)
	in, out := workflows.ComputeSchemas(w, c.Library.Catalog())
	return value.Object("inputSchema", in, "outputSchema", out), nil
}

// workflowGroups lists the groups that a workflow is for.
func workflowGroups(c *call) (value.Value, error) {
	s, err := c.workflow(c.text("name"))
	if err != nil {
		return value.Absent, err
	}
	return value.Strings(groupsOf(s.Doc)...), nil
}

// changeWorkflowGroups is the family of routes that give a workflow to groups. They answer
// the groups it has now.
func changeWorkflowGroups(change func(c *call, groups []string) ([]string, error)) func(c *call) (value.Value, error) {
	return func(c *call) (value.Value, error) {
		s, err := c.workflow(c.text("name"))
		if err != nil {
			return value.Absent, err
		}
		before := groupsOf(s.Doc)
		groups, err := change(c, slices.Clone(before))
		if err != nil {
			return value.Absent, err
		}
		for _, g := range groups {
			if _, err := c.Auth.Group(c.Request().Context(), g); err != nil && !slices.Contains(before, g) {
				return value.Absent, badAt("/groups", "unknown-group", "There is no group with the id %q.", clip(g))
			}
		}
		s, err = c.overwrite(s, s.Doc.With("groups", value.Strings(groups...)))
		if err != nil {
			return value.Absent, err
		}
		return value.Strings(groupsOf(s.Doc)...), nil
	}
}
