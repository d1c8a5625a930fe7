package natsbus

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/heddlehq/heddle/engine/bus"
)

// ownMark stands in the configuration of a durable that only the process with the embedded server
// reads. Whoever else reads from it writes its configuration without the mark.
const ownMark = "heddle-own"

// renew makes the durable of a former life of this process anew, once in its life: those who had
// deliveries of it in hand are dead, so nobody needs to wait for their leases. The stream keeps what was
// not acknowledged.
func (b *Bus) renew(ctx context.Context, c bus.Consumer) error {
	b.renewing.Lock()
	defer b.renewing.Unlock()
	key := c.Stream + "/" + c.Name
	if b.renewed[key] {
		return nil
	}
	found, err := b.js.Consumer(ctx, c.Stream, c.Name)
	if err == nil && found.CachedInfo().Config.Metadata[ownMark] != "" {
		err = b.js.DeleteConsumer(ctx, c.Stream, c.Name)
	}
	if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return err
	}
	b.renewed[key] = true
	return nil
}
