package natsbus

import "sync"

// gate lets handlers through one at a time until it is shut. nats.go stops calling a
// handler some time after it was asked to; the gate is what Consume's promise rests on.
type gate struct {
	mu     sync.Mutex
	closed bool
}

// enter reports whether the gate is open; whoever is let in must leave.
func (g *gate) enter() bool {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return false
	}
	return true
}

func (g *gate) leave() { g.mu.Unlock() }

// shut returns once a handler that is inside has left; none enters after.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
}
