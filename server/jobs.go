package server

import (
	"errors"
	"fmt"
	"slices"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/server/auth"
	"github.com/heddlehq/heddle/workflows/value"
)

var jobList = shape{collection: store.Jobs, page: 10, plain: []string{"archived"}, sort: []store.Order{{Field: "metrics.start_time"}}}

// startJob starts a job by the name of its workflow. Nothing is answered before it is stored.
func startJob(c *call) (value.Value, error) {
	body, err := c.json()
	if err != nil {
		return value.Absent, err
	}
	name, err := need(body, "workflow", value.KindString)
	if err != nil {
		return value.Absent, err
	}
	options, err := need(body, "options", value.KindObject)
	if err != nil {
		return value.Absent, err
	}
	for _, key := range body.Keys() {
		if key != "workflow" && key != "options" {
			return value.Absent, badAt("/"+value.EscapePointer(key), "unknown", "The body may hold \"workflow\" and \"options\", not %q.", key)
		}
	}
	st, err := c.start(name.Text(), options)
	if err != nil {
		return value.Absent, err
	}
	return enveloped("Successfully started job", jobDoc(st, &query{})), nil
}

// start starts a job of the workflow called name with the options of the wire.
func (c *call) start(name string, options value.Value) (runner.State, error) {
	var b runner.Begin
	var err error
	if b.Start.Description, err = optionalText(options, "description"); err != nil {
		return runner.State{}, err
	}
	if b.Start.Type, err = optionalText(options, "type"); err != nil {
		return runner.State{}, err
	}
	if b.Start.Variables, err = optional(options, "variables", value.KindObject); err != nil {
		return runner.State{}, err
	}
	if groups := options.Get("groups"); !groups.IsNothing() {
		if b.Start.Groups, err = texts(groups, "/options/groups"); err != nil {
			return runner.State{}, err
		}
		for i, g := range b.Start.Groups {
			if _, err := c.Auth.Group(c.Request().Context(), g); err != nil {
				return runner.State{}, badAt(fmt.Sprintf("/options/groups/%d", i), "unknown-group", "There is no group with the id %q.", clip(g))
			}
		}
	}
	chosen, err := readStartOptions(options)
	if err != nil {
		return runner.State{}, err
	}
	if chosen.force > 0 && !c.who.May(auth.ApproveJobs) {
		return runner.State{}, refuse(denied, "%s may start jobs, but not go beyond their guards", c.who.Username)
	}
	b.Workflow = name
	return c.begin(b, chosen)
}

// begin starts a job on behalf of the caller, who must reach its workflow. The job is for
// the groups of the workflow unless the start names others.
func (c *call) begin(b runner.Begin, chosen startOptions) (runner.State, error) {
	ctx := c.Request().Context()
	m, err := c.Library.Machine(ctx, b.Workflow)
	if err != nil {
		// What is wrong with a draft is for those who may know of it.
		if _, hidden := c.workflow(b.Workflow); hidden != nil {
			return runner.State{}, hidden
		}
		return runner.State{}, absent(err, "workflow", b.Workflow)
	}
	groups := m.Workflow().Groups
	if !c.who.Reaches(groups) {
		return runner.State{}, refuse(missing, "there is no workflow %q", clip(b.Workflow))
	}
	if len(b.Start.Groups) == 0 {
		b.Start.Groups = groups
	}
	if err := chosen.apply(m, &b.Start); err != nil {
		return runner.State{}, err
	}
	b.Start.Initiator, b.Start.User = c.who.Username, c.who.ID
	c.deed.after = chosen.noted(b.Workflow)
	if c.claimed != nil {
		b.Start.ID = c.claimed.jobID()
		if st, err := c.Runner.Job(ctx, b.Start.ID); !errors.Is(err, store.ErrNotFound) {
			return st, err // an earlier call got so far
		}
	}
	st, err := c.Runner.Start(ctx, b)
	return st, absent(err, "workflow", b.Workflow)
}

func listJobs(c *call) (value.Value, error) {
	q, err := c.list(jobList)
	if err != nil {
		return value.Absent, err
	}
	p, err := c.jobs(q)
	if err != nil {
		return value.Absent, err
	}
	return p.operations("Successfully retrieved jobs"), nil
}

