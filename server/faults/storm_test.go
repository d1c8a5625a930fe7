//go:build linux

package faults

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/heddlehq/heddle/workflows/value"
	"github.com/heddlehq/heddle/workflows/workflowtest"
)

// TestFT30_storm has many callers start jobs as fast as they can. Each start is accepted, or
// refused with the time to come again; memory stays bounded, and all that was accepted ends.
func TestFT30_storm(t *testing.T) {
	notShort(t)
	s := serve(t)
	l := newLoad(s)
	l.add(kind{doc: workflowtest.Draw("Blink", "start>a1 a1>b1 b1>end", workflowtest.Adapter("a1", "Lab", "echo", toLab, ""),
		workflowtest.Operation("b1", "newVariable", `{"name":"answer","value":1}`, `{"value":null}`))})
	before := s.usage()
	var g sync.WaitGroup
	var peak atomic.Int64
	began := time.Now()
	until := began.Add(pick(1500*time.Millisecond, time.Minute))
	for range 64 {
		g.Go(func() {
			for time.Now().Before(until) {
				l.startOf("Blink", value.Object())
			}
		})
	}
	g.Go(func() {
		for time.Now().Before(until) {
			peak.Store(max(peak.Load(), s.usage().rss))
			time.Sleep(50 * time.Millisecond) // between samples
		}
	})
	g.Wait()
	l.mu.Lock()
	taken, refused := len(l.accepted), l.refused
	l.mu.Unlock()
	t.Logf("%d starts a second accepted, %d refused; %s before, at most %d MB meanwhile", int(float64(taken)/time.Since(began).Seconds()), refused, before, peak.Load()>>20)
	if grown := peak.Load() - before.rss; grown > 1<<30 {
		t.Errorf("memory grew by %d MB", grown>>20)
	}
	l.judge(3 * time.Minute)
}

// TestFT31_logSink takes away what the server logs to: a pipe that nobody reads, and one
// whose reader is gone. Jobs do not notice.
func TestFT31_logSink(t *testing.T) {
	notShort(t)
	for _, blocked := range []bool{true, false} {
		name := "the reader is gone"
		if blocked {
			name = "nobody reads"
		}
		t.Run(name, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			defer w.Close()
			// At the level debug each call writes a line, so that the pipe is full soon.
			s := newServer(t, "--log-level", "debug")
			s.stderr = w
			s.start()
			l := newLoad(s)
			if blocked {
				for s.fillLog(w) {
				}
			} else {
				r.Close()
				w.Close()
			}
			if _, err := s.call(http.MethodGet, "/health/status", value.Absent); err != nil {
				t.Fatalf("the server does not answer: %v", err)
			}
			began := time.Now()
			l.give(20)
			t.Logf("20 starts took %s, a new job done after %s", time.Since(began).Round(time.Millisecond), l.recovered().Round(time.Millisecond))
			l.judge(time.Minute)
		})
	}
}

// fillLog writes to the server's log pipe itself until not a byte more fits.
func (s *server) fillLog(w *os.File) bool {
	s.t.Helper()
	raw, err := w.SyscallConn()
	if err != nil {
		s.t.Fatal(err)
	}
	more := false
	if err := raw.Write(func(fd uintptr) bool {
		if err := syscall.SetNonblock(int(fd), true); err != nil {
			s.t.Error(err)
		}
		_, err := syscall.Write(int(fd), []byte("\n"))
		more = err == nil
		// The server shares the pipe, and has to find it as it would be: blocking.
		if err := syscall.SetNonblock(int(fd), false); err != nil {
			s.t.Error(err)
		}
		return true
	}); err != nil {
		s.t.Fatal(err)
	}
	return more
}

// TestFT33_throttled gives the server a twentieth of a processor and little memory. It is
// slow and right.
func TestFT33_throttled(t *testing.T) {
	notShort(t)
	s := newServer(t)
	s.env = []string{"GOMEMLIMIT=64MiB"}
	s.start()
	l := newLoad(s)
	stop := make(chan struct{})
	var g sync.WaitGroup
	g.Go(func() {
		for {
			s.signal(syscall.SIGSTOP)
			time.Sleep(95 * time.Millisecond) // the fault: it runs 5 of every 100 ms
			s.signal(syscall.SIGCONT)
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	})
	began := time.Now()
	l.give(pick(16, 200))
	waitFor(t, 2*time.Minute, func() (bool, string) {
		n, example := l.left()
		return n == 0 || time.Since(began) > pick(8*time.Second, time.Minute), fmt.Sprintf("%d jobs left, such as %s", n, example)
	})
	n, _ := l.left()
	t.Logf("%d jobs left after %s at 5 %%, %s", n, time.Since(began).Round(time.Millisecond), s.usage())
	close(stop)
	g.Wait()
	l.judge(time.Minute)
}

// TestFT34_connections exhausts the server's files with connections that say nothing or
// drip their headers, and sends headers beyond all measure.
func TestFT34_connections(t *testing.T) {
	notShort(t)
	s := newServer(t)
	s.limits = "ulimit -n 128"
	s.start()
	l := newLoad(s)
	l.give(10)
	var open []net.Conn
	for range 200 {
		c, err := net.DialTimeout("tcp", s.listen, time.Second)
		if err != nil {
			continue
		}
		open = append(open, c)
		fmt.Fprintf(c, "GET /health/status HTTP/1.1\r\nHost: x\r\nX-Slow: ")
	}
	t.Logf("%d slow connections, %s", len(open), s.usage())
	if !s.running() {
		t.Fatal("the server has ended")
	}
	began := time.Now()
	// The slow ones are thrown out when their time for headers is up.
	waitFor(t, 30*time.Second, func() (bool, string) {
		s.http.CloseIdleConnections()
		r, err := s.call(http.MethodGet, "/health/status", value.Absent)
		return err == nil && r.status == http.StatusOK, fmt.Sprint(r, err)
	})
	t.Logf("answers again %s after the last slow connection, %s", time.Since(began).Round(time.Millisecond), s.usage())
	for _, c := range open {
		c.Close()
	}
	c, err := net.Dial("tcp", s.listen)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: x\r\nX-Huge: %s\r\n\r\n", strings.Repeat("h", 10<<20)) // the answer tells how far it came
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err == nil {
		resp.Body.Close()
		if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("headers of 10 MB are answered %s", resp.Status)
		}
	}
	t.Logf("a new job done after %s", l.recovered().Round(time.Millisecond))
	l.judge(time.Minute)
}
