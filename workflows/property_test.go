package workflows_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
	"github.com/heddlehq/heddle/workflows/workflowtest"
)

func TestProperty_generated(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := workflowtest.Generate(t, workflowtest.Options{Children: []string{"Child"}})
		if got := w.Export(); !value.Equal(got, w.Doc) {
			t.Errorf("export %s\nof %s", got, w.Doc)
		}
		again, problems := workflows.Load(value.MustParse(w.Export().String()), nil, nil)
		if err := problems.Err(); err != nil {
			t.Fatal(err)
		}
		if again.Revision() != w.Revision() {
			t.Error("the revision changed on the way through JSON")
		}
		if stored, _ := workflows.Parse(w.Normalise(nil)); len(stored.Leftover) > 0 || len(stored.Transitions) != len(w.Transitions) {
			t.Errorf("normalising changed the graph: %s", stored.Doc.Get("transitions"))
		}
	})
}

// Whatever stands in a document's places, reading and checking it gives problems and never
// a panic, and the document comes out as it went in.
func TestProperty_mutated(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		doc := workflowtest.Generate(t, workflowtest.Options{Tasks: 5, Children: []string{"Child"}}).Doc
		for range rapid.IntRange(1, 3).Draw(t, "mutations") {
			doc = mutate(t, doc)
		}
		w, problems := workflows.Load(doc, nil, nil)
		if doc.IsObject() && !value.Equal(w.Export(), doc.Without("_id", "encodingVersion", "errors", "namespace", "warnings")) {
			t.Errorf("export %s\nof %s", w.Export(), doc)
		}
		workflows.ComputeSchemas(w, nil)
		if !slices.IsSortedFunc(problems, func(a, b workflows.Problem) int {
			switch {
			case a.Pointer < b.Pointer:
				return -1
			case a.Pointer > b.Pointer:
				return 1
			}
			return 0
		}) {
			t.Errorf("problems are out of order: %v", problems)
		}
	})
}

// mutate replaces a random place of a document.
func mutate(t *rapid.T, v value.Value) value.Value {
	if v.Len() > 0 && rapid.IntRange(0, 5).Draw(t, "stop") > 0 {
		i := rapid.IntRange(0, v.Len()-1).Draw(t, "child")
		if v.IsArray() {
			return v.WithAt(i, mutate(t, v.At(i)))
		}
		return v.With(v.Keys()[i], mutate(t, v.At(i)))
	}
	return rapid.SampledFrom([]value.Value{
		value.Null, value.True, value.Int(-1), value.Number(1.5), value.String(""), value.String("$var.job.x"), value.String("$var.1a3.error"),
		value.String("workflow_end"), value.Array(), value.Array(value.Null), value.Object(), value.Object("1a3", value.Object()),
		value.Object("task", value.String("job"), "variable", value.Int(1)),
		value.Object("workflow_end", value.Object("type", value.String("standard"), "state", value.String("loop"))),
	}).Draw(t, "replacement")
}

// A graph made to be expensive is still checked quickly; the proofs give up.
func TestValidate_hostile(t *testing.T) {
	t.Parallel()
	const layers, width = 150, 10
	var tasks, transitions value.Members
	task := func(id string) value.Value {
		return value.MustParse(fmt.Sprintf(`{"name":"evaluation","app":"WorkFlowEngine","location":"Application","type":"operation","description":"",
			"variables":{"incoming":{"evaluation_groups":[]},"outgoing":{"return_value":null},"decorators":[],"error":""},"summary":%q}`, id))
	}
	id := func(layer, i int) string { return fmt.Sprintf("%x", layer*width+i) }
	link := value.Object("type", value.String("standard"), "state", value.String("success"))
	var first value.Members
	for l := range layers {
		for i := range width {
			tasks.Set(id(l, i), task(id(l, i)))
			var out value.Members
			for j := range width {
				if l+1 < layers {
					out.Set(id(l+1, j), link)
				}
			}
			if l+1 == layers {
				out.Set(workflows.EndID, link)
			}
			transitions.Set(id(l, i), out.Value())
			if l == 0 {
				first.Set(id(l, i), link)
			}
		}
	}
	tasks.Set(workflows.StartID, value.Object("name", value.String(workflows.StartID)))
	tasks.Set(workflows.EndID, value.Object("name", value.String(workflows.EndID)))
	transitions.Set(workflows.StartID, first.Value())
	_, problems := workflows.Load(value.Object("name", value.String("x"), "tasks", tasks.Value(), "transitions", transitions.Value()), nil, nil)
	if err := problems.Err(); err != nil {
		t.Error(err)
	}
}

func BenchmarkValidate(b *testing.B) {
	for _, n := range []int{10, 60, 500} {
		w := workflowtest.Random(rand.New(rand.NewPCG(1, uint64(n))), workflowtest.Options{Tasks: n})
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				workflows.Validate(w, nil, nil)
			}
		})
	}
}
