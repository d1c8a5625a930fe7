package engine

import (
	"slices"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// Why a task was passed over without an iteration. It counts as complete and without output.
const (
	SkippedRange    = "out-of-range"     // the job was started for other tasks
	SkippedNoOutput = "parent-no-output" // a parent gave nothing
	SkippedError    = "parent-error"     // a parent failed, and the job went on
)

// needless tells why task i need not run now that its turn has come; "" when it is to run.
func (s *stepper) needless(i int) string {
	if s.job.Only != nil && !slices.Contains(s.job.Only, s.id(s.m.mainline(i))) {
		return SkippedRange
	}
	why := ""
	for _, p := range s.m.places[i].parents {
		switch t := s.job.Tasks[p]; {
		case t.Skipped == SkippedRange: // whoever left it out wants this one all the same
		case !t.Error.IsAbsent():
			return SkippedError
		case !t.produced():
			why = SkippedNoOutput
		}
	}
	return why
}

// mainline is the outermost loop that a task is in the body of, or the task itself.
func (m *Machine) mainline(i int) int {
	for m.places[i].region >= 0 {
		i = m.places[i].region
	}
	return i
}

// pass lets task i count as complete without having run.
func (s *stepper) pass(i int, why string) {
	t := s.edit(i)
	t.Status, t.Skipped, t.Never = TaskComplete, why, false
	t.EndedAt, t.Outgoing, t.Error, t.Changes = s.at, value.Object(), value.Absent, value.Absent
	if s.m.places[i].loop >= 0 {
		s.neverBody(i)
	}
	s.queue = append(s.queue, i)
}

// produced tells whether a task gave something: changes, where it counts them, or else an output
// that is not empty.
func (t *TaskState) produced() bool {
	if total, ok := t.Changes.Get("total").Int(); ok {
		return total > 0
	}
	for _, v := range t.Outgoing.Members() {
		switch v.Kind() {
		case value.KindNull:
		case value.KindString, value.KindArray, value.KindObject:
			if v.Len() > 0 || v.Text() != "" {
				return true
			}
		default:
			return true
		}
	}
	return false
}

// parentsOf finds the tasks that a task depends on.
func (m *Machine) parentsOf(t *workflows.Task) []int {
	var out []int
	for _, id := range t.Parents {
		if p, ok := m.index[id]; ok {
			out = append(out, p)
		}
	}
	return out
}
