//go:build linux

package faults

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"
)

// hole is a proxy whose connections can fall silent without being closed, as when a firewall
// forgets them.
type hole struct {
	t       *testing.T
	l       net.Listener
	target  string
	mu      sync.Mutex
	open    chan struct{} // closed while bytes pass
	conns   []net.Conn
	running sync.WaitGroup
}

// newHole lets bytes pass to target until it is told otherwise.
func newHole(t *testing.T, target string) *hole {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &hole{t: t, l: l, target: target, open: make(chan struct{})}
	close(h.open)
	h.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // the test is over
			}
			h.running.Go(func() { h.join(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		h.mu.Lock()
		for _, c := range h.conns {
			c.Close()
		}
		select {
		case <-h.open:
		default:
			close(h.open)
		}
		h.mu.Unlock()
		h.running.Wait()
	})
	return h
}

func (h *hole) address() string { return h.l.Addr().String() }

func (h *hole) join(conn net.Conn) {
	h.pass()
	far, err := net.Dial("tcp", h.target)
	if err != nil {
		conn.Close()
		return
	}
	h.mu.Lock()
	h.conns = append(h.conns, conn, far)
	h.mu.Unlock()
	h.running.Go(func() { h.copy(far, conn) })
	h.copy(conn, far)
}

// copy passes bytes on while the hole lets them.
func (h *hole) copy(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		h.pass()
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// pass waits until bytes may pass.
func (h *hole) pass() {
	h.mu.Lock()
	open := h.open
	h.mu.Unlock()
	<-open
}

// swallow lets nothing pass for a while; connections stay, and new ones get no answer.
func (h *hole) swallow(d time.Duration) {
	h.mu.Lock()
	h.open = make(chan struct{})
	open := h.open
	h.mu.Unlock()
	time.Sleep(d) // how long it swallows is the fault
	h.mu.Lock()
	defer h.mu.Unlock()
	close(open)
}

// answers calls the server again and again until done is closed, and tells how its answers were spread
// and how long the slowest took. None may be anything but a success or a 503 with Retry-After.
func (s *server) answers(done <-chan struct{}) (by map[int]int, slowest time.Duration) {
	s.t.Helper()
	by = map[int]int{}
	for n := 0; ; n++ {
		select {
		case <-done:
			return by, slowest
		case <-time.After(50 * time.Millisecond):
		}
		began := time.Now()
		method, path, body := http.MethodPost, jobs+"/start", `{"workflow":"Child","options":{}}`
		if n%2 == 1 {
			method, path, body = http.MethodGet, jobs+"?limit=1", ""
		}
		r, err := s.send(method, path, body)
		slowest = max(slowest, time.Since(began))
		switch {
		case err != nil:
			s.t.Errorf("%s %s: no answer after %s: %v", method, path, time.Since(began), err)
		case r.status == http.StatusServiceUnavailable && r.header.Get("Retry-After") == "":
			s.t.Errorf("%s %s is refused without Retry-After: %s", method, path, r)
		case r.status != http.StatusOK && r.status != http.StatusServiceUnavailable:
			s.t.Errorf("%s %s: %s", method, path, r)
		}
		by[r.status]++
	}
}

// throughHole has a hole swallow all that a server and its bus or store say to each other, and judges
// what came of it.
func throughHole(t *testing.T, s *server, h *hole, limit time.Duration) {
	t.Helper()
	s.http.Timeout = limit + 30*time.Second
	l := newLoad(s)
	given := l.giveMeanwhile(20)
	before := s.usage()
	done := make(chan struct{})
	var watching sync.WaitGroup
	var by map[int]int
	var slowest time.Duration
	watching.Go(func() { by, slowest = s.answers(done) })
	h.swallow(pick(10*time.Second, 3*time.Minute))
	close(done)
	watching.Wait()
	t.Logf("while it lasted: answers %v, the slowest after %s; from %s to %s", by, slowest.Round(time.Millisecond), before, s.usage())
	if slowest > limit {
		t.Errorf("an answer took %s, more than %s", slowest, limit)
	}
	t.Logf("a new job done %s after it ended", l.recovered().Round(time.Millisecond))
	<-given
	l.judgeOthers(2 * time.Minute)
}

// TestFT14_blackHole lets the connections to the bus, and to the store that servers share, fall silent
// without an end: every call is answered in time, and all goes on by itself afterwards.
func TestFT14_blackHole(t *testing.T) {
	notShort(t)
	t.Run("bus", func(t *testing.T) {
		b := newBroker(t)
		h := newHole(t, b.address)
		through := (&url.URL{Scheme: "nats", Host: h.address()}).String()
		s := newServer(t, "--nats", through)
		s.natsURL = b.url() // the workers of the test reach it
		s.start()
		throughHole(t, s, h, 10*time.Second)
	})
	t.Run("store", func(t *testing.T) {
		address, err := url.Parse(os.Getenv("HEDDLE_TEST_MONGO"))
		if err != nil || address.Host == "" {
			t.Skip("HEDDLE_TEST_MONGO names no MongoDB-protocol server")
		}
		address.Path = fmt.Sprintf("/faults%d", rand.Uint32())
		direct := *address
		h := newHole(t, address.Host)
		address.Host = h.address()
		q := address.Query()
		q.Set("directConnection", "true")
		address.RawQuery = q.Encode()
		b := newBroker(t)
		s := newServer(t, "--store", address.String(), "--nats", b.url())
		s.store, s.natsURL = direct.String(), b.url()
		s.start()
		throughHole(t, s, h, time.Minute)
	})
}
