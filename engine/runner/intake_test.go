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
		q.add("crowd", 0, event(fmt.Sprintf("e%d", i)))
		q.add("crowd", 0, start(fmt.Sprintf("s%d", i)))
	}
	q.add("lone", 0, event("lone"))
	q.add("crowd", 0, &item{job: "act", reply: make(chan answer, 1), event: engine.Event{Type: engine.JobPaused}})
	q.add("crowd", 0, &item{job: "sent", sent: []string{"k"}})
	var got []string
	q.add("lone", 0, start("first"))
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
	left := 0
	for i := range q.starts.levels {
		left += len(q.starts.levels[i].lanes) + len(q.events.levels[i].lanes) + len(q.starts.levels[i].turns) + len(q.events.levels[i].turns)
	}
	if n != 204 || left != 0 {
		t.Errorf("%d items picked of 204, %d lanes are left", n, left)
	}
}

// A level of priority counts twice the one below, and the lowest is not forgotten however much
// comes in above it.
func TestIntake_priority(t *testing.T) {
	var q intake
	fill := func(level, n int) {
		for range n {
			q.add("w", engine.PriorityOf(level), &item{job: fmt.Sprint(level), event: engine.Event{Type: engine.TaskFinished}})
		}
	}
	count := func(n int) map[string]int {
		got := map[string]int{}
		for _, it := range q.pick(n) {
			got[it.job]++
		}
		return got
	}
	fill(5, 1000)
	fill(6, 1000)
	if got := count(300); got["6"] < 190 || got["6"] > 210 {
		t.Errorf("of 300 the levels got %v, want one third and two thirds", got)
	}
	fill(0, 10)
	fill(9, 2000)
	if got := count(1000); got["0"] == 0 || got["9"] < 800 {
		t.Errorf("of 1000 the levels got %v, want nearly all for the highest and some for the lowest", got)
	}
}
