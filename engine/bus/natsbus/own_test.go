package natsbus_test

import (
	"context"
	"testing"
	"time"

	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/bus/natsbus"
)

// What a process had in hand of a consumer of its own comes at once when it starts anew; what others may
// have in hand does not.
func TestConsume_own(t *testing.T) {
	t.Parallel()
	for name, own := range map[string]bool{"own": true, "shared": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			c := bus.Consumer{Stream: bus.Tasks, Name: "pool-x", AckWait: 4 * time.Second, Own: own}
			// life takes one message in hand, as it was published with the first life, and ends without settling it.
			life := func(first bool) (took time.Duration) {
				b := open(t, natsbus.Options{Embedded: &natsbus.Embedded{Dir: dir}})
				if first {
					if err := b.Publish(t.Context(), bus.Message{Subject: bus.TaskSubject("default", "Lab", "echo"), Data: []byte("x")})[0]; err != nil {
						t.Fatal(err)
					}
				}
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				began := time.Now()
				if err := b.Consume(ctx, c, func(bus.Delivery) { took = time.Since(began); cancel() }); err != nil {
					t.Fatal(err)
				}
				if took == 0 {
					t.Fatal("nothing is delivered")
				}
				if err := b.Close(); err != nil {
					t.Fatal(err)
				}
				return took
			}
			life(true)
			if took := life(false); own != (took < time.Second) {
				t.Errorf("after the restart it came in %s", took)
			}
		})
	}
}

// A process may divide the subjects among consumers of its own in another way than in its former life.
func TestConsume_ownDividesAnew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	subject := bus.TaskSubject("default", "Lab", "echo")
	for life, c := range []bus.Consumer{
		{Name: "pool-default-Lab", Filter: []string{bus.TaskFilter("default", "Lab")}},
		{Name: "mock", Filter: []string{bus.TaskFilter("default", "")}},
		{Name: "pool-default-Lab", Filter: []string{bus.TaskFilter("default", "Lab")}},
	} {
		c.Stream, c.Own = bus.Tasks, true
		b := open(t, natsbus.Options{Embedded: &natsbus.Embedded{Dir: dir}})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		if err := b.Publish(ctx, bus.Message{Subject: subject, Data: []byte("x")})[0]; err != nil {
			t.Fatal(err)
		}
		got := 0
		if err := b.Consume(ctx, c, func(d bus.Delivery) { d.Ack(); got++; cancel() }); err != nil || got == 0 {
			t.Errorf("life %d: %d messages, %v", life, got, err)
		}
		cancel()
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
