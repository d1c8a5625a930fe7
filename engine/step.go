package engine

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// ErrStale is the answer to an event that is a repetition or came too late: acknowledge it
// and go on.
var ErrStale = errors.New("stale event")

// Conflict is the answer to an act that the job's state does not allow.
type Conflict struct{ Reason string }

func (e *Conflict) Error() string { return e.Reason }

// Unknown is the answer to an event that names a task the workflow does not have.
type Unknown struct{ Task string }

func (e *Unknown) Error() string { return fmt.Sprintf("the workflow has no task %q", e.Task) }

func conflict(format string, args ...any) error {
	return &Conflict{fmt.Sprintf(format, args...)}
}

// Step takes one event in. A nil job takes only JobStarted. The job is never changed; with an
// error there is no step: ErrStale, *Conflict or *Unknown. Effects come in the order they
// should be carried out; those that outlive the step are also part of next, so that
// [Machine.Outstanding] can give them again.
func (m *Machine) Step(job *Job, ev Event) (next *Job, effects []Effect, err error) {
	if job == nil {
		if ev.Type != JobStarted || ev.Start == nil {
			return nil, nil, conflict("a job begins with JobStarted, not %s", ev.Type)
		}
		job = m.newJob(ev)
	} else if ev.Type == JobStarted {
		return nil, nil, ErrStale
	}
	if len(job.Tasks) != len(m.places) {
		return nil, nil, conflict("job %s is not a job of this workflow revision", job.ID)
	}
	n := *job
	n.Tasks = slices.Clone(job.Tasks)
	n.Seq++
	n.UpdatedAt = max(ev.At, job.UpdatedAt)
	s := &stepper{m: m, job: &n, before: job, at: n.UpdatedAt, ev: &ev, effects: make([]Effect, 0, 4)}
	if err := s.take(); err != nil {
		return nil, nil, err
	}
	s.settle()
	return s.job, s.effects, nil
}

func (m *Machine) newJob(ev Event) *Job {
	st := ev.Start
	job := &Job{
		ID: st.ID, Revision: m.revision, Name: m.workflow.Name, Type: st.Type, Description: st.Description,
		Groups: st.Groups, Ancestors: append(slices.Clone(st.Ancestors), st.ID), Triggers: st.Triggers, Parent: st.Parent, Repair: st.Repair,
		Initiator: st.Initiator, User: st.User, StartedAt: ev.At, UpdatedAt: ev.At,
		Variables: st.Variables, Force: st.Force, Only: st.Only,
		Tasks: make([]*TaskState, len(m.places)),
	}
	if !job.Variables.IsObject() {
		job.Variables = value.Object()
	}
	job.Variables = job.Variables.With("_id", value.String(st.ID)).With("initiator", value.String(st.Initiator))
	if job.Type == "" {
		job.Type = "automation"
	}
	job.Priority = PriorityOf(m.workflow.Priority)
	if st.Priority != nil {
		job.Priority = *st.Priority
	}
	if job.Description == "" {
		d := m.workflow.Description
		job.Description = strings.ToValidUTF8(d[:min(len(d), MaxDescription)], "")
	}
	idle := &TaskState{}
	for i := range job.Tasks {
		job.Tasks[i] = idle
	}
	return job
}

// stepper is the scratch space of one Step.
type stepper struct {
	m       *Machine
	job     *Job // ours: may be changed
	before  *Job
	at      int64
	ev      *Event
	queue   []int // finished or never tasks whose successors must be looked at
	effects []Effect
	keys    int
	reverts int  // jumps back in this step
	given   bool // the outcome comes from an operator: it is final
}

