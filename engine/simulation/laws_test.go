package simulation_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/builtin"
	"github.com/heddlehq/heddle/engine/simulation"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
	"github.com/heddlehq/heddle/workflows/workflowtest"
)

var seedFlag = flag.Uint64("seed", 0, "replay the random simulation of this seed only")

// TestRun_generated simulates random workflows with random finish states. Every other seed
// leaves the built-in tasks to themselves.
func TestRun_generated(t *testing.T) {
	t.Parallel()
	n := uint64(10_000)
	if testing.Short() {
		n = 500
	}
	seeds := func(yield func(uint64) bool) {
		for seed := uint64(1); seed <= n; seed++ {
			if !yield(seed) {
				return
			}
		}
	}
	if *seedFlag != 0 {
		seeds = slices.Values([]uint64{*seedFlag})
	}
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(seed, 0))
		w := workflowtest.Random(rng, workflowtest.Options{Children: []string{"Child"}})
		script := randomScript(rng)
		if seed%2 == 0 {
			script = onlyOutside(script)
		}
		if err := lawful(t.Context(), w, workflowtest.Inputs(), script); err != nil {
			t.Errorf("seed %d: %v\nreplay: go test ./engine/simulation -run TestRun_generated -seed %d\n%s", seed, err, seed, w.Doc)
		}
	}
}

