package engine_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows/value"
)

// Whatever the children of a loop have come to, reading the stored form and filling in the
// outputs of those that ended gives them back.
func TestDecode_children(t *testing.T) {
	t.Parallel()
	m := compile(t, "S -> c\nc: childJob {}\nc -s-> E")
	statuses := []engine.Status{engine.Running, engine.Complete, engine.Canceled, engine.Errored}
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		job := start(t, m)
		loop := &engine.Loop{Total: 1000, Next: 1000}
		documents := map[string]value.Value{}
		element := 0
		for range rng.IntN(200) {
			if rng.IntN(20) == 0 {
				element += rng.IntN(3)
			}
			k := engine.Kid{
				Iteration: 1 + rng.IntN(40)/39, Element: element, Status: statuses[rng.IntN(30)%4],
				Started: rng.IntN(9) > 0, Done: rng.IntN(2) == 0,
			}
			k.ID = engine.ChildID(job.ID, "c", k.Iteration, k.Element)
			switch {
			case k.Done && k.Status.Final():
				k.Output = value.Object("n", value.Int(int64(element)))
				documents[k.ID] = k.Output
			case k.Done && k.Status == engine.Errored:
				k.Output = value.Object("message", value.String("no"))
			}
			if k.Done {
				loop.Done++
			} else {
				loop.Live++
			}
			loop.Kids = append(loop.Kids, k)
			element++
		}
		job.Tasks[0].Loop, job.Tasks[0].Status = loop, engine.TaskError
		job.Tasks[0].Incoming = value.Object("data_array", value.Array(make([]value.Value, 1000)...))
		back, err := m.Decode(value.MustParse(string(m.Append(nil, job))))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		wanting := m.Wanting(back)
		if len(wanting) != len(documents) {
			t.Errorf("seed %d: %d outputs are wanting, %d are stored elsewhere", seed, len(wanting), len(documents))
		}
		if diff := cmp.Diff(job, m.Filled(back, documents), compareValues); diff != "" {
			t.Fatalf("seed %d: stored and read again (-want +got):\n%s", seed, diff)
		}
	}
}

// The document of a job with ten thousand children stays small.
func TestAppend_manyChildren(t *testing.T) {
	t.Parallel()
	m := compile(t, "S -> c\nc: childJob {}\nc -s-> E")
	job := start(t, m)
	loop := &engine.Loop{Total: 10_000, Next: 10_000}
	for e := range 10_000 {
		kid := engine.Kid{ID: engine.ChildID(job.ID, "c", 1, e), Iteration: 1, Element: e, Status: engine.Running, Started: true}
		if e%3 == 0 {
			kid.Done, kid.Status, kid.Output = true, engine.Complete, value.Object("text", value.String(strings.Repeat("x", 100)))
		}
		loop.Kids = append(loop.Kids, kid)
	}
	job.Tasks[0].Loop = loop
	if n := len(m.Append(nil, job)); n > 32<<10 {
		t.Errorf("the document has %d bytes", n)
	}
	for k := range loop.Kids {
		loop.Kids[k].Done, loop.Kids[k].Status = true, engine.Complete
	}
	if n := len(m.Append(nil, job)); n > 2<<10 {
		t.Errorf("the document has %d bytes after all children ended", n)
	}
}
