package engine_test

import (
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/builtin"
	"github.com/heddlehq/heddle/workflows"
)

// testCatalog is the catalog of the built-in tasks with an adapter Test added, whose methods
// take and give anything; guarded and synced can block, and synced writes just what was approved.
type testCatalog struct{ workflows.Catalog }

var catalog = testCatalog{builtin.Catalog()}

func (c testCatalog) Method(app, name string) (workflows.Method, bool) {
	if app == "Test" {
		return workflows.Method{App: app, Name: name, Open: true, CanBlock: name == "guarded" || name == "synced",
			Guarded: name == "synced", Validates: name == "synced", CanWarn: true}, true
	}
	return c.Catalog.Method(app, name)
}

// pure finds the built-in task that an effect orders, to be run in the same turn.
func pure(e engine.Effect) (run func(*engine.Job) engine.Outcome, ok bool) {
	task, ok := builtin.Lookup(e.App, e.Method)
	if !ok || task.Run == nil || task.Outside {
		return nil, false
	}
	return func(job *engine.Job) engine.Outcome {
		return task.Run(&builtin.Call{Incoming: e.Incoming, Job: job, Task: e.Task, Iteration: e.Iteration, Now: time.UnixMilli(job.UpdatedAt)})
	}, true
}
