package engine

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// SchemaVersion is the version of the stored form of jobs and events.
const SchemaVersion = 1

// writer appends stored forms.
type writer struct{ value.Writer }

// Values appends the stored form of a value to dst: its JSON, or something short that stands
// for a large one and is undone before the stored form is decoded. Nil stores the JSON.
type Values = func(dst []byte, v value.Value) []byte

// write returns a writer that appends to dst.
func write(dst []byte, values Values) *writer { return &writer{value.Writer{Buf: dst, Values: values}} }

// members writes an object whose members change one at a time: each has a form of its own, so
// that those that stay need not be written again.
func (w *writer) members(key string, v value.Value) {
	if w.Values == nil || !v.IsObject() || slices.ContainsFunc(v.Keys(), func(k string) bool { return strings.HasPrefix(k, "$") }) {
		w.OptValue(key, v) // what stands for a value has a member that begins with $
		return
	}
	w.Open(key, '{')
	for k, m := range v.Members() {
		w.Buf = w.Values(append(value.AppendString(w.element(), k), ':'), m)
	}
	w.Close('}')
}

// element begins an element of an array or a member with a key of its own.
func (w *writer) element() []byte {
	w.Comma()
	return w.Buf
}

// Append appends the stored form of a job to dst.
func (m *Machine) Append(dst []byte, j *Job) []byte { return m.AppendFolded(dst, j, nil) }

// AppendFolded is Append with another form for values.
func (m *Machine) AppendFolded(dst []byte, j *Job, values Values) []byte {
	w := write(dst, values)
	w.Open("", '{')
	w.OptInt("v", SchemaVersion)
	w.OptText("_id", j.ID)
	w.OptText("revision", j.Revision)
	w.OptText("name", j.Name)
	w.OptText("description", j.Description)
	w.OptText("type", j.Type)
	w.OptText("status", string(j.Status))
	w.OptInt("seq", j.Seq)
	if j.Priority != 0 {
		w.Int("priority", int64(j.Priority.Level()))
	}
	w.members("variables", j.Variables)
	w.records("errors", j.Errors)
	w.records("warnings", j.Warnings)
	w.OptTexts("groups", j.Groups)
	w.OptTexts("watchers", j.Watchers)
	w.OptTexts("ancestors", j.Ancestors)
	w.OptTexts("triggers", j.Triggers)
	w.parent("parent", j.Parent)
	w.repair(j.Repair)
	w.OptText("initiator", j.Initiator)
	w.OptText("user", j.User)
	w.OptInt("startedAt", j.StartedAt)
	w.OptInt("endedAt", j.EndedAt)
	w.OptInt("updatedAt", j.UpdatedAt)
	w.OptInt("heldAt", j.HeldAt)
	w.OptText("heldBy", j.HeldBy)
	w.OptTrue("archived", j.Archived)
	w.OptTrue("breached", j.Breached)
	w.OptTrue("handling", j.Handling)
	w.OptTrue("handled", j.Handled)
	w.OptInt("reverts", int64(j.Reverts))
	w.OptInt("force", j.Force)
	w.OptTexts("only", j.Only)
	if len(j.Counters) > 0 {
		w.Open("counters", '{')
		for _, c := range j.Counters {
			w.Buf = append(value.AppendString(w.element(), c.Name), ':')
			w.Buf = strconv.AppendInt(w.Buf, c.N, 10)
		}
		w.Close('}')
	}
	if len(j.Timers) > 0 {
		w.Open("timers", '[')
		for _, t := range j.Timers {
			w.Open("", '{')
			w.OptText("kind", string(t.Kind))
			w.OptText("task", t.Task)
			w.OptInt("iteration", int64(t.Iteration))
			w.OptInt("due", t.Due)
			w.Close('}')
		}
		w.Close(']')
	}
	if len(j.Held) > 0 {
		w.Open("held", '[')
		for _, i := range j.Held {
			w.Buf = value.AppendString(w.element(), m.places[i].task.ID)
		}
		w.Close(']')
	}
	if len(j.Outbox) > 0 {
		w.Open("outbox", '[')
		for i := range j.Outbox {
			w.Open("", '{')
			w.effect(&j.Outbox[i])
			w.Close('}')
		}
		w.Close(']')
	}
	written := w.settled(m, j)
	w.Open("tasks", '{')
	for i, t := range j.Tasks {
		if written != nil && written[i] || t.Status == TaskIdle && !t.Never && t.Iteration == 0 && !t.Skip {
			continue
		}
		w.OpenNamed(m.places[i].task.ID, '{')
		w.task(t)
		w.Close('}')
	}
	w.Close('}')
	w.Close('}')
	return w.Buf
}

