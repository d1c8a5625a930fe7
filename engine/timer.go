package engine

import (
	"fmt"

	"github.com/heddlehq/heddle/workflows/value"
)

// timersDue fires every timer that is due. While the job is held they wait.
func (s *stepper) timersDue() error {
	if s.job.held() || len(s.job.Timers) == 0 || s.job.Timers[0].Due > s.at {
		return ErrStale
	}
	s.ring()
	return nil
}

func (s *stepper) ring() {
	for len(s.job.Timers) > 0 && s.job.Timers[0].Due <= s.at && !s.job.Status.Final() && !s.job.held() {
		t := s.job.Timers[0]
		s.job.Timers = s.job.Timers[1:]
		s.fire(t)
	}
}

func (s *stepper) fire(timer Timer) {
	switch timer.Kind {
	case TimerSLA:
		s.job.Breached = true
		s.announce("jobSlaBreach")
		return
	case TimerJob:
		s.expire()
		return
	}
	i, ok := s.m.index[timer.Task]
	if !ok {
		return
	}
	t := s.job.Tasks[i]
	if t.Iteration != timer.Iteration {
		return
	}
	n := &s.m.places[i]
	switch timer.Kind {
	case TimerDelay:
		if t.Status == TaskRunning && t.Pending != nil {
			s.end(i, *t.Pending)
		}
	case TimerRetry:
		if t.Status == TaskRetrying {
			s.start(i)
		}
	case TimerQueue:
		if t.Status == TaskRunning && t.Worker == "" {
			s.timeout(i, ClassQueue, fmt.Sprintf("no worker started the task within %d ms", n.task.Timeouts.Queue))
		}
	case TimerRun:
		if t.Status == TaskRunning {
			s.timeout(i, ClassRun, fmt.Sprintf("the task did not finish within %d ms", n.task.Timeouts.Run))
		}
	case TimerRemind:
		if t.Status == TaskRunning {
			s.announceTask("taskReminder", i)
		}
	case TimerEscalate:
		if t.Status == TaskRunning {
			s.escalate(i)
		}
	case TimerHeartbeat:
		if t.Status != TaskRunning {
			return
		}
		if due := after(t.AliveAt, n.task.Timeouts.Heartbeat); due > s.at {
			s.setTimer(Timer{Kind: TimerHeartbeat, Task: timer.Task, Iteration: timer.Iteration, Due: due})
			return
		}
		s.timeout(i, ClassHeartbeat, fmt.Sprintf("the worker gave no sign of life for %d ms", n.task.Timeouts.Heartbeat))
	}
}

func (s *stepper) timeout(i int, class, text string) {
	s.stopWork(i, "cancel")
	s.end(i, Fail(class, text))
}

// expire ends a job that takes longer than it may.
func (s *stepper) expire() {
	s.stopHandler()
	for i, t := range s.job.Tasks {
		if t.Status.Active() {
			s.abort(i)
		}
	}
	s.fail("job", "", value.String(fmt.Sprintf("The job did not end within %d ms and was canceled.", s.m.workflow.Timeout)))
	s.finish(Canceled, "jobCancel")
}
