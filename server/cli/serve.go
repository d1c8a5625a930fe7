package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/openapi"
	"github.com/heddlehq/heddle/adapters/standard"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/simulation"
	"github.com/heddlehq/heddle/server"
	"github.com/heddlehq/heddle/server/auth"
	"github.com/heddlehq/heddle/server/lifecycle"
	"github.com/heddlehq/heddle/server/metrics"
	"github.com/heddlehq/heddle/server/system"
	"github.com/heddlehq/heddle/server/tracing"
	"github.com/heddlehq/heddle/server/triggers"
	"github.com/heddlehq/heddle/server/ui"
	"github.com/heddlehq/heddle/workflows"
)

// serveFlags are the configuration of a server.
type serveFlags struct {
	listen, data, busListen string
	store                   string
	nats, allow, pools      []string
	password, release, mock string
	logLevel                string
	cert, key               string
	insecure                bool
	access                  accessFlags
	master                  masterFlags
}

func newServe(c *console) *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Start the server: engine, store, bus and API",
		Long: `Serve starts everything in this process: the embedded store and bus under the data folder,
the engine, its workers, and the HTTP API. The first start creates the account "admin" and
prints its password once, unless --admin-password gives one. Adapters work for the instances
that heddle adapter apply stores; the instance "lab" of the application Lab (echo, sleep, fail,
flaky, silent, progress) is there to try things with.

Stop it with Ctrl-C; what runs goes on at the next start. It may also be killed.`,
		Example: `  heddle serve
  HEDDLE_ADMIN_PASSWORD=secret heddle serve --listen 127.0.0.1:3000
  heddle serve --data-dir /var/lib/heddle --listen :3443 --tls-cert cert.pem --tls-key key.pem
  heddle serve --mock replies.json    # outside systems answer from a file
  heddle serve --store mongodb://m1,m2,m3/heddle?replicaSet=rs --nats nats://n1,nats://n2,nats://n3`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.serve(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "127.0.0.1:3000", "`address` of the HTTP API")
	flags.StringVar(&f.data, "data-dir", "heddle-data", "`folder` of the store and the bus")
	flags.StringVar(&f.busListen, "bus-listen", "127.0.0.1:4222", "`address` of the embedded bus for adapters in other processes; off closes it")
	flags.StringVar(&f.store, "store", "", "mongodb:// `address` of a store that servers share, instead of the embedded one; needs --nats")
	flags.StringSliceVar(&f.nats, "nats", nil, "`URLs` of a NATS cluster instead of the embedded bus")
	flags.StringVar(&f.password, "admin-password", "", "password of the account \"admin\", at the first start")
	flags.StringVar(&f.release, "release", server.DefaultRelease, "release of Itential Platform that clients are told")
	flags.StringVar(&f.mock, "mock", "", "answer adapter tasks from a mock `file`; those it does not name succeed without outputs")
	flags.StringSliceVar(&f.allow, "allow-address", nil, "`networks` such as 10.0.0.0/8 that restCall tasks may reach although they are not public")
	flags.StringSliceVar(&f.pools, "pools", nil, "`names` of the pools whose adapter instances this server works for; default unless given")
	flags.StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
	flags.StringVar(&f.cert, "tls-cert", "", "certificate `file`; serves HTTPS")
	flags.StringVar(&f.key, "tls-key", "", "`file` of the certificate's key")
	f.access.flags(flags)
	f.master.flags(flags)
	flags.StringVar(&f.master.folder, "secrets-dir", "", "`folder` whose files are secrets that adapters may name as $secret.file:NAME")
	flags.StringVar(&f.master.prefix, "secrets-env", "HEDDLE_SECRET_", "`prefix` of the environment variables that adapters may name, without it, as $secret.env:NAME")
	flags.BoolVar(&f.insecure, "insecure-http", false, "allow plain HTTP on an address other than loopback")
	return cmd
}