func (w *writer) task(t *TaskState) {
	w.OptText("status", string(t.Status))
	w.OptTrue("never", t.Never)
	w.OptTrue("skip", t.Skip)
	w.OptInt("iteration", int64(t.Iteration))
	w.OptInt("retries", int64(t.Retries))
	w.OptTrue("exhausted", t.Exhausted)
	w.OptText("skipped", t.Skipped)
	w.OptText("mode", t.Mode)
	w.OptText("approved", t.Approved)
	w.OptText("because", t.Because)
	w.OptValue("incoming", t.Incoming)
	w.OptValue("outgoing", t.Outgoing)
	w.OptValue("error", t.Error)
	w.OptValue("changes", t.Changes)
	w.OptInt("firstAt", t.FirstAt)
	w.OptInt("startedAt", t.StartedAt)
	w.OptInt("endedAt", t.EndedAt)
	w.OptInt("claimedAt", t.ClaimedAt)
	w.OptInt("aliveAt", t.AliveAt)
	w.OptInt("reportedAt", t.ReportedAt)
	w.OptText("owner", t.Owner)
	w.OptTexts("votes", t.Votes)
	w.OptTrue("escalated", t.Escalated)
	w.OptText("worker", t.Worker)
	w.OptNumber("percent", t.Percent)
	w.OptText("text", t.Text)
	w.OptTrue("subscribed", t.Subscribed)
	if t.Pending != nil {
		w.outcome("pending", t.Pending)
	}
	if l := t.Loop; l != nil {
		w.Open("loop", '{')
		w.OptInt("total", int64(l.Total))
		w.OptInt("next", int64(l.Next))
		w.OptInt("live", int64(l.Live))
		w.OptInt("done", int64(l.Done))
		w.OptTrue("any", l.Any)
		w.kids(l.Kids)
		w.Close('}')
	}
}

func (w *writer) records(k string, rs []Record) {
	if len(rs) == 0 {
		return
	}
	w.Open(k, '[')
	for _, r := range rs {
		w.Open("", '{')
		w.OptText("task", r.Task)
		w.OptText("name", r.Name)
		w.OptValue("message", r.Message)
		w.OptInt("at", r.At)
		w.OptTrue("resolved", r.Resolved)
		w.Close('}')
	}
	w.Close(']')
}

func (w *writer) parent(k string, p *Parent) {
	if p == nil {
		return
	}
	w.Open(k, '{')
	w.OptText("job", p.Job)
	w.OptText("task", p.Task)
	w.OptInt("iteration", int64(p.Iteration))
	w.OptInt("element", int64(p.Element))
	w.Close('}')
}

func (w *writer) outcome(k string, o *Outcome) {
	w.Open(k, '{')
	w.OptText("finishState", string(o.State))
	w.OptValue("outgoing", o.Outgoing)
	w.OptValue("error", o.Error)
	if len(o.Writes) > 0 {
		w.Open("writes", '[')
		for _, x := range o.Writes {
			w.Open("", '{')
			w.OptText("name", x.Name)
			w.OptValue("value", x.Value)
			w.Close('}')
		}
		w.Close(']')
	}
	if len(o.Counters) > 0 {
		w.Open("counters", '[')
		for _, c := range o.Counters {
			w.Open("", '{')
			w.OptText("name", c.Name)
			w.OptInt("n", c.N)
			w.Close('}')
		}
		w.Close(']')
	}
	w.OptValue("changes", o.Changes)
	w.OptText("describe", o.Describe)
	w.OptInt("delay", o.Delay)
	w.Close('}')
}

