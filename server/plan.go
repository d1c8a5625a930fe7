package server

import (
	"errors"
	"fmt"
	"slices"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// listSteps lists the tasks of a workflow in the order in which a job starts them.
func listSteps(c *call) (value.Value, error) {
	name := c.text("name")
	s, err := c.workflow(name)
	if err != nil {
		return value.Absent, err
	}
	m, err := c.Library.Machine(c.Request().Context(), s.Name())
	if err != nil {
		return value.Absent, absent(err, "workflow", name)
	}
	var steps []value.Value
	for _, p := range m.Workflow().Plan() {
		steps = append(steps, planned(p, m.Workflow()))
	}
	return enveloped("Successfully retrieved steps", value.Object("workflow", value.String(s.Name()), "steps", value.Array(steps...))), nil
}

// planned is a task of a plan as the API shows it.
func planned(p workflows.Planned, w *workflows.Workflow) value.Value {
	var m value.Members
	m.Set("order", value.Int(int64(p.Level))).Set("task", value.String(p.ID)).Set("step", value.String(p.Identifier())).
		Set("summary", value.String(p.Summary)).Set("app", value.String(p.App)).Set("method", value.String(p.Name)).
		Set("type", value.String(p.App+"."+p.Name))
	parents := make([]string, len(p.Parents))
	for i, id := range p.Parents {
		parents[i] = id
		if t, ok := w.Task(id); ok {
			parents[i] = t.Identifier()
		}
	}
	runOn := "server"
	if p.Pool != "" {
		runOn = "agent:" + p.Pool
	}
	m.Set("parents", value.Strings(parents...)).Set("runOn", value.String(runOn))
	if p.ContinueOnErr {
		m.Set("continueOnError", value.True)
	}
	if g := p.Guard.Value(); !g.IsAbsent() {
		m.Set("guard", g)
	}
	return m.Value()
}

// planDoc is the plan that a job was started with. It follows from what the job was stored
// with before its first task: the snapshot of its workflow and the choice of tasks.
func planDoc(st runner.State) value.Value {
	w := st.Machine.Workflow()
	var out []value.Value
	for _, p := range w.Plan() {
		selected := st.Job.Only == nil || slices.Contains(st.Job.Only, p.ID)
		out = append(out, planned(p, w).With("selected", value.Bool(selected)))
	}
	return value.Array(out...)
}

// options of a start that say which tasks are to run and how far guards count.
type startOptions struct {
	selection workflows.Selection
	force     int64
}

func readStartOptions(options value.Value) (o startOptions, err error) {
	span, err := optional(options, "range", value.KindObject)
	if err != nil {
		return o, badAt("/options/range", "type", "\"range\" must be an object with \"begin\" and \"end\".")
	}
	for _, f := range []struct {
		in   value.Value
		key  string
		into *string
	}{
		{span, "begin", &o.selection.Begin}, {span, "end", &o.selection.End},
		{options, "only", &o.selection.Only}, {options, "firstOfType", &o.selection.FirstOfType}, {options, "contains", &o.selection.Contains},
	} {
		if *f.into, err = optionalText(f.in, f.key); err != nil {
			return o, badAt(optionPointer(f.key), "type", "%q must be a text.", f.key)
		}
	}
	force := options.Get("force")
	switch n, ok := force.Int(); {
	case force.IsNothing():
	case ok && n >= 0:
		o.force = n
	default:
		return o, badAt("/options/force", "type", "\"force\" must be a whole number: 0 for no, 1 for any changes, N for at most N changes.")
	}
	return o, nil
}

// noted is what the audit log keeps of a start.
func (o *startOptions) noted(workflow string) value.Value {
	out := value.Object("workflow", value.String(workflow))
	if o.force > 0 {
		out = out.With("event", value.String("guard.forced")).With("force", value.Int(o.force))
	}
	s := o.selection
	for _, f := range []struct{ key, text string }{{"begin", s.Begin}, {"end", s.End}, {"only", s.Only}, {"firstOfType", s.FirstOfType}, {"contains", s.Contains}} {
		if f.text != "" {
			out = out.With(f.key, value.String(f.text))
		}
	}
	return out
}

func optionPointer(key string) string {
	if key == "begin" || key == "end" {
		return "/options/range/" + key
	}
	return "/options/" + key
}

// apply chooses the tasks of a start.
func (o *startOptions) apply(m *engine.Machine, start *engine.Start) error {
	var err error
	start.Force = o.force
	start.Only, err = workflows.Select(m.Workflow().Plan(), o.selection)
	e, ok := errors.AsType[*workflows.SelectionError](err)
	if !ok {
		return err
	}
	at := optionPointer(e.Option)
	text := fmt.Sprintf("workflow %q: %s", m.Workflow().Name, e.Text)
	r := &refusal{reason: malformed, text: text, problems: []problem{{at, "selection", text}}}
	if e.Unknown {
		r.reason = missing
	}
	return r
}

// user is a document that needs a workflow.
type user struct{ kind, name string }

// usersOf finds what needs a workflow: automations that start it and tasks that start it as a child job.
func (c *call) usersOf(name string) ([]user, error) {
	ctx := c.Request().Context()
	var out []user
	found, err := c.Store.Find(ctx, store.Automations, store.Query{Where: store.Where("componentName", store.Eq, name), Limit: maxUsers, NoTotal: true})
	if err != nil {
		return nil, err
	}
	for _, d := range found.Docs {
		v, err := value.ParseLast(d.Body)
		if err != nil {
			return nil, fmt.Errorf("automation %q: %w", d.ID, err)
		}
		out = append(out, user{"automation", v.Get("name").Text()})
	}
	q := store.Query{Sort: []store.Order{{Field: "name"}}, Limit: 500, NoTotal: true}
	for {
		found, err := c.Store.Find(ctx, store.Workflows, q)
		if err != nil {
			return nil, err
		}
		for _, d := range found.Docs {
			v, err := value.ParseLast(d.Body)
			if err != nil {
				return nil, fmt.Errorf("workflow %q: %w", d.ID, err)
			}
			if other := v.Get("name").Text(); other != name && callsWorkflow(v, name) && len(out) < maxUsers {
				out = append(out, user{"workflow", other})
			}
		}
		if len(found.Docs) < q.Limit {
			return out, nil
		}
		q.Skip += q.Limit
	}
}

// maxUsers bounds how many users of a document are named.
const maxUsers = 100

// callsWorkflow tells whether a workflow's document starts the one called name.
func callsWorkflow(doc value.Value, name string) bool {
	caller := doc.Get("name").Text()
	means := func(v value.Value) bool {
		return v.IsString() && slices.Contains(workflows.CandidateNames(caller, v.Text()), name)
	}
	if means(doc.Get("errorHandler")) {
		return true
	}
	for _, t := range doc.Get("tasks").Members() {
		if t.Get("app").Text() == "WorkFlowEngine" && t.Get("name").Text() == "childJob" && means(t.Path("variables", "incoming", "workflow")) {
			return true
		}
	}
	return false
}

// unused refuses an act on a workflow that others need, and names them.
func (c *call) unused(name string) error {
	users, err := c.usersOf(name)
	if err != nil || len(users) == 0 {
		return err
	}
	r := &refusal{reason: clash, text: fmt.Sprintf("workflow %q is in use and was not deleted", name)}
	var list []value.Value
	for _, u := range users {
		r.problems = append(r.problems, problem{"", "in-use", fmt.Sprintf("The %s %q uses it.", u.kind, u.name)})
		list = append(list, value.Object("type", value.String(u.kind), "name", value.String(u.name)))
	}
	r.data = value.Object("usedBy", value.Array(list...))
	return r
}