// TestRun_corpus simulates real workflows with random finish states.
func TestRun_corpus(t *testing.T) {
	t.Parallel()
	root := os.Getenv("HEDDLE_CORPUS")
	if root == "" {
		t.Skip("HEDDLE_CORPUS is not set")
	}
	files, err := filepath.Glob(filepath.Join(root, "projects", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no projects in %s: %v", root, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := value.ParseLast(data)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		p, problems := workflows.ParseProject(doc)
		if err := problems.Err(); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, c := range p.Components {
			if c.Type != workflows.ComponentWorkflow {
				continue
			}
			w, problems := workflows.Load(c.Document, builtin.Catalog(), nil)
			if err := problems.Err(); err != nil {
				t.Errorf("%s: %s cannot be run: %v", filepath.Base(file), c.Name, err)
				continue
			}
			// The input is random, too, and shall not have to fit.
			w.InputSchema = value.Object()
			for seed := uint64(1); seed <= 20; seed++ {
				if *seedFlag != 0 && seed != *seedFlag {
					continue
				}
				rng := rand.New(rand.NewPCG(seed, 1))
				if err := lawful(t.Context(), w, randomInput(rng, c.Document.Get("inputSchema")), randomScript(rng)); err != nil {
					t.Errorf("%s: %s, seed %d: %v", filepath.Base(file), c.Name, seed, err)
				}
			}
		}
	}
}

// randomScript lets tasks end in any state their method can end in. After some iterations of
// a task it avoids states that lead back, so that every job comes to its end.
func randomScript(rng *rand.Rand) simulation.Script {
	return func(t simulation.Turn) (simulation.Reply, bool) {
		states := possible(t.Task)
		if len(states) == 0 {
			return simulation.Reply{}, false
		}
		if t.Iteration > 4 {
			onward := slices.DeleteFunc(slices.Clone(states), func(s workflows.FinishState) bool {
				return slices.ContainsFunc(t.Workflow.Transitions, func(e workflows.Transition) bool {
					return e.From == t.Task.ID && e.Type == workflows.Revert && e.State == s
				})
			})
			if len(onward) > 0 {
				states = onward
			}
		}
		r := simulation.Reply{State: states[rng.IntN(len(states))]}
		var out value.Members
		for name := range t.Task.Outgoing.Members() {
			out.Set(name, randomValue(rng, 0))
		}
		r.Outgoing = out.Value()
		return r, true
	}
}

// onlyOutside leaves tasks to themselves that need no script, until they seem to go round in
// circles: equal input gives equal results.
func onlyOutside(s simulation.Script) simulation.Script {
	return func(t simulation.Turn) (simulation.Reply, bool) {
		if task, ok := builtin.Lookup(t.Task.App, t.Task.Name); ok && task.Run != nil && !task.Outside && t.Iteration <= 4 {
			return simulation.Reply{}, false
		}
		return s(t)
	}
}

func possible(t *workflows.Task) []workflows.FinishState {
	switch {
	case t.Name == "forEach":
		return nil
	case t.Name == "eventListenerJob":
		return []workflows.FinishState{workflows.Success}
	case t.Type == workflows.Manual, t.Name == "evaluation", t.Name == "query":
		return []workflows.FinishState{workflows.Success, workflows.Failure, workflows.Failed}
	}
	return []workflows.FinishState{workflows.Success, workflows.Failed}
}

func randomValue(rng *rand.Rand, depth int) value.Value {
	n := 7
	if depth > 1 {
		n = 5
	}
	switch rng.IntN(n) {
	case 0:
		return value.Null
	case 1:
		return value.Bool(rng.IntN(2) == 0)
	case 2:
		return value.Int(rng.Int64N(20))
	case 3:
		return value.String([]string{"", "ok", "10.0.0.1"}[rng.IntN(3)])
	case 4:
		return value.Array()
	case 5:
		return value.Object("a", randomValue(rng, depth+1), "result", randomValue(rng, depth+1))
	}
	var list []value.Value
	for range rng.IntN(4) {
		list = append(list, value.Object("a", randomValue(rng, depth+1)))
	}
	return value.Array(list...)
}

func randomInput(rng *rand.Rand, schema value.Value) value.Value {
	var out value.Members
	for name := range schema.Get("properties").Members() {
		out.Set(name, randomValue(rng, 0))
	}
	return out.Value()
}

// lawful simulates a workflow and tells which law the job broke.
func lawful(ctx context.Context, w *workflows.Workflow, input value.Value, script simulation.Script) error {
	l := &law{w: w, tasks: make(map[string]*seen), reverts: make(map[string]int)}
	for i := range w.Tasks {
		l.tasks[w.Tasks[i].ID] = &seen{}
	}
	l.tasks[workflows.StartID].state = workflows.Success
	r, err := simulation.Run(ctx, simulation.Options{Workflow: w, Variables: input, Script: script, Watch: l.line, Limits: simulation.Limits{Events: 100_000}})
	if err != nil {
		return err
	}
	switch r.Job.Status {
	case engine.Complete:
	case engine.Errored:
		last := r.Job.Errors[len(r.Job.Errors)-1]
		if last.Task != "job" || !strings.HasPrefix(last.Message.Text(), "Job has no available transitions.") {
			l.broke("the job is in error because of %s: %s", last.Task, engine.Text(last.Message))
		}
	default:
		l.broke("the job ended %s, waiting for %v", r.Job.Status, r.Waiting)
	}
	l.counts()
	if len(l.broken) > 0 {
		return fmt.Errorf("%s", strings.Join(l.broken, "\n\t"))
	}
	return nil
}

// law watches a job and knows the transition rules by itself.
type law struct {
	w       *workflows.Workflow
	tasks   map[string]*seen
	reverts map[string]int // by target
	target  string         // of the revert that was taken last
	broken  []string
}

type seen struct {
	state           workflows.FinishState // "" while undecided
	never           bool
	starts, retries int
	retry           bool // the next start may be a retry
}

func (l *law) broke(format string, args ...any) {
	l.broken = append(l.broken, fmt.Sprintf(format, args...))
}

func (l *law) line(line simulation.Line) {
	if line.Job != "" {
		return
	}
	if *seedFlag != 0 {
		fmt.Printf("%s\n", line.AppendJSON(nil))
	}
	task := l.tasks[line.Task]
	switch line.Mark {
	case simulation.Never:
		task.never = true
		for _, e := range l.into(line.Task) {
			if p := l.tasks[e.From]; e.State != workflows.Loop && !p.never && (p.state == "" || p.state == e.State) {
				l.broke("%s was ruled out, but %s could still choose it", line.Task, e.From)
			}
		}
	case simulation.Reset:
		task.state, task.never, task.retry = "", false, false
	case simulation.Finished:
		task.state = line.State
		def, _ := l.w.Task(line.Task)
		if task.retry = def.Retry != nil && slices.Contains(def.Retry.States, line.State); task.retry {
			task.retries++
		}
		for _, e := range l.w.Transitions {
			if e.From == line.Task && e.Type == workflows.Revert && e.State == line.State {
				l.reverts[e.To]++
				l.target = e.To
			}
		}
	case simulation.Started:
		task.starts++
		if !task.retry {
			l.started(line.Task)
		}
		task.state, task.retry = "", false
	}
}

// started checks that a task starts only when all before it is decided and something chose it.
func (l *law) started(id string) {
	if l.tasks[id].state != "" || l.tasks[id].never {
		l.broke("%s started again without a reset", id)
	}
	chosen := l.target == id // the way back may lead to a task that was ruled out before
	for _, e := range l.into(id) {
		p := l.tasks[e.From]
		switch {
		case e.State == workflows.Loop:
			chosen = true
		case p.never:
		case p.state == "" && l.target != id:
			l.broke("%s started before %s was decided", id, e.From)
		case p.state == e.State:
			chosen = true
		}
	}
	if l.target == id {
		l.target = ""
	}
	if !chosen {
		l.broke("%s started although nothing chose it", id)
	}
}

func (l *law) into(id string) []workflows.Transition {
	return slices.DeleteFunc(slices.Clone(l.w.Transitions), func(e workflows.Transition) bool {
		return e.To != id || e.Type == workflows.Revert
	})
}

// counts checks that no task ran more often than retries, reverts and rounds of a forEach
// account for.
func (l *law) counts() {
	rounds := make(map[string]int) // starts of the first task of the bodies around a task
	for _, e := range l.w.Transitions {
		if e.State == workflows.Loop {
			for id := range l.downstream(e.To) {
				rounds[id] += l.tasks[e.To].starts
			}
		}
	}
	for id, t := range l.tasks {
		most := max(1, rounds[id]) + t.retries
		for target, n := range l.reverts {
			if l.downstream(target)[id] {
				most += n
			}
		}
		if t.starts > most {
			l.broke("%s ran %d times; its retries, reverts and rounds account for %d", id, t.starts, most)
		}
	}
}

func (l *law) downstream(from string) map[string]bool {
	out := map[string]bool{from: true}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		for _, e := range l.w.Transitions {
			if e.From == queue[0] && e.Type == workflows.Standard && !out[e.To] {
				out[e.To] = true
				queue = append(queue, e.To)
			}
		}
	}
	return out
}
