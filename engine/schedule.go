package engine

import (
	"strings"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// decision is what a task's standard links into it say.
type decision uint8

const (
	undecided decision = iota
	chosen             // every link decided, at least one chosen
	refused            // every link decided, none chosen
)

// finishState is the state of a finished task.
func finishState(t *TaskState) workflows.FinishState {
	switch t.Status {
	case TaskComplete:
		return workflows.Success
	case TaskFailure:
		return workflows.Failure
	case TaskError:
		return workflows.Failed
	}
	return ""
}

// decide applies the join rule: a task runs when every predecessor is decided and at least
// one chose it, or all of them where the task asks for that. Only a running job decides, so nothing is held back here.
func (s *stepper) decide(i int) decision {
	d, missed := refused, false
	for _, e := range s.m.places[i].in {
		p := s.job.Tasks[e.place]
		switch {
		case p.Never:
		case p.Status == TaskCanceled:
		case !p.Status.Finished():
			return undecided
		case finishState(p) == e.state:
			d = chosen
			continue
		}
		missed = true
	}
	if missed && s.m.places[i].task.Join == workflows.JoinAll {
		return refused
	}
	return d
}

// settle follows every decision that is due until nothing moves, then looks whether loops go
// on and whether the job has ended.
func (s *stepper) settle() {
	for s.job.Status == Running || s.job.Status == Canceling {
		s.drain()
		if s.job.Status == Canceling {
			s.canceled()
			return
		}
		if s.job.Status != Running || s.iterate() {
			continue
		}
		s.ended()
		if len(s.queue) == 0 {
			return
		}
	}
}

// drain looks at the successors of what finished or will never run.
func (s *stepper) drain() {
	for len(s.queue) > 0 && s.job.Status == Running {
		from := s.queue[0]
		s.queue = s.queue[1:]
		for _, e := range s.m.places[from].out {
			s.look(e.place)
			if s.job.Status != Running {
				break
			}
		}
	}
	if s.job.Status != Running {
		s.queue = nil
	}
}

// look starts task i or declares that it never runs, if that is decided now.
func (s *stepper) look(i int) {
	t := s.job.Tasks[i]
	if t.Status != TaskIdle || t.Never || len(s.m.places[i].in) == 0 {
		return
	}
	switch s.decide(i) {
	case chosen:
		if s.m.places[i].kind == kindEnd {
			s.complete()
			return
		}
		if why := s.needless(i); why != "" {
			s.pass(i, why)
			return
		}
		s.start(i)
	case refused:
		s.edit(i).Never = true
		s.queue = append(s.queue, i)
		if l := s.m.places[i].loop; l >= 0 {
			s.neverBody(i)
		}
	}
}

// neverBody spreads "never" over the body of a loop that never runs.
func (s *stepper) neverBody(loop int) {
	for _, b := range s.m.places[loop].body {
		if t := s.job.Tasks[b]; t.Status == TaskIdle && !t.Never {
			s.edit(b).Never = true
		}
	}
}

// active tells whether any of the tasks has work outstanding.
func (s *stepper) active(tasks []int) bool {
	for _, i := range tasks {
		if s.job.Tasks[i].Status.Active() {
			return true
		}
	}
	return false
}

func (s *stepper) anyActive() bool {
	for _, t := range s.job.Tasks {
		if t.Status.Active() {
			return true
		}
	}
	return false
}

// complete ends the job well. What still runs beside the way to the end is canceled.
func (s *stepper) complete() {
	end := s.edit(s.m.end)
	end.Status, end.Iteration, end.StartedAt, end.EndedAt = TaskComplete, 1, s.at, s.at
	for i, t := range s.job.Tasks {
		if t.Status.Active() {
			s.warn(s.id(i), s.m.places[i].task.Name, "The job reached its end while this task was still running; it was canceled.")
			s.abort(i)
		}
	}
	s.finish(Complete, "jobComplete")
}

// finish makes the job final.
func (s *stepper) finish(status Status, topic string) {
	s.job.Status = status
	s.job.EndedAt = s.at
	s.job.Timers = nil
	s.job.Held = nil
	s.job.HeldAt, s.job.HeldBy = 0, ""
	s.queue = nil
	s.announce(topic)
	s.tellParent()
}

func (s *stepper) tellParent() {
	if s.job.Parent != nil {
		s.send(Effect{Type: NotifyParent, Parent: s.job.Parent, Child: s.job.ID, Status: s.job.Status, Variables: s.m.Result(s.job)})
	}
}

// ended looks whether a running job can still get anywhere, and puts it in error when not.
func (s *stepper) ended() {
	if s.job.Handling || s.anyActive() {
		return
	}
	if s.job.Tasks[s.m.end].Status.Finished() {
		return
	}
	var ids []string
	for _, e := range s.m.places[s.m.end].in {
		ids = append(ids, s.id(e.place))
	}
	text := "Job has no available transitions."
	if len(ids) > 0 {
		text += " No path leads to the end through " + strings.Join(ids, ", ") + "."
	}
	s.deadEnds()
	s.fail("job", "", value.String(text))
	if s.handle() {
		return
	}
	s.broken()
}

// broken puts the job in error, to be repaired by hand.
func (s *stepper) broken() {
	s.job.Status = Errored
	s.job.HeldAt, s.job.HeldBy = 0, ""
	s.announce("jobError")
	s.tellParent()
}

// deadEnds warns about the tasks whose finish state had no transition.
func (s *stepper) deadEnds() {
	for i, t := range s.job.Tasks {
		n := &s.m.places[i]
		if !t.Status.Finished() || n.region >= 0 || n.kind == kindEnd {
			continue
		}
		state, known := finishState(t), false
		for _, e := range n.out {
			known = known || e.state == state
		}
		if !known {
			text := "The task finished with " + string(state) + ", for which it has no transition."
			if !s.warned(n.task.ID, text) {
				s.warn(n.task.ID, n.task.Name, text)
			}
		}
	}
}

func (s *stepper) warned(task, text string) bool {
	for _, w := range s.job.Warnings {
		if w.Task == task && w.Message.Text() == text {
			return true
		}
	}
	return false
}
