package natsbus

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// delivery leaves out errors of the acknowledgements that do not wait: a broken
// connection means another delivery, which is what the port promises anyway.
type delivery struct {
	msg     jetstream.Msg
	bus     *Bus
	last    *lastAck // nil when acknowledgements are sent at once
	settled atomic.Bool
}

func (d *delivery) Subject() string { return d.msg.Subject() }
func (d *delivery) Data() []byte    { return d.msg.Data() }
func (d *delivery) ID() string      { return d.Header(jetstream.MsgIDHeader) }

func (d *delivery) Header(name string) string {
	if v := d.msg.Headers()[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func (d *delivery) Deliveries() int {
	meta, err := d.msg.Metadata()
	if err != nil {
		return 1
	}
	return int(meta.NumDelivered)
}

// settle reports whether the caller is the first to settle the delivery.
func (d *delivery) settle() bool { return !d.settled.Swap(true) }

func (d *delivery) Ack() {
	switch {
	case !d.settle():
	case d.last != nil:
		d.last.ack(d)
	default:
		d.ack()
	}
}

func (d *delivery) ack() { _ = d.msg.Ack() }

// confirm is ack that waits for the server, if there is one.
func (d *delivery) confirm() {
	if !d.bus.conn.IsConnected() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
	defer cancel()
	_ = d.msg.DoubleAck(ctx)
}

func (d *delivery) Confirm(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, d.bus.opts.Timeout)
	defer cancel()
	err := error(jetstream.ErrMsgAlreadyAckd)
	if !d.settled.Load() {
		err = d.msg.DoubleAck(ctx)
	}
	if err != nil {
		return fmt.Errorf("confirm delivery: %w", d.bus.classify(err))
	}
	d.settled.Store(true)
	return nil
}

func (d *delivery) Nak(delay time.Duration) {
	switch {
	case !d.settle():
	case delay > 0:
		_ = d.msg.NakWithDelay(delay)
	default:
		_ = d.msg.Nak()
	}
}

func (d *delivery) Working() {
	if !d.settled.Load() {
		_ = d.msg.InProgress()
	}
}

func (d *delivery) Term(reason string) {
	if d.settle() {
		_ = d.msg.TermWithReason(reason)
	}
}
