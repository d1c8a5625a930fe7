package simulation

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows"
)

// world is the state of one simulation.
type world struct {
	o        Options
	jobs     map[string]*live // those that are not final, and the root
	order    []*live          // as they began
	machines map[*workflows.Workflow]*engine.Machine
	agenda   agenda
	seq      int
	epoch    int64 // start of the root job, milliseconds since 1970
	now      int64
	events   int
	traced   error // the first error of the trace's writer
}

// live is a job that is being played.
type live struct {
	machine *engine.Machine
	job     *engine.Job
	child   bool
	wake    int64 // due time of the timer on the agenda; 0 = none
	tracer  tracer
}

// begin makes a job and lets it start.
func (w *world) begin(workflow *workflows.Workflow, start engine.Start) (*live, error) {
	m := w.machines[workflow]
	if m == nil {
		var err error
		if m, err = engine.Compile(workflow, anyAdapter{w.o.Catalog}, workflow.Revision(), w.o.Limits.Engine); err != nil {
			return nil, err
		}
		w.machines[workflow] = m
	}
	l := &live{machine: m, child: start.Parent != nil}
	if l.child {
		l.tracer.job = start.ID
	}
	w.jobs[start.ID] = l
	w.order = append(w.order, l)
	return l, w.step(l, engine.Event{Type: engine.JobStarted, Start: &start})
}

// play lets happen what is due until nothing is, or the root job has come to its end.
func (w *world) play(ctx context.Context, root *live) error {
	for len(w.agenda) > 0 && !root.job.Status.Final() && root.job.Status != engine.Errored {
		if w.events%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		next := heap.Pop(&w.agenda).(item)
		if elapsed := time.Duration(next.at-w.epoch) * time.Millisecond; elapsed > w.o.Limits.Time {
			return fmt.Errorf("%w: the job takes longer than %s of virtual time", ErrLimit, w.o.Limits.Time)
		}
		if w.events > w.o.Limits.Events {
			return fmt.Errorf("%w: the job takes more than %d events", ErrLimit, w.o.Limits.Events)
		}
		w.now = max(w.now, next.at)
		if err := next.act(); err != nil {
			return err
		}
	}
	return nil
}

// step takes an event into a job and carries out the effects. What is stale or what the
// job's state no longer allows just does not happen.
func (w *world) step(l *live, ev engine.Event) error {
	ev.At = w.now
	w.events++
	next, effects, err := l.machine.Step(l.job, ev)
	var refused *engine.Conflict
	switch {
	case errors.Is(err, engine.ErrStale), l.job != nil && errors.As(err, &refused):
		return nil
	case err != nil:
		return fmt.Errorf("%s of task %q in job %q: %w", ev.Type, ev.Task, l.machine.Workflow().Name, err)
	}
	w.trace(l, next, effects)
	if len(next.Outbox) > 0 { // it is carried out below
		sent := *next
		sent.Outbox = nil
		next = &sent
	}
	l.job = next
	for i := range effects {
		w.carryOut(l, &effects[i])
	}
	if next.Status.Final() && l.child {
		delete(w.jobs, next.ID)
	}
	w.wake(l)
	return nil
}

// wake puts the job's next timer on the agenda.
func (w *world) wake(l *live) {
	due := l.job.Due()
	if due == 0 || due == l.wake {
		return
	}
	l.wake = due
	w.at(due, true, func() error {
		if l.wake != due {
			return nil // another timer took its place
		}
		l.wake = 0
		if d := l.job.Due(); d == 0 || d > w.now {
			w.wake(l)
			return nil
		}
		if t := l.job.Timers[0]; t.Kind == engine.TimerHeartbeat {
			// Whoever works in a simulation is alive.
			if err := w.step(l, engine.Event{Type: engine.TaskProgressed, Task: t.Task, Iteration: t.Iteration}); err != nil {
				return err
			}
		}
		return w.step(l, engine.Event{Type: engine.TimersDue})
	})
}

// waiting says why the root job has not ended.
func (w *world) waiting(root *live) []Wait {
	if root.job.Status.Final() || root.job.Status == engine.Errored {
		return nil
	}
	var out []Wait
	for _, l := range w.order {
		if l.job == nil || l.job.Status.Final() {
			continue
		}
		for _, r := range l.machine.Explain(l.job) {
			out = append(out, Wait{Job: l.tracer.job, Workflow: l.job.Name, Reason: r})
		}
	}
	return out
}

// at puts an act on the agenda. At equal times results come before timers, and otherwise
// what was put there first.
func (w *world) at(due int64, timer bool, act func() error) {
	w.seq++
	heap.Push(&w.agenda, item{at: due, timer: timer, seq: w.seq, act: act})
}

type item struct {
	at    int64
	timer bool
	seq   int
	act   func() error
}

type agenda []item

func (a agenda) Len() int      { return len(a) }
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(item)) }

func (a agenda) Less(i, j int) bool {
	switch {
	case a[i].at != a[j].at:
		return a[i].at < a[j].at
	case a[i].timer != a[j].timer:
		return a[j].timer
	}
	return a[i].seq < a[j].seq
}

func (a *agenda) Pop() any {
	last := len(*a) - 1
	x := (*a)[last]
	(*a)[last] = item{}
	*a = (*a)[:last]
	return x
}

// anyAdapter is a catalog in which adapters that nobody described may block: a simulation has
// no manifests of them.
type anyAdapter struct{ workflows.Catalog }

func (c anyAdapter) Method(app, name string) (workflows.Method, bool) {
	if m, ok := c.Catalog.Method(app, name); ok {
		return m, true
	}
	return workflows.Method{App: app, Name: name, Open: true, CanBlock: true}, true
}
