package workflows

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// drawGraph makes a small graph of evaluations and newVariable tasks, with every task
// reachable and without bodies.
func drawGraph(t *rapid.T) *Workflow {
	n := rapid.IntRange(1, 6).Draw(t, "tasks")
	ts := make(tasks)
	var links []string
	for i := range n {
		id := fmt.Sprintf("%x", i+10)
		kind := rapid.SampledFrom([]string{"evaluation", "newVariable", "stub"}).Draw(t, "kind")
		ts[id] = []string{kind}
		for range rapid.IntRange(1, 3).Draw(t, "transitions") {
			from := rapid.IntRange(-1, i-1).Draw(t, "from")
			if from < 0 {
				links = append(links, "S>"+id)
				continue
			}
			op := ">"
			if ts[fmt.Sprintf("%x", from+10)][0] == "evaluation" {
				op = rapid.SampledFrom([]string{">", "-f>"}).Draw(t, "state")
			}
			links = append(links, fmt.Sprintf("%x%s%s", from+10, op, id))
		}
	}
	for i := range n {
		id := fmt.Sprintf("%x", i+10)
		if i == n-1 || rapid.Bool().Draw(t, "ends") {
			op := ">"
			if ts[id][0] == "evaluation" {
				op = rapid.SampledFrom([]string{">", "-f>"}).Draw(t, "state")
			}
			links = append(links, id+op+"E")
		}
	}
	w, problems := Parse(document(ts, strings.Join(links, " ")))
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return w
}

// runs calls visit for every way in which the tasks of a graph can finish, with the state of
// each task and which of them run.
func runs(g *graph, visit func(states []FinishState, ran []bool)) {
	n := len(g.w.Tasks)
	states := make([]FinishState, n)
	var choose func(i int)
	choose = func(i int) {
		if i < n {
			states[i] = Success
			choose(i + 1)
			if decides(&g.w.Tasks[i]) {
				states[i] = Failure
				choose(i + 1)
			}
			return
		}
		ran := make([]bool, n)
		ran[g.start] = true
		for _, t := range g.order {
			for _, e := range g.next[t] {
				if ran[t] && e.state == states[t] {
					ran[e.to] = true
				}
			}
		}
		visit(states, ran)
	}
	choose(0)
}

func TestProve_deadEnds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawGraph(t)
		g := newGraph(w)
		var want []string
		for i := range w.Tasks {
			for _, s := range []FinishState{Success, Failure} {
				if i == g.start || i == g.end || s == Failure && !decides(&w.Tasks[i]) || g.binds(i, s) {
					continue
				}
				runsAtAll, saved := false, false
				runs(g, func(states []FinishState, ran []bool) {
					if ran[i] && states[i] == s {
						runsAtAll = true
						saved = saved || ran[g.end]
					}
				})
				if runsAtAll && !saved && g.home[g.end] != unreached {
					want = append(want, w.Tasks[i].ID+" "+string(s))
				}
			}
		}
		var got []string
		for _, p := range Validate(w, nil, nil) {
			if p.Code == "dead-end" {
				for _, s := range []FinishState{Success, Failure} {
					if strings.Contains(p.Text, fmt.Sprintf("finishes with %q", string(s))) {
						got = append(got, p.Task+" "+string(s))
					}
				}
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("dead ends %v, want %v, of %s", got, want, w.Doc.Get("transitions"))
		}
	})
}

func TestProve_together(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawGraph(t)
		g := newGraph(w)
		f := newFlow(g)
		for a := range w.Tasks {
			for b := range w.Tasks {
				want := false
				runs(g, func(_ []FinishState, ran []bool) { want = want || ran[a] && ran[b] })
				if got := f.together(started(a), started(b), pin{task: -1}); got != want {
					t.Fatalf("tasks %q and %q together: %v, want %v, in %s", w.Tasks[a].ID, w.Tasks[b].ID, got, want, w.Doc.Get("transitions"))
				}
			}
		}
	})
}

// A variable that is certain at a task has been written in every run in which the task
// runs, as long as no task ends in a state without transition. One that is not certain has a
// witness: a path that really leads to the task and on which no task writes.
func TestProve_certain(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawGraph(t)
		g := newGraph(w)
		f := newFlow(g)
		d := newDefinitions(f)
		for at := range w.Tasks {
			if g.home[at] == unreached {
				continue
			}
			if !d.certain("x", at) {
				path := d.witness("x", at)
				for i, id := range path {
					task, _ := w.Task(id)
					if i < len(path)-1 && task.newVariable() == "x" {
						t.Fatalf("the witness %v writes the variable, in %s", path, w.Doc.Get("transitions"))
					}
				}
				if len(path) == 0 || path[0] != StartID || path[len(path)-1] != w.Tasks[at].ID {
					t.Fatalf("the witness %v does not lead to %q", path, w.Tasks[at].ID)
				}
				continue
			}
			runs(g, func(states []FinishState, ran []bool) {
				written := false
				for i := range w.Tasks {
					if !ran[i] {
						continue
					}
					if len(g.next[i]) > 0 && !g.binds(i, states[i]) {
						return // a run with a dead end
					}
					written = written || w.Tasks[i].newVariable() == "x" && f.leads(done(i), started(at))
				}
				if ran[at] && !written {
					t.Fatalf("x is called certain at %q, but not written in the run %v of %s", w.Tasks[at].ID, states, w.Doc.Get("transitions"))
				}
			})
		}
	})
}
