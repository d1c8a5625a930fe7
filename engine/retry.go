package engine

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// retry schedules another attempt when the task's retry settings ask for one; it is false
// when the outcome stands.
func (s *stepper) retry(i int, o Outcome) bool {
	n := &s.m.places[i]
	r := n.task.Retry
	t := s.edit(i)
	if r == nil || !r.Auto || !slices.Contains(r.States, o.State) || !retryable(r, o.Error) || s.job.Status == Canceling {
		return false
	}
	delay := retryDelay(r, t.Retries, IterationID(s.job.ID, n.task.ID, t.Iteration))
	spent := r.Budget > 0 && after(s.at, delay) > after(t.FirstAt, r.Budget)
	if t.Retries >= r.Limit || spent {
		t.Exhausted = true
		switch {
		case o.State == workflows.Success:
		case r.Exhausted == workflows.ExhaustedBlock:
			s.block(i, o.Error, fmt.Sprintf("the retries of task %q are exhausted", n.task.ID))
			return true
		case r.Exhausted == workflows.ExhaustedPause:
			t.Status, t.Error = TaskReady, o.Error
			s.note(i)
			t.Retries = 0
			s.forget(i)
			if s.job.Status == Running {
				s.hold(Paused, fmt.Sprintf("paused because the retries of task %q are exhausted", n.task.ID))
				s.announce("jobPause")
			}
			return true
		}
		return false
	}
	t.Status, t.Error = TaskRetrying, o.Error
	s.noteAs(i, o.State)
	t.Retries++
	s.forget(i)
	s.setTimer(Timer{Kind: TimerRetry, Task: n.task.ID, Iteration: t.Iteration, Due: after(s.at, delay)})
	return true
}

// forget drops what the next attempt of task i finds out anew. A loop of child jobs goes on
// from where it was, unless it succeeded.
func (s *stepper) forget(i int) {
	t := s.edit(i)
	if s.m.places[i].kind == kindChildJob && t.Incoming.Get("loopType").Text() != "" && t.Loop != nil && !t.Error.IsAbsent() {
		return
	}
	t.Loop, t.Incoming = nil, value.Absent
}

// retryable tells whether the class of the error is one to retry on.
func retryable(r *workflows.Retry, err value.Value) bool {
	class := err.Get("class").Text()
	if slices.Contains(r.NotClasses, class) {
		return false
	}
	return len(r.Classes) == 0 || slices.Contains(r.Classes, class)
}

// retryDelay is the wait before the retry that follows n others. Jitter comes from the
// iteration's id, so that it is the same whenever it is computed.
func retryDelay(r *workflows.Retry, n int, iteration string) int64 {
	d := float64(r.Delay)
	if r.Backoff > 0 {
		d *= math.Pow(r.Backoff, float64(n))
	}
	longest := float64(1 << 50)
	if r.MaxDelay > 0 {
		longest = float64(r.MaxDelay)
	}
	d = min(d, longest)
	if r.Jitter > 0 {
		sum := sha256.Sum256([]byte("jitter\x00" + iteration))
		u := float64(binary.BigEndian.Uint32(sum[:])) / math.MaxUint32
		d *= 1 + r.Jitter*(2*u-1)
	}
	return int64(d)
}

// block stops the whole job at task i until a person approves.
func (s *stepper) block(i int, err value.Value, why string) {
	t := s.edit(i)
	t.Status, t.Error, t.Approved, t.Because = TaskBlocked, err, "", ""
	s.note(i)
	s.forget(i)
	if s.job.Status == Running {
		s.hold(BlockedJ, why)
		s.announce("jobBlocked")
	}
}

// hold keeps everything that would start from starting, in child jobs as well.
func (s *stepper) hold(status Status, why string) {
	if s.job.Status == Running {
		s.controlChildren("pause")
	}
	s.job.Status = status
	s.job.HeldAt, s.job.HeldBy = s.at, why
}
