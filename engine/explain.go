package engine

import (
	"fmt"
	"slices"
)

// Reason is one answer to why a job has not ended.
type Reason struct {
	Kind    string // worker, timer, retry, person, child, event, pause, guard, error, handler, finishing
	Task    string
	Name    string
	Since   int64  // milliseconds since 1970
	Until   int64  // when it ends by itself; 0 = it does not
	Text    string // what is waited for
	Unblock string // what would end the wait
}

// Explain lists why an unfinished job has not ended. A job that is not final always has at
// least one reason.
func (m *Machine) Explain(job *Job) []Reason {
	if job.Status.Final() {
		return nil
	}
	var out []Reason
	add := func(r Reason) { out = append(out, r) }
	switch job.Status {
	case Paused:
		add(Reason{Kind: "pause", Since: job.HeldAt, Text: "The job is " + job.HeldBy + ".", Unblock: "resume the job"})
	case BlockedJ:
		add(Reason{Kind: "guard", Since: job.HeldAt, Text: "The job is blocked: " + job.HeldBy + ".", Unblock: "approve what is blocked, then resume the job"})
	case Errored:
		r := Reason{Kind: "error", Since: job.UpdatedAt, Text: "The job cannot reach its end.", Unblock: "retry or skip the failed task, complete it with a result, revert to an earlier task, or cancel the job"}
		if n := len(job.Errors); n > 0 {
			r.Text, r.Since = Text(job.Errors[n-1].Message), job.Errors[n-1].At
		}
		add(r)
	case Canceling:
		add(Reason{Kind: "finishing", Since: job.UpdatedAt, Text: "The job is canceled and lets running tasks finish.", Unblock: "wait, or cancel without grace"})
	}
	if job.Handling {
		add(Reason{Kind: "handler", Since: job.UpdatedAt, Text: fmt.Sprintf("The error handler %q is at work.", m.workflow.ErrorHandler), Unblock: "the end of its job"})
	}
	for i, t := range job.Tasks {
		if t.Status.Active() {
			if r, ok := m.reason(job, i, t); ok {
				add(r)
			}
		}
	}
	return out
}

func (m *Machine) reason(job *Job, i int, t *TaskState) (Reason, bool) {
	n := &m.places[i]
	r := Reason{Task: n.task.ID, Name: n.task.Name, Since: t.StartedAt}
	due := func(kinds ...TimerKind) int64 {
		for _, x := range job.Timers {
			if x.Task == n.task.ID && slices.Contains(kinds, x.Kind) {
				return x.Due
			}
		}
		return 0
	}
	switch t.Status {
	case TaskReady:
		r.Kind, r.Since, r.Text, r.Unblock = "pause", job.HeldAt, "The task starts when the job goes on.", "resume the job"
		return r, true
	case TaskBlocked:
		r.Kind, r.Since, r.Text, r.Unblock = "guard", t.EndedAt, "The task is blocked: "+Text(t.Error), "approve the task, then resume the job"
		if t.Approved != "" {
			r.Text, r.Unblock = "The task was blocked and approved by "+t.Approved+".", "resume the job"
		}
		return r, true
	case TaskRetrying:
		r.Kind, r.Since, r.Until = "retry", t.EndedAt, due(TimerRetry)
		r.Text, r.Unblock = fmt.Sprintf("The task failed and is tried again (retry %d of %d).", t.Retries, n.task.Retry.Limit), "the next attempt"
		return r, true
	}
	if t.Pending != nil {
		r.Kind, r.Until, r.Text, r.Unblock = "timer", due(TimerDelay), "The task waits for its time.", "the end of the delay"
		return r, true
	}
	switch m.kindAt(i, t) {
	case kindManual:
		r.Kind, r.Text, r.Unblock = "person", "The task waits for a person to claim it.", "claim and finish the task"
		if t.Owner != "" {
			r.Text, r.Unblock = "The task waits for "+t.Owner+" to finish it.", "finish, release or assign the task"
		}
	case kindListener:
		r.Kind, r.Unblock = "event", "a matching event"
		r.Text = fmt.Sprintf("The task waits for an event %s of %s.", t.Incoming.Get("topic").Text(), t.Incoming.Get("source").Text())
	case kindChildJob:
		r.Kind, r.Unblock = "child", "the end of the child jobs"
		if t.Loop == nil {
			return r, false
		}
		if n.kind == kindPlain {
			r.Text = fmt.Sprintf("The task is being repaired by job %s.", t.Loop.Kids[0].ID)
			r.Unblock = "the end of that job"
			break
		}
		r.Text = fmt.Sprintf("The task waits for child jobs; %d of %d are done.", t.Loop.Done, t.Loop.Total)
		for _, k := range t.Loop.Kids {
			if k.Status == Errored && !k.Done {
				r.Text += " Child job " + k.ID + " is in error."
				r.Unblock = "repair or cancel the child job in error"
				break
			}
		}
	case kindForEach:
		return r, false // its body says why
	default:
		r.Kind, r.Until = "worker", due(TimerRun, TimerQueue)
		where := ""
		if n.task.Pool != "" {
			where = " on agent:" + n.task.Pool
		}
		r.Text = fmt.Sprintf("No worker%s has taken %s.%s yet.", where, n.task.App, n.task.Name)
		r.Unblock = fmt.Sprintf("a running adapter for %s%s, or complete the task with a result", n.task.App, where)
		if t.Worker != "" {
			r.Text, r.Unblock = fmt.Sprintf("Worker %s is at work on %s.%s.", t.Worker, n.task.App, n.task.Name), "its result"
			if t.Text != "" {
				r.Text += " It says: " + t.Text + "."
			}
		}
	}
	return r, true
}

// Progress is the part of a job's tasks that is decided, from 0 to 1.
func (m *Machine) Progress(job *Job) float64 {
	if job.Status == Complete {
		return 1
	}
	decided := 0
	for _, t := range job.Tasks {
		if t.Never || t.Status.Finished() || t.Status == TaskCanceled {
			decided++
		}
	}
	return float64(decided) / float64(len(m.places))
}
