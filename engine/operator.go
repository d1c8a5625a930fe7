package engine

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// pause keeps new work from starting. What runs may finish; its result is kept and followed
// when the job is resumed.
func (s *stepper) pause() error {
	if s.job.Status != Running {
		return conflict("job %s is %s; only a running job can be paused", s.job.ID, s.job.Status)
	}
	why := "paused"
	if s.ev.By != "" {
		why = "paused by " + s.ev.By
	}
	s.hold(Paused, why)
	s.announce("jobPause")
	return nil
}

// resume catches up: results that came in are followed, tasks that were due start, timers
// that ran out ring.
func (s *stepper) resume() error {
	if !s.job.held() {
		return conflict("job %s is %s; only a paused or blocked job can be resumed", s.job.ID, s.job.Status)
	}
	for i, t := range s.job.Tasks {
		if t.Status == TaskBlocked && t.Approved == "" {
			if s.job.Status == BlockedJ {
				return conflict("task %q is blocked and must be approved first", s.id(i))
			}
			s.hold(BlockedJ, fmt.Sprintf("task %q is blocked", s.id(i)))
			s.announce("jobBlocked")
			return nil
		}
	}
	s.job.Status = Running
	s.job.HeldAt, s.job.HeldBy = 0, ""
	s.controlChildren("resume")
	s.announce("jobResume")
	for len(s.job.Held) > 0 { // a revert among them takes others out
		i := s.job.Held[0]
		s.job.Held = s.job.Held[1:]
		s.follow(i)
	}
	s.lookAll() // while the job was held, repairs may have taken decisions back
	for i, t := range s.job.Tasks {
		switch {
		case t.Status == TaskReady:
			s.start(i)
		case t.Status == TaskBlocked:
			if s.m.kindAt(i, t) == kindPlain && !t.Exhausted {
				s.repair(i)
				break
			}
			s.edit(i).Retries = 0
			s.start(i)
		case t.Status == TaskRunning && s.m.kindAt(i, t) == kindChildJob:
			s.dispatch(i)
		}
	}
	s.ring()
	return nil
}

// lookAll has the successors of every decided task looked at again.
func (s *stepper) lookAll() {
	for i, t := range s.job.Tasks {
		if t.Status.Finished() || t.Never {
			s.queue = append(s.queue, i)
		}
	}
}

func (s *stepper) controlChildren(act string) {
	for i, t := range s.job.Tasks {
		if s.m.kindAt(i, t) == kindChildJob {
			s.stopWork(i, act)
		}
	}
	if s.job.Handling {
		s.send(Effect{Type: ControlChild, Child: ChildID(s.job.ID, workflows.ErrorHandlerID, 1, -1), Act: act})
	}
}

// cancel ends the job: at once, or gracefully after what runs has finished.
func (s *stepper) cancel() error {
	if s.job.Status == Canceling && s.ev.Graceful {
		return ErrStale
	}
	s.stopHandler()
	s.cancelFollowers()
	for i, t := range s.job.Tasks {
		if !t.Status.Active() {
			continue
		}
		kind := s.m.kindAt(i, t)
		if s.ev.Graceful && t.Status == TaskRunning && t.Pending == nil && (kind == kindPlain || kind == kindChildJob && t.Loop.Live > 0) {
			if kind == kindChildJob {
				s.stopWork(i, "cancel-graceful")
			}
			continue
		}
		s.abort(i)
	}
	s.job.Status = Canceling
	s.job.HeldAt, s.job.HeldBy = 0, ""
	return nil
}

func (s *stepper) stopHandler() {
	if s.job.Handling {
		s.job.Handling = false
		s.send(Effect{Type: ControlChild, Child: ChildID(s.job.ID, workflows.ErrorHandlerID, 1, -1), Act: "cancel"})
	}
}

// canceled makes a cancel final once nothing runs any more.
func (s *stepper) canceled() {
	if !s.anyActive() {
		s.finish(Canceled, "jobCancel")
	}
}

func (s *stepper) patch() error {
	if !s.ev.Variables.IsObject() {
		return conflict("the variables to change must be an object")
	}
	before := s.job.Variables
	for name, v := range s.ev.Variables.Members() {
		s.setVariable(name, v)
	}
	if value.Equal(before, s.job.Variables) {
		return ErrStale
	}
	return nil
}

func (s *stepper) access() error {
	groups, watchers := s.job.Groups, s.job.Watchers
	if s.ev.Groups != nil {
		s.job.Groups = s.ev.Groups
	}
	if s.ev.Watchers != nil {
		s.job.Watchers = s.ev.Watchers
	}
	if slices.Equal(groups, s.job.Groups) && slices.Equal(watchers, s.job.Watchers) {
		return ErrStale
	}
	return nil
}

