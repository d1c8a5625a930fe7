package triggers

import (
	"context"
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

// Orders turns a trigger and what it was given into the job to start: schema or form, then
// transformation or wrapper, then the automation's workflow. All four kinds go this way.
type Orders struct {
	Store   store.Store
	Library *library.Library
}

// PayloadError is the answer to a payload that does not fit its trigger's schema or form.
type PayloadError struct {
	At         string // pointer to the payload in what the caller sent
	What       string // whose schema it is
	Violations []schemas.Violation
}

func (e *PayloadError) Error() string {
	text := "the payload does not fit the schema of " + e.What
	for i, v := range e.Violations {
		if i == 3 {
			return text + fmt.Sprintf("; and %d more", len(e.Violations)-3)
		}
		text += "; " + v.Error()
	}
	return text
}

// Refusal says why a trigger cannot start its job as things are.
type Refusal struct {
	Text    string
	Payload bool // what was sent is at fault, not how things are set up
}

func (e *Refusal) Error() string { return e.Text }

func refuse(format string, args ...any) error { return &Refusal{Text: fmt.Sprintf(format, args...)} }

// Make is the job that a trigger starts for a payload: the body sent to an endpoint, the data
// of a form (Absent for what the trigger holds), or an event. It also returns the automation's
// document. Who starts it is for the caller to add. Errors: *PayloadError, *Refusal, and what
// wraps store.ErrNotFound for a form, automation or workflow.
func (o Orders) Make(ctx context.Context, t *workflows.Trigger, payload value.Value) (runner.Begin, value.Value, error) {
	variables, err := o.variables(ctx, t, payload)
	if err != nil {
		return runner.Begin{}, value.Absent, err
	}
	d, err := o.Store.Get(ctx, store.Automations, t.ActionID)
	if err != nil {
		return runner.Begin{}, value.Absent, fmt.Errorf("automation %q: %w", t.ActionID, err)
	}
	doc, err := value.ParseLast(d.Body)
	if err != nil {
		return runner.Begin{}, value.Absent, fmt.Errorf("automation %q: %w", t.ActionID, err)
	}
	a, _ := workflows.ParseAutomation(doc)
	name, err := o.workflow(ctx, a)
	if err != nil {
		return runner.Begin{}, value.Absent, err
	}
	return runner.Begin{Workflow: name, Start: engine.Start{
		Description: fmt.Sprintf("Started by Operations Manager: automation %q, trigger %q", a.Name, t.Name), Variables: variables,
		Triggers: []string{t.ID},
	}}, doc, nil
}

func (o Orders) variables(ctx context.Context, t *workflows.Trigger, payload value.Value) (value.Value, error) {
	switch t.Type {
	case workflows.TriggerEndpoint:
		if err := fits(t.Schema, payload, "", fmt.Sprintf("trigger %q", t.Name)); err != nil {
			return value.Absent, err
		}
		return o.transformed(ctx, t, payload)
	case workflows.TriggerEvent:
		if t.JST == "" && t.LegacyWrapper {
			return value.Object("formData", payload), nil
		}
		return o.transformed(ctx, t, payload)
	}
	form := payload
	if form.IsNothing() {
		form = t.FormData
	}
	if form.IsNothing() {
		form = value.Object()
	}
	if t.FormID != "" {
		f, err := o.form(ctx, t.FormID)
		if err != nil {
			return value.Absent, err
		}
		if err := fits(f.Get("schema"), form, "/formData", fmt.Sprintf("form %q", f.Get("name").Text())); err != nil {
			return value.Absent, err
		}
	}
	if t.LegacyWrapper && (form.Len() > 0 || t.FormID != "") {
		form = value.Object("formData", form)
	}
	return form, nil
}

func fits(schema, v value.Value, at, what string) error {
	if !schema.IsObject() {
		return nil
	}
	s, err := schemas.Compile(schema)
	if err != nil {
		return refuse("the schema of %s cannot be used: %v", what, err)
	}
	if broken := s.Check(v); len(broken) > 0 {
		return &PayloadError{at, what, broken}
	}
	return nil
}

func (o Orders) transformed(ctx context.Context, t *workflows.Trigger, payload value.Value) (value.Value, error) {
	if t.JST == "" {
		return payload, nil
	}
	out, err := o.Library.Transform(ctx, t.JST, payload)
	switch {
	case errors.Is(err, builtin.ErrNotFound):
		return value.Absent, refuse("the trigger's %v", err)
	case err != nil && ctx.Err() != nil:
		return value.Absent, err
	case err != nil:
		return value.Absent, &Refusal{fmt.Sprintf("The payload cannot be transformed: %v.", err), true}
	}
	return out, nil
}

// form reads a form by id, or by name.
func (o Orders) form(ctx context.Context, key string) (value.Value, error) {
	d, err := o.Store.Get(ctx, store.Forms, key)
	if errors.Is(err, store.ErrNotFound) {
		var p store.Page
		p, err = o.Store.Find(ctx, store.Forms, store.Query{Where: store.Where("name", store.Eq, key), Limit: 1, NoTotal: true})
		if err == nil && len(p.Docs) == 0 {
			err = store.ErrNotFound
		} else if err == nil {
			d = p.Docs[0]
		}
	}
	if err != nil {
		return value.Absent, fmt.Errorf("form %q: %w", key, err)
	}
	return value.ParseLast(d.Body)
}

// workflow is the name of an automation's workflow: found by id, so that it may have been
// renamed, else by name.
func (o Orders) workflow(ctx context.Context, a *workflows.Automation) (string, error) {
	if a.ComponentID != "" {
		s, err := o.Library.Workflow(ctx, a.ComponentID)
		if err == nil {
			return s.Name(), nil
		}
		if !errors.Is(err, store.ErrNotFound) {
			return "", err
		}
	}
	if a.ComponentName == "" {
		return "", refuse("automation %q has no workflow to start", a.Name)
	}
	return o.Library.Resolve(ctx, a.ComponentName, "")
}
