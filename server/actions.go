package server

import (
	"slices"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/workflows/value"
)

// jobActions are what people may do with a job: the route that does it, and when the job's
// state allows it.
var jobActions = []struct {
	name, route string
	now         func(j *engine.Job) bool
}{
	{"view", "getJob", func(*engine.Job) bool { return true }},
	{"pause", "pauseJobs", func(j *engine.Job) bool { return j.Status == engine.Running }},
	{"resume", "resumeJobs", func(j *engine.Job) bool {
		return j.Status == engine.Paused || j.Status == engine.BlockedJ && !slices.ContainsFunc(j.Tasks, waitsForApproval)
	}},
	{"validate", "approveTask", func(j *engine.Job) bool { return slices.ContainsFunc(j.Tasks, waitsForApproval) }},
	{"repair", "repairJob", func(j *engine.Job) bool { return j.Status == engine.BlockedJ }},
	{"cancel", "cancelJobs", func(j *engine.Job) bool { return !j.Status.Final() }},
	{"archive", "archiveJobs", atRest},
	{"delete", "deleteJobs", atRest},
}

func atRest(j *engine.Job) bool { return j.Status.Final() || j.Status == engine.Errored }

func waitsForApproval(t *engine.TaskState) bool {
	return t.Status == engine.TaskBlocked && t.Approved == ""
}

// allowedActions names what the caller may do with a job now.
func (c *call) allowedActions(st runner.State) value.Value {
	var names []string
	for _, a := range jobActions {
		if may, ok := c.needs[a.route]; ok && c.who.May(may) && a.now(st.Job) {
			names = append(names, a.name)
		}
	}
	return value.Strings(names...)
}

// jobDoc is a job as the API shows it to the caller.
func (c *call) jobDoc(st runner.State, q *query) value.Value {
	doc := jobDoc(st, q)
	if q.wants("allowedActions") {
		doc = doc.With("allowedActions", c.allowedActions(st))
	}
	if slices.Contains(q.include, "plan") {
		doc = doc.With("plan", planDoc(st))
	}
	return doc
}
