package server

import (
	"github.com/heddlehq/heddle/workflows/value"
)

// workersStatus tells what the server that is asked takes on: jobs, and their tasks.
func workersStatus(c *call) (value.Value, error) {
	jobs, tasks := c.Runner.Activity()
	worker := func(on bool) value.Value {
		local := "enabled"
		if !on {
			local = "disabled"
		}
		return value.Object("running", value.Bool(on), "clusterValue", value.String("not defined"), "localValue", value.String(local), "startupValue", value.True)
	}
	return value.Object("jobWorker", worker(jobs), "taskWorker", worker(tasks)), nil
}

// switchWorker is a route that turns the job worker or the task worker of this server on or off.
func switchWorker(jobs, on bool) func(c *call) (value.Value, error) {
	return func(c *call) (value.Value, error) {
		state := "deactivated"
		if on {
			state = "activated"
		}
		which := "Task worker"
		if jobs {
			which = "Job worker"
			c.Runner.TakeJobs(on)
		} else {
			c.Runner.TakeTasks(on)
		}
		c.Log.Info("worker switched", "worker", which, "state", state, "user", c.who.Username)
		return value.Object("status", value.String("success"), "message", value.String(which+" "+state), "active", value.Bool(on)), nil
	}
}

// engineActive tells whether both workers of this server are active.
func engineActive(c *call) (value.Value, error) {
	jobs, tasks := c.Runner.Activity()
	return value.Bool(jobs && tasks), nil
}
