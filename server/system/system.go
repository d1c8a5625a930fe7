// Package system puts one Heddle process together: a store, a bus, the library, the runner
// and the workers it brings along. The command line starts it with an API in front; a single
// run of a file and the benchmarks start it without.
package system

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/registry"
	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/builtin"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/bus/membus"
	"github.com/heddlehq/heddle/engine/bus/natsbus"
	"github.com/heddlehq/heddle/engine/keyring"
	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/payload"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/secrets"
	"github.com/heddlehq/heddle/engine/sources"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/memstore"
	"github.com/heddlehq/heddle/engine/store/mongostore"
	"github.com/heddlehq/heddle/engine/store/sqlitestore"
)

// Config says where a process keeps its things.
type Config struct {
	Data       string // folder of the embedded store and bus; "" keeps everything in memory
	Store      string // mongodb:// address of a store that servers share; "" is the embedded one
	NATS       []string
	Name       string            // of this server, shown to people
	BusListen  string            // address other processes reach the embedded bus at; "off" for none
	Partitions int               // of the event subjects; 32 unless set
	Allow      []netip.Prefix    // addresses that are not public but tasks may call all the same
	Payloads   payload.Options   // limits of large values
	Master     keyring.Master    // the master key; unless set that in the file master.key of the data folder
	Sources    *sources.Sources  // where secrets of adapters are besides the store; nil for nowhere
	Kinds      []*adapters.Kind  // of adapters, whose stored instances are served
	Import     registry.Importer // of stored descriptions of APIs
	Pools      []string          // whose instances are served; the default pool unless set
	Mocked     bool              // kinds are described, but somebody else does their work
	Log        *slog.Logger
	Now        func() time.Time
	Observer   runner.Observer // told what the runner does; nil for none
	Trace      bool            // orders to workers carry a W3C trace context
}

// System is one process' parts. Close releases them after Run has returned.
type System struct {
	Config
	Store    store.Store
	Bus      bus.Bus
	Library  *library.Library
	Payloads *payload.Payloads
	Keys     *keyring.Keyring
	Runner   *runner.Runner
	Adapters *registry.Registry
	Secrets  *secrets.Secrets
	workers  []func(ctx context.Context) error
	own      map[string]adapters.Handler // tasks that whoever opened the system does, by "app.method"
}

// Open opens the store and the bus and builds the rest.
func Open(ctx context.Context, c Config) (_ *System, err error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Partitions <= 0 {
		c.Partitions = 32
	}
	s := &System{Config: c}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if s.Store, err = c.openStore(ctx); err != nil {
		return nil, err
	}
	if s.Bus, err = c.openBus(ctx, s.Store); err != nil {
		return nil, err
	}
	s.Payloads = payload.InStore(s.Store, c.Payloads)
	if s.Keys, err = c.openKeys(s.Store); err != nil {
		return nil, err
	}
	if s.Secrets, err = secrets.New(s.Store, s.Keys, c.Now); err != nil {
		return nil, err
	}
	known := sources.Sources{}
	if c.Sources != nil {
		known = *c.Sources
	}
	known.Stored = s.Secrets.Get
	if s.Adapters, err = registry.New(registry.Options{
		Store: s.Store, Bus: s.Bus, Kinds: c.Kinds, Base: builtin.Catalog(), Secrets: known.Get, Seal: s.Keys, Pools: c.Pools, Import: c.Import, Idle: c.Mocked,
		Partitions: c.Partitions, Payloads: s.Payloads, Name: c.Name, Log: c.Log, Now: c.Now,
	}); err != nil {
		return nil, err
	}
	key, err := eventKey(ctx, s.Store)
	if err != nil {
		return nil, fmt.Errorf("key of orders: %w", err)
	}
	s.Library = library.New(library.Options{Store: s.Store, Catalog: s.Adapters, Now: c.Now})
	s.Runner = runner.New(runner.Options{
		Seal: s.Keys, Payloads: s.Payloads, Store: s.Store, Bus: s.Bus, Library: s.Library, Log: c.Log, Now: c.Now, Partitions: c.Partitions,
		Name: c.Name, Shared: c.Store != "", Pool: s.Adapters.Pool, Key: key, Observer: c.Observer, Trace: c.Trace,
	})
	s.Work(adapters.Worker{
		Name: "engine", Consumer: "pool-" + adapters.EnginePool, Filter: []string{bus.TaskFilter(adapters.EnginePool, "")}, Parallel: 64,
	}, s.outside)
	return s, nil
}

// MasterKeyFile is the file of a data folder with the master key, unless another is given.
const MasterKeyFile = "master.key"

