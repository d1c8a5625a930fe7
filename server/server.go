// Package server is the REST API: it knows who calls, what they may do and how clients of
// Itential Platform speak, and leaves every decision about jobs to the engine.
//
// All routes stand in one table with the permission each needs (routes.go); errors get their
// HTTP status in one place (errors.go). Handlers take a call and return the JSON to answer.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/heddlehq/heddle/adapters/registry"
	"github.com/heddlehq/heddle/engine/keyring"
	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/secrets"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/server/auth"
	"github.com/heddlehq/heddle/server/lifecycle"
	"github.com/heddlehq/heddle/server/metrics"
	"github.com/heddlehq/heddle/server/triggers"
	"github.com/heddlehq/heddle/workflows/value"
)

// DefaultRelease is the release of Itential Platform the server reports unless told
// otherwise. Clients choose their dialect by it.
const DefaultRelease = "2023.2.9"

// Options are what a server works with. Runner, Library, Store, Auth and
// Lifecycle are required.
type Options struct {
	Runner  *runner.Runner
	Library *library.Library
	Store   store.Store
	Auth    *auth.Auth
	// Adapters are those there are; those the store names and nobody serves unless set.
	Adapters *registry.Registry
	Secrets  *secrets.Secrets // nil keeps none
	// Lifecycle works on batches of jobs; whoever made it runs it.
	Lifecycle *lifecycle.Lifecycle
	// Metrics are answered at /prometheus_metrics; nil answers none.
	Metrics *metrics.Metrics
	Log     *slog.Logger
	Now     func() time.Time // the wall clock unless a test gives another

	UI      http.Handler // the web interface, at / and below /ui/; nil serves none
	Release string       // reported by /health/server and /version; DefaultRelease unless set
	Name    string       // of this server, as health reports show it; "heddle" unless set
	Version string       // of Heddle itself; "dev" unless set

	// Keys opens encrypted values for those who may see them; without it nobody may.
	Keys *keyring.Keyring
	// OIDC lets people log in at an identity provider; nil does not.
	OIDC *OIDC
	// Limits bounds the calls of one account or address; see [DefaultLimits].
	Limits Limits
	// Basic lets service accounts show their id and secret with each call, over TLS alone.
	Basic bool

	// Origins are those whose pages may call the API with a token; none unless set.
	Origins []string
	// Profiles lets administrators profile the process.
	Profiles bool

	// Grace is how long Serve lets running calls finish at the end; 10 s unless set.
	Grace time.Duration
	// AccessLevel is the level of the line that is logged for each request; Info unless set.
	AccessLevel slog.Level
}

// Server answers the HTTP API.
type Server struct {
	Options
	echo    *echo.Echo
	needs   map[string]auth.Permission // of the operations, by name
	schema  *store.Schema
	orders  triggers.Orders
	started time.Time
	books   *books
	limiter *limiter
	streams *readers
	oidc    *provider // nil without any

	forgetting forgetting
}

