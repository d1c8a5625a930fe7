package engine_test

import (
	"flag"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/workflowtest"
)

var (
	lawsSeed   = flag.Int64("laws.seed", -1, "play only this seed of the laws, with every event in the log")
	lawsGraphs = flag.Int("laws.graphs", 10_000, "how many graphs the laws are played on; a tenth of it with -short")
)

// breach is a law that did not hold.
type breach struct {
	law  string
	seed uint64
	text string
}

// breaches plays every seed once, for all laws together. A seed stands for a graph and two
// scripts: one of plain results in random order, compared with the oracle, and one of
// everything that can happen to a job, acts of operators and nonsense included.
var breaches = sync.OnceValue(func() []breach {
	n := *lawsGraphs
	if testing.Short() {
		n /= 10
	}
	seeds := make(chan uint64)
	var mu sync.Mutex
	var found []breach
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for seed := range seeds {
				if bs := playSeed(seed, nil); len(bs) > 0 {
					mu.Lock()
					found = append(found, bs...)
					mu.Unlock()
				}
			}
		})
	}
	if *lawsSeed >= 0 {
		seeds <- uint64(*lawsSeed)
	} else {
		for seed := range uint64(n) {
			seeds <- seed
		}
	}
	close(seeds)
	wg.Wait()
	slices.SortFunc(found, func(a, b breach) int { return int(a.seed) - int(b.seed) })
	return found
})

func playSeed(seed uint64, log func(format string, args ...any)) []breach {
	chance := rand.New(rand.NewPCG(seed, 0))
	w := workflowtest.Random(chance, workflowtest.Options{Children: []string{"Child"}})
	if seed%3 == 0 { // a third of the workflows have tasks that wait for all before them
		for i := range w.Tasks {
			if chance.IntN(3) == 0 {
				w.Tasks[i].Join = workflows.JoinAll
			}
		}
	}
	ordered := &trial{seed: seed, chance: chance, log: log}
	ordered.plain(w)
	paused := &trial{seed: seed, chance: chance, only: true}
	paused.pauses(seed)
	chaotic := &trial{seed: seed, chance: chance, log: log}
	chaotic.chaos(w)
	return slices.Concat(ordered.breaches, paused.breaches, chaotic.breaches)
}

func checkLaw(t *testing.T, law string) {
	t.Helper()
	if *lawsSeed >= 0 && law == lawDeterminism {
		playSeed(uint64(*lawsSeed), t.Logf)
	}
	shown := 0
	for _, b := range breaches() {
		if b.law != law {
			continue
		}
		if shown++; shown > 3 {
			t.Errorf("and more")
			return
		}
		t.Errorf("seed %d (play it with -laws.seed=%d -v): %s", b.seed, b.seed, b.text)
	}
}

// The laws by which a breach is filed.
const (
	lawDeterminism = "determinism"
	lawRepetition  = "repetition"
	lawTotality    = "totality"
	lawFinality    = "finality"
	lawReasons     = "reasons"
	lawJoins       = "joins"
	lawKeys        = "keys"
	lawStored      = "stored form"
	lawPauses      = "pauses"
)

// The same job and event give the same job and effects, and the job stays as it was: playing
// the stored events again gives every stored job of the way, byte for byte.
func TestLaw1_sameInSameOut(t *testing.T) { t.Parallel(); checkLaw(t, lawDeterminism) }

// A repeated or late fact is refused and changes nothing.
func TestLaw2_repeatedEventChangesNothing(t *testing.T) { t.Parallel(); checkLaw(t, lawRepetition) }

// Every event on every reachable job gives a step or ErrStale, *Conflict or *Unknown.
func TestLaw3_everyEventIsAnswered(t *testing.T) { t.Parallel(); checkLaw(t, lawTotality) }

// A complete or canceled job takes nothing in but who may see it, and where.
func TestLaw4_finalStaysFinal(t *testing.T) { t.Parallel(); checkLaw(t, lawFinality) }

// A job that has not ended can say why, and each reason names something that is there: an
// order that is outstanding, a timer, a person, a child, a hold.
func TestLaw5_unfinishedJobHasReasons(t *testing.T) { t.Parallel(); checkLaw(t, lawReasons) }

// A task runs when all its predecessors are decided, once, in whatever order they came;
// "never" spreads; a revert resets what lies downstream of its target and nothing else. No
// task runs twice without a revert, a loop or a retry.
func TestLaw6_joinsDecideOnce(t *testing.T) { t.Parallel(); checkLaw(t, lawJoins) }

// No two orders of a job have the same key, and what is outstanding was ordered before.
func TestLaw7_effectKeysAreUnique(t *testing.T) { t.Parallel(); checkLaw(t, lawKeys) }

// The stored form of a job loses nothing.
func TestLaw_storedFormIsWhole(t *testing.T) { t.Parallel(); checkLaw(t, lawStored) }

// A job that is paused and resumed ends as one that was not.
func TestLaw_pauseChangesNothing(t *testing.T) { t.Parallel(); checkLaw(t, lawPauses) }
