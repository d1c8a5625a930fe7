package natsbus

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/heddlehq/heddle/engine/bus"
)

// Peek asks the stream for one message after the other. A queue takes no second consumer that
// could read them.
func (b *Bus) Peek(ctx context.Context, stream, filter string, visit func(bus.Message) bool) error {
	if _, err := b.known(stream); err != nil {
		return err
	}
	if filter != "" {
		if err := bus.CheckPattern(filter); err != nil {
			return err
		}
	}
	if err := b.peek(ctx, stream, cmp.Or(filter, ">"), visit); err != nil {
		return fmt.Errorf("peek into %s: %w", stream, b.classify(err))
	}
	return nil
}

func (b *Bus) peek(ctx context.Context, stream, filter string, visit func(bus.Message) bool) error {
	within, cancel := context.WithTimeout(ctx, answerTimeout)
	s, err := b.js.Stream(within, stream)
	cancel()
	if err != nil {
		return err
	}
	for seq := max(s.CachedInfo().State.FirstSeq, 1); ; {
		within, cancel := context.WithTimeout(ctx, answerTimeout)
		m, err := s.GetMsg(within, seq, jetstream.WithGetMsgSubject(filter))
		cancel()
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if !visit(decode(m.Subject, m.Header, m.Data)) {
			return nil
		}
		seq = m.Sequence + 1
	}
}
