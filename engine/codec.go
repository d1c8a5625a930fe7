package engine

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// SchemaVersion is the version of the stored form of jobs and events.
const SchemaVersion = 1

// writer appends the members of a JSON object, leaving zero values out.
type writer struct {
	b    []byte
	more bool
}

func (w *writer) key(k string) {
	if w.more {
		w.b = append(w.b, ',')
	}
	w.more = true
	w.b = append(w.b, '"')
	w.b = append(w.b, k...)
	w.b = append(w.b, '"', ':')
}

func (w *writer) open(k string, bracket byte) {
	if k != "" {
		w.key(k)
	} else if w.more {
		w.b = append(w.b, ',')
	}
	w.b = append(w.b, bracket)
	w.more = false
}

func (w *writer) close(bracket byte) {
	w.b = append(w.b, bracket)
	w.more = true
}

func (w *writer) text(k, s string) {
	if s != "" {
		w.key(k)
		w.b = value.AppendString(w.b, s)
	}
}

func (w *writer) int(k string, i int64) {
	if i != 0 {
		w.key(k)
		w.b = strconv.AppendInt(w.b, i, 10)
	}
}

func (w *writer) bool(k string, v bool) {
	if v {
		w.key(k)
		w.b = append(w.b, "true"...)
	}
}

func (w *writer) float(k string, f float64) {
	if f != 0 {
		w.value(k, value.Number(f))
	}
}

func (w *writer) value(k string, v value.Value) {
	if !v.IsAbsent() {
		w.key(k)
		w.b = v.AppendJSON(w.b)
	}
}

func (w *writer) texts(k string, ss []string) {
	if ss != nil {
		w.value(k, value.Strings(ss...))
	}
}

// Append appends the stored form of a job to dst.
func (m *Machine) Append(dst []byte, j *Job) []byte {
	w := &writer{b: append(dst, '{')}
	w.int("v", SchemaVersion)
	w.text("_id", j.ID)
	w.text("revision", j.Revision)
	w.text("name", j.Name)
	w.text("description", j.Description)
	w.text("type", j.Type)
	w.text("status", string(j.Status))
	w.int("seq", j.Seq)
	w.value("variables", j.Variables)
	w.records("errors", j.Errors)
	w.records("warnings", j.Warnings)
	w.texts("groups", j.Groups)
	w.texts("watchers", j.Watchers)
	w.texts("ancestors", j.Ancestors)
	w.parent("parent", j.Parent)
	w.text("initiator", j.Initiator)
	w.text("user", j.User)
	w.int("startedAt", j.StartedAt)
	w.int("endedAt", j.EndedAt)
	w.int("updatedAt", j.UpdatedAt)
	w.int("heldAt", j.HeldAt)
	w.text("heldBy", j.HeldBy)
	w.bool("breached", j.Breached)
	w.bool("handling", j.Handling)
	w.bool("handled", j.Handled)
	w.int("reverts", int64(j.Reverts))
	if len(j.Counters) > 0 {
		w.open("counters", '{')
		for _, c := range j.Counters {
			w.b = append(value.AppendString(w.comma(), c.Name), ':')
			w.b = strconv.AppendInt(w.b, c.N, 10)
		}
		w.close('}')
	}
	if len(j.Timers) > 0 {
		w.open("timers", '[')
		for _, t := range j.Timers {
			w.open("", '{')
			w.text("kind", string(t.Kind))
			w.text("task", t.Task)
			w.int("iteration", int64(t.Iteration))
			w.int("due", t.Due)
			w.close('}')
		}
		w.close(']')
	}
	if len(j.Held) > 0 {
		w.open("held", '[')
		for _, i := range j.Held {
			w.b = value.AppendString(w.comma(), m.places[i].task.ID)
		}
		w.close(']')
	}
	if len(j.Outbox) > 0 {
		w.open("outbox", '[')
		for i := range j.Outbox {
			w.open("", '{')
			w.effect(&j.Outbox[i])
			w.close('}')
		}
		w.close(']')
	}
	w.open("tasks", '{')
	for i, t := range j.Tasks {
		if t.Status == TaskIdle && !t.Never && t.Iteration == 0 && !t.Skip {
			continue
		}
		w.b = append(value.AppendString(w.comma(), m.places[i].task.ID), ':', '{')
		w.more = false
		w.task(t)
		w.close('}')
	}
	w.close('}')
	w.close('}')
	return w.b
}

