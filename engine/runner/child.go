package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/sealed"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/transformation"
	"github.com/heddlehq/heddle/workflows/value"
)

// startChild starts the child job a turn ordered. It may be repeated: a child that is there
// already only tells its parent again how it stands.
func (r *Runner) startChild(ctx context.Context, t *turn, e *engine.Effect) {
	parent := t.told
	refuse := func(class string, err error) {
		r.shard(t.id).own.push(&item{job: t.id, event: engine.Event{
			Type: engine.ChildRefused, Task: e.Task, Iteration: e.Iteration, Element: e.Element, Child: e.Child,
			Outcome: engine.Fail(class, err.Error()),
		}})
	}
	again := &item{job: e.Child, child: true, event: engine.Event{Type: engine.JobStarted}}
	if t.recovering() {
		// It may be there already, whatever became of its workflow since.
		if _, err := r.Store.Get(ctx, store.Jobs, e.Child); err == nil {
			r.shard(e.Child).own.push(again)
			return
		}
	}
	if over, err := r.familyIsOver(ctx, parent); err != nil {
		r.unavailable(t, err, nil)
		return
	} else if over {
		refuse(engine.ClassChild, fmt.Errorf("job %s, to whose family the child would belong, has ended", parent.Ancestors[0]))
		return
	}
	if e.Repair != nil {
		r.startRepair(ctx, t, e, again, refuse)
		return
	}
	variables, err := r.childVariables(ctx, family(parent), e)
	if err != nil {
		refuse(engine.ClassData, err)
		return
	}
	name, err := r.Library.Resolve(ctx, e.Workflow, parent.Name)
	if err != nil {
		r.unavailable(t, err, func() { refuse(engine.ClassDocument, err) })
		return
	}
	m, start, err := r.prepare(ctx, Begin{Workflow: name, Start: engine.Start{
		ID: e.Child, Variables: variables, Groups: parent.Groups, Initiator: parent.Initiator, User: parent.User, Ancestors: parent.Ancestors, Triggers: parent.Triggers,
		Priority: &parent.Priority,
		Parent:   &engine.Parent{Job: t.id, Task: e.Task, Iteration: e.Iteration, Element: e.Element},
	}})
	if err != nil {
		r.unavailable(t, err, func() { refuse(engine.ClassChild, err) })
		return
	}
	again.machine, again.event.Start = m, start
	r.shard(e.Child).own.push(again)
}

// startRepair starts the virtual job that repairs a blocked task. It runs as whoever the task runs as.
func (r *Runner) startRepair(ctx context.Context, t *turn, e *engine.Effect, again *item, refuse func(string, error)) {
	parent := t.told
	m, err := r.Library.Unstored(ctx, t.entry.machine.Virtual(e))
	if err != nil {
		r.unavailable(t, err, func() { refuse(engine.ClassDocument, err) })
		return
	}
	initiator := parent.Initiator
	if e.Actor != engine.System {
		initiator = e.Actor
	}
	again.machine, again.event.Start = m, &engine.Start{
		ID: e.Child, Type: e.Repair.Type(), Variables: e.Variables, Groups: parent.Groups, Initiator: initiator, User: parent.User,
		Ancestors: parent.Ancestors, Triggers: parent.Triggers, Repair: e.Repair,
		Parent: &engine.Parent{Job: t.id, Task: e.Task, Iteration: e.Iteration, Element: e.Element},
	}
	r.shard(e.Child).own.push(again)
}

// familyIsOver tells whether the first ancestor of a job that is itself a child has ended.
// Nothing new may start below it: jobs that start each other would else multiply faster than a
// cancel goes from parents to children.
func (r *Runner) familyIsOver(ctx context.Context, job *engine.Job) (bool, error) {
	if job.Parent == nil {
		return false, nil
	}
	doc, err := r.Store.Get(ctx, store.Jobs, job.Ancestors[0])
	if errors.Is(err, store.ErrNotFound) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	v, err := value.ParseLast(doc.Body)
	if err != nil {
		return false, err
	}
	return engine.Status(v.Get("status").Text()).Final(), nil
}

// recovering tells whether the turn issued orders again rather than for the first time.
func (t *turn) recovering() bool {
	return slices.ContainsFunc(t.items, func(it *item) bool { return it.recover })
}

// unavailable tells a refusal for good from a store that does not answer: that is tried
// again by the sweeper.
func (r *Runner) unavailable(t *turn, err error, refuse func()) {
	var input *InputError
	var invalid *workflows.Invalid
	if errors.Is(err, ErrNotFound) || errors.As(err, &input) || errors.As(err, &invalid) {
		refuse()
		return
	}
	r.Log.Warn("child job not started yet", "job", t.id, "err", err)
	r.timers.recover(t.id, r.Now().Add(r.Sweep).UnixMilli())
}

// childVariables computes the variables of a loop's element with a transformation.
func (r *Runner) childVariables(ctx context.Context, place string, e *engine.Effect) (value.Value, error) {
	if e.Transformation == "" {
		return e.Variables, nil
	}
	t, err := r.Library.Documents(ctx).Transformation(e.Transformation)
	if err != nil {
		return value.Absent, err
	}
	current, secrets, err := r.opened(ctx, place, e.Current)
	if err != nil {
		return value.Absent, err
	}
	out, err := t.Element(current, transformation.Options{Now: r.Now()})
	if err != nil {
		return value.Absent, fmt.Errorf("transformation %q: %w", t.Name, err)
	}
	if sealed.Holds(e.Current) {
		o := r.kept(ctx, place, engine.Outcome{Outgoing: out}, secrets)
		if o.State == workflows.Blocked {
			return value.Absent, errors.New(o.Error.Get("message").Text())
		}
		out = o.Outgoing
	}
	return engine.Merged(e.Variables, out), nil
}

// exists answers a parent whose child was started before: what the child came to is told
// again, in case the message was lost.
func (t *turn) exists(it *item) {
	job := t.current()
	p := job.Parent
	if p == nil {
		return
	}
	ev := engine.Event{Type: engine.ChildStarted, Task: p.Task, Iteration: p.Iteration, Element: p.Element, Child: job.ID}
	if job.Status.Final() || job.Status == engine.Errored {
		ev.Type, ev.Status, ev.Variables = engine.ChildFinished, job.Status, t.entry.machine.Result(job)
	}
	t.shard.r.shard(p.Job).own.push(&item{job: p.Job, event: ev})
}

// fill gives a job read from the store the outputs of its children, which are stored with
// them.
func (r *Runner) fill(ctx context.Context, st State) error {
	wanting := st.Machine.Wanting(st.Job)
	if len(wanting) == 0 {
		return nil
	}
	outputs := make(map[string]value.Value, len(wanting))
	for _, id := range wanting {
		doc, err := r.Store.Get(ctx, store.Jobs, id)
		if err != nil {
			return fmt.Errorf("outputs of child job %q: %w", id, err)
		}
		child, err := r.whole(ctx, doc.Body, familyOfJob)
		if err != nil {
			return fmt.Errorf("outputs of child job %q: %w", id, err)
		}
		outputs[id] = child.Get("variables")
	}
	st.Machine.Filled(st.Job, outputs)
	return nil
}

// ErrNotFound is the answer for a job or document that does not exist.
var ErrNotFound = store.ErrNotFound
