// Package bustest is the suite every bus driver passes.
package bustest

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/heddlehq/heddle/engine/bus"
)

// Driver tells the suite how to work a driver.
type Driver struct {
	// Open returns an empty bus with these streams. The suite closes it.
	Open func(t *testing.T, streams []bus.Stream) bus.Bus
	// Wipe loses all streams under the running bus, as deleting the broker's files does.
	Wipe func(t *testing.T, b bus.Bus)
}

// Run runs the suite. Its tests run in parallel, each on a bus of its own.
func Run(t *testing.T, d Driver) {
	for name, test := range map[string]func(*testing.T, Driver){
		"order":            order,
		"names":            names,
		"dedupe":           dedupe,
		"malformed":        malformed,
		"nak":              nak,
		"ack wait":         ackWait,
		"working":          working,
		"term":             term,
		"settled once":     settledOnce,
		"confirm":          confirm,
		"max deliver":      maxDeliver,
		"shared durable":   sharedDurable,
		"filter":           filter,
		"overlap":          overlap,
		"max pending":      maxPending,
		"prefetch":         prefetch,
		"prefetch, leases": prefetchLeases,
		"full":             full,
		"too large":        tooLarge,
		"context end":      func(t *testing.T, d Driver) { contextEnd(t, d, bus.Consumer{}) },
		"prefetch, end":    func(t *testing.T, d Driver) { contextEnd(t, d, bus.Consumer{Prefetch: 8}) },
		"resume":           resume,
		"peek":             peek,
		"tail":             tail,
		"tail from now":    tailFromNow,
		"feed forgets":     feedForgets,
		"signal":           signal,
		"epoch":            epoch,
		"loss":             func(t *testing.T, d Driver) { loss(t, d, bus.Consumer{}) },
		"loss, prefetch":   func(t *testing.T, d Driver) { loss(t, d, bus.Consumer{Prefetch: 8}) },
		"loss, then tail":  lossTail,
		"close":            closing,
		"concurrent":       concurrent,
		"publish canceled": publishCanceled,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, d)
		})
	}
}

const (
	patience = 20 * time.Second       // for what must happen
	quiet    = 250 * time.Millisecond // for what must not
)

func open(t *testing.T, d Driver) bus.Bus {
	t.Helper()
	return openWith(t, d, bus.Streams())
}

func openWith(t *testing.T, d Driver, streams []bus.Stream) bus.Bus {
	t.Helper()
	b := d.Open(t, streams)
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return b
}

// limited returns the public streams with the named one bounded to n messages.
func limited(name string, n int64) []bus.Stream {
	streams := bus.Streams()
	for i := range streams {
		if streams[i].Name == name {
			streams[i].MaxMsgs = n
		}
	}
	return streams
}

// events returns n messages for partition 0, jobs j0 and up, with their number as data.
func events(n int) []bus.Message {
	msgs := make([]bus.Message, n)
	for i := range msgs {
		msgs[i] = bus.Message{Subject: bus.EventSubject(0, "j"+strconv.Itoa(i)), Data: []byte(strconv.Itoa(i))}
	}
	return msgs
}

func publish(t *testing.T, b bus.Bus, msgs ...bus.Message) {
	t.Helper()
	for i, err := range b.Publish(t.Context(), msgs...) {
		if err != nil {
			t.Fatalf("publish %q: %v", msgs[i].Subject, err)
		}
	}
}

// run keeps do going beside the test and returns what ends it, which the test's end does too.
func run(t *testing.T, what string, do func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() {
		if err := do(ctx); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	})
	stop = func() {
		cancel()
		ended.Wait()
	}
	t.Cleanup(stop)
	return stop
}

// consume starts a consumer and returns a channel of its deliveries.
func consume(t *testing.T, b bus.Bus, c bus.Consumer) (got <-chan bus.Delivery, stop func()) {
	t.Helper()
	ch := make(chan bus.Delivery, 4096)
	if c.Stream == "" {
		c.Stream = bus.Events
	}
	if c.Name == "" {
		c.Name = "engine"
	}
	stop = run(t, "consume "+c.Name, func(ctx context.Context) error {
		return b.Consume(ctx, c, func(d bus.Delivery) { ch <- d })
	})
	return ch, stop
}

func next[T any](t *testing.T, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("%s: nothing came", what)
		panic("unreachable")
	}
}

func none(t *testing.T, ch <-chan bus.Delivery, what string) {
	t.Helper()
	select {
	case d := <-ch:
		t.Fatalf("%s: %s came, delivery %d", what, d.Subject(), d.Deliveries())
	case <-time.After(quiet):
	}
}

func wantData(t *testing.T, d bus.Delivery, want string) {
	t.Helper()
	if got := string(d.Data()); got != want {
		t.Fatalf("delivery of %s: data %q, want %q", d.Subject(), got, want)
	}
}

// eventually repeats try until it reports success.
func eventually(t *testing.T, what string, try func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !try(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s: did not happen", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func fail(errs []error) error {
	for i, err := range errs {
		if err != nil {
			return fmt.Errorf("message %d: %w", i, err)
		}
	}
	return nil
}