// networks reads --allow-address.
func (f *serveFlags) networks() (out []netip.Prefix, err error) {
	for _, text := range f.allow {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("--allow-address %q must be a network such as 10.0.0.0/8", text)
		}
		out = append(out, p)
	}
	return out, nil
}

// check finds every problem of the configuration.
func (f *serveFlags) check() (level slog.Level, allow []netip.Prefix, err error) {
	var wrong []error
	if err := level.UnmarshalText([]byte(f.logLevel)); err != nil {
		wrong = append(wrong, fmt.Errorf("--log-level %q must be debug, info, warn or error", f.logLevel))
	}
	if (f.cert == "") != (f.key == "") {
		wrong = append(wrong, errors.New("--tls-cert and --tls-key belong together"))
	}
	host, _, err := net.SplitHostPort(f.listen)
	if err != nil {
		wrong = append(wrong, fmt.Errorf("--listen %q must be host:port", f.listen))
	} else if ip := net.ParseIP(host); f.cert == "" && !f.insecure && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		wrong = append(wrong, fmt.Errorf("--listen %s is not loopback: give --tls-cert and --tls-key, or --insecure-http behind a proxy that does TLS", f.listen))
	}
	if allow, err = f.networks(); err != nil {
		wrong = append(wrong, err)
	}
	if f.store != "" && len(f.nats) == 0 {
		wrong = append(wrong, errors.New("--store needs --nats: servers that share a store must share the bus"))
	}
	if err := f.access.check(); err != nil {
		wrong = append(wrong, err)
	}
	if f.data == "" {
		wrong = append(wrong, errors.New("--data-dir must name a folder"))
	}
	return level, allow, errors.Join(wrong...)
}

func (c *console) serve(ctx context.Context, f serveFlags) error {
	began := time.Now()
	level, allow, err := f.check()
	if err != nil {
		return err
	}
	signal.Ignore(syscall.SIGPIPE) // whoever read the log may go away
	sink := newLines(c.err)
	defer sink.Close()
	log := slog.New(slog.NewTextHandler(sink, &slog.HandlerOptions{Level: level}))
	tuneMemory()
	name := serverName()
	master, err := f.master.open()
	if err != nil {
		return err
	}
	sources, err := f.master.sources()
	if err != nil {
		return err
	}
	counts := metrics.New()
	observer := runner.Observer(counts)
	traced := tracing.Wanted(os.LookupEnv)
	if traced {
		t, err := tracing.Open(ctx, version())
		if err != nil {
			return err
		}
		defer func() {
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			if err := t.Close(last); err != nil {
				log.Warn("traces not sent", "err", err)
			}
		}()
		observer = both{counts, t}
	}
	s, err := system.Open(ctx, system.Config{
		Observer: observer, Trace: traced, Sources: sources,
		Data: f.data, Store: f.store, Master: master, NATS: f.nats, BusListen: f.busListen, Allow: allow, Log: log, Name: name,
		Kinds: standard.Kinds(), Import: openapi.Import, Pools: f.pools, Mocked: f.mock != "",
	})
	if err != nil {
		return err
	}
	defer func() {
		if err := s.Close(); err != nil {
			log.Error("not closed cleanly", "err", err)
		}
	}()
	if f.mock != "" {
		if err := c.mockAdapter(s, f.mock); err != nil {
			return err
		}
	}
	a, err := auth.New(auth.Options{Store: s.Store, Idle: f.access.idle, Absolute: f.access.absolute})
	if err != nil {
		return err
	}
	password, err := a.Bootstrap(ctx, f.password)
	if err != nil {
		return err
	}
	counts.Watch(s.Store, s.Runner)
	life, err := lifecycle.New(lifecycle.Options{Store: s.Store, Engine: s.Runner, Log: log, Export: filepath.Join(f.data, "exports")})
	if err != nil {
		return err
	}
	api, err := server.New(f.access.options(server.Options{Runner: s.Runner, Keys: s.Keys, Library: s.Library, Store: s.Store, Auth: a, Adapters: s.Adapters, Secrets: s.Secrets, Lifecycle: life, Metrics: counts, Log: log, Release: f.release, Name: name, UI: ui.Handler(), AccessLevel: slog.LevelDebug}))
	if err != nil {
		return err
	}
	s.Own("OperationsManager", "getJobs", api.GetJobs)
	s.Own("OperationsManager", "getTasks", api.GetTasks)
	fires, err := triggers.New(triggers.Options{Store: s.Store, Bus: s.Bus, Library: s.Library, Engine: s.Runner, Auth: a, Log: log, Draining: s.Runner.Draining()})
	if err != nil {
		return err
	}
	l, err := f.listener(ctx, log)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.Run(ctx) })
	g.Go(func() error { return fires.Run(ctx) })
	g.Go(func() error { return life.Run(ctx) })
	g.Go(func() error { return api.Serve(ctx, l) })
	scheme := "http"
	if f.cert != "" {
		scheme = "https"
	}
	fmt.Fprintf(c.out, "Heddle is ready on %s://%s (after %s)\n", scheme, l.Addr(), time.Since(began).Round(time.Millisecond))
	if password != "" {
		fmt.Fprintf(c.out, "First start: log in as %q with the password %s (shown only now)\n", auth.Admin, password)
	}
	return g.Wait()
}

