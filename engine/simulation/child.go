package simulation

import (
	"errors"
	"fmt"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/transformation"
	"github.com/heddlehq/heddle/workflows/value"
)

// startChild starts a child job, or answers for it when a script does.
func (w *world) startChild(l *live, e *engine.Effect) {
	order := *e
	if order.Task != workflows.ErrorHandlerID {
		if reply, ok := w.scripted(l.turn(order.Task, order.Iteration)); ok {
			w.at(w.now+reply.After.Milliseconds(), false, func() error { return w.step(l, answer(&order, reply)) })
			return
		}
	}
	w.at(w.now, false, func() error {
		workflow, variables, refusal := w.prepare(l, &order)
		if !refusal.IsAbsent() {
			return w.step(l, news(&order, engine.ChildRefused, engine.Event{Outcome: engine.Outcome{Error: refusal}}))
		}
		if err := w.step(l, news(&order, engine.ChildStarted, engine.Event{})); err != nil {
			return err
		}
		_, err := w.begin(workflow, engine.Start{
			ID: order.Child, Variables: variables, Groups: l.job.Groups, Initiator: l.job.Initiator, User: l.job.User,
			Ancestors: l.job.Ancestors, Priority: &l.job.Priority,
			Parent: &engine.Parent{Job: l.job.ID, Task: order.Task, Iteration: order.Iteration, Element: order.Element},
		})
		if invalid, ok := errors.AsType[*workflows.Invalid](err); ok {
			problem := engine.Problem(engine.ClassDocument, fmt.Sprintf("workflow %q cannot be run: %v", order.Workflow, invalid))
			return w.step(l, news(&order, engine.ChildRefused, engine.Event{Outcome: engine.Outcome{Error: problem}}))
		}
		return err
	})
}

// news is an event about the child job that an order speaks of.
func news(order *engine.Effect, t engine.EventType, ev engine.Event) engine.Event {
	ev.Type, ev.Task, ev.Iteration, ev.Element, ev.Child = t, order.Task, order.Iteration, order.Element, order.Child
	return ev
}

// answer lets a child job end as a script says, without being there.
func answer(order *engine.Effect, r Reply) engine.Event {
	if r.State == workflows.Failure {
		return given(order.Task, r)
	}
	if r.State == workflows.Failed {
		return news(order, engine.ChildRefused, engine.Event{Outcome: r.outcome()})
	}
	variables := r.Outgoing.Get("job_details")
	if order.Element >= 0 {
		variables = variables.Get("loop").At(order.Element)
	}
	if !variables.IsObject() {
		variables = value.Object()
	}
	return news(order, engine.ChildFinished, engine.Event{Status: engine.Complete, Variables: variables})
}

// given ends a task of the machine's own with a state that it would not reach by itself.
func given(task string, r Reply) engine.Event {
	return engine.Event{Type: engine.TaskCompleted, By: engine.System, Task: task, Outcome: r.outcome()}
}

// prepare finds a child job's workflow and its variables, or says why it cannot be started.
func (w *world) prepare(l *live, e *engine.Effect) (*workflows.Workflow, value.Value, value.Value) {
	refuse := func(class, format string, args ...any) (*workflows.Workflow, value.Value, value.Value) {
		return nil, value.Absent, engine.Problem(class, fmt.Sprintf(format, args...))
	}
	found, err := w.o.Library.Workflow(l.job.Name, e.Workflow)
	if err != nil {
		return refuse(engine.ClassDocument, "%v", err)
	}
	variables := e.Variables
	if e.Transformation != "" {
		made, err := w.element(e)
		if err != nil {
			return refuse(engine.ClassData, "element %d of data_array: %v", e.Element, err)
		}
		variables = engine.Merged(variables, made)
	}
	if problems := CheckInput(found, w.o.Catalog, variables, true); problems != nil {
		return refuse(engine.ClassInput, "workflow %q does not take these variables: %v", found.Name, &workflows.Invalid{Problems: problems})
	}
	return found, variables, value.Absent
}

// element runs the transformation of a loop for the order's element.
func (w *world) element(e *engine.Effect) (value.Value, error) {
	t, err := w.o.Library.Transformation(e.Transformation)
	if err != nil {
		return value.Absent, err
	}
	return t.Element(e.Current, transformation.Options{Now: time.UnixMilli(w.now).UTC()})
}

// notify brings a child job's end to its parent.
func (w *world) notify(e *engine.Effect) {
	parent := w.jobs[e.Parent.Job]
	if parent == nil {
		return
	}
	ev := engine.Event{
		Type: engine.ChildFinished, Task: e.Parent.Task, Iteration: e.Parent.Iteration, Element: e.Parent.Element,
		Child: e.Child, Status: e.Status, Variables: e.Variables,
	}
	w.at(w.now, false, func() error { return w.step(parent, ev) })
}

// control passes a parent's act on to its child job.
func (w *world) control(e *engine.Effect) {
	child := e.Child
	ev := engine.Event{By: w.o.Initiator}
	switch e.Act {
	case "pause":
		ev.Type = engine.JobPaused
	case "resume":
		ev.Type = engine.JobResumed
	default:
		ev.Type, ev.Graceful = engine.JobCanceled, e.Act == "cancel-graceful"
	}
	w.at(w.now, false, func() error {
		if l := w.jobs[child]; l != nil {
			return w.step(l, ev)
		}
		return nil
	})
}
