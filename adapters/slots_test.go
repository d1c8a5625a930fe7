package adapters

import (
	"fmt"
	"testing"
)

// Whoever waits gets a slot by priority, and the oldest every fourth time.
func TestSlots(t *testing.T) {
	s := &slots{free: 1}
	s.ask(5) // works
	var all []*waiter
	for _, p := range []int{1, 5, 9, 9, 9, 9} {
		all = append(all, s.ask(p))
	}
	var order []int
	seen := map[*waiter]bool{}
	for range all {
		s.release()
		for i, w := range all {
			select {
			case <-w.turn:
				if !seen[w] {
					seen[w] = true
					order = append(order, i)
				}
			default:
			}
		}
	}
	if got := fmt.Sprint(order); got != "[2 3 0 4 5 1]" {
		t.Errorf("slots went to %s", got)
	}
	gone := s.ask(5)
	s.leave(gone)
	s.release()
	last := s.ask(0)
	select {
	case <-last.turn:
	default:
		t.Error("a slot was lost with somebody who left")
	}
	s.leave(last)
	if s.free != 1 || len(s.waiting) != 0 {
		t.Errorf("%d slots are free and %d wait", s.free, len(s.waiting))
	}
}
