package bustest

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/heddlehq/heddle/engine/bus"
)

func order(t *testing.T, d Driver) {
	b := open(t, d)
	const n = 200
	msgs := events(n)
	msgs[0].ID, msgs[0].Header = "first", map[string]string{"traceparent": "00-ab-cd-01", "X-Mixed": "ä ö"}
	publish(t, b, msgs[:n/2]...)
	got, _ := consume(t, b, bus.Consumer{})
	publish(t, b, msgs[n/2:]...)
	for i := range n {
		m := next(t, got, "message "+strconv.Itoa(i))
		wantData(t, m, strconv.Itoa(i))
		if m.Subject() != msgs[i].Subject || m.ID() != msgs[i].ID || m.Deliveries() != 1 {
			t.Fatalf("message %d: subject %q, id %q, deliveries %d", i, m.Subject(), m.ID(), m.Deliveries())
		}
		for k, v := range msgs[i].Header {
			if m.Header(k) != v {
				t.Errorf("header %q: %q, want %q", k, m.Header(k), v)
			}
		}
		if m.Header("absent") != "" {
			t.Errorf("absent header: %q", m.Header("absent"))
		}
		m.Ack()
	}
	none(t, got, "after the last")
}

func names(t *testing.T, d Driver) {
	b := open(t, d)
	got, _ := consume(t, b, bus.Consumer{Stream: bus.Tasks, Name: "adapter"})
	for _, app := range []string{"", "a.b", "a b", "a:b/c", "*", ">", "@itential/x", "größe", "日本", "a%2Eb", "~", "\x00\n", "$SYS"} {
		publish(t, b, bus.Message{Subject: bus.TaskSubject("default", app, "run")})
		m := next(t, got, app)
		if m.Subject() != bus.TaskSubject("default", app, "run") {
			t.Errorf("app %q: subject %q", app, m.Subject())
		}
		m.Ack()
	}
}

func dedupe(t *testing.T, d Driver) {
	b := open(t, d)
	got, _ := consume(t, b, bus.Consumer{})
	m := bus.Message{Subject: bus.EventSubject(0, "j"), ID: "a"}
	again, other, anonymous := m, m, m
	other.ID, anonymous.ID = "b", ""
	publish(t, b, m, again, other, anonymous, anonymous)
	for _, want := range []string{"a", "b", "", ""} {
		m := next(t, got, want)
		if m.ID() != want {
			t.Fatalf("id %q, want %q", m.ID(), want)
		}
		m.Ack()
	}
	publish(t, b, again)
	none(t, got, "a repeat of an acknowledged message")
}

func malformed(t *testing.T, d Driver) {
	b := open(t, d)
	for subject, want := range map[string]error{
		"":                      bus.ErrMessage,
		"heddle..x":             bus.ErrMessage,
		"heddle.event.0.a b":    bus.ErrMessage,
		"heddle.event.0.*":      bus.ErrMessage,
		"heddle.event.0.>":      bus.ErrMessage,
		"heddle.event.0.\r\nx":  bus.ErrMessage,
		"heddle.nowhere":        bus.ErrNoStream,
		"heddle.event.0.a.more": bus.ErrNoStream,
	} {
		if err := b.Publish(t.Context(), bus.Message{Subject: subject})[0]; !errors.Is(err, want) {
			t.Errorf("publish to %q: %v, want %v", subject, err, want)
		}
	}
	for k, v := range map[string]string{"Nats-Rollup": "all", "a b": "x", "a:": "x", "": "x", "k": "x\ny", "k2": " x"} {
		m := bus.Message{Subject: bus.EventSubject(0, "j"), Header: map[string]string{k: v}}
		if err := b.Publish(t.Context(), m)[0]; !errors.Is(err, bus.ErrMessage) {
			t.Errorf("publish with header %q: %q: %v, want ErrMessage", k, v, err)
		}
	}
	nop := func(bus.Delivery) {}
	for _, c := range []bus.Consumer{
		{Stream: bus.Events},
		{Stream: bus.Events, Name: "a.b"},
		{Stream: bus.Events, Name: "a", Filter: []string{"x y"}},
		{Stream: bus.Events, Name: "a", Filter: []string{"heddle.event.0.>", "heddle.event.*.a"}},
		{Stream: bus.Events, Name: "a", AckWait: -1},
		{Stream: bus.Events, Name: "a", Prefetch: -1},
	} {
		if err := b.Consume(t.Context(), c, nop); !errors.Is(err, bus.ErrConsumer) {
			t.Errorf("consume %+v: %v, want ErrConsumer", c, err)
		}
	}
	if err := b.Consume(t.Context(), bus.Consumer{Stream: "OTHER", Name: "a"}, nop); !errors.Is(err, bus.ErrNoStream) {
		t.Errorf("consume an unknown stream: %v, want ErrNoStream", err)
	}
	if err := b.Tail(t.Context(), "OTHER", "", 1, nil); !errors.Is(err, bus.ErrNoStream) {
		t.Errorf("tail an unknown stream: %v, want ErrNoStream", err)
	}
	if err := b.Tail(t.Context(), bus.Events, "", 1, nil); !errors.Is(err, bus.ErrConsumer) {
		t.Errorf("tail a queue: %v, want ErrConsumer", err)
	}
	if err := b.Tail(t.Context(), bus.Feed, "a..b", 1, nil); !errors.Is(err, bus.ErrMessage) {
		t.Errorf("tail with a bad filter: %v, want ErrMessage", err)
	}
	if err := b.Signal(t.Context(), "a.*", nil); !errors.Is(err, bus.ErrMessage) {
		t.Errorf("signal to a wildcard: %v, want ErrMessage", err)
	}
	if err := b.Listen(t.Context(), "a b", nil); !errors.Is(err, bus.ErrMessage) {
		t.Errorf("listen to a bad pattern: %v, want ErrMessage", err)
	}
}

