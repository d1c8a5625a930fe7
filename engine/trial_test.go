package engine_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
	"github.com/heddlehq/heddle/workflows/workflowtest"
)

// trial is one job played event by event, with the laws checked at each.
type trial struct {
	seed     uint64
	chance   *rand.Rand
	log      func(format string, args ...any)
	breaches []breach
	only     bool // step, and check nothing on the way

	m      *engine.Machine
	w      *workflows.Workflow
	job    *engine.Job
	stored []byte // the job
	now    int64
	events []engine.Event // taken in so far
	path   [][]byte       // stored job after each of them
	keys   map[string]bool
}

func (tr *trial) breach(law, format string, args ...any) {
	tr.breaches = append(tr.breaches, breach{law, tr.seed, fmt.Sprintf(format, args...)})
}

func (tr *trial) begin(w *workflows.Workflow, limits engine.Limits) bool {
	m, err := engine.Compile(w, openCatalog{}, "r1", limits)
	if err != nil {
		tr.breach(lawTotality, "compile: %v", err)
		return false
	}
	tr.m, tr.w, tr.now, tr.keys = m, w, epoch, make(map[string]bool)
	tr.take(engine.Event{Type: engine.JobStarted, Start: &engine.Start{
		ID: "0123456789abcdef01234567", Initiator: "ann", User: "u1", Variables: workflowtest.Inputs(),
	}})
	return tr.job != nil
}

// take steps the job and checks what holds for every step. It is false when the event was
// refused.
func (tr *trial) take(ev engine.Event) bool {
	ev.At = cmp.Or(ev.At, tr.now)
	next, effects, err := tr.step(tr.job, ev)
	if tr.only {
		if err == nil {
			tr.job = next
		}
		return err == nil
	}
	if tr.log != nil {
		tr.log("%s -> %v", engine.AppendEvent(nil, &ev), err)
	}
	if tr.job != nil && !bytes.Equal(tr.stored, tr.m.Append(nil, tr.job)) {
		tr.breach(lawDeterminism, "%s changed the job it was given", ev.Type)
	}
	if err != nil {
		if next != nil || len(effects) > 0 {
			tr.breach(lawTotality, "%s was refused (%v) and still gave a step", ev.Type, err)
		}
		return false
	}
	if tr.job != nil && tr.job.Status.Final() && !(aside(ev.Type) && sameRun(tr.job, next)) {
		tr.breach(lawFinality, "a %s job took %s in", tr.job.Status, ev.Type)
	}
	tr.job, tr.stored = next, tr.m.Append(nil, next)
	tr.events = append(tr.events, ev)
	tr.path = append(tr.path, tr.stored)
	tr.checkStored()
	tr.checkKeys(effects)
	tr.checkReasons()
	if once(ev, tr.job) {
		if again, _, err := tr.step(tr.job, ev); err == nil {
			tr.breach(lawRepetition, "a second %s\n%s\nwas taken in and made\n%s\nof\n%s", ev.Type, engine.AppendEvent(nil, &ev), tr.m.Append(nil, again), tr.stored)
		}
	}
	if tr.log != nil {
		tr.log("   %s", tr.stored)
	}
	return true
}

// step answers panics and untyped errors as breaches.
func (tr *trial) step(job *engine.Job, ev engine.Event) (next *engine.Job, effects []engine.Effect, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("panic")
			tr.breach(lawTotality, "%s on\n%s\npanics: %v", engine.AppendEvent(nil, &ev), tr.stored, r)
		}
	}()
	next, effects, err = tr.m.Step(job, ev)
	if err != nil && !errors.Is(err, engine.ErrStale) && !errors.As(err, new(*engine.Conflict)) && !errors.As(err, new(*engine.Unknown)) {
		tr.breach(lawTotality, "%s gives the untyped error %v", ev.Type, err)
	}
	return next, effects, err
}

// once tells whether the event, right after it was taken in, has nothing left to say. Acts
// that begin something anew may be ordered again when that ended at once.
func once(ev engine.Event, job *engine.Job) bool {
	switch ev.Type {
	case engine.JobResumed:
		return job.Status == engine.Running // else something held it again
	case engine.TaskRetried, engine.JobContinued, engine.JobReverted, engine.TaskCompleted, engine.TaskSkipped, engine.TaskRepaired:
		return false
	}
	return true
}

