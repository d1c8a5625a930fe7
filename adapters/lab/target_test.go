package lab_test

import (
	"context"
	"sync"
	"testing"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/lab"
	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/bus/membus"
	"github.com/heddlehq/heddle/workflows/value"
)

const testJob = "65f0c0ffee0000000000abcd"

// bench is a lab at work that is given one order after the other.
type bench struct {
	t      *testing.T
	bus    *membus.Bus
	events chan value.Value
	n      int
}

func newBench(t *testing.T, config string) *bench {
	t.Helper()
	b := &bench{t: t, bus: membus.New(membus.Options{}), events: make(chan value.Value, 100)}
	ctx, stop := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	t.Cleanup(func() { stop(); serving.Wait() })
	serving.Go(func() {
		s := &adapters.Server{Bus: b.bus, Kind: lab.Kind(), Instances: []adapters.Instance{{Config: value.MustParse(config)}}}
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	serving.Go(func() {
		_ = b.bus.Consume(ctx, bus.Consumer{Stream: bus.Events, Name: "bench"}, func(d bus.Delivery) { // until the test is over
			d.Ack()
			if v, err := value.Parse(d.Data()); err == nil && v.Get("type").Text() == "TaskFinished" {
				b.events <- v
			}
		})
	})
	return b
}

// do gives an order and returns the event that answers it.
func (b *bench) do(o adapters.Order, method, incoming string) value.Value {
	b.t.Helper()
	b.n++
	o.Key, o.Job, o.Task, o.Iteration, o.Attempt = engine.RunKey(testJob, "a1", b.n), testJob, "a1", b.n, 1
	o.App, o.Method, o.Incoming = lab.App, method, value.MustParse(incoming)
	if err := b.bus.Publish(b.t.Context(), bus.Message{Subject: bus.TaskSubject(adapters.DefaultPool, o.App, o.Method), ID: o.Key, Data: o.JSON()})[0]; err != nil {
		b.t.Fatal(err)
	}
	return <-b.events
}

func (b *bench) writes(target string) int64 {
	b.t.Helper()
	n, ok := b.do(adapters.Order{}, "read", `{"target":"`+target+`"}`).Path("outgoing", "writes").Int()
	if !ok {
		b.t.Fatal("the target does not tell its writes")
	}
	return n
}

func guard(text string) adapters.Order { return adapters.Order{Guard: value.MustParse(text)} }

// A limit that is reached blocks before the first write; one change less passes.
func TestSI08_nothingIsWritten(t *testing.T) {
	for name, tc := range map[string]struct {
		config string
		order  adapters.Order
		in     string
		writes int64 // 0 = blocked
	}{
		"one below":               {`{}`, guard(`{"delete":{"max":5}}`), `{"target":"x","script":{"delete":4,"create":99}}`, 103},
		"the limit":               {`{}`, guard(`{"delete":{"max":5}}`), `{"target":"x","script":{"delete":5}}`, 0},
		"above":                   {`{}`, guard(`{"delete":{"max":5},"create":{"max":100}}`), `{"target":"x","script":{"delete":6,"create":99}}`, 0},
		"a part of what there is": {`{}`, guard(`{"modify":{"percent":10}}`), `{"target":"x","script":{"modify":10,"present":100}}`, 0},
		"of the instance":         {`{"guard":{"create":3}}`, adapters.Order{}, `{"target":"x","script":{"create":3}}`, 0},
		"the instance is strict":  {`{"guard":{"create":3}}`, guard(`{"create":{"max":9}}`), `{"target":"x","script":{"create":3}}`, 0},
		"the task is strict":      {`{"guard":{"create":9}}`, guard(`{"create":{"max":3}}`), `{"target":"x","script":{"create":3}}`, 0},
		"no guard":                {`{}`, adapters.Order{}, `{"target":"x","script":{"create":3}}`, 3},
		"force":                   {`{}`, adapters.Order{Mode: engine.ModeForce, Guard: value.MustParse(`{"create":{"max":3}}`)}, `{"target":"x","script":{"create":3}}`, 3},
		"accept as many":          {`{}`, adapters.Order{Accept: 4, Guard: value.MustParse(`{"create":{"max":3}}`)}, `{"target":"x","script":{"create":4}}`, 4},
		"accept fewer":            {`{}`, adapters.Order{Accept: 4, Guard: value.MustParse(`{"create":{"max":3}}`)}, `{"target":"x","script":{"create":5}}`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, tc.config)
			got := b.do(tc.order, "synchronise", tc.in)
			state := "success"
			if tc.writes == 0 {
				state = "blocked"
				if got.Path("error", "blockedReason").Text() != "threshold" || got.Path("error", "reached").Len() == 0 || got.Path("changes", "list").Len() == 0 {
					t.Errorf("the block does not say why: %s", got)
				}
			}
			if got.Get("finishState").Text() != state || b.writes("x") != tc.writes {
				t.Errorf("%d writes, %s; want %d", b.writes("x"), got, tc.writes)
			}
			forced := tc.order.Mode == engine.ModeForce || tc.order.Accept > 0
			if got.Path("changes", "forced").Truth() != (forced && tc.writes > 0) {
				t.Errorf("forced is not told: %s", got)
			}
		})
	}
}

