package natsbus

import (
	"sync"
	"time"

	"github.com/heddlehq/heddle/engine/bus"
)

const (
	// ackDelay is how long an acknowledgement is kept back, up to twice.
	ackDelay = 10 * time.Millisecond
	// A consumer with less room than minPending, or of a shorter lease, needs its answers at once.
	minPending = 16
	minAckWait = 20 * ackDelay
)

// lastAck keeps the newest acknowledgement of a consumer back until the next one is there,
// or for a moment when none comes. The server's file store begins a new file, and deletes the old one, each
// time a queue gets empty; jobs that run alone would have it do so for every message,
// which costs more than all else about the message.
//
// Whoever dies meanwhile gets this one message again, as those do whose
// acknowledgement was on its way.
type lastAck struct {
	mu    sync.Mutex
	held  *delivery
	fresh bool        // held came after the timer was set
	timer *time.Timer // nil before the first acknowledgement
	ended bool        // nothing is kept back any more
}

// keepsLast tells whether a consumer can do without its last acknowledgement for a while.
func keepsLast(s bus.Stream, c bus.Consumer) bool {
	return s.Queue && c.MaxPending >= minPending && c.AckWait >= minAckWait
}

// ack takes an acknowledgement over and sends the one before.
func (l *lastAck) ack(d *delivery) {
	l.mu.Lock()
	before := d
	if !l.ended {
		before, l.held = l.held, d
		switch {
		case l.timer == nil:
			l.timer = time.AfterFunc(ackDelay, l.expire)
		case before == nil:
			l.timer.Reset(ackDelay)
		default:
			l.fresh = true
		}
	}
	l.mu.Unlock()
	if before != nil {
		before.ack()
	}
}

// expire sends what was held when the timer was set; for what came since it is set again.
func (l *lastAck) expire() {
	l.mu.Lock()
	var last *delivery
	if l.fresh {
		l.fresh = false
		l.timer.Reset(ackDelay)
	} else {
		last, l.held = l.held, nil
	}
	l.mu.Unlock()
	if last != nil {
		last.ack()
	}
}

// send sends what is held.
func (l *lastAck) send() {
	if last := l.take(false); last != nil {
		last.ack()
	}
}

// end sends what is held and waits until it is recorded, because the server may be about
// to stop. Later acknowledgements are not kept back.
func (l *lastAck) end() {
	if last := l.take(true); last != nil {
		last.confirm()
	}
}

func (l *lastAck) take(end bool) *delivery {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := l.held
	l.held, l.fresh, l.ended = nil, false, l.ended || end
	if l.timer != nil {
		l.timer.Stop()
	}
	return last
}

// lastAcks are those of the Consume calls under way.
type lastAcks struct {
	mu  sync.Mutex
	all map[*lastAck]bool
}

func (s *lastAcks) begin() *lastAck {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[*lastAck]bool{}
	}
	l := &lastAck{}
	s.all[l] = true
	return l
}

func (s *lastAcks) end(l *lastAck) {
	l.end()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, l)
}

// endAll is end for what is left when the bus closes.
func (s *lastAcks) endAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.all {
		l.end()
	}
}
