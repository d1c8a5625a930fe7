//go:build linux

package faults

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
	"github.com/heddlehq/heddle/workflows/workflowtest"
)

// scripted is a workflow of one task of an application that is not the server's.
func scripted(name, app, extra string) value.Value {
	return workflowtest.Draw(name, "start>a1 a1>end a1:failure>b1 a1:error>c1 b1>end c1>end",
		workflowtest.Task("a1", "do", "Adapter", app, "automatic", "Pronghorn", `{"adapter_id":"x"}`, `{"result":"$var.job.answer"}`, extra),
		workflowtest.Operation("b1", "newVariable", `{"name":"answer","value":"failure"}`, `{"value":null}`),
		workflowtest.Operation("c1", "newVariable", `{"name":"answer","value":"error"}`, `{"value":null}`))
}

// ends waits for a job to complete and returns what it holds as its answer.
func (s *server) ends(id string, patience time.Duration) value.Value {
	s.t.Helper()
	var j value.Value
	waitFor(s.t, patience, func() (bool, string) {
		j = s.job(id)
		return j.Get("status").Text() == "complete", "job " + id + " is " + j.Get("status").Text() + ": " + j.Get("error").String()
	})
	return j.Path("variables", "answer")
}

// TestFT15_workerKilled kills a worker in the middle of its tasks. Another one does them;
// what the dead one says afterwards is too late.
func TestFT15_workerKilled(t *testing.T) {
	notShort(t)
	s := serve(t)
	s.install(scripted("Script", "Rogue", ""))
	var mu sync.Mutex
	var held []order
	first := employ(s, "Rogue", func(o order) {
		mu.Lock()
		defer mu.Unlock()
		held = append(held, o)
	})
	var ids []string
	for range 10 {
		ids = append(ids, s.begin("Script", value.Object()))
	}
	waitFor(t, 10*time.Second, func() (bool, string) {
		mu.Lock()
		defer mu.Unlock()
		return len(held) == len(ids), fmt.Sprintf("%d orders taken", len(held))
	})
	first.die()
	began := time.Now()
	employ(s, "Rogue", func(o order) { o.answer(success(2)) })
	for _, id := range ids {
		if got, _ := s.ends(id, 30*time.Second).Int(); got != 2 {
			t.Errorf("job %s ends with %d, want the second worker's 2", id, got)
		}
	}
	t.Logf("all done %s after the second worker came, with a lease of %s", time.Since(began).Round(time.Millisecond), first.lease)
	_, js := dial(s)
	for _, o := range held {
		o.js = js
		if err := o.say(o.Finished(success(1)), ""); err != nil {
			t.Fatal(err)
		}
	}
	s.drained(t)
	for _, id := range ids {
		once(t, s, id)
		if got, _ := s.ends(id, time.Second).Int(); got != 2 {
			t.Errorf("job %s holds %d after a late result", id, got)
		}
		if late := s.late(id); fmt.Sprint(late) != "[1 success 1]" {
			t.Errorf("job %s kept as late %v, want the first worker's result", id, late)
		}
	}
	s.stop()
	s.doctor()
}

// drained waits until the engine has taken in every event on the bus.
func (s *server) drained(t *testing.T) {
	t.Helper()
	_, js := dial(s)
	waitFor(t, time.Minute, func() (bool, string) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		stream, err := js.Stream(ctx, bus.Events)
		if err != nil {
			return false, err.Error()
		}
		n := stream.CachedInfo().State.Msgs
		return n == 0, fmt.Sprintf("%d events are left on the bus", n)
	})
}

// late lists the results of a job that came too late: iteration, state and result, sorted.
func (s *server) late(id string) []string {
	s.t.Helper()
	out := []string{}
	for _, l := range s.get(jobs+"/"+id+"/history", nil).body.Path("metadata", "late").Elements() {
		result := l.Path("outgoing", "result")
		if result.IsAbsent() {
			result = value.Null
		}
		out = append(out, fmt.Sprintf("%s %s %s", l.Get("iteration"), l.Get("finishState").Text(), result))
	}
	slices.Sort(out)
	return out
}

