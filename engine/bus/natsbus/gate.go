package natsbus

import "sync"

// gate lets handlers through one at a time until it is shut. nats.go stops calling a
// handler some time after it was asked to; the gate is what Consume's promise rests on.
type gate struct {
	mu     sync.Mutex
	closed bool
}

func (g *gate) pass(do func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		do()
	}
}

// shut returns once a handler that is inside has left; none enters after.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
}
