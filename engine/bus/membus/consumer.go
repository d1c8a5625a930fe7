package membus

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/heddlehq/heddle/engine/bus"
)

// lease is a message a consumer works on: waiting for its first delivery, handed out until
// due, or given back until due.
type lease struct {
	msg        *message
	deliveries int
	held       bool
	holder     *reader // whose Prefetch it counts for; nil for nobody's
	due        time.Time
	index      int // in the heap, -1 once settled
}

// hold counts the lease for r instead of whoever it counted for before.
func (l *lease) hold(r *reader) {
	if l.holder != nil {
		delete(l.holder.holds, l)
	}
	if l.holder = r; r != nil {
		r.holds[l] = true
	}
}

// leases is a heap by due time.
type leases []*lease

func (l leases) Len() int { return len(l) }
func (l leases) Less(i, j int) bool {
	return cmp.Or(l[i].due.Compare(l[j].due), cmp.Compare(l[i].msg.seq, l[j].msg.seq)) < 0
}
func (l leases) Swap(i, j int) { l[i], l[j] = l[j], l[i]; l[i].index, l[j].index = i, j }
func (l *leases) Push(x any)   { x.(*lease).index = len(*l); *l = append(*l, x.(*lease)) }
func (l *leases) Pop() any {
	last := len(*l) - 1
	x := (*l)[last]
	x.index, *l = -1, (*l)[:last]
	return x
}

type consumer struct {
	bus.Consumer
	stream  *stream
	next    uint64 // first sequence not yet considered
	leases  leases
	readers []*reader
}

// reader is one Consume call.
type reader struct {
	c        *consumer
	handle   func(bus.Delivery)
	prefetch int
	holds    map[*lease]bool // not settled, and its to settle
	wake     chan struct{}
	handling sync.Mutex
}

// full reports whether the reader holds all it may, and until when if nothing is settled.
func (r *reader) full(now time.Time) (until time.Time, full bool) {
	if len(r.holds) < r.prefetch {
		return time.Time{}, false
	}
	for l := range r.holds {
		if !l.due.After(now) {
			l.hold(nil)
		} else if until.IsZero() || l.due.Before(until) {
			until = l.due
		}
	}
	return until, len(r.holds) >= r.prefetch
}

func (c *consumer) wants(m *message) bool {
	return len(c.Filter) == 0 || slices.ContainsFunc(c.Filter, func(f string) bool { return bus.Match(f, m.Subject) })
}

func (c *consumer) wake() {
	for _, s := range c.readers {
		notify(s.wake)
	}
}

func (c *consumer) reset() {
	for _, l := range c.leases {
		l.index = -1
		l.hold(nil)
	}
	c.leases, c.next = nil, 1
	c.wake()
}

// fill leases new messages up to MaxPending.
func (c *consumer) fill(now time.Time) {
	for _, m := range c.stream.from(c.next) {
		if len(c.leases) >= c.MaxPending {
			return
		}
		c.next = m.seq + 1
		if !m.taken && c.wants(m) {
			heap.Push(&c.leases, &lease{msg: m, due: now})
		}
	}
}

// settle ends a lease; on a queue the message goes with it.
func (c *consumer) settle(l *lease, gone bool) {
	if l.index < 0 {
		return
	}
	heap.Remove(&c.leases, l.index)
	l.hold(nil)
	if gone && c.stream.Queue {
		c.stream.take(l.msg)
	}
	c.wake()
}

// ready drops what may not be delivered any more and returns the leases due by now: all of
// them for a pick, else the first.
func (c *consumer) ready(now time.Time, all bool) (due []*lease) {
	c.stream.expire(now)
	c.fill(now)
	for len(c.leases) > 0 && !c.leases[0].due.After(now) {
		if l := c.leases[0]; l.msg.taken || c.MaxDeliver > 0 && l.deliveries >= c.MaxDeliver {
			c.settle(l, false)
			c.fill(now)
			continue
		}
		if !all {
			return c.leases[:1]
		}
		break
	}
	if all {
		for _, l := range c.leases {
			if !l.due.After(now) && !l.msg.taken && (c.MaxDeliver == 0 || l.deliveries < c.MaxDeliver) {
				due = append(due, l)
			}
		}
		slices.SortFunc(due, func(a, b *lease) int {
			return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.msg.seq, b.msg.seq))
		})
	}
	return due
}

