package engine

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// RunKey is the key of the order to run a task's iteration.
func RunKey(job, task string, iteration int) string {
	return job + "/" + task + "/" + strconv.Itoa(iteration) + "/run"
}

// start begins a new iteration of task i, or notes that it would begin when the job is held.
func (s *stepper) start(i int) {
	t := s.edit(i)
	if s.job.Status != Running {
		t.Status = TaskReady
		return
	}
	n := &s.m.places[i]
	t.Status = TaskRunning
	t.Never, t.Skipped = false, ""
	t.Iteration++
	t.StartedAt, t.EndedAt, t.ClaimedAt, t.AliveAt, t.ReportedAt = s.at, 0, 0, s.at, 0
	t.Owner, t.Worker, t.Text, t.Percent = "", "", "", 0
	t.Votes, t.Escalated = nil, false
	t.Outgoing, t.Error, t.Pending = value.Absent, value.Absent, nil
	if t.Retries == 0 {
		t.FirstAt = s.at
		t.Exhausted = false
	}
	if t.Loop != nil {
		s.retryElements(i)
		return
	}
	t.Incoming = value.Absent
	if t.Skip {
		s.end(i, Outcome{State: workflows.Success, Outgoing: value.Object()})
		return
	}
	incoming, problem := s.resolve(i)
	t.Incoming = incoming
	if !problem.IsAbsent() {
		s.end(i, Outcome{State: workflows.Failed, Error: problem})
		return
	}
	actor, problem := s.actor(i)
	if !problem.IsAbsent() {
		s.end(i, Outcome{State: workflows.Failed, Error: problem})
		return
	}
	switch n.kind {
	case kindManual:
		s.await(i)
	case kindListener:
		t.Subscribed = true
	case kindChildJob:
		s.beginChildren(i)
		if t.Status != TaskRunning {
			return
		}
	case kindForEach:
		s.beginLoop(i)
		if t.Status != TaskRunning {
			return
		}
	default:
		s.emit(s.m.runTask(s.job, i, actor))
		s.watch(i)
	}
	s.note(i)
}

// runTask is the order to run the current iteration of task i.
func (m *Machine) runTask(job *Job, i int, actor string) Effect {
	n, t := &m.places[i], job.Tasks[i]
	e := Effect{
		Type: RunTask, Key: RunKey(job.ID, n.task.ID, t.Iteration), Task: n.task.ID, Iteration: t.Iteration, Attempt: t.Retries + 1,
		App: n.task.App, Method: n.task.Name, Incoming: t.Incoming, Actor: actor, Pool: n.task.Pool,
	}
	m.bound(job, i, &e)
	if d := n.task.Timeouts.Run; d > 0 {
		e.Deadline = after(t.StartedAt, d)
	}
	return e
}

// watch sets the timers that bound a worker's time.
func (s *stepper) watch(i int) {
	n, t := &s.m.places[i], s.job.Tasks[i]
	for _, b := range []struct {
		kind TimerKind
		ms   int64
	}{{TimerQueue, n.task.Timeouts.Queue}, {TimerRun, n.task.Timeouts.Run}, {TimerHeartbeat, n.task.Timeouts.Heartbeat}} {
		if b.ms > 0 {
			s.setTimer(Timer{Kind: b.kind, Task: n.task.ID, Iteration: t.Iteration, Due: after(s.at, b.ms)})
		}
	}
}

// actor is the user a task runs as.
func (s *stepper) actor(i int) (user string, problem value.Value) {
	switch a := s.m.places[i].task.Actor; a {
	case "", System:
		return System, value.Absent
	case "job":
		return s.job.Initiator, value.Absent
	default:
		if t, ok := s.m.Task(s.job, a); ok && t.Owner != "" {
			return t.Owner, value.Absent
		}
		return "", Problem(ClassReference, fmt.Sprintf("the task runs as whoever worked on task %q, but nobody did", a))
	}
}

// resolve gives the incoming parameters of task i as they are now.
func (s *stepper) resolve(i int) (incoming, problem value.Value) {
	task := s.m.places[i].task
	generic := task.App != "WorkFlowEngine"
	incoming = task.MapRefs(func(at string, r workflows.Ref) value.Value {
		v := s.read(r)
		if v.IsAbsent() && generic {
			v = value.Null // other applications know no undefined
		}
		if r.Pointer != "" {
			if v = v.Lookup(r.Pointer); v.IsAbsent() && problem.IsAbsent() {
				problem = Problem(ClassReference, fmt.Sprintf("query failed for incoming %s: nothing at %s", at, r.Pointer))
			}
		}
		return v
	})
	return incoming, problem
}

