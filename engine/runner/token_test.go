package runner_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/builtin"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/bus/membus"
	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store/memstore"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// Whoever did not get an order cannot answer for it, nor speak as a server; who got it can.
func TestRunner_forgedEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, err := memstore.New(memstore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		b := membus.New(membus.Options{})
		lib := library.New(library.Options{Store: st, Catalog: builtin.Catalog()})
		if _, err := lib.CreateWorkflow(t.Context(), value.MustParse(oneAdapterTask), "test"); err != nil {
			t.Fatal(err)
		}
		r := runner.New(runner.Options{Store: st, Bus: b, Library: lib, Key: []byte("a key of this test"), Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
		ctx, stop := context.WithCancel(t.Context())
		orders := make(chan adapters.Order, 10)
		var running sync.WaitGroup
		running.Go(func() {
			if err := r.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		running.Go(func() {
			c := bus.PoolConsumer("default", "")
			if err := b.Consume(ctx, c, func(d bus.Delivery) {
				o, err := adapters.ParseOrder(d.Data())
				if err != nil {
					t.Error(err)
				}
				d.Ack()
				orders <- o
			}); err != nil {
				t.Error(err)
			}
		})
		defer running.Wait()
		defer stop()

		victim, own := begin(t, r, "One"), begin(t, r, "One")
		byJob := map[string]adapters.Order{}
		for range 2 {
			o := <-orders
			byJob[o.Job] = o
		}
		genuine, rogue := byJob[victim], byJob[own]
		if genuine.Token == "" || genuine.Token == rogue.Token {
			t.Fatalf("tokens %q and %q", genuine.Token, rogue.Token)
		}
		send := func(data []byte) {
			t.Helper()
			m := bus.Message{Subject: bus.EventSubject(engine.Partition(victim, r.Partitions), victim), Data: data}
			if err := b.Publish(ctx, m)[0]; err != nil {
				t.Fatal(err)
			}
		}
		done := adapters.Result{State: workflows.Success, Outgoing: value.Object("result", value.String("forged"))}
		forge := func(change func(o *adapters.Order)) []byte {
			o := genuine
			change(&o)
			return o.Finished(done)
		}
		word := func(kind, token string) []byte {
			return value.Object("v", value.Int(1), "type", value.String(kind), "job", value.String(victim), "token", value.String(token)).AppendJSON(nil)
		}
		for _, data := range [][]byte{
			forge(func(o *adapters.Order) { o.Token = "" }),
			forge(func(o *adapters.Order) { o.Token = rogue.Token }),
			forge(func(o *adapters.Order) { o.Token, o.Key = rogue.Token, rogue.Key }),
			forge(func(o *adapters.Order) { o.Token = genuine.Token + "x" }),
			word("JobCanceled", ""), word("JobCanceled", genuine.Token), word("JobPaused", rogue.Token), word("EventReceived", genuine.Token),
		} {
			send(data)
		}
		synctest.Wait()
		time.Sleep(time.Second)
		if st, err := r.Job(ctx, victim); err != nil || st.Job.Status != engine.Running {
			t.Fatalf("job is %s, %v", st.Job.Status, err)
		}
		send(genuine.Logged("worker", "info", "a line", time.Now(), value.Absent))
		done.Outgoing = value.Object("result", value.String("genuine"))
		send(genuine.Finished(done))
		time.Sleep(2 * time.Second)
		if st, err := r.Job(ctx, victim); err != nil || st.Job.Status != engine.Complete || st.Job.Variables.Get("r").Text() != "genuine" {
			t.Errorf("job is %s with %s, %v", st.Job.Status, st.Job.Variables, err)
		}
		if lines, _, err := r.TaskLog(ctx, victim, "a", 1); err != nil || len(lines) != 1 || lines[0].Get("text").Text() != "a line" {
			t.Errorf("log %v, %v", lines, err)
		}
	})
}

// The log of a task is bounded: the newest lines stay.
func TestRunner_logIsBounded(t *testing.T) {
	r := boot(t, oneAdapterTask)
	id := begin(t, r, "One")
	o := adapters.Order{Key: engine.RunKey(id, "a", 1), Job: id, Task: "a", Iteration: 1, Attempt: 1}
	const sent = 1500
	var msgs []bus.Message
	for i := range sent {
		msgs = append(msgs, bus.Message{
			Subject: bus.EventSubject(engine.Partition(id, r.Partitions), id), Data: o.Logged("w", "info", "line", time.UnixMilli(int64(i+1)), value.Absent),
		})
	}
	for _, err := range r.Bus.Publish(t.Context(), msgs...) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) { // the runner's own clock is at work
		lines, dropped, err := r.TaskLog(t.Context(), id, "a", 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(lines)+dropped == sent {
			if last, _ := lines[len(lines)-1].Get("at").Int(); len(lines) != 1000 || last != sent {
				t.Errorf("%d lines up to %d", len(lines), last)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d lines and %d dropped of %d", len(lines), dropped, sent)
		}
	}
}