// archive takes a job at rest out of the lists, or back in.
func (s *stepper) archive(on bool) error {
	if on && !s.job.Status.Final() && s.job.Status != Errored {
		return conflict("job %s is %s; only a job that has ended or failed can be archived", s.job.ID, s.job.Status.Shown())
	}
	if s.job.Archived == on {
		return ErrStale
	}
	s.job.Archived = on
	return nil
}

// repairable refuses repairs of a job that is being canceled or handled.
func (s *stepper) repairable() error {
	if s.job.Status == Canceling {
		return conflict("job %s is being canceled", s.job.ID)
	}
	if s.job.Handling {
		return conflict("the error handler of job %s is at work", s.job.ID)
	}
	return nil
}

// taken tells whether a transition out of i for its finish state led to a task that ran.
func (s *stepper) taken(i int) bool {
	state := finishState(s.job.Tasks[i])
	return slices.ContainsFunc(s.m.places[i].out, func(e link) bool {
		return e.state == state && s.job.Tasks[e.place].Status != TaskIdle
	})
}

// retryTask runs a failed task again, with completed work kept.
func (s *stepper) retryTask(i int) error {
	if err := s.repairable(); err != nil {
		return err
	}
	t := s.job.Tasks[i]
	switch {
	case t.Status != TaskError:
		return conflict("task %q is not in error, so there is nothing to retry", s.id(i))
	case s.taken(i):
		return conflict("the job went on from task %q by its error transition; revert to it instead", s.id(i))
	}
	if err := s.inReach(i); err != nil {
		return err
	}
	for name, v := range s.ev.Variables.Members() {
		s.setVariable(name, v)
	}
	s.fixed()
	s.resolved(s.id(i))
	s.reopen(i)
	s.undecide(i)
	s.unhold(i)
	s.edit(i).Retries = 0
	s.forget(i)
	s.start(i)
	return nil
}

// unhold forgets that task i waits to be followed.
func (s *stepper) unhold(i int) {
	if slices.Contains(s.job.Held, i) {
		s.job.Held = slices.DeleteFunc(slices.Clone(s.job.Held), func(h int) bool { return h == i })
	}
}

// continueFrom goes on from a task with its last finish state, as if it had just finished;
// a task that never ran is run.
func (s *stepper) continueFrom(i int) error {
	if err := s.repairable(); err != nil {
		return err
	}
	t := s.job.Tasks[i]
	if t.Status.Active() {
		return conflict("task %q is still at work", s.id(i))
	}
	if err := s.inReach(i); err != nil {
		return err
	}
	if t.Iteration == 0 || !t.Status.Finished() {
		s.fixed()
		s.reopen(i)
		s.undecide(i)
		s.edit(i).Never = false
		s.start(i)
		return nil
	}
	state := finishState(t)
	var next []int
	for _, e := range s.m.places[i].out {
		if e.state == state && !s.job.Tasks[e.place].Status.Active() {
			next = append(next, e.place)
		}
	}
	if len(next) == 0 {
		return conflict("task %q finished with %s and has no transition for it; retry it, skip it or complete it with a result", s.id(i), state)
	}
	s.fixed()
	s.resolved(s.id(i))
	s.reopen(i)
	s.unhold(i)
	for _, to := range next {
		s.reset(to)
	}
	s.queue = append(s.queue, i)
	return nil
}

// revertTo jumps back to a task that finished, drawn transition or not.
func (s *stepper) revertTo(i int) error {
	if err := s.repairable(); err != nil {
		return err
	}
	to, ok := s.m.index[s.ev.To]
	if !ok || s.m.places[to].kind == kindStart || s.m.places[to].kind == kindEnd {
		return &Unknown{s.ev.To}
	}
	switch {
	case s.job.Status == Running:
		return conflict("job %s is running; pause it before reverting", s.job.ID)
	case !s.job.Tasks[to].Status.Finished():
		return conflict("task %q has not finished, so the job cannot go back to it", s.ev.To)
	case !slices.Contains(s.m.downstream(to), i):
		return conflict("task %q does not lead to task %q", s.ev.To, s.ev.Task)
	}
	if err := s.inReach(to); err != nil {
		return err
	}
	blocked := s.job.Status == BlockedJ
	s.fixed()
	s.job.Reverts++
	s.reset(to)
	s.reopen(to)
	s.start(to)
	if blocked && !s.anyBlocked() {
		return s.resume()
	}
	return nil
}

// skip lets a task succeed without work: now, or when its turn comes.
func (s *stepper) skip(i int) error {
	if err := s.repairable(); err != nil {
		return err
	}
	t := s.job.Tasks[i]
	if t.Status == TaskIdle && !t.Never {
		if t.Skip {
			return ErrStale
		}
		s.edit(i).Skip = true
		s.warn(s.id(i), s.m.places[i].task.Name, "The task will be skipped, as "+s.who()+" ordered.")
		return nil
	}
	return s.give(i, Outcome{State: workflows.Success, Outgoing: value.Object()}, "The task was skipped by "+s.who()+".")
}

