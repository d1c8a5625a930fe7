package server

import (
	"errors"
	"fmt"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/builtin"
	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/schemas"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

func listTriggers(c *call) (value.Value, error) {
	q, err := c.list(shape{collection: store.Triggers, plain: []string{"actionId", "actionType", "enabled", "name", "routeName", "type"}, sort: []store.Order{{Field: "name"}}})
	if err != nil {
		return value.Absent, err
	}
	p, err := c.find(store.Triggers, q, nil)
	if err != nil {
		return value.Absent, err
	}
	return p.operations("Successfully retrieved triggers"), nil
}

// triggerDefaults completes a trigger's document with the members that clients decode.
func triggerDefaults(doc value.Value) value.Value {
	common := value.Object("description", value.String(""), "enabled", value.True, "actionType", value.String("automations"), "lastExecuted", value.Null)
	for k, v := range common.Members() {
		if !doc.Has(k) {
			doc = doc.With(k, v)
		}
	}
	var own value.Value
	switch workflows.TriggerType(doc.Get("type").Text()) {
	case workflows.TriggerEndpoint:
		own = value.Object("verb", value.String("POST"), "schema", value.Null, "jst", value.Null)
	case workflows.TriggerManual:
		own = value.Object("formId", value.Null, "formData", value.Null, "formSchemaHash", value.Null, "legacyWrapper", value.True)
	case workflows.TriggerEvent:
		own = value.Object("schema", value.Null, "jst", value.Null, "legacyWrapper", value.True)
	}
	for k, v := range own.Members() {
		if !doc.Has(k) {
			doc = doc.With(k, v)
		}
	}
	return doc
}

// trigger checks a trigger's document and the automation it belongs to.
func (c *call) trigger(doc value.Value) (value.Value, error) {
	doc = triggerDefaults(doc)
	t, problems := workflows.ParseTrigger(doc)
	if err := problems.Err(); err != nil {
		return value.Absent, err
	}
	if t.ActionID == "" {
		return value.Absent, badAt("/actionId", "required", "A trigger needs the id of its automation in \"actionId\".")
	}
	_, err := c.Store.Get(c.Request().Context(), store.Automations, t.ActionID)
	if errors.Is(err, store.ErrNotFound) {
		return value.Absent, badAt("/actionId", "unknown-automation", "There is no automation %q.", clip(t.ActionID))
	}
	return doc, err
}

func createTrigger(c *call) (value.Value, error) {
	doc, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	doc, err = c.insertTrigger(doc, false)
	if err != nil {
		return value.Absent, err
	}
	return enveloped("Successfully created trigger", doc), nil
}

func (c *call) insertTrigger(doc value.Value, keepID bool) (value.Value, error) {
	full, err := c.trigger(doc)
	if err != nil {
		return value.Absent, err
	}
	id := library.NewID()
	if keepID {
		if id, err = c.freeID(store.Triggers, doc.Get("_id").Text()); err != nil {
			return value.Absent, err
		}
	}
	full = c.stamped(full.With("_id", value.String(id)))
	return full, c.save(store.Triggers, "trigger", full, store.New)
}

func getTrigger(c *call) (value.Value, error) {
	doc, _, err := c.stored(store.Triggers, "trigger", c.text("id"))
	return enveloped("Successfully retrieved trigger", doc), err
}

func patchTrigger(c *call) (value.Value, error) {
	change, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	old, revision, err := c.stored(store.Triggers, "trigger", c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	doc, err := c.trigger(overlay(old, change.Without("_id", "created", "createdBy", "lastExecuted")))
	if err != nil {
		return value.Absent, err
	}
	doc = c.stamped(doc)
	if err := c.save(store.Triggers, "trigger", doc, revision); err != nil {
		return value.Absent, err
	}
	return enveloped("Successfully updated trigger", doc), nil
}

func deleteTrigger(c *call) (value.Value, error) {
	doc, revision, err := c.stored(store.Triggers, "trigger", c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	err = c.commit(c.Request().Context(), "trigger", doc, store.Write{Collection: store.Triggers, ID: c.text("id"), Expect: revision})
	return enveloped("Successfully deleted trigger", doc), err
}

// deleteTriggersOf removes the triggers of an automation.
func deleteTriggersOf(c *call) (value.Value, error) {
	triggers, err := c.triggersOf(c.text("action"))
	if err != nil {
		return value.Absent, err
	}
	writes := make([]store.Write, len(triggers))
	for i, t := range triggers {
		writes[i] = store.Write{Collection: store.Triggers, ID: t.Get("_id").Text(), Expect: store.Any}
	}
	if len(writes) > 0 {
		if err := c.commit(c.Request().Context(), "trigger", value.Absent, writes...); err != nil {
			return value.Absent, err
		}
	}
	return enveloped(fmt.Sprintf("Successfully deleted %d triggers", len(triggers)),
		value.Object("deletedCount", value.Int(int64(len(triggers))))), nil
}

func exportTrigger(c *call) (value.Value, error) {
	doc, _, err := c.stored(store.Triggers, "trigger", c.text("id"))
	return enveloped("Successfully exported trigger", doc), err
}

// payloadError is the answer to a payload that does not fit a trigger's schema or form.
type payloadError struct {
	at, what   string
	violations []schemas.Violation
}

func (e *payloadError) Error() string {
	text := "the payload does not fit the schema of " + e.what
	for i, v := range e.violations {
		if i == 3 {
			return text + fmt.Sprintf("; and %d more", len(e.violations)-3)
		}
		text += "; " + v.Error()
	}
	return text
}

func fits(schema, v value.Value, at, what string) error {
	if !schema.IsObject() {
		return nil
	}
	s, err := schemas.Compile(schema)
	if err != nil {
		return refuse(clash, "the schema of %s cannot be used: %v", what, err)
	}
	if broken := s.Check(v); len(broken) > 0 {
		return &payloadError{at, what, broken}
	}
	return nil
}

// runEndpoint starts the automation of an endpoint trigger. A payload that does not fit is
// refused before a job exists.
func runEndpoint(c *call) (value.Value, error) {
	route := c.tail(3)
	p, err := c.find(store.Triggers, query{Query: store.Query{Where: store.And{
		store.Where("routeName", store.Eq, route), store.Where("type", store.Eq, string(workflows.TriggerEndpoint)), store.Where("enabled", store.Eq, true),
	}, Limit: 1, NoTotal: true}}, nil)
	if err != nil {
		return value.Absent, err
	}
	if len(p.docs) == 0 {
		return value.Absent, refuse(missing, "there is no enabled endpoint trigger with the route %q", clip(route))
	}
	body, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	doc := p.docs[0]
	t, _ := workflows.ParseTrigger(doc)
	if err := fits(t.Schema, body, "", fmt.Sprintf("trigger %q", t.Name)); err != nil {
		return value.Absent, err
	}
	variables := body
	if t.JST != "" {
		variables, err = c.Library.Transform(c.Request().Context(), t.JST, body)
		if errors.Is(err, builtin.ErrNotFound) {
			return value.Absent, refuse(clash, "the trigger's %v", err)
		}
		if err != nil {
			return value.Absent, badAt("", "transformation", "The payload cannot be transformed: %v.", err)
		}
	}
	return c.fire(t, variables)
}

// runManual starts the automation of a manual trigger with what its form was filled with.
func runManual(c *call) (value.Value, error) {
	body, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	form, err := optional(body, "formData", value.KindObject)
	if err != nil {
		return value.Absent, err
	}
	doc, _, err := c.stored(store.Triggers, "trigger", c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	t, _ := workflows.ParseTrigger(doc)
	switch {
	case t.Type != workflows.TriggerManual:
		return value.Absent, refuse(clash, "trigger %q is not a manual trigger", t.Name)
	case !t.Enabled:
		return value.Absent, refuse(clash, "trigger %q is disabled", t.Name)
	}
	if form.IsAbsent() {
		form = t.FormData
	}
	if form.IsAbsent() {
		form = value.Object()
	}
	if t.FormID != "" {
		f, err := c.document(&forms, t.FormID)
		if err != nil {
			return value.Absent, err
		}
		if err := fits(f.doc.Get("schema"), form, "/formData", fmt.Sprintf("form %q", f.doc.Get("name").Text())); err != nil {
			return value.Absent, err
		}
	}
	if t.LegacyWrapper && (form.Len() > 0 || t.FormID != "") {
		form = value.Object("formData", form)
	}
	return c.fire(t, form)
}

// fire starts the job of a trigger and notes when.
func (c *call) fire(t *workflows.Trigger, variables value.Value) (value.Value, error) {
	ctx := c.Request().Context()
	automation, _, err := c.stored(store.Automations, "automation", t.ActionID)
	if err != nil {
		return value.Absent, err
	}
	a, _ := workflows.ParseAutomation(automation)
	name, err := c.workflowOf(a)
	if err != nil {
		return value.Absent, err
	}
	st, err := c.begin(runner.Begin{Workflow: name, Start: engine.Start{
		Description: fmt.Sprintf("Started by Operations Manager: automation %q, trigger %q", a.Name, t.Name), Variables: variables,
	}})
	if err != nil {
		return value.Absent, err
	}
	// The job is stored; a note that is lost to somebody's change is no harm.
	if stored, revision, err := c.stored(store.Triggers, "trigger", t.ID); err == nil {
		err = c.save(store.Triggers, "trigger", stored.With("lastExecuted", value.Int(c.Now().UnixMilli())), revision)
		if err != nil {
			c.Log.DebugContext(ctx, "trigger not stamped", "trigger", t.ID, "err", err)
		}
	}
	return enveloped("Successfully started job", jobDoc(st, &query{})), nil
}

// workflowOf is the name of an automation's workflow: found by id, so that it may have been
// renamed, else by name.
func (c *call) workflowOf(a *workflows.Automation) (string, error) {
	ctx := c.Request().Context()
	if a.ComponentID != "" {
		s, err := c.Library.Workflow(ctx, a.ComponentID)
		if err == nil {
			return s.Name(), nil
		}
		if !errors.Is(err, store.ErrNotFound) {
			return "", err
		}
	}
	if a.ComponentName == "" {
		return "", refuse(clash, "automation %q has no workflow to start", a.Name)
	}
	name, err := c.Library.Resolve(ctx, a.ComponentName, "")
	return name, absent(err, "workflow", a.ComponentName)
}