// openKeys finds the master key. One that is in no data folder lives as long as the process.
func (c *Config) openKeys(st store.Store) (*keyring.Keyring, error) {
	master := c.Master
	var err error
	switch {
	case master != nil:
	case c.Data == "":
		var key [32]byte
		_, _ = rand.Read(key[:]) // never fails
		master, err = keyring.NewLocal(key[:])
	default:
		if err = os.MkdirAll(c.Data, 0o700); err == nil {
			master, err = keyring.FromFile(filepath.Join(c.Data, MasterKeyFile), true)
		}
	}
	if err != nil {
		return nil, err
	}
	return keyring.New(st, master, c.Now)
}

// OpenStore opens the store at a mongodb:// address.
func OpenStore(ctx context.Context, address string) (store.Store, error) {
	if !strings.HasPrefix(address, "mongodb://") && !strings.HasPrefix(address, "mongodb+srv://") {
		return nil, errors.New("the address of a store must begin with mongodb:// or mongodb+srv://")
	}
	return opened[store.Store](mongostore.Open(ctx, address, mongostore.Options{}))
}

func (c *Config) openStore(ctx context.Context) (store.Store, error) {
	if c.Store != "" {
		if len(c.NATS) == 0 {
			return nil, errors.New("a store that servers share needs a bus that they share, too: give the URLs of a NATS cluster")
		}
		return OpenStore(ctx, c.Store)
	}
	if c.Data == "" {
		return opened[store.Store](memstore.New(memstore.Options{}))
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	return opened[store.Store](sqlitestore.Open(ctx, filepath.Join(c.Data, "heddle.db"), sqlitestore.Options{}))
}

// opened is a driver as its port, or nothing at all: a nil driver in a port is not nil.
func opened[P any, D any](driver D, err error) (none P, _ error) {
	if err != nil {
		return none, err
	}
	return any(driver).(P), nil
}

func (c *Config) openBus(ctx context.Context, st store.Store) (bus.Bus, error) {
	switch {
	case len(c.NATS) > 0:
		return opened[bus.Bus](natsbus.Open(ctx, natsbus.Options{URLs: c.NATS, Replicas: min(3, len(c.NATS)), Logger: c.Log}))
	case c.Data == "":
		return membus.New(membus.Options{}), nil
	}
	dir := filepath.Join(c.Data, "bus")
	if err := c.countStart(ctx, st, dir); err != nil {
		return nil, err
	}
	return opened[bus.Bus](natsbus.Open(ctx, natsbus.Options{
		Embedded: &natsbus.Embedded{
			Dir: dir, Listen: c.BusListen, Credentials: filepath.Join(c.Data, "bus.url"),
		},
		Logger: c.Log,
	}))
}

// Work adds a worker that runs while the system runs.
func (s *System) Work(w adapters.Worker, handle adapters.Handler) {
	w.Partitions, w.Payloads, w.Own, w.Seal = s.Partitions, s.Payloads, true, s.Keys
	if w.Log == nil {
		w.Log = s.Log
	}
	s.workers = append(s.workers, func(ctx context.Context) error { return adapters.Work(ctx, s.Bus, w, handle) })
}

// Own gives the system the handler of a task of its own, such as a call of the API in front
// of it. Give it before Run.
func (s *System) Own(app, method string, handle adapters.Handler) {
	if s.own == nil {
		s.own = map[string]adapters.Handler{}
	}
	s.own[app+"."+method] = handle
}

// outside runs the built-in tasks that reach outside the process.
func (s *System) outside(ctx context.Context, o adapters.Order) adapters.Result {
	if handle, ok := s.own[o.App+"."+o.Method]; ok {
		return handle(ctx, o)
	}
	task, ok := builtin.Lookup(o.App, o.Method)
	if !ok || task.Run == nil {
		return adapters.Fail(engine.ClassInternal, fmt.Sprintf("%s.%s needs a server with an API", o.App, o.Method))
	}
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	outcome := task.Run(&builtin.Call{
		Context: ctx, Incoming: o.Incoming, Task: o.Task, Iteration: o.Iteration, Now: now(), Documents: s.Library.Documents(ctx),
		Network: &builtin.Network{Allow: s.Allow},
	})
	return adapters.Result{State: outcome.State, Outgoing: outcome.Outgoing, Error: outcome.Error}
}

// Run works until ctx ends.
func (s *System) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.Runner.Run(ctx) })
	g.Go(func() error { return s.Adapters.Run(ctx) })
	g.Go(func() error { return adapters.ServePayloads(ctx, s.Bus, rand.Text(), s.Payloads, s.Log) })
	for _, w := range s.workers {
		g.Go(func() error { return w(ctx) })
	}
	err := g.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// Close releases the bus and the store, in this order.
func (s *System) Close() error {
	var errs []error
	if s.Bus != nil {
		errs = append(errs, s.Bus.Close())
	}
	if s.Store != nil {
		errs = append(errs, s.Store.Close())
	}
	return errors.Join(errs...)
}
