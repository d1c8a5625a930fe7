//go:build linux

package faults

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/heddlehq/heddle/workflows/value"
)

// TestFT40_soak runs a mixed load with a random fault a minute, or every few seconds in the
// short form, and looks for drift in what the server holds between one death and the next.
func TestFT40_soak(t *testing.T) {
	notShort(t)
	s := newServerForLoad(t)
	s.start()
	l := newLoad(s)
	faults := []struct {
		name string
		do   func()
	}{
		{"none", func() {}},
		{"killed", func() { s.kill(); s.start() }},
		{"stopped", func() { s.stop(); s.start() }},
		{"frozen", func() { s.freeze(2 * time.Second) }},
		{"bus wiped", s.wipeBus},
		{"killed, and its bus wiped", func() { s.kill(); s.wipeBus(); s.start() }},
		{"killed, and its bus cut", func() { s.kill(); forget(t, s.data+"/bus"); s.start() }},
	}
	if l.worker != nil {
		faults = append(faults, struct {
			name string
			do   func()
		}{"worker killed", func() { l.worker.die(); l.worker = employLedger(s, l.ledger) }})
	}
	pause := 4 * time.Second
	if *soakFlag > 5*time.Minute {
		pause = time.Minute
	}
	var idle []usage // after the load of a round has ended, without a restart between
	for until := time.Now().Add(*soakFlag); time.Now().Before(until); {
		given := l.giveMeanwhile(30)
		time.Sleep(rand.N(time.Second)) // when it happens is chance
		f := faults[rand.IntN(len(faults))]
		pid := s.cmd.Process.Pid
		f.do()
		took := l.recovered()
		<-given
		round := time.Now()
		waitFor(t, 2*time.Minute, func() (bool, string) {
			n, example := l.left()
			return n == 0, example.String()
		})
		if s.cmd.Process.Pid != pid {
			idle = nil
		}
		idle = append(idle, s.usage())
		t.Logf("%s: a new job done after %s, all after %s, %s", f.name, took.Round(time.Millisecond), time.Since(round).Round(time.Millisecond), s.usage())
		drift(t, idle)
		if rest := pause - time.Since(round); rest > 0 && time.Now().Add(rest).Before(until) {
			time.Sleep(rest) // a fault a minute
		}
	}
	l.startOf("Child", value.Object())
	l.judge(2 * time.Minute)
}

// drift compares what an idle server holds with what it held after its first round.
func drift(t *testing.T, idle []usage) {
	t.Helper()
	if len(idle) < 2 {
		return
	}
	first, last := idle[0], idle[len(idle)-1]
	if last.files > first.files+40 {
		t.Errorf("open files drift: %s, then %s", first, last)
	}
	if last.rss > 2*first.rss+(256<<20) {
		t.Errorf("memory drifts: %s, then %s", first, last)
	}
	if last.tasks > first.tasks+40 {
		t.Errorf("threads drift: %s, then %s", first, last)
	}
}