// comma starts an element of an array or a member with a key of its own.
func (w *writer) comma() []byte {
	if w.more {
		w.b = append(w.b, ',')
	}
	w.more = true
	return w.b
}

func (w *writer) task(t *TaskState) {
	w.text("status", string(t.Status))
	w.bool("never", t.Never)
	w.bool("skip", t.Skip)
	w.int("iteration", int64(t.Iteration))
	w.int("retries", int64(t.Retries))
	w.bool("exhausted", t.Exhausted)
	w.text("mode", t.Mode)
	w.text("approved", t.Approved)
	w.value("incoming", t.Incoming)
	w.value("outgoing", t.Outgoing)
	w.value("error", t.Error)
	w.int("firstAt", t.FirstAt)
	w.int("startedAt", t.StartedAt)
	w.int("endedAt", t.EndedAt)
	w.int("claimedAt", t.ClaimedAt)
	w.int("aliveAt", t.AliveAt)
	w.int("reportedAt", t.ReportedAt)
	w.text("owner", t.Owner)
	w.text("worker", t.Worker)
	w.float("percent", t.Percent)
	w.text("text", t.Text)
	w.bool("subscribed", t.Subscribed)
	if t.Pending != nil {
		w.outcome("pending", t.Pending)
	}
	if l := t.Loop; l != nil {
		w.open("loop", '{')
		w.int("total", int64(l.Total))
		w.int("next", int64(l.Next))
		w.int("live", int64(l.Live))
		w.int("done", int64(l.Done))
		w.bool("any", l.Any)
		if len(l.Kids) > 0 {
			w.open("kids", '[')
			for _, k := range l.Kids {
				w.open("", '{')
				w.text("_id", k.ID)
				w.int("element", int64(k.Element))
				w.text("status", string(k.Status))
				w.value("output", k.Output)
				w.bool("started", k.Started)
				w.bool("done", k.Done)
				w.close('}')
			}
			w.close(']')
		}
		w.close('}')
	}
}

func (w *writer) records(k string, rs []Record) {
	if len(rs) == 0 {
		return
	}
	w.open(k, '[')
	for _, r := range rs {
		w.open("", '{')
		w.text("task", r.Task)
		w.text("name", r.Name)
		w.value("message", r.Message)
		w.int("at", r.At)
		w.bool("resolved", r.Resolved)
		w.close('}')
	}
	w.close(']')
}

func (w *writer) parent(k string, p *Parent) {
	if p == nil {
		return
	}
	w.open(k, '{')
	w.text("job", p.Job)
	w.text("task", p.Task)
	w.int("iteration", int64(p.Iteration))
	w.int("element", int64(p.Element))
	w.close('}')
}

func (w *writer) outcome(k string, o *Outcome) {
	w.open(k, '{')
	w.text("finishState", string(o.State))
	w.value("outgoing", o.Outgoing)
	w.value("error", o.Error)
	if len(o.Writes) > 0 {
		w.open("writes", '[')
		for _, x := range o.Writes {
			w.open("", '{')
			w.text("name", x.Name)
			w.value("value", x.Value)
			w.close('}')
		}
		w.close(']')
	}
	if len(o.Counters) > 0 {
		w.open("counters", '[')
		for _, c := range o.Counters {
			w.open("", '{')
			w.text("name", c.Name)
			w.int("n", c.N)
			w.close('}')
		}
		w.close(']')
	}
	w.value("changes", o.Changes)
	w.text("describe", o.Describe)
	w.int("delay", o.Delay)
	w.close('}')
}