// New builds a server.
func New(o Options) (*Server, error) {
	for _, need := range []struct {
		name string
		have bool
	}{{"Runner", o.Runner != nil}, {"Library", o.Library != nil}, {"Store", o.Store != nil}, {"Auth", o.Auth != nil}, {"Lifecycle", o.Lifecycle != nil}} {
		if !need.have {
			return nil, fmt.Errorf("new server: option %s is missing", need.name)
		}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	for _, d := range []struct {
		field *string
		value string
	}{{&o.Release, DefaultRelease}, {&o.Name, "heddle"}, {&o.Version, "dev"}} {
		if *d.field == "" {
			*d.field = d.value
		}
	}
	if o.Grace <= 0 {
		o.Grace = 10 * time.Second
	}
	if o.Adapters == nil {
		r, err := registry.New(registry.Options{Store: o.Store, Bus: o.Runner.Bus, Base: o.Library.Catalog(), Idle: true, Log: o.Log, Now: o.Now})
		if err != nil {
			return nil, fmt.Errorf("new server: %w", err)
		}
		o.Adapters = r
	}
	if err := o.Limits.Check(); err != nil {
		return nil, fmt.Errorf("new server: %w", err)
	}
	if err := CheckOrigins(o.Origins); err != nil {
		return nil, fmt.Errorf("new server: %w", err)
	}
	schema, err := store.NewSchema(slices.Concat(store.Collections, computed))
	if err != nil {
		return nil, fmt.Errorf("new server: %w", err)
	}
	s := &Server{Options: o, echo: echo.New(), schema: schema, orders: triggers.Orders{Store: o.Store, Library: o.Library}, started: o.Now()}
	s.limiter = newLimiter(o.Limits, o.Now)
	s.streams = newReaders()
	if o.OIDC != nil {
		if err := o.OIDC.Check(); err != nil {
			return nil, fmt.Errorf("new server: OIDC: %w", err)
		}
		s.oidc = &provider{OIDC: o.OIDC}
	}
	s.books = newBooks(o.Store, o.Now, o.Log)
	s.echo.HideBanner, s.echo.HidePort = true, true
	s.echo.HTTPErrorHandler = s.fail
	s.echo.Pre(secure, s.log, s.recovering, s.cors, normalise)
	s.needs = map[string]auth.Permission{}
	for _, r := range routes() {
		s.needs[r.name] = r.may
		s.echo.Add(r.method, r.path, s.serve(r))
	}
	return s, nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.UI != nil && (r.URL.Path == "/" || r.URL.Path == "/ui" || strings.HasPrefix(r.URL.Path, "/ui/")) {
		s.UI.ServeHTTP(w, r)
		return
	}
	s.echo.ServeHTTP(w, r)
}

// Serve answers calls on l until ctx ends, lets running calls finish within the grace
// period, and returns. It closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	h := &http.Server{
		Handler: s, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 2 * time.Minute, WriteTimeout: 5 * time.Minute,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
	}
	h.RegisterOnShutdown(s.streams.close)
	ended := make(chan error, 1)
	go func() { ended <- h.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Grace)
	defer cancel()
	err := h.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		s.Log.Warn("calls cut off at the end of the grace period")
		err = h.Close()
	}
	<-ended
	s.books.close(context.WithoutCancel(ctx))
	if err != nil {
		return fmt.Errorf("stop serving: %w", err)
	}
	return nil
}

// patience is how long one call may take.
const patience = 2 * time.Minute

// run admits the caller and lets the route's handler do the rest.
func (c *call) run() (value.Value, error) {
	if err := c.admit(c, c.deed.route); err != nil {
		return value.Absent, err
	}
	if err := c.limited(); err != nil {
		return value.Absent, err
	}
	if c.deed.route.acts() {
		if err := c.books.open(c.Request().Context()); err != nil {
			return value.Absent, err
		}
	}
	do := func() (value.Value, error) {
		v, err := c.deed.route.handle(c)
		if err != nil {
			return v, err
		}
		return c.shown(v)
	}
	if key := c.Request().Header.Get(OnceHeader); key != "" && c.who != nil && unsafe(c.Request().Method) {
		c.forget(c.Request().Context())
		return c.once(key, do)
	}
	return do()
}

// serve is a route's echo handler: who calls, may they, then the route's own.
func (s *Server) serve(r route) echo.HandlerFunc {
	return func(c echo.Context) error {
		limit := int64(maxBody)
		if r.may == auth.Public {
			limit = maxPublicBody
		}
		if r.name == "receiveWebhook" {
			limit = maxWebhook // nothing is made of it before its signature was checked
		}
		if !r.streams() {
			defer bounded(c, limit, patience)()
		}
		k := &call{Context: c, Server: s, deed: deed{route: r}}
		c.Response().Before(func() { s.books.enter(k) })
		v, err := k.run()
		k.deed.answer, k.deed.err = v, err
		if err != nil || c.Response().Committed {
			return err
		}
		return writeJSON(c, http.StatusOK, v)
	}
}