// aside tells whether an act is about who sees a job, and where.
func aside(t engine.EventType) bool {
	return t == engine.AccessChanged || t == engine.JobArchived || t == engine.JobRestored
}

// sameRun tells whether all that was run is the same.
func sameRun(a, b *engine.Job) bool {
	return a.Status == b.Status && a.EndedAt == b.EndedAt && value.Equal(a.Variables, b.Variables) && slices.Equal(a.Tasks, b.Tasks) && len(a.Outbox) == len(b.Outbox)
}

// fact tells whether the event comes from a worker, a child or a timer and stays refused for
// ever once it was taken in.
func fact(ev engine.Event) bool {
	switch ev.Type {
	case engine.JobStarted, engine.TaskStarted, engine.TaskProgressed, engine.TaskFinished, engine.ChildStarted, engine.ChildRefused, engine.EventReceived:
		return true
	case engine.ChildFinished:
		return ev.Status.Final()
	}
	return false
}

// late repeats facts of the past.
func (tr *trial) late() {
	ev := tr.events[tr.chance.IntN(len(tr.events))]
	if !fact(ev) {
		return
	}
	if _, _, err := tr.step(tr.job, ev); err == nil {
		tr.breach(lawRepetition, "a late repetition of %s was taken in by\n%s", engine.AppendEvent(nil, &ev), tr.stored)
	}
}

func (tr *trial) checkStored() {
	v, err := value.Parse(tr.stored)
	if err != nil {
		tr.breach(lawStored, "%s: %v", tr.stored, err)
		return
	}
	back, err := tr.m.Decode(v)
	if err != nil {
		tr.breach(lawStored, "%s: %v", tr.stored, err)
		return
	}
	if again := tr.m.Append(nil, back); !bytes.Equal(again, tr.stored) {
		tr.breach(lawStored, "%s\nreads as\n%s", tr.stored, again)
	}
}

func (tr *trial) checkKeys(effects []engine.Effect) {
	for _, e := range effects {
		if tr.keys[e.Key] || e.Key == "" {
			tr.breach(lawKeys, "the key %q of %s is not new", e.Key, e.Type)
		}
		tr.keys[e.Key] = true
	}
	for _, e := range tr.m.Outstanding(tr.job) {
		if !tr.keys[e.Key] {
			tr.breach(lawKeys, "%s %q is outstanding and was never ordered", e.Type, e.Key)
		}
	}
}

func (tr *trial) checkReasons() {
	reasons := tr.m.Explain(tr.job)
	if tr.job.Status.Final() {
		if len(reasons) > 0 || tr.job.Due() != 0 {
			tr.breach(lawReasons, "a %s job waits for %v", tr.job.Status, reasons)
		}
		return
	}
	if len(reasons) == 0 {
		tr.breach(lawReasons, "nothing explains\n%s", tr.stored)
	}
	ordered := make(map[string]bool)
	for _, e := range tr.m.Outstanding(tr.job) {
		if e.Type == engine.RunTask || e.Type == engine.StartChild {
			ordered[e.Task] = true
		}
	}
	for _, r := range reasons {
		t, _ := tr.m.Task(tr.job, r.Task)
		if t == nil {
			t = &engine.TaskState{}
		}
		var holds bool
		switch r.Kind {
		case "worker":
			holds = t.Status == engine.TaskRunning && t.Pending == nil && ordered[r.Task]
		case "timer", "retry":
			holds = slices.ContainsFunc(tr.job.Timers, func(x engine.Timer) bool {
				return x.Task == r.Task && x.Iteration == t.Iteration && x.Due == r.Until && string(x.Kind) == map[string]string{"timer": "delay", "retry": "retry"}[r.Kind]
			})
		case "person":
			task, _ := tr.w.Task(r.Task)
			holds = t.Status == engine.TaskRunning && task.Type == workflows.Manual
		case "child":
			// Held back children start on resume.
			holds = t.Status == engine.TaskRunning && t.Loop != nil && (t.Loop.Live > 0 && ordered[r.Task] || tr.job.Status == engine.Paused || tr.job.Status == engine.BlockedJ)
		case "event":
			holds = t.Status == engine.TaskRunning && t.Subscribed
		case "pause":
			holds = tr.job.Status == engine.Paused || t.Status == engine.TaskReady && tr.job.Status == engine.BlockedJ
		case "guard":
			holds = tr.job.Status == engine.BlockedJ || t.Status == engine.TaskBlocked && tr.job.Status == engine.Paused
		case "error":
			holds = tr.job.Status == engine.Errored
		case "handler":
			holds = tr.job.Handling && ordered[workflows.ErrorHandlerID]
		case "finishing":
			holds = tr.job.Status == engine.Canceling
		}
		if !holds {
			tr.breach(lawReasons, "the reason %+v does not hold for\n%s", r, tr.stored)
		}
	}
}

