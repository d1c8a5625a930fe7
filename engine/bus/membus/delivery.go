package membus

import (
	"container/heap"
	"context"
	"time"

	"github.com/heddlehq/heddle/engine/bus"
)

// delivery is the nth of a lease.
type delivery struct {
	b       *Bus
	r       *reader
	l       *lease
	nth     int
	settled bool
}

func (d *delivery) copy() *delivery { return &delivery{b: d.b, r: d.r, l: d.l, nth: d.nth} }

func (d *delivery) Subject() string          { return d.l.msg.Subject }
func (d *delivery) ID() string               { return d.l.msg.ID }
func (d *delivery) Header(key string) string { return d.l.msg.Header[key] }
func (d *delivery) Data() []byte             { return d.l.msg.Data }
func (d *delivery) Deliveries() int          { return d.nth }

func (d *delivery) Ack()        { _ = d.finish() } // an Ack that was lost is found out by AckWait
func (d *delivery) Term(string) { _ = d.finish() }

func (d *delivery) Confirm(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return d.finish()
}

func (d *delivery) finish() error {
	d.b.mu.Lock()
	defer d.b.mu.Unlock()
	fault, ok := d.settle()
	if ok && !fault.Drop {
		d.r.c.settle(d.l, true)
	}
	return fault.Err
}

func (d *delivery) Nak(delay time.Duration) {
	d.b.mu.Lock()
	defer d.b.mu.Unlock()
	if fault, ok := d.settle(); ok && !fault.Drop && d.current() {
		d.l.held = false
		d.l.hold(nil)
		d.lease(max(delay, 0))
	}
}

func (d *delivery) Working() {
	d.b.mu.Lock()
	defer d.b.mu.Unlock()
	if !d.settled && d.current() {
		d.l.hold(d.r)
		d.lease(d.r.c.AckWait)
	}
}

func (d *delivery) settle() (Fault, bool) {
	if d.settled {
		return Fault{}, false
	}
	d.settled = true
	return d.b.opts.Fault(Attempt{Settling, d.r.c.stream.Name, d.r.c.Name, d.l.msg.seq, d.nth, d.l.msg.Message}), true
}

// current tells whether the lease is still this delivery's to give back or prolong.
func (d *delivery) current() bool { return d.l.index >= 0 && d.l.held && d.l.deliveries == d.nth }

func (d *delivery) lease(wait time.Duration) {
	d.l.due = d.b.opts.Now().Add(wait)
	heap.Fix(&d.r.c.leases, d.l.index)
	d.r.c.wake()
}

var _ bus.Delivery = (*delivery)(nil)