// read gives what a reference names: Absent for a missing job variable, null for a missing
// task output.
func (s *stepper) read(r workflows.Ref) value.Value {
	if r.Task == workflows.JobTask {
		return s.job.Variables.Get(r.Name)
	}
	t, ok := s.m.Task(s.job, r.Task)
	if !ok {
		return value.Null
	}
	v := t.Outgoing.Get(r.Name)
	if v.IsAbsent() && r.Name == "error" {
		v = t.Error
	}
	if v.IsAbsent() {
		return value.Null
	}
	return v
}

// current finds the iteration an event speaks of, and is stale when it is over.
func (s *stepper) current(i int, want ...TaskStatus) (*TaskState, error) {
	t := s.job.Tasks[i]
	if t.Iteration != s.ev.Iteration || !slices.Contains(want, t.Status) {
		return nil, ErrStale
	}
	return t, nil
}

// finished takes a worker's or a person's result.
func (s *stepper) finished(i int) error {
	t, err := s.current(i, TaskRunning)
	if err != nil {
		return err
	}
	n := &s.m.places[i]
	if t.Pending != nil {
		return ErrStale // it has its result already
	}
	switch s.m.kindAt(i, t) {
	case kindChildJob, kindForEach, kindListener:
		return conflict("task %q is finished by the engine itself", n.task.ID)
	case kindManual:
		if s.job.held() {
			return conflict("job %s is %s; resume it before working on task %q", s.job.ID, s.job.Status, n.task.ID)
		}
		if t.Owner != "" && s.ev.By != "" && t.Owner != s.ev.By {
			return conflict("task %q is claimed by %s", n.task.ID, t.Owner)
		}
		if done, err := s.voted(i); !done {
			return err
		}
		if t = s.edit(i); t.Owner == "" && s.ev.By != "" {
			t.Owner, t.ClaimedAt = s.ev.By, s.at
		}
	}
	s.outcome(i, s.ev.Outcome)
	return nil
}

// outcome lets a result count now, or later when it asks for that.
func (s *stepper) outcome(i int, o Outcome) {
	if o.Delay <= 0 {
		s.end(i, o)
		return
	}
	t := s.edit(i)
	due := after(s.at, o.Delay)
	o.Delay = 0
	t.Pending = &o
	t.AliveAt = s.at
	s.dropTimers(s.id(i))
	s.setTimer(Timer{Kind: TimerDelay, Task: s.id(i), Iteration: t.Iteration, Due: due})
}

// end ends the current iteration of task i with an outcome and follows its transitions,
// unless it is retried, blocked or the job is held.
func (s *stepper) end(i int, o Outcome) {
	n := &s.m.places[i]
	t := s.edit(i)
	o = s.checked(i, o)
	s.dropTimers(n.task.ID)
	t.EndedAt = s.at
	t.Pending, t.Subscribed = nil, false
	t.Mode = "" // an approval counts for one attempt
	if n.kind == kindPlain {
		t.Loop = nil // it was being repaired
	}
	s.changed(i, o)
	if o.State == workflows.Blocked {
		s.block(i, o.Error, fmt.Sprintf("task %q is blocked", n.task.ID))
		return
	}
	if !s.given && s.retry(i, o) {
		return
	}
	o = s.tolerated(i, o)
	s.apply(o)
	t.Error = o.Error
	switch o.State {
	case workflows.Failed:
		t.Status = TaskError
		if t.Error.IsAbsent() {
			t.Error = Problem(ClassInternal, "the task failed without saying why")
		}
		s.fail(n.task.ID, n.task.Name, t.Error)
		if n.task.ErrorVariable != "" {
			s.setVariable(n.task.ErrorVariable, t.Error)
		}
	case workflows.Failure:
		t.Status = TaskFailure
		s.outputs(i, o)
	default:
		t.Status = TaskComplete
		s.outputs(i, o)
	}
	t.Skip = false
	s.note(i)
	if t.Status != TaskError || t.Loop == nil {
		// A failed loop can be repaired, so it keeps what it needs to go on.
		t.Incoming = value.Absent
		t.Loop = trimmed(t.Loop)
	}
	if s.job.held() || s.job.Status == Canceling {
		s.job.Held = append(slices.Clip(s.job.Held), i)
		return
	}
	s.follow(i)
}

// checked replaces an outcome the method may not have.
func (s *stepper) checked(i int, o Outcome) Outcome {
	n := &s.m.places[i]
	switch o.State {
	case workflows.Success, workflows.Failure, workflows.Failed:
	case workflows.Blocked:
		switch {
		case s.job.Status == Canceling:
			return Outcome{State: workflows.Failed, Error: o.Error} // nobody will approve it any more
		case s.job.Repair != nil:
			return Fail(ClassProtocol, fmt.Sprintf("%s.%s answered \"blocked\" although a person had approved its changes", n.task.App, n.task.Name))
		case !n.method.CanBlock:
			return Fail(ClassProtocol, fmt.Sprintf("%s.%s answered \"blocked\", which its manifest does not allow", n.task.App, n.task.Name))
		}
	default:
		return Fail(ClassProtocol, fmt.Sprintf("unknown finish state %q; success, failure, error or blocked expected", o.State))
	}
	return o
}

