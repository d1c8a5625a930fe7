package runner

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/builtin"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// maxTries is how often an act meets a newer state of its job before the caller is told.
const maxTries = 8

// answer tells whoever waits for an item what became of it.
func (t *turn) answer() {
	for _, it := range t.items {
		if it.reply == nil {
			continue
		}
		err := t.errs[it]
		switch {
		case t.failed == nil && err != nil:
			it.answer(State{}, err)
		case t.failed == nil:
			it.answer(State{Job: t.told, Machine: t.entry.machine}, nil)
		case it.tries < maxTries && errors.Is(t.failed, store.ErrConflict):
			it.tries++
			t.shard.own.push(it)
		case errors.Is(t.failed, store.ErrInvalid) && it.tight == nil && it.event.Type != engine.JobStarted:
			it.tight = t.failed
			t.shard.own.push(it)
		case errors.Is(t.failed, store.ErrConflict):
			it.answer(State{}, &engine.Conflict{Reason: "the job changes too fast; try again"})
		default:
			it.answer(State{}, t.failed)
		}
	}
}

// publish carries out the orders of committed turns and acknowledges their events.
func (s *shard) publish(ctx context.Context) error {
	for turns := range s.out {
		for len(turns) > 0 {
			// What is committed is sent even while stopping, within bounds.
			work, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
			turns = s.send(work, turns)
			cancel()
			if len(turns) == 0 {
				break
			}
			select {
			case <-time.After(200 * time.Millisecond):
			case <-ctx.Done():
				turns = nil // the store has it: the next start sends it
			}
		}
	}
	return nil
}

// send publishes what the turns ordered; it returns the turns to be tried again.
func (s *shard) send(ctx context.Context, turns []*turn) []*turn {
	var msgs []bus.Message
	var owner []*turn
	for _, t := range turns {
		if t.failed != nil {
			t.giveBack()
			continue
		}
		for i := range t.effects {
			if m, ok := s.r.message(t, &t.effects[i]); ok {
				msgs = append(msgs, m)
				owner = append(owner, t)
			}
		}
	}
	failed := map[*turn]error{}
	if len(msgs) > 0 {
		for i, err := range s.r.Bus.Publish(ctx, msgs...) {
			if err != nil {
				failed[owner[i]] = err
				s.r.refused(owner[i], msgs[i], err)
			}
		}
	}
	var again []*turn
	for _, t := range turns {
		if t.failed != nil {
			continue
		}
		if err := failed[t]; err != nil && !isTooLarge(err) {
			again = append(again, t)
			continue
		}
		t.settled(ctx)
	}
	if len(again) > 0 {
		s.r.Log.Warn("orders not sent, trying again", "turns", len(again), "err", failed[again[0]])
	}
	return again
}

// changed signals whoever follows jobs that one took events in. A signal that is lost costs
// them a moment: the history tells all.
func (r *Runner) changed(ctx context.Context, job *engine.Job) {
	w := value.Writer{Buf: make([]byte, 0, 160)}
	w.Open("", '{')
	w.Text("_id", job.ID)
	w.Text("name", job.Name)
	w.Text("status", string(job.Status.Shown()))
	w.Int("seq", job.Seq)
	w.Text("root", family(job))
	w.Texts("groups", job.Groups)
	w.Close('}')
	if err := r.Bus.Signal(ctx, bus.ChangedSubject(job.ID), w.Buf); err != nil {
		r.Log.Debug("change not signaled", "job", job.ID, "err", err)
	}
}

func isTooLarge(err error) bool {
	var large *bus.ErrTooLarge
	return errors.As(err, &large)
}

// refused fails the task whose order can never be sent.
func (r *Runner) refused(t *turn, m bus.Message, err error) {
	if !isTooLarge(err) {
		return
	}
	for _, e := range t.effects {
		if e.Type == engine.RunTask && e.Key == m.ID {
			r.shard(t.id).own.push(&item{job: t.id, event: engine.Event{
				Type: engine.TaskFinished, Task: e.Task, Iteration: e.Iteration, Outcome: engine.Fail(engine.ClassLimit, err.Error()),
			}})
			return
		}
	}
	r.Log.Error("message refused for its size", "err", err, "job", t.id)
}

