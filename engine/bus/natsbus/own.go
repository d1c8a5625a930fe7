package natsbus

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"
)

// ownMark stands in the configuration of a durable that only the process with the embedded server
// reads. Whoever else reads from it writes its configuration without the mark.
const ownMark = "heddle-own"

// renew deletes the durables of a stream that a former life of this process left, once in this
// life: those who had deliveries of them in hand are dead, so nobody needs to wait for their leases, and
// those that are not made anew would keep their subjects from others. The stream keeps what was not
// acknowledged.
func (b *Bus) renew(ctx context.Context, stream string) error {
	b.renewing.Lock()
	defer b.renewing.Unlock()
	if b.renewed[stream] {
		return nil
	}
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return err
	}
	var left []string
	found := s.ListConsumers(ctx)
	for info := range found.Info() {
		if info.Config.Metadata[ownMark] != "" {
			left = append(left, info.Name)
		}
	}
	if err := found.Err(); err != nil {
		return err
	}
	for _, name := range left {
		if err := s.DeleteConsumer(ctx, name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return err
		}
	}
	b.renewed[stream] = true
	return nil
}
