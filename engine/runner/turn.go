package runner

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/builtin"
	"github.com/heddlehq/heddle/engine/payload"
	"github.com/heddlehq/heddle/engine/sealed"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// maxPure bounds the built-in tasks run in one turn, so that a loop of them cannot keep the
// other jobs of its shard waiting. The rest runs in the next turn.
const maxPure = 500

// turn is the work on one job between two commits.
type turn struct {
	shard   *shard
	id      string
	token   string
	items   []*item
	entry   *entry      // as it is stored
	next    *engine.Job // nil when nothing changed
	told    *engine.Job // the job as the turn leaves it, for whoever is told of it
	events  []engine.Event
	effects []engine.Effect
	runs    map[string]*engine.Run // to be stored with the turn
	begun   map[string]*engine.Run // work that just went out: stored a little later, see late
	again   bool                   // pure work is left over
	ending  bool                   // it noted the job's end
	tight   error                  // why large outputs are refused
	folded  map[string]load        // what orders carry in place of large values, by their keys
	failed  error
	errs    map[*item]error
}

func (t *turn) changed() bool { return t.next != nil && len(t.events) > 0 }

// take steps the job through the turn's items and the pure work they cause. Items that crash
// the turn are left out of it.
func (t *turn) take(ctx context.Context) {
	if crash := t.try(ctx, t.items); crash != nil {
		poison := map[*item]error{}
		var good []*item
		for _, it := range t.items {
			if crash := t.try(ctx, append(slices.Clip(good), it)); crash != nil {
				poison[it] = crash
			} else {
				good = append(good, it)
			}
		}
		if t.try(ctx, good) != nil { // what went well a moment ago does not
			for _, it := range t.items {
				poison[it] = crash
			}
			t.reset()
		}
		for it, err := range poison {
			t.errs[it] = err
		}
	}
	if t.entry == nil {
		return
	}
	t.told = t.current()
	if t.next != nil && len(t.events) == 0 {
		// Only the outbox became shorter: it is enough to know, until the next event is stored.
		t.entry.job, t.next = t.next, nil
	}
	if t.next == nil && t.told != nil {
		t.shard.cache[t.id] = t.entry
	}
}

// Crash is the error of an event that crashed the engine when its job was to take it in.
type Crash struct {
	Job   string
	Panic any
	Stack string
}

func (e *Crash) Error() string { return fmt.Sprintf("job %s: internal error: %v", e.Job, e.Panic) }

// try steps the job through items, from the beginning. On a crash nothing has happened.
func (t *turn) try(ctx context.Context, items []*item) (crash *Crash) {
	t.reset()
	defer func() {
		if p := recover(); p != nil {
			crash = &Crash{t.id, p, string(debug.Stack())}
			t.shard.r.Log.Error("job crashed its turn", "job", t.id, "panic", p, "stack", crash.Stack)
			delete(t.shard.cache, t.id)
			t.reset()
		}
	}()
	t.all(ctx, items)
	if t.doubtful(items) {
		// Another server may have stepped the job since it was read: look again.
		delete(t.shard.cache, t.id)
		t.reset()
		t.all(ctx, items)
	}
	return nil
}

func (t *turn) reset() {
	t.entry, t.next, t.events, t.effects, t.runs, t.begun, t.again = nil, nil, nil, nil, nil, nil, false
	t.errs = map[*item]error{}
}

// doubtful tells whether the turn says no, or gives orders again, on the word of memory alone.
// A turn that is committed is not in doubt: the revision guard speaks.
func (t *turn) doubtful(items []*item) bool {
	if t.entry == nil || t.entry.fresh == t.shard.rounds || len(t.events) > 0 {
		return false
	}
	for _, it := range items {
		if it.recover || t.errs[it] != nil {
			return true
		}
	}
	return false
}

func (t *turn) all(ctx context.Context, items []*item) {
	for _, it := range items {
		if t.entry == nil && !t.begin(ctx, it) {
			continue
		}
		if it.tight != nil {
			t.tight = it.tight
		}
		switch {
		case it.sent != nil:
			t.next = t.current().Published(it.sent)
		case it.recover:
			if due := t.current().Due(); due > 0 {
				t.shard.r.timers.set(t.id, due)
			}
			for _, run := range t.entry.machine.AtWork(t.current()) {
				t.shard.late.add(t, run)
			}
			t.pure(ctx, it.wanted(t.entry.machine.Outstanding(t.current())))
		case it.child && t.current() != nil:
			t.exists(it)
		case it.delivery != nil && byWorker(&it.event) && !t.entry.machine.ForWorker(it.event.Task):
			t.errs[it] = &engine.Conflict{Reason: fmt.Sprintf("task %q is not a worker's", it.event.Task)}
		default:
			t.errs[it] = t.step(ctx, it.event)
		}
	}
}

