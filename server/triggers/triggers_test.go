package triggers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/builtin"
	"github.com/heddlehq/heddle/engine/bus/membus"
	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/memstore"
	"github.com/heddlehq/heddle/server/auth"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
	"github.com/heddlehq/heddle/workflows/workflowtest"
)

// bench is a Triggers over an engine that notes what is started and ends it as told.
type bench struct {
	*Triggers
	t      testing.TB
	at     []time.Time
	status string // that jobs get at once
}

func newBench(t testing.TB) *bench {
	t.Helper()
	return newBenchOn(t, memstore.Options{})
}

func newBenchOn(t testing.TB, o memstore.Options) *bench {
	t.Helper()
	st, err := memstore.New(o)
	if err != nil {
		t.Fatal(err)
	}
	who, err := auth.New(auth.Options{Store: st})
	if err != nil {
		t.Fatal(err)
	}
	lib := library.New(library.Options{Store: st, Catalog: builtin.Catalog()})
	if _, err := lib.CreateWorkflow(t.Context(), workflowtest.Document(func(int) int { return 0 }, workflowtest.Options{Tasks: 1}).With("name", value.String("W")).Without("inputSchema"), "test"); err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, status: "running"}
	if b.Triggers, err = New(Options{Store: st, Bus: membus.New(membus.Options{}), Library: lib, Engine: b, Auth: who}); err != nil {
		t.Fatal(err)
	}
	b.save(store.Automations, value.MustParse(`{"_id":"a","name":"A","componentName":"W","lastUpdatedBy":"Pronghorn"}`))
	return b
}

func (b *bench) save(collection string, doc value.Value) {
	b.t.Helper()
	w, err := b.write(collection, doc.Get("_id").Text(), store.Any, doc)
	if err == nil {
		err = b.Store.Commit(context.Background(), store.Batch{w})[0]
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// add stores a schedule as the API does.
func (b *bench) add(doc string) {
	b.t.Helper()
	v := engine.Merged(value.MustParse(`{"_id":"s","name":"S","type":"schedule","enabled":true,"actionId":"a","lastUpdatedBy":"Pronghorn"}`), value.MustParse(doc))
	t, problems := workflows.ParseTrigger(v)
	if err := problems.Err(); err != nil {
		b.t.Fatal(err)
	}
	b.save(store.Triggers, Plan(t, value.Absent, b.Now()))
}

func (b *bench) Start(ctx context.Context, begin runner.Begin) (runner.State, error) {
	w, err := b.write(store.Jobs, begin.Start.ID, store.New, value.Object("_id", value.String(begin.Start.ID), "status", value.String(b.status)))
	if err != nil {
		return runner.State{}, err
	}
	err = b.Store.Commit(ctx, store.Batch{w})[0]
	if err == nil {
		b.at = append(b.at, b.Now())
	}
	return runner.State{}, err
}

func (b *bench) Act(context.Context, string, engine.Event) (runner.State, error) {
	return runner.State{}, nil
}

// run lets the triggers run for a while.
func (b *bench) run(long time.Duration) {
	ctx, cancel := context.WithTimeout(b.t.Context(), long)
	defer cancel()
	if err := b.Run(ctx); err != nil && ctx.Err() == nil {
		b.t.Error(err)
	}
}

func (b *bench) trigger() value.Value {
	b.t.Helper()
	d, err := b.get(b.t.Context(), store.Triggers, "s")
	if err != nil {
		b.t.Fatal(err)
	}
	return d.doc
}

func (b *bench) outcomes() (out []string) {
	docs, err := b.find(b.t.Context(), store.Fires, 0, nil, store.ID)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, d := range docs {
		out = append(out, d.doc.Get("state").Text()+" "+d.doc.Get("outcome").Text())
	}
	return out
}

// Inside the bubble the clock stands at midnight, 1 January 2000, UTC.

func TestRun_onTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.status = "complete"
		b.add(`{"cron":"*/10 * * * *","timezone":"Asia/Kathmandu"}`) // 45 minutes beside the hour
		start := time.Now()
		b.run(31 * time.Minute)
		var after []time.Duration
		for _, at := range b.at {
			after = append(after, at.Sub(start))
		}
		if want := []time.Duration{5 * time.Minute, 15 * time.Minute, 25 * time.Minute}; !slices.Equal(after, want) {
			t.Errorf("started after %v, want %v", after, want)
		}
	})
}

