package engine_test

import (
	"fmt"
	"slices"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows"
)

// oracle is the scheduling rule written down as plainly as possible, to compare the machine
// with: after each result it looks at every task again and again until nothing moves. It
// knows results, reverts, forEach and retries, no pauses and no operators.
type oracle struct {
	w         *workflows.Workflow
	elements  int // of every forEach
	state     map[string]string
	iteration map[string]int
	retries   map[string]int
	element   map[string]int
	status    engine.Status
}

// The states of a task besides the finish states; "" is undecided.
const (
	oracleRuns  = "runs"
	oracleWaits = "waits" // for its next attempt
	oracleNever = "never"
)

func newOracle(w *workflows.Workflow, elements int) *oracle {
	o := &oracle{
		w: w, elements: elements, status: engine.Running,
		state: make(map[string]string), iteration: make(map[string]int), retries: make(map[string]int), element: make(map[string]int),
	}
	o.state[workflows.StartID] = string(workflows.Success)
	o.settle()
	return o
}

// links are the transitions that pass the filter.
func (o *oracle) links(keep func(workflows.Transition) bool) []workflows.Transition {
	var out []workflows.Transition
	for _, e := range o.w.Transitions {
		if keep(e) {
			out = append(out, e)
		}
	}
	return out
}

func forward(e workflows.Transition) bool {
	return e.Type == workflows.Standard && e.State != workflows.Loop
}

// downstream is everything that standard and loop transitions lead to from a task, itself
// included.
func (o *oracle) downstream(from string) []string {
	out := []string{from}
	for i := 0; i < len(out); i++ {
		for _, e := range o.w.Transitions {
			if e.Type == workflows.Standard && e.From == out[i] && !slices.Contains(out, e.To) {
				out = append(out, e.To)
			}
		}
	}
	return out
}

// body is the body of a forEach; nil for other tasks.
func (o *oracle) body(task string) []string {
	for _, e := range o.w.Transitions {
		if e.From == task && e.State == workflows.Loop {
			return o.downstream(e.To)
		}
	}
	return nil
}

func (o *oracle) run(task string) {
	o.state[task] = oracleRuns
	o.iteration[task]++
	o.element[task] = 0
}

func (o *oracle) reset(tasks []string) {
	for _, t := range tasks {
		o.state[t] = ""
		o.retries[t] = 0
	}
}

// finish takes a result in.
func (o *oracle) finish(task string, state workflows.FinishState) {
	t, _ := o.w.Task(task)
	if r := t.Retry; r != nil && slices.Contains(r.States, state) && o.retries[task] < r.Limit {
		o.retries[task]++
		o.state[task] = oracleWaits
		return
	}
	o.end(task, state)
	o.settle()
}

// attempt starts the next attempt of a task that waits for it.
func (o *oracle) attempt(task string) {
	o.iteration[task]++
	o.state[task] = oracleRuns
}

func (o *oracle) end(task string, state workflows.FinishState) {
	o.state[task] = string(state)
	for _, e := range o.w.Transitions {
		if e.Type == workflows.Revert && e.From == task && e.State == state {
			o.reset(o.downstream(e.To))
			o.run(e.To)
			return
		}
	}
}

func (o *oracle) settle() {
	for o.status == engine.Running && (o.join() || o.loop()) {
	}
	if o.status != engine.Running {
		return
	}
	for _, s := range o.state {
		if s == oracleRuns || s == oracleWaits {
			return
		}
	}
	o.status = engine.Errored
}

// join decides one task, if there is one to decide.
func (o *oracle) join() bool {
	for i := range o.w.Tasks {
		task := o.w.Tasks[i].ID
		in := o.links(func(e workflows.Transition) bool { return forward(e) && e.To == task })
		if o.state[task] != "" || len(in) == 0 {
			continue
		}
		undecided, chosen, all := false, false, true
		for _, e := range in {
			switch s := o.state[e.From]; s {
			case "", oracleRuns, oracleWaits:
				undecided = true
			default:
				chosen = chosen || s == string(e.State)
				all = all && s == string(e.State)
			}
		}
		switch {
		case undecided:
			continue
		case !chosen, !all && o.w.Tasks[i].Join == workflows.JoinAll:
			o.state[task] = oracleNever
			for _, b := range o.body(task) {
				o.state[b] = oracleNever
			}
		case task == workflows.EndID:
			o.status = engine.Complete
		default:
			o.run(task)
		}
		return true
	}
	return false
}

// loop moves one forEach on whose body is at rest, the smallest first.
func (o *oracle) loop() bool {
	var at string
	for i := range o.w.Tasks {
		task := o.w.Tasks[i].ID
		body := o.body(task)
		if body == nil || o.state[task] != oracleRuns || at != "" && len(body) >= len(o.body(at)) {
			continue
		}
		if !slices.ContainsFunc(body, func(b string) bool { return o.state[b] == oracleRuns || o.state[b] == oracleWaits }) {
			at = task
		}
	}
	switch {
	case at == "":
		return false
	case o.element[at] > 0 && o.broken(at):
		o.end(at, workflows.Failed)
	case o.element[at] == o.elements:
		o.end(at, workflows.Success)
	default:
		o.element[at]++
		o.reset(o.body(at))
		o.run(o.body(at)[0])
	}
	return true
}

// broken tells whether a task of the body, but not of a body in it, failed with nobody to
// take it up.
func (o *oracle) broken(loop string) bool {
	inner := make(map[string]bool)
	for _, b := range o.body(loop) {
		for _, x := range o.body(b) {
			inner[x] = true
		}
	}
	return slices.ContainsFunc(o.body(loop), func(b string) bool {
		return !inner[b] && o.state[b] == string(workflows.Failed) &&
			len(o.links(func(e workflows.Transition) bool { return e.From == b && e.State == workflows.Failed })) == 0
	})
}

// differs names the first difference between the rule and the machine's job.
func (o *oracle) differs(m *engine.Machine, job *engine.Job) string {
	if o.status != job.Status {
		return fmt.Sprintf("the job is %s, want %s", job.Status, o.status)
	}
	if job.Status.Final() {
		return ""
	}
	for i, t := range job.Tasks {
		task := o.w.Tasks[i].ID
		want := o.state[task]
		var got string
		switch {
		case t.Never:
			got = oracleNever
		case t.Status == engine.TaskRetrying:
			got = oracleWaits
		case t.Status == engine.TaskComplete:
			got = string(workflows.Success)
		case t.Status == engine.TaskFailure:
			got = string(workflows.Failure)
		case t.Status == engine.TaskError:
			got = string(workflows.Failed)
		case t.Status == engine.TaskRunning:
			got = oracleRuns
		default:
			got = string(t.Status)
		}
		if got != want {
			return fmt.Sprintf("task %s is %q, want %q", task, got, want)
		}
		if t.Iteration != o.iteration[task] && task != workflows.StartID {
			return fmt.Sprintf("task %s ran %d times, want %d", task, t.Iteration, o.iteration[task])
		}
	}
	return ""
}