// take applies the event itself.
func (s *stepper) take() error {
	switch s.ev.Type { // what does not touch the run
	case AccessChanged:
		return s.access()
	case JobArchived, JobRestored:
		return s.archive(s.ev.Type == JobArchived)
	}
	if s.job.Status.Final() {
		return s.late()
	}
	switch s.ev.Type {
	case JobStarted:
		return s.begin()
	case JobPaused:
		return s.pause()
	case JobResumed:
		return s.resume()
	case JobCanceled:
		return s.cancel()
	case VariablesPatched:
		return s.patch()
	case TimersDue:
		return s.timersDue()
	}
	i, ok := s.m.index[s.ev.Task]
	if s.ev.Task == workflows.ErrorHandlerID && s.job.Handled {
		return s.handler()
	}
	if !ok || s.m.places[i].kind == kindStart || s.m.places[i].kind == kindEnd {
		return &Unknown{s.ev.Task}
	}
	switch s.ev.Type {
	case JobContinued:
		return s.continueFrom(i)
	case JobReverted:
		return s.revertTo(i)
	case TaskRetried:
		return s.retryTask(i)
	case TaskSkipped:
		return s.skip(i)
	case TaskCompleted:
		return s.completeTask(i)
	case TaskApproved, TaskRepaired:
		return s.approve(i)
	case TaskStarted, TaskProgressed:
		return s.alive(i)
	case TaskFinished:
		return s.finished(i)
	case TaskClaimed, TaskAssigned, TaskReleased:
		return s.own(i)
	case ChildStarted, ChildFinished, ChildRefused:
		return s.child(i)
	case EventReceived:
		return s.received(i)
	}
	return conflict("unknown event %q", s.ev.Type)
}

// late is the answer of a job that has ended: facts are stale, acts are refused.
func (s *stepper) late() error {
	switch s.ev.Type {
	case TaskStarted, TaskProgressed, TaskFinished, ChildStarted, ChildFinished, ChildRefused, EventReceived, TimersDue, JobStarted:
		return ErrStale
	case JobCanceled:
		if s.job.Status == Canceled {
			return ErrStale
		}
	}
	return conflict("job %s is %s and can no longer change", s.job.ID, s.job.Status)
}

func (s *stepper) begin() error {
	s.job.Status = Running
	if s.m.workflow.SLA > 0 {
		s.setTimer(Timer{Kind: TimerSLA, Due: after(s.at, s.m.workflow.SLA)})
	}
	if s.m.workflow.Timeout > 0 {
		s.setTimer(Timer{Kind: TimerJob, Due: after(s.at, s.m.workflow.Timeout)})
	}
	s.announce("jobStart")
	t := s.edit(s.m.start)
	t.Status, t.Iteration, t.StartedAt, t.EndedAt = TaskComplete, 1, s.at, s.at
	s.queue = append(s.queue, s.m.start)
	return nil
}

// edit gives the state of task i for changing.
func (s *stepper) edit(i int) *TaskState {
	if s.job.Tasks[i] == s.before.Tasks[i] {
		t := *s.job.Tasks[i]
		s.job.Tasks[i] = &t
	}
	return s.job.Tasks[i]
}

func (s *stepper) id(i int) string { return s.m.places[i].task.ID }

// emit adds an effect; without a key it gets one from the event's number.
func (s *stepper) emit(e Effect) {
	if e.Key == "" {
		e.Key = s.job.ID + "/" + strconv.FormatInt(s.job.Seq, 10) + "/" + strconv.Itoa(s.keys)
		s.keys++
	}
	s.effects = append(s.effects, e)
}

// send emits an effect that only the outbox remembers.
func (s *stepper) send(e Effect) {
	s.emit(e)
	s.job.Outbox = append(slices.Clip(s.job.Outbox), s.effects[len(s.effects)-1])
}

func (s *stepper) announce(topic string) { s.send(Effect{Type: Announce, Topic: topic}) }

// announceTask tells of task i in particular.
func (s *stepper) announceTask(topic string, i int) {
	s.send(Effect{Type: Announce, Topic: topic, Task: s.id(i), Iteration: s.job.Tasks[i].Iteration})
}