// effect writes the effects an outbox can hold.
func (w *writer) effect(e *Effect) {
	w.OptText("type", string(e.Type))
	w.OptText("key", e.Key)
	w.OptText("task", e.Task)
	w.OptInt("iteration", int64(e.Iteration))
	w.OptText("child", e.Child)
	w.OptText("act", e.Act)
	w.OptText("topic", e.Topic)
	w.OptText("status", string(e.Status))
	w.parent("parent", e.Parent)
	if e.Type != NotifyParent { // which carries the job's own
		w.OptValue("variables", e.Variables)
	}
}

// AppendEvent appends the stored form of an event to dst.
func AppendEvent(dst []byte, e *Event) []byte { return AppendEventFolded(dst, e, nil) }

// AppendEventFolded is AppendEvent with another form for values.
func AppendEventFolded(dst []byte, e *Event, values Values) []byte {
	w := write(dst, values)
	w.Open("", '{')
	w.OptText("type", string(e.Type))
	w.OptInt("at", e.At)
	w.OptText("by", e.By)
	w.OptText("task", e.Task)
	w.OptText("to", e.To)
	w.OptInt("iteration", int64(e.Iteration))
	w.OptInt("element", int64(e.Element))
	w.OptText("child", e.Child)
	w.OptText("status", string(e.Status))
	if e.Outcome.State != "" || !e.Outcome.Error.IsAbsent() {
		w.outcome("outcome", &e.Outcome)
	}
	w.OptValue("variables", e.Variables)
	w.OptTexts("groups", e.Groups)
	w.OptTexts("watchers", e.Watchers)
	w.OptText("owner", e.Owner)
	w.OptText("worker", e.Worker)
	w.OptText("text", e.Text)
	w.OptNumber("percent", e.Percent)
	w.OptTrue("graceful", e.Graceful)
	w.OptText("mode", e.Mode)
	if s := e.Start; s != nil {
		w.Open("start", '{')
		w.OptText("_id", s.ID)
		w.OptText("description", s.Description)
		w.OptText("type", s.Type)
		w.OptValue("variables", s.Variables)
		w.OptTexts("groups", s.Groups)
		w.OptText("initiator", s.Initiator)
		w.OptText("user", s.User)
		w.OptTexts("ancestors", s.Ancestors)
		w.OptTexts("triggers", s.Triggers)
		w.OptInt("force", s.Force)
		w.OptTexts("only", s.Only)
		if s.Priority != nil {
			w.Int("priority", int64(s.Priority.Level()))
		}
		w.parent("parent", s.Parent)
		w.repair(s.Repair)
		w.Close('}')
	}
	w.Close('}')
	return w.Buf
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
	j, err := m.Outline(v)
	if err != nil {
		return nil, err
	}
	for i, t := range j.Tasks {
		if err := m.sound(i, t); err != nil {
			return nil, fmt.Errorf("job %s, task %q: %w", j.ID, m.places[i].task.ID, err)
		}
	}
	return j, nil
}

