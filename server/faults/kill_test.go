//go:build linux

package faults

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/workflows/value"
	"github.com/heddlehq/heddle/workflows/workflowtest"
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

// TestFT01_inHand ends the server while its own workers have tasks in hand, by force and in good order,
// and wants the next life to begin them again at once and not when their leases are over.
func TestFT01_inHand(t *testing.T) {
	notShort(t)
	for name, tc := range map[string]struct {
		end   func(*server)
		takes time.Duration // longer than a server in good order waits for what is under way
	}{
		"killed":  {(*server).kill, 3 * time.Second},
		"stopped": {(*server).stop, 12 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			s.install(workflowtest.Draw("Slow", "start>a1 a1>end",
				workflowtest.Adapter("a1", "Lab", "sleep", fmt.Sprintf(`{"adapter_id":"lab","seconds":%g,"value":1}`, tc.takes.Seconds()), "")))
			id := s.begin("Slow", value.Object())
			waitFor(t, 10*time.Second, func() (bool, string) {
				h := s.history(id)
				return h[len(h)-1].Get("type").Text() == "TaskStarted", "nobody begins the task"
			})
			tc.end(s)
			s.start()
			ready := time.Now()
			waitFor(t, time.Minute, func() (bool, string) { return s.job(id).Get("status").Text() == "complete", "the job goes on" })
			idle := time.Since(ready) - tc.takes
			t.Logf("the task waited for %s once the server was ready", idle.Round(time.Millisecond))
			if idle > time.Second {
				t.Errorf("the task waited for %s once the server was ready", idle)
			}
			s.stop()
			s.doctor()
		})
	}
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