// wanted leaves out the orders that an item does not want to be issued again.
func (it *item) wanted(orders []engine.Effect) []engine.Effect {
	if it.lost == nil {
		return orders
	}
	return slices.DeleteFunc(orders, func(e engine.Effect) bool {
		if task, ok := builtin.Lookup(e.App, e.Method); e.Type != engine.RunTask || ok && task.Run != nil && !task.Outside {
			return false // nothing that a worker might do twice
		}
		return !it.lost[e.Key]
	})
}

// begin loads the job, or makes it when the item starts it. A job to start is not looked for
// at first: if it is there already, the commit says so and the item comes again.
func (t *turn) begin(ctx context.Context, it *item) bool {
	if it.event.Type == engine.JobStarted && it.machine != nil && it.tries == 0 && t.shard.cache[t.id] == nil {
		t.entry = &entry{machine: it.machine, used: t.shard.rounds, fresh: t.shard.rounds}
		return true
	}
	e, err := t.shard.load(ctx, t.id)
	switch {
	case err == nil:
		t.entry = e
		return true
	case errors.Is(err, store.ErrNotFound) && it.event.Type == engine.JobStarted:
		t.entry = &entry{machine: it.machine, used: t.shard.rounds, fresh: t.shard.rounds}
		return true
	case errors.Is(err, store.ErrNotFound):
		err = fmt.Errorf("job %q: %w", t.id, ErrNotFound)
	}
	t.errs[it] = err
	return false
}

func (t *turn) current() *engine.Job {
	if t.next != nil {
		return t.next
	}
	return t.entry.job
}

// step takes one event and all the pure work it orders.
func (t *turn) step(ctx context.Context, ev engine.Event) error {
	if ev.At == 0 {
		ev.At = t.shard.r.Now().UnixMilli()
	}
	if ev.Type == engine.ChildFinished && (ev.Status.Final() || ev.Status == engine.Errored) && ev.Variables.IsAbsent() {
		child, err := t.shard.r.Job(ctx, ev.Child)
		if err != nil {
			return err
		}
		ev.Variables = child.Machine.Result(child.Job)
	}
	effects, err := t.apply(ctx, t.fitting(ev))
	if err != nil {
		return err
	}
	t.pure(ctx, effects)
	return nil
}

func (t *turn) apply(ctx context.Context, ev engine.Event) ([]engine.Effect, error) {
	ev, err := t.sealed(ctx, ev)
	if err != nil {
		return nil, err
	}
	next, effects, err := t.entry.machine.Step(t.current(), ev)
	if err != nil {
		return nil, err
	}
	t.next = next
	t.events = append(t.events, ev)
	return effects, nil
}

// pure runs the built-in tasks among the effects at once, and theirs in turn, and keeps the
// other effects for publishing.
func (t *turn) pure(ctx context.Context, queue []engine.Effect) {
	for n := 0; len(queue) > 0; {
		e := queue[0]
		queue = queue[1:]
		switch e.Type {
		case engine.RecordTask:
			t.picture(e.Run)
			continue
		case engine.RunTask:
			if t.shard.r.activity.noTasks.Load() {
				continue // outstanding: a sweep orders it again
			}
			task, ok := builtin.Lookup(e.App, e.Method)
			if !ok || task.Run == nil || task.Outside {
				break
			}
			if n++; n > maxPure {
				t.again = true
				continue
			}
			now := t.shard.r.Now()
			more, err := t.apply(ctx, t.fitting(engine.Event{
				Type: engine.TaskFinished, At: now.UnixMilli(), Task: e.Task, Iteration: e.Iteration, Outcome: t.run(ctx, task, e),
			}))
			if err == nil {
				queue = append(queue, more...)
			}
			continue
		}
		t.effects = append(t.effects, e)
	}
}

// maxTight is how large an outcome may be, in bytes, once the job has become too large.
const maxTight = 128 << 10

