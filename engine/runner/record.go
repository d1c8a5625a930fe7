package runner

import (
	"fmt"
	"slices"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// indexer gives the index values of a collection's documents from typed data, in the order
// the collection declares its fields.
type indexer[T any] []func(T) any

func newIndexer[T any](collection string, fields map[string]func(T) any) indexer[T] {
	at := slices.IndexFunc(store.Collections, func(c store.Collection) bool { return c.Name == collection })
	var out indexer[T]
	for _, f := range store.Collections[at].Fields {
		get := fields[f.Name]
		if get == nil {
			get = func(T) any { return nil }
		}
		out = append(out, get)
	}
	return out
}

func (x indexer[T]) values(t T) []any {
	out := make([]any, len(x))
	for i, get := range x {
		out[i] = get(t)
	}
	return out
}

type jobDoc struct {
	m   *engine.Machine
	job *engine.Job
}

func orNil[T comparable](v T) any {
	var zero T
	if v == zero {
		return nil
	}
	return v
}

func setOrNil(ss []string) any {
	if len(ss) == 0 {
		return nil
	}
	return ss
}

var jobFields = newIndexer(store.Jobs, map[string]func(jobDoc) any{
	"name":               func(d jobDoc) any { return d.job.Name },
	"workflow":           func(d jobDoc) any { return d.job.Name },
	"status":             func(d jobDoc) any { return string(d.job.Status.Shown()) },
	"type":               func(d jobDoc) any { return d.job.Type },
	"description":        func(d jobDoc) any { return d.job.Description },
	"metrics.start_time": func(d jobDoc) any { return d.job.StartedAt },
	"metrics.end_time":   func(d jobDoc) any { return orNil(d.job.EndedAt) },
	"metrics.user":       func(d jobDoc) any { return orNil(d.job.User) },
	"metrics.owner":      func(d jobDoc) any { return orNil(d.job.User) },
	"metrics.progress":   func(d jobDoc) any { return d.m.Progress(d.job) },
	"created":            func(d jobDoc) any { return d.job.StartedAt },
	"created_by":         func(d jobDoc) any { return orNil(d.job.User) },
	"last_updated":       func(d jobDoc) any { return d.job.UpdatedAt },
	"last_updated_by":    func(d jobDoc) any { return orNil(d.job.User) },
	"parent.job":         func(d jobDoc) any { return parentJob(d.job) },
	"root":               func(d jobDoc) any { return d.job.Ancestors[0] },
	"ancestors":          func(d jobDoc) any { return setOrNil(d.job.Ancestors) },
	"groups":             func(d jobDoc) any { return setOrNil(d.job.Groups) },
	"watchers":           func(d jobDoc) any { return setOrNil(d.job.Watchers) },
	"uuid":               func(d jobDoc) any { return orNil(d.m.Workflow().ID) },
	"due":                func(d jobDoc) any { return orNil(d.job.Due()) },
	"live":               func(d jobDoc) any { return orNil(!d.job.Status.Final() || len(d.job.Outbox) > 0) },
	"error":              func(d jobDoc) any { return len(d.job.Errors) > 0 },
})

func parentJob(j *engine.Job) any {
	if j.Parent == nil {
		return nil
	}
	return j.Parent.Job
}

// JobWrite stores a job over the revision it was read at.
func JobWrite(m *engine.Machine, job *engine.Job, expect int64) store.Write {
	return store.Write{
		Collection: store.Jobs, ID: job.ID, Expect: expect, Body: m.Append(make([]byte, 0, 4<<10), job), Index: jobFields.values(jobDoc{m, job}),
	}
}

func historyID(job string, seq int64) string { return fmt.Sprintf("%s/%012d", job, seq) }

// historyWrite stores the events of one turn. Their numbers follow from first, without gaps;
// two turns with the same number cannot both be stored.
func historyWrite(job, token string, first int64, events []engine.Event) store.Write {
	b := append(make([]byte, 0, 1<<10), `{"_id":`...)
	b = value.AppendString(b, historyID(job, first))
	b = value.AppendString(append(b, `,"job":`...), job)
	b = fmt.Appendf(b, `,"seq":%d,"at":%d,"turn":%q,"events":[`, first, events[0].At, token)
	for i := range events {
		if i > 0 {
			b = append(b, ',')
		}
		b = engine.AppendEvent(b, &events[i])
	}
	b = append(b, "]}"...)
	return store.Write{
		Collection: store.History, ID: historyID(job, first), Expect: store.New, Body: b,
		Index: historyFields.values(historyDoc{job, first, events[0].At}),
	}
}

type historyDoc struct {
	job     string
	seq, at int64
}

var historyFields = newIndexer(store.History, map[string]func(historyDoc) any{
	"job": func(d historyDoc) any { return d.job },
	"seq": func(d historyDoc) any { return d.seq },
	"at":  func(d historyDoc) any { return d.at },
})

type runDoc struct {
	task *workflows.Task
	job  *engine.Job
	run  *engine.Run
}

var taskFields = newIndexer(store.Tasks, map[string]func(runDoc) any{
	"name":                 func(d runDoc) any { return d.task.Name },
	"app":                  func(d runDoc) any { return d.task.App },
	"type":                 func(d runDoc) any { return string(d.task.Type) },
	"view":                 func(d runDoc) any { return orNil(d.task.View) },
	"status":               func(d runDoc) any { return TaskWireStatus(d.run.Status) },
	"job._id":              func(d runDoc) any { return d.job.ID },
	"job.task":             func(d runDoc) any { return d.run.Task },
	"job.name":             func(d runDoc) any { return d.job.Name },
	"job.description":      func(d runDoc) any { return d.job.Description },
	"job.root":             func(d runDoc) any { return d.job.Ancestors[0] },
	"metrics.start_time":   func(d runDoc) any { return orNil(d.run.StartedAt) },
	"metrics.end_time":     func(d runDoc) any { return orNil(d.run.EndedAt) },
	"metrics.finish_state": func(d runDoc) any { return orNil(string(d.run.Finish)) },
	"metrics.user":         func(d runDoc) any { return orNil(d.job.User) },
	"metrics.owner":        func(d runDoc) any { return orNil(d.run.Owner) },
	"groups":               func(d runDoc) any { return setOrNil(d.task.Groups) },
	"listens":              listens,
})

func listens(d runDoc) any {
	if !d.run.Subscribed {
		return nil
	}
	return store.ListensTo(d.run.Incoming.Get("source").Text(), d.run.Incoming.Get("topic").Text())
}

// TaskWireStatus is a task's status as the API spells it.
func TaskWireStatus(s engine.TaskStatus) string {
	switch s {
	case engine.TaskIdle, engine.TaskReady:
		return "incomplete"
	case engine.TaskRetrying:
		return "running"
	case engine.TaskBlocked:
		return "paused"
	}
	return string(s)
}

// TaskWrite stores the picture of one iteration, in the form the API shows.
func TaskWrite(m *engine.Machine, job *engine.Job, run *engine.Run) store.Write {
	task, _ := m.Workflow().Task(run.Task)
	return store.Write{
		Collection: store.Tasks, ID: run.ID, Expect: store.Any,
		Body: taskDoc(task, job, run).AppendJSON(make([]byte, 0, 1<<10)), Index: taskFields.values(runDoc{task, job, run}),
	}
}

func taskDoc(task *workflows.Task, job *engine.Job, run *engine.Run) value.Value {
	vars := value.Object("incoming", orEmpty(run.Incoming), "outgoing", orEmpty(run.Outgoing), "error", orText(run.Error), "decorators", decorators(task.Decorators))
	var metrics value.Members
	when := func(key string, ms int64) {
		if ms > 0 {
			metrics.Set(key, value.Int(ms))
		}
	}
	when("start_time", run.StartedAt)
	when("claim_time", run.ClaimedAt)
	when("end_time", run.EndedAt)
	if run.EndedAt > 0 {
		metrics.Set("run_time", value.Int(run.EndedAt-run.StartedAt))
	}
	text := func(m *value.Members, key, s string) {
		if s != "" {
			m.Set(key, value.String(s))
		}
	}
	text(&metrics, "finish_state", string(run.Finish))
	text(&metrics, "user", job.User)
	text(&metrics, "owner", run.Owner)
	text(&metrics, "server_id", run.Worker)
	if run.Retrying {
		metrics.Set("retrying", value.True)
	}
	if run.Percent > 0 || run.Text != "" {
		metrics.Set("percent", value.Number(run.Percent)).Set("progress_text", value.String(run.Text))
	}
	var d value.Members
	d.Set("_id", value.String(run.ID))
	d.Set("name", value.String(task.Name))
	text(&d, "summary", task.Summary)
	text(&d, "description", task.Description)
	d.Set("app", value.String(task.App))
	d.Set("location", value.String(task.Location))
	d.Set("type", value.String(string(task.Type)))
	text(&d, "view", task.View)
	d.Set("status", value.String(TaskWireStatus(run.Status)))
	d.Set("variables", vars)
	d.Set("groups", value.Strings(task.Groups...))
	d.Set("iteration", value.Int(int64(run.Iteration)))
	d.Set("attempt", value.Int(int64(run.Attempt)))
	d.Set("job", value.Object(
		"_id", value.String(job.ID), "task", value.String(run.Task), "name", value.String(job.Name),
		"description", value.String(job.Description), "root", value.String(job.Ancestors[0]), "ancestors", value.Strings(job.Ancestors...)))
	if l, ok := listens(runDoc{task, job, run}).(string); ok {
		d.Set("listens", value.String(l))
	}
	d.Set("metrics", metrics.Value())
	d.Set("last_updated", value.Int(job.UpdatedAt))
	return d.Value()
}

func decorators(ds []workflows.Decorator) value.Value {
	out := make([]value.Value, 0, len(ds))
	for _, d := range ds {
		out = append(out, value.Object("type", value.String(d.Type), "pointer", value.String(d.Pointer)))
	}
	return value.Array(out...)
}

func orEmpty(v value.Value) value.Value {
	if v.IsAbsent() {
		return value.Object()
	}
	return v
}

func orText(v value.Value) value.Value {
	if v.IsAbsent() {
		return value.String("")
	}
	return v
}
