package bus

import (
	"context"
	"time"
)

// Bus carries messages between the engine's parts and the adapters. Drivers: membus and
// natsbus; bustest is the suite both pass. Every method is safe for concurrent use.
type Bus interface {
	// Publish sends all messages to their streams, in flight together, and returns once each
	// is settled. Result i is nil when message i is stored, or was stored before under the
	// same ID. A stream that vanished is made anew on the way. An error means the message
	// may or may not be stored: publish again, under the same ID. Without a deadline in ctx
	// the driver sets one.
	Publish(ctx context.Context, msgs ...Message) []error

	// Consume hands the stream's messages that match c to handle until ctx ends, then returns
	// nil once a running handle has returned; deliveries it took in but did not hand over go
	// back to the stream. handle is called by one goroutine at a time and owns the delivery: it,
	// or whoever it passes it to, settles it with Ack, Nak or Term. Several Consume calls with
	// the same stream and name, in this process or others, share the messages between
	// them. Lost streams and connections are waited for; only a Consumer that can never
	// work (ErrConsumer) ends it early.
	Consume(ctx context.Context, c Consumer, handle func(Delivery)) error

	// Tail reads the stream's messages matching filter ("" for all) from sequence from, or
	// only those stored from now on when from is FromNow, without taking them, until ctx
	// ends. seq grows by message; a jump means messages expired or did not match, and a step
	// back means the stream was made anew. A queue has no tail: ErrConsumer.
	Tail(ctx context.Context, stream, filter string, from uint64, handle func(seq uint64, m Message)) error

	// Last returns the sequence of the stream's newest message, 0 when there was none. Last
	// taken before a look at the store, then Tail from Last+1, misses nothing.
	Last(ctx context.Context, stream string) (uint64, error)

	// Peek hands the messages that the stream holds and that match filter ("" for all), oldest
	// first, to visit until that returns false. Nothing is taken: what consumers have in hand
	// and have not settled is among them. Each message costs a question to the broker, so it is for rare looks.
	Peek(ctx context.Context, stream, filter string, visit func(m Message) bool) error

	// Signal sends data to whoever listens right now; nothing is kept and nothing is promised.
	Signal(ctx context.Context, subject string, data []byte) error

	// Listen hands signals whose subject matches pattern to handle, one at a time, until ctx ends.
	Listen(ctx context.Context, pattern string, handle func(subject string, data []byte)) error

	// Epoch names the life of the streams. It changes when a stream was lost and made anew, or
	// may have lost messages, which tells the engine to ring every doorbell again. A connection
	// that was interrupted changes nothing. Epoch restores missing streams first.
	Epoch(ctx context.Context) (string, error)

	// Close releases the bus. End Consume, Tail and Listen before; those still running return.
	Close() error
}

// FromNow asks Tail for messages stored after it began.
const FromNow uint64 = 0

// Message is what Publish sends and Tail reads.
type Message struct {
	Subject string
	// ID drops repeats: a second message with the same ID within the stream's dedupe window
	// is not stored. Empty means never a repeat. A sweeper that rings again for a message
	// the stream may have stored and lost needs an ID of its own.
	ID string
	// Header names are kept as written; those starting with "Nats-" are the broker's own.
	Header map[string]string
	Data   []byte
}

// Delivery is one message handed to one consumer. The first of Ack, Nak, Term and a
// successful Confirm settles it, later ones do nothing. Its methods may be called from any goroutine.
type Delivery interface {
	Subject() string
	// ID is the message's dedupe id, "" if it had none.
	ID() string
	// Header returns a header's value, "" when absent. The name is matched exactly.
	Header(name string) string
	// Data is the payload, not to be changed.
	Data() []byte
	// Deliveries counts how often the message was handed out, this time included.
	Deliveries() int

	// Ack takes the message off the queue. It does not wait: an Ack lost on the way means
	// another delivery after AckWait.
	Ack()
	// Confirm is Ack that returns once the stream has recorded it.
	Confirm(ctx context.Context) error
	// Nak gives the message back, to be delivered again after delay.
	Nak(delay time.Duration)
	// Working starts AckWait afresh: the lease on the message is prolonged.
	Working()
	// Term gives the message up: it is not delivered again. The reason goes to the broker's advisories.
	Term(reason string)
}

// Consumer names a durable reader of a stream. Its position outlives Consume and the process.
type Consumer struct {
	Stream string
	// Name is the durable's, unique in the stream: letters, digits, '-' and '_'.
	Name string
	// Filter lists the subject patterns to receive; empty means all. On a queue stream the
	// filters of different consumers must not overlap.
	Filter []string
	// MaxPending bounds the deliveries not yet settled, over all processes that share the
	// name; at the bound nothing more is delivered. 0 means 1024.
	MaxPending int
	// Prefetch bounds the deliveries one Consume call holds that are not settled and whose lease
	// lasts. What others hold, a process that died among them, leaves it alone as long as MaxPending has
	// room. At the bound more comes once some are settled, not always with the first.
	// 0 means MaxPending.
	Prefetch int
	// Own says that only one process reads as this consumer, the one that runs the broker. When that
	// starts anew, what its former life had in hand comes at once instead of after AckWait, counted as
	// delivered for the first time. Elsewhere, and when others have read as this consumer, too, it means nothing.
	Own bool
	// AckWait is the lease: unsettled that long, a message is delivered again. 0 means 30 s.
	AckWait time.Duration
	// MaxDeliver stops delivering a message after so many times; 0 means never. The message
	// then stays in the stream, unseen, so prefer to look at Deliveries and Term with a reason.
	MaxDeliver int
}

// WithDefaults returns c with its zero fields set, or ErrConsumer saying what is wrong with it.
func (c Consumer) WithDefaults() (Consumer, error) {
	if c.MaxPending == 0 {
		c.MaxPending = 1024
	}
	if c.AckWait == 0 {
		c.AckWait = 30 * time.Second
	}
	if c.Prefetch == 0 || c.Prefetch > c.MaxPending {
		c.Prefetch = c.MaxPending
	}
	return c, c.check()
}
