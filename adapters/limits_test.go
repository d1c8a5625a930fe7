package adapters_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/bus/membus"
	"github.com/heddlehq/heddle/workflows/value"
)

// line is a kind whose system can be cut off, and that counts who is in it.
type line struct {
	down          atomic.Bool
	calls, inside atomic.Int64
	most          atomic.Int64
}

func (l *line) kind() *adapters.Kind {
	return &adapters.Kind{App: "Line", Version: "1.0.0", Methods: []adapters.Spec{
		adapters.Method("call", func(ctx context.Context, _ *adapters.Call, _ struct{}) (int, error) {
			l.calls.Add(1)
			l.most.Store(max(l.most.Load(), l.inside.Add(1)))
			defer l.inside.Add(-1)
			if l.down.Load() {
				return 0, &adapters.Error{Class: adapters.ClassNetwork, Text: "the line is cut"}
			}
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
			return 1, ctx.Err()
		}),
	}}
}

// limited serves a line with limits until the test ends; call makes calls at once and returns
// their results in the order they came.
func limited(t *testing.T, l *line, limits adapters.Limits) (s *adapters.Server, call func(n int) []value.Value) {
	t.Helper()
	b := membus.New(membus.Options{})
	ctx, stop := context.WithCancel(t.Context())
	s = &adapters.Server{Bus: b, Kind: l.kind(), Instances: []adapters.Instance{{ID: "one", Limits: limits}}, Parallel: 64}
	results := make(chan value.Value, 1000)
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	running.Go(func() {
		err := b.Consume(ctx, bus.Consumer{Stream: bus.Events, Name: "engine"}, func(d bus.Delivery) {
			d.Ack()
			if v := value.MustParse(string(d.Data())); v.Get("type").Text() == "TaskFinished" {
				results <- v
			}
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); running.Wait() })
	sent := 0
	return s, func(n int) (out []value.Value) {
		t.Helper()
		for range n {
			sent++
			o := adapters.Order{
				Key: fmt.Sprint("k", sent), Job: "65f0c0ffee0000000000abcd", Task: "a", Iteration: sent, Attempt: 1, App: "Line", Method: "call", AdapterID: "one",
			}
			if err := b.Publish(ctx, bus.Message{Subject: bus.TaskSubject("default", "Line", "call"), ID: o.Key, Data: o.JSON()})[0]; err != nil {
				t.Fatal(err)
			}
		}
		for range n {
			select {
			case v := <-results:
				out = append(out, v)
			case <-time.After(10 * time.Minute):
				t.Fatalf("%d of %d calls were answered", len(out), n)
			}
		}
		return out
	}
}

// No more calls than allowed are made at once, also when many more wait than the worker holds.
func TestLimits_concurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l line
		s, call := limited(t, &l, adapters.Limits{Concurrency: 3})
		began := time.Now()
		for _, v := range call(200) {
			if v.Get("finishState").Text() != "success" {
				t.Fatalf("answered %s", v)
			}
		}
		if l.most.Load() != 3 || time.Since(began) < 66*time.Second || time.Since(began) > 100*time.Second {
			t.Errorf("%d at once, %s in all", l.most.Load(), time.Since(began))
		}
		h, err := s.Health()
		if err != nil || h[0].Calls != 200 || h[0].Failures != 0 || h[0].Running != 0 || h[0].Waiting != 0 || h[0].State != adapters.StateRunning {
			t.Errorf("health %+v, %v", h, err)
		}
	})
}

// A system that cannot be reached is left alone, until one call finds it well.
func TestLimits_breaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l line
		s, call := limited(t, &l, adapters.Limits{Breaker: adapters.Breaker{Failures: 3, OpenSeconds: 20}})
		l.down.Store(true)
		for range 10 {
			call(1)
		}
		if n := l.calls.Load(); n != 3 {
			t.Errorf("%d calls reached a system that is down, want 3", n)
		}
		v := call(1)[0]
		if e := v.Get("error"); e.Get("class").Text() != adapters.ClassUnavailable || !e.Get("retryable").Truth() || !strings.Contains(e.Get("message").Text(), "left alone until") {
			t.Errorf("refused with %s", v)
		}
		if h, err := s.Health(); err != nil || h[0].State != adapters.StateDead || h[0].Breaker != "open" || h[0].Problem == "" {
			t.Errorf("health %+v, %v", h, err)
		}
		l.down.Store(false)
		time.Sleep(21 * time.Second)
		if v := call(1)[0]; v.Get("finishState").Text() != "success" {
			t.Errorf("answered %s", v)
		}
		if h, err := s.Health(); err != nil || h[0].State != adapters.StateRunning || h[0].Breaker != "closed" {
			t.Errorf("health %+v, %v", h, err)
		}
	})
}

func TestLimits_Check(t *testing.T) {
	t.Parallel()
	for pointer, l := range map[string]adapters.Limits{
		"":                     {Concurrency: 4, PerSecond: 0.5, Burst: 2, Breaker: adapters.Breaker{Failures: -1, OpenSeconds: 1}},
		"/concurrency":         {Concurrency: 5000},
		"/perSecond":           {PerSecond: math.Inf(1)},
		"/burst":               {Burst: 3},
		"/breaker/failures":    {Breaker: adapters.Breaker{Failures: -2}},
		"/breaker/openSeconds": {Breaker: adapters.Breaker{OpenSeconds: -1}},
	} {
		if got, problem := l.Check(); got != pointer || (problem == "") != (pointer == "") {
			t.Errorf("%+v: %q %q, want %q", l, got, problem, pointer)
		}
	}
}