// effect writes the effects an outbox can hold.
func (w *writer) effect(e *Effect) {
	w.text("type", string(e.Type))
	w.text("key", e.Key)
	w.text("task", e.Task)
	w.int("iteration", int64(e.Iteration))
	w.text("child", e.Child)
	w.text("act", e.Act)
	w.text("topic", e.Topic)
	w.text("status", string(e.Status))
	w.parent("parent", e.Parent)
	w.value("variables", e.Variables)
}

// AppendEvent appends the stored form of an event to dst.
func AppendEvent(dst []byte, e *Event) []byte {
	w := &writer{b: append(dst, '{')}
	w.text("type", string(e.Type))
	w.int("at", e.At)
	w.text("by", e.By)
	w.text("task", e.Task)
	w.text("to", e.To)
	w.int("iteration", int64(e.Iteration))
	w.int("element", int64(e.Element))
	w.text("child", e.Child)
	w.text("status", string(e.Status))
	if e.Outcome.State != "" || !e.Outcome.Error.IsAbsent() {
		w.outcome("outcome", &e.Outcome)
	}
	w.value("variables", e.Variables)
	w.texts("groups", e.Groups)
	w.texts("watchers", e.Watchers)
	w.text("owner", e.Owner)
	w.text("worker", e.Worker)
	w.text("text", e.Text)
	w.float("percent", e.Percent)
	w.bool("graceful", e.Graceful)
	if s := e.Start; s != nil {
		w.open("start", '{')
		w.text("_id", s.ID)
		w.text("description", s.Description)
		w.text("type", s.Type)
		w.value("variables", s.Variables)
		w.texts("groups", s.Groups)
		w.text("initiator", s.Initiator)
		w.text("user", s.User)
		w.texts("ancestors", s.Ancestors)
		w.parent("parent", s.Parent)
		w.close('}')
	}
	w.close('}')
	return w.b
}

func number(v value.Value, key string) int64 {
	i, _ := v.Get(key).Int()
	return i
}

func texts(v value.Value, key string) []string {
	list := v.Get(key)
	if !list.IsArray() {
		return nil
	}
	out := make([]string, list.Len())
	for i, e := range list.Elements() {
		out[i] = e.Text()
	}
	return out
}

// Revision reads which workflow snapshot a stored job runs.
func Revision(stored value.Value) string { return stored.Get("revision").Text() }

// Decode reads the stored form of a job. It must be a job of this machine's revision.
func (m *Machine) Decode(v value.Value) (*Job, error) {
	if number(v, "v") > SchemaVersion {
		return nil, fmt.Errorf("job %s is stored in form %d, newer than %d", v.Get("_id").Text(), number(v, "v"), SchemaVersion)
	}
	if r := Revision(v); r != m.revision {
		return nil, fmt.Errorf("job %s runs revision %q, not %q", v.Get("_id").Text(), r, m.revision)
	}
	j := &Job{
		ID: v.Get("_id").Text(), Revision: m.revision, Name: v.Get("name").Text(), Description: v.Get("description").Text(),
		Type: v.Get("type").Text(), Status: Status(v.Get("status").Text()), Seq: number(v, "seq"), Variables: v.Get("variables"),
		Errors: records(v.Get("errors")), Warnings: records(v.Get("warnings")), Groups: texts(v, "groups"), Watchers: texts(v, "watchers"),
		Ancestors: texts(v, "ancestors"), Parent: parent(v.Get("parent")), Initiator: v.Get("initiator").Text(), User: v.Get("user").Text(),
		StartedAt: number(v, "startedAt"), EndedAt: number(v, "endedAt"), UpdatedAt: number(v, "updatedAt"),
		HeldAt: number(v, "heldAt"), HeldBy: v.Get("heldBy").Text(), Breached: v.Get("breached").Truth(),
		Handling: v.Get("handling").Truth(), Handled: v.Get("handled").Truth(), Reverts: int(number(v, "reverts")),
		Tasks: make([]*TaskState, len(m.places)),
	}
	counters := v.Get("counters")
	for name := range counters.Members() {
		j.Counters = append(j.Counters, Count{name, number(counters, name)})
	}
	for _, t := range v.Get("timers").Elements() {
		j.Timers = append(j.Timers, Timer{Kind: TimerKind(t.Get("kind").Text()), Task: t.Get("task").Text(), Iteration: int(number(t, "iteration")), Due: number(t, "due")})
	}
	for _, id := range v.Get("held").Elements() {
		if i, ok := m.index[id.Text()]; ok {
			j.Held = append(j.Held, i)
		}
	}
	for _, e := range v.Get("outbox").Elements() {
		j.Outbox = append(j.Outbox, Effect{
			Type: EffectType(e.Get("type").Text()), Key: e.Get("key").Text(), Task: e.Get("task").Text(), Iteration: int(number(e, "iteration")),
			Child: e.Get("child").Text(), Act: e.Get("act").Text(), Topic: e.Get("topic").Text(), Status: Status(e.Get("status").Text()),
			Parent: parent(e.Get("parent")), Variables: e.Get("variables"),
		})
	}
	idle := &TaskState{}
	for i := range j.Tasks {
		j.Tasks[i] = idle
	}
	for id, t := range v.Get("tasks").Members() {
		i, ok := m.index[id]
		if !ok {
			return nil, fmt.Errorf("job %s has a task %q that its workflow does not have", j.ID, id)
		}
		j.Tasks[i] = taskState(t)
		if err := m.sound(i, j.Tasks[i]); err != nil {
			return nil, fmt.Errorf("job %s, task %q: %w", j.ID, id, err)
		}
	}
	return j, nil
}