// replay plays the stored events again.
func (tr *trial) replay() {
	var job *engine.Job
	for i, ev := range tr.events {
		v, err := value.Parse(engine.AppendEvent(nil, &ev))
		if err != nil {
			tr.breach(lawStored, "event %+v: %v", ev, err)
			return
		}
		next, _, err := tr.m.Step(job, engine.DecodeEvent(v))
		if err != nil {
			tr.breach(lawDeterminism, "replay refuses %s: %v", v, err)
			return
		}
		if got := tr.m.Append(nil, next); !bytes.Equal(got, tr.path[i]) {
			tr.breach(lawDeterminism, "replay of %s gave\n%s\nnot\n%s", v, got, tr.path[i])
			return
		}
		job = next
	}
}

// running lists the tasks that wait for a result.
func (tr *trial) running() []string {
	var out []string
	for i, t := range tr.job.Tasks {
		if task := &tr.w.Tasks[i]; t.Status == engine.TaskRunning && t.Pending == nil && task.Name != "forEach" {
			out = append(out, task.ID)
		}
	}
	return out
}

// result is a result of a task's current iteration with the given state, as the event that
// brings it: a child's end, an event received, or a worker's answer.
func (tr *trial) result(task string, state workflows.FinishState) engine.Event {
	t, _ := tr.m.Task(tr.job, task)
	def, _ := tr.w.Task(task)
	ev := engine.Event{Task: task, Iteration: t.Iteration}
	switch def.Name {
	case "childJob":
		ev.Type, ev.Element, ev.Status = engine.ChildFinished, -1, engine.Complete
		if state == workflows.Failed {
			ev.Status = engine.Canceled
		}
		var open []int
		for _, k := range t.Loop.Kids {
			if !k.Done {
				open = append(open, k.Element)
			}
		}
		if len(open) > 0 {
			ev.Element = open[tr.chance.IntN(len(open))]
		}
		ev.Variables = value.Object("out", value.Int(int64(ev.Element)))
	case "eventListenerJob":
		ev.Type, ev.Variables = engine.EventReceived, value.Object("seen", value.True)
	default:
		ev.Type = engine.TaskFinished
		ev.Outcome = engine.Succeed("result", value.Int(int64(t.Iteration)))
		ev.Outcome.State = state
		if state == workflows.Failed || state == workflows.Blocked {
			ev.Outcome = engine.Outcome{State: state, Error: engine.Problem(pick(tr.chance, "device", "net", "data"), "no")}
		}
	}
	return ev
}

func pick[T any](chance *rand.Rand, from ...T) T { return from[chance.IntN(len(from))] }

// finish picks a state that a task can finish in.
func (tr *trial) finish(task string) workflows.FinishState {
	def, _ := tr.w.Task(task)
	switch {
	case def.Name == "eventListenerJob":
		return workflows.Success
	case def.Name == "childJob":
		return pick(tr.chance, workflows.Success, workflows.Success, workflows.Failed)
	}
	return pick(tr.chance, workflows.Success, workflows.Success, workflows.Success, workflows.Failure, workflows.Failed)
}

