package server

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/server/auth"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// act applies an operator's act to a job the caller may reach and answers the job.
func (c *call) act(id, message string, ev engine.Event) (value.Value, error) {
	st, err := c.apply(id, ev)
	if err != nil {
		return value.Absent, err
	}
	return enveloped(message, jobDoc(st, &query{})), nil
}

// apply applies an act. A repetition of one that was applied already is fine.
func (c *call) apply(id string, ev engine.Event) (runner.State, error) {
	st, err := c.job(id)
	if err != nil {
		return st, err
	}
	if ev.By == "" {
		ev.By = c.who.Username
	}
	next, err := c.Runner.Act(c.Request().Context(), id, ev)
	if errors.Is(err, engine.ErrStale) && repeatable(ev.Type) {
		return c.Runner.Job(c.Request().Context(), id)
	}
	return next, err
}

// repeatable tells whether an act asks for a state, which may be there already.
func repeatable(t engine.EventType) bool {
	switch t {
	case engine.AccessChanged, engine.JobCanceled, engine.TaskApproved, engine.TaskClaimed, engine.TaskReleased, engine.TaskSkipped, engine.VariablesPatched:
		return true
	}
	return false
}

// maxActs is how many jobs one call may act on.
const maxActs = 100

// many is a route that does the same to several jobs: {"jobIds": [...]}. It succeeds when one
// of them did; the data tell of each.
func many(done, verb string, kind engine.EventType) func(c *call) (value.Value, error) {
	return func(c *call) (value.Value, error) {
		body, err := c.object()
		if err != nil {
			return value.Absent, err
		}
		ids, err := texts(body.Get("jobIds"), "/jobIds")
		if err != nil {
			return value.Absent, err
		}
		if len(ids) == 0 || len(ids) > maxActs {
			return value.Absent, badAt("/jobIds", "count", "\"jobIds\" must list 1 to %d jobs, not %d.", maxActs, len(ids))
		}
		ev := engine.Event{Type: kind}
		switch mode := body.Get("mode"); {
		case mode.IsNothing() || mode.Text() == "terminate":
		case mode.Text() == "graceful" && kind == engine.JobCanceled:
			ev.Graceful = true
		default:
			return value.Absent, badAt("/mode", "enum", "\"mode\" must be \"terminate\" or, for a cancel, \"graceful\", not %s.", mode)
		}
		return c.each(ids, done, verb, ev)
	}
}

