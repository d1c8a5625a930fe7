// Package workflowtest makes random workflows for tests: joins, forks, failure and error
// transitions, reverts, nested forEach bodies and retries, always without validation errors.
package workflowtest

import (
	"fmt"
	"math/rand/v2"

	"pgregory.net/rapid"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// Options narrow what is generated. The zero value allows everything.
type Options struct {
	Tasks      int      // the number of tasks, start and end not counted; 0 = a random one up to 20
	Children   []string // workflows that childJob tasks may start; none = no childJob
	NoAdapters bool
	NoDelays   bool
	NoLoops    bool
	NoManual   bool
	NoRetries  bool
	NoReverts  bool
}

// Inputs are the job variables that generated workflows declare and read: "list" an array,
// "number" a number, "object" an object with the members a and b, "text" a string.
func Inputs() value.Value {
	return value.Object(
		"list", value.Array(value.Int(1), value.Int(2), value.Int(3)),
		"number", value.Int(7),
		"object", value.Object("a", value.Int(1), "b", value.String("two")),
		"text", value.String("hello"),
	)
}

// Generate draws a workflow from t, which shrinks it when a test fails.
func Generate(t *rapid.T, o Options) *workflows.Workflow {
	t.Helper()
	ints := make(map[int]*rapid.Generator[int])
	w, err := parse(Document(func(n int) int {
		if ints[n] == nil {
			ints[n] = rapid.IntRange(0, n-1)
		}
		return ints[n].Draw(t, "choice")
	}, o))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Random makes a workflow from a source of chance; an equal source gives an equal workflow.
// It panics when the workflow is not valid, which is a defect of this package.
func Random(rng *rand.Rand, o Options) *workflows.Workflow {
	w, err := parse(Document(rng.IntN, o))
	if err != nil {
		panic(err)
	}
	return w
}

func parse(doc value.Value) (*workflows.Workflow, error) {
	w, problems := workflows.Load(doc, nil, nil)
	if err := problems.Err(); err != nil {
		return nil, fmt.Errorf("generated workflow: %w\n%s", err, doc)
	}
	return w, nil
}

// Document makes a workflow document; choose gives a number from 0 to n-1.
func Document(choose func(n int) int, o Options) value.Value {
	g := &generator{choose: choose, o: o}
	n := o.Tasks
	if n <= 0 {
		n = 1 + choose(20)
	}
	start, end := g.place(workflows.StartID, ""), g.place(workflows.EndID, "")
	for _, leaf := range g.region([]*place{start}, n, 0) {
		g.join(leaf, end, workflows.Success)
	}
	for _, t := range g.places {
		if t.depth == 0 && t.kind != "" && g.oneIn(6) {
			g.join(t, end, g.state(t))
		}
	}
	return g.document()
}

type place struct {
	id     string
	kind   string
	depth  int // of forEach bodies around it
	task   *value.Members
	before []*place // everything that is done when it starts, the forEach around it included
	out    []transition
	writes string // the job variable it sets
}

type transition struct {
	to    *place
	kind  workflows.TransitionType
	state workflows.FinishState
}

type generator struct {
	choose func(n int) int
	o      Options
	places []*place
}

func (g *generator) oneIn(n int) bool { return g.choose(n) == 0 }

func (g *generator) place(id, kind string) *place {
	n := &place{id: id, kind: kind}
	g.places = append(g.places, n)
	return n
}

// join draws a standard transition unless the two are joined already.
func (g *generator) join(from, to *place, s workflows.FinishState) bool {
	for _, e := range from.out {
		if e.to == to {
			return false
		}
	}
	from.out = append(from.out, transition{to, workflows.Standard, s})
	return true
}

// region adds n tasks after the entry and gives those without a transition out. In a body
// the entry is its forEach, which only leads to the first task.
func (g *generator) region(entry []*place, n, depth int) []*place {
	tasks := entry
	inside := depth > 0
	for n > 0 {
		n--
		var preds []*place
		// The first task of a body hangs on the loop transition alone.
		first := inside && len(tasks) == 1
		for range 1 + g.choose(3)*g.choose(2) {
			from := tasks[max(0, len(tasks)-1-g.choose(4))]
			if inside && !first && from == entry[0] {
				from = tasks[len(tasks)-1]
			}
			preds = append(preds, from)
		}
		t := g.place(fmt.Sprintf("%x", (len(g.places)*7919+0x1a3)%0xffff), g.pick(n, depth))
		t.depth = depth
		t.before = g.history(preds, entry[0], inside)
		for _, p := range preds {
			if first {
				if len(p.out) == 0 || p.out[len(p.out)-1].to != t {
					p.out = append(p.out, transition{t, workflows.Standard, workflows.Loop})
				}
				continue
			}
			g.join(p, t, g.state(p))
		}
		g.fill(t)
		if t.kind == "forEach" {
			size := 1 + g.choose(min(n, 4))
			n -= size
			g.region([]*place{t}, size, depth+1)
		}
		if !g.o.NoReverts && len(t.before) > 0 && g.oneIn(6) {
			g.revert(t)
		}
		tasks = append(tasks[:len(tasks):len(tasks)], t)
	}
	var leaves []*place
	for _, t := range tasks {
		if (len(t.out) == 0 || !leadsOn(t)) && !(inside && t == entry[0]) {
			leaves = append(leaves, t)
		}
	}
	return leaves
}

// leadsOn tells whether a standard transition outside of a body leaves t.
func leadsOn(t *place) bool {
	for _, e := range t.out {
		if e.kind == workflows.Standard && e.state != workflows.Loop {
			return true
		}
	}
	return false
}

// history lists what is done before a task with the given predecessors starts.
func (g *generator) history(preds []*place, each *place, inside bool) []*place {
	seen := make(map[*place]bool)
	var out []*place
	add := func(n *place) {
		if n.kind != "" && !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	for _, p := range preds {
		for _, b := range p.before {
			add(b)
		}
		add(p)
	}
	if inside {
		add(each)
	}
	return out
}

// revert draws a transition back to a task of the same body on a path to t.
func (g *generator) revert(t *place) {
	var targets []*place
	for _, b := range t.before {
		if b.depth == t.depth && reaches(b, t) {
			targets = append(targets, b)
		}
	}
	if len(targets) == 0 {
		return
	}
	s := g.state(t)
	if s == workflows.Failed {
		s = workflows.Success
	}
	t.out = append(t.out, transition{targets[g.choose(len(targets))], workflows.Revert, s})
}

func reaches(from, to *place) bool {
	for _, e := range from.out {
		if e.kind == workflows.Standard && e.state != workflows.Loop && (e.to == to || reaches(e.to, to)) {
			return true
		}
	}
	return false
}

// state picks a state in which t can finish.
func (g *generator) state(t *place) workflows.FinishState {
	switch t.kind {
	case "":
		return workflows.Success
	case "evaluation", "query", "ViewData":
		return []workflows.FinishState{workflows.Success, workflows.Success, workflows.Failure, workflows.Failure, workflows.Failed}[g.choose(5)]
	}
	return []workflows.FinishState{workflows.Success, workflows.Success, workflows.Success, workflows.Failed}[g.choose(4)]
}

// pick chooses the kind of a task; n tasks are left for its region.
func (g *generator) pick(n, depth int) string {
	kinds := []string{"stub", "evaluation", "query", "newVariable", "merge"}
	for _, k := range []struct {
		kind string
		ok   bool
	}{
		{"adapter", !g.o.NoAdapters},
		{"ViewData", !g.o.NoManual},
		{"childJob", len(g.o.Children) > 0},
		{"delay", !g.o.NoDelays},
		{"forEach", !g.o.NoLoops && n > 0 && depth < 3},
	} {
		if k.ok {
			kinds = append(kinds, k.kind)
		}
	}
	return kinds[g.choose(len(kinds))]
}
