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
