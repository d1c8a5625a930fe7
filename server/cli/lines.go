package cli

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// lines writes log lines to a writer that may be slow, stuck or gone, and keeps nobody
// waiting for it: what does not fit into its queue is dropped and counted.
type lines struct {
	to      io.Writer
	queue   chan []byte
	stopped chan struct{}

	mu      sync.Mutex
	closed  bool
	dropped int
}

// maxLines bounds the queue.
const maxLines = 4096

func newLines(to io.Writer) *lines {
	l := &lines{to: to, queue: make(chan []byte, maxLines), stopped: make(chan struct{})}
	go l.run()
	return l
}

// Write takes a line. It never fails and never waits.
func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return len(line), nil
	}
	select {
	case l.queue <- append([]byte(nil), line...):
	default:
		l.dropped++
	}
	return len(line), nil
}

func (l *lines) run() {
	defer close(l.stopped)
	for line := range l.queue {
		_, _ = l.to.Write(line) // a log that is gone must not stop the server
		l.mu.Lock()
		n := l.dropped
		l.dropped = 0
		l.mu.Unlock()
		if n > 0 {
			_, _ = fmt.Fprintf(l.to, "%d log lines were dropped, nobody read them in time\n", n)
		}
	}
}

// Close writes what is queued, as far as that takes no more than a moment.
func (l *lines) Close() {
	l.mu.Lock()
	l.closed = true
	close(l.queue)
	l.mu.Unlock()
	select {
	case <-l.stopped:
	case <-time.After(time.Second):
	}
}