// sound refuses a task state that no step can lead to and that later steps rely on not to be.
func (m *Machine) sound(i int, t *TaskState) error {
	n, l := &m.places[i], t.Loop
	loops := n.kind == kindChildJob || n.kind == kindForEach
	switch {
	case t.Status == TaskRetrying && n.task.Retry == nil:
		return errors.New("it waits for a retry, but has no retry settings")
	case t.Status == TaskRunning && loops && l == nil:
		return errors.New("it runs without a loop")
	case l != nil && !loops:
		return errors.New("it has a loop, but is neither a childJob nor a forEach")
	case l != nil && t.Status != TaskComplete && t.Status != TaskFailure && l.Total > max(1, t.Incoming.Get("data_array").Len()):
		return fmt.Errorf("its loop has %d elements, more than its data", l.Total)
	case l != nil && !l.sound(n.kind == kindChildJob && t.Status == TaskRunning):
		return fmt.Errorf("its loop of %d elements cannot be at %d, with %d children done and %d under way", l.Total, l.Next, l.Done, l.Live)
	}
	return nil
}

// sound tells whether the numbers of a loop fit; while it runs, a child must be left to end it.
func (l *Loop) sound(running bool) bool {
	done := 0
	for _, k := range l.Kids {
		if k.Done {
			done++
		}
	}
	return 0 <= l.Next && l.Next <= l.Total && l.Done == done && l.Done+l.Live == len(l.Kids) && len(l.Kids) <= l.Total &&
		!(running && l.Done == l.Total)
}

