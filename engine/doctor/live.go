package doctor

import (
	"fmt"
	"strings"

	"github.com/heddlehq/heddle/engine"
)

// alive checks that a job waits for something that can happen, and that one which has ended
// waits for nothing.
func (s *subject) alive() {
	if s.job.Status.Final() {
		if n := len(s.job.Timers); n > 0 {
			s.suspect(Left, "It is %s, but %d timers are set, the first of kind %q.", s.job.Status, n, s.job.Timers[0].Kind)
		}
		for _, t := range s.states() {
			if t.Status.Active() {
				s.suspect(Over, "It is %s, but task %q is %s.", s.job.Status, t.id, t.Status)
			}
		}
		return
	}
	reasons := s.machine.Explain(s.job)
	if len(reasons) == 0 {
		s.suspect(Live, "It is %s, but waits for nothing. %s", s.job.Status, s.describe())
	}
	for _, r := range reasons {
		if (r.Kind == "timer" || r.Kind == "retry") && r.Until == 0 {
			s.suspect(Live, "Task %q waits for a timer that is not set. %s", r.Task, r.Text)
		}
	}
}

// state is a task's state with the task's id.
type state struct {
	id string
	*engine.TaskState
}

// states lists the job's tasks in the order of its workflow.
func (s *subject) states() []state {
	tasks := s.machine.Workflow().Tasks
	out := make([]state, len(tasks))
	for i := range tasks {
		out[i] = state{tasks[i].ID, s.job.Tasks[i]}
	}
	return out
}

// describe tells how the tasks stand that were decided.
func (s *subject) describe() string {
	var parts []string
	for _, t := range s.states() {
		if t.Status != engine.TaskIdle {
			parts = append(parts, fmt.Sprintf("%s is %s", t.id, t.Status))
		}
	}
	if len(parts) == 0 {
		return "No task was started."
	}
	const most = 20
	if n := len(parts) - most; n > 0 {
		parts = append(parts[:most], fmt.Sprintf("and %d more", n))
	}
	return "Its tasks: " + strings.Join(parts, ", ") + "."
}
