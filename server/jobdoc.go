package server

import (
	"slices"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// jobDoc is a job as the API shows it: the workflow it began with, and what became of it.
func jobDoc(st runner.State, q *query) value.Value {
	j, w := st.Job, st.Machine.Workflow()
	var m value.Members
	m.Set("_id", value.String(j.ID))
	for key, v := range w.Doc.Members() {
		switch key {
		case "_id", "tasks", "groups", "error", "errors", "warnings":
			continue
		}
		if q.wants(key) {
			m.Set(key, v)
		}
	}
	m.Set("uuid", value.String(w.ID)).Set("name", value.String(j.Name)).
		Set("description", value.String(j.Description)).Set("type", value.String(j.Type)).
		Set("status", value.String(string(j.Status.Shown()))).
		Set("groups", value.Strings(j.Groups...)).Set("watchers", value.Strings(j.Watchers...)).
		Set("ancestors", value.Strings(j.Ancestors...)).Set("variables", j.Variables).
		Set("error", value.Null).Set("warnings", records(j.Warnings)).Set("validationErrors", value.Array()).
		Set("created", stamp(j.StartedAt)).Set("created_by", account(j.User)).
		Set("last_updated", stamp(j.UpdatedAt)).Set("last_updated_by", account(j.User)).
		Set("priority", value.Int(int64(j.Priority.Level()))).Set("metrics", jobMetrics(st))
	if len(j.Errors) > 0 {
		m.Set("error", records(j.Errors))
	}
	if j.Status == engine.Canceling {
		m.Set("finishing", value.True)
	}
	if r := j.Repair; r != nil {
		m.Set("repair", value.Object("mode", value.String(r.Mode), "of", value.String(r.Of)))
	}
	if j.Archived {
		m.Set("archived", value.True)
	}
	if j.Force > 0 {
		m.Set("force", value.Int(j.Force))
	}
	if j.HeldAt > 0 {
		m.Set("held", value.Object("since", value.Int(j.HeldAt), "reason", value.String(j.HeldBy)))
	}
	if i := slices.IndexFunc(j.Tasks, func(t *engine.TaskState) bool { return t.Status == engine.TaskBlocked }); i >= 0 {
		m.Set("blockedReason", value.String(blockedReason(j.Tasks[i])))
	}
	if p := j.Parent; p != nil {
		element := value.Null
		if p.Element >= 0 {
			element = value.Int(int64(p.Element))
		}
		m.Set("parent", value.Object("job", value.String(p.Job), "task", value.String(engine.IterationID(p.Job, p.Task, p.Iteration)),
			"taskId", value.String(p.Task), "iteration", value.Int(int64(p.Iteration)), "element", element))
	}
	if q.wants("tasks") {
		m.Set("tasks", taskMap(st))
	}
	return q.project(m.Value())
}

func account(id string) value.Value {
	if id == "" {
		return value.Null
	}
	return value.String(id)
}

func stamp(ms int64) value.Value { return value.Time(time.UnixMilli(ms)) }

func records(rs []engine.Record) value.Value {
	out := make([]value.Value, len(rs))
	for i, r := range rs {
		var m value.Members
		m.Set("task", value.String(r.Task))
		if r.Name != "" {
			m.Set("name", value.String(r.Name))
		}
		m.Set("message", orNull(r.Message)).Set("timestamp", value.Int(r.At))
		if r.Resolved {
			m.Set("resolved", value.True)
		}
		out[i] = m.Value()
	}
	return value.Array(out...)
}

func jobMetrics(st runner.State) value.Value {
	j := st.Job
	var m value.Members
	m.Set("start_time", value.Int(j.StartedAt))
	if j.EndedAt > 0 {
		m.Set("end_time", value.Int(j.EndedAt))
	}
	return m.Set("progress", value.Number(st.Machine.Progress(j))).Set("user", account(j.User)).Set("owner", account(j.User)).Value()
}

// taskMap is the graph with each task's state.
func taskMap(st runner.State) value.Value {
	w := st.Machine.Workflow()
	definitions := w.Doc.Get("tasks")
	graph := newWireGraph(st)
	var out value.Members
	for i := range w.Tasks {
		t := &w.Tasks[i]
		out.Set(t.ID, taskState(st, t, st.Job.Tasks[i], definitions.Get(t.ID), graph))
	}
	return out.Value()
}

func taskState(st runner.State, t *workflows.Task, s *engine.TaskState, definition value.Value, g wireGraph) value.Value {
	var m value.Members
	for k, v := range definition.Members() {
		m.Set(k, v)
	}
	m.Set("taskId", value.String(t.ID)).Set("status", value.String(runner.TaskWireStatus(s.Status)))
	if s.Skipped != "" {
		m.Set("status", value.String("skipped")).Set("skipReason", value.String(s.Skipped))
	}
	if f := finishState(s); f != "" {
		m.Set("finish_state", value.String(string(f)))
	}
	iterations := make([]value.Value, s.Iteration)
	for n := range iterations {
		iterations[n] = value.String(engine.IterationID(st.Job.ID, t.ID, n+1))
	}
	m.Set("iterations", value.Array(iterations...)).Set("transitions", g.transitions(t.ID)).Set("previous", g.previous(t.ID))
	if t.ID == workflows.EndID {
		m.Set("endTasks", g.previous(t.ID))
	}
	if s.FirstAt > 0 || s.StartedAt > 0 {
		m.Set("start_time", value.Int(s.StartedAt))
	}
	if s.EndedAt > 0 {
		m.Set("end_time", value.Int(s.EndedAt))
	}
	m.Set("metrics", taskMetrics(st, s))
	if j := st.Job; s.Status == engine.TaskRunning && s.Worker == "" && t.Pool != "" && !j.Status.Final() {
		m.Set("waitingFor", value.String("worker agent:"+t.Pool))
	}
	if s.Never {
		m.Set("never", value.True)
	}
	if t.Retry != nil {
		m.Set("retrySettings", definition.Get("retrySettings").With("count", value.Int(int64(s.Retries))).With("finishedRetrying", value.Bool(s.Exhausted)))
	}
	if s.Status == engine.TaskBlocked {
		m.Set("blocked", value.Object("reason", orNull(s.Error), "blockedReason", value.String(blockedReason(s)),
			"approved", value.Bool(s.Approved != ""), "approvedBy", account(s.Approved), "because", account(s.Because), "repair", account(s.Mode)))
	}
	if summary := engine.ChangeSummary(s.Changes); summary.Len() > 0 {
		m.Set("changes", summary)
	}
	if l := s.Loop; l != nil {
		m.Set("loop", value.Object("atLeastOneComplete", value.Bool(l.Any), "finishedCount", value.Int(int64(l.Done)), "outgoing", value.Array()))
		kids := make([]value.Value, 0, len(l.Kids))
		for _, k := range l.Kids {
			kids = append(kids, value.Object("_id", value.String(k.ID), "name", s.Incoming.Get("workflow"),
				"iteration", value.String(engine.IterationID(st.Job.ID, t.ID, s.Iteration)), "element", value.Int(int64(k.Element)),
				"status", value.String(string(k.Status))))
		}
		m.Set("childJobs", value.Array(kids...))
	}
	return m.Value()
}

// blockedReason is the word for what blocked a task.
func blockedReason(s *engine.TaskState) string {
	if r := s.Error.Get("blockedReason"); r.IsString() {
		return r.Text()
	}
	if s.Exhausted {
		return "retries"
	}
	return "worker"
}

func finishState(s *engine.TaskState) workflows.FinishState {
	switch s.Status {
	case engine.TaskComplete:
		return workflows.Success
	case engine.TaskFailure:
		return workflows.Failure
	case engine.TaskError:
		return workflows.Failed
	}
	return ""
}

func taskMetrics(st runner.State, s *engine.TaskState) value.Value {
	var m value.Members
	for _, e := range []struct {
		key string
		ms  int64
	}{{"start_time", s.StartedAt}, {"claim_time", s.ClaimedAt}, {"end_time", s.EndedAt}} {
		if e.ms > 0 {
			m.Set(e.key, value.Int(e.ms))
		}
	}
	if s.StartedAt > 0 && s.EndedAt >= s.StartedAt {
		m.Set("run_time", value.Int(s.EndedAt-s.StartedAt))
	}
	for _, e := range []struct{ key, text string }{
		{"finish_state", string(finishState(s))}, {"owner", s.Owner}, {"server_id", s.Worker}, {"progress_text", s.Text},
	} {
		if e.text != "" {
			m.Set(e.key, value.String(e.text))
		}
	}
	if s.Percent > 0 {
		m.Set("percent", value.Number(s.Percent))
	}
	if s.Iteration > 0 {
		m.Set("user", account(st.Job.User))
	}
	return m.Value()
}

// wireGraph is a workflow's transitions by their ends.
type wireGraph struct {
	st       runner.State
	from, to map[string][]*workflows.Transition
}

func newWireGraph(st runner.State) wireGraph {
	g := wireGraph{st, map[string][]*workflows.Transition{}, map[string][]*workflows.Transition{}}
	transitions := st.Machine.Workflow().Transitions
	for i := range transitions {
		t := &transitions[i]
		g.from[t.From] = append(g.from[t.From], t)
		g.to[t.To] = append(g.to[t.To], t)
	}
	return g
}

// transitions lists where a task leads, by finish state.
func (g wireGraph) transitions(id string) value.Value {
	by := map[workflows.FinishState][]value.Value{}
	for _, t := range g.from[id] {
		kind := string(t.Type)
		if t.State == workflows.Loop {
			kind = string(workflows.Loop)
		}
		by[t.State] = append(by[t.State], value.Object("task", value.String(t.To), "type", value.String(kind)))
	}
	var m value.Members
	for _, s := range []workflows.FinishState{workflows.Success, workflows.Failure, workflows.Failed, workflows.Loop} {
		m.Set(string(s), value.Array(by[s]...))
	}
	return m.Value()
}

// previous lists a task's predecessors: undecided, having chosen it, having refused it.
func (g wireGraph) previous(id string) value.Value {
	var undecided, chosen, refused []string
	for _, t := range g.to[id] {
		if t.Type != workflows.Standard || t.State == workflows.Loop {
			continue
		}
		s, ok := g.st.Machine.Task(g.st.Job, t.From)
		switch {
		case !ok:
		case s.Never:
			refused = append(refused, t.From)
		case !s.Status.Finished():
			undecided = append(undecided, t.From)
		case finishState(s) == t.State:
			chosen = append(chosen, t.From)
		default:
			refused = append(refused, t.From)
		}
	}
	return value.Object("incomplete", value.Strings(undecided...), "complete", value.Strings(chosen...), "error", value.Strings(refused...))
}
