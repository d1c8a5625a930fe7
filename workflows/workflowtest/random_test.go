package workflowtest

import (
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

func TestRandom_variety(t *testing.T) {
	t.Parallel()
	seen := make(map[string]int)
	for seed := range uint64(500) {
		w := Random(rand.New(rand.NewPCG(seed, 1)), Options{Tasks: 12, Children: []string{"Child"}})
		if got := len(w.Tasks) - 2; got != 12 {
			t.Fatalf("seed %d: %d tasks, want 12", seed, got)
		}
		in := make(map[string]int)
		forEach := make(map[string]bool)
		for i := range w.Tasks {
			seen[w.Tasks[i].Name]++
			forEach[w.Tasks[i].ID] = w.Tasks[i].Name == "forEach"
			if w.Tasks[i].Retry != nil {
				seen["retry"]++
			}
		}
		for _, e := range w.Transitions {
			seen[string(e.Type)+" "+string(e.State)]++
			if in[e.To]++; in[e.To] == 2 && e.To != workflows.EndID {
				seen["join"]++
			}
			if e.State == workflows.Loop && forEach[e.To] {
				seen["nested loop"]++
			}
		}
	}
	for _, want := range []string{
		"childJob", "delay", "evaluation", "forEach", "getDevices", "join", "merge", "nested loop", "newVariable", "query", "retry",
		"revert failure", "revert success", "standard error", "standard failure", "standard loop", "standard success", "stub", "ViewData",
	} {
		if seen[want] < 20 {
			t.Errorf("%q came up %d times in 500 workflows, want at least 20", want, seen[want])
		}
	}
}

func TestRandom_repeats(t *testing.T) {
	t.Parallel()
	a := Random(rand.New(rand.NewPCG(1, 2)), Options{})
	b := Random(rand.New(rand.NewPCG(1, 2)), Options{})
	if !value.Equal(a.Doc, b.Doc) {
		t.Errorf("equal seeds gave\n%s\nand\n%s", a.Doc, b.Doc)
	}
}

func TestGenerate_options(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := Generate(t, Options{NoAdapters: true, NoDelays: true, NoLoops: true, NoManual: true, NoRetries: true, NoReverts: true})
		for i := range w.Tasks {
			switch task := &w.Tasks[i]; {
			case task.Location == workflows.LocationAdapter, task.Type == workflows.Manual, task.Name == "delay", task.Name == "forEach", task.Retry != nil:
				t.Errorf("task %q (%s) is not wanted", task.ID, task.Name)
			}
		}
		for _, e := range w.Transitions {
			if e.Type == workflows.Revert {
				t.Errorf("revert from %q to %q is not wanted", e.From, e.To)
			}
		}
	})
}
