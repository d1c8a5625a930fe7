package doctor

import (
	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// jobIndex gives the index values of a job, in the order of the collection's fields. They
// are those the runner stores; tests compare the two.
func jobIndex(m *engine.Machine, job *engine.Job) []any {
	values := map[string]any{
		"name":               job.Name,
		"workflow":           job.Name,
		"status":             string(runner.WireStatus(job.Status)),
		"type":               job.Type,
		"description":        job.Description,
		"metrics.start_time": job.StartedAt,
		"metrics.end_time":   some(job.EndedAt),
		"metrics.user":       some(job.User),
		"metrics.owner":      some(job.User),
		"metrics.progress":   m.Progress(job),
		"created":            job.StartedAt,
		"created_by":         some(job.User),
		"last_updated":       job.UpdatedAt,
		"last_updated_by":    some(job.User),
		"ancestors":          job.Ancestors,
		"groups":             job.Groups,
		"watchers":           job.Watchers,
		"uuid":               some(m.Workflow().ID),
		"due":                some(job.Due()),
		"live":               some(!job.Status.Final() || len(job.Outbox) > 0),
		"error":              len(job.Errors) > 0,
	}
	if job.Parent != nil {
		values["parent.job"] = job.Parent.Job
	}
	if len(job.Ancestors) > 0 {
		values["root"] = job.Ancestors[0]
	}
	fields := collection(store.Jobs).Fields
	out := make([]any, len(fields))
	for i, f := range fields {
		out[i] = values[f.Name]
	}
	return out
}

// some is v, or nil for the zero value.
func some[T comparable](v T) any {
	var zero T
	if v == zero {
		return nil
	}
	return v
}

// taskWrite stores the document of a task run as the runner writes it; tests compare the two.
func taskWrite(m *engine.Machine, job *engine.Job, r *engine.Run, revision int64) store.Write {
	task, _ := m.Workflow().Task(r.Task)
	doc := taskDoc(task, job, r)
	return store.Write{
		Collection: store.Tasks, ID: r.ID, Expect: revision, Body: doc.AppendJSON(nil), Index: collection(store.Tasks).IndexOf(doc),
	}
}

func taskDoc(task *workflows.Task, job *engine.Job, r *engine.Run) value.Value {
	var d value.Members
	d.Set("_id", value.String(r.ID))
	d.Set("name", value.String(task.Name))
	text(&d, "summary", task.Summary)
	text(&d, "description", task.Description)
	d.Set("app", value.String(task.App))
	d.Set("location", value.String(task.Location))
	d.Set("type", value.String(string(task.Type)))
	text(&d, "view", task.View)
	d.Set("status", value.String(runner.TaskWireStatus(r.Status)))
	d.Set("variables", value.Object(
		"incoming", otherwise(r.Incoming, value.Object()), "outgoing", otherwise(r.Outgoing, value.Object()),
		"error", otherwise(r.Error, value.String("")), "decorators", decorators(task.Decorators)))
	d.Set("groups", value.Strings(task.Groups...))
	d.Set("iteration", value.Int(int64(r.Iteration)))
	d.Set("attempt", value.Int(int64(r.Attempt)))
	d.Set("job", value.Object(
		"_id", value.String(job.ID), "task", value.String(r.Task), "name", value.String(job.Name),
		"description", value.String(job.Description), "root", value.String(job.Ancestors[0]), "ancestors", value.Strings(job.Ancestors...)))
	if r.Subscribed {
		d.Set("listens", value.String(store.ListensTo(r.Incoming.Get("source").Text(), r.Incoming.Get("topic").Text())))
	}
	d.Set("metrics", metrics(job, r))
	d.Set("last_updated", value.Int(job.UpdatedAt))
	return d.Value()
}

func metrics(job *engine.Job, r *engine.Run) value.Value {
	var m value.Members
	when := func(key string, ms int64) {
		if ms > 0 {
			m.Set(key, value.Int(ms))
		}
	}
	when("start_time", r.StartedAt)
	when("claim_time", r.ClaimedAt)
	when("end_time", r.EndedAt)
	if r.EndedAt > 0 {
		m.Set("run_time", value.Int(r.EndedAt-r.StartedAt))
	}
	text(&m, "finish_state", string(r.Finish))
	text(&m, "user", job.User)
	text(&m, "owner", r.Owner)
	text(&m, "server_id", r.Worker)
	if r.Retrying {
		m.Set("retrying", value.True)
	}
	if r.Percent > 0 || r.Text != "" {
		m.Set("percent", value.Number(r.Percent)).Set("progress_text", value.String(r.Text))
	}
	return m.Value()
}

func decorators(ds []workflows.Decorator) value.Value {
	out := make([]value.Value, 0, len(ds))
	for _, d := range ds {
		out = append(out, value.Object("type", value.String(d.Type), "pointer", value.String(d.Pointer)))
	}
	return value.Array(out...)
}

func text(m *value.Members, key, s string) {
	if s != "" {
		m.Set(key, value.String(s))
	}
}

func otherwise(v, none value.Value) value.Value {
	if v.IsAbsent() {
		return none
	}
	return v
}
