// Package natsbus is the bus on NATS JetStream: a server inside the process, or a cluster.
package natsbus

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/heddlehq/heddle/engine/bus"
)

// Options say where the bus is and how its streams are kept. Either URLs or Embedded is set.
type Options struct {
	// URLs of a NATS cluster's servers, nats:// or tls://, credentials included if they are
	// user and password.
	URLs []string
	// Credentials is a NATS credentials file (JWT and seed), for URLs.
	Credentials string
	// TLS applies to tls:// URLs; nil trusts the system's authorities.
	TLS *tls.Config

	// Embedded runs a server inside the process.
	Embedded *Embedded

	// Streams are made and kept by the bus; nil means bus.Streams().
	Streams []bus.Stream
	// Replicas of each stream, 3 for clusters; 0 means 1.
	Replicas int
	// Timeout bounds a Publish, Epoch or Last whose context has no deadline; 0 means 10 s.
	Timeout time.Duration
	// Logger receives the life cycle and the server's warnings; nil discards them.
	Logger *slog.Logger
}

// Bus is a bus.Bus on JetStream.
type Bus struct {
	opts   Options
	log    *slog.Logger
	server *embedded // nil for a cluster
	conn   *nats.Conn
	js     jetstream.JetStream
	acks   *acks    // of publishes
	lasts  lastAcks // of deliveries

	heights heights // of the streams
	births  births

	user string // of a worker, which uses what others keep and keeps nothing itself; else ""

	renewing sync.Mutex
	renewed  map[string]bool // streams whose durables of this process' own are of this life

	hosting sync.WaitGroup
	done    chan struct{} // closed by Close
	close   func() error

	repairs   atomic.Uint64        // times the streams were looked after
	repairing sync.Mutex           // held meanwhile; guards broken
	broken    map[string]time.Time // birthdays of the streams to be given up, by name
}

var _ bus.Bus = (*Bus)(nil)

// Open starts or reaches the server, and makes or verifies the streams before it returns.
// For a cluster that is not up yet it waits until ctx ends.
func Open(ctx context.Context, opts Options) (*Bus, error) {
	if (len(opts.URLs) == 0) == (opts.Embedded == nil) {
		return nil, errors.New("open bus: either URLs or an embedded server, not both")
	}
	if opts.Streams == nil {
		opts.Streams = bus.Streams()
	}
	opts.Replicas = cmp.Or(opts.Replicas, 1)
	opts.Timeout = cmp.Or(opts.Timeout, 10*time.Second)
	b := &Bus{opts: opts, log: cmp.Or(opts.Logger, slog.New(slog.DiscardHandler)), done: make(chan struct{}), broken: map[string]time.Time{}, renewed: map[string]bool{}, acks: newAcks()}
	b.close = sync.OnceValue(b.shut)
	if err := b.open(ctx); err != nil {
		_ = b.Close() // the error to report is why it could not open
		return nil, fmt.Errorf("open bus: %w", err)
	}
	return b, nil
}

func (b *Bus) open(ctx context.Context) (err error) {
	var servers string
	conn := []nats.Option{
		nats.Name("heddle"),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(), // a cluster may learn of an account after its servers are up
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(250*time.Millisecond, 250*time.Millisecond),
		nats.PingInterval(20 * time.Second),
		nats.Timeout(b.opts.Timeout),
		nats.DisconnectErrHandler(b.disconnected),
		nats.ReconnectHandler(b.reconnected),
		nats.ErrorHandler(b.asyncError),
		nats.SkipSubjectValidation(), // the port's methods check what they are given
	}
	if b.opts.Embedded != nil {
		if b.server, err = startEmbedded(*b.opts.Embedded, b.opts.Streams, b.log); err != nil {
			return err
		}
		conn = append(conn, b.server.connect()...)
	} else {
		servers = strings.Join(b.opts.URLs, ",")
		if w, ok := workerAt(b.opts.URLs); ok {
			b.user = w.User()
			b.acks.prefix = w.inbox() + "." + nats.NewInbox()[len(nats.InboxPrefix):] + "."
			conn = append(conn, nats.CustomInboxPrefix(w.inbox()))
		}
		if b.opts.Credentials != "" {
			conn = append(conn, nats.UserCredentials(b.opts.Credentials))
		}
		if b.opts.TLS != nil {
			conn = append(conn, nats.Secure(b.opts.TLS))
		}
	}
	err = b.retry(ctx, func() (err error) {
		b.conn, err = nats.Connect(servers, conn...)
		return err
	})
	if err != nil {
		return err
	}
	if err = b.acks.listen(b.conn); err != nil {
		return err
	}
	if b.js, err = jetstream.New(b.conn, jetstream.WithDefaultTimeout(answerTimeout)); err != nil {
		return err
	}
	if b.server != nil {
		b.hosting.Go(b.host)
	}
	return b.retry(ctx, func() error { return b.repair(ctx, 0) })
}

// workerAt tells whether the user of the first address is a worker's.
func workerAt(urls []string) (Worker, bool) {
	u, err := url.Parse(urls[0])
	if err != nil || u.User == nil {
		return Worker{}, false
	}
	return workerOf(u.User.Username())
}

// retry calls do until it succeeds, fails for good, or ctx ends.
func (b *Bus) retry(ctx context.Context, do func() error) error {
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		err := do()
		if err == nil || !transient(err) {
			return err
		}
		b.log.Debug("bus not ready", "err", err)
		if !b.pause(ctx, wait) {
			return fmt.Errorf("%w: %w", bus.ErrUnavailable, err)
		}
	}
}

// pause waits, and reports false when ctx ended or the bus was closed instead.
func (b *Bus) pause(ctx context.Context, wait time.Duration) bool {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	case <-b.done:
		return false
	}
}

// connected waits for the connection to be up, and reports false when ctx ended or the bus
// was closed before.
func (b *Bus) connected(ctx context.Context) bool {
	for !b.conn.IsConnected() {
		if !b.pause(ctx, settleWait) {
			return false
		}
	}
	return true
}

// bounded gives ctx a deadline if it has none.
func (b *Bus) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, b.opts.Timeout)
}

// Close closes the connection and stops an embedded server, which writes its files out first.
func (b *Bus) Close() error { return b.close() }

func (b *Bus) shut() error {
	close(b.done)
	b.hosting.Wait()
	if b.conn != nil {
		b.lasts.endAll()
		// Acks wait in the write buffer; without them their messages would come again.
		_ = b.conn.FlushTimeout(time.Second) // a broken connection has nothing left to give
		b.conn.Close()
	}
	if b.server != nil {
		b.server.stop()
	}
	return nil
}

func (b *Bus) closed() bool {
	select {
	case <-b.done:
		return true
	default:
		return false
	}
}

func (b *Bus) disconnected(_ *nats.Conn, err error) {
	if err != nil && !b.closed() {
		b.log.Warn("bus disconnected, reconnecting", "err", err)
	}
	b.acks.abort(nats.ErrDisconnected)
}

func (b *Bus) reconnected(c *nats.Conn) {
	b.log.Info("bus reconnected", "url", c.ConnectedUrlRedacted())
}

func (b *Bus) asyncError(_ *nats.Conn, _ *nats.Subscription, err error) {
	if !b.closed() {
		b.log.Warn("bus connection reports", "err", err)
	}
}
