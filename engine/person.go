package engine

import (
	"slices"

	"github.com/heddlehq/heddle/workflows"
)

// await sets the timers of a task that waits for a person.
func (s *stepper) await(i int) {
	n, t := &s.m.places[i], s.job.Tasks[i]
	for _, b := range []struct {
		kind TimerKind
		ms   int64
	}{{TimerRemind, n.task.Person.Remind}, {TimerEscalate, n.task.Person.Escalate}} {
		if b.ms > 0 {
			s.setTimer(Timer{Kind: b.kind, Task: n.task.ID, Iteration: t.Iteration, Due: after(s.at, b.ms)})
		}
	}
}

// dueAt is when a person should have done the task; 0 when there is no such time.
func (n *place) dueAt(t *TaskState) int64 {
	if n.task.Person.Due == 0 || t.FirstAt == 0 {
		return 0
	}
	return after(t.FirstAt, n.task.Person.Due)
}

// mayWork refuses work by whoever started the job where others must do it.
func (s *stepper) mayWork(i int, account string) error {
	if s.m.places[i].task.Person.NotStarter && account != "" && account == s.job.User {
		return conflict("task %q is for somebody else than who started the job", s.id(i))
	}
	return nil
}

// voted counts a success that is one of several needed; done tells whether the task can end.
func (s *stepper) voted(i int) (done bool, err error) {
	if err := s.mayWork(i, s.ev.By); err != nil {
		return false, err
	}
	need := s.m.places[i].task.Person.Approvals
	if need <= 1 || s.ev.Outcome.State != workflows.Success || s.ev.By == "" {
		return true, nil
	}
	t := s.job.Tasks[i]
	if slices.Contains(t.Votes, s.ev.By) {
		return false, conflict("task %q was approved by %s already; it needs %d people", s.id(i), s.ev.By, need)
	}
	t = s.edit(i)
	t.Votes = append(slices.Clip(t.Votes), s.ev.By)
	if len(t.Votes) >= need {
		return true, nil
	}
	t.Owner, t.ClaimedAt = "", 0
	s.note(i)
	return false, nil
}

// escalate takes a task from whoever lets it wait and gives it to more people.
func (s *stepper) escalate(i int) {
	t := s.edit(i)
	t.Escalated = true
	t.Owner, t.ClaimedAt = "", 0
	s.note(i)
	s.announceTask("taskEscalated", i)
}

// WorkedBy lists the groups whose members may work a manual task as it is now; none means all.
func (m *Machine) WorkedBy(job *Job, task string) []string {
	i, ok := m.index[task]
	if !ok {
		return nil
	}
	n := m.places[i].task
	if len(n.Groups) == 0 || !job.Tasks[i].Escalated {
		return n.Groups
	}
	return append(slices.Clip(n.Groups), n.Person.EscalateTo...)
}
