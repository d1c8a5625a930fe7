package runner

import (
	"errors"
	"sync/atomic"
)

// ErrInactive is the answer to a start while the server takes no new jobs.
var ErrInactive = errors.New("the job worker of this server is deactivated")

// activity says what this server takes on, until it is told otherwise or ends.
type activity struct {
	noJobs, noTasks atomic.Bool
	wake            chan struct{} // rung when tasks may start again
}

// Activity tells whether this server starts jobs, and whether it starts their tasks.
func (r *Runner) Activity() (jobs, tasks bool) {
	return !r.activity.noJobs.Load(), !r.activity.noTasks.Load()
}

// TakeJobs lets this server start jobs or refuse them with ErrInactive. Children of running
// jobs are started all the same.
func (r *Runner) TakeJobs(on bool) { r.activity.noJobs.Store(!on) }

// TakeTasks lets this server start tasks or hold them back. What has started goes on, and jobs
// take in its results. Tasks held back are started once the server is told to.
func (r *Runner) TakeTasks(on bool) {
	if r.activity.noTasks.Swap(!on) && on {
		select {
		case r.activity.wake <- struct{}{}:
		default:
		}
	}
}