func nak(t *testing.T, d Driver) {
	b := open(t, d)
	got, _ := consume(t, b, bus.Consumer{})
	publish(t, b, events(1)...)
	next(t, got, "first").Nak(0)
	m := next(t, got, "after nak")
	if m.Deliveries() != 2 {
		t.Errorf("deliveries %d, want 2", m.Deliveries())
	}
	const delay = 400 * time.Millisecond
	start := time.Now()
	m.Nak(delay)
	m = next(t, got, "after delayed nak")
	if late := time.Since(start); late < delay {
		t.Errorf("came back after %s, want %s", late, delay)
	}
	wantData(t, m, "0")
	m.Ack()
	none(t, got, "after ack")
}

func ackWait(t *testing.T, d Driver) {
	b := open(t, d)
	got, _ := consume(t, b, bus.Consumer{AckWait: 300 * time.Millisecond})
	publish(t, b, events(1)...)
	next(t, got, "first")
	m := next(t, got, "after ack wait")
	if m.Deliveries() != 2 {
		t.Errorf("deliveries %d, want 2", m.Deliveries())
	}
	m.Ack()
	select {
	case m := <-got:
		t.Errorf("delivery %d after ack", m.Deliveries())
	case <-time.After(600 * time.Millisecond):
	}
}

func working(t *testing.T, d Driver) {
	b := open(t, d)
	const lease = 600 * time.Millisecond
	got, _ := consume(t, b, bus.Consumer{AckWait: lease})
	publish(t, b, events(1)...)
	m := next(t, got, "first")
	for range 8 {
		m.Working()
		select {
		case m := <-got:
			t.Fatalf("delivery %d while working", m.Deliveries())
		case <-time.After(lease / 4):
		}
	}
	if again := next(t, got, "after working stopped"); again.Deliveries() != 2 {
		t.Errorf("deliveries %d, want 2", again.Deliveries())
	} else {
		again.Ack()
	}
}

func term(t *testing.T, d Driver) {
	b := openWith(t, d, limited(bus.Events, 1))
	got, _ := consume(t, b, bus.Consumer{AckWait: 200 * time.Millisecond})
	publish(t, b, events(1)...)
	next(t, got, "first").Term("poison")
	none(t, got, "after term")
	// The queue of one has room again.
	eventually(t, "room after term", func() bool { return fail(b.Publish(t.Context(), events(1)...)) == nil })
	next(t, got, "the next message").Ack()
}

func settledOnce(t *testing.T, d Driver) {
	b := open(t, d)
	got, _ := consume(t, b, bus.Consumer{})
	publish(t, b, events(1)...)
	m := next(t, got, "first")
	m.Ack()
	m.Nak(0)
	m.Working()
	m.Term("late")
	m.Ack()
	none(t, got, "after ack, then nak")
}

func confirm(t *testing.T, d Driver) {
	b := openWith(t, d, limited(bus.Events, 1))
	got, _ := consume(t, b, bus.Consumer{})
	for range 3 {
		publish(t, b, events(1)...) // fits each time because Confirm returns after the removal
		if err := next(t, got, "message").Confirm(t.Context()); err != nil {
			t.Fatalf("confirm: %v", err)
		}
	}
}

func maxDeliver(t *testing.T, d Driver) {
	b := open(t, d)
	got, _ := consume(t, b, bus.Consumer{MaxDeliver: 2, AckWait: 200 * time.Millisecond})
	publish(t, b, events(1)...)
	next(t, got, "first").Nak(0)
	next(t, got, "second").Nak(0)
	none(t, got, "third")
}

