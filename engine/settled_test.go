package engine_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows/value"
)

// However much of a large job is over, its stored form is the whole job, and what was over
// before is written as before.
func TestAppendFolded_tasksThatAreOver(t *testing.T) {
	t.Parallel()
	m := compile(t, linear(1000))
	var job *engine.Job
	known := map[string]bool{}
	for i, ev := range drive(t, m, value.Object("device", value.String("core-1"))) {
		ev.At += int64(i)
		next, _, err := m.Step(job, ev)
		if err != nil {
			t.Fatal(err)
		}
		job = next.Published(keys(next.Outbox))
		if i%50 != 0 && i < 1000 {
			continue
		}
		fresh := 0
		stored := m.AppendFolded(nil, job, func(dst []byte, v value.Value) []byte {
			if text := v.Text(); strings.HasPrefix(text, "{") {
				if !known[text] {
					fresh++
				}
				known[text] = true
			}
			return v.AppendJSON(dst)
		})
		if fresh > 5 || i > 700 && fresh > 1 {
			t.Errorf("after %d events %d texts were written that were not before", i, fresh)
		}
		back, err := m.Decode(value.MustParse(string(stored)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(job, back, compareValues, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("after %d events, stored and read again (-want +got):\n%s", i, diff)
		}
	}
	if len(known) != 7 {
		t.Errorf("%d texts for 1000 tasks, want 7 of 128 each", len(known))
	}
	if _, err := m.Decode(value.MustParse(string(m.Append(nil, job))).With("settled", value.Strings("{"))); err == nil || !strings.Contains(err.Error(), "/settled/0") {
		t.Errorf("a damaged text: %v", err)
	}
}
