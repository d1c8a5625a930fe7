package natsbus_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/bus/natsbus"
)

// left returns how many messages are in the stream.
func left(t *testing.T, b *natsbus.Bus, stream string) uint64 {
	t.Helper()
	js, err := jetstream.New(natsbus.Conn(b))
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}

func wantEmpty(t *testing.T, b *natsbus.Bus, stream string) {
	t.Helper()
	for deadline := time.Now().Add(patience); left(t, b, stream) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d messages left in %s, all were acknowledged", left(t, b, stream), stream)
		}
	}
}

// No message waits for the next one to be acknowledged.
func TestAck_lastOfMany(t *testing.T) {
	t.Parallel()
	b := open(t, natsbus.Options{Embedded: &natsbus.Embedded{Dir: t.TempDir()}})
	t.Cleanup(func() { closeBus(t, b) })
	ch := consume(t, b)
	for round := range 3 {
		for range 5 {
			publish(t, b, ring)
			wait(t, ch, "message of round "+strconv.Itoa(round))
		}
		wantEmpty(t, b, bus.Events)
	}
}

// An acknowledgement that was given is not lost by an orderly end, whichever call ends first.
func TestAck_beforeTheEnd(t *testing.T) {
	t.Parallel()
	for name, consumeFirst := range map[string]bool{"consume": true, "bus": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := natsbus.Options{Embedded: &natsbus.Embedded{Dir: t.TempDir()}}
			b := open(t, opts)
			publish(t, b, ring)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			acked := make(chan string, 1)
			var ended sync.WaitGroup
			ended.Go(func() {
				err := b.Consume(ctx, bus.Consumer{Stream: bus.Events, Name: "engine"}, func(d bus.Delivery) {
					d.Ack()
					acked <- d.Subject()
				})
				if err != nil {
					t.Errorf("consume: %v", err)
				}
			})
			wait(t, acked, "message")
			if consumeFirst {
				cancel()
				ended.Wait()
			}
			closeBus(t, b)
			ended.Wait()

			b = open(t, opts)
			defer closeBus(t, b)
			if n := left(t, b, bus.Events); n != 0 {
				t.Errorf("%d messages left after the restart, want none", n)
			}
		})
	}
}

// A consumer that may hold one message at a time cannot have its acknowledgement wait for the next.
func TestAck_oneAtATime(t *testing.T) {
	t.Parallel()
	b := open(t, natsbus.Options{Embedded: &natsbus.Embedded{Dir: t.TempDir()}})
	t.Cleanup(func() { closeBus(t, b) })
	const n = 200
	done := make(chan string, n)
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() {
		err := b.Consume(ctx, bus.Consumer{Stream: bus.Events, Name: "engine", MaxPending: 1}, func(d bus.Delivery) {
			d.Ack()
			done <- d.Subject()
		})
		if err != nil {
			t.Errorf("consume: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		ended.Wait()
	})
	msgs := make([]bus.Message, n)
	for i := range msgs {
		msgs[i] = ring
	}
	publish(t, b, msgs...)
	for range msgs {
		wait(t, done, "message")
	}
	wantEmpty(t, b, bus.Events)
}
