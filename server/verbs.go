package server

import (
	"slices"
	"strings"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/server/auth"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// The workflow engine's own, older API: its verbs name the job in the body and answer it bare.

// verb is such a route, for an act made from the body.
func verb(make func(body value.Value) (engine.Event, error)) func(c *call) (value.Value, error) {
	return func(c *call) (value.Value, error) {
		body, err := c.object()
		if err != nil {
			return value.Absent, err
		}
		id, err := need(body, "job_id", value.KindString)
		if err != nil {
			return value.Absent, err
		}
		ev, err := make(body)
		if err != nil {
			return value.Absent, err
		}
		st, err := c.apply(id.Text(), ev)
		if err != nil {
			return value.Absent, err
		}
		return jobDoc(st, &query{}), nil
	}
}

// plainVerb is a verb that takes nothing but the job.
func plainVerb(kind engine.EventType) func(c *call) (value.Value, error) {
	return verb(func(value.Value) (engine.Event, error) { return engine.Event{Type: kind}, nil })
}

// jumpVerb is a verb that goes back to an earlier task; from and to are the members that name
// the two.
func jumpVerb(from, to string) func(c *call) (value.Value, error) {
	return verb(func(body value.Value) (engine.Event, error) {
		at, err := need(body, from, value.KindString)
		if err != nil {
			return engine.Event{}, err
		}
		back, err := need(body, to, value.KindString)
		return engine.Event{Type: engine.JobReverted, Task: at.Text(), To: back.Text()}, err
	})
}

// finishVerb finishes a manual task with success, or with the finish state in the data:
// {"job_id", "task_id", "task_data"}.
func finishVerb(c *call) (value.Value, error) {
	body, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	job, err := need(body, "job_id", value.KindString)
	if err != nil {
		return value.Absent, err
	}
	id, err := need(body, "task_id", value.KindString)
	if err != nil {
		return value.Absent, err
	}
	data, err := optional(body, "task_data", value.KindObject)
	if err != nil {
		return value.Absent, err
	}
	if !data.Has("finish_state") {
		if !data.Has("variables") {
			data = value.Object("variables", orElse(data, value.Object()))
		}
		data = data.With("finish_state", value.String(string(workflows.Success)))
	}
	outcome, err := outcomeOf(data, "/task_data")
	if err != nil {
		return value.Absent, err
	}
	task := id.Text()
	if strings.Contains(task, "-") { // the id of a run
		run, _, err := c.taskRun(task)
		if err != nil {
			return value.Absent, err
		}
		task = run.Path("job", "task").Text()
	}
	st, err := c.finish(job.Text(), task, outcome)
	if err != nil {
		return value.Absent, err
	}
	return jobDoc(st, &query{}), nil
}

// claimVerb claims a task run for the caller, or assigns it to the user in the body.
func claimVerb(c *call) (value.Value, error) {
	body, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	id, err := need(body, "task_id", value.KindString)
	if err != nil {
		return value.Absent, err
	}
	user, err := optionalText(body, "user")
	if err != nil {
		return value.Absent, err
	}
	if user == "" || user == c.who.ID || user == c.who.Username {
		return c.own(engine.TaskClaimed, id.Text(), "")
	}
	if !c.who.May(auth.OperateJobs) {
		return value.Absent, refuse(denied, "%s may claim tasks, but not for others", c.who.Username)
	}
	return c.own(engine.TaskAssigned, id.Text(), user)
}

func releaseVerb(c *call) (value.Value, error) {
	id, err := c.member("task_id", value.KindString)
	if err != nil {
		return value.Absent, err
	}
	return c.own(engine.TaskReleased, id.Text(), "")
}

// foundJobs is a search for jobs; narrow adds what the route itself asks for.
func foundJobs(answer func(page) value.Value, narrow func(c *call, q *query, body value.Value) error) func(c *call) (value.Value, error) {
	return func(c *call) (value.Value, error) {
		body, err := c.object()
		if err != nil {
			return value.Absent, err
		}
		q, err := c.searched(jobList, body)
		if err != nil {
			return value.Absent, err
		}
		if narrow != nil {
			if err := narrow(c, &q, body); err != nil {
				return value.Absent, err
			}
		}
		p, err := c.jobs(q)
		return answer(p), err
	}
}

func bareList(p page) value.Value { return value.Array(p.docs...) }

// jobStatuses are the words by which older clients ask for jobs.
var jobStatuses = map[string][]string{
	"active": {"running", "paused", "blocked"}, "cancelled": {"canceled"}, "canceled": {"canceled"}, "complete": {"complete"},
	"error": {"error"}, "incomplete": {"incomplete"}, "paused": {"paused"}, "running": {"running"}, "blocked": {"blocked"},
}

func ofStatus(c *call, q *query, _ value.Value) error {
	list, ok := jobStatuses[c.text("status")]
	if !ok {
		return badAt("", "enum", "%q is not a status; there are %s.", clip(c.text("status")), strings.Join(sortedKeys(jobStatuses), ", "))
	}
	q.and(store.Where("status", store.In, list))
	return nil
}

// ofCaller narrows a search to jobs that the caller started or watches.
func ofCaller(c *call, q *query, _ value.Value) error {
	q.and(store.Or{store.Where("metrics.user", store.Eq, c.who.ID), store.Where("watchers", store.Contains, c.who.ID)})
	return nil
}

// ofTasks narrows a search to jobs with a task run that matches "task_query".
func ofTasks(c *call, q *query, body value.Value) error {
	params, err := searchParams("query", body.Get("task_query"))
	if err != nil {
		return err
	}
	tasks, err := c.read(taskList, params)
	if err != nil {
		return err
	}
	buckets, err := c.Store.Group(c.Request().Context(), store.Tasks, store.Grouping{Where: tasks.Where, By: []store.Key{{Field: "job._id"}}})
	if err != nil {
		return err
	}
	ids := make([]string, 0, len(buckets))
	for _, b := range buckets {
		if id, ok := b.Keys[0].(string); ok {
			ids = append(ids, id)
		}
	}
	if len(ids) > store.MaxValues {
		return badAt("/task_query", "count", "The tasks belong to %d jobs; ask for at most %d.", len(ids), store.MaxValues)
	}
	q.and(store.Where(store.ID, store.In, ids))
	return nil
}

// foundTasks is a search for task runs.
func foundTasks(answer func(page) value.Value) func(c *call) (value.Value, error) {
	return func(c *call) (value.Value, error) {
		q, err := c.search(taskList)
		if err != nil {
			return value.Absent, err
		}
		p, err := c.taskRuns(q, nil)
		return answer(p), err
	}
}

// briefly keeps of task runs what a list shows.
func briefly(p page) value.Value {
	keep := query{include: []string{"name", "summary", "app", "type", "status", "iteration", "job", "metrics"}}
	for i, d := range p.docs {
		p.docs[i] = keep.project(d)
	}
	return bareList(p)
}

// firstTask is the first task run that fits {"query", "filter"}; the filter says what to show.
func firstTask(c *call) (value.Value, error) {
	body, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	params, err := searchParams("query", body.Get("query"))
	if err != nil {
		return value.Absent, err
	}
	q, err := c.read(taskList, append(params, fieldParams(body.Get("filter"))...))
	if err != nil {
		return value.Absent, err
	}
	q.Limit = 1
	p, err := c.taskRuns(q, nil)
	if err != nil {
		return value.Absent, err
	}
	if len(p.docs) == 0 {
		return value.Absent, refuse(missing, "no task fits the query")
	}
	return p.docs[0], nil
}

// shallowJob is a job without what its tasks took and gave.
func shallowJob(c *call) (value.Value, error) {
	st, err := c.job(c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	doc := jobDoc(st, &query{})
	var tasks value.Members
	for id, t := range doc.Get("tasks").Members() {
		tasks.Set(id, t.Without("app", "variables", "error"))
	}
	return doc.With("tasks", tasks.Value()), nil
}

// taskStatuses are the statuses of a job's tasks by their ids.
func taskStatuses(c *call) (value.Value, error) {
	st, err := c.job(c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	var m value.Members
	for i, t := range st.Job.Tasks {
		m.Set(st.Machine.Workflow().Tasks[i].ID, value.String(runner.TaskWireStatus(t.Status)))
	}
	return m.Value(), nil
}

// jobGroups lists the groups that a job is for.
func jobGroups(c *call) (value.Value, error) {
	st, err := c.job(c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	return value.Strings(st.Job.Groups...), nil
}

// watchersVerb adds {"watchers"} to a job's watchers and answers who they are.
func watchersVerb(c *call) (value.Value, error) {
	body, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	id, err := need(body, "job_id", value.KindString)
	if err != nil {
		return value.Absent, err
	}
	users, err := texts(body.Get("watchers"), "/watchers")
	if err != nil {
		return value.Absent, err
	}
	st, err := c.watch(id.Text(), true, users)
	if err != nil {
		return value.Absent, err
	}
	return value.Strings(st.Job.Watchers...), nil
}

// workflowVariables lists the names of the variables that a workflow wants.
func workflowVariables(c *call) (value.Value, error) {
	s, err := c.workflow(c.tail(3))
	if err != nil {
		return value.Absent, err
	}
	return value.Strings(s.Doc.Path("inputSchema", "properties").Keys()...), nil
}

// maxPaths bounds the paths between two tasks that are listed.
const maxPaths = 1000

// forwardPaths lists the paths over standard transitions from one task to another:
// {"start_task", "end_task", "workflow_details"}.
func forwardPaths(c *call) (value.Value, error) {
	body, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	from, err := need(body, "start_task", value.KindString)
	if err != nil {
		return value.Absent, err
	}
	to, err := need(body, "end_task", value.KindString)
	if err != nil {
		return value.Absent, err
	}
	details, err := need(body, "workflow_details", value.KindObject)
	if err != nil {
		return value.Absent, err
	}
	var out []value.Value
	var walk func(path []string)
	walk = func(path []string) {
		last := path[len(path)-1]
		if last == to.Text() {
			out = append(out, value.Strings(path...))
			return
		}
		for next, t := range details.Path("transitions", last).Members() {
			if t.Get("type").Text() == string(workflows.Standard) && !slices.Contains(path, next) && len(out) < maxPaths {
				walk(append(slices.Clip(path), next))
			}
		}
	}
	walk([]string{from.Text()})
	return value.Array(out...), nil
}

// validateLoops reports what is wrong with the loops of {"workflow_details"}.
func validateLoops(c *call) (value.Value, error) {
	details, err := c.member("workflow_details", value.KindObject)
	if err != nil {
		return value.Absent, err
	}
	_, problems := c.Library.Check(c.Request().Context(), details)
	problems = slices.DeleteFunc(problems.Errors(), func(p workflows.Problem) bool {
		return !strings.HasPrefix(p.Pointer, "/transitions")
	})
	return value.Object("isValid", value.Bool(len(problems) == 0), "errors", problemList(problems)), nil
}
