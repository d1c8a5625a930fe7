//go:build linux

package faults

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/workflows/value"
	"github.com/heddlehq/heddle/workflows/workflowtest"
)

// onBroker starts a server whose bus is a broker of its own, and gives it a load.
func onBroker(t *testing.T) (*broker, *load) {
	t.Helper()
	b := newBroker(t)
	s := newServer(t, "--nats", b.url())
	s.natsURL = b.url()
	s.start()
	return b, newLoad(s)
}

// TestFT05_brokerKilled kills the broker again and again under a running server.
func TestFT05_brokerKilled(t *testing.T) {
	notShort(t)
	b, l := onBroker(t)
	for k := range pick(3, 20) {
		given := l.giveMeanwhile(20)
		time.Sleep(rand.N(600 * time.Millisecond)) // when it dies is chance
		b.kill()
		time.Sleep(rand.N(800 * time.Millisecond)) // how long it is away, too
		b.start()
		t.Logf("death %d: a new job done %s after the broker's return", k+1, l.recovered().Round(time.Millisecond))
		<-given
	}
	l.judge(time.Minute)
}

// TestFT06_storageWiped deletes what the broker has stored: while it runs, inside the
// server and beside it, and while it is down.
func TestFT06_storageWiped(t *testing.T) {
	t.Run("inside the server", func(t *testing.T) {
		s := serve(t)
		l := newLoad(s)
		given := l.giveMeanwhile(40)
		time.Sleep(rand.N(600 * time.Millisecond)) // when they go is chance
		s.wipeBus()
		t.Logf("a new job done %s after the files went", l.recovered().Round(time.Millisecond))
		<-given
		l.judge(time.Minute)
	})
	t.Run("beside the server", func(t *testing.T) {
		notShort(t)
		b, l := onBroker(t)
		given := l.giveMeanwhile(40)
		time.Sleep(rand.N(600 * time.Millisecond)) // when they go is chance
		b.kill()
		b.wipe()
		b.start()
		t.Logf("a new job done %s after the broker's return", l.recovered().Round(time.Millisecond))
		<-given
		l.judge(time.Minute)
	})
}

// TestFT06_credentialsReturn wants adapters of other processes to find their way to a bus
// whose folder was deleted.
func TestFT06_credentialsReturn(t *testing.T) {
	notShort(t)
	s := serve(t)
	before, err := busURL(s)
	if err != nil {
		t.Fatal(err)
	}
	s.wipeBus()
	waitFor(t, 10*time.Second, func() (bool, string) {
		after, err := busURL(s)
		if err != nil {
			return false, err.Error()
		}
		return after == before, "the file names another way in: " + after
	})
}

// TestFT07_unsyncedWritesLost cuts off what the broker has written last.
func TestFT07_unsyncedWritesLost(t *testing.T) {
	notShort(t)
	t.Run("with the server", func(t *testing.T) {
		s := serve(t)
		l := newLoad(s)
		given := l.giveMeanwhile(40)
		time.Sleep(rand.N(800 * time.Millisecond)) // when the power goes is chance
		s.kill()
		t.Logf("%d files cut", forget(t, filepath.Join(s.data, "bus")))
		s.start()
		t.Logf("ready after %s, a new job done after %s", s.took.Round(time.Millisecond), l.recovered().Round(time.Millisecond))
		<-given
		l.judge(time.Minute)
	})
	t.Run("beside the server", func(t *testing.T) {
		b, l := onBroker(t)
		l.give(40)
		b.kill()
		t.Logf("%d files cut", forget(t, b.dir))
		b.start()
		t.Logf("a new job done %s after the broker's return", l.recovered().Round(time.Millisecond))
		l.judge(time.Minute)
	})
}

// TestFT09_busFull makes the streams refuse what is sent, again and again, and has a worker
// hand back each order ten times.
func TestFT09_busFull(t *testing.T) {
	notShort(t)
	s := serve(t)
	s.install(workflowtest.Draw("Handed back", "start>a1 a1>end", workflowtest.Adapter("a1", "Reluctant", "do", `{"adapter_id":"x"}`, "")))
	var handed atomic.Int64
	employ(s, "Reluctant", func(o order) {
		if meta, err := o.msg.Metadata(); err == nil && meta.NumDelivered <= 10 {
			handed.Add(1)
			_ = o.msg.Nak() // else its lease runs out
			return
		}
		o.answer(success(1))
	})
	l := newLoad(s)
	_, js := dial(s)
	given := l.giveMeanwhile(60)
	for range 20 {
		l.startOf("Handed back", value.Object())
	}
	narrowed := 0
	for range pick(30, 300) {
		for _, name := range []string{bus.Events, bus.Tasks} {
			if narrow(t.Context(), js, name) == nil {
				narrowed++
			}
		}
		time.Sleep(100 * time.Millisecond) // the bus looks after its streams meanwhile
	}
	<-given
	t.Logf("streams narrowed %d times, %d orders handed back", narrowed, handed.Load())
	l.judge(time.Minute)
}

// narrow leaves a stream room for no more than it has.
func narrow(ctx context.Context, js jetstream.JetStream, name string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	stream, err := js.Stream(ctx, name)
	if err != nil {
		return err
	}
	config := stream.CachedInfo().Config
	config.MaxMsgs = max(1, int64(stream.CachedInfo().State.Msgs))
	_, err = js.UpdateStream(ctx, config)
	return err
}
