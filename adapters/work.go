package adapters

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/bus"
)

const cancelPrefix = "heddle.cancel."

// Handler does the work of an order. Its context ends when the job is canceled, the order's
// deadline passes or the worker is told to stop.
type Handler func(ctx context.Context, o Order) Result

// Worker describes a loop of work.
type Worker struct {
	Name       string   // shown to people as who works on a task
	Consumer   string   // durable name; workers that share it share the orders
	Filter     []string // subjects to take, see bus.TaskFilter
	Partitions int      // of the event subjects
	Parallel   int      // orders at once; 0 means 16
	Lease      time.Duration
	Announce   bool // send TaskStarted as well; worth its cost for slow work
	Log        *slog.Logger
}

// Work takes orders from the bus and answers them until ctx ends; orders under way get
// their context canceled and go back to the queue.
func Work(ctx context.Context, b bus.Bus, w Worker, handle Handler) error {
	if w.Parallel <= 0 {
		w.Parallel = 16
	}
	if w.Lease <= 0 {
		w.Lease = 30 * time.Second
	}
	slots := make(chan struct{}, w.Parallel)
	var running sync.WaitGroup
	flights := &flights{byJob: map[string]map[string]flight{}}
	defer running.Wait()
	running.Go(func() { flights.prolong(ctx, w.Lease/3) })
	running.Go(func() {
		if err := b.Listen(ctx, cancelPrefix+"*", flights.signal); err != nil && ctx.Err() == nil {
			w.Log.Warn("cancel signals lost", "err", err)
		}
	})
	return b.Consume(ctx, bus.Consumer{
		Stream: bus.Tasks, Name: w.Consumer, Filter: w.Filter, MaxPending: 2 * w.Parallel, AckWait: w.Lease,
	}, func(d bus.Delivery) {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			d.Nak(0)
			return
		}
		running.Go(func() {
			defer func() { <-slots }()
			w.one(ctx, b, d, handle, flights)
		})
	})
}

func (w *Worker) one(ctx context.Context, b bus.Bus, d bus.Delivery, handle Handler, flights *flights) {
	o, err := ParseOrder(d.Data())
	if err != nil {
		w.Log.Error("order refused", "err", err, "subject", d.Subject())
		d.Term("not an order: " + err.Error())
		return
	}
	o.LeaseSeconds = int(w.Lease / time.Second)
	work, cancel := context.WithCancel(ctx)
	if o.Deadline > 0 {
		work, cancel = context.WithDeadline(ctx, time.UnixMilli(o.Deadline))
	}
	defer cancel()
	defer flights.add(o.Job, o.Key, flight{cancel, d})()
	if w.Announce {
		w.send(ctx, b, &o, "started", o.Started(w.Name))
	}
	r := guard(work, o, handle)
	if ctx.Err() != nil && work.Err() != nil && r.State == "error" {
		d.Nak(0) // we are stopping: somebody else does it
		return
	}
	if w.send(context.WithoutCancel(ctx), b, &o, "finished", o.Finished(r)) {
		d.Ack()
		return
	}
	d.Nak(time.Second)
}

// guard turns a panic of the handler into a failed task.
func guard(ctx context.Context, o Order, handle Handler) (r Result) {
	defer func() {
		if p := recover(); p != nil {
			r = Fail(engine.ClassInternal, fmt.Sprintf("the worker panicked: %v\n%s", p, debug.Stack()))
		}
	}()
	return handle(ctx, o)
}

// send publishes an event about the order; it is false when the bus did not take it.
func (w *Worker) send(ctx context.Context, b bus.Bus, o *Order, kind string, data []byte) bool {
	err := b.Publish(ctx, bus.Message{Subject: bus.EventSubject(engine.Partition(o.Job, w.Partitions), o.Job), ID: o.Key + "/" + kind, Data: data})[0]
	if err != nil {
		w.Log.Warn("event not sent, the order goes back", "err", err, "job", o.Job, "task", o.Task)
	}
	return err == nil
}

// flights are the orders under way, by job and key.
type flights struct {
	mu    sync.Mutex
	byJob map[string]map[string]flight
}

type flight struct {
	cancel context.CancelFunc
	d      bus.Delivery
}

func (s *flights) add(job, key string, f flight) (remove func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byJob[job] == nil {
		s.byJob[job] = map[string]flight{}
	}
	s.byJob[job][key] = f
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.byJob[job], key)
		if len(s.byJob[job]) == 0 {
			delete(s.byJob, job)
		}
	}
}

// prolong renews the lease on every order under way.
func (s *flights) prolong(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.mu.Lock()
		for _, job := range s.byJob {
			for _, f := range job {
				f.d.Working()
			}
		}
		s.mu.Unlock()
	}
}

// signal takes heddle.cancel.<job> with the key of the order to stop, or "" for all.
func (s *flights) signal(subject string, data []byte) {
	job, err := bus.Untoken(strings.TrimPrefix(subject, cancelPrefix))
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, f := range s.byJob[job] {
		if len(data) == 0 || string(data) == key {
			f.cancel()
		}
	}
}
