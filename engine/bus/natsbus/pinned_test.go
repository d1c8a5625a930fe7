package natsbus_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/bus/natsbus"
)

// Who is pinned stays so although there is little to do for longer than the server believes in
// an owner without a sign of life.
func TestConsume_pinnedThroughQuiet(t *testing.T) {
	if testing.Short() {
		t.Skip("the server's patience with an owner is seconds")
	}
	t.Parallel()
	b := open(t, natsbus.Options{Embedded: &natsbus.Embedded{Dir: t.TempDir()}})
	t.Cleanup(func() { closeBus(t, b) })
	got := make(chan string, 16)
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		ended.Wait()
	})
	for _, name := range []string{"one", "two"} {
		ended.Go(func() {
			err := b.Consume(ctx, bus.Consumer{Stream: bus.Events, Name: "engine", Pinned: true}, func(d bus.Delivery) {
				d.Ack()
				got <- name
			})
			if err != nil {
				t.Errorf("consume: %v", err)
			}
		})
	}
	next := func() string {
		publish(t, b, ring)
		select {
		case name := <-got:
			return name
		case <-time.After(patience):
			t.Fatal("nothing came")
			return ""
		}
	}
	owner := next()
	for end := time.Now().Add(natsbus.PinTTL * 5 / 2); time.Now().Before(end); {
		time.Sleep(natsbus.PinTTL / 4) // the quiet is what is tested
		if name := next(); name != owner {
			t.Fatalf("%s got a message, %s is pinned", name, owner)
		}
	}
}
