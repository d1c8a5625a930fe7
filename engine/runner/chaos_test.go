package runner

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/bus/membus"
	"github.com/heddlehq/heddle/engine/store"
)

// TestFT19_chaoticBus has the bus double messages, deliver them an hour late and in any order, and lose
// some that it took without a sign. No server starts anew, which would issue all orders again: only
// the search finds what is lost. A month later everything the bus was ever given comes once
// more, and changes nothing.
func TestFT19_chaoticBus(t *testing.T) {
	seeds := uint64(15)
	if testing.Short() {
		seeds = 5
	}
	for seed := uint64(1); seed <= seeds && !t.Failed(); seed++ {
		chaos(t, seed)
	}
}

func chaos(t *testing.T, seed uint64) {
	t.Helper()
	s := &sim{t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 19)), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), faulty: true, calm: true, patient: 3 * (searchAge + searchEvery)}
	var past []bus.Message
	losing := true // also when all else goes well
	s.chaos = func(a membus.Attempt) (f membus.Fault) {
		switch a.Stage {
		case membus.Publishing:
			if a.Stream == bus.Feed {
				return f
			}
			past = append(past, a.Message)
			if f.Drop = losing && s.rng.IntN(12) == 0; !f.Drop && s.chance(10) {
				f.Copies = 1
			}
		case membus.Delivering:
			if s.chance(10) {
				f.Copies = 1
			}
			if s.chance(15) {
				f.Delay = time.Hour
			}
		}
		return f
	}
	s.build()
	for range 400 {
		s.step()
	}
	s.faulty = false
	s.finish()
	s.check()
	Examine(t, s.store, s.servers[0].r.Library)
	before := s.stored(store.Jobs)

	losing = false
	s.now = s.now.AddDate(0, 1, 0)
	again := slices.Clone(past)
	s.rng.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
	for _, m := range again {
		m.ID = ""
		if err := s.bus.Publish(context.Background(), m)[0]; err != nil {
			t.Fatal(err)
		}
	}
	s.finish()
	s.check()
	Examine(t, s.store, s.servers[0].r.Library)
	for id, body := range s.stored(store.Jobs) {
		if body != before[id] {
			t.Errorf("seed %d: what came a month late made job %s\n%s\nout of\n%s", seed, id, body, before[id])
		}
	}
}

// stored are the bodies of a collection by their ids.
func (s *sim) stored(collection string) map[string]string {
	page, err := s.store.Find(context.Background(), collection, store.Query{})
	if err != nil {
		s.t.Fatal(err)
	}
	out := map[string]string{}
	for _, d := range page.Docs {
		out[d.ID] = string(d.Body)
	}
	return out
}

// TestFT20_wrongClocks sets the clocks of two servers an hour or a day forward or back, five minutes
// apart, or stops them, again and again while jobs run and servers crash. Every job ends, and each
// timer has counted once.
func TestFT20_wrongClocks(t *testing.T) {
	seeds := uint64(60)
	if testing.Short() {
		seeds = 15
	}
	for seed := uint64(1); seed <= seeds && !t.Failed(); seed++ {
		s := &sim{t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 20)), now: time.Date(2026, 3, 29, 0, 30, 0, 0, time.UTC), faulty: true}
		s.build()
		for n := range 400 {
			if n%10 == 0 {
				s.set(s.rng.IntN(2))
			}
			s.step()
		}
		s.clocks, s.faulty = [2]clock{}, false
		s.finish()
		s.check()
		s.timersOnce()
		Examine(t, s.store, s.servers[0].r.Library)
	}
}

// set sets a server's clock wrong, or right.
func (s *sim) set(i int) {
	switch off := []time.Duration{0, time.Hour, -time.Hour, 24 * time.Hour, -24 * time.Hour, 5 * time.Minute}; s.rng.IntN(7) {
	case 6:
		s.clocks[i].frozen = s.clocks[i].shows(s.now)
	default:
		s.clocks[i] = clock{off: off[s.rng.IntN(len(off))]}
	}
}

// timersOnce checks in the histories that no event rang a timer that had rung before: each
// TimersDue made something happen, and none was due twice for the same iteration.
func (s *sim) timersOnce() {
	ctx := context.Background()
	for _, st := range s.jobs(ctx) {
		page, err := s.store.Find(ctx, store.History, store.Query{Where: store.Where("job", store.Eq, st.Job.ID), Sort: []store.Order{{Field: "seq"}}})
		if err != nil {
			s.t.Fatal(err)
		}
		var job *engine.Job
		rung := map[engine.Timer]bool{}
		for _, d := range page.Docs {
			v, err := s.servers[0].r.WholeHistory(ctx, st.Job, d.Body)
			if err != nil {
				s.t.Fatal(err)
			}
			for _, e := range v.Get("events").Elements() {
				ev := engine.DecodeEvent(e)
				next, _, err := st.Machine.Step(job, ev)
				if err != nil {
					s.t.Fatal(err)
				}
				if ev.Type == engine.TimersDue {
					for _, timer := range job.Timers {
						if slices.Contains(next.Timers, timer) {
							continue
						}
						if timer.Due = 0; rung[timer] {
							s.t.Errorf("seed %d: job %s: timer %+v rang twice", s.seed, st.Job.ID, timer)
						}
						rung[timer] = true
					}
				}
				job = next
			}
		}
	}
}
