package workflows

import (
	"slices"
	"strings"

	"github.com/heddlehq/heddle/workflows/value"
)

// provable bounds the size of the graphs that proofs are tried on.
const provable = 2000

// mayPrecede tells whether a can be done before b starts. It is true when nothing is known.
func (g *graph) mayPrecede(a, b int) bool {
	if g.order == nil || g.start < 0 || len(g.cross) > 0 || len(g.w.Tasks) > provable {
		return true
	}
	return newFlow(g).leads(done(a), started(b))
}

// prove reports what is certain about every run of the graph. It follows all paths, with no
// regard to the values that decide between them.
func (v *validator) prove() {
	g := v.graph
	if g.order == nil || g.start < 0 || len(g.cross) > 0 || len(g.w.Tasks) > provable {
		return
	}
	f := newFlow(g)
	v.deadTransitions(f)
	v.deadEnds(f)
	v.outputs(f)
	v.variables(f)
}

// deadTransitions reports transitions that wait for a state their task never has, and the
// tasks that no other transition leads to.
func (v *validator) deadTransitions(f *flow) {
	runs := make([]bool, len(f.w.Tasks))
	runs[f.start] = true
	for _, i := range f.order {
		t := &f.w.Tasks[i]
		if f.home[i] == unreached {
			continue
		}
		for _, e := range slices.Concat(f.next[i], f.back[i]) {
			if canFinish(t, e.state) {
				runs[e.to] = runs[e.to] || runs[i]
				continue
			}
			v.add("dead-transition", pointer("transitions", t.ID, f.w.Tasks[e.to].ID),
				"Task %q (%s) never finishes in the state %q by itself.", t.ID, t.Name, string(e.state))
		}
		for _, first := range f.loops[i] {
			runs[first] = runs[first] || runs[i]
		}
		if !runs[i] {
			v.add("join-never", pointer("tasks", t.ID),
				"Task %q can never run: no transition into it can be chosen.", t.ID).Witness = f.path(i)
		}
	}
}

// deadEnds reports a state without transition from which no parallel branch can save the
// job. An error without transition is the ordinary way to stop for repair, and so is a query
// that finds nothing; a body may end anywhere.
func (v *validator) deadEnds(f *flow) {
	if f.end < 0 || f.home[f.end] == unreached {
		return
	}
	for i := range f.w.Tasks {
		t := &f.w.Tasks[i]
		if f.home[i] != mainline || i == f.start || i == f.end {
			continue
		}
		for _, s := range []FinishState{Success, Failure} {
			if s == Failure && !decides(t) || f.binds(i, s) {
				continue
			}
			if f.together(done(i), started(f.end), pin{i, []FinishState{s}}) {
				continue
			}
			v.add("dead-end", pointer("transitions", t.ID),
				"When task %q (%s) finishes with %q, no path to the end is left and the job stops in error.", t.ID, t.Name, string(s)).Witness = f.path(i)
		}
	}
}

// decides tells whether failure is one of the two ordinary answers of the task.
func decides(t *Task) bool {
	if t.Type == Manual {
		return t.Incoming.Get("btn_failure").Text() != ""
	}
	return t.App == workflowEngine && t.Name == "evaluation"
}

// binds tells whether a transition is bound to the task's state.
func (g *graph) binds(task int, s FinishState) bool {
	bound := func(e link) bool { return e.state == s }
	return slices.ContainsFunc(g.next[task], bound) || slices.ContainsFunc(g.back[task], bound)
}

// outputs reports references to outputs that cannot be there.
func (v *validator) outputs(f *flow) {
	for i := range f.w.Tasks {
		t := &f.w.Tasks[i]
		if f.home[i] == unreached {
			continue
		}
		for _, r := range t.Reads() {
			u, ok := f.index[r.Task]
			if !ok || r.Task == JobTask || f.home[u] == unreached {
				continue
			}
			v.output(f, i, u, r, pointer("tasks", t.ID, "variables", "incoming")+r.At)
		}
	}
}

