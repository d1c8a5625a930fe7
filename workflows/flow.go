package workflows

import "slices"

// flow is a graph of moments: every task has one at which it starts and one at which it is
// done, so that a forEach starts before its body and is done after it.
type flow struct {
	*graph
	steps [][]step
	rank  []int // place in a topological order
	known [][]bool
	seen  []uint64 // pairs of moments, one bit each; scratch space of together
	walks int      // how many steps of two walkers may still be looked at
}

// mostWalks bounds the work of [flow.together] on one graph. Real workflows need a few
// thousand; a hostile one gets no proof instead of all the time there is.
const mostWalks = 1 << 20

// step leads to a later moment. It is taken when the task finishes in the state; without a
// state it is always taken.
type step struct {
	to    int
	state FinishState
}

func started(task int) int { return 2 * task }
func done(task int) int    { return 2*task + 1 }

// newFlow gives the moments of a graph without cycles and crossings. Tasks that are not
// reached have no steps.
func newFlow(g *graph) *flow {
	f := &flow{graph: g, walks: mostWalks, steps: make([][]step, 2*len(g.w.Tasks)), known: make([][]bool, 2*len(g.w.Tasks))}
	for i := range g.w.Tasks {
		if g.home[i] == unreached {
			continue
		}
		for _, body := range g.loops[i] {
			f.steps[started(i)] = append(f.steps[started(i)], step{to: started(body)})
		}
		f.steps[started(i)] = append(f.steps[started(i)], step{to: done(i)})
		for _, e := range g.next[i] {
			f.steps[done(i)] = append(f.steps[done(i)], step{started(e.to), e.state})
		}
		if h := g.home[i]; h >= 0 {
			f.steps[done(i)] = append(f.steps[done(i)], step{to: done(h)})
		}
	}
	f.sort()
	return f
}

func (f *flow) sort() {
	waits := make([]int, len(f.steps))
	for _, steps := range f.steps {
		for _, s := range steps {
			waits[s.to]++
		}
	}
	var queue []int
	for m, n := range waits {
		if n == 0 {
			queue = append(queue, m)
		}
	}
	f.rank = make([]int, len(f.steps))
	for i := 0; i < len(queue); i++ {
		f.rank[queue[i]] = i
		for _, s := range f.steps[queue[i]] {
			if waits[s.to]--; waits[s.to] == 0 {
				queue = append(queue, s.to)
			}
		}
	}
}

// leads tells whether moment b can follow moment a.
func (f *flow) leads(a, b int) bool {
	if f.known[a] == nil {
		seen := make([]bool, len(f.steps))
		seen[a] = true
		for queue := []int{a}; len(queue) > 0; queue = queue[1:] {
			for _, s := range f.steps[queue[0]] {
				if !seen[s.to] {
					seen[s.to] = true
					queue = append(queue, s.to)
				}
			}
		}
		f.known[a] = seen
	}
	return f.known[a][b]
}

// pin fixes in which states a task may finish in the runs that are looked at.
type pin struct {
	task   int
	states []FinishState
}

// together tells whether one run without reverts can pass both moments, with the pin's task
// finishing as pinned. Two walkers go from the start, the one that is behind first; where
// they stand on the same task they must agree on its state. When the bound is reached
// everything is taken to be possible.
func (f *flow) together(a, b int, p pin) bool {
	type pair struct{ a, b int }
	free := func(at int, s step) bool {
		return s.state == "" || at != done(p.task) || slices.Contains(p.states, s.state)
	}
	first := started(f.start)
	stack := []pair{{first, first}}
	n := len(f.steps)
	if f.seen == nil {
		f.seen = make([]uint64, n*n/64+1)
	}
	clear(f.seen)
	push := func(next pair) {
		f.walks--
		bit := next.a*n + next.b
		if f.seen[bit/64]&(1<<(bit%64)) == 0 {
			f.seen[bit/64] |= 1 << (bit % 64)
			stack = append(stack, next)
		}
	}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if f.walks < 0 {
			return true
		}
		switch {
		case at.a == a && at.b == b:
			return true
		case at.a == at.b && at.a != a && at.b != b:
			for _, s := range f.steps[at.a] {
				for _, t := range f.steps[at.b] {
					if free(at.a, s) && free(at.b, t) && (s.state == "" || t.state == "" || s.state == t.state) {
						push(pair{s.to, t.to})
					}
				}
			}
		case at.a != a && (at.b == b || f.rank[at.a] <= f.rank[at.b]):
			for _, s := range f.steps[at.a] {
				if free(at.a, s) {
					push(pair{s.to, at.b})
				}
			}
		default:
			for _, s := range f.steps[at.b] {
				if free(at.b, s) {
					push(pair{at.a, s.to})
				}
			}
		}
	}
	return false
}

// canFinish tells whether a task can end in a state by itself, as far as its document shows.
// A mock or an operator can end it otherwise, so nothing but a warning may rest on this.
func canFinish(t *Task, s FinishState) bool {
	switch {
	case t.ID == StartID:
		return s == Success
	case s != Failure:
		return true
	case t.Type == Manual:
		button := t.Incoming.Get("btn_failure")
		return !button.IsString() || button.Text() != ""
	case t.App != workflowEngine:
		return true
	}
	return !slices.Contains(neverFails, t.Name)
}

// neverFails names the control tasks that always return something or end in an error.
var neverFails = []string{"childJob", "deepmerge", "delay", "forEach", "merge", "newVariable", "push", "stub", "transformation"}