func (s *stepper) fail(task, name string, message value.Value) {
	s.job.Errors = append(slices.Clip(s.job.Errors), Record{Task: task, Name: name, Message: message, At: s.at})
}

func (s *stepper) warn(task, name, text string) {
	s.job.Warnings = append(slices.Clip(s.job.Warnings), Record{Task: task, Name: name, Message: value.String(text), At: s.at})
}

// resolved marks the error records of a task that is being repaired.
func (s *stepper) resolved(tasks ...string) {
	out := slices.Clone(s.job.Errors)
	for i := range out {
		if slices.Contains(tasks, out[i].Task) {
			out[i].Resolved = true
		}
	}
	s.job.Errors = out
}

// fixed puts an errored job back to work.
func (s *stepper) fixed() {
	s.announce("jobFix")
	s.job.Archived = false
	if s.job.Status != Errored {
		return
	}
	s.job.Status = Running
	s.resolved("job")
	s.tellParent()
	s.lookAll()
}

func (s *stepper) setTimer(t Timer) {
	at, _ := slices.BinarySearchFunc(s.job.Timers, t, func(a, b Timer) int {
		return cmp.Or(cmp.Compare(a.Due, b.Due), -1) // equal due times keep the order they were set in
	})
	s.job.Timers = slices.Insert(slices.Clip(s.job.Timers), at, t)
}

// after is the time ms milliseconds after at, as far as there is such a time.
func after(at, ms int64) int64 {
	if ms > math.MaxInt64-at {
		return math.MaxInt64
	}
	return at + ms
}

// dropTimers removes a task's timers.
func (s *stepper) dropTimers(task string, kinds ...TimerKind) {
	match := func(t Timer) bool {
		return t.Task == task && (len(kinds) == 0 || slices.Contains(kinds, t.Kind))
	}
	if slices.ContainsFunc(s.job.Timers, match) {
		s.job.Timers = slices.DeleteFunc(slices.Clone(s.job.Timers), match)
	}
}

// note emits the picture of task i's current iteration for people to look at. The last one
// of an iteration counts.
func (s *stepper) note(i int) {
	s.noteAs(i, finishState(s.job.Tasks[i]))
}

// noteAs notes how an attempt ended whose task goes on.
func (s *stepper) noteAs(i int, finish workflows.FinishState) {
	run := s.m.picture(s.job, i, finish)
	s.emit(Effect{Type: RecordTask, Task: run.Task, Iteration: run.Iteration, Run: run})
}

func (m *Machine) picture(job *Job, i int, finish workflows.FinishState) *Run {
	id, t := m.places[i].task.ID, job.Tasks[i]
	return &Run{
		ID: IterationID(job.ID, id, t.Iteration), Task: id, Iteration: t.Iteration, Attempt: t.Retries + 1,
		Status: t.Status, Finish: finish, Retrying: t.Status == TaskRetrying, Incoming: t.Incoming, Outgoing: t.Outgoing, Error: t.Error, Changes: ChangeSummary(t.Changes),
		StartedAt: t.StartedAt, EndedAt: t.EndedAt, ClaimedAt: t.ClaimedAt, Owner: t.Owner, Votes: t.Votes, Escalated: t.Escalated, Worker: t.Worker,
		DueAt:   m.places[i].dueAt(t),
		Percent: t.Percent, Text: t.Text, Subscribed: t.Subscribed,
	}
}

// ForWorker tells whether a worker, rather than the engine or a person, does a task's work.
func (m *Machine) ForWorker(task string) bool {
	i, ok := m.index[task]
	return ok && m.places[i].kind == kindPlain
}

// AtWork pictures the iterations that workers are busy with.
func (m *Machine) AtWork(job *Job) []*Run {
	var out []*Run
	for i, t := range job.Tasks {
		if m.kindAt(i, t) == kindPlain && t.Status == TaskRunning {
			out = append(out, m.picture(job, i, ""))
		}
	}
	return out
}