func TestRun_missed(t *testing.T) {
	for policy, want := range map[string][2]int{"none": {0, 1}, "last": {1, 2}, "all": {6, 7}} {
		t.Run(policy, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				first := time.Now().Add(time.Hour).UnixMilli()
				b.add(value.Object("firstRunAt", value.Int(first), "repeatUnit", value.String("hour"), "repeatFrequency", value.Int(1), "processMissedRuns", value.String(policy)).String())
				time.Sleep(6*time.Hour + 30*time.Minute) // no server
				b.run(time.Minute)
				got := len(b.at)
				b.run(30 * time.Minute)
				if now := [2]int{got, len(b.at)}; now != want {
					t.Errorf("%v runs after coming back and an hour's turn, want %v", now, want)
				}
			})
		})
	}
}

// A restart at the very moment a run is due is no reason to miss it or to do it twice.
func TestRun_restartWhenDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.add(value.Object("firstRunAt", value.Int(time.Now().Add(10*time.Second).UnixMilli()), "repeatInterval", value.Int(10_000)).String())
		for range 6 {
			b.run(10 * time.Second)
		}
		b.run(time.Second)
		if len(b.at) != 6 {
			t.Errorf("%d runs, want 6: %v", len(b.at), b.at)
		}
	})
}

func TestRun_overlap(t *testing.T) {
	for policy, want := range map[string][]string{
		"allow": {"started ", "started ", "started "}, "skip": {"started ", "done skipped", "done skipped"}, "queue": {"started ", "queued ", "queued "},
	} {
		t.Run(policy, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.add(value.Object("firstRunAt", value.Int(time.Now().Add(time.Second).UnixMilli()), "repeatInterval", value.Int(1000), "overlap", value.String(policy)).String())
				b.run(3*time.Second + time.Millisecond)
				if diff := cmp.Diff(want, b.outcomes()); diff != "" {
					t.Errorf("fires (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestRun_failures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.status = "error"
		b.add(value.Object("firstRunAt", value.Int(time.Now().Add(10*time.Second).UnixMilli()), "repeatInterval", value.Int(10_000), "maxFailures", value.Int(2)).String())
		b.run(15 * time.Second)
		b.status = "complete"
		b.run(10 * time.Second)
		if n, _ := b.trigger().Get("failures").Int(); n != 0 || len(b.at) != 2 {
			t.Errorf("%d failures after a success in %d runs", n, len(b.at))
		}
		b.status = "error"
		b.run(time.Hour)
		got := b.trigger()
		if len(b.at) != 4 || got.Get("enabled").Truth() || !got.Get("nextRunAt").IsNull() || !strings.Contains(got.Get("disabledReason").Text(), "2 runs in a row failed") {
			t.Errorf("after %d runs: %s", len(b.at), got)
		}
		trigger, _ := workflows.ParseTrigger(got.With("enabled", value.True))
		if on := Plan(trigger, got, time.Now()); on.Has("disabledReason") || on.Has("failures") || !on.Get("nextRunAt").IsNumber() {
			t.Errorf("switched on again: %s", on)
		}
	})
}

// A plan that did not change keeps the next run; one that did begins anew.
func TestPlan(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1_800_000_000_000)
	parse := func(doc string) *workflows.Trigger {
		p, problems := workflows.ParseTrigger(engine.Merged(value.MustParse(`{"name":"S","type":"schedule"}`), value.MustParse(doc)))
		if err := problems.Err(); err != nil {
			t.Fatal(err)
		}
		return p
	}
	old := parse(`{"firstRunAt":1700000000000,"repeatInterval":60000,"nextRunAt":1799999990000}`).Doc
	for name, tc := range map[string]struct {
		doc  string
		old  value.Value
		want string
	}{
		"new, to begin later":     {`{"firstRunAt":1900000000000}`, value.Absent, "1900000000000"},
		"new, once, long ago":     {`{"firstRunAt":1700000000000}`, value.Absent, "null"},
		"new, once, a moment ago": {`{"firstRunAt":1799999999000}`, value.Absent, "1799999999000"},
		"new, repeating":          {`{"firstRunAt":1799999000000,"repeatInterval":3600000}`, value.Absent, "1800002600000"},
		"another name":            {`{"description":"x","firstRunAt":1700000000000,"repeatInterval":60000}`, old, "1799999990000"},
		"another interval":        {`{"firstRunAt":1700000000000,"repeatInterval":120000}`, old, "1800000080000"},
		"switched off":            {`{"firstRunAt":1700000000000,"repeatInterval":60000,"enabled":false}`, old, "null"},
	} {
		if got := Plan(parse(tc.doc), tc.old, now).Get("nextRunAt").String(); got != tc.want {
			t.Errorf("%s: next run at %s, want %s", name, got, tc.want)
		}
	}
}

// What a platform event costs: one that no trigger waits for, read with others, and one that
// fires.
func BenchmarkHandle(b *testing.B) {
	r := newBench(b)
	r.save(store.Triggers, value.MustParse(`{"_id":"e","name":"E","type":"eventSystem","enabled":true,"source":"x","topic":"wanted","actionId":"a","lastUpdatedBy":"Pronghorn","maxPerMinute":1000000000}`))
	crowded := make([]event, crowd)
	for i := range crowded {
		crowded[i] = event{seq: uint64(i + 1), id: "x", doc: value.MustParse(`{"source":"x","topic":"other"}`)}
	}
	b.Run("unwanted", func(b *testing.B) {
		for n := 0; b.Loop(); n++ {
			if n%crowd == 0 {
				if err := r.handle(b.Context(), crowded); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("fires", func(b *testing.B) {
		for n := 0; b.Loop(); n++ {
			e := event{seq: 1, id: fmt.Sprint(n), doc: value.MustParse(`{"source":"x","topic":"wanted"}`)}
			if err := r.handle(b.Context(), []event{e}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// A drained server fires nothing any more.
func TestRun_drained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.status = "complete"
		drained := make(chan struct{})
		b.Draining = drained
		b.add(`{"cron":"*/10 * * * *"}`)
		time.AfterFunc(25*time.Minute, func() { close(drained) })
		b.run(2 * time.Hour)
		if len(b.at) != 2 {
			t.Errorf("started %d times, want 2 before it was drained", len(b.at))
		}
	})
}

// TestFT21_twoOwners freezes a server at each of its calls of the store while a run is due, lets another one do
// all there is to do, and lets the first go on: one run is one start.
func TestFT21_twoOwners(t *testing.T) {
	for k := 1; ; k++ {
		calls, other := 0, func() {}
		call := func() error {
			if calls++; calls == k {
				other()
			}
			return nil
		}
		b := newBenchOn(t, memstore.Options{
			Before: func(store.Batch) error { return call() }, After: func(store.Batch) error { return call() }, Read: func(string) error { return call() },
		})
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		b.Now = func() time.Time { return now }
		b.add(value.Object("firstRunAt", value.Int(now.Add(time.Minute).UnixMilli()), "repeatUnit", value.String("hour"), "repeatFrequency", value.Int(1)).String())
		o := b.Options
		second, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		now = now.Add(2 * time.Minute)
		beats := func(r *Triggers) {
			for range 5 {
				if _, err := r.beat(t.Context()); err != nil {
					t.Errorf("frozen at call %d: %v", k, err)
				}
			}
		}
		calls, other = 0, func() { beats(second) }
		beats(b.Triggers)
		ended := calls < k // it was never frozen
		now = now.Add(time.Minute)
		beats(second)
		if len(b.at) != 1 {
			t.Fatalf("frozen at call %d: %d starts, want 1", k, len(b.at))
		}
		if ended {
			t.Logf("frozen at each of %d calls", k-1)
			break
		}
	}
}
