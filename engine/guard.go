package engine

import (
	"cmp"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// BlockedBy is the class of the error of a task that a guard's limit blocked, and the member
// "blockedReason" of it.
const BlockedBy = "threshold"

// bound tells an order what its guard is and how far it counts.
func (m *Machine) bound(job *Job, i int, e *Effect) {
	n, t := &m.places[i], job.Tasks[i]
	e.Mode, e.Guard = t.Mode, n.task.Guard.Value()
	if r := job.Repair; r != nil {
		e.Mode, e.ResumeOf, e.Changes = r.Mode, r.Of, r.Changes
		return
	}
	switch {
	case t.Mode != "" || !n.method.CanBlock:
	case job.Force == 1:
		e.Mode = ModeForce
	case job.Force > 1:
		e.Accept = job.Force
	}
}

// changed keeps the change set of an outcome: all of it while a person has to judge it, and
// what it comes to afterwards.
func (s *stepper) changed(i int, o Outcome) {
	t := s.edit(i)
	t.Changes = o.Changes
	if o.State == workflows.Blocked {
		return
	}
	t.Changes = ChangeSummary(t.Changes)
	if t.Changes.Get("forced").Truth() {
		s.announce("guardForced")
	}
}

// approve accepts what blocked a task; a repair also resumes the job. How the next attempt
// goes about the guard is up to the method unless the approval says it.
func (s *stepper) approve(i int) error {
	t := s.job.Tasks[i]
	if t.Status != TaskBlocked {
		return conflict("task %q is not blocked", s.id(i))
	}
	if t.Approved != "" && s.ev.Type == TaskApproved {
		return ErrStale
	}
	whole := t.Changes.Get("list").IsArray()
	mode := ModeForce
	if whole && s.m.places[i].method.Validates {
		mode = ModeValidate
	}
	switch s.ev.Mode {
	case "", ModeForce:
	case ModeValidate:
		if !whole {
			return conflict("task %q was blocked without a change set that could be validated; force it instead", s.id(i))
		}
	default:
		return conflict("a repair is %q or %q, not %q", ModeValidate, ModeForce, s.ev.Mode)
	}
	t = s.edit(i)
	t.Approved, t.Because, t.Mode = s.who(), s.ev.Text, cmp.Or(s.ev.Mode, mode)
	s.note(i)
	if s.ev.Type == TaskRepaired {
		return s.resume()
	}
	return nil
}

// cancelFollowers cancels what would have come after a blocked task.
func (s *stepper) cancelFollowers() {
	if s.job.Status != BlockedJ {
		return
	}
	for i, t := range s.job.Tasks {
		if t.Status != TaskBlocked {
			continue
		}
		for _, d := range s.m.downstream(i) {
			if f := s.job.Tasks[d]; f.Status == TaskIdle && !f.Never && s.m.places[d].kind != kindEnd {
				s.edit(d).Status = TaskCanceled
			}
		}
	}
}

// Threshold is the error of a task whose change set reached limits, with the details that
// whoever has to judge it is shown.
func Threshold(text string, reached []workflows.Breach, details value.Value) value.Value {
	list := make([]value.Value, len(reached))
	for i, b := range reached {
		list[i] = value.Object("kind", value.String(string(b.Kind)), "count", value.Int(b.Count), "limit", value.Int(b.Limit))
		if b.Percent > 0 {
			list[i] = list[i].With("percent", value.Number(b.Percent))
		}
	}
	out := Merged(Problem(BlockedBy, text), details)
	return out.With("blockedReason", value.String(BlockedBy)).With("reached", value.Array(list...))
}

// ChangeSummary is what a change set comes to, without the changes themselves.
func ChangeSummary(changes value.Value) value.Value {
	if !changes.IsObject() {
		return value.Absent
	}
	return changes.Without("list")
}
