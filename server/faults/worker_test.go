//go:build linux

package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// worker is an adapter outside of the server that does what a test scripts, right or wrong.
// It speaks NATS by itself, so that nothing keeps it from lying.
type worker struct {
	s      *server
	app    string
	lease  time.Duration
	do     func(order)
	cancel context.CancelFunc
	busy   sync.WaitGroup
	joined atomic.Int64 // times it reached the bus
	url    string       // of the bus, as it was last known
}

// order is an order in a worker's hands.
type order struct {
	adapters.Order
	msg jetstream.Msg
	js  jetstream.JetStream
}

// employ sets a worker to work on all orders for an application until the test ends.
func employ(s *server, app string, do func(order)) *worker {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &worker{s: s, app: app, lease: 3 * time.Second, do: do, cancel: cancel}
	w.busy.Go(func() { w.run(ctx) })
	s.t.Cleanup(w.die)
	waitFor(s.t, 10*time.Second, func() (bool, string) { return w.joined.Load() > 0, "the worker has not joined the bus" })
	return w
}

// die ends the worker without a word: what it holds is neither answered nor given back.
func (w *worker) die() {
	w.cancel()
	w.busy.Wait()
}

// run joins the bus again whenever it lost it.
func (w *worker) run(ctx context.Context) {
	for ctx.Err() == nil {
		_ = w.join(ctx) // whatever went wrong is a reason to join again
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (w *worker) join(ctx context.Context) error {
	// The address stays good when the file is gone, as it does for a worker that has read it.
	if url, err := busURL(w.s); err == nil {
		w.url = url
	}
	conn, js, err := connect(w.url)
	if err != nil {
		return err
	}
	defer conn.Close()
	within, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	consumer, err := js.CreateOrUpdateConsumer(within, bus.Tasks, jetstream.ConsumerConfig{
		Durable: "pool-default-" + w.app, AckPolicy: jetstream.AckExplicitPolicy, AckWait: w.lease, MaxAckPending: 1024,
		FilterSubjects: []string{"heddle.task.default." + w.app + ".>"},
	})
	if err != nil {
		return err
	}
	w.joined.Add(1)
	for ctx.Err() == nil {
		batch, err := consumer.Fetch(64, jetstream.FetchMaxWait(500*time.Millisecond))
		if err != nil {
			return err
		}
		for msg := range batch.Messages() {
			o, err := adapters.ParseOrder(msg.Data())
			if err != nil {
				w.s.t.Errorf("the engine gave an order that is none: %v: %s", err, msg.Data())
				continue
			}
			w.busy.Go(func() { w.do(order{o, msg, js}) })
		}
		if err := batch.Error(); err != nil && !errors.Is(err, nats.ErrTimeout) {
			return err
		}
	}
	return nil
}

// busURL reads where the embedded bus of a server is, and how to get in.
func busURL(s *server) (string, error) {
	if s.natsURL != "" {
		return s.natsURL, nil
	}
	data, err := os.ReadFile(filepath.Join(s.data, "bus.url"))
	return strings.TrimSpace(string(data)), err
}

func connect(url string) (*nats.Conn, jetstream.JetStream, error) {
	conn, err := nats.Connect(url, nats.NoReconnect(), nats.Timeout(2*time.Second))
	if err != nil {
		return nil, nil, err
	}
	js, err := jetstream.New(conn)
	if err != nil {
		conn.Close()
	}
	return conn, js, err
}

// dial connects to a server's bus for a test that writes to it.
func dial(s *server) (*nats.Conn, jetstream.JetStream) {
	s.t.Helper()
	url, err := busURL(s)
	if err != nil {
		s.t.Fatal(err)
	}
	conn, js, err := connect(url)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(conn.Close)
	return conn, js
}

// say publishes an event of the order's job; id "" is not remembered as a duplicate.
func (o order) say(data []byte, id string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var opts []jetstream.PublishOpt
	if id != "" {
		opts = append(opts, jetstream.WithMsgID(id))
	}
	_, err := o.js.Publish(ctx, bus.EventSubject(engine.Partition(o.Job, adapters.DefaultPartitions), o.Job), data, opts...)
	return err
}

// success is the result of work done.
func success(n int64) adapters.Result {
	return adapters.Result{State: workflows.Success, Outgoing: value.Object("result", value.Int(n))}
}

// answer gives the result and settles the order, as the protocol has it.
func (o order) answer(r adapters.Result) {
	if o.say(o.Finished(r), o.Key+"/finished") != nil {
		_ = o.msg.NakWithDelay(time.Second) // it comes again in any case
		return
	}
	_ = o.msg.Ack() // else it comes again and is answered again
}

// ledger is a target outside: it writes down each effect by the idempotency key it came with.
type ledger struct {
	mu   sync.Mutex
	keys map[string]map[string]int // by job, by key: how often it came
}

// employLedger answers the orders for the application Ledger.
func employLedger(s *server, l *ledger) *worker {
	s.t.Helper()
	return employ(s, "Ledger", func(o order) {
		l.note(o)
		o.answer(success(1))
	})
}

func (l *ledger) note(o order) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.keys[o.Job] == nil {
		l.keys[o.Job] = map[string]int{}
	}
	l.keys[o.Job][o.Key]++
}

// of tells how many different effects a job had, and how many deliveries it took.
func (l *ledger) of(job string) (effects, deliveries int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range l.keys[job] {
		deliveries += n
	}
	return len(l.keys[job]), deliveries
}

// once checks that the history of a job has no gaps and no second result for an iteration,
// and returns the states of the results by task and iteration.
func once(t *testing.T, s *server, job string) map[string]string {
	t.Helper()
	results := map[string]string{}
	var last int64
	for _, e := range s.history(job) {
		seq, _ := e.Get("seq").Int()
		if seq != last+1 {
			t.Errorf("the history of job %s goes from %d to %d", job, last, seq)
		}
		last = seq
		if e.Get("type").Text() != "TaskFinished" {
			continue
		}
		n, _ := e.Get("iteration").Int()
		key := fmt.Sprintf("%s/%d", e.Get("task").Text(), n)
		if before, twice := results[key]; twice {
			t.Errorf("job %s has two results for %s: %s and %s", job, key, before, e)
		}
		results[key] = e.Path("outcome", "finishState").Text()
	}
	if last == 0 {
		t.Errorf("job %s has no history", job)
	}
	return results
}
