package membus

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/heddlehq/heddle/engine/bus"
)

type message struct {
	bus.Message
	seq   uint64
	at    time.Time
	taken bool // off the queue, or too old
}

type remembered struct {
	id string
	at time.Time
}

type stream struct {
	bus.Stream
	msgs      []*message // by seq; taken ones are cleared away in bulk
	head      int        // of msgs: all before are taken
	last      uint64
	count     int64 // of msgs not taken
	bytes     int64
	ids       map[string]bool
	recent    []remembered // the ids, oldest first
	consumers []*consumer
	tails     []chan struct{}
	wiped     int
}

func (s *stream) store(m bus.Message, now time.Time) error {
	s.expire(now)
	if m.ID != "" {
		if s.ids[m.ID] {
			return nil
		}
	}
	size := int64(m.Size() + len(m.Subject))
	for s.MaxMsgs > 0 && s.count >= s.MaxMsgs || s.MaxBytes > 0 && s.bytes+size > s.MaxBytes {
		if s.Queue || s.count == 0 {
			return fmt.Errorf("%w: %s holds %d messages, %d bytes", bus.ErrFull, s.Name, s.count, s.bytes)
		}
		s.take(s.oldest())
	}
	if m.ID != "" {
		s.ids[m.ID] = true
		s.recent = append(s.recent, remembered{m.ID, now})
	}
	s.last++
	m.Header, m.Data = maps.Clone(m.Header), slices.Clone(m.Data)
	stored := &message{Message: m, seq: s.last, at: now}
	s.msgs = append(s.msgs, stored)
	s.count++
	s.bytes += size
	for _, c := range s.consumers {
		if c.wants(stored) {
			c.wake()
		}
	}
	for _, t := range s.tails {
		notify(t)
	}
	return nil
}

// expire forgets old messages and ids.
func (s *stream) expire(now time.Time) {
	for s.MaxAge > 0 && s.count > 0 && now.Sub(s.oldest().at) >= s.MaxAge {
		s.take(s.oldest())
	}
	for len(s.recent) > 0 && now.Sub(s.recent[0].at) >= s.Dedupe {
		delete(s.ids, s.recent[0].id)
		s.recent = s.recent[1:]
	}
}

// oldest is only asked when count > 0.
func (s *stream) oldest() *message { return s.msgs[s.head] }

func (s *stream) take(m *message) {
	if m.taken {
		return
	}
	m.taken = true
	s.count--
	s.bytes -= int64(m.Size() + len(m.Subject))
	for s.head < len(s.msgs) && s.msgs[s.head].taken {
		s.head++
	}
	if int(s.count) < len(s.msgs)/2 {
		s.msgs = slices.DeleteFunc(s.msgs, func(m *message) bool { return m.taken })
		s.head = 0
	}
}

// from returns the messages from seq on, taken ones among them.
func (s *stream) from(seq uint64) []*message {
	i, _ := slices.BinarySearchFunc(s.msgs, seq, func(m *message, seq uint64) int {
		if m.seq < seq {
			return -1
		}
		return 1
	})
	return s.msgs[i:]
}

func (s *stream) wipe() {
	s.msgs, s.recent = nil, nil
	s.head, s.last, s.count, s.bytes = 0, 0, 0, 0
	clear(s.ids)
	s.wiped++
	for _, c := range s.consumers {
		c.reset()
	}
	// A durable nobody reads is lost with its stream.
	s.consumers = slices.DeleteFunc(s.consumers, func(c *consumer) bool { return len(c.readers) == 0 })
	for _, t := range s.tails {
		notify(t)
	}
}

// notify wakes whoever waits on a channel of one.
func notify(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default: // already notified
	}
}
