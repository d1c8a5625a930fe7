package engine

import (
	"fmt"
	"slices"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// beginLoop starts a forEach: its first element, or its end when there is none.
func (s *stepper) beginLoop(i int) {
	t := s.edit(i)
	data := t.Incoming.Get("data_array")
	if !data.IsArray() {
		s.end(i, Fail(ClassInput, fmt.Sprintf("data_array must be an array, not %s", data.Kind())))
		return
	}
	if limit := s.m.limits.Elements; limit > 0 && data.Len() > limit {
		s.end(i, Fail(ClassLimit, fmt.Sprintf("data_array has %d elements; at most %d are allowed", data.Len(), limit)))
		return
	}
	t.Loop = &Loop{Total: data.Len()}
	s.nextElement(i)
}

// nextElement runs the body for the next element, or ends the forEach.
func (s *stepper) nextElement(i int) {
	n := &s.m.places[i]
	t := s.edit(i)
	loop := *t.Loop
	if s.bodyFailed(i) {
		s.end(i, Fail(ClassData, fmt.Sprintf("a task of the loop's body failed at element %d", loop.Next-1)))
		return
	}
	if loop.Next == loop.Total || n.loop < 0 {
		s.end(i, Outcome{State: workflows.Success, Outgoing: t.Outgoing})
		return
	}
	item := t.Incoming.Get("data_array").At(loop.Next)
	loop.Next++
	t.Loop = &loop
	t.Outgoing = value.Object("current_item", item)
	if name, ok := workflows.ParseVariable(n.task.Outgoing.Get("current_item").Text()); ok {
		s.setVariable(name, item)
	}
	s.resetTasks(n.body)
	s.start(n.loop)
}

// iterate moves on the innermost loop whose iteration is over: no task of its body is active.
func (s *stepper) iterate() bool {
	for _, i := range s.m.loops {
		t := s.job.Tasks[i]
		if t.Status != TaskRunning || t.Loop == nil || s.active(s.m.places[i].body) {
			continue
		}
		s.nextElement(i)
		if s.job.Tasks[i].Status == TaskRunning {
			s.note(i)
		}
		return true
	}
	return false
}

// bodyFailed tells whether a task in the body of loop i ended in an error nobody handles.
func (s *stepper) bodyFailed(i int) bool {
	for _, b := range s.m.places[i].body {
		if s.m.places[b].region == i && s.job.Tasks[b].Status == TaskError && !s.hasLink(b, workflows.Failed) {
			return true
		}
	}
	return false
}

// inReach refuses to work on task i when a loop around it is neither under way nor waits in
// error for a repair.
func (s *stepper) inReach(i int) error {
	for l := s.m.places[i].region; l >= 0; l = s.m.places[l].region {
		t := s.job.Tasks[l]
		switch {
		case t.Status == TaskRunning:
		case t.Status == TaskError && t.Loop != nil && s.taken(l):
			return conflict("the job went on from the loop %q around task %q by its error transition; revert to the loop instead", s.id(l), s.id(i))
		case t.Status != TaskError || t.Loop == nil:
			return conflict("task %q is in the body of the loop %q, which is not under way", s.id(i), s.id(l))
		}
	}
	return nil
}

// reopen lets the loops around task i run on after it is repaired.
func (s *stepper) reopen(i int) {
	for l := s.m.places[i].region; l >= 0; l = s.m.places[l].region {
		if s.job.Tasks[l].Status == TaskError {
			t := s.edit(l)
			t.Status, t.EndedAt, t.Error = TaskRunning, 0, value.Absent
			s.resolved(s.id(l))
			s.undecide(l)
			s.unhold(l)
			s.note(l)
		}
	}
}

// undecide takes "never" back from everything downstream of task i, and lets what is not
// decided by others be decided again.
func (s *stepper) undecide(i int) {
	down := s.m.downstream(i)
	for _, d := range down {
		if d != i && s.job.Tasks[d].Never {
			s.edit(d).Never = false
		}
	}
	// What other predecessors still refuse becomes "never" again when i finishes; what they
	// already decided alone is decided now.
	for _, d := range down {
		if s.job.Tasks[d].Status.Finished() && d != i {
			s.queue = append(s.queue, d)
		}
	}
}

// trimmed is what stays of a loop's progress once its task ended.
func trimmed(l *Loop) *Loop {
	if l == nil {
		return nil
	}
	out := *l
	out.Kids = slices.Clone(l.Kids)
	for i := range out.Kids {
		if out.Kids[i].Status == Complete {
			out.Kids[i].Output = value.Absent
		}
	}
	return &out
}
