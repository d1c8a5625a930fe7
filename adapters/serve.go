package adapters

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/payload"
	"github.com/heddlehq/heddle/engine/sealed"
)

// Server runs the calls of one kind of adapter.
type Server struct {
	Bus        bus.Bus
	Kind       *Kind
	Instances  []Instance
	Secrets    Secrets           // resolves $secret.<name> in configurations; nil knows none
	Pool       string            // "" means DefaultPool
	Name       string            // shown to people as who works; "" means kind@host
	Partitions int               // of the event subjects; 0 means DefaultPartitions
	Parallel   int               // calls at once; 0 means 16
	Lease      time.Duration     // see Worker
	Grace      time.Duration     // how long calls may go on once ctx ended; 0 means 10 s
	Own        bool              // see Worker
	Payloads   *payload.Payloads // see Worker
	Seal       sealed.Box        // see Worker
	Log        *slog.Logger      // nil discards

	once    sync.Once
	known   *instances
	wrong   error
	changed chan struct{} // the instances were replaced
}

// Serve runs the calls of a kind until ctx ends and those under way have had ten seconds to
// finish; what is left is canceled and goes back to the queue. A [Server] has more to set.
func Serve(ctx context.Context, b bus.Bus, kind *Kind, instances ...Instance) error {
	return (&Server{Bus: b, Kind: kind, Instances: instances}).Run(ctx)
}

// Run serves until ctx ends and what was under way is drained.
func (s *Server) Run(ctx context.Context) error {
	known, err := s.instances()
	if err != nil {
		return err
	}
	defer known.set(nil) // closes what is open
	w := s.worker()
	// The helper outlasts the work: instances stay watched while it drains.
	watching, rest := context.WithCancel(context.WithoutCancel(ctx))
	var helper sync.WaitGroup
	defer helper.Wait()
	defer rest()
	helper.Go(func() { s.watch(watching, known) })
	helper.Go(func() { s.announce(ctx, cmp.Or(s.Pool, DefaultPool), w.Name) })
	return Work(ctx, s.Bus, w, func(ctx context.Context, o Order) Result { return s.call(ctx, w, known, o) })
}

// Set replaces the instances, also while the server runs. Calls under way end as they began;
// those that wait look for their instance anew.
func (s *Server) Set(instances ...Instance) error {
	known, err := s.instances()
	if err != nil {
		return err
	}
	if err := known.set(instances); err != nil {
		return err
	}
	select {
	case s.changed <- struct{}{}:
	default: // told already
	}
	return nil
}

// instances are those the server was given first, or what Set made of them.
func (s *Server) instances() (*instances, error) {
	s.once.Do(func() {
		s.changed = make(chan struct{}, 1)
		s.known, s.wrong = newInstances(s.Kind, s.Secrets, s.Instances)
	})
	return s.known, s.wrong
}

func (s *Server) log() *slog.Logger {
	if s.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Log
}

func (s *Server) worker() Worker {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	pool := cmp.Or(s.Pool, DefaultPool)
	return Worker{
		Name:       cmp.Or(s.Name, s.Kind.name()+"@"+host),
		Consumer:   ConsumerName(pool, s.Kind.App),
		Filter:     []string{bus.TaskFilter(pool, s.Kind.App)},
		Partitions: s.Partitions, Parallel: s.Parallel, Lease: s.Lease, Grace: cmp.Or(s.Grace, 10*time.Second),
		Announce: true, Own: s.Own, Payloads: s.Payloads, Seal: s.Seal, Log: s.Log,
	}.withDefaults()
}

// ConsumerName is the durable that all processes of an adapter share.
func ConsumerName(pool, app string) string {
	return bus.PoolConsumer(pool, app).Name
}

func (s *Server) call(ctx context.Context, w Worker, known *instances, o Order) Result {
	if o.App != s.Kind.App {
		return Fail(engine.ClassProtocol, fmt.Sprintf("the order is for %q, not for %q", o.App, s.Kind.App))
	}
	method, ok := s.Kind.method(o.Method)
	if !ok {
		var names []string
		for _, m := range s.Kind.Methods {
			names = append(names, m.name)
		}
		return Fail(engine.ClassInput, fmt.Sprintf("%s has no method %q; it has %s", o.App, o.Method, strings.Join(names, ", ")))
	}
	c := &Call{Order: o, worker: w.Name, bus: s.Bus}
	c.publish = func(data []byte) {
		if err := publish(ctx, s.Bus, w.Partitions, &o, "", data); err != nil {
			w.Log.Warn("event not sent, the work goes on", "err", err, "job", o.Job, "task", o.Task)
		}
	}
	for {
		r, err := s.through(ctx, w, known, method, c)
		switch {
		case err == nil:
			return r
		case errors.Is(err, errReplaced):
			continue
		case errors.Is(err, errCrowded):
			return Result{again: crowdedFor}
		}
		return result(ctx, err)
	}
}

// crowdedFor is how long an order stays away that found too many waiting.
const crowdedFor = 2 * time.Second

// through makes a call once the limits of its instance allow it.
func (s *Server) through(ctx context.Context, w Worker, known *instances, method *Spec, c *Call) (Result, error) {
	e, err := known.find(c.Order.AdapterID)
	if err != nil {
		return Result{}, err
	}
	// Half of the worker's places are for calls of other instances.
	leave, err := e.gate.enter(ctx, int64(w.Parallel/2), func(why string) { c.publish(c.Order.Progressed(c.worker, 0, "waiting: "+why)) })
	if err != nil {
		return Result{}, err
	}
	var r Result
	defer func() { leave(r) }()
	instance, err := known.get(ctx, e)
	if err != nil {
		if !errors.Is(err, errReplaced) {
			r = result(ctx, err)
		}
		return Result{}, err
	}
	defer instance.release()
	c.Instance, c.opened = instance.Instance, instance
	r = method.guarded(ctx, c)
	r.Outgoing, r.Error, r.Changes = instance.strike(r.Outgoing), instance.strike(r.Error), instance.strike(r.Changes)
	e.health.learn(r)
	return r, nil
}

// guarded calls the method; a panic, whose text may hold secrets, is caught before they are struck out.
func (s *Spec) guarded(ctx context.Context, c *Call) Result {
	return guard(ctx, c.Order, func(ctx context.Context, _ Order) Result { return s.do(ctx, c) })
}
