package runner

import (
	"fmt"
	"testing"

	"github.com/heddlehq/heddle/engine"
)

// Whoever has much to do does not keep the others waiting, and people wait for nobody.
func TestIntake(t *testing.T) {
	var q intake
	event := func(job string) *item { return &item{job: job, event: engine.Event{Type: engine.TaskFinished}} }
	start := func(job string) *item { return &item{job: job, event: engine.Event{Type: engine.JobStarted}} }
	for i := range 100 {
		q.add("crowd", event(fmt.Sprintf("e%d", i)))
		q.add("crowd", start(fmt.Sprintf("s%d", i)))
	}
	q.add("lone", event("lone"))
	q.add("crowd", &item{job: "act", reply: make(chan answer, 1), event: engine.Event{Type: engine.JobPaused}})
	q.add("crowd", &item{job: "sent", sent: []string{"k"}})
	var got []string
	q.add("lone", start("first"))
	for _, it := range q.pick(100) {
		got = append(got, it.job)
	}
	if len(got) != 100 || fmt.Sprint(got[:6]) != "[act sent s0 first s1 s2]" {
		t.Errorf("picked %v", got)
	}
	second := q.pick(100)
	if len(second) != 3+8+1 || second[0].job != "s97" || second[3].job != "e0" || second[4].job != "lone" || second[5].job != "e1" {
		t.Errorf("then picked %d items, first %q", len(second), second[0].job)
	}
	n := len(got) + len(second)
	seen := map[string]bool{}
	for q.n > 0 {
		picked := q.pick(7)
		if len(picked) == 0 {
			t.Fatalf("nothing picked, %d left", q.n)
		}
		for _, it := range picked {
			if seen[it.job] {
				t.Errorf("%s picked twice", it.job)
			}
			seen[it.job] = true
		}
		n += len(picked)
	}
	if n != 204 || len(q.starts.lanes)+len(q.events.lanes)+len(q.starts.turns)+len(q.events.turns) != 0 {
		t.Errorf("%d items picked of 204, or lanes are left", n)
	}
}
