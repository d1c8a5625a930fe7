// Package membus is the bus in memory: for tests, for a process that keeps nothing, and
// for simulations, which can drive it by hand, on their own clock, and have it misbehave
// under a seed.
package membus

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/heddlehq/heddle/engine/bus"
)

// Options of a Bus; the zero value is a bus with the public streams that works like any other.
type Options struct {
	// Streams nil means bus.Streams().
	Streams []bus.Stream
	// MaxPayload is the largest message, headers included; 0 means 1 MiB.
	MaxPayload int
	// Now is the clock of leases, delays and ages; nil means time.Now. A Bus on another
	// clock than that has to be Manual.
	Now func() time.Time
	// Manual delivers only in Step, on the caller's goroutine, so that one goroutine can
	// run a whole system in an order of its choosing.
	Manual bool
	// Pick returns which of n deliveries that could be made now is made next, in 0..n-1;
	// nil takes the one due first. With a seeded source it reorders.
	Pick func(n int) int
	// Fault may spoil a publish, a delivery or a settling; nil spoils nothing. It is called
	// with the bus locked: it must not use it.
	Fault func(Attempt) Fault
}

// Bus is a bus.Bus in memory.
type Bus struct {
	opts Options

	mu        sync.Mutex
	streams   []*stream
	listeners []*listener
	life      int
	closed    bool
	done      chan struct{}
}

var _ bus.Bus = (*Bus)(nil)

// New returns an empty bus. Close it only to end what still runs on it.
func New(opts Options) *Bus {
	if opts.Streams == nil {
		opts.Streams = bus.Streams()
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Fault == nil {
		opts.Fault = func(Attempt) Fault { return Fault{} }
	}
	opts.MaxPayload = cmp.Or(opts.MaxPayload, 1<<20)
	b := &Bus{opts: opts, done: make(chan struct{})}
	for _, s := range opts.Streams {
		b.streams = append(b.streams, &stream{Stream: s, ids: map[string]bool{}})
	}
	return b
}

// Wipe loses everything stored: messages, positions of consumers, ids. Consumers and tails that
// run go on with what comes after.
func (b *Bus) Wipe() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.life++
	for _, s := range b.streams {
		s.wipe()
	}
}

// Publish stores the messages in order.
func (b *Bus) Publish(ctx context.Context, msgs ...bus.Message) []error {
	b.mu.Lock()
	defer b.mu.Unlock()
	errs := make([]error, len(msgs))
	for i, m := range msgs {
		if err := ctx.Err(); err != nil {
			errs[i] = fmt.Errorf("%w: %w", bus.ErrUnavailable, err)
			continue
		}
		errs[i] = b.publish(m)
	}
	return errs
}

func (b *Bus) publish(m bus.Message) error {
	if b.closed {
		return bus.ErrClosed
	}
	if err := m.Check(); err != nil {
		return err
	}
	if size := m.Size(); size > b.opts.MaxPayload {
		return &bus.ErrTooLarge{Subject: m.Subject, Size: size, Limit: b.opts.MaxPayload}
	}
	i := slices.IndexFunc(b.streams, func(s *stream) bool { return s.Takes(m.Subject) })
	if i < 0 {
		return fmt.Errorf("%w takes subject %q", bus.ErrNoStream, m.Subject)
	}
	s := b.streams[i]
	fault := b.opts.Fault(Attempt{Stage: Publishing, Stream: s.Name, Message: m})
	for range 1 + fault.Copies {
		if fault.Drop {
			break
		}
		if err := s.store(m, b.opts.Now()); err != nil {
			return err
		}
		m.ID = "" // a copy is a message that slipped through the dedupe window
	}
	return fault.Err
}

func (b *Bus) find(name string) (*stream, error) {
	if b.closed {
		return nil, bus.ErrClosed
	}
	for _, s := range b.streams {
		if s.Name == name {
			return s, nil
		}
	}
	return nil, fmt.Errorf("%w: %q", bus.ErrNoStream, name)
}

// Last returns the stream's newest sequence.
func (b *Bus) Last(_ context.Context, name string) (uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, err := b.find(name)
	if err != nil {
		return 0, err
	}
	return s.last, nil
}

// Peek shows the messages that are not off the queue.
func (b *Bus) Peek(_ context.Context, name, filter string, visit func(bus.Message) bool) error {
	if filter != "" {
		if err := bus.CheckPattern(filter); err != nil {
			return err
		}
	}
	b.mu.Lock()
	s, err := b.find(name)
	var held []bus.Message
	if err == nil {
		s.expire(b.opts.Now())
		for _, m := range s.msgs {
			if !m.taken && (filter == "" || bus.Match(filter, m.Subject)) {
				held = append(held, m.Message)
			}
		}
	}
	b.mu.Unlock()
	for _, m := range held {
		if !visit(m) {
			break
		}
	}
	return err
}

// Epoch counts the wipes.
func (b *Bus) Epoch(context.Context) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return "", bus.ErrClosed
	}
	return "life-" + strconv.Itoa(b.life), nil
}

// Close ends what still runs. What is stored is gone with the Bus.
func (b *Bus) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.closed = true
		close(b.done)
	}
	return nil
}