// TestFT16_wrongAnswers has a worker answer twice, for iterations that are not, for tasks and
// jobs that are not, and for others' tasks. Only the valid first answer counts.
func TestFT16_wrongAnswers(t *testing.T) {
	notShort(t)
	s := serve(t)
	s.install(scripted("Script", "Rogue", `"retrySettings":{"autoRetry":true,"state":["error"],"limit":3,"delay":50}`))
	var first sync.Map // the order of each job's first iteration
	employ(s, "Rogue", func(o order) {
		send := func(wrong order, r adapters.Result) {
			if err := wrong.say(wrong.Finished(r), ""); err != nil {
				t.Error(err)
			}
		}
		other := func(change func(*adapters.Order)) order {
			w := o
			change(&w.Order)
			return w
		}
		send(other(func(w *adapters.Order) { w.Task = "dead" }), success(90))
		send(other(func(w *adapters.Order) { w.Task = "workflow_start" }), success(91))
		send(other(func(w *adapters.Order) { w.Task = "workflow_end" }), success(92))
		send(other(func(w *adapters.Order) { w.Task = "b1" }), success(93))
		send(other(func(w *adapters.Order) { w.Iteration += 5 }), success(94))
		send(other(func(w *adapters.Order) { w.Iteration-- }), success(95))
		send(other(func(w *adapters.Order) { w.Iteration = -1 << 40 }), success(96))
		send(other(func(w *adapters.Order) { w.Job = strings.Repeat("0", 24) }), success(97))
		if o.Iteration == 1 {
			// An error that is retried; its iteration is then the old one.
			first.Store(o.Job, o)
			send(o, adapters.Fail("network", "try again"))
		} else {
			if old, ok := first.Load(o.Job); ok {
				send(old.(order), success(98)) // late, for the old iteration
			}
			send(other(func(w *adapters.Order) { w.Iteration = 1 }), success(100)) // with the proof of another order
			send(o, success(int64(o.Iteration)))
			send(o, success(99))
			send(o, adapters.Fail("network", "changed my mind"))
		}
		_ = o.msg.Ack() // else it comes again and is answered again
	})
	for range 5 {
		id := s.begin("Script", value.Object())
		if got, _ := s.ends(id, 20*time.Second).Int(); got != 2 {
			t.Errorf("job %s ends with %d, want 2, the valid answer", id, got)
		}
		s.drained(t)
		results := once(t, s, id)
		if len(results) != 2 || results["a1/1"] != "error" || results["a1/2"] != "success" {
			t.Errorf("job %s took in %v, want an error and then a success of a1", id, results)
		}
		// What came for the old iteration and after the answer is kept beside the history.
		if late := s.late(id); fmt.Sprint(late) != "[1 success 98 2 error null 2 success 99]" {
			t.Errorf("job %s kept as late %v", id, late)
		}
	}
	s.stop()
	s.doctor()
}

// TestFT17_neverAnswers has a worker show signs of life for ever, and one show none. Their
// time-outs end both.
func TestFT17_neverAnswers(t *testing.T) {
	notShort(t)
	s := serve(t)
	s.install(scripted("Busy", "Busy", `"timeouts":{"run":2000}`), scripted("Silent", "Silent", `"timeouts":{"heartbeat":1500}`), scripted("Absent", "Absent", `"timeouts":{"queue":1500}`))
	var alive atomic.Int64
	employ(s, "Busy", func(o order) {
		for range 100 {
			if o.say(o.Progressed("busy", 50, "still at it"), "") != nil || o.msg.InProgress() != nil {
				return
			}
			alive.Add(1)
			time.Sleep(50 * time.Millisecond) // how often it shows that it is alive
		}
	})
	employ(s, "Silent", func(o order) {
		if err := o.say(o.Started("silent"), ""); err != nil {
			t.Error(err)
		}
	})
	for name, want := range map[string]string{"Busy": engine.ClassRun, "Silent": engine.ClassHeartbeat, "Absent": engine.ClassQueue} {
		began := time.Now()
		id := s.begin(name, value.Object())
		if got := s.ends(id, 15*time.Second); got.Text() != "error" {
			t.Errorf("%s: the job ends with %s, want the error branch", name, got)
		}
		said := s.job(id).Get("error").String()
		if !strings.Contains(said, want) && !strings.Contains(fmt.Sprint(s.history(id)), want) {
			t.Errorf("%s: nothing says %q: %s", name, want, said)
		}
		t.Logf("%s: ended after %s", name, time.Since(began).Round(time.Millisecond))
	}
	if alive.Load() == 0 {
		t.Error("the busy worker showed no sign of life")
	}
	s.stop()
	s.doctor()
}

// TestFT18_flood sends the engine ten thousands of events that are none, while others work.
func TestFT18_flood(t *testing.T) {
	notShort(t)
	s := serve(t)
	l := newLoad(s)
	victim := s.begin("Desk", value.Object())
	conn, _ := dial(s)
	subject := bus.EventSubject(engine.Partition(victim, adapters.DefaultPartitions), victim)
	o := adapters.Order{Key: "k", Job: victim, Task: "a1", Iteration: 1, Attempt: 1}
	garbage := [][]byte{
		nil, []byte("{"), []byte("\xff\xfe"), []byte("null"), []byte(`[]`), []byte(`{"v":1}`),
		[]byte(`{"v":1,"type":"Nonsense","job":"` + victim + `"}`), []byte(`{"v":99,"type":"TaskFinished","job":"` + victim + `"}`),
		[]byte(strings.Repeat("[", 100_000)), []byte(`{"v":1,"job":{"$gt":""},"type":"TaskFinished"}`),
		[]byte(`{"v":1,"type":"TaskFinished","job":"` + victim + `","task":"a1","iteration":1e300,"finishState":"success"}`),
		[]byte(`{"v":1,"type":"TaskFinished","job":"` + victim + `","task":["a1"],"iteration":1,"finishState":7,"outgoing":[1]}`),
		o.Finished(adapters.Result{State: "splendid"}), o.Finished(adapters.Result{State: workflows.Blocked}),
		o.Logged("flood", "info", strings.Repeat("x", 10_000), time.Now(), value.Absent),
		o.Progressed("flood", 200, strings.Repeat("y", 10_000)),
	}
	given := l.giveMeanwhile(40)
	n := pick(10_000, 200_000)
	began := time.Now()
	for i := range n {
		if err := conn.Publish(subject, garbage[i%len(garbage)]); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.FlushTimeout(time.Minute); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d messages sent in %s; a new job done after %s", n, time.Since(began).Round(time.Millisecond), l.recovered().Round(time.Millisecond))
	<-given
	s.drained(t)
	t.Logf("all taken in after %s, %s", time.Since(began).Round(time.Millisecond), s.usage())
	l.judge(time.Minute)
}
