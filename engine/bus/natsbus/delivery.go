package natsbus

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// What the server understands as answers to a delivery.
const (
	ackAck      = "+ACK"
	ackNak      = "-NAK"
	ackProgress = "+WPI"
	ackTerm     = "+TERM"
)

// delivery leaves out errors of the acknowledgements that do not wait: a broken
// connection means another delivery, which is what the port promises anyway.
type delivery struct {
	msg     received
	bus     *Bus
	stream  string
	last    *lastAck // nil when acknowledgements are sent at once
	window  *window  // nil when nobody counts
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
	deliveries, _, _ := meta(d.msg.Reply())
	return deliveries
}

func (d *delivery) sequence() uint64 {
	_, seq, _ := meta(d.msg.Reply())
	return seq
}

// settle reports whether the caller is the first to settle the delivery.
func (d *delivery) settle() bool {
	if d.settled.Swap(true) {
		return false
	}
	if d.window != nil {
		d.window.settled(d)
	}
	return true
}

// say answers the server, which waits for nothing. About a message of a stream that was made
// anew since nothing is said: the server would take it for another one of the same number.
func (d *delivery) say(answer string) {
	if _, _, stored := meta(d.msg.Reply()); d.bus.births.after(d.stream, stored) {
		return
	}
	_ = d.bus.conn.Publish(d.msg.Reply(), []byte(answer))
}

func (d *delivery) Ack() {
	switch {
	case !d.settle():
	case d.last != nil:
		d.last.ack(d)
	default:
		d.ack()
	}
}

func (d *delivery) ack() { d.say(ackAck) }

// confirm is ack that waits for the server, if there is one.
func (d *delivery) confirm() {
	if !d.bus.conn.IsConnected() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
	defer cancel()
	_, _ = d.bus.conn.RequestWithContext(ctx, d.msg.Reply(), []byte(ackAck))
}

func (d *delivery) Confirm(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, d.bus.opts.Timeout)
	defer cancel()
	err := error(jetstream.ErrMsgAlreadyAckd)
	if !d.settled.Load() {
		_, err = d.bus.conn.RequestWithContext(ctx, d.msg.Reply(), []byte(ackAck))
	}
	if err != nil {
		return fmt.Errorf("confirm delivery: %w", d.bus.classify(err))
	}
	d.settle()
	return nil
}

func (d *delivery) Nak(delay time.Duration) {
	switch {
	case !d.settle():
	case delay > 0:
		d.say(fmt.Sprintf(`%s {"delay":%d}`, ackNak, delay))
	default:
		d.say(ackNak)
	}
}

func (d *delivery) Working() {
	if d.settled.Load() {
		return
	}
	if d.window != nil {
		d.window.working(d)
	}
	d.say(ackProgress)
}

func (d *delivery) Term(reason string) {
	if d.settle() {
		d.say(ackTerm + " " + reason)
	}
}

// ackPrefix begins the reply subject of every delivery and of nothing else.
const ackPrefix = "$JS.ACK."

// received is a message as nats.go hands it over.
type received interface {
	Subject() string
	Reply() string
	Headers() nats.Header
	Data() []byte
}

var _ received = jetstream.Msg(nil)

// raw is one that did not come through the jetstream package.
type raw struct{ m *nats.Msg }

func (r raw) Subject() string      { return r.m.Subject }
func (r raw) Reply() string        { return r.m.Reply }
func (r raw) Headers() nats.Header { return r.m.Header }
func (r raw) Data() []byte         { return r.m.Data }

// meta reads how often a message was delivered, its sequence, and when it was stored, in
// nanoseconds since 1970, from its reply subject,
// $JS.ACK.[domain.account.]stream.consumer.deliveries.sequence.sequence of the consumer.stored.…
func meta(reply string) (deliveries int, seq uint64, stored int64) {
	skip := 4
	if strings.Count(reply, ".") >= 10 {
		skip = 6
	}
	var token string
	for range skip {
		_, reply, _ = strings.Cut(reply, ".")
	}
	token, reply, _ = strings.Cut(reply, ".")
	deliveries, err := strconv.Atoi(token)
	if err != nil {
		return 1, 0, 0 // no delivery's
	}
	// A server that wrote the one wrote the others.
	token, reply, _ = strings.Cut(reply, ".")
	seq, _ = strconv.ParseUint(token, 10, 64)
	_, reply, _ = strings.Cut(reply, ".")
	token, _, _ = strings.Cut(reply, ".")
	stored, _ = strconv.ParseInt(token, 10, 64)
	return deliveries, seq, stored
}
