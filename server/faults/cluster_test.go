//go:build linux

package faults

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/heddlehq/heddle/workflows/value"
)

// twoServers starts two servers on one store and one cluster of three brokers.
func twoServers(t *testing.T) (a, b *server) {
	t.Helper()
	notShort(t)
	address, err := url.Parse(os.Getenv("HEDDLE_TEST_MONGO"))
	if err != nil || address.Host == "" {
		t.Skip("HEDDLE_TEST_MONGO names no MongoDB-protocol server")
	}
	address.Path = fmt.Sprintf("/faults%d", rand.Uint32())
	brokers := newBrokers(t)
	var out []*server
	for range 2 {
		s := newServer(t, "--store", address.String(), "--nats", strings.Join(brokers, ","))
		s.store, s.natsURL = address.String(), brokers[0]
		s.start()
		out = append(out, s)
	}
	waitFor(t, 30*time.Second, func() (bool, string) {
		n := out[0].partitions(t)
		return len(n) == 2 && !slices.Contains(n, 0), fmt.Sprint("the servers own ", n)
	})
	return out[0], out[1]
}

// partitions are how many of them each server owns, in the eyes of s.
func (s *server) partitions(t *testing.T) (n []int64) {
	t.Helper()
	for _, m := range s.get("/heddle/servers", nil).body.Get("data").Elements() {
		p, _ := m.Get("partitions").Int()
		n = append(n, p)
	}
	return n
}

// allRun starts jobs enough for every partition and measures until they are done.
func (l *load) allRun(n int, patience time.Duration) time.Duration {
	l.s.t.Helper()
	began := time.Now()
	var ids []string
	for range n {
		ids = append(ids, l.startOf("Child", value.Object()))
	}
	for _, id := range ids {
		waitFor(l.s.t, patience, func() (bool, string) {
			r, err := l.s.call(http.MethodGet, jobs+"/"+id, value.Absent)
			return err == nil && r.body.Path("data", "status").Text() == "complete", fmt.Sprintf("job %s: %s %v", id, r, err)
		})
	}
	return time.Since(began)
}

// TestFT04_oneOfTwoKilled kills one of two servers for good while jobs run: the other owns
// everything soon.
func TestFT04_oneOfTwoKilled(t *testing.T) {
	a, b := twoServers(t)
	l := newLoad(b)
	given := l.giveMeanwhile(pick(60, 1000))
	time.Sleep(time.Second) // into the middle of it
	a.kill()
	took := l.allRun(64, time.Minute)
	t.Logf("64 new jobs on all partitions done %s after the death", took.Round(time.Millisecond))
	if took > 15*time.Second {
		t.Errorf("the other server took %s to own everything", took)
	}
	<-given
	l.judge(2 * time.Minute)
}

// TestFT04_oneOfTwoFrozen freezes one of two servers until the other has taken its work, and
// lets it go on: what it writes then on the word of its memory is refused.
func TestFT04_oneOfTwoFrozen(t *testing.T) {
	a, b := twoServers(t)
	l := newLoad(b)
	given := l.giveMeanwhile(pick(60, 1000))
	time.Sleep(time.Second) // into the middle of it
	a.freeze(pick(12*time.Second, time.Minute))
	t.Logf("64 new jobs done %s after the thaw", l.allRun(64, time.Minute).Round(time.Millisecond))
	<-given
	waitFor(t, 30*time.Second, func() (bool, string) {
		n := b.partitions(t)
		return len(n) == 2 && !slices.Contains(n, 0), fmt.Sprint("after the thaw the servers own ", n)
	})
	a.stop()
	l.judge(2 * time.Minute)
}

// TestDrain takes one of two servers out without a start or a job noticing.
func TestDrain(t *testing.T) {
	a, b := twoServers(t)
	l := newLoad(b)
	given := l.giveMeanwhile(40)
	if said, err := heddle("server", "drain", "--server", "http://"+a.listen, "--token", a.token.Load().(string)).CombinedOutput(); err != nil || !strings.Contains(string(said), "is drained") {
		t.Fatalf("drain: %v\n%s", err, said)
	}
	if r, err := a.call(http.MethodPost, jobs+"/start", startBody("Child", "late", value.Object())); err != nil || r.status != http.StatusServiceUnavailable {
		t.Errorf("a start on the drained server: %s, %v", r, err)
	}
	a.stop()
	t.Logf("64 new jobs done %s after the drained server stopped", l.allRun(64, time.Minute).Round(time.Millisecond))
	<-given
	l.judge(2 * time.Minute)
}
