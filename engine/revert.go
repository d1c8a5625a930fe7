package engine

import (
	"fmt"
	"slices"

	"github.com/heddlehq/heddle/workflows/value"
)

// tightReverts bounds the jumps back in one step. More mean that nothing from outside comes
// between them, so that they would never end.
const tightReverts = 100

// revert jumps back from task i to task to: what lies downstream of the target is reset and
// the target starts anew. Job variables stay as they are.
func (s *stepper) revert(i, to int) {
	s.job.Reverts++
	if s.reverts++; s.reverts > tightReverts {
		s.fail("job", "", value.String(fmt.Sprintf("Task %q jumps back to task %q again and again without any work between.", s.id(i), s.id(to))))
		s.stop()
		return
	}
	if limit := s.m.limits.Reverts; limit > 0 && s.job.Reverts > limit {
		s.fail("job", "", value.String(fmt.Sprintf("Task %q would jump back once more, but the limit of %d reverts in one job is reached.", s.id(i), limit)))
		s.stop()
		return
	}
	s.reset(to)
	s.start(to)
}

// stop ends all work and leaves the job in error, to be repaired by hand.
func (s *stepper) stop() {
	for i, t := range s.job.Tasks {
		if t.Status.Active() {
			s.abort(i)
		}
	}
	s.queue = nil
	s.job.Timers = slices.DeleteFunc(slices.Clone(s.job.Timers), func(t Timer) bool { return t.Task != "" })
	s.broken()
}

// reset forgets the state of everything downstream of task to; the errors there are history.
func (s *stepper) reset(to int) {
	down := s.m.downstream(to)
	s.resetTasks(down)
	if len(s.job.Errors) == 0 {
		return
	}
	ids := make([]string, len(down))
	for k, d := range down {
		ids[k] = s.id(d)
	}
	s.resolved(ids...)
}

func (s *stepper) resetTasks(tasks []int) {
	for _, i := range tasks {
		t := s.job.Tasks[i]
		if t.Status == TaskIdle && !t.Never && t.Retries == 0 {
			continue
		}
		if t.Status.Active() {
			s.abort(i)
		}
		owner := s.job.Tasks[i].Owner
		*s.edit(i) = TaskState{Iteration: t.Iteration, Owner: owner, Skip: t.Skip}
	}
	isReset := func(i int) bool { return slices.Contains(tasks, i) }
	if slices.ContainsFunc(s.job.Held, isReset) {
		s.job.Held = slices.DeleteFunc(slices.Clone(s.job.Held), isReset)
	}
}