func (f *serveFlags) listener(ctx context.Context, log *slog.Logger) (net.Listener, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", f.listen)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w; choose another address with --listen", f.listen, err)
	}
	l = netutil.LimitListener(l, maxConnections())
	if f.cert == "" {
		return l, nil
	}
	pair, err := loadCertificate(f.cert, f.key, log)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("--tls-cert and --tls-key: %w", err), l.Close())
	}
	return tls.NewListener(l, &tls.Config{GetCertificate: pair.get, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}), nil
}

// maxConnections leaves half of the process' files to the store and the bus.
func maxConnections() int {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return 1024
	}
	return int(min(max(files.Cur/2, 16), 100_000))
}

// serverName tells servers on one store apart.
func serverName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "heddle"
	}
	return fmt.Sprintf("%s-%d", host, os.Getpid())
}

// mockAdapter lets a mock file answer for every adapter.
func (c *console) mockAdapter(s *system.System, file string) error {
	doc, err := c.document(file)
	if err != nil {
		return err
	}
	mock, problems := simulation.ParseMock(doc, &workflows.Workflow{}, nil)
	if errs := problems.Errors(); len(errs) > 0 {
		return c.invalid(file, errs)
	}
	host, _ := os.Hostname()
	s.Work(adapters.Worker{
		Name: "mock@" + host, Consumer: "mock", Filter: []string{bus.TaskFilter(adapters.DefaultPool, "")}, Parallel: 256,
	}, func(ctx context.Context, o adapters.Order) adapters.Result {
		r, ok := mock.Reply(simulation.Turn{
			Workflow: &workflows.Workflow{}, Task: &workflows.Task{ID: o.Task, App: o.App, Name: o.Method}, Iteration: o.Iteration,
		})
		if !ok {
			return adapters.Result{State: workflows.Success}
		}
		select {
		case <-time.After(r.After):
		case <-ctx.Done():
			return adapters.Fail("canceled", "the task was canceled")
		}
		if r.State == "" {
			r.State = workflows.Success
		}
		return adapters.Result{State: r.State, Outgoing: r.Outgoing, Error: r.Error}
	})
	return nil
}

// both tells two observers.
type both [2]runner.Observer

func (b both) Committed(turns int, took time.Duration, err error) {
	b[0].Committed(turns, took, err)
	b[1].Committed(turns, took, err)
}

func (b both) Turned(t runner.Turned) {
	b[0].Turned(t)
	b[1].Turned(t)
}

func (b both) Swept(jobs int) {
	b[0].Swept(jobs)
	b[1].Swept(jobs)
}

// version is that of the module the program was built from.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "dev"
}
