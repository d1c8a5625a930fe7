package runner

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/payload"
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
	"archived":           func(d jobDoc) any { return orNil(d.job.Archived) },
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
	"live":               func(d jobDoc) any { return orNil(!d.job.Status.Final()) },
	"error":              func(d jobDoc) any { return len(d.job.Errors) > 0 },
	"metrics.run_time":   func(d jobDoc) any { return runTime(d.job) },
	"metrics.sla_missed": func(d jobDoc) any { return orNil(d.job.Breached) },
})

func runTime(j *engine.Job) any {
	if j.Status != engine.Complete {
		return nil
	}
	return j.EndedAt - j.StartedAt
}

func parentJob(j *engine.Job) any {
	if j.Parent == nil {
		return nil
	}
	return j.Parent.Job
}

// JobWrite stores a job over the revision it was read at.
func JobWrite(m *engine.Machine, job *engine.Job, expect int64) store.Write {
	return jobWrite(nil, m, job, expect, nil)
}

// jobWrite, as the others here, appends the body to a buffer.
func jobWrite(buf []byte, m *engine.Machine, job *engine.Job, expect int64, values engine.Values) store.Write {
	return store.Write{
		Collection: store.Jobs, ID: job.ID, Expect: expect, Body: m.AppendFolded(buf, job, values), Index: jobFields.values(jobDoc{m, job}),
	}
}

// largeJob is how long the document of a job may be, in bytes, before shorter values than
// otherwise are kept apart from it.
const largeJob = 192 << 10

// foldedJob stores a job with references for large values.
func foldedJob(buf []byte, m *engine.Machine, job *engine.Job, expect int64, f *payload.Folder) store.Write {
	for {
		w := jobWrite(buf, m, job, expect, f.Append)
		if len(w.Body) <= largeJob || !f.Tighten() {
			return w
		}
		buf = w.Body[:0]
	}
}

func historyID(job string, seq int64) string { return fmt.Sprintf("%s/%012d", job, seq) }

// largeHistory is the same for a document of the history.
const largeHistory = 1 << 20

// foldedHistory stores the events of one turn with references for large values.
func foldedHistory(buf []byte, job, token string, first int64, events []engine.Event, f *payload.Folder) store.Write {
	for {
		w := historyWrite(buf, job, token, first, events, f.Append)
		if len(w.Body) <= largeHistory || !f.Tighten() {
			return w
		}
		buf = w.Body[:0]
	}
}

// historyWrite stores the events of one turn. Their numbers follow from first, without gaps;
// two turns with the same number cannot both be stored.
func historyWrite(buf []byte, job, token string, first int64, events []engine.Event, values engine.Values) store.Write {
	b := append(buf, `{"_id":`...)
	b = value.AppendString(b, historyID(job, first))
	b = value.AppendString(append(b, `,"job":`...), job)
	b = strconv.AppendInt(append(b, `,"seq":`...), first, 10)
	b = strconv.AppendInt(append(b, `,"at":`...), events[0].At, 10)
	b = value.AppendString(append(b, `,"turn":`...), token)
	b = append(b, `,"events":[`...)
	for i := range events {
		if i > 0 {
			b = append(b, ',')
		}
		b = engine.AppendEventFolded(b, &events[i], values)
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
	"metrics.run_time":     func(d runDoc) any { return taskTime(d.run) },
	"metrics.user":         func(d runDoc) any { return orNil(d.job.User) },
	"metrics.owner":        func(d runDoc) any { return orNil(d.run.Owner) },
	"metrics.due_time":     func(d runDoc) any { return orNil(d.run.DueAt) },
	"escalated":            func(d runDoc) any { return orNil(d.run.Escalated) },
	"groups":               func(d runDoc) any { return setOrNil(workedBy(d.task, d.run)) },
	"listens":              listens,
})

func taskTime(r *engine.Run) any {
	if r.EndedAt == 0 {
		return nil
	}
	return r.EndedAt - r.StartedAt
}

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

