package natsbus

import (
	"net"
	"runtime"
	"sync"
	"time"
)

const (
	// pipeRoom bounds what waits to be written; whoever writes more waits.
	pipeRoom = 256 << 10
	// pipeStall is how long a writer waits for room before the connection counts as broken.
	pipeStall = 10 * time.Second
	// pipeLinger is how long a closed pipe tries to get rid of what was written before.
	pipeLinger = time.Second
)

// pipe is the client's end of the connection to the embedded server. The server offers a
// net.Pipe, which keeps a writer until the server has worked through the last byte, and
// nats.go holds its lock meanwhile: publishers queue up behind each other and reach the
// server one by one. Here they write to a buffer that one goroutine empties, first letting all
// run who are ready to, so that the busier the process is the more messages share each wake-up of the
// server's goroutines, and a message that is alone waits for nothing.
type pipe struct {
	net.Conn

	mu      sync.Mutex
	work    sync.Cond // something is pending, or err was set
	room    sync.Cond // less is pending, or err was set
	pending []byte
	pressed bool  // a writer waits; the write under way has a deadline
	err     error // what Write answers from now on
}

func newPipe(conn net.Conn) *pipe {
	p := &pipe{Conn: conn}
	p.work.L, p.room.L = &p.mu, &p.mu
	return p
}

// Write takes all of b or none.
func (p *pipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.pending) > pipeRoom && p.err == nil {
		if !p.pressed {
			p.pressed = true
			_ = p.Conn.SetWriteDeadline(time.Now().Add(pipeStall)) // fails on a closed pipe, and so does the write
		}
		p.room.Wait()
	}
	if p.err != nil {
		return 0, p.err
	}
	if len(p.pending) == 0 {
		p.work.Signal()
	}
	p.pending = append(p.pending, b...)
	return len(b), nil
}

// SetWriteDeadline does nothing: a Write that finds room does not wait, others for pipeStall.
func (p *pipe) SetWriteDeadline(time.Time) error { return nil }

// Close lets pump write what is pending and close the connection.
func (p *pipe) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = net.ErrClosed
		_ = p.Conn.SetWriteDeadline(time.Now().Add(pipeLinger)) // fails on a closed pipe, and so does the write
	}
	p.work.Signal()
	p.room.Broadcast()
	return nil
}

// pump writes what is pending until the pipe is closed or broken.
func (p *pipe) pump() {
	defer func() { _ = p.Conn.Close() }() // a net.Pipe's cannot fail
	var out []byte
	for {
		p.mu.Lock()
		for len(p.pending) == 0 && p.err == nil {
			p.work.Wait()
		}
		p.mu.Unlock()
		runtime.Gosched()
		p.mu.Lock()
		out, p.pending = p.pending, out[:0]
		p.room.Broadcast()
		p.mu.Unlock()
		if len(out) == 0 {
			return // closed, and all is written
		}
		_, err := p.Conn.Write(out)
		if cap(out) > 2*pipeRoom {
			out = nil // of one large batch
		}
		p.mu.Lock()
		if err != nil {
			if p.err == nil {
				p.err = err
			}
			p.room.Broadcast()
			p.mu.Unlock()
			return
		}
		if p.pressed && p.err == nil {
			p.pressed = false
			_ = p.Conn.SetWriteDeadline(time.Time{}) // fails on a closed pipe, and so does the next write
		}
		p.mu.Unlock()
	}
}