// giveBack returns the items of a turn that was not stored.
func (t *turn) giveBack() {
	tooLarge := errors.Is(t.failed, store.ErrInvalid)
	for _, it := range t.items {
		switch {
		case tooLarge && it.tight == nil && it.reply == nil:
			it.tight = t.failed
			t.shard.own.push(it)
		case tooLarge && it.delivery != nil:
			t.shard.r.quarantine(context.Background(), t, it, t.failed)
		case it.delivery != nil:
			it.delivery.Nak(50 * time.Millisecond)
		case it.reply == nil:
			t.shard.later(it)
		}
	}
}

// later takes an item of the runner's own again. No message would bring it back, so it is
// tried until the store answers, more slowly each time.
func (s *shard) later(it *item) {
	wait := min(10*time.Millisecond<<min(it.tries, 10), 5*time.Second)
	it.tries++
	s.r.timers.again(it, s.r.Now().Add(wait).UnixMilli())
}

// settled does what follows a turn whose messages are safe: children are started, signals
// sent, the outbox emptied, events acknowledged.
func (t *turn) settled(ctx context.Context) {
	r := t.shard.r
	if t.next != nil && len(t.events) > 0 {
		r.changed(ctx, t.next)
	}
	var sent []string
	for i := range t.effects {
		e := &t.effects[i]
		switch e.Type {
		case engine.StartChild:
			r.startChild(ctx, t, e)
		case engine.StopTask:
			if err := r.Bus.Signal(ctx, bus.CancelSubject(t.id), []byte(engine.RunKey(t.id, e.Task, e.Iteration))); err != nil {
				r.Log.Debug("cancel signal not sent", "err", err, "job", t.id)
			}
			sent = append(sent, e.Key)
		case engine.ControlChild, engine.NotifyParent, engine.Announce:
			sent = append(sent, e.Key)
		}
	}
	if t.told != nil && t.told.Status.Final() && (t.next != nil || t.recovering()) {
		r.endings.told(t.id)
	}
	if len(sent) > 0 && !t.told.Status.Final() {
		t.shard.own.push(&item{job: t.id, sent: sent})
	}
	if t.again {
		t.shard.own.push(&item{job: t.id, recover: true})
	}
	for _, it := range t.items {
		err := t.errs[it]
		switch {
		case it.reply != nil: // was told by answer
		case err == nil, errors.Is(err, ErrNotFound):
			it.ack()
		case errors.Is(err, engine.ErrStale):
			t.stale(ctx, it)
		case isRefusal(err):
			r.Log.Info("event refused", "job", t.id, "task", it.event.Task, "type", it.event.Type, "err", err)
			it.ack()
		case it.attempts() >= maxTries && isCrash(err):
			r.quarantine(ctx, t, it, err)
		case it.delivery == nil:
			r.Log.Warn("work of the engine's own is taken again", "job", t.id, "type", it.event.Type, "err", err)
			t.shard.later(it)
		default:
			r.Log.Warn("event is taken again", "job", t.id, "type", it.event.Type, "err", err)
			it.delivery.Nak(time.Second)
		}
	}
}

// isRefusal tells whether the machine said no: trying again would not help.
func isRefusal(err error) bool {
	var conflict *engine.Conflict
	var unknown *engine.Unknown
	return errors.As(err, &conflict) || errors.As(err, &unknown)
}