func (c *call) each(ids []string, done, verb string, ev engine.Event) (value.Value, error) {
	errs := make([]error, len(ids))
	states := make([]runner.State, len(ids))
	var g errgroup.Group
	g.SetLimit(16)
	for i, id := range ids {
		g.Go(func() error {
			defer func() {
				if p := recover(); p != nil {
					c.Log.Error("act panicked", "job", id, "panic", p, "stack", string(debug.Stack()))
					errs[i] = fmt.Errorf("panic: %v", p)
				}
			}()
			states[i], errs[i] = c.apply(id, ev)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return value.Absent, err
	}
	var data value.Members
	succeeded := 0
	for i, id := range ids {
		c.deed.each = append(c.deed.each, target{"job", id, errs[i]})
		if err := errs[i]; err != nil {
			data.Set(id, value.Object("success", value.False, "message", value.String(decide(err).text)))
			continue
		}
		succeeded++
		data.Set(id, value.Object("success", value.True, "status", value.String(string(states[i].Job.Status.Shown()))))
	}
	if succeeded == 0 {
		why := clash
		switch {
		case ev.Type == engine.JobCanceled:
			why = unmet // existing clients look for 500 here
		case !slices.ContainsFunc(errs, func(err error) bool { return !errors.Is(err, runner.ErrNotFound) }):
			why = missing
		}
		return value.Absent, &refusal{reason: why, text: "Failed to " + verb + " all jobs", data: data.Value()}
	}
	return enveloped(fmt.Sprintf("Successfully %s %d of %d jobs", done, succeeded, len(ids)), data.Value()), nil
}

// continueJob goes on from a task with its last finish state.
func continueJob(c *call) (value.Value, error) {
	from, err := c.member("fromTask", value.KindString)
	if err != nil {
		return value.Absent, err
	}
	return c.act(c.text("id"), "Successfully continued job", engine.Event{Type: engine.JobContinued, Task: from.Text()})
}

// revertJob jumps back to a task that finished.
func revertJob(c *call) (value.Value, error) {
	body, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	from, err := need(body, "fromTask", value.KindString)
	if err != nil {
		return value.Absent, err
	}
	to, err := need(body, "toTask", value.KindString)
	if err != nil {
		return value.Absent, err
	}
	return c.act(c.text("id"), "Successfully reverted job", engine.Event{Type: engine.JobReverted, Task: from.Text(), To: to.Text()})
}

// patchVariables changes job variables: {"variables": {...}}.
func patchVariables(c *call) (value.Value, error) {
	variables, err := c.member("variables", value.KindObject)
	if err != nil {
		return value.Absent, err
	}
	for _, name := range variables.Keys() {
		if workflows.IsBuiltIn(name) {
			return value.Absent, badAt("/variables/"+value.EscapePointer(name), "built-in", "The variable %q is the engine's own.", name)
		}
	}
	return c.act(c.text("id"), "Successfully updated job variables", engine.Event{Type: engine.VariablesPatched, Variables: variables})
}

// retryTask runs a failed task again, with other variables if the body has them.
func retryTask(c *call) (value.Value, error) {
	body, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	variables, err := optional(body, "variables", value.KindObject)
	if err != nil {
		return value.Absent, err
	}
	if variables.Len() > 0 && !c.who.May(auth.ChangeJobs) {
		return value.Absent, refuse(denied, "%s may retry tasks, but not with other variables", c.who.Username)
	}
	return c.onTask("Successfully retried task", engine.Event{Type: engine.TaskRetried, Variables: variables})
}

// finishTask ends a manual task with what a person decided.
func finishTask(c *call) (value.Value, error) {
	data, err := c.member("taskData", value.KindObject)
	if err != nil {
		return value.Absent, err
	}
	outcome, err := outcomeOf(data, "/taskData")
	if err != nil {
		return value.Absent, err
	}
	st, err := c.finish(c.text("id"), c.text("task"), outcome)
	if err != nil {
		return value.Absent, err
	}
	return enveloped("Successfully finished task", jobDoc(st, &query{})), nil
}

// finish ends a manual task on behalf of the caller.
func (c *call) finish(id, task string, outcome engine.Outcome) (runner.State, error) {
	st, err := c.job(id)
	if err != nil {
		return st, err
	}
	if err := c.worksOn(st, task); err != nil {
		return st, err
	}
	t, _ := st.Machine.Workflow().Task(task)
	s, _ := st.Machine.Task(st.Job, task)
	if t.Type != workflows.Manual {
		return st, &engine.Conflict{Reason: fmt.Sprintf("task %q is not a manual task; complete it with a result instead", task)}
	}
	if err := c.checkForm(st, t, s, outcome); err != nil {
		return st, err
	}
	return c.apply(id, engine.Event{Type: engine.TaskFinished, Task: task, Iteration: s.Iteration, Outcome: outcome, By: c.who.ID})
}

// outcomeOf reads {"finish_state", "variables", "error"}.
func outcomeOf(data value.Value, at string) (engine.Outcome, error) {
	state := data.Get("finish_state")
	var o engine.Outcome
	switch state.Text() {
	case string(workflows.Success), string(workflows.Failure), string(workflows.Failed):
		o.State = workflows.FinishState(state.Text())
	default:
		return o, badAt(at+"/finish_state", "enum", "\"finish_state\" must be \"success\", \"failure\" or \"error\", not %s.", orNull(state))
	}
	variables, err := optional(data, "variables", value.KindObject)
	if err != nil {
		return o, badAt(at+"/variables", "type", "\"variables\" must be an object.")
	}
	o.Outgoing = variables
	if o.Outgoing.IsAbsent() {
		o.Outgoing = value.Object()
	}
	if o.State == workflows.Failed {
		if o.Error = data.Get("error"); o.Error.IsNothing() {
			o.Error = value.String("The task was finished with an error.")
		}
	}
	return o, nil
}

// completeTask gives a task its result in place of its own work.
func completeTask(c *call) (value.Value, error) {
	body, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	data, at := body, ""
	if d := body.Get("taskData"); d.IsObject() {
		data, at = d, "/taskData"
	}
	outcome, err := outcomeOf(data, at)
	if err != nil {
		return value.Absent, err
	}
	reason, err := optionalText(body, "reason")
	if err != nil {
		return value.Absent, err
	}
	return c.onTask("Successfully completed task", engine.Event{Type: engine.TaskCompleted, Outcome: outcome, Text: reason})
}

// accept is a route that approves or repairs a blocked task: {"reason", "mode"}.
func accept(kind engine.EventType, message string) func(c *call) (value.Value, error) {
	return func(c *call) (value.Value, error) {
		ev, err := c.acceptance(kind)
		if err != nil {
			return value.Absent, err
		}
		return c.onTask(message, ev)
	}
}

func (c *call) acceptance(kind engine.EventType) (engine.Event, error) {
	ev := engine.Event{Type: kind}
	body, err := c.object()
	if err != nil {
		return ev, err
	}
	if ev.Text, err = optionalText(body, "reason"); err != nil {
		return ev, err
	}
	if ev.Mode, err = optionalText(body, "mode"); err != nil {
		return ev, err
	}
	if ev.Mode != "" && ev.Mode != engine.ModeValidate && ev.Mode != engine.ModeForce {
		return ev, badAt("/mode", "enum", "\"mode\" must be %q or %q, not %q.", engine.ModeValidate, engine.ModeForce, clip(ev.Mode))
	}
	return ev, nil
}

// repairJob approves everything that blocks a job and lets it go on.
func repairJob(c *call) (value.Value, error) {
	ev, err := c.acceptance(engine.TaskApproved)
	if err != nil {
		return value.Absent, err
	}
	id := c.text("id")
	st, err := c.job(id)
	if err != nil {
		return value.Absent, err
	}
	if st.Job.Status != engine.BlockedJ {
		return value.Absent, refuse(clash, "job %s is %s, not blocked; there is nothing to repair", id, st.Job.Status.Shown())
	}
	tasks := st.Machine.Workflow().Tasks
	for i, t := range st.Job.Tasks {
		if t.Status != engine.TaskBlocked || t.Approved != "" {
			continue
		}
		ev.Task = tasks[i].ID
		if _, err := c.apply(id, ev); err != nil {
			return value.Absent, err
		}
	}
	return c.act(id, "Successfully repaired job", engine.Event{Type: engine.JobResumed, Text: ev.Text})
}

// onTaskWith is a route for an act on a task that takes only a reason.
func onTaskWith(kind engine.EventType, message string) func(c *call) (value.Value, error) {
	return func(c *call) (value.Value, error) {
		body, err := c.object()
		if err != nil {
			return value.Absent, err
		}
		reason, err := optionalText(body, "reason")
		if err != nil {
			return value.Absent, err
		}
		return c.onTask(message, engine.Event{Type: kind, Text: reason})
	}
}

func (c *call) onTask(message string, ev engine.Event) (value.Value, error) {
	ev.Task = c.text("task")
	return c.act(c.text("id"), message, ev)
}
