package simulation

import (
	"strings"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/builtin"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// classSimulated is the class of errors that a script gives without saying more.
const classSimulated = "simulated"

// carryOut does what an effect orders, or puts it on the agenda.
func (w *world) carryOut(l *live, e *engine.Effect) {
	switch e.Type {
	case engine.RunTask:
		w.work(l, e)
	case engine.RecordTask:
		if e.Run.Status == engine.TaskRunning {
			w.person(l, e.Run)
		}
	case engine.StartChild:
		w.startChild(l, e)
	case engine.ControlChild:
		w.control(e)
	case engine.NotifyParent:
		w.notify(e)
	}
}

// turn describes the current iteration of a task.
func (l *live) turn(task string, iteration int) Turn {
	t, _ := l.machine.Workflow().Task(task)
	return Turn{
		Job: l.job, Workflow: l.machine.Workflow(), Task: t, Method: l.machine.Method(task),
		Iteration: iteration, Child: l.child,
	}
}

func (w *world) scripted(t Turn) (Reply, bool) {
	if w.o.Script == nil {
		return Reply{}, false
	}
	return w.o.Script(t)
}

// work lets a worker, or the built-in task, take an order.
func (w *world) work(l *live, e *engine.Effect) {
	reply, ok := w.scripted(l.turn(e.Task, e.Iteration))
	if !ok {
		if task, known := builtin.Lookup(e.App, e.Method); known && task.Run != nil && !task.Outside {
			w.builtin(l, e, task)
			return
		}
	}
	if reply.After > 0 {
		w.at(w.now, false, func() error {
			return w.step(l, engine.Event{Type: engine.TaskStarted, Task: e.Task, Iteration: e.Iteration, Worker: "simulation"})
		})
	}
	w.finish(l, e.Task, e.Iteration, reply.guarded(e))
}

// guarded is the reply, or the block in its place when the order's guard says no.
func (r Reply) guarded(e *engine.Effect) Reply {
	if r.Changes == nil || e.Mode != "" || e.Accept > 0 && r.Changes.Total() <= e.Accept {
		return r
	}
	guard, _ := workflows.ParseGuard(e.Guard) // the workflow was checked
	reached := guard.Reached(r.Changes, r.Present)
	if len(reached) == 0 {
		return r
	}
	texts := make([]string, len(reached))
	for i, b := range reached {
		texts[i] = b.String()
	}
	r.State, r.Error = workflows.Blocked, engine.Threshold("too many changes: "+strings.Join(texts, ", "), reached, r.changes())
	return r
}

// changes is what a guarded method would change, as its result tells it.
func (r Reply) changes() value.Value {
	if r.Changes == nil {
		return value.Absent
	}
	counts := value.Object()
	for _, kind := range workflows.ChangeKinds() {
		counts = counts.With(string(kind), value.Int(r.Changes[kind]))
	}
	return value.Object("present", value.Int(r.Present), "total", value.Int(r.Changes.Total()), "counts", counts)
}

// builtin runs a task for real, with the job as it is when the result counts.
func (w *world) builtin(l *live, e *engine.Effect, task builtin.Task) {
	w.at(w.now, false, func() error {
		state, _ := l.machine.Task(l.job, e.Task)
		if state.Iteration != e.Iteration || state.Status != engine.TaskRunning {
			return nil
		}
		outcome := task.Run(&builtin.Call{
			Incoming: e.Incoming, Job: l.job, Task: e.Task, Iteration: e.Iteration,
			Now: time.UnixMilli(w.now).UTC(), Documents: w.o.Library,
		})
		return w.step(l, engine.Event{Type: engine.TaskFinished, Task: e.Task, Iteration: e.Iteration, Outcome: outcome})
	})
}

// person works on a manual task as soon as it is there, and lets an eventListenerJob's event
// arrive when a script has one.
func (w *world) person(l *live, run *engine.Run) {
	t := l.turn(run.Task, run.Iteration)
	switch {
	case run.Subscribed:
		if reply, ok := w.scripted(t); ok {
			w.at(w.now+reply.After.Milliseconds(), false, func() error {
				if reply.State != workflows.Success && reply.State != "" {
					return w.step(l, given(run.Task, reply))
				}
				return w.step(l, engine.Event{Type: engine.EventReceived, Task: run.Task, Iteration: run.Iteration, Variables: reply.Outgoing.Get("result")})
			})
		}
	case t.Task.Type == workflows.Manual && !isControl(t.Task):
		reply, _ := w.scripted(t)
		w.finish(l, run.Task, run.Iteration, reply)
	}
}

// finish puts an iteration's end on the agenda.
func (w *world) finish(l *live, task string, iteration int, r Reply) {
	w.at(w.now+r.After.Milliseconds(), false, func() error {
		return w.step(l, engine.Event{Type: engine.TaskFinished, Task: task, Iteration: iteration, By: w.by(l, task), Outcome: r.outcome()})
	})
}

// by is who worked on a task: the initiator on manual ones, nobody on the others.
func (w *world) by(l *live, task string) string {
	if t, _ := l.machine.Workflow().Task(task); t.Type == workflows.Manual {
		return w.o.Initiator
	}
	return ""
}

func (r Reply) outcome() engine.Outcome {
	o := engine.Outcome{State: r.State, Outgoing: r.Outgoing, Changes: r.changes()}
	switch r.State {
	case "":
		o.State = workflows.Success
	case workflows.Failed, workflows.Blocked:
		o.Error = r.problem()
	}
	if o.Outgoing.IsAbsent() {
		o.Outgoing = value.Object()
	}
	return o
}

// problem is the reply's error as an error object.
func (r Reply) problem() value.Value {
	switch {
	case r.Error.IsString():
		return engine.Problem(classSimulated, r.Error.Text())
	case r.Error.IsNothing():
		return engine.Problem(classSimulated, "The simulation let the task end with "+string(r.State)+".")
	}
	return r.Error
}

// isControl tells whether the machine itself finishes the task.
func isControl(t *workflows.Task) bool {
	return isForEach(t) || isChildJob(t) || isListener(t)
}

const workflowEngine = "WorkFlowEngine"

func isForEach(t *workflows.Task) bool  { return t.App == workflowEngine && t.Name == "forEach" }
func isChildJob(t *workflows.Task) bool { return t.App == workflowEngine && t.Name == "childJob" }
func isListener(t *workflows.Task) bool {
	return t.App == workflowEngine && t.Name == "eventListenerJob"
}