// jobs reads a page of the jobs the caller may know of.
func (c *call) jobs(q query) (page, error) {
	q.and(c.reachable())
	found, err := c.unarchived(q)
	if err != nil {
		return page{}, err
	}
	expand, err := c.expander(q.dereference)
	if err != nil {
		return page{}, err
	}
	p := page{docs: make([]value.Value, len(found.Docs)), total: found.Total, q: q}
	for i, d := range found.Docs {
		st, err := c.Runner.Outline(c.Request().Context(), d.Body)
		if err != nil {
			return page{}, err
		}
		p.docs[i] = expand(c.jobDoc(st, &q))
	}
	return p, nil
}

// unarchived finds jobs without those that are archived, unless the query speaks of these. An
// index knows the archived ones, so they are counted apart: the others need no look at each.
func (c *call) unarchived(q query) (store.Page, error) {
	ctx := c.Request().Context()
	if q.names("archived") || q.names(store.ID) {
		return c.Store.Find(ctx, store.Jobs, q.Query)
	}
	archived, err := c.Store.Group(ctx, store.Jobs, store.Grouping{Where: store.And{store.Where("archived", store.Eq, true), q.Where}})
	if err != nil || archived[0].Count == 0 {
		if err != nil {
			return store.Page{}, err
		}
		return c.Store.Find(ctx, store.Jobs, q.Query)
	}
	all, err := c.Store.Group(ctx, store.Jobs, store.Grouping{Where: q.Where})
	if err != nil {
		return store.Page{}, err
	}
	q.and(store.Where("archived", store.Ne, true))
	q.NoTotal = true
	found, err := c.Store.Find(ctx, store.Jobs, q.Query)
	found.Total = all[0].Count - archived[0].Count
	return found, err
}

