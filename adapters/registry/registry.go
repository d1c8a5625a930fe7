package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/payload"
	"github.com/heddlehq/heddle/engine/sealed"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// Options are what a registry works with. Store and Bus are required.
type Options struct {
	Store   store.Store
	Bus     bus.Bus
	Kinds   []*adapters.Kind
	Base    workflows.Catalog // methods that are nobody's adapter; they go first
	Secrets adapters.Secrets
	Seal    sealed.Box // opens the sealed values of orders; nil opens none
	Pools   []string   // whose instances this process serves; nil is the default pool
	Import  Importer   // of stored descriptions of APIs; nil knows none
	Idle    bool       // describe the kinds, but leave the work to others

	Partitions int
	Payloads   *payload.Payloads
	Name       string        // of this server, shown to people as who works
	Look       time.Duration // how often the store is looked at; 5 s unless set
	Forget     time.Duration // how long a manifest is kept whose adapter is silent; an hour unless set
	Log        *slog.Logger
	Now        func() time.Time
}

// Registry knows adapters. Its methods may be called from any goroutine, whether it runs or not.
type Registry struct {
	Options
	schema *store.Schema
	bell   chan struct{} // the store changed

	mu        sync.Mutex
	kinds     map[string]*adapters.Kind // by app
	instances map[string]Instance       // by name, as of the last look
	looked    bool
	serving   map[place]*serving
	prepared  map[place]bool
	manifests map[place]manifest
	models    map[string]model // by app
	catalog   *catalog         // nil when it has to be made anew
}

// place is where orders are taken.
type place struct{ pool, app string }

// serving is the work for the instances of one place.
type serving struct {
	server *adapters.Server
	stop   context.CancelFunc
}

// changed is the signal that adapters were changed.
const changed = "heddle.adapters.changed"

// New builds a registry.
func New(o Options) (*Registry, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Look <= 0 {
		o.Look = 5 * time.Second
	}
	if o.Forget <= 0 {
		o.Forget = time.Hour
	}
	if len(o.Pools) == 0 {
		o.Pools = []string{adapters.DefaultPool}
	}
	schema, err := store.NewSchema(store.Collections)
	if err != nil {
		return nil, err
	}
	r := &Registry{
		Options: o, schema: schema, bell: make(chan struct{}, 1), kinds: map[string]*adapters.Kind{}, instances: map[string]Instance{},
		serving: map[place]*serving{}, prepared: map[place]bool{}, manifests: map[place]manifest{},
	}
	for _, k := range o.Kinds {
		if r.kinds[k.App] != nil {
			return nil, fmt.Errorf("two kinds of adapters have the app %q", k.App)
		}
		r.kinds[k.App] = k
	}
	return r, nil
}

// Read takes in what the store knows, once: the catalog of a store that no server uses.
func (r *Registry) Read(ctx context.Context) error {
	return errors.Join(r.look(ctx), r.recall(ctx))
}

// Run serves the stored instances until ctx ends and what is under way is drained.
func (r *Registry) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() {
		if err := r.Bus.Listen(ctx, changed, func(string, []byte) { r.ring() }); err != nil && ctx.Err() == nil {
			r.Log.Warn("news of adapters lost", "err", err)
		}
	})
	running.Go(func() { r.discover(ctx) })
	tick := time.NewTicker(r.Look)
	defer tick.Stop()
	for {
		if err := r.look(ctx); err != nil && ctx.Err() == nil {
			r.Log.Warn("adapters not read", "err", err)
		} else if err == nil && !r.Idle {
			r.serve(ctx, &running)
			r.prepare(ctx)
		}
		select {
		case <-tick.C:
		case <-r.bell:
		case <-ctx.Done():
			return nil
		}
	}
}

func (r *Registry) ring() {
	select {
	case r.bell <- struct{}{}:
	default: // told already
	}
}

