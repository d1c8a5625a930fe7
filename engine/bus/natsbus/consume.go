package natsbus

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/heddlehq/heddle/engine/bus"
)

const (
	// maxBatch bounds what one Consume takes in ahead of its handler. More buys nothing, and
	// whatever waits in the buffer already uses up its AckWait.
	maxBatch = 512
	// A pull request lasts pullExpiry; without a sign of life for two pullHeartbeats the
	// consumer is looked after.
	pullExpiry    = 30 * time.Second
	pullHeartbeat = 2 * time.Second
)

// Consume keeps a pull subscription going on the durable, which it makes when missing.
func (b *Bus) Consume(ctx context.Context, c bus.Consumer, handle func(bus.Delivery)) error {
	c, err := c.WithDefaults()
	if err != nil {
		return err
	}
	stream, err := b.known(c.Stream)
	if err != nil {
		return err
	}
	config := consumerConfig(c)
	own := c.Own && b.server != nil
	if own {
		config.Metadata = map[string]string{ownMark: "true"}
	}
	opts := pullOptions(min(c.MaxPending, maxBatch))
	var last *lastAck
	if keepsLast(stream, c) {
		last = b.lasts.begin()
		defer b.lasts.end(last)
	}
	source := func(ctx context.Context) (jetstream.Consumer, error) {
		if last != nil {
			last.send() // it must not be taken for that of another message, of streams made anew
		}
		ctx, cancel := context.WithTimeout(ctx, answerTimeout)
		defer cancel()
		if b.user != "" {
			return b.js.Consumer(ctx, c.Stream, c.Name)
		}
		if own {
			if err := b.renew(ctx, c.Stream); err != nil {
				return nil, err
			}
		}
		return b.js.CreateOrUpdateConsumer(ctx, c.Stream, config)
	}
	begin := plain(opts)
	window := newWindow(b, c)
	if window != nil {
		begin = func(_ jetstream.Consumer, pass func(received), trouble func(error)) (jetstream.ConsumeContext, error) {
			return window.subscribe(pass, trouble)
		}
	}
	err = b.pull(ctx, source, begin, func(m received) {
		d := &delivery{msg: m, bus: b, stream: c.Stream, last: last, window: window}
		if window != nil {
			window.take(d)
		}
		if ctx.Err() != nil {
			d.Nak(0) // taken in, not handed over
			return
		}
		handle(d)
	})
	if err != nil {
		return fmt.Errorf("consume %s of %s: %w", c.Name, c.Stream, err)
	}
	return nil
}

func consumerConfig(c bus.Consumer) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable:        c.Name,
		AckPolicy:      jetstream.AckExplicitPolicy,
		DeliverPolicy:  jetstream.DeliverAllPolicy,
		FilterSubjects: c.Filter,
		AckWait:        c.AckWait,
		MaxAckPending:  c.MaxPending,
		MaxDeliver:     int(limit(int64(c.MaxDeliver))),
	}
}

func pullOptions(batch int) []jetstream.PullConsumeOpt {
	return []jetstream.PullConsumeOpt{jetstream.PullMaxMessages(batch), jetstream.PullExpiry(pullExpiry), jetstream.PullHeartbeat(pullHeartbeat)}
}

