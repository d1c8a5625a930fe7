package membus

import (
	"context"
	"fmt"
	"slices"

	"github.com/heddlehq/heddle/engine/bus"
)

// Tail reads on the calling goroutine, on a Manual bus too.
func (b *Bus) Tail(ctx context.Context, name, filter string, from uint64, handle func(uint64, bus.Message)) error {
	if filter == "" {
		filter = ">"
	}
	if err := bus.CheckPattern(filter); err != nil {
		return err
	}
	wake := make(chan struct{}, 1)
	b.mu.Lock()
	s, err := b.find(name)
	if err != nil {
		b.mu.Unlock()
		return err
	}
	if s.Queue {
		b.mu.Unlock()
		return fmt.Errorf("tail %s: %w: it is a queue", name, bus.ErrConsumer)
	}
	if from == bus.FromNow {
		from = s.last + 1
	}
	life := s.wiped
	s.tails = append(s.tails, wake)
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		s.tails = slices.DeleteFunc(s.tails, func(o chan struct{}) bool { return o == wake })
	}()
	for ctx.Err() == nil {
		b.mu.Lock()
		s.expire(b.opts.Now())
		if s.wiped != life {
			life, from = s.wiped, 1
		}
		msgs := slices.DeleteFunc(slices.Clone(s.from(from)), func(m *message) bool { return m.taken || !bus.Match(filter, m.Subject) })
		from = max(from, s.last+1)
		b.mu.Unlock()
		for _, m := range msgs {
			if ctx.Err() != nil {
				return nil
			}
			handle(m.seq, m.Message)
		}
		select {
		case <-wake:
		case <-ctx.Done():
		case <-b.done:
			return nil
		}
	}
	return nil
}
