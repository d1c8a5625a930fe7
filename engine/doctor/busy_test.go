package doctor

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/memstore"
)

// A store that two servers work on, in real time, gives no false findings.
func TestCheck_busy(t *testing.T) {
	t.Parallel()
	checks := 50
	if testing.Short() {
		checks = 5
	}
	s, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	operate(t, s, 2, func(p *plant) {
		p.saveAll()
		var row parts
		for c := 'a'; c < 'j'; c++ {
			row.add(task(string(c), "Lab", "quick", "automatic", `{"adapter_id":"lab"}`, string(c+1)))
		}
		row.add(task("j", "Lab", "quick", "automatic", `{"adapter_id":"lab"}`, "workflow_end"))
		p.save(row.workflow("Row", "a"))
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { p.keepBusy(ctx, 120) })
		defer wg.Wait()
		defer stop()
		end := time.Now().Add(2 * time.Minute)
		for n := 0; n < checks && !t.Failed(); { // a check during which no job moved does not count
			before := total(t, s)
			for _, f := range examined(t, s, Options{Wait: 100 * time.Millisecond, Canaries: []string{"hunter2"}}).Findings {
				t.Errorf("check %d: %s", n, f)
			}
			if total(t, s) != before {
				n++
			}
			if time.Now().After(end) {
				t.Fatalf("jobs moved during only %d checks", n)
			}
		}
	})
}

// keepBusy starts jobs and disturbs them until ctx ends; past a number of jobs it only
// disturbs.
func (p *plant) keepBusy(ctx context.Context, most int) {
	rng := rand.New(rand.NewPCG(1, 1))
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for n := 1; ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if n <= most {
			begin := runner.Begin{
				Workflow: []string{"Row", "Join", "Parent", "Busy", "Row"}[rng.IntN(5)],
				Start:    engine.Start{ID: id(n), Initiator: "ann", User: "u1"},
			}
			if _, err := p.runner.Start(ctx, begin); err != nil && !errors.Is(err, context.Canceled) {
				p.t.Error(err)
			}
			n++
		}
		ev := engine.Event{Type: []engine.EventType{engine.JobPaused, engine.JobResumed}[rng.IntN(2)], By: "bob"}
		if rng.IntN(20) == 0 {
			ev.Type = engine.JobCanceled
		}
		_, _ = p.runner.Act(ctx, id(1+rng.IntN(n)), ev) // a refusal is an answer, too
	}
}

// total tells how far all jobs are: it grows with every write to one.
func total(t *testing.T, s store.Store) string {
	t.Helper()
	var revisions int64
	page, err := s.Find(t.Context(), store.Jobs, store.Query{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range page.Docs {
		revisions += d.Revision
	}
	return fmt.Sprint(len(page.Docs), revisions)
}

// frugal is a store of which nobody may ask everything at once.
type frugal struct {
	store.Store
	t *testing.T
}

func (s frugal) Find(ctx context.Context, collection string, q store.Query) (store.Page, error) {
	if q.Limit == 0 || q.Limit > page {
		s.t.Errorf("%d documents of %s asked for at once (0: all)", q.Limit, collection)
	}
	return s.Store.Find(ctx, collection, q)
}

func TestCheck_readsByThePage(t *testing.T) {
	t.Parallel()
	s := small(t)
	r, err := Check(t.Context(), Options{Store: frugal{s, t}, Library: openLibrary(s), Canaries: []string{"hunter2"}})
	if err != nil || !r.Clean() {
		t.Errorf("%v, %v", r.Findings, err)
	}
}
