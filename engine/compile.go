package engine

import (
	"fmt"
	"slices"

	"github.com/heddlehq/heddle/workflows"
)

// Machine is a workflow compiled for stepping. It is immutable and safe to share.
type Machine struct {
	workflow *workflows.Workflow
	revision string
	limits   Limits
	places   []place
	index    map[string]int
	start    int
	end      int
	loops    []int // forEach places, innermost first
}

// Limits bound what a job may do; a breach is an error of class "limit" on a task or job.
type Limits struct {
	Reverts  int // jumps back in one job
	Elements int // elements of a loop
	Depth    int // generations of child jobs
}

// DefaultLimits are generous for real work and small enough to stop a runaway.
var DefaultLimits = Limits{Reverts: 10_000, Elements: 10_000, Depth: 50}

type kind uint8

const (
	kindPlain kind = iota
	kindStart
	kindEnd
	kindManual
	kindChildJob
	kindForEach
	kindListener
)

// place is a task with its place in the graph.
type place struct {
	task    *workflows.Task
	method  workflows.Method
	kind    kind
	outputs []string // declared names; nil = whatever comes
	in      []link   // standard links into it, by predecessor
	out     []link   // standard links out of it, by target
	reverts []link
	loop    int   // forEach: first task of its body; -1 otherwise
	region  int   // innermost forEach whose body it is in; -1 = none
	depth   int   // how many forEach bodies it is in
	parents []int // tasks that must have given something
	body    []int // forEach: every task of its body, inner bodies included
}

type link struct {
	place int
	state workflows.FinishState
}

// Compile builds the machine of a workflow revision. The workflow must be free of errors;
// Compile checks what stepping relies on and returns a *workflows.Invalid otherwise.
func Compile(w *workflows.Workflow, catalog workflows.Catalog, revision string, limits Limits) (*Machine, error) {
	m := &Machine{workflow: w, revision: revision, limits: limits, index: make(map[string]int, len(w.Tasks)), start: -1, end: -1}
	for i := range w.Tasks {
		t := &w.Tasks[i]
		n := place{task: t, kind: kindOf(t), loop: -1, region: -1}
		switch n.kind {
		case kindStart:
			m.start = i
		case kindEnd:
			m.end = i
		default:
			if method, ok := catalog.Method(t.App, t.Name); ok {
				n.method = method
				if !method.Open {
					for _, p := range method.Outgoing {
						n.outputs = append(n.outputs, p.Name)
					}
				}
			}
			// A task may declare outputs of its own: a transformation's are its document's.
			for name := range t.Outgoing.Members() {
				if n.outputs != nil && !slices.Contains(n.outputs, name) {
					n.outputs = append(n.outputs, name)
				}
			}
		}
		m.places = append(m.places, n)
		m.index[t.ID] = i
	}
	if m.start < 0 || m.end < 0 {
		return nil, invalid("/tasks", "required", "A workflow needs the tasks workflow_start and workflow_end.")
	}
	for _, e := range w.Transitions {
		from, to := m.index[e.From], m.index[e.To]
		switch {
		case e.State == workflows.Loop:
			m.places[from].loop = to
		case e.Type == workflows.Revert:
			m.places[from].reverts = append(m.places[from].reverts, link{to, e.State})
		default:
			m.places[from].out = append(m.places[from].out, link{to, e.State})
			m.places[to].in = append(m.places[to].in, link{from, e.State})
		}
	}
	if task, ok := m.cycle(); ok {
		return nil, invalid("/transitions/"+task, "cycle", fmt.Sprintf("The standard transitions through %q form a circle; the way back must be a revert transition.", task))
	}
	m.regions()
	for i := range m.places {
		m.places[i].parents = m.parentsOf(m.places[i].task)
	}
	return m, nil
}

func invalid(at, code, text string) error {
	return &workflows.Invalid{Problems: workflows.Problems{{Level: workflows.Error, Pointer: at, Code: code, Text: text}}}
}

func kindOf(t *workflows.Task) kind {
	switch {
	case t.ID == workflows.StartID:
		return kindStart
	case t.ID == workflows.EndID:
		return kindEnd
	case t.App == "WorkFlowEngine" && t.Name == "childJob":
		return kindChildJob
	case t.App == "WorkFlowEngine" && t.Name == "forEach":
		return kindForEach
	case t.App == "WorkFlowEngine" && t.Name == "eventListenerJob":
		return kindListener
	case t.Type == workflows.Manual:
		return kindManual
	}
	return kindPlain
}

// cycle finds a task on a circle of standard and loop links.
func (m *Machine) cycle() (string, bool) {
	state := make([]uint8, len(m.places)) // 0 new, 1 on the path, 2 done
	type frame struct{ place, next int }
	for root := range m.places {
		if state[root] != 0 {
			continue
		}
		state[root] = 1
		stack := []frame{{root, 0}}
		for len(stack) > 0 {
			f := &stack[len(stack)-1]
			succ := m.successors(f.place)
			if f.next == len(succ) {
				state[f.place] = 2
				stack = stack[:len(stack)-1]
				continue
			}
			to := succ[f.next]
			f.next++
			switch state[to] {
			case 0:
				state[to] = 1
				stack = append(stack, frame{to, 0})
			case 1:
				return m.places[to].task.ID, true
			}
		}
	}
	return "", false
}

// successors are the targets of i's standard and loop links.
func (m *Machine) successors(i int) []int {
	n := &m.places[i]
	out := make([]int, 0, len(n.out)+1)
	for _, e := range n.out {
		out = append(out, e.place)
	}
	if n.loop >= 0 {
		out = append(out, n.loop)
	}
	return out
}

// downstream is every task reachable from i by standard and loop links, i included, ordered.
func (m *Machine) downstream(i int) []int {
	seen := make([]bool, len(m.places))
	seen[i] = true
	queue := []int{i}
	for k := 0; k < len(queue); k++ {
		for _, to := range m.successors(queue[k]) {
			if !seen[to] {
				seen[to] = true
				queue = append(queue, to)
			}
		}
	}
	slices.Sort(queue)
	return queue
}

// regions finds the body of each forEach: what its loop link reaches.
func (m *Machine) regions() {
	for i := range m.places {
		if m.places[i].loop < 0 {
			continue
		}
		m.places[i].body = m.downstream(m.places[i].loop)
		m.loops = append(m.loops, i)
		for _, b := range m.places[i].body {
			m.places[b].depth++
		}
	}
	slices.SortStableFunc(m.loops, func(a, b int) int { return m.places[b].depth - m.places[a].depth })
	// Innermost first: the first loop that claims a task is the one it belongs to.
	for _, l := range m.loops {
		for _, b := range m.places[l].body {
			if m.places[b].region < 0 {
				m.places[b].region = l
			}
		}
	}
}

// Workflow is the compiled workflow.
func (m *Machine) Workflow() *workflows.Workflow { return m.workflow }

// Revision is the content hash the machine was compiled for.
func (m *Machine) Revision() string { return m.revision }

// Task returns the state of a task in a job of this machine.
func (m *Machine) Task(job *Job, id string) (*TaskState, bool) {
	i, ok := m.index[id]
	if !ok || i >= len(job.Tasks) {
		return nil, false
	}
	return job.Tasks[i], true
}

// Method is the catalog entry of a task; the zero Method when the catalog had none.
func (m *Machine) Method(id string) workflows.Method {
	if i, ok := m.index[id]; ok {
		return m.places[i].method
	}
	return workflows.Method{}
}
