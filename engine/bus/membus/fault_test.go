package membus_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/bus/membus"
)

var errLost = errors.New("connection lost")

// simulate publishes n events, again whenever it heard an error, to two partitions with a consumer each,
// over a bus that spoils things under the seed, and returns the order of what was handled.
func simulate(t *testing.T, seed uint64, n int) []string {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 0))
	now := time.Unix(0, 0)
	spoil := func(a membus.Attempt) (f membus.Fault) {
		switch rng.IntN(8) {
		case 0:
			f.Drop = true
			if a.Stage == membus.Publishing {
				f.Err = errLost // else it would be lost for good, which is not the bus's to mend
			}
		case 1:
			f.Copies = 1
		case 2:
			f.Delay = time.Duration(rng.IntN(1000)) * time.Millisecond
		case 3:
			if a.Stage == membus.Publishing {
				f.Err = errLost
			}
		}
		return f
	}
	b := membus.New(membus.Options{
		Manual: true,
		Now:    func() time.Time { return now },
		Pick:   rng.IntN,
		Fault:  spoil,
	})
	defer b.Close()
	var trace []string
	handled := map[string]bool{}
	for p := range 2 {
		c := bus.Consumer{Stream: bus.Events, Name: fmt.Sprintf("p%d", p), Filter: []string{bus.EventFilter(p)}, MaxPending: 5}
		detach, err := b.Attach(c, func(d bus.Delivery) {
			trace = append(trace, fmt.Sprintf("%s/%d", d.Data(), d.Deliveries()))
			handled[string(d.Data())] = true
			if rng.IntN(5) == 0 {
				d.Nak(time.Second)
				return
			}
			d.Ack()
		})
		if err != nil {
			t.Fatal(err)
		}
		defer detach()
	}
	for i := range n {
		id := fmt.Sprint(i)
		for b.Publish(t.Context(), bus.Message{Subject: bus.EventSubject(i%2, "j"), ID: id, Data: []byte(id)})[0] != nil {
		}
		for rng.IntN(2) == 0 && b.Step() {
		}
	}
	for steps := 0; ; steps++ {
		if steps > 1000*n {
			t.Fatalf("seed %d: no end after %d steps", seed, steps)
		}
		if b.Step() {
			continue
		}
		due, ok := b.Due()
		if !ok {
			break
		}
		if !due.After(now) {
			t.Fatalf("seed %d: due at %s, but nothing to do at %s", seed, due, now)
		}
		now = due
	}
	if len(handled) != n {
		t.Errorf("seed %d: %d of %d handled", seed, len(handled), n)
	}
	return trace
}

func TestBus_faults(t *testing.T) {
	t.Parallel()
	spoiled := 0
	for seed := range uint64(50) {
		trace := simulate(t, seed, 60)
		if again := simulate(t, seed, 60); !slices.Equal(trace, again) {
			t.Fatalf("seed %d: two runs differ", seed)
		}
		sorted := slices.IsSortedFunc(trace, func(a, b string) int { return strings.Compare(a, b) })
		if len(trace) > 60 && !sorted {
			spoiled++
		}
	}
	if spoiled < 40 {
		t.Errorf("only %d of 50 seeds saw repeats and another order", spoiled)
	}
}

func TestBus_manualDeliversOnlyInStep(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	b := membus.New(membus.Options{Manual: true, Now: func() time.Time { return now }})
	defer b.Close()
	var got []int
	detach, err := b.Attach(bus.Consumer{Stream: bus.Events, Name: "engine", AckWait: time.Minute}, func(d bus.Delivery) {
		got = append(got, d.Deliveries())
	})
	if err != nil {
		t.Fatal(err)
	}
	if errs := b.Publish(t.Context(), bus.Message{Subject: bus.EventSubject(0, "j")}); errs[0] != nil {
		t.Fatal(errs[0])
	}
	if len(got) != 0 || !b.Step() || b.Step() {
		t.Fatalf("handled %v, want one delivery in the first step", got)
	}
	due, ok := b.Due()
	if want := now.Add(time.Minute); !ok || !due.Equal(want) {
		t.Fatalf("due %v, %t, want %v", due, ok, want)
	}
	now = due
	detach()
	if b.Step() {
		t.Fatal("a step with nobody attached")
	}
	if _, ok := b.Due(); ok {
		t.Error("due with nobody attached")
	}
	if !slices.Equal(got, []int{1}) {
		t.Errorf("handled %v", got)
	}
}

func BenchmarkFlow(b *testing.B) {
	mb := membus.New(membus.Options{Manual: true})
	detach, err := mb.Attach(bus.Consumer{Stream: bus.Events, Name: "engine"}, func(d bus.Delivery) { d.Ack() })
	if err != nil {
		b.Fatal(err)
	}
	defer detach()
	m := bus.Message{Subject: bus.EventSubject(0, "j"), Data: make([]byte, 600)}
	b.ReportAllocs()
	for b.Loop() {
		if errs := mb.Publish(b.Context(), m); errs[0] != nil {
			b.Fatal(errs[0])
		}
		mb.Step()
	}
}
