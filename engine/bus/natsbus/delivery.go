package natsbus

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// delivery leaves out errors of the acknowledgements that do not wait: a broken
// connection means another delivery, which is what the port promises anyway, and a second
// settling is to do nothing.
type delivery struct {
	msg jetstream.Msg
	bus *Bus
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

func (d *delivery) Ack() { _ = d.msg.Ack() }

func (d *delivery) Confirm(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, d.bus.opts.Timeout)
	defer cancel()
	if err := d.msg.DoubleAck(ctx); err != nil {
		return fmt.Errorf("confirm delivery: %w", d.bus.classify(err))
	}
	return nil
}

func (d *delivery) Nak(delay time.Duration) {
	if delay <= 0 {
		_ = d.msg.Nak()
		return
	}
	_ = d.msg.NakWithDelay(delay)
}

func (d *delivery) Working() { _ = d.msg.InProgress() }

func (d *delivery) Term(reason string) { _ = d.msg.TermWithReason(reason) }
