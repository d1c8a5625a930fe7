package workflows

import "slices"

// graph is a workflow's graph by task index, for the checks that follow paths.
type graph struct {
	w     *Workflow
	index map[string]int
	next  [][]link // standard transitions, loops left out
	prev  [][]link
	loops [][]int  // first tasks of a forEach's body
	back  [][]link // reverts
	home  []int    // the forEach in whose body a task lies; mainline or unreached without one
	order []int    // topological, loops included; nil when there is a cycle
	cycle []string
	cross []link // transitions over the border of a body
	start int    // -1 when there is none
	end   int
}

type link struct {
	from, to int
	state    FinishState
}

const (
	mainline  = -1
	unreached = -2
)

func newGraph(w *Workflow) *graph {
	n := len(w.Tasks)
	g := &graph{
		w: w, index: make(map[string]int, n), start: -1, end: -1,
		next: make([][]link, n), prev: make([][]link, n), back: make([][]link, n),
		loops: make([][]int, n), home: make([]int, n),
	}
	for i := range w.Tasks {
		g.index[w.Tasks[i].ID] = i
		switch w.Tasks[i].ID {
		case StartID:
			g.start = i
		case EndID:
			g.end = i
		}
	}
	for _, t := range w.Transitions {
		from, known := g.index[t.From]
		to, ok := g.index[t.To]
		if !known || !ok || from == to {
			continue
		}
		e := link{from, to, t.State}
		switch {
		case t.Type == Revert:
			g.back[from] = append(g.back[from], e)
		case t.State == Loop:
			g.loops[from] = append(g.loops[from], to)
		default:
			g.next[from] = append(g.next[from], e)
			g.prev[to] = append(g.prev[to], e)
		}
	}
	g.sort()
	g.settle()
	return g
}

// sort finds the topological order, or a cycle when there is none.
func (g *graph) sort() {
	const (
		fresh = iota
		open
		done
	)
	n := len(g.w.Tasks)
	state := make([]int, n)
	order := make([]int, 0, n)
	type frame struct{ at, next int }
	for root := range n {
		if state[root] != fresh {
			continue
		}
		stack := []frame{{at: root}}
		state[root] = open
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			to, ok := g.successor(top.at, top.next)
			if !ok {
				state[top.at] = done
				order = append(order, top.at)
				stack = stack[:len(stack)-1]
				continue
			}
			top.next++
			switch state[to] {
			case fresh:
				state[to] = open
				stack = append(stack, frame{at: to})
			case open:
				at := slices.IndexFunc(stack, func(f frame) bool { return f.at == to })
				for _, f := range stack[at:] {
					g.cycle = append(g.cycle, g.w.Tasks[f.at].ID)
				}
				g.cycle = append(g.cycle, g.w.Tasks[to].ID)
				return
			}
		}
	}
	slices.Reverse(order)
	g.order = order
}

// successor is the i-th task that directly follows t, bodies included.
func (g *graph) successor(t, i int) (int, bool) {
	if i < len(g.next[t]) {
		return g.next[t][i].to, true
	}
	i -= len(g.next[t])
	if i < len(g.loops[t]) {
		return g.loops[t][i], true
	}
	return 0, false
}

// settle gives each task its home: the main line, or the innermost forEach around it.
func (g *graph) settle() {
	for i := range g.home {
		g.home[i] = unreached
	}
	if g.start < 0 {
		return
	}
	type region struct{ home, first int }
	g.home[g.start] = mainline
	regions := []region{{mainline, g.start}}
	for len(regions) > 0 {
		r := regions[0]
		regions = regions[1:]
		queue := []int{r.first}
		for len(queue) > 0 {
			at := queue[0]
			queue = queue[1:]
			for _, e := range g.next[at] {
				switch g.home[e.to] {
				case unreached:
					g.home[e.to] = r.home
					queue = append(queue, e.to)
				case r.home:
				default:
					g.cross = append(g.cross, e)
				}
			}
			for _, to := range g.loops[at] {
				if g.home[to] == unreached {
					g.home[to] = at
					regions = append(regions, region{at, to})
				} else if g.home[to] != at {
					g.cross = append(g.cross, link{at, to, Loop})
				}
			}
		}
	}
	for from, links := range g.back {
		for _, e := range links {
			if g.home[from] != unreached && g.home[e.to] != unreached && g.home[from] != g.home[e.to] {
				g.cross = append(g.cross, e)
			}
		}
	}
}

// reaches tells whether a standard path, bodies left out, leads from one task to another.
func (g *graph) reaches(from, to int) bool {
	return slices.Contains(g.downstream(from), to)
}

// downstream lists the tasks on standard paths from t, t first.
func (g *graph) downstream(t int) []int {
	seen := make([]bool, len(g.w.Tasks))
	seen[t] = true
	out := []int{t}
	for i := 0; i < len(out); i++ {
		for _, e := range g.next[out[i]] {
			if !seen[e.to] {
				seen[e.to] = true
				out = append(out, e.to)
			}
		}
	}
	return out
}

// path is a shortest path from the start to t, over loops as well.
func (g *graph) path(t int) []string {
	if g.start < 0 {
		return nil
	}
	came := make([]int, len(g.w.Tasks))
	for i := range came {
		came[i] = unreached
	}
	came[g.start] = mainline
	queue := []int{g.start}
	for len(queue) > 0 && came[t] == unreached {
		at := queue[0]
		queue = queue[1:]
		for i := 0; ; i++ {
			to, ok := g.successor(at, i)
			if !ok {
				break
			}
			if came[to] == unreached {
				came[to] = at
				queue = append(queue, to)
			}
		}
	}
	if came[t] == unreached {
		return nil
	}
	var out []string
	for ; t >= 0; t = came[t] {
		out = append(out, g.w.Tasks[t].ID)
	}
	slices.Reverse(out)
	return out
}
