//go:build linux

package faults

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/workflows/value"
)

// TestFT01_killed kills the server at random points while jobs are started and run; at every
// fourth death it loses its bus as well.
func TestFT01_killed(t *testing.T) {
	s := newServerForLoad(t)
	s.start()
	l := newLoad(s)
	var worst time.Duration
	for k := range *killsFlag {
		given := l.giveMeanwhile(*jobsFlag / *killsFlag)
		time.Sleep(pick(rand.N(1200*time.Millisecond), 2*time.Second+rand.N(3*time.Second))) // when it dies is chance
		s.kill()
		if k%4 == 1 {
			s.wipeBus()
		}
		s.start()
		took := s.took + l.recovered()
		worst = max(worst, took)
		left, _ := l.left()
		t.Logf("death %d: ready after %s, a new job done after %s, with %d unfinished", k+1, s.took.Round(time.Millisecond), took.Round(time.Millisecond), left)
		<-given
	}
	l.judge(3 * time.Minute)
	if worst > lease+5*time.Second {
		t.Errorf("it took up to %s until jobs ran again, want little more than the %s that a dead worker's orders are kept for it", worst, lease)
	}
}

// lease is how long the orders of a dead worker wait for it.
const lease = adapters.DefaultLease

// TestFT03_allKilled kills the server and the worker outside together. While only the server
// is back, each job says whom it waits for.
func TestFT03_allKilled(t *testing.T) {
	notShort(t)
	s := serve(t)
	l := newLoad(s)
	given := l.giveMeanwhile(40)
	time.Sleep(rand.N(800 * time.Millisecond)) // when they die is chance
	l.worker.die()
	s.kill()
	s.start()
	<-given
	id := l.startOf("Child", value.Object())
	waitFor(t, time.Minute, func() (bool, string) {
		why := l.explained(id)
		return why.At(0).Get("unblock").Text() == "a running adapter for Ledger, or complete the task with a result", why.String()
	})
	began := time.Now()
	l.worker = employLedger(s, l.ledger)
	waitFor(t, time.Minute, func() (bool, string) {
		return s.job(id).Get("status").Text() == "complete", s.job(id).Get("status").Text()
	})
	t.Logf("ready after %s, a waiting job done %s after its worker came back", s.took.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	l.judge(time.Minute)
}

// TestFT04_frozen takes the processor away for longer than leases and acknowledgements last.
func TestFT04_frozen(t *testing.T) {
	notShort(t)
	s := serve(t)
	l := newLoad(s)
	given := l.giveMeanwhile(60)
	time.Sleep(rand.N(800 * time.Millisecond)) // when it freezes is chance
	s.freeze(pick(6*time.Second, time.Minute))
	t.Logf("a new job done %s after the thaw", l.recovered().Round(time.Millisecond))
	<-given
	l.judge(time.Minute)
}