func taskState(v value.Value) *TaskState {
	t := &TaskState{
		Status: TaskStatus(v.Get("status").Text()), Never: v.Get("never").Truth(), Skip: v.Get("skip").Truth(),
		Iteration: int(number(v, "iteration")), Retries: int(number(v, "retries")), Exhausted: v.Get("exhausted").Truth(),
		Mode: v.Get("mode").Text(), Approved: v.Get("approved").Text(),
		Incoming: v.Get("incoming"), Outgoing: v.Get("outgoing"), Error: v.Get("error"),
		FirstAt: number(v, "firstAt"), StartedAt: number(v, "startedAt"), EndedAt: number(v, "endedAt"),
		ClaimedAt: number(v, "claimedAt"), AliveAt: number(v, "aliveAt"), ReportedAt: number(v, "reportedAt"), Owner: v.Get("owner").Text(), Worker: v.Get("worker").Text(),
		Percent: v.Get("percent").Float(), Text: v.Get("text").Text(), Subscribed: v.Get("subscribed").Truth(),
	}
	if p := v.Get("pending"); p.IsObject() {
		o := DecodeOutcome(p)
		t.Pending = &o
	}
	if l := v.Get("loop"); l.IsObject() {
		t.Loop = &Loop{
			Total: int(number(l, "total")), Next: int(number(l, "next")), Live: int(number(l, "live")), Done: int(number(l, "done")),
			Any: l.Get("any").Truth(),
		}
		for _, k := range l.Get("kids").Elements() {
			t.Loop.Kids = append(t.Loop.Kids, Kid{
				ID: k.Get("_id").Text(), Element: int(number(k, "element")), Status: Status(k.Get("status").Text()),
				Output: k.Get("output"), Started: k.Get("started").Truth(), Done: k.Get("done").Truth(),
			})
		}
	}
	return t
}

func records(v value.Value) []Record {
	var out []Record
	for _, r := range v.Elements() {
		out = append(out, Record{
			Task: r.Get("task").Text(), Name: r.Get("name").Text(), Message: r.Get("message"),
			At: number(r, "at"), Resolved: r.Get("resolved").Truth(),
		})
	}
	return out
}

func parent(v value.Value) *Parent {
	if !v.IsObject() {
		return nil
	}
	return &Parent{Job: v.Get("job").Text(), Task: v.Get("task").Text(), Iteration: int(number(v, "iteration")), Element: int(number(v, "element"))}
}

// DecodeOutcome reads an outcome as events and workers write it: {finishState, outgoing,
// error, ...}.
func DecodeOutcome(v value.Value) Outcome {
	o := Outcome{
		State: workflows.FinishState(v.Get("finishState").Text()), Outgoing: v.Get("outgoing"), Error: v.Get("error"),
		Changes: v.Get("changes"), Describe: v.Get("describe").Text(), Delay: number(v, "delay"),
	}
	for _, x := range v.Get("writes").Elements() {
		o.Writes = append(o.Writes, Write{Name: x.Get("name").Text(), Value: x.Get("value")})
	}
	for _, c := range v.Get("counters").Elements() {
		o.Counters = append(o.Counters, Count{Name: c.Get("name").Text(), N: number(c, "n")})
	}
	return o
}

// DecodeEvent reads the stored form of an event.
func DecodeEvent(v value.Value) Event {
	e := Event{
		Type: EventType(v.Get("type").Text()), At: number(v, "at"), By: v.Get("by").Text(), Task: v.Get("task").Text(), To: v.Get("to").Text(),
		Iteration: int(number(v, "iteration")), Element: int(number(v, "element")), Child: v.Get("child").Text(), Status: Status(v.Get("status").Text()),
		Outcome: DecodeOutcome(v.Get("outcome")), Variables: v.Get("variables"), Groups: texts(v, "groups"), Watchers: texts(v, "watchers"),
		Owner: v.Get("owner").Text(), Worker: v.Get("worker").Text(), Text: v.Get("text").Text(), Percent: v.Get("percent").Float(),
		Graceful: v.Get("graceful").Truth(),
	}
	if s := v.Get("start"); s.IsObject() {
		e.Start = &Start{
			ID: s.Get("_id").Text(), Description: s.Get("description").Text(), Type: s.Get("type").Text(), Variables: s.Get("variables"),
			Groups: texts(s, "groups"), Initiator: s.Get("initiator").Text(), User: s.Get("user").Text(), Ancestors: texts(s, "ancestors"),
			Parent: parent(s.Get("parent")),
		}
	}
	return e
}

// Published forgets the orders of the outbox that were carried out.
func (j *Job) Published(keys []string) *Job {
	out := *j
	out.Outbox = slices.DeleteFunc(slices.Clone(j.Outbox), func(e Effect) bool { return slices.Contains(keys, e.Key) })
	return &out
}