// look reads the stored models and instances.
func (r *Registry) look(ctx context.Context) error {
	if err := r.lookModels(ctx); err != nil {
		return err
	}
	page, err := r.Store.Find(ctx, store.Adapters, store.Query{NoTotal: true})
	if err != nil {
		return err
	}
	found := map[string]Instance{}
	for _, d := range page.Docs {
		v, err := value.ParseLast(d.Body)
		if err != nil {
			r.Log.Error("stored adapter cannot be read", "adapter", d.ID, "err", err)
			continue
		}
		found[d.ID] = instanceOf(v, d.Revision)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.instances, r.looked = found, true
	return nil
}

// serve starts, changes and stops servers, so that each place with instances has one.
func (r *Registry) serve(ctx context.Context, running *sync.WaitGroup) {
	r.mu.Lock()
	defer r.mu.Unlock()
	want := map[place][]adapters.Instance{}
	for app, k := range r.kinds {
		if k.Config.IsAbsent() && slices.Contains(r.Pools, adapters.DefaultPool) {
			want[place{adapters.DefaultPool, app}] = nil // there is nothing to configure
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.instances)) {
		i := r.instances[name]
		if r.kinds[i.App] != nil && slices.Contains(r.Pools, i.Pool) {
			p := place{i.Pool, i.App}
			want[p] = append(want[p], i.Instance)
		}
	}
	for p, s := range r.serving {
		if _, ok := want[p]; !ok || s.server.Kind != r.kinds[p.app] {
			s.stop()
			delete(r.serving, p)
		}
	}
	for p, instances := range want {
		if len(instances) == 0 {
			instances = []adapters.Instance{{ID: strings.ToLower(p.app)}}
		}
		if s := r.serving[p]; s != nil {
			if err := s.server.Set(instances...); err != nil {
				r.Log.Error("adapter instances not changed", "app", p.app, "err", err)
			}
			continue
		}
		r.start(ctx, running, p, instances)
	}
}

// preparer is a bus on which workers make no consumers themselves.
type preparer interface {
	Prepare(ctx context.Context, c bus.Consumer) error
}

// prepare makes the consumers of the places that other processes serve, once each.
func (r *Registry) prepare(ctx context.Context) {
	b, ok := r.Bus.(preparer)
	if !ok {
		return
	}
	var others []place
	r.mu.Lock()
	for _, i := range r.instances {
		p := place{i.Pool, i.App}
		if r.prepared[p] || r.kinds[i.App] != nil && slices.Contains(r.Pools, i.Pool) {
			continue
		}
		r.prepared[p] = true
		others = append(others, p)
	}
	r.mu.Unlock()
	for _, p := range others {
		// It overlaps with that of the whole pool if that is in use; then its worker takes the orders.
		if err := b.Prepare(ctx, bus.PoolConsumer(p.pool, p.app)); err != nil {
			r.Log.Info("consumer of a pool not made", "pool", p.pool, "app", p.app, "err", err)
		}
	}
}

// parallel is how many calls of one kind a process makes at once; instances have bounds of their own.
const parallel = 256

func (r *Registry) start(ctx context.Context, running *sync.WaitGroup, p place, instances []adapters.Instance) {
	ctx, stop := context.WithCancel(ctx)
	kind := r.kinds[p.app]
	s := &serving{stop: stop, server: &adapters.Server{
		Bus: r.Bus, Kind: kind, Instances: instances, Secrets: r.Secrets, Seal: r.Seal, Pool: p.pool, Partitions: r.Partitions, Payloads: r.Payloads,
		Parallel: parallel, Own: true, Log: r.Log,
	}}
	if r.Name != "" {
		s.server.Name = strings.ToLower(p.app) + "@" + r.Name
	}
	r.serving[p] = s
	running.Go(func() {
		defer stop()
		err := s.server.Run(ctx)
		if err == nil || errors.Is(err, context.Canceled) {
			return
		}
		r.Log.Error("adapters not served, trying again", "app", p.app, "pool", p.pool, "err", err)
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.serving[p] == s {
			delete(r.serving, p)
		}
	})
}

// Pool is where the orders go that name an app and an adapter instance.
func (r *Registry) Pool(app, instance string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i, ok := r.instances[instance]; ok && i.App == app {
		return i.Pool
	}
	return adapters.DefaultPool
}

// Lacks says why nobody takes an order, if it is for want of an instance or an adapter; else "".
func (r *Registry) Lacks(app, instance string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.looked {
		return ""
	}
	i, known := r.instances[instance]
	kind := r.kinds[app]
	var served, other bool
	for _, x := range r.instances {
		other = other || x.App == app
	}
	for p := range r.manifests {
		served = served || p.app == app
	}
	switch {
	case known && i.App != app:
		return fmt.Sprintf("The adapter instance %q is one of %s, not of %s.", instance, i.App, app)
	case known && i.Stopped:
		return fmt.Sprintf("The adapter instance %q is stopped; start it with: heddle adapter start %s", instance, instance)
	case known && kind != nil && slices.Contains(r.Pools, i.Pool), served, kind != nil && kind.Config.IsAbsent():
		return ""
	case known:
		return fmt.Sprintf("No adapter of %s is connected in the pool %q, which the adapter instance %q belongs to.", app, i.Pool, instance)
	case kind != nil && !other:
		return fmt.Sprintf("There is no adapter instance of %s yet; add one with: heddle adapter apply", app)
	case kind != nil && instance != "":
		return fmt.Sprintf("There is no adapter instance %q of %s.", instance, app)
	case kind == nil:
		return fmt.Sprintf("No adapter of %s is connected, and none ships with Heddle.", app)
	}
	return ""
}

// Manifests are those of every kind, ordered by app: the kinds that ship, then those of
// adapters in other processes.
func (r *Registry) Manifests() []value.Value {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []value.Value
	for _, app := range slices.Sorted(maps.Keys(r.kinds)) {
		out = append(out, r.kinds[app].Manifest())
	}
	for _, p := range slices.SortedFunc(maps.Keys(r.manifests), place.compare) {
		if r.kinds[p.app] == nil {
			out = append(out, r.manifests[p].doc.With("pool", value.String(p.pool)))
		}
	}
	return out
}
