package server

import (
	"errors"
	"fmt"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/server/auth"
	"github.com/heddlehq/heddle/workflows/value"
)

// reachable is the condition under which a caller may know of a document with a field
// "groups": it names none, or one of the caller's. Nil for those who see everything.
func (c *call) reachable() store.Filter {
	if c.who.IsAdmin() {
		return nil
	}
	return store.Or{store.Where("groups", store.Exists, false), store.Where("groups", store.In, c.who.Groups)}
}

// reachableTasks is the condition for task runs: the task's groups and those of its job,
// which may change while it runs and so stand only there.
func (c *call) reachableTasks() (store.Filter, error) {
	own := c.reachable()
	if own == nil {
		return nil, nil
	}
	hidden, err := c.Store.Find(c.Request().Context(), store.Jobs, store.Query{Where: store.Not{Filter: own}, Limit: store.MaxValues, NoTotal: true})
	if err != nil {
		return nil, err
	}
	if hidden.Next != nil {
		return nil, fmt.Errorf("more than %d jobs are restricted: %w", store.MaxValues, runner.ErrBusy)
	}
	if len(hidden.Docs) == 0 {
		return own, nil
	}
	ids := make([]string, len(hidden.Docs))
	for i, d := range hidden.Docs {
		ids[i] = d.ID
	}
	return store.And{own, store.Where("job._id", store.NotIn, ids)}, nil
}

// reachableAutomations is the condition for automations: they are for no group, or for one of
// the caller's.
func (c *call) reachableAutomations() store.Filter {
	if c.who.IsAdmin() {
		return nil
	}
	return store.Or{
		store.Where("gbac.read", store.Exists, false), store.Where("gbac.read", store.In, c.who.Groups),
		store.Where("gbac.write", store.In, c.who.Groups),
	}
}

// reachableTriggers is the condition for triggers: that of their automations.
func (c *call) reachableTriggers() (store.Filter, error) {
	own := c.reachableAutomations()
	if own == nil {
		return nil, nil
	}
	hidden, err := c.Store.Find(c.Request().Context(), store.Automations, store.Query{Where: store.Not{Filter: own}, Limit: store.MaxValues, NoTotal: true})
	if err != nil {
		return nil, err
	}
	if hidden.Next != nil {
		return nil, fmt.Errorf("more than %d automations are restricted: %w", store.MaxValues, runner.ErrBusy)
	}
	if len(hidden.Docs) == 0 {
		return nil, nil
	}
	ids := make([]string, len(hidden.Docs))
	for i, d := range hidden.Docs {
		ids[i] = d.ID
	}
	return store.Not{Filter: store.Where("actionId", store.In, ids)}, nil
}

// allowed refuses what a caller's groups do not let them do with an automation, or with what
// belongs to one: a trigger is seen, run and changed by those who may do so with its
// automation. Who may change it may see it. What must not be seen is not found.
func (c *call) allowed(collection, kind, id string, doc value.Value) error {
	if c.who.IsAdmin() {
		return nil
	}
	if collection == store.Triggers {
		d, err := c.Store.Get(c.Request().Context(), store.Automations, doc.Get("actionId").Text())
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if doc, err = value.ParseLast(d.Body); err != nil {
			return err
		}
	} else if collection != store.Automations {
		return nil
	}
	var lists [2][]string
	for i, key := range []string{"read", "write"} {
		for _, g := range doc.Path("gbac", key).Elements() {
			lists[i] = append(lists[i], g.Text())
		}
	}
	readers, writers := lists[0], lists[1]
	writes := c.who.Reaches(writers)
	switch {
	case len(readers) > 0 && !c.who.Reaches(readers) && (len(writers) == 0 || !writes):
		return refuse(missing, "there is no %s %q", kind, clip(id))
	case c.deed.route.may == auth.WriteAutomations && !writes:
		return refuse(denied, "%s %q may be changed only by the groups that it names", kind, clip(id))
	}
	return nil
}

// job reads a job the caller may know of. One out of reach is not found.
func (c *call) job(id string) (runner.State, error) {
	st, err := c.Runner.Job(c.Request().Context(), id)
	if err != nil {
		return st, absent(err, "job", id)
	}
	if !c.who.Reaches(st.Job.Groups) {
		return runner.State{}, refuse(missing, "there is no job %q", id)
	}
	return st, nil
}

// taskRun reads a task run the caller may know of, and its job.
func (c *call) taskRun(id string) (value.Value, runner.State, error) {
	doc, err := c.Store.Get(c.Request().Context(), store.Tasks, id)
	if err != nil {
		return value.Absent, runner.State{}, absent(err, "task", id)
	}
	task, err := c.Runner.WholeTask(c.Request().Context(), doc.Body)
	if err != nil {
		return value.Absent, runner.State{}, fmt.Errorf("decode task %q: %w", id, err)
	}
	st, err := c.Runner.Job(c.Request().Context(), task.Path("job", "_id").Text())
	if err != nil {
		return value.Absent, runner.State{}, absent(err, "task", id)
	}
	if !c.who.Reaches(st.Job.Groups) || !c.who.Reaches(groupsOf(task)) {
		return value.Absent, runner.State{}, refuse(missing, "there is no task %q", id)
	}
	return task, st, nil
}

// worksOn refuses work on a manual task whose groups the caller does not belong to.
func (c *call) worksOn(st runner.State, task string) error {
	t, ok := st.Machine.Workflow().Task(task)
	if !ok {
		return &engine.Unknown{Task: task}
	}
	if !c.who.Reaches(st.Machine.WorkedBy(st.Job, t.ID)) {
		return refuse(denied, "task %q is for the members of its groups", task)
	}
	return nil
}

// plainGroups writes a document's groups as ids, the form that lists are filtered by; exports
// carry them as objects.
func plainGroups(doc value.Value) value.Value {
	if doc.Get("groups").Len() == 0 {
		return doc
	}
	return doc.With("groups", value.Strings(groupsOf(doc)...))
}

// holdsAll refuses an act on a project with a workflow out of the caller's reach.
func (c *call) holdsAll(project string) error {
	reach := c.reachable()
	if reach == nil {
		return nil
	}
	hidden, err := c.Store.Find(c.Request().Context(), store.Workflows, store.Query{
		Where: store.And{store.Where("project", store.Eq, project), store.Not{Filter: reach}}, Limit: 1, NoTotal: true,
	})
	if err != nil {
		return err
	}
	if len(hidden.Docs) > 0 {
		return refuse(denied, "the project has workflows for other groups")
	}
	return nil
}

// groupsOf reads a document's groups: ids, or objects with an id or a name.
func groupsOf(doc value.Value) []string {
	var out []string
	for _, g := range doc.Get("groups").Elements() {
		switch {
		case g.IsString():
			out = append(out, g.Text())
		case g.Get("_id").IsString():
			out = append(out, g.Get("_id").Text())
		case g.Get("name").IsString():
			out = append(out, g.Get("name").Text())
		}
	}
	return out
}
