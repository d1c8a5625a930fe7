package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows/value"
)

// drive plays a job to its end: every task succeeds in the order in which it was ordered.
func drive(tb testing.TB, m *engine.Machine, variables value.Value) []engine.Event {
	tb.Helper()
	events := []engine.Event{{Type: engine.JobStarted, At: epoch, Start: &engine.Start{ID: "0123456789abcdef01234567", Initiator: "ann", Variables: variables}}}
	var job *engine.Job
	for i := 0; i < len(events); i++ {
		next, effects, err := m.Step(job, events[i])
		if err != nil {
			tb.Fatal(err)
		}
		job = next.Published(keys(next.Outbox))
		for _, e := range effects {
			switch e.Type {
			case engine.RunTask:
				events = append(events, engine.Event{Type: engine.TaskFinished, At: epoch, Task: e.Task, Iteration: e.Iteration, Outcome: engine.Succeed("result", value.Int(1))})
			case engine.StartChild:
				events = append(events, engine.Event{
					Type: engine.ChildFinished, At: epoch, Task: e.Task, Iteration: e.Iteration, Element: e.Element, Child: e.Child,
					Status: engine.Complete, Variables: value.Object("out", value.Int(1)),
				})
			}
		}
	}
	if job.Status != engine.Complete {
		tb.Fatalf("the job is %s", job.Status)
	}
	return events
}

func keys(effects []engine.Effect) []string {
	out := make([]string, len(effects))
	for i := range effects {
		out[i] = effects[i].Key
	}
	return out
}

func linear(n int) string {
	var b strings.Builder
	at := "S"
	for i := range n {
		fmt.Fprintf(&b, "%s -> t%d\nt%d: {\"incoming\":{\"device\":\"$var.job.device\",\"command\":\"show version\"}}\n", at, i, i)
		at = fmt.Sprintf("t%d", i)
	}
	return b.String() + at + " -> E\n"
}

func fanOut(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "S -> t%d\nt%d -> j\n", i, i)
	}
	return b.String() + "j -> E\n"
}

// grid is n tasks in rows of 50, each row joined to the next.
func grid(n int) string {
	var b strings.Builder
	for i := range n {
		switch {
		case i < 50:
			fmt.Fprintf(&b, "S -> t%d\n", i)
		default:
			fmt.Fprintf(&b, "t%d -> t%d\n", i-50, i)
			if i%50 > 0 {
				fmt.Fprintf(&b, "t%d -> t%d\n", i-51, i)
			}
		}
		if i >= n-50 {
			fmt.Fprintf(&b, "t%d -> E\n", i)
		}
	}
	return b.String()
}

func BenchmarkMachine(b *testing.B) {
	list := make([]value.Value, 1000)
	for i := range list {
		list[i] = value.Object("n", value.Int(int64(i)))
	}
	for _, tc := range []struct {
		name, workflow string
		variables      value.Value
	}{
		{"linear=10", linear(10), value.Object("device", value.String("r1"))},
		{"fanout=100", fanOut(100), value.Absent},
		{"graph=5000", grid(5000), value.Absent},
		{"children=1000", `S -> c
c: childJob {"incoming":{"workflow":"Child","variables":{},"data_array":"$var.job.list","transformation":"","loopType":"parallel"}}
c -s-> E`, value.Object("list", value.Array(list...))},
	} {
		for _, store := range []bool{false, true} {
			name := "step/" + tc.name
			if store {
				name = "step+append/" + tc.name
			}
			b.Run(name, func(b *testing.B) {
				m := compile(b, tc.workflow)
				events := drive(b, m, tc.variables)
				b.ReportAllocs()
				var dst []byte
				var job *engine.Job
				i := 0
				for b.Loop() {
					if i == len(events) {
						job, i = nil, 0
					}
					next, _, err := m.Step(job, events[i])
					if err != nil {
						b.Fatal(err)
					}
					if store {
						dst = m.Append(dst[:0], next)
					}
					next.Outbox = nil
					job = next
					i++
				}
			})
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	m := compile(b, linear(10))
	job := halfway(b, m)
	stored := m.Append(nil, job)
	b.SetBytes(int64(len(stored)))
	b.ReportAllocs()
	for b.Loop() {
		v, err := value.Parse(stored)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := m.Decode(v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	m := compile(b, linear(10))
	job := halfway(b, m)
	var dst []byte
	b.SetBytes(int64(len(m.Append(nil, job))))
	b.ReportAllocs()
	for b.Loop() {
		dst = m.Append(dst[:0], job)
	}
}

func BenchmarkCompile(b *testing.B) {
	w := parseWorkflow(b, grid(5000))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := engine.Compile(w, catalog, "r1", engine.DefaultLimits); err != nil {
			b.Fatal(err)
		}
	}
}

// halfway is a job in the middle of its work.
func halfway(tb testing.TB, m *engine.Machine) *engine.Job {
	tb.Helper()
	events := drive(tb, m, value.Object("device", value.String("r1")))
	var job *engine.Job
	for _, ev := range events[:len(events)/2] {
		next, _, err := m.Step(job, ev)
		if err != nil {
			tb.Fatal(err)
		}
		job = next.Published(keys(next.Outbox))
	}
	return job
}
