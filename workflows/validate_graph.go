package workflows

import "strings"

// transitions checks the graph's form: the rules the canvas keeps, cycles, bodies and
// reachability.
func (v *validator) transitions() {
	loops := make(map[string]int)
	for _, e := range v.w.Transitions {
		v.transition(e, pointer("transitions", e.From, e.To))
		if e.State == Loop {
			loops[e.From]++
		}
	}
	for i := range v.w.Tasks {
		t := &v.w.Tasks[i]
		if t.App != workflowEngine || t.Name != "forEach" {
			continue
		}
		switch n := loops[t.ID]; {
		case n == 0:
			v.add("loop-missing", pointer("transitions", t.ID), "The forEach has no loop transition and so nothing to repeat.")
		case n > 1:
			v.add("loop-count", pointer("transitions", t.ID), "A forEach has one loop transition, not %d.", n)
		}
	}
	g := v.graph
	if g.cycle != nil {
		at := pointer("transitions", g.cycle[len(g.cycle)-2], g.cycle[len(g.cycle)-1])
		v.add("cycle", at, "Standard transitions form a circle: %s. Make the one that goes back a revert.",
			strings.Join(g.cycle, " → ")).Witness = g.cycle
	}
	for _, e := range g.cross {
		from, to := g.w.Tasks[e.from].ID, g.w.Tasks[e.to].ID
		v.add("body-crossing", pointer("transitions", from, to),
			"The transition from %q to %q crosses the border of a forEach's body.", from, to).Witness = g.path(e.from)
	}
	if g.start < 0 {
		return
	}
	for i, home := range g.home {
		if t := &v.w.Tasks[i]; home == unreached && t.ID != EndID {
			v.add("unreachable", pointer("tasks", t.ID), "Could not find a standard transition path between workflow start and task %q.", t.ID)
		}
	}
	if g.end >= 0 && g.home[g.end] == unreached {
		v.add("unreachable", pointer("tasks", EndID), "Could not find a standard transition path between workflow start and workflow end.")
	}
}

func (v *validator) transition(e Transition, at string) {
	g := v.graph
	switch {
	case e.From == e.To:
		v.add("self-transition", at, "A task cannot lead to itself; revert to the task before it.")
	case e.To == StartID && e.Type == Standard:
		v.add("reserved-transition", at, "No transition can lead to the start.")
	case e.From == EndID:
		v.add("reserved-transition", at, "No transition can leave the end.")
	case e.From == StartID && e.To == EndID:
		v.add("reserved-transition", at, "The start cannot lead straight to the end.")
	case e.From == StartID && (e.State != Success || e.Type != Standard):
		v.add("reserved-transition", at, "The start always succeeds; its transitions are \"standard\" and \"success\".")
	case e.State == Loop && (e.To == EndID || e.Type == Revert):
		v.add("loop-source", at, "A loop transition leads to the first task of a body.")
	case e.State == Loop && !isForEach(v.w, e.From):
		v.add("loop-source", at, "Only a forEach has loop transitions.")
	case e.Type == Revert && !g.reaches(g.index[e.To], g.index[e.From]):
		v.add("revert-target", at, "A revert must lead back to a task from which a standard path leads to %q; make it \"standard\".", e.From)
	}
}

func isForEach(w *Workflow, id string) bool {
	t, ok := w.Task(id)
	return ok && t.App == workflowEngine && t.Name == "forEach"
}