// deliver hands l out to r, unless a fault keeps it; copies tells how often beyond once.
func (b *Bus) deliver(r *reader, l *lease, now time.Time) (d *delivery, copies int) {
	c := r.c
	fault := b.opts.Fault(Attempt{Delivering, c.stream.Name, c.Name, l.msg.seq, l.deliveries, l.msg.Message})
	if fault.Delay > 0 {
		l.held, l.due = false, now.Add(fault.Delay)
		heap.Fix(&c.leases, l.index)
		return nil, 0
	}
	l.deliveries++
	l.held, l.due = true, now.Add(c.AckWait)
	heap.Fix(&c.leases, l.index)
	if fault.Drop {
		l.hold(nil)
		return nil, 0
	}
	l.hold(r)
	return &delivery{b: b, r: r, l: l, nth: l.deliveries}, fault.Copies
}

// attach makes the durable if it is missing and adds a reader to it.
func (b *Bus) attach(c bus.Consumer, handle func(bus.Delivery)) (*reader, error) {
	c, err := c.WithDefaults()
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s, err := b.find(c.Stream)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(s.consumers, func(o *consumer) bool { return o.Name == c.Name })
	for n, o := range s.consumers {
		if s.Queue && n != i && overlap(c.Filter, o.Filter) {
			return nil, fmt.Errorf("%w %q: overlaps %q on queue %s", bus.ErrConsumer, c.Name, o.Name, s.Name)
		}
	}
	if i < 0 {
		i = len(s.consumers)
		s.consumers = append(s.consumers, &consumer{stream: s, next: 1})
	}
	durable := s.consumers[i]
	durable.Consumer = c
	r := &reader{c: durable, handle: handle, prefetch: c.Prefetch, holds: map[*lease]bool{}, wake: make(chan struct{}, 1)}
	durable.readers = append(durable.readers, r)
	durable.wake()
	return r, nil
}

func (b *Bus) detach(s *reader) {
	b.mu.Lock()
	s.c.readers = slices.DeleteFunc(s.c.readers, func(o *reader) bool { return o == s })
	s.c.wake()
	b.mu.Unlock()
	s.handling.Lock() // until a running handle has returned
	defer s.handling.Unlock()
}

func overlap(a, b []string) bool {
	if len(a) == 0 || len(b) == 0 {
		return true
	}
	return slices.ContainsFunc(a, func(x string) bool {
		return slices.ContainsFunc(b, func(y string) bool { return bus.Overlap(x, y) })
	})
}

// Consume delivers on the calling goroutine, unless the bus is Manual.
func (b *Bus) Consume(ctx context.Context, c bus.Consumer, handle func(bus.Delivery)) error {
	s, err := b.attach(c, handle)
	if err != nil {
		return fmt.Errorf("consume %s of %s: %w", c.Name, c.Stream, err)
	}
	defer b.detach(s)
	if b.opts.Manual {
		select {
		case <-ctx.Done():
		case <-b.done:
		}
		return nil
	}
	var timer *time.Timer
	for ctx.Err() == nil {
		d, copies, due := b.take(s)
		if d != nil {
			for range 1 + copies {
				s.handle(d.copy())
			}
			continue
		}
		var alarm <-chan time.Time
		if due != nil {
			if timer == nil {
				timer = time.NewTimer(0)
				defer timer.Stop()
			}
			timer.Reset(due.Sub(b.opts.Now()))
			alarm = timer.C
		}
		select {
		case <-s.wake:
		case <-alarm:
		case <-ctx.Done():
		case <-b.done:
			return nil
		}
	}
	return nil
}

// take returns the reader's next delivery, or when one may be due; nil when only a change
// on the bus can bring that about.
func (b *Bus) take(s *reader) (d *delivery, copies int, due *time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := s.c
	if b.closed {
		return nil, 0, nil
	}
	for {
		now := b.opts.Now()
		if until, full := s.full(now); full {
			return nil, 0, &until
		}
		ready := c.ready(now, b.opts.Pick != nil)
		if len(ready) == 0 {
			if len(c.leases) == 0 {
				return nil, 0, nil
			}
			at := c.leases[0].due
			return nil, 0, &at
		}
		if d, copies = b.deliver(s, ready[b.pick(len(ready))], now); d != nil {
			return d, copies, nil
		}
	}
}

func (b *Bus) pick(n int) int {
	if b.opts.Pick == nil || n == 1 {
		return 0
	}
	return b.opts.Pick(n)
}
