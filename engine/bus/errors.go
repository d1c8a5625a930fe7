package bus

import (
	"errors"
	"fmt"
)

var (
	// ErrFull is Publish's answer when the queue is at its limit: slow down, try later.
	ErrFull = errors.New("stream is full")
	// ErrNoStream means no stream takes the subject, or the named stream is not one of the bus's.
	ErrNoStream = errors.New("no such stream")
	// ErrUnavailable means the broker did not answer in time.
	ErrUnavailable = errors.New("bus unavailable")
	// ErrMessage means the message or pattern is malformed and can never be sent.
	ErrMessage = errors.New("malformed message")
	// ErrConsumer means the Consumer can never work as described.
	ErrConsumer = errors.New("invalid consumer")
	// ErrClosed means the bus was closed.
	ErrClosed = errors.New("bus closed")
)

// ErrTooLarge is Publish's answer to a message above the broker's max_payload.
type ErrTooLarge struct {
	Subject     string
	Size, Limit int // bytes, headers included
}

func (e *ErrTooLarge) Error() string {
	return fmt.Sprintf("message to %q has %d bytes, the bus takes %d", e.Subject, e.Size, e.Limit)
}
