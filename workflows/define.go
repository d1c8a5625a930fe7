package workflows

import "slices"

// definitions is the reaching-definitions analysis of job variables: which reads are sure to
// find a value that a task of the same job wrote.
//
// A task runs when at least one transition into it is chosen, and it waits for everything
// before it. So a variable is certain at a task when, whichever transition into it is chosen,
// the choice implies a write: by the chosen task, by what was certain there, or by a parallel
// branch that the same choice started and that this task waits for.
type definitions struct {
	*flow
	writes map[string][]write
}

// write is a task that sets a variable when it finishes in one of the states. At the start of
// a forEach's round it has no state.
type write struct {
	task   int
	states []FinishState
}

func newDefinitions(f *flow) *definitions {
	d := &definitions{flow: f, writes: make(map[string][]write)}
	add := func(name string, task int, states ...FinishState) {
		d.writes[name] = append(d.writes[name], write{task, states})
	}
	for i := range f.w.Tasks {
		t := &f.w.Tasks[i]
		if f.home[i] == unreached {
			continue
		}
		for _, name := range t.bindings() {
			add(name, i, Success, Failure)
		}
		if t.ErrorVariable != "" {
			add(t.ErrorVariable, i, Failed)
		}
		if name := t.newVariable(); name != "" {
			add(name, i, Success)
		}
	}
	return d
}

// bindings are the job variables that the task's outputs are bound to.
func (t *Task) bindings() []string {
	var out []string
	for _, b := range t.Outgoing.Members() {
		if name, ok := ParseVariable(b.Text()); ok {
			out = append(out, name)
		}
	}
	return out
}

// newVariable is the job variable that a newVariable task sets, "" for other tasks.
func (t *Task) newVariable() string {
	if t.App != workflowEngine || t.Name != "newVariable" {
		return ""
	}
	name := t.Incoming.Get("name").Text()
	if _, ref := ParseRef(name); ref {
		return ""
	}
	return name
}

// sets tells whether the task writes the variable when it finishes in the state.
func (d *definitions) sets(name string, task int, s FinishState) bool {
	return slices.ContainsFunc(d.writes[name], func(w write) bool {
		return w.task == task && slices.Contains(w.states, s)
	})
}

// possible tells whether a write can come before the task starts, reverts included: they
// leave job variables as they are.
func (d *definitions) possible(name string, task int) bool {
	return slices.ContainsFunc(d.writes[name], func(w write) bool {
		return d.home[w.task] >= 0 && d.share(task, w.task) || d.follows(w, task)
	})
}

// follows tells whether the task can start after the write.
func (d *definitions) follows(w write, task int) bool {
	seen := make([]bool, len(d.steps))
	var queue []int
	visit := func(m int) {
		if !seen[m] {
			seen[m] = true
			queue = append(queue, m)
		}
	}
	leave := func(m int, states []FinishState) {
		for _, s := range d.steps[m] {
			if s.state == "" || slices.Contains(states, s.state) {
				visit(s.to)
			}
		}
		if m != done(m/2) {
			return
		}
		for _, e := range d.back[m/2] {
			if slices.Contains(states, e.state) {
				visit(started(e.to))
			}
		}
	}
	leave(done(w.task), w.states)
	if isForEach(d.w, d.w.Tasks[w.task].ID) {
		leave(started(w.task), nil)
	}
	for ; len(queue) > 0 && !seen[started(task)]; queue = queue[1:] {
		leave(queue[0], []FinishState{Success, Failure, Failed})
	}
	return seen[started(task)]
}

// certain tells whether the variable has been written whenever the task starts.
func (d *definitions) certain(name string, task int) bool {
	return len(d.writes[name]) > 0 && d.imply(name, task).entered[task]
}

// implied follows what choices make run before a given task starts.
type implied struct {
	d       *definitions
	name    string
	before  int
	ran     map[int]bool
	entered map[int]bool // the task starts only after a write, or together with one that ends in time
}

func (d *definitions) imply(name string, task int) *implied {
	q := &implied{d: d, name: name, before: task, ran: make(map[int]bool), entered: make(map[int]bool)}
	// In topological order every predecessor is known when its successor asks.
	for _, t := range d.order {
		if t == task || d.leads(started(t), started(task)) {
			q.entered[t] = q.enter(t)
		}
		if t == task {
			break
		}
	}
	return q
}

func (q *implied) enter(task int) bool {
	d := q.d
	if task == d.start {
		return false
	}
	if h := d.home[task]; h >= 0 && slices.Contains(d.loops[h], task) {
		return q.entered[h] || slices.ContainsFunc(d.writes[q.name], func(w write) bool { return w.task == h })
	}
	for _, e := range d.prev[task] {
		if d.home[e.from] != unreached && !q.implies(e) {
			return false
		}
	}
	return true
}

// implies tells whether choosing the transition implies a write.
func (q *implied) implies(e link) bool { return q.entered[e.from] || q.finish(e.from, e.state) }

// run tells whether the task, once it runs, is sure to lead to a write in time, whichever of
// the states it has transitions for it ends in.
func (q *implied) run(task int) bool {
	if known, ok := q.ran[task]; ok {
		return known
	}
	q.ran[task] = false
	if task == q.before || !q.d.leads(done(task), started(q.before)) {
		return false
	}
	all, any := true, false
	for _, s := range []FinishState{Success, Failure, Failed} {
		if slices.ContainsFunc(q.d.next[task], func(e link) bool { return e.state == s }) {
			any = true
			all = all && q.finish(task, s)
		}
	}
	if !any {
		all = q.finish(task, Success)
	}
	q.ran[task] = all
	return all
}

// finish tells whether the task, finishing in the state, is sure to lead to a write in time.
// A forEach is taken to have had at least one round.
func (q *implied) finish(task int, s FinishState) bool {
	if q.d.sets(q.name, task, s) {
		return true
	}
	for _, body := range q.d.loops[task] {
		if q.run(body) {
			return true
		}
	}
	for _, e := range q.d.next[task] {
		if e.state == s && e.to != q.before && q.run(e.to) {
			return true
		}
	}
	return false
}

// witness is a path from the start to the task on which nothing sets the variable.
func (d *definitions) witness(name string, task int) []string {
	q := d.imply(name, task)
	var out []string
	for task != d.start {
		out = append(out, d.w.Tasks[task].ID)
		next := d.home[task]
		if i := slices.IndexFunc(d.prev[task], func(e link) bool { return d.home[e.from] != unreached && !q.implies(e) }); i >= 0 {
			next = d.prev[task][i].from
		}
		if next < 0 {
			return nil
		}
		task = next
	}
	out = append(out, StartID)
	slices.Reverse(out)
	return out
}