func getJob(c *call) (value.Value, error) {
	q, err := c.list(jobList)
	if err != nil {
		return value.Absent, err
	}
	st, err := c.job(c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	expand, err := c.expander(q.dereference)
	if err != nil {
		return value.Absent, err
	}
	return enveloped("Successfully retrieved job", expand(c.jobDoc(st, &q))), nil
}

// explainJob says why a job has not ended.
func explainJob(c *call) (value.Value, error) {
	st, err := c.job(c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	reasons := st.Machine.Explain(st.Job)
	out := make([]value.Value, len(reasons))
	for i, r := range reasons {
		var m value.Members
		m.Set("kind", value.String(r.Kind)).Set("message", value.String(r.Text)).Set("unblock", value.String(r.Unblock)).Set("since", value.Int(r.Since)).
			Set("age", value.Int(max(0, c.Now().UnixMilli()-r.Since)))
		if r.Until > 0 {
			m.Set("until", value.Int(r.Until))
		}
		if r.Task != "" {
			m.Set("task", value.String(r.Task)).Set("name", value.String(r.Name))
		}
		out[i] = m.Value()
	}
	aside, err := c.Runner.Quarantined(c.Request().Context(), st.Job.ID)
	if err != nil {
		return value.Absent, err
	}
	for _, e := range aside {
		since, _ := e.Get("at").Int()
		out = append(out, value.Object("kind", value.String("quarantine"), "message", value.String(fmt.Sprintf(
			"An event (%s) crashed the engine and is kept aside: %s", e.Get("type").Text(), e.Get("error").Text())),
			"unblock", value.String("play it again with: heddle quarantine replay "+e.Get("_id").Text()),
			"since", e.Get("at"), "age", value.Int(max(0, c.Now().UnixMilli()-since)), "task", e.Get("task")))
	}
	return enveloped(fmt.Sprintf("Job is %s", st.Job.Status.Shown()),
		value.Object("status", value.String(string(st.Job.Status.Shown())), "reasons", value.Array(out...))), nil
}

// jobHistory lists the events that a job took in, numbered from 1 without gaps.
func jobHistory(c *call) (value.Value, error) {
	q, err := c.list(shape{collection: store.History, sort: []store.Order{{Field: "seq"}}})
	if err != nil {
		return value.Absent, err
	}
	st, err := c.job(c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	turns := store.And{store.Where("job", store.Eq, st.Job.ID)}
	if q.Limit > 0 {
		turns = append(turns, store.Where("seq", store.Lte, int64(q.Skip+q.Limit)))
	}
	found, err := c.Store.Find(c.Request().Context(), store.History, store.Query{Where: turns, Sort: []store.Order{{Field: store.ID}}, NoTotal: true})
	if err != nil {
		return value.Absent, err
	}
	p := page{q: q, total: int(st.Job.Seq)}
	for _, d := range found.Docs {
		turn, err := c.Runner.WholeHistory(c.Request().Context(), st.Job, d.Body)
		if err != nil {
			return value.Absent, fmt.Errorf("history of job %q: %w", st.Job.ID, err)
		}
		first, _ := turn.Get("seq").Int()
		for i, e := range turn.Get("events").Elements() {
			seq := int(first) + i
			if seq > q.Skip && (q.Limit == 0 || seq <= q.Skip+q.Limit) {
				p.docs = append(p.docs, engine.Merged(value.Object("seq", value.Int(int64(seq))), e))
			}
		}
	}
	return p.operations("Successfully retrieved job history"), nil
}

// changeGroups is the family of routes that give a job to groups.
func changeGroups(change func(c *call, groups []string) ([]string, error)) func(c *call) (value.Value, error) {
	return func(c *call) (value.Value, error) {
		st, err := c.job(c.text("id"))
		if err != nil {
			return value.Absent, err
		}
		groups, err := change(c, slices.Clone(st.Job.Groups))
		if err != nil {
			return value.Absent, err
		}
		for _, g := range groups {
			if _, err := c.Auth.Group(c.Request().Context(), g); err != nil && !slices.Contains(st.Job.Groups, g) {
				return value.Absent, badAt("/groups", "unknown-group", "There is no group with the id %q.", clip(g))
			}
		}
		if groups == nil {
			groups = []string{}
		}
		c.deed.before, c.deed.after = value.Strings(st.Job.Groups...), value.Strings(groups...)
		return c.act(st.Job.ID, "Successfully updated job groups", engine.Event{Type: engine.AccessChanged, Groups: groups})
	}
}

func addGroups(c *call, groups []string) ([]string, error) {
	more, err := groupsInBody(c)
	for _, g := range more {
		if !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
	}
	return groups, err
}

func replaceGroups(c *call, _ []string) ([]string, error) { return groupsInBody(c) }

func removeGroups(*call, []string) ([]string, error) { return nil, nil }

func removeGroup(c *call, groups []string) ([]string, error) {
	return slices.DeleteFunc(groups, func(g string) bool { return g == c.text("group") }), nil
}

// groupsInBody reads {"group": id}, {"groups": [ids]} or the list alone.
func groupsInBody(c *call) ([]string, error) {
	body, err := c.json()
	if err != nil {
		return nil, err
	}
	if g := body.Get("group"); g.IsString() {
		return []string{g.Text()}, nil
	}
	if body.IsObject() {
		return texts(body.Get("groups"), "/groups")
	}
	return texts(body, "")
}

// watch adds the caller, or the users in the body, to a job's watchers or takes them off.
func watch(on bool) func(c *call) (value.Value, error) {
	return func(c *call) (value.Value, error) {
		body, err := c.object()
		if err != nil {
			return value.Absent, err
		}
		users := []string{c.who.ID}
		for _, key := range []string{"users", "watchers"} {
			if body.Has(key) {
				if users, err = texts(body.Get(key), "/"+key); err != nil {
					return value.Absent, err
				}
			}
		}
		st, err := c.watch(c.text("id"), on, users)
		if err != nil {
			return value.Absent, err
		}
		return enveloped("Successfully updated job watchers", jobDoc(st, &query{})), nil
	}
}

// watch adds users to a job's watchers or takes them off.
func (c *call) watch(id string, on bool, users []string) (runner.State, error) {
	st, err := c.job(id)
	if err != nil {
		return st, err
	}
	watchers := slices.DeleteFunc(slices.Clone(st.Job.Watchers), func(w string) bool { return slices.Contains(users, w) })
	if watchers == nil {
		watchers = []string{}
	}
	if on {
		watchers = append(watchers, users...)
	}
	return c.apply(st.Job.ID, engine.Event{Type: engine.AccessChanged, Watchers: watchers})
}
