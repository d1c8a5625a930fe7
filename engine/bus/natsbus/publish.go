package natsbus

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/heddlehq/heddle/engine/bus"
)

const (
	// answerTimeout is how long to wait for one answer of the broker before asking again: an
	// answer may have gone down with a connection.
	answerTimeout = 2 * time.Second
	// settleWait is how long Publish waits between two tries.
	settleWait = 20 * time.Millisecond
	// maxFlight bounds what one Publish has in flight; the server refuses what comes when 10,000 wait.
	maxFlight = 4096
)

// Publish sends each message once, looks after the streams if one was missing, and sends
// what may help to send again until ctx ends.
func (b *Bus) Publish(ctx context.Context, msgs ...bus.Message) []error {
	errs := make([]error, len(msgs))
	todo := make([]int, 0, len(msgs))
	for i, m := range msgs {
		if errs[i] = b.check(m); errs[i] == nil {
			todo = append(todo, i)
		}
	}
	if len(todo) == 0 {
		return errs
	}
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	for stuck := map[string]standstill{}; ; {
		seen := b.seen()
		todo = b.send(ctx, msgs, todo, errs)
		if len(todo) == 0 {
			return errs
		}
		b.suspect(ctx, msgs, todo, errs, stuck)
		if !b.pause(ctx, settleWait) || !b.connected(ctx) {
			return errs
		}
		if err := b.repair(ctx, seen); err != nil {
			b.log.Debug("bus streams not restored yet", "err", err)
		}
	}
}

// standstill is where a stream was when it left a publish unanswered.
type standstill struct {
	birth time.Time
	last  uint64
}

// suspect gives up a stream that left a publish unanswered twice and took in nothing
// between, although its server answers: a server that met a write error, on a full disk or
// because its files were deleted, is silent about that stream for the rest of its life.
func (b *Bus) suspect(ctx context.Context, msgs []bus.Message, todo []int, errs []error, stuck map[string]standstill) {
	asked := map[string]bool{}
	for _, i := range todo {
		s, _ := b.stream(msgs[i].Subject) // checked before it was sent
		if asked[s.Name] || !stalled(errs[i]) {
			continue
		}
		asked[s.Name] = true
		info, err := b.info(ctx, s.Name)
		if err != nil {
			continue
		}
		now := standstill{info.Created, info.State.LastSeq}
		if before, twice := stuck[s.Name]; twice && before == now {
			b.broke(s.Name, now.birth)
		}
		stuck[s.Name] = now
	}
}

func (b *Bus) check(m bus.Message) error {
	if err := m.Check(); err != nil {
		return err
	}
	if size, limit := m.Size(), int(b.conn.MaxPayload()); size > limit {
		return &bus.ErrTooLarge{Subject: m.Subject, Size: size, Limit: limit}
	}
	_, err := b.stream(m.Subject)
	return err
}

func (b *Bus) stream(subject string) (bus.Stream, error) {
	for _, s := range b.opts.Streams {
		if s.Takes(subject) {
			return s, nil
		}
	}
	return bus.Stream{}, fmt.Errorf("%w takes subject %q", bus.ErrNoStream, subject)
}

// send publishes the messages todo names, writes their outcome to errs and returns those
// worth another try.
func (b *Bus) send(ctx context.Context, msgs []bus.Message, todo []int, errs []error) (again []int) {
	for part := range slices.Chunk(todo, maxFlight) {
		again = append(again, b.fly(ctx, msgs, part, errs)...)
	}
	return again
}

// fly is send for so many messages as may be in flight together.
func (b *Bus) fly(ctx context.Context, msgs []bus.Message, todo []int, errs []error) (again []int) {
	f := b.acks.begin(len(todo))
	var out nats.Msg
	for n, i := range todo {
		f.encode(msgs[i], &out)
		out.Reply = f.replies[n]
		if err := b.conn.PublishMsg(&out); err != nil {
			b.acks.refuse(f, n, err)
		}
	}
	f.patience.Reset(min(answerTimeout, b.opts.Timeout))
	unanswered := error(jetstream.ErrAsyncPublishTimeout)
	select {
	case <-f.landed:
	case <-f.patience.C:
	case <-b.done:
		unanswered = bus.ErrClosed
	case <-ctx.Done():
		unanswered = ctx.Err()
	}
	b.acks.end(f, unanswered)
	for n, err := range f.errs {
		i := todo[n]
		if err != nil && transient(err) && ctx.Err() == nil {
			again = append(again, i)
		}
		errs[i] = b.classify(err)
	}
	b.acks.release(f)
	return again
}

// decode is the inverse of flight.encode; headers of the broker's own are left out.
func decode(subject string, header nats.Header, data []byte) bus.Message {
	out := bus.Message{Subject: subject, Data: data}
	for k, v := range header {
		switch {
		case k == jetstream.MsgIDHeader:
			out.ID = v[0]
		case len(k) >= 5 && k[:5] == "Nats-":
		default:
			if out.Header == nil {
				out.Header = make(map[string]string, len(header))
			}
			out.Header[k] = v[0]
		}
	}
	return out
}

// Signal is a plain NATS message.
func (b *Bus) Signal(_ context.Context, subject string, data []byte) error {
	m := bus.Message{Subject: subject, Data: data}
	if err := m.Check(); err != nil {
		return err
	}
	if limit := int(b.conn.MaxPayload()); len(data) > limit {
		return &bus.ErrTooLarge{Subject: subject, Size: len(data), Limit: limit}
	}
	if err := b.conn.Publish(subject, data); err != nil {
		return fmt.Errorf("signal: %w", b.classify(err))
	}
	return nil
}

// Listen subscribes to plain NATS messages; the subscription outlives reconnects.
func (b *Bus) Listen(ctx context.Context, pattern string, handle func(string, []byte)) error {
	if err := bus.CheckPattern(pattern); err != nil {
		return err
	}
	var gate gate
	sub, err := b.conn.Subscribe(pattern, func(m *nats.Msg) {
		if gate.enter() {
			defer gate.leave()
			handle(m.Subject, m.Data)
		}
	})
	if err != nil {
		return fmt.Errorf("listen to %q: %w", pattern, b.classify(err))
	}
	select {
	case <-ctx.Done():
	case <-b.done:
	}
	gate.shut()
	_ = sub.Unsubscribe() // only fails when the connection is closed, and the subscription with it
	return nil
}
