package membus

import (
	"time"

	"github.com/heddlehq/heddle/engine/bus"
)

// Stage is where on its way a message is.
type Stage string

// The stages at which Options.Fault is asked.
const (
	Publishing Stage = "publishing" // on the way to its stream
	Delivering Stage = "delivering" // on the way to a consumer
	Settling   Stage = "settling"   // its Ack, Confirm, Nak or Term on the way back
)

// Attempt is what Options.Fault may spoil.
type Attempt struct {
	Stage    Stage
	Stream   string
	Consumer string // "" when publishing
	Seq      uint64 // 0 when publishing
	// Deliveries made before.
	Deliveries int
	Message    bus.Message
}

// Fault is what goes wrong; the zero Fault is nothing.
type Fault struct {
	// Drop loses it on the way: a publish that is not stored, a delivery that
	// comes again after AckWait, an Ack that was never heard.
	Drop bool
	// Copies publishes or delivers so many more.
	Copies int
	// Delay puts a delivery off.
	Delay time.Duration
	// Err is what Publish or Confirm returns. Without Drop it happened all the same: the
	// caller cannot know.
	Err error
}