func sharedDurable(t *testing.T, d Driver) {
	b := open(t, d)
	const n = 400
	one, _ := consume(t, b, bus.Consumer{})
	two, _ := consume(t, b, bus.Consumer{})
	publish(t, b, events(n)...)
	seen := map[string]int{}
	for range n {
		var m bus.Delivery
		select {
		case m = <-one:
		case m = <-two:
		case <-time.After(patience):
			t.Fatalf("%d of %d came", len(seen), n)
		}
		seen[m.Subject()]++
		m.Ack()
	}
	none(t, one, "repeat")
	none(t, two, "repeat")
	if len(seen) != n {
		t.Errorf("%d different messages of %d", len(seen), n)
	}
}

func filter(t *testing.T, d Driver) {
	b := open(t, d)
	one, _ := consume(t, b, bus.Consumer{Name: "p1", Filter: []string{bus.EventFilter(1)}})
	two, _ := consume(t, b, bus.Consumer{Name: "p2", Filter: []string{bus.EventFilter(2), bus.EventFilter(3)}})
	for p := range 5 {
		publish(t, b, bus.Message{Subject: bus.EventSubject(p, "j")})
	}
	for ch, want := range map[<-chan bus.Delivery][]int{one: {1}, two: {2, 3}} {
		for _, p := range want {
			m := next(t, ch, "partition "+strconv.Itoa(p))
			if m.Subject() != bus.EventSubject(p, "j") {
				t.Errorf("subject %q, want partition %d", m.Subject(), p)
			}
			m.Ack()
		}
		none(t, ch, "another partition's")
	}
}

func overlap(t *testing.T, d Driver) {
	b := open(t, d)
	got, _ := consume(t, b, bus.Consumer{Name: "one", Filter: []string{bus.EventFilter(1)}})
	publish(t, b, bus.Message{Subject: bus.EventSubject(1, "j")})
	next(t, got, "first").Ack()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := bus.Consumer{Stream: bus.Events, Name: "other", Filter: []string{"heddle.event.*.j"}}
	if err := b.Consume(ctx, c, func(bus.Delivery) {}); !errors.Is(err, bus.ErrConsumer) {
		t.Errorf("overlapping consumer on a queue: %v, want ErrConsumer", err)
	}
}

func maxPending(t *testing.T, d Driver) {
	b := open(t, d)
	got, _ := consume(t, b, bus.Consumer{MaxPending: 3})
	publish(t, b, events(6)...)
	var held []bus.Delivery
	for range 3 {
		held = append(held, next(t, got, "within the bound"))
	}
	none(t, got, "beyond the bound")
	held[1].Ack()
	m := next(t, got, "after an ack")
	wantData(t, m, "3")
	none(t, got, "beyond the bound again")
	for _, m := range append(held, m) {
		m.Ack()
	}
	next(t, got, "rest").Ack()
	next(t, got, "rest").Ack()
}

// prefetch has one Consume call hold all it may, for ever: others of its name go on, and it
// does itself once it has settled some.
func prefetch(t *testing.T, d Driver) {
	b := open(t, d)
	const bound, n = 4, 40
	c := bus.Consumer{Prefetch: bound, MaxPending: 1000}
	idle, _ := consume(t, b, c)
	publish(t, b, events(n)...)
	var held []bus.Delivery
	for range bound {
		held = append(held, next(t, idle, "within the bound"))
	}
	none(t, idle, "beyond the bound")
	held[0].Working()
	none(t, idle, "beyond the bound, with a lease prolonged")

	busy, stop := consume(t, b, c)
	for range n - bound {
		next(t, busy, "of another call").Ack()
	}
	none(t, busy, "what the first call holds")
	stop()

	publish(t, b, events(n)...)
	held[0].Ack()
	held[1].Nak(0)
	held[2].Term("given up")
	if err := held[3].Confirm(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range n + 1 {
		next(t, idle, "after some were settled").Ack()
	}
	none(t, idle, "after the last")
}

// prefetchLeases has a Consume call settle nothing: what it held too long it holds no more.
func prefetchLeases(t *testing.T, d Driver) {
	b := open(t, d)
	const bound = 2
	got, _ := consume(t, b, bus.Consumer{Prefetch: bound, AckWait: 300 * time.Millisecond})
	publish(t, b, events(bound+1)...)
	seen := map[string]bool{}
	for len(seen) < bound {
		seen[next(t, got, "within the bound").Subject()] = true
	}
	for len(seen) < bound+1 {
		m := next(t, got, "after the leases ended")
		seen[m.Subject()] = true
		if m.Deliveries() > 1 {
			m.Ack()
		}
	}
}