// fitting is the event, or one that tells of an error in its place when what it brings makes
// the job too large to be stored.
func (t *turn) fitting(ev engine.Event) engine.Event {
	why := ""
	switch {
	case t.shard.r.oversize(&ev):
		why = fmt.Sprintf("an output has more than %d bytes of JSON, which a value may have", t.shard.r.Payloads.MaxValue)
	case t.crowded(&ev):
		why = fmt.Sprintf("the job would have more than %d variables, which a job may have", MaxVariables)
	case t.tight == nil:
		return ev
	default:
		size := len(ev.Outcome.Outgoing.AppendJSON(nil)) + len(ev.Outcome.Error.AppendJSON(nil)) + len(ev.Variables.AppendJSON(nil))
		for _, w := range ev.Outcome.Writes {
			size += len(w.Value.AppendJSON(nil))
		}
		if size <= maxTight {
			return ev
		}
		why = fmt.Sprintf("the outputs have %d bytes, with which the job would be larger than the %d bytes a job may have", size, store.MaxBody)
		if limit, ok := errors.AsType[*payload.LimitError](t.tight); ok {
			why = fmt.Sprintf("the outputs have %d bytes: %v", size, limit)
		}
	}
	switch ev.Type {
	case engine.ChildFinished:
		ev.Type, ev.Status, ev.Variables = engine.ChildRefused, "", value.Absent
	case engine.TaskFinished, engine.TaskCompleted:
	default:
		return ev
	}
	ev.Outcome = engine.Fail(engine.ClassLimit, why)
	return ev
}

// crowded tells whether a task's variables would make too many for the job.
func (t *turn) crowded(ev *engine.Event) bool {
	job := t.current()
	if job == nil || job.Variables.Len()+len(ev.Outcome.Writes) <= MaxVariables {
		return false
	}
	fresh := 0
	for _, w := range ev.Outcome.Writes {
		if !job.Variables.Has(w.Name) {
			fresh++
		}
	}
	return fresh > 0 && job.Variables.Len()+fresh > MaxVariables
}

// picture keeps the latest state of an iteration for storing.
func (t *turn) picture(run *engine.Run) {
	if t.runs == nil {
		t.runs, t.begun = map[string]*engine.Run{}, map[string]*engine.Run{}
	}
	delete(t.runs, run.ID)
	delete(t.begun, run.ID)
	if run.Status == engine.TaskRunning && run.Worker == "" && t.entry.machine.ForWorker(run.Task) {
		t.begun[run.ID] = run
		return
	}
	t.runs[run.ID] = run
}

// run does a pure task's work; a panic fails the task, not the server.
func (t *turn) run(ctx context.Context, task builtin.Task, e engine.Effect) (o engine.Outcome) {
	defer func() {
		if p := recover(); p != nil {
			t.shard.r.Log.Error("built-in task panicked", "job", t.id, "task", e.Task, "panic", p, "stack", string(debug.Stack()))
			o = engine.Fail(engine.ClassInternal, fmt.Sprintf("%s.%s met a defect of its own: %v", e.App, e.Method, p))
		}
	}()
	place := family(t.current())
	incoming, secrets, err := t.shard.r.opened(ctx, place, e.Incoming)
	if err != nil {
		return locked(err)
	}
	defer func() {
		if sealed.Holds(e.Incoming) && o.State != workflows.Blocked {
			o = t.shard.r.kept(ctx, place, o, secrets)
		}
	}()
	return task.Run(&builtin.Call{
		Context: ctx, Incoming: incoming, Job: t.current(), Task: e.Task, Iteration: e.Iteration,
		Now: t.shard.r.Now(), Documents: t.shard.r.Library.Documents(ctx),
	})
}

// batch is what the turn writes: the job, its history, and the runs of its tasks.
func (t *turn) batch() store.Batch {
	m, s := t.entry.machine, t.shard
	f := s.folds(t.entry, t.next)
	f.Turn()
	b := append(make(store.Batch, 0, 2+len(t.runs)), foldedJob(s.buffer(), m, t.next, t.entry.revision, f))
	if len(t.events) > 0 {
		var random [8]byte
		rand.Read(random[:])
		t.token = hex.EncodeToString(random[:])
		first := t.next.Seq - int64(len(t.events)) + 1
		b = append(b, foldedHistory(s.buffer(), t.id, t.token, first, t.events, f))
	}
	for _, id := range slices.Sorted(maps.Keys(t.runs)) {
		b = append(b, taskWrite(s.buffer(), m, t.next, t.runs[id], f.Append))
	}
	return b
}

// applied tells, after a commit of unknown outcome, whether this very turn is stored.
func (s *shard) applied(ctx context.Context, t *turn) bool {
	if t.token == "" {
		return false
	}
	doc, err := s.r.Store.Get(ctx, store.History, historyID(t.id, t.next.Seq-int64(len(t.events))+1))
	if err != nil {
		return false
	}
	v, err := value.ParseLast(doc.Body)
	return err == nil && v.Get("turn").Text() == t.token
}