// completeTask takes a result from an operator.
func (s *stepper) completeTask(i int) error {
	if err := s.repairable(); err != nil {
		return err
	}
	o := s.ev.Outcome
	o.Delay, o.Writes, o.Counters = 0, nil, nil
	return s.give(i, o, "The task was given its result by "+s.who()+".")
}

func (s *stepper) who() string {
	if s.ev.By == "" {
		return "an operator"
	}
	return s.ev.By
}

// give ends an active or failed task with a given outcome.
func (s *stepper) give(i int, o Outcome, note string) error {
	t := s.job.Tasks[i]
	if !t.Status.Active() && t.Status != TaskError {
		return conflict("task %q is neither at work nor in error", s.id(i))
	}
	if t.Status == TaskError && s.taken(i) {
		return conflict("the job went on from task %q by its error transition; revert to it instead", s.id(i))
	}
	switch o.State {
	case workflows.Success, workflows.Failure, workflows.Failed:
	default:
		return conflict("a given result must be success, failure or error, not %q", o.State)
	}
	if err := s.inReach(i); err != nil {
		return err
	}
	if t.Status == TaskError {
		s.fixed()
		s.resolved(s.id(i))
		s.reopen(i)
		s.undecide(i)
		s.unhold(i)
	}
	blocked := t.Status == TaskBlocked
	s.stopWork(i, "cancel")
	for _, b := range s.m.places[i].body {
		if s.job.Tasks[b].Status.Active() {
			s.abort(b)
		}
	}
	t = s.edit(i)
	if t.Status == TaskReady {
		t.Iteration++
		t.StartedAt = s.at
	}
	t.Status = TaskRunning
	if s.ev.By != System {
		s.warn(s.id(i), s.m.places[i].task.Name, note)
	}
	s.given = true
	s.end(i, o)
	s.given = false
	if blocked && s.job.Status == BlockedJ && !s.anyBlocked() {
		return s.resume()
	}
	return nil
}

func (s *stepper) anyBlocked() bool {
	return slices.ContainsFunc(s.job.Tasks, func(t *TaskState) bool { return t.Status == TaskBlocked })
}

// unnamed stands for a worker that does not give its name.
const unnamed = "unnamed"

// alive takes a worker's sign of life. One that is not newer than the last, by the worker's
// own clock, is a repetition.
func (s *stepper) alive(i int) error {
	t, err := s.current(i, TaskRunning)
	if err != nil {
		return err
	}
	switch worker := cmp.Or(s.ev.Worker, unnamed); {
	case s.m.kindAt(i, t) != kindPlain:
		return conflict("task %q is not one for a worker", s.id(i))
	case t.Pending != nil, s.ev.At < t.ReportedAt:
		return ErrStale
	case s.ev.Type == TaskStarted && (t.Worker == worker || t.Worker != "" && t.Worker != unnamed && s.ev.At == t.ReportedAt):
		return ErrStale
	case s.ev.Type == TaskProgressed && s.ev.At == t.ReportedAt && s.ev.Percent <= t.Percent:
		return ErrStale
	}
	t = s.edit(i)
	t.AliveAt, t.ReportedAt = s.at, s.ev.At
	if s.ev.Worker != "" || t.Worker == "" {
		t.Worker = cmp.Or(s.ev.Worker, unnamed)
	}
	if s.ev.Type == TaskProgressed {
		t.Percent, t.Text = s.ev.Percent, s.ev.Text
	}
	s.dropTimers(s.id(i), TimerQueue)
	s.note(i)
	return nil
}

// own changes who works on a manual task.
func (s *stepper) own(i int) error {
	t, err := s.current(i, TaskRunning)
	if err != nil {
		return conflict("task %q is not waiting for a person", s.id(i))
	}
	if s.m.places[i].kind != kindManual {
		return conflict("task %q is not a manual task", s.id(i))
	}
	owner := s.ev.By
	switch s.ev.Type {
	case TaskClaimed:
		if err := s.mayWork(i, owner); err != nil {
			return err
		}
		if t.Owner == owner {
			return ErrStale
		}
		if t.Owner != "" {
			return conflict("task %q is claimed by %s", s.id(i), t.Owner)
		}
	case TaskAssigned:
		owner = s.ev.Owner
		if err := s.mayWork(i, owner); err != nil {
			return err
		}
		if t.Owner == owner {
			return ErrStale
		}
	case TaskReleased:
		if t.Owner == "" {
			return ErrStale
		}
		owner = ""
	}
	t = s.edit(i)
	t.Owner, t.ClaimedAt = owner, s.at
	if owner == "" {
		t.ClaimedAt = 0
	}
	s.note(i)
	return nil
}

// received ends an eventListenerJob with the payload it waited for.
func (s *stepper) received(i int) error {
	t, err := s.current(i, TaskRunning)
	if err != nil || !t.Subscribed {
		return ErrStale
	}
	s.end(i, Succeed("result", s.ev.Variables))
	return nil
}