// Outline is Decode for a stored form in which other things stand for large values. The job
// is to be shown, not to be stepped.
func (m *Machine) Outline(v value.Value) (*Job, error) {
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
		Ancestors: texts(v, "ancestors"), Triggers: texts(v, "triggers"), Parent: parent(v.Get("parent")), Repair: repairOf(v.Get("repair")), Initiator: v.Get("initiator").Text(), User: v.Get("user").Text(),
		StartedAt: number(v, "startedAt"), EndedAt: number(v, "endedAt"), UpdatedAt: number(v, "updatedAt"),
		HeldAt: number(v, "heldAt"), HeldBy: v.Get("heldBy").Text(), Archived: v.Get("archived").Truth(), Breached: v.Get("breached").Truth(),
		Handling: v.Get("handling").Truth(), Handled: v.Get("handled").Truth(), Reverts: int(number(v, "reverts")), Force: number(v, "force"), Only: texts(v, "only"),
		Tasks: make([]*TaskState, len(m.places)),
	}
	if n, ok := v.Get("priority").Int(); ok {
		j.Priority = PriorityOf(int(n))
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
	state := func(id string, t value.Value) error {
		i, ok := m.index[id]
		if !ok {
			return fmt.Errorf("job %s has a task %q that its workflow does not have", j.ID, id)
		}
		j.Tasks[i] = taskState(t)
		if l := j.Tasks[i].Loop; l != nil {
			l.Kids = kids(t.Path("loop", "kids"), j.ID, id)
		}
		return nil
	}
	for id, t := range v.Get("tasks").Members() {
		if err := state(id, t); err != nil {
			return nil, err
		}
	}
	if err := unsettled(v.Get("settled"), state); err != nil {
		return nil, fmt.Errorf("job %s: %w", j.ID, err)
	}
	for i := range j.Outbox {
		if e := &j.Outbox[i]; e.Type == NotifyParent {
			e.Variables = m.Result(j)
		}
	}
	return j, nil
}

// sound refuses a task state that no step can lead to and that later steps rely on not to be.
func (m *Machine) sound(i int, t *TaskState) error {
	n, l := &m.places[i], t.Loop
	loops := n.kind == kindChildJob || n.kind == kindForEach || n.kind == kindPlain && n.method.CanBlock && t.Status == TaskRunning
	switch {
	case t.Status == TaskRetrying && n.task.Retry == nil:
		return errors.New("it waits for a retry, but has no retry settings")
	case t.Status == TaskRunning && loops && l == nil && n.kind != kindPlain:
		return errors.New("it runs without a loop")
	case l != nil && !loops:
		return errors.New("it has a loop, but is neither a childJob nor a forEach")
	case l != nil && t.Status != TaskComplete && t.Status != TaskFailure && l.Total > max(1, t.Incoming.Get("data_array").Len()):
		return fmt.Errorf("its loop has %d elements, more than its data", l.Total)
	case l != nil && !l.sound(n.kind != kindForEach && t.Status == TaskRunning):
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
		Iteration: int(number(v, "iteration")), Retries: int(number(v, "retries")), Exhausted: v.Get("exhausted").Truth(), Skipped: v.Get("skipped").Text(),
		Mode: v.Get("mode").Text(), Approved: v.Get("approved").Text(), Because: v.Get("because").Text(),
		Incoming: v.Get("incoming"), Outgoing: v.Get("outgoing"), Error: v.Get("error"), Changes: v.Get("changes"),
		FirstAt: number(v, "firstAt"), StartedAt: number(v, "startedAt"), EndedAt: number(v, "endedAt"),
		ClaimedAt: number(v, "claimedAt"), AliveAt: number(v, "aliveAt"), ReportedAt: number(v, "reportedAt"), Owner: v.Get("owner").Text(), Votes: texts(v, "votes"), Escalated: v.Get("escalated").Truth(), Worker: v.Get("worker").Text(),
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
		Graceful: v.Get("graceful").Truth(), Mode: v.Get("mode").Text(),
	}
	if s := v.Get("start"); s.IsObject() {
		var p *Priority
		if n, ok := s.Get("priority").Int(); ok {
			p = new(PriorityOf(int(n)))
		}
		e.Start = &Start{
			Priority: p,
			ID:       s.Get("_id").Text(), Description: s.Get("description").Text(), Type: s.Get("type").Text(), Variables: s.Get("variables"),
			Groups: texts(s, "groups"), Initiator: s.Get("initiator").Text(), User: s.Get("user").Text(), Ancestors: texts(s, "ancestors"),
			Triggers: texts(s, "triggers"), Force: number(s, "force"), Only: texts(s, "only"),
			Parent: parent(s.Get("parent")),
			Repair: repairOf(s.Get("repair")),
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