func (v *validator) output(f *flow, t, u int, r Read, at string) {
	from := &f.w.Tasks[u]
	states := []FinishState{Success, Failure}
	if r.Name == "error" {
		states = []FinishState{Failed}
	}
	switch {
	case isForEach(f.w, from.ID) && f.leads(started(u), started(t)):
	case f.leads(done(u), started(t)):
		if !from.ContinueOnErr && f.home[t] == f.home[u] && !f.together(started(t), done(u), pin{u, states}) {
			v.add("never-set", at, "%q of task %q is never set here: this task only runs when %q finished in another state.",
				r.Name, from.ID, from.ID).Witness = f.path(t)
		}
	case f.share(t, u):
		// What an earlier round of the body left is the engine's affair.
	case t == u && from.Retry != nil:
	case t == u || f.leads(done(t), started(u)):
		v.add("never-available", at, "Task %q only runs after this task, so its %q cannot be read here.", from.ID, r.Name).Witness = f.path(u)
	case !f.together(started(t), done(u), pin{task: -1}):
		v.add("never-available", at, "Task %q never runs in a job in which this task runs, so its %q cannot be read here.", from.ID, r.Name).Witness = f.path(t)
	default:
		v.add("order", at, "Task %q is on another branch and may not be done when this task starts.", from.ID).Witness = f.path(t)
	}
}

// share tells whether two tasks lie in the body of one forEach.
func (g *graph) share(a, b int) bool {
	for x := g.home[a]; x >= 0; x = g.home[x] {
		for y := g.home[b]; y >= 0; y = g.home[y] {
			if x == y {
				return true
			}
		}
	}
	return false
}

// variables reports job variables that are read although nothing can have set them.
func (v *validator) variables(f *flow) {
	if v.w.InputSchema.IsAbsent() {
		return // every variable that is read is an input then
	}
	inputs := v.w.InputSchema.Get("properties")
	d := newDefinitions(f)
	for i := range f.w.Tasks {
		t := &f.w.Tasks[i]
		if f.home[i] == unreached {
			continue
		}
		for _, r := range variableReads(t) {
			if IsBuiltIn(r.Name) || inputs.Has(r.Name) || d.certain(r.Name, i) {
				continue
			}
			at := pointer("tasks", t.ID, "variables", "incoming") + r.At
			switch {
			case !d.possible(r.Name, i):
				v.add("variable-unset", at, "The job variable %q is no input, and on no way to this task it is set.", r.Name).Witness = f.path(i)
			case !toleratesAbsent(t, r):
				v.add("variable-maybe", at, "The job variable %q is no input, and on this path nothing sets it.", r.Name).Witness = d.witness(r.Name, i)
			}
		}
	}
}

// variableReads lists the places where a task reads job variables.
func variableReads(t *Task) []Read {
	var out []Read
	for _, r := range t.Reads() {
		if r.Task == JobTask {
			out = append(out, r)
		}
	}
	if t.App == workflowEngine && slices.Contains([]string{"pop", "push", "shift"}, t.Name) {
		name := t.Incoming.Get("job_variable")
		if _, ref := ParseRef(name.Text()); name.Text() != "" && !ref {
			out = append(out, Read{Ref: Ref{Task: JobTask, Name: name.Text(), Static: value.Absent}, At: "/job_variable"})
		}
	}
	return out
}

// toleratesAbsent tells whether the place is one where "not set" has a meaning of its own: an
// evaluation compares with it, merge and childJob leave the key out, and a transformation can
// put a default in its place.
func toleratesAbsent(t *Task, r Read) bool {
	switch t.Shape() {
	case ShapeEvaluation, ShapeMerge:
		return true
	case ShapeChildJob:
		return strings.HasPrefix(r.At, "/variables/")
	}
	return strings.HasPrefix(r.At, "/variableMap/") && t.Incoming.Path("options", "revertToDefaultValue").Truth()
}