// message is the bus message that carries an effect out; false when it goes another way.
func (r *Runner) message(t *turn, e *engine.Effect) (bus.Message, bool) {
	job := t.told
	switch e.Type {
	case engine.RunTask:
		pool, instance := adapters.DefaultPool, e.Incoming.Get("adapter_id").Text()
		if task, ok := builtin.Lookup(e.App, e.Method); ok && task.Outside {
			pool = adapters.EnginePool
		} else if e.Pool != "" {
			pool = e.Pool
		} else if r.Pool != nil {
			pool = r.Pool(e.App, instance)
		}
		large, folded := t.folded[e.Key]
		if !folded {
			large = load{e.Incoming, e.Changes}
		}
		o := adapters.Order{
			Key: e.Key, Job: t.id, Root: family(job), Payloads: folded, Workflow: job.Name, Task: e.Task, Iteration: e.Iteration, Attempt: e.Attempt,
			App: e.App, Method: e.Method, AdapterID: instance, Actor: e.Actor, Initiator: job.Initiator,
			Incoming: large.incoming, Deadline: e.Deadline, LeaseSeconds: int(adapters.DefaultLease / time.Second), Mode: e.Mode, Priority: job.Priority,
			ResumeOf: e.ResumeOf, Guard: e.Guard, Accept: e.Accept, Changes: large.changes,
			Token: r.token(orderToken, e.Key),
		}
		m := bus.Message{Subject: bus.TaskSubject(pool, e.App, e.Method), ID: e.Key, Data: o.JSON()}
		if r.Trace {
			m.Header = map[string]string{"traceparent": traceParent(job, e.Task, e.Iteration)}
		}
		return m, true
	case engine.ControlChild:
		ev := engine.Event{Type: engine.JobCanceled, By: engine.System, Text: "ordered by parent job " + t.id}
		switch e.Act {
		case "pause":
			ev.Type = engine.JobPaused
		case "resume":
			ev.Type = engine.JobResumed
		case "cancel-graceful":
			ev.Graceful = true
		}
		return r.eventMessage(e.Child, e.Key, &ev), true
	case engine.NotifyParent:
		ev := engine.Event{
			Type: engine.ChildFinished, Task: e.Parent.Task, Iteration: e.Parent.Iteration, Element: e.Parent.Element,
			Child: t.id, Status: e.Status, Variables: e.Variables,
		}
		if ev.Variables.Exceeds(maxNews) {
			ev.Variables = value.Absent
		}
		m := r.eventMessage(e.Parent.Job, e.Key, &ev)
		if len(m.Data) > maxNews {
			ev.Variables = value.Absent // the parent's server reads them from the store
			m = r.eventMessage(e.Parent.Job, e.Key, &ev)
		}
		return m, true
	case engine.Announce:
		about := value.Object("_id", value.String(t.id), "name", value.String(job.Name), "status", value.String(string(job.Status.Shown())),
			"description", value.String(strings.ToValidUTF8(job.Description[:min(len(job.Description), maxDescription)], "")), "groups", value.Strings(job.Groups...))
		if e.Task != "" {
			about = about.With("task", value.String(e.Task)).With("iteration", value.String(engine.IterationID(t.id, e.Task, e.Iteration)))
		}
		if len(job.Triggers) > 0 {
			about = about.With("triggers", value.Strings(job.Triggers...))
		}
		data := value.Object(
			"type", value.String(e.Topic), "source", value.String(EngineSource), "topic", value.String(e.Topic), "instance", value.String("WorkFlowEngine"),
			"job", about,
		).AppendJSON(nil)
		return bus.Message{Subject: bus.PlatformFeedSubject(EngineSource, e.Topic), ID: e.Key, Data: data}, true
	}
	return bus.Message{}, false
}

// maxDescription is how much of a job's description an announcement carries, in bytes.
const maxDescription = 4 << 10

// EngineSource is the source of the platform events that tell about jobs.
const EngineSource = "@itential/app-workflow_engine"

// maxNews is how large the message of a job to its parent may be, in bytes. A longer one
// leaves the variables out.
const maxNews = 128 << 10

func (r *Runner) eventMessage(job, key string, ev *engine.Event) bus.Message {
	data := append([]byte(`{"v":1,"job":`), value.String(job).String()...)
	if token := r.token(wordToken, job); token != "" {
		data = append(append(data, `,"token":"`...), token+`"`...)
	}
	data = append(data, ',')
	data = append(data, engine.AppendEvent(nil, ev)[1:]...)
	return bus.Message{Subject: bus.EventSubject(engine.Partition(job, r.Partitions), job), ID: key, Data: data}
}