// plain plays results in random order and compares each step with the oracle.
func (tr *trial) plain(w *workflows.Workflow) {
	if !tr.begin(w, engine.DefaultLimits) {
		return
	}
	o := newOracle(w, workflowtest.Inputs().Get("list").Len())
	for range 80 {
		if d := o.differs(tr.m, tr.job); d != "" {
			tr.breach(lawJoins, "%s\n%s\nafter %s", d, tr.stored, w.Doc.Get("transitions"))
			return
		}
		if tr.job.Status != engine.Running {
			break
		}
		tasks := tr.running()
		if due := tr.job.Due(); due > 0 && (len(tasks) == 0 || tr.chance.IntN(4) == 0) {
			timer := tr.job.Timers[0]
			tr.now = max(tr.now, due)
			ringing := slices.DeleteFunc(slices.Clone(tr.job.Timers), func(x engine.Timer) bool { return x.Due > tr.now })
			if !tr.take(engine.Event{Type: engine.TimersDue}) {
				tr.breach(lawTotality, "the timer %+v does not ring", timer)
				return
			}
			for _, x := range ringing {
				o.attempt(x.Task)
			}
			continue
		}
		tr.late()
		task := pick(tr.chance, tasks...)
		state := tr.finish(task)
		if !tr.take(tr.result(task, state)) {
			tr.breach(lawTotality, "the result of %s is refused by\n%s", task, tr.stored)
			return
		}
		o.finish(task, state)
	}
	tr.replay()
}

// pauses plays a script whose results depend on nothing but task and iteration, once as it
// is and once with pauses, and compares the ends.
func (tr *trial) pauses(seed uint64) {
	w := workflowtest.Random(tr.chance, workflowtest.Options{NoReverts: true})
	state := func(task string, iteration int) workflows.FinishState {
		h := fnv.New32a()
		fmt.Fprint(h, seed, task, iteration)
		return []workflows.FinishState{workflows.Success, workflows.Success, workflows.Success, workflows.Failure, workflows.Failed}[h.Sum32()%5]
	}
	var ends [2]*engine.Job
	for k := range ends {
		tr.job = nil
		if !tr.begin(w, engine.DefaultLimits) {
			return
		}
		for range 400 {
			held := tr.job.Status == engine.Paused
			if tr.job.Status != engine.Running && !held {
				break
			}
			var tasks []string
			for _, task := range tr.running() {
				if def, _ := w.Task(task); !held || def.Type != workflows.Manual {
					tasks = append(tasks, task)
				}
			}
			switch {
			case held && (len(tasks) == 0 || tr.chance.IntN(3) == 0):
				tr.take(engine.Event{Type: engine.JobResumed})
			case k == 1 && !held && tr.chance.IntN(3) == 0:
				tr.take(engine.Event{Type: engine.JobPaused})
			case len(tasks) == 0:
				tr.now = max(tr.now, tr.job.Due())
				tr.take(engine.Event{Type: engine.TimersDue})
			default:
				task := pick(tr.chance, tasks...)
				t, _ := tr.m.Task(tr.job, task)
				tr.take(tr.result(task, state(task, t.Iteration)))
			}
		}
		ends[k] = tr.job
	}
	if ends[0].Status != ends[1].Status {
		tr.breach(lawPauses, "the job is %s, with pauses %s", ends[0].Status, ends[1].Status)
		return
	}
	o := &oracle{w: w}
	for i := range w.Tasks {
		task := w.Tasks[i].ID
		if task == workflows.EndID || !slices.Contains(o.downstream(task), workflows.EndID) {
			continue // beside the way to the end, where order counts
		}
		if a, b := ends[0].Tasks[i], ends[1].Tasks[i]; a.Status != b.Status || a.Never != b.Never || a.Iteration != b.Iteration {
			tr.breach(lawPauses, "task %s is %q after %d iterations, with pauses %q after %d", task, a.Status, a.Iteration, b.Status, b.Iteration)
		}
	}
}

// openCatalog takes every output and lets adapters block.
type openCatalog struct{}

func (openCatalog) Method(app, name string) (workflows.Method, bool) {
	return workflows.Method{App: app, Name: name, Open: true, CanBlock: app == "Inventory", CanWarn: true}, true
}

func (openCatalog) Methods() []workflows.Method { return nil }