// Tail keeps a reader of its own on the stream and makes another from where it was
// whenever something may have been missed.
func (b *Bus) Tail(ctx context.Context, stream, filter string, from uint64, handle func(uint64, bus.Message)) error {
	s, err := b.known(stream)
	if err != nil {
		return err
	}
	if s.Queue {
		return fmt.Errorf("tail %s: %w: it is a queue", stream, bus.ErrConsumer)
	}
	config := jetstream.ConsumerConfig{
		AckPolicy:         jetstream.AckNonePolicy,
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		MemoryStorage:     true,
		Replicas:          1,
		InactiveThreshold: time.Minute,
	}
	if filter != "" {
		if err := bus.CheckPattern(filter); err != nil {
			return err
		}
		config.FilterSubjects = []string{filter}
	}
	// next is written by the handler of one subscription and read once that has ended.
	var next uint64
	var birth time.Time
	source := func(ctx context.Context) (jetstream.Consumer, error) {
		ctx, cancel := context.WithTimeout(ctx, answerTimeout)
		defer cancel()
		info, err := b.info(ctx, stream)
		if err != nil {
			return nil, err
		}
		switch {
		case birth.IsZero() && from == bus.FromNow:
			next = info.State.LastSeq + 1
		case birth.IsZero():
			next = from
		case !birth.Equal(info.Created):
			next = 1
		}
		birth = info.Created
		config.OptStartSeq = next
		return b.js.CreateConsumer(ctx, stream, config)
	}
	err = b.pull(ctx, source, plain(pullOptions(maxBatch)), func(m received) {
		if ctx.Err() != nil {
			return
		}
		_, seq, _ := meta(m.Reply())
		next = seq + 1
		handle(seq, decode(m.Subject(), m.Headers(), m.Data()))
	})
	if err != nil {
		return fmt.Errorf("tail %s: %w", stream, err)
	}
	return nil
}

func (b *Bus) known(stream string) (bus.Stream, error) {
	if b.closed() {
		return bus.Stream{}, bus.ErrClosed
	}
	for _, s := range b.opts.Streams {
		if s.Name == stream {
			return s, nil
		}
	}
	return bus.Stream{}, fmt.Errorf("%w: %q", bus.ErrNoStream, stream)
}

// beginning starts a subscription to a consumer that passes messages on, and tells of what should end it.
type beginning func(c jetstream.Consumer, pass func(received), trouble func(error)) (jetstream.ConsumeContext, error)

// plain is one of the jetstream package's.
func plain(opts []jetstream.PullConsumeOpt) beginning {
	return func(c jetstream.Consumer, pass func(received), trouble func(error)) (jetstream.ConsumeContext, error) {
		onError := jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
			trouble(err)
		})
		return c.Consume(func(m jetstream.Msg) { pass(m) }, append(opts[:len(opts):len(opts)], onError)...)
	}
}

// pull hands the messages of the consumer that source makes to handle until ctx ends. It
// makes the consumer again, and the streams before it, when they were lost.
func (b *Bus) pull(ctx context.Context, source func(context.Context) (jetstream.Consumer, error), begin beginning, handle func(received)) error {
	for wait := settleWait; ; {
		seen := b.seen()
		healthy, err := b.subscribe(ctx, source, begin, handle)
		if ctx.Err() != nil || b.closed() {
			return nil
		}
		if api, ok := apiError(err); ok && api.Code == 400 && !full(api) {
			return fmt.Errorf("%w: %w", bus.ErrConsumer, err)
		}
		if healthy {
			wait = settleWait
		}
		b.log.Debug("bus consumer interrupted", "err", err)
		if !b.pause(ctx, wait) || !b.connected(ctx) {
			return nil
		}
		wait = min(2*wait, time.Second)
		if err := b.repair(ctx, seen); err != nil {
			b.log.Debug("bus streams not restored yet", "err", err)
		}
	}
}

// subscribe is one subscription's life. healthy tells that it came about; err is what ended it.
func (b *Bus) subscribe(ctx context.Context, source func(context.Context) (jetstream.Consumer, error), begin beginning, handle func(received)) (healthy bool, err error) {
	consumer, err := source(ctx)
	if err != nil {
		return false, err
	}
	var gate gate
	defer gate.shut()
	pass := func(m received) {
		if gate.enter() {
			defer gate.leave()
			handle(m)
		}
	}
	trouble := make(chan error, 1)
	sub, err := begin(consumer, pass, func(err error) {
		select {
		case trouble <- err:
		default: // the first is enough
		}
	})
	if err != nil {
		return false, err
	}
	ended := sub.Closed()
	select {
	case <-ctx.Done():
	case <-b.done:
	case err = <-trouble:
	case <-ended:
	}
	if !b.conn.IsConnected() {
		sub.Stop()
		return true, err
	}
	sub.Drain() // lets handle give back what it took in
	select {
	case <-ended:
	case <-b.done:
	}
	return true, err
}
