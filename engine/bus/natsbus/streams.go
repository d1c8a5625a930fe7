package natsbus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/heddlehq/heddle/engine/bus"
)

// repair makes every stream that is missing and brings the others to their configuration.
// seen is the value of repairs when the caller met the trouble: whoever comes late finds it done.
func (b *Bus) repair(ctx context.Context, seen uint64) error {
	if b.user != "" {
		return nil // the servers look after the streams
	}
	b.repairing.Lock()
	defer b.repairing.Unlock()
	if b.repairs.Load() > seen && len(b.broken) == 0 {
		return nil
	}
	for _, s := range b.opts.Streams {
		if err := b.ensure(ctx, s); err != nil {
			return fmt.Errorf("stream %s: %w", s.Name, err)
		}
	}
	b.repairs.Add(1)
	return nil
}

func (b *Bus) seen() uint64 { return b.repairs.Load() }

// broke marks the stream of that birthday as one that stores nothing any more; the next
// repair makes it anew. Only one of a single replica is given up: a cluster has another take over.
func (b *Bus) broke(stream string, birth time.Time) {
	b.repairing.Lock()
	defer b.repairing.Unlock()
	if b.opts.Replicas == 1 {
		b.broken[stream] = birth
	}
}

func (b *Bus) ensure(ctx context.Context, s bus.Stream) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	want := b.config(s)
	have, err := b.js.Stream(ctx, s.Name)
	if err == nil && (have.CachedInfo().Created.Equal(b.broken[s.Name]) || b.server != nil && b.server.vanished(s.Name)) {
		b.log.Warn("bus stream stores nothing any more, making it anew", "stream", s.Name)
		if err = b.js.DeleteStream(ctx, s.Name); err == nil {
			err = jetstream.ErrStreamNotFound
		}
	}
	delete(b.broken, s.Name)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		made, err := b.js.CreateStream(ctx, want)
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return nil // another process was quicker
		}
		if err == nil {
			b.births.note(s.Name, made.CachedInfo().Created)
			b.log.Info("bus stream made", "stream", s.Name)
		}
		return err
	case err != nil:
		return err
	}
	b.births.note(s.Name, have.CachedInfo().Created)
	switch {
	case same(have.CachedInfo().Config, want):
		return nil
	}
	_, err = b.js.UpdateStream(ctx, want)
	return err
}

func (b *Bus) config(s bus.Stream) jetstream.StreamConfig {
	c := jetstream.StreamConfig{
		Name:       s.Name,
		Subjects:   s.Subjects,
		Retention:  jetstream.LimitsPolicy,
		Discard:    jetstream.DiscardOld,
		Storage:    jetstream.FileStorage,
		Replicas:   b.opts.Replicas,
		MaxAge:     s.MaxAge,
		MaxBytes:   limit(s.MaxBytes),
		MaxMsgs:    limit(s.MaxMsgs),
		Duplicates: s.Dedupe,
	}
	if s.Queue {
		c.Retention, c.Discard = jetstream.WorkQueuePolicy, jetstream.DiscardNew
	}
	return c
}

func limit(n int64) int64 {
	if n == 0 {
		return -1
	}
	return n
}

// same compares what config sets; the server fills in the rest by itself.
func same(a, b jetstream.StreamConfig) bool {
	return slices.Equal(a.Subjects, b.Subjects) && a.Retention == b.Retention && a.Discard == b.Discard &&
		a.Replicas == b.Replicas && a.MaxAge == b.MaxAge && a.MaxBytes == b.MaxBytes && a.MaxMsgs == b.MaxMsgs &&
		(b.Duplicates == 0 || a.Duplicates == b.Duplicates)
}

// Last asks the stream for its newest sequence.
func (b *Bus) Last(ctx context.Context, stream string) (last uint64, err error) {
	if _, err := b.known(stream); err != nil {
		return 0, err
	}
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	err = b.retry(ctx, func() error {
		seen := b.seen()
		info, err := b.info(ctx, stream)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			return errors.Join(err, b.repair(ctx, seen))
		}
		if err == nil {
			last = info.State.LastSeq
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("last of %s: %w", stream, b.classify(err))
	}
	return last, nil
}

func (b *Bus) info(ctx context.Context, stream string) (*jetstream.StreamInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return nil, err
	}
	return s.CachedInfo(), nil
}

// transient reports whether waiting, or making the streams anew, may help.
func transient(err error) bool {
	if errors.Is(err, bus.ErrUnavailable) {
		return true
	}
	for _, target := range []error{
		jetstream.ErrNoStreamResponse, jetstream.ErrStreamNotFound, jetstream.ErrConsumerNotFound,
		jetstream.ErrConsumerDoesNotExist, jetstream.ErrConsumerDeleted, jetstream.ErrAsyncPublishTimeout,
		jetstream.ErrJetStreamNotEnabled, jetstream.ErrServerShutdown, jetstream.ErrNoHeartbeat, jetstream.ErrTooManyStalledMsgs,
		nats.ErrNoResponders, nats.ErrDisconnected, nats.ErrTimeout, nats.ErrNoServers, nats.ErrReconnectBufExceeded,
		nats.ErrStaleConnection, nats.ErrConnectionReconnecting, context.DeadlineExceeded,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	if api, ok := apiError(err); ok {
		return (api.Code >= 500 || api.Code == 429) && !full(api) // 429: more in flight than the server queues
	}
	return false
}

// classify turns the driver's errors into the port's.
func (b *Bus) classify(err error) error {
	api, isAPI := apiError(err)
	switch {
	case err == nil:
		return nil
	case b.closed() || errors.Is(err, nats.ErrConnectionClosed):
		return bus.ErrClosed
	case isAPI && full(api):
		return fmt.Errorf("%w: %w", bus.ErrFull, err)
	case errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrNoStreamResponse):
		return fmt.Errorf("%w: %w", bus.ErrNoStream, err)
	case transient(err):
		return fmt.Errorf("%w: %w", bus.ErrUnavailable, err)
	}
	return err
}

func apiError(err error) (*jetstream.APIError, bool) {
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		return api, true
	}
	if js, ok := errors.AsType[jetstream.JetStreamError](err); ok && js.APIError() != nil {
		return js.APIError(), true
	}
	return nil, false
}

// Error codes of the server for its limits; nats.go does not name them.
const (
	codeAccountLimit    jetstream.ErrorCode = 10002
	codeInsufficient    jetstream.ErrorCode = 10023
	codeMemoryExceeded  jetstream.ErrorCode = 10028
	codeStorageExceeded jetstream.ErrorCode = 10047
	codeStoreFailed     jetstream.ErrorCode = 10077
)

// full tells a limit from a failing disk, which share a code.
func full(e *jetstream.APIError) bool {
	switch e.ErrorCode {
	case codeInsufficient, codeAccountLimit, codeMemoryExceeded, codeStorageExceeded:
		return true
	case codeStoreFailed:
		return strings.Contains(e.Description, "maximum")
	}
	return false
}

// stalled means that the stream did not say whether it stored the message.
func stalled(err error) bool {
	e, ok := apiError(err)
	return errors.Is(err, jetstream.ErrAsyncPublishTimeout) || ok && e.ErrorCode == codeStoreFailed && !full(e)
}
