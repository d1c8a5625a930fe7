package server

import (
	"fmt"
	"strings"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/server/auth"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

var taskList = shape{collection: store.Tasks, sort: []store.Order{{Field: "metrics.start_time"}}}

func listTasks(c *call) (value.Value, error) {
	q, err := c.list(taskList)
	if err != nil {
		return value.Absent, err
	}
	expand, err := c.expander(q.dereference)
	if err != nil {
		return value.Absent, err
	}
	p, err := c.taskRuns(q, expand)
	if err != nil {
		return value.Absent, err
	}
	return p.operations("Successfully retrieved tasks"), nil
}

// taskRuns reads a page of the task runs the caller may know of.
func (c *call) taskRuns(q query, expand func(value.Value) value.Value) (page, error) {
	reach, err := c.reachableTasks()
	if err != nil {
		return page{}, err
	}
	q.and(reach)
	return c.find(store.Tasks, q, func(v value.Value) (value.Value, error) {
		if expand != nil {
			v = expand(v)
		}
		return v, nil
	})
}

func getTask(c *call) (value.Value, error) {
	q, err := c.list(taskList)
	if err != nil {
		return value.Absent, err
	}
	task, _, err := c.taskRun(c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	expand, err := c.expander(q.dereference)
	if err != nil {
		return value.Absent, err
	}
	return enveloped("Successfully retrieved task", q.project(expand(task))), nil
}

// taskLogs answers the lines that workers wrote about a task run, oldest first.
func taskLogs(c *call) (value.Value, error) {
	q, err := c.list(shape{collection: store.Settings, all: true})
	if err != nil {
		return value.Absent, err
	}
	task, _, err := c.taskRun(c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	iteration, _ := task.Get("iteration").Int()
	lines, dropped, err := c.Runner.TaskLog(c.Request().Context(), task.Path("job", "_id").Text(), task.Path("job", "task").Text(), int(iteration))
	if err != nil {
		return value.Absent, err
	}
	out := listed(lines, q).operations("Successfully retrieved the log of the task")
	return out.WithPath([]string{"metadata", "dropped"}, value.Int(int64(dropped))), nil
}

// own is a route that changes who works on a manual task, found by its run's id.
func own(kind engine.EventType, message string) func(c *call) (value.Value, error) {
	return func(c *call) (value.Value, error) {
		body, err := c.object()
		if err != nil {
			return value.Absent, err
		}
		user := ""
		if kind == engine.TaskAssigned {
			id, err := need(body, "userId", value.KindString)
			if err != nil {
				return value.Absent, err
			}
			user = id.Text()
		}
		task, err := c.own(kind, c.text("id"), user)
		return enveloped(message, task), err
	}
}

// own changes who works on the manual task of a run and answers the run; user is who is
// assigned.
func (c *call) own(kind engine.EventType, run, user string) (value.Value, error) {
	task, st, err := c.taskRun(run)
	if err != nil {
		return value.Absent, err
	}
	iteration, _ := task.Get("iteration").Int()
	ev := engine.Event{Type: kind, Task: task.Path("job", "task").Text(), Iteration: int(iteration), By: c.who.ID}
	if kind == engine.TaskAssigned {
		account, err := c.Auth.Account(c.Request().Context(), user)
		if err != nil {
			return value.Absent, badAt("/userId", "unknown-account", "There is no account %q.", clip(user))
		}
		ev.Owner = account.Get("_id").Text()
	}
	c.deed.after = value.Object("job", value.String(st.Job.ID), "task", value.String(ev.Task), "owner", value.String(ev.Owner))
	if _, err := c.apply(st.Job.ID, ev); err != nil {
		return value.Absent, err
	}
	task, _, err = c.taskRun(run)
	return task, err
}

// manualController tells a user interface what to show for a waiting manual task.
func manualController(c *call) (value.Value, error) {
	st, err := c.job(c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	id := c.text("task")
	if err := c.worksOn(st, id); err != nil {
		return value.Absent, err
	}
	t, _ := st.Machine.Workflow().Task(id)
	s, _ := st.Machine.Task(st.Job, id)
	if t.Type != workflows.Manual || s.Iteration == 0 {
		return value.Absent, &engine.Conflict{Reason: fmt.Sprintf("task %q is not waiting for a person", id)}
	}
	return enveloped("Successfully retrieved manual task", value.Object(
		"job", value.String(st.Job.ID), "task", value.String(id), "iteration", value.String(engine.IterationID(st.Job.ID, id, s.Iteration)),
		"name", value.String(t.Name), "summary", value.String(t.Summary), "view", value.String(t.View), "app", value.String(t.App),
		"owner", account(s.Owner), "variables", orNull(s.Incoming))), nil
}

// expander returns what replaces references by what they refer to: account ids at
// accounts.<path>, and a task's job by all of it at job.
func (c *call) expander(paths []string) (func(value.Value) value.Value, error) {
	var accounts [][]string
	job := false
	for _, p := range paths {
		rest, isAccount := strings.CutPrefix(p, "accounts.")
		switch {
		case isAccount:
			accounts = append(accounts, strings.Split(rest, "."))
		case p == "job":
			job = true
		default:
			return nil, badQuery("dereference", "%q cannot be dereferenced; there are job and accounts.<path>, such as accounts.metrics.owner.", p)
		}
	}
	people := c.people()
	return func(doc value.Value) value.Value {
		for _, keys := range accounts {
			if id := doc.Path(keys...); id.IsString() {
				doc = doc.WithPath(keys, people(id.Text()))
			}
		}
		if job && doc.Path("job", "_id").IsString() {
			if st, err := c.job(doc.Path("job", "_id").Text()); err == nil {
				doc = doc.With("job", jobDoc(st, &query{}).With("task", doc.Path("job", "task")))
			}
		}
		return doc
	}, nil
}

// people returns what finds the public picture of an account by its id, remembering each.
func (c *call) people() func(id string) value.Value {
	known := map[string]value.Value{}
	return func(id string) value.Value {
		if v, ok := known[id]; ok {
			return v
		}
		v := value.Object("_id", value.String(id), "username", value.String(orText(id, auth.Pronghorn)), "provenance", value.String(""), "firstname", value.String(""),
			"inactive", value.False, "sso", value.False)
		if a, err := c.Auth.Account(c.Request().Context(), id); err == nil {
			for _, key := range []string{"_id", "username", "provenance", "firstname", "inactive"} {
				v = v.With(key, a.Get(key))
			}
		}
		known[id] = v
		return v
	}
}
