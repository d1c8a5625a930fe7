package runner_test

import (
	"context"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/builtin"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/bus/membus"
	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/memstore"
	"github.com/heddlehq/heddle/workflows/value"
)

// within tells whether the caller's caller runs within a function.
func within(name string) bool {
	pc := make([]uintptr, 32)
	frames := runtime.CallersFrames(pc[:runtime.Callers(2, pc)])
	for {
		f, more := frames.Next()
		if strings.HasSuffix(f.Function, name) {
			return true
		}
		if !more {
			return false
		}
	}
}

// TestFT29_poison gives the engine an event that crashes it each time: it is tried so often and no more, then kept
// aside with its stack. The job and the others go on meanwhile, and the event can be played again.
func TestFT29_poison(t *testing.T) {
	if testing.Short() {
		t.Skip("an event is tried for some seconds")
	}
	s, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var poisonous atomic.Bool
	var crashes atomic.Int64
	b := membus.New(membus.Options{})
	lib := library.New(library.Options{Store: s, Catalog: builtin.Catalog()})
	if _, err := lib.CreateWorkflow(t.Context(), value.MustParse(oneAdapterTask), "test"); err != nil {
		t.Fatal(err)
	}
	r := runner.New(runner.Options{Store: s, Bus: b, Library: lib, Log: slog.New(slog.DiscardHandler), Now: func() time.Time {
		if poisonous.Load() && within("runner.(*turn).step") {
			crashes.Add(1)
			panic("poison")
		}
		return time.Now()
	}})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	id := begin(t, r, "One")
	poisonous.Store(true)
	data := append([]byte(`{"v":1,"job":"`+id+`",`), engine.AppendEvent(nil, &engine.Event{Type: engine.TaskFinished, Task: "a", Iteration: 1})[1:]...)
	data = append(data[:len(data)-1], `,"finishState":"success","outgoing":{"result":1}}`...)
	if err := b.Publish(t.Context(), bus.Message{Subject: bus.EventSubject(engine.Partition(id, 32), id), Data: data})[0]; err != nil {
		t.Fatal(err)
	}
	var aside []value.Value
	for deadline := time.Now().Add(30 * time.Second); len(aside) == 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the event is not put into quarantine")
		}
		if aside, err = r.Quarantined(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(aside[0].Get("error").Text(), "poison") || !strings.Contains(aside[0].Get("stack").Text(), "step") {
		t.Errorf("kept aside: %s", aside[0])
	}
	if tries, _ := aside[0].Get("tries").Int(); tries != 8 || crashes.Load() > 3*tries {
		t.Errorf("tried %d times with %d crashes, want 8 times", tries, crashes.Load())
	}
	poisonous.Store(false)
	other := begin(t, r, "One") // the server is alive
	if err := r.Replay(t.Context(), aside[0].Get("_id").Text()); err != nil {
		t.Fatal(err)
	}
	st, err := r.Job(t.Context(), id)
	if err != nil || st.Job.Status != engine.Complete {
		t.Errorf("after the replay the job is %v, error %v", st.Job.Status, err)
	}
	if _, err := s.Get(t.Context(), store.Quarantine, aside[0].Get("_id").Text()); err == nil {
		t.Error("the replayed event is still in quarantine")
	}
	if _, err := r.Act(t.Context(), other, finish(engine.Succeed())); err != nil {
		t.Errorf("the other job: %v", err)
	}
	examine(t, s, lib)
}
