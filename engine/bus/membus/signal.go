package membus

import (
	"context"
	"slices"

	"github.com/heddlehq/heddle/engine/bus"
)

// backlog is how many signals wait for a slow listener; it misses the ones after.
const backlog = 1024

type listener struct {
	pattern string
	heard   []bus.Message
	wake    chan struct{}
}

// Signal leaves the message with each listener, whose own goroutine handles it.
func (b *Bus) Signal(_ context.Context, subject string, data []byte) error {
	m := bus.Message{Subject: subject, Data: slices.Clone(data)}
	if err := m.Check(); err != nil {
		return err
	}
	if len(data) > b.opts.MaxPayload {
		return &bus.ErrTooLarge{Subject: subject, Size: len(data), Limit: b.opts.MaxPayload}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return bus.ErrClosed
	}
	for _, l := range b.listeners {
		if len(l.heard) < backlog && bus.Match(l.pattern, subject) {
			l.heard = append(l.heard, m)
			notify(l.wake)
		}
	}
	return nil
}

// Listen handles signals on the calling goroutine, on a Manual bus too.
func (b *Bus) Listen(ctx context.Context, pattern string, handle func(string, []byte)) error {
	if err := bus.CheckPattern(pattern); err != nil {
		return err
	}
	l := &listener{pattern: pattern, wake: make(chan struct{}, 1)}
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return bus.ErrClosed
	}
	b.listeners = append(b.listeners, l)
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.listeners = slices.DeleteFunc(b.listeners, func(o *listener) bool { return o == l })
	}()
	for {
		select {
		case <-l.wake:
		case <-ctx.Done():
			return nil
		case <-b.done:
			return nil
		}
		b.mu.Lock()
		heard := l.heard
		l.heard = nil
		b.mu.Unlock()
		for _, m := range heard {
			if ctx.Err() != nil {
				return nil
			}
			handle(m.Subject, m.Data)
		}
	}
}
