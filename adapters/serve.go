package adapters

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
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
}

// Serve runs the calls of a kind until ctx ends and those under way have had ten seconds to
// finish; what is left is canceled and goes back to the queue. A [Server] has more to set.
func Serve(ctx context.Context, b bus.Bus, kind *Kind, instances ...Instance) error {
	return (&Server{Bus: b, Kind: kind, Instances: instances}).Run(ctx)
}

// Run serves until ctx ends and what was under way is drained.
func (s *Server) Run(ctx context.Context) error {
	w, handle, err := s.worker()
	if err != nil {
		return err
	}
	return Work(ctx, s.Bus, w, handle)
}

func (s *Server) worker() (Worker, Handler, error) {
	known, err := newInstances(s.Kind, s.Secrets, s.Instances)
	if err != nil {
		return Worker{}, nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	pool := cmp.Or(s.Pool, DefaultPool)
	w := Worker{
		Name:       cmp.Or(s.Name, s.Kind.name()+"@"+host),
		Consumer:   ConsumerName(pool, s.Kind.App),
		Filter:     []string{bus.TaskFilter(pool, s.Kind.App)},
		Partitions: s.Partitions, Parallel: s.Parallel, Lease: s.Lease, Grace: cmp.Or(s.Grace, 10*time.Second),
		Announce: true, Own: s.Own, Payloads: s.Payloads, Seal: s.Seal, Log: s.Log,
	}.withDefaults()
	return w, func(ctx context.Context, o Order) Result { return s.call(ctx, w, known, o) }, nil
}

// ConsumerName is the durable that all processes of an adapter share.
func ConsumerName(pool, app string) string {
	return strings.NewReplacer("%", "_", "~", "_").Replace("pool-" + bus.Token(pool) + "-" + bus.Token(app))
}

func (s *Server) call(ctx context.Context, w Worker, known *instances, o Order) Result {
	method, ok := s.Kind.method(o.Method)
	if !ok {
		var names []string
		for _, m := range s.Kind.Methods {
			names = append(names, m.name)
		}
		return Fail(engine.ClassInput, fmt.Sprintf("%s has no method %q; it has %s", o.App, o.Method, strings.Join(names, ", ")))
	}
	instance, err := known.get(ctx, o.AdapterID)
	if err != nil {
		return result(ctx, err)
	}
	c := &Call{Order: o, Instance: instance.Instance, opened: instance, worker: w.Name}
	c.publish = func(data []byte) {
		if err := publish(ctx, s.Bus, w.Partitions, &o, "", data); err != nil {
			w.Log.Warn("event not sent, the work goes on", "err", err, "job", o.Job, "task", o.Task)
		}
	}
	r := method.guarded(ctx, c)
	r.Outgoing, r.Error, r.Changes = instance.strike(r.Outgoing), instance.strike(r.Error), instance.strike(r.Changes)
	return r
}

// guarded calls the method; a panic, whose text may hold secrets, is caught before they are struck out.
func (s *Spec) guarded(ctx context.Context, c *Call) Result {
	return guard(ctx, c.Order, func(ctx context.Context, _ Order) Result { return s.do(ctx, c) })
}