// What is written after an approval is what was blocked, whatever has happened since.
func TestUC13_exactlyWhatWasBlocked(t *testing.T) {
	b := newBench(t, `{}`)
	b.do(adapters.Order{}, "synchronise", `{"target":"x","entries":{"a":1,"b":2,"c":3}}`)
	blocked := b.do(guard(`{"delete":{"max":2}}`), "synchronise", `{"target":"x","entries":{"c":3},"complete":true}`)
	if blocked.Get("finishState").Text() != "blocked" {
		t.Fatal(blocked)
	}
	b.do(adapters.Order{}, "synchronise", `{"target":"x","entries":{"d":4,"e":5}}`)
	before := b.writes("x")

	o := guard(`{"delete":{"max":2}}`)
	o.Mode, o.Changes = engine.ModeValidate, blocked.Get("changes")
	got := b.do(o, "synchronise", `{"target":"x","entries":{},"complete":true}`)
	if got.Get("finishState").Text() != "success" || b.writes("x") != before+2 {
		t.Errorf("%d writes, want %d: %s", b.writes("x"), before+2, got)
	}
	if now := b.do(adapters.Order{}, "read", `{"target":"x"}`).Path("outgoing", "entries"); now.String() != `{"c":3,"d":4,"e":5}` {
		t.Errorf("the target holds %s", now)
	}
}

func TestValidate_refused(t *testing.T) {
	b := newBench(t, `{}`)
	blocked := b.do(guard(`{"create":{"max":1}}`), "synchronise", `{"target":"x","entries":{"a":1}}`).Get("changes")
	list := blocked.Get("list")
	for name, changes := range map[string]value.Value{
		"none":    value.Absent,
		"altered": blocked.With("list", list.WithAt(0, list.At(0).With("after", value.Int(2)))),
		"longer":  blocked.With("list", list.Append(list.At(0))),
	} {
		got := b.do(adapters.Order{Mode: engine.ModeValidate, Changes: changes}, "synchronise", `{"target":"x"}`)
		if got.Path("error", "class").Text() != engine.ClassProtocol || b.writes("x") != 0 {
			t.Errorf("%s: %d writes, %s", name, b.writes("x"), got)
		}
	}
}

// An instance whose guard cannot be read writes nothing.
func TestGuard_brokenConfig(t *testing.T) {
	b := newBench(t, `{"guard":{"create":"few"}}`)
	got := b.do(adapters.Order{}, "synchronise", `{"target":"x","script":{"create":1}}`)
	if got.Path("error", "class").Text() != engine.ClassInput || b.writes("x") != 0 {
		t.Errorf("%d writes, %s", b.writes("x"), got)
	}
}
