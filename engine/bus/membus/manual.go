package membus

import (
	"time"

	"github.com/heddlehq/heddle/engine/bus"
)

// Attach is Consume for who drives a Manual bus: it returns at once, and Step hands
// deliveries to handle until detach is called.
func (b *Bus) Attach(c bus.Consumer, handle func(bus.Delivery)) (detach func(), err error) {
	s, err := b.attach(c, handle)
	if err != nil {
		return nil, err
	}
	return func() { b.detach(s) }, nil
}

// Step makes one delivery that is due on a Manual bus, chosen by Options.Pick among all
// consumers', and returns once its handle did. It reports false when nothing is due; a
// delivery that a fault took counts as made. Step is not for concurrent use.
func (b *Bus) Step() bool {
	b.mu.Lock()
	now := b.opts.Now()
	type choice struct {
		s *reader
		l *lease
	}
	var choices []choice
	for _, st := range b.streams {
		for _, c := range st.consumers {
			for _, s := range c.readers {
				if _, full := s.full(now); full {
					continue
				}
				for _, l := range c.ready(now, b.opts.Pick != nil) {
					choices = append(choices, choice{s, l})
				}
			}
		}
	}
	if len(choices) == 0 || b.closed {
		b.mu.Unlock()
		return false
	}
	chosen := choices[b.pick(len(choices))]
	d, copies := b.deliver(chosen.s, chosen.l, now)
	b.mu.Unlock()
	if d != nil {
		chosen.s.handling.Lock()
		defer chosen.s.handling.Unlock()
		for range 1 + copies {
			chosen.s.handle(d.copy())
		}
	}
	return true
}

// Due returns when Step will next have something to do; false when only a Publish can
// bring that about. A simulation sets its clock there.
func (b *Bus) Due() (time.Time, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.opts.Now()
	var first time.Time
	for _, st := range b.streams {
		for _, c := range st.consumers {
			if len(c.readers) == 0 {
				continue
			}
			c.ready(now, false)
			if len(c.leases) == 0 {
				continue
			}
			if due := c.attended(now, c.leases[0].due); first.IsZero() || due.Before(first) {
				first = due
			}
		}
	}
	return first, !first.IsZero()
}

// attended returns when, from due on, a reader has room.
func (c *consumer) attended(now, due time.Time) time.Time {
	var room time.Time
	for _, r := range c.readers {
		until, full := r.full(now)
		if !full {
			return due
		}
		if room.IsZero() || until.Before(room) {
			room = until
		}
	}
	if room.After(due) {
		return room
	}
	return due
}
