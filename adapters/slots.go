package adapters

import (
	"slices"
	"sync"
)

// slots bounds how many orders are worked on at once. Of those that wait the one with the highest
// priority comes next, the oldest of them first; every fourth time it is simply the oldest.
type slots struct {
	mu      sync.Mutex
	free    int
	granted int
	waiting []*waiter // oldest first
}

type waiter struct {
	priority int
	turn     chan struct{} // closed when it has a slot
}

const oldestEvery = 4

// ask returns a waiter, which may have its slot already. It ends with leave or with release.
func (s *slots) ask(priority int) *waiter {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &waiter{priority, make(chan struct{})}
	s.waiting = append(s.waiting, w)
	s.grant()
	return w
}

// leave gives up waiting, or the slot if it came meanwhile.
func (s *slots) leave(w *waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.waiting, w); i >= 0 {
		s.waiting = slices.Delete(s.waiting, i, i+1)
		return
	}
	s.free++
	s.grant()
}

// release gives a slot back.
func (s *slots) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free++
	s.grant()
}

func (s *slots) grant() {
	for s.free > 0 && len(s.waiting) > 0 {
		best := 0
		if s.granted++; s.granted%oldestEvery != 0 {
			for i, w := range s.waiting {
				if w.priority > s.waiting[best].priority {
					best = i
				}
			}
		}
		close(s.waiting[best].turn)
		s.waiting = slices.Delete(s.waiting, best, best+1)
		s.free--
	}
}