// TaskWrite stores the picture of one iteration, in the form the API shows except for values,
// which may have another; nil gives their JSON.
func TaskWrite(m *engine.Machine, job *engine.Job, run *engine.Run, values engine.Values) store.Write {
	return taskWrite(nil, m, job, run, values)
}

func taskWrite(buf []byte, m *engine.Machine, job *engine.Job, run *engine.Run, values engine.Values) store.Write {
	task, _ := m.Workflow().Task(run.Task)
	w := value.Writer{Buf: buf, Values: values}
	writeTask(&w, task, job, run)
	return store.Write{
		Collection: store.Tasks, ID: run.ID, Expect: store.Any, Body: w.Buf, Index: taskFields.values(runDoc{task, job, run}),
	}
}

// workedBy lists the groups that may work a run.
func workedBy(task *workflows.Task, run *engine.Run) []string {
	if len(task.Groups) == 0 || !run.Escalated {
		return task.Groups
	}
	return append(slices.Clip(task.Groups), task.Person.EscalateTo...)
}

func writeTask(w *value.Writer, task *workflows.Task, job *engine.Job, run *engine.Run) {
	w.Open("", '{')
	w.Text("_id", run.ID)
	w.Text("name", task.Name)
	w.OptText("summary", task.Summary)
	w.OptText("description", task.Description)
	w.Text("app", task.App)
	w.Text("location", task.Location)
	w.Text("type", string(task.Type))
	w.OptText("view", task.View)
	w.Text("status", TaskWireStatus(run.Status))
	w.Open("variables", '{')
	w.Value("incoming", orEmpty(run.Incoming))
	w.Value("outgoing", orEmpty(run.Outgoing))
	w.Value("error", orText(run.Error))
	w.Open("decorators", '[')
	for _, d := range task.Decorators {
		w.Open("", '{')
		w.Text("type", d.Type)
		w.Text("pointer", d.Pointer)
		w.Close('}')
	}
	w.Close(']')
	w.Close('}')
	w.OptValue("changes", run.Changes)
	w.Texts("groups", workedBy(task, run))
	w.OptTrue("escalated", run.Escalated)
	if need := task.Person.Approvals; need > 1 {
		w.Open("approvals", '{')
		w.Int("needed", int64(need))
		w.Texts("by", run.Votes)
		w.Close('}')
	}
	w.Int("iteration", int64(run.Iteration))
	w.Int("attempt", int64(run.Attempt))
	w.Open("job", '{')
	w.Text("_id", job.ID)
	w.Text("task", run.Task)
	w.Text("name", job.Name)
	w.Text("description", job.Description)
	w.Text("root", job.Ancestors[0])
	w.Texts("ancestors", job.Ancestors)
	w.Close('}')
	if l, ok := listens(runDoc{task, job, run}).(string); ok {
		w.Text("listens", l)
	}
	writeMetrics(w, job, run)
	w.Int("last_updated", job.UpdatedAt)
	w.Close('}')
}

func writeMetrics(w *value.Writer, job *engine.Job, run *engine.Run) {
	w.Open("metrics", '{')
	w.OptInt("start_time", run.StartedAt)
	w.OptInt("claim_time", run.ClaimedAt)
	w.OptInt("due_time", run.DueAt)
	w.OptInt("end_time", run.EndedAt)
	if run.EndedAt > 0 {
		w.Int("run_time", run.EndedAt-run.StartedAt)
	}
	w.OptText("finish_state", string(run.Finish))
	w.OptText("user", job.User)
	w.OptText("owner", run.Owner)
	w.OptText("server_id", run.Worker)
	w.OptTrue("retrying", run.Retrying)
	if run.Percent > 0 || run.Text != "" {
		w.Value("percent", value.Number(run.Percent))
		w.Text("progress_text", run.Text)
	}
	w.Close('}')
}

func orEmpty(v value.Value) value.Value {
	if v.IsAbsent() {
		return noMembers
	}
	return v
}

func orText(v value.Value) value.Value {
	if v.IsAbsent() {
		return noText
	}
	return v
}

var noMembers, noText = value.Object(), value.String("")
