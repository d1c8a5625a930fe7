package server

import (
	"errors"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/schemas"
	"github.com/heddlehq/heddle/server/triggers"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// listWork lists the manual tasks that wait and that the caller may work: all of them, with
// owner=me their own, with owner=none those nobody has claimed; with overdue=true those whose
// time is over. The one that waits longest comes first.
func listWork(c *call) (value.Value, error) {
	q, err := c.list(shape{collection: store.Tasks, plain: []string{"escalated"}, options: []string{"owner", "overdue"}, sort: []store.Order{{Field: "metrics.start_time"}}})
	if err != nil {
		return value.Absent, err
	}
	q.and(store.And{store.Where("type", store.Eq, string(workflows.Manual)), store.Where("status", store.Eq, "running")})
	switch owner := q.options["owner"]; owner {
	case "", "any":
	case "me":
		q.and(store.Where("metrics.owner", store.Eq, c.who.ID))
	case "none":
		q.and(store.Where("metrics.owner", store.Exists, false))
	default:
		return value.Absent, badQuery("owner", "\"owner\" must be me, none or any, not %q.", clip(owner))
	}
	now := c.Now().UnixMilli()
	switch _, overdue, err := q.flag("overdue"); {
	case err != nil:
		return value.Absent, err
	case overdue:
		q.and(store.Where("metrics.due_time", store.Lt, now))
	}
	p, err := c.taskRuns(q, func(v value.Value) value.Value {
		due, ok := v.Path("metrics", "due_time").Int()
		return v.With("overdue", value.Bool(ok && due < now))
	})
	return p.operations("Successfully retrieved worklist"), err
}

// checkForm refuses to finish a task that shows a form with data that do not fit it.
func (c *call) checkForm(st runner.State, t *workflows.Task, s *engine.TaskState, outcome engine.Outcome) error {
	if outcome.State != workflows.Success {
		return nil
	}
	var forms []value.Value
	switch t.Name {
	case "ShowJsonForm":
		doc, err := c.form(s.Incoming.Get("form_id").Text(), st.Job.Name)
		if err != nil {
			return err
		}
		forms = append(forms, doc.Get("schema"))
	case "RenderJsonSchema":
		forms = append(forms, s.Incoming.Get("jsonSchema"), s.Incoming.Get("validationSchema"))
	}
	data := orElse(outcome.Outgoing.Get("export"), value.Object())
	for _, form := range forms {
		if form.Len() == 0 {
			continue
		}
		schema, err := schemas.Compile(form)
		if err != nil { // the form's defect must not keep the task for ever
			c.Log.Warn("form cannot be checked", "job", st.Job.ID, "task", t.ID, "err", err)
			continue
		}
		if broken := schema.Check(data); len(broken) > 0 {
			return &triggers.PayloadError{At: "/taskData/variables/export", What: "the form", Violations: broken}
		}
	}
	return nil
}

// form finds a form by id or name, a plain name also in the project of the workflow that shows
// it. Without such a form it is Absent: there is nothing to fit.
func (c *call) form(key, workflow string) (value.Value, error) {
	for _, name := range workflows.CandidateNames(workflow, key) {
		found, err := c.document(&forms, name)
		if r, ok := errors.AsType[*refusal](err); ok && r.reason == missing {
			continue
		}
		return found.doc, err
	}
	return value.Absent, nil
}