// tolerated turns an error the job goes on from into a success with a warning. The error
// stays readable.
func (s *stepper) tolerated(i int, o Outcome) Outcome {
	task := s.m.places[i].task
	if o.State != workflows.Failed || !task.ContinueOnErr {
		return o
	}
	s.warn(task.ID, task.Name, "The task failed and the job went on: "+Text(o.Error))
	o.State, o.Outgoing = workflows.Success, value.Object()
	return o
}

// Text is what an error object says in words.
func Text(err value.Value) string {
	for _, path := range [][]string{{"message"}, {"IAPerror", "displayString"}, {"error", "message"}, {"error"}} {
		if t := err.Path(path...); t.IsString() {
			return t.Text()
		}
	}
	if err.IsString() {
		return err.Text()
	}
	return err.String()
}

// apply does what an outcome orders for the job as a whole.
func (s *stepper) apply(o Outcome) {
	for _, w := range o.Writes {
		s.setVariable(w.Name, w.Value)
	}
	for _, c := range o.Counters {
		out := slices.Clone(s.job.Counters)
		if at := slices.IndexFunc(out, func(x Count) bool { return x.Name == c.Name }); at >= 0 {
			out[at] = c
		} else {
			out = append(out, c)
		}
		s.job.Counters = out
	}
	if o.Describe != "" {
		s.job.Description = o.Describe
	}
}

func (s *stepper) setVariable(name string, v value.Value) {
	if name == "_id" || name == "initiator" {
		return // built in
	}
	s.job.Variables = s.job.Variables.With(name, v)
}

// outputs stores what a task gave and writes its bindings.
func (s *stepper) outputs(i int, o Outcome) {
	n := &s.m.places[i]
	given := o.Outgoing
	if !given.IsObject() {
		given = value.Object()
	}
	s.edit(i).Outgoing = given
	if n.outputs != nil {
		var out value.Members
		for _, name := range n.outputs {
			v := given.Get(name)
			if v.IsAbsent() {
				v = value.Null
			}
			out.Set(name, v)
		}
		s.edit(i).Outgoing = out.Value()
	}
	for name, b := range n.task.Outgoing.Members() {
		if variable, ok := workflows.ParseVariable(b.Text()); ok {
			v := given.Get(name)
			if v.IsAbsent() {
				v = value.Null
			}
			s.setVariable(variable, v)
		}
	}
}

func (s *stepper) hasLink(i int, state workflows.FinishState) bool {
	match := func(e link) bool { return e.state == state }
	return slices.ContainsFunc(s.m.places[i].out, match) || slices.ContainsFunc(s.m.places[i].reverts, match)
}

// follow takes the transitions of a finished task: a revert first, it swallows the others.
func (s *stepper) follow(i int) {
	state := finishState(s.job.Tasks[i])
	for _, e := range s.m.places[i].reverts {
		if e.state == state {
			s.revert(i, e.place)
			return
		}
	}
	s.queue = append(s.queue, i)
}

// abort ends the current work on task i without a result.
func (s *stepper) abort(i int) {
	t := s.edit(i)
	s.dropTimers(s.id(i))
	s.stopWork(i, "cancel")
	t.Status, t.EndedAt = TaskCanceled, s.at
	t.Pending, t.Subscribed, t.Loop = nil, false, nil
	if t.Iteration > 0 {
		s.note(i)
	}
	t.Incoming = value.Absent
}

// stopWork tells whoever works on task i to stop.
func (s *stepper) stopWork(i int, act string) {
	t := s.job.Tasks[i]
	if t.Status != TaskRunning {
		return
	}
	switch s.m.kindAt(i, t) {
	case kindPlain:
		if t.Pending == nil {
			s.send(Effect{Type: StopTask, Task: s.id(i), Iteration: t.Iteration, Act: act})
		}
	case kindChildJob:
		if t.Loop == nil {
			return
		}
		for _, k := range t.Loop.Kids {
			if !k.Done {
				s.send(Effect{Type: ControlChild, Child: k.ID, Act: act})
			}
		}
	}
}

// Outstanding lists the orders that a job's state says must be in force, so that whoever
// takes the job over, or learns that the bus lost its messages, can issue them again.
func (m *Machine) Outstanding(job *Job) []Effect {
	out := slices.Clone(job.Outbox)
	if job.Status.Final() {
		return out
	}
	for i, t := range job.Tasks {
		if t.Status != TaskRunning || t.Pending != nil {
			continue
		}
		switch m.kindAt(i, t) {
		case kindPlain:
			s := &stepper{m: m, job: job}
			actor, _ := s.actor(i)
			out = append(out, m.runTask(job, i, actor))
		case kindChildJob:
			out = append(out, m.startChildren(job, i)...)
		}
	}
	if job.Handling {
		out = append(out, m.startHandler(job))
	}
	return out
}
