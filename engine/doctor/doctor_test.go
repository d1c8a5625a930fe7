package doctor

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/heddlehq/heddle/engine/store"
)

func TestCheck_clean(t *testing.T) {
	t.Parallel()
	r := examined(t, small(t), Options{})
	for _, f := range r.Findings {
		t.Error(f)
	}
	if r.Jobs != 10 || r.Tasks == 0 || r.Events == 0 {
		t.Errorf("checked %d jobs, %d task runs, %d events; want 10 jobs and some of the others", r.Jobs, r.Tasks, r.Events)
	}
}

func TestCheck_cleanGenerated(t *testing.T) {
	t.Parallel()
	n := uint64(100)
	if testing.Short() {
		n = 20
	}
	for seed := uint64(1); seed <= n; seed++ {
		for _, f := range examined(t, generated(t, seed, 1), Options{}).Findings {
			t.Errorf("seed %d: %s", seed, f)
		}
	}
}

// Two servers that step the same jobs leave nothing wrong behind either.
func TestCheck_twoServers(t *testing.T) {
	t.Parallel()
	for seed := uint64(1); seed <= 20; seed++ {
		for _, f := range examined(t, generated(t, seed, 2), Options{}).Findings {
			t.Errorf("seed %d: %s", seed, f)
		}
	}
}

// While jobs run there is much to suspect, and nothing to find.
func TestCheck_running(t *testing.T) {
	t.Parallel()
	play(t, 1, func(p *plant) {
		p.saveAll()
		for n := range 30 {
			p.start(n+1, []string{"Join", "Parent", "Busy"}[n%3])
		}
		for range 4 {
			p.pass(300 * time.Millisecond)
			moving := &passing{Store: p.store}
			for _, f := range examined(p.t, moving, Options{Wait: 10 * time.Second}).Findings {
				p.t.Error(f)
			}
			if !moving.used {
				p.t.Error("no job moved during the check")
			}
		}
	})
}

// passing is a store on which time goes by between the reading of jobs and of their histories.
type passing struct {
	store.Store
	used bool
}

func (s *passing) Find(ctx context.Context, collection string, q store.Query) (store.Page, error) {
	if collection == store.History && q.Where != nil && !s.used {
		s.used = true
		time.Sleep(2 * time.Second)
	}
	return s.Store.Find(ctx, collection, q)
}

func TestCheck_sample(t *testing.T) {
	t.Parallel()
	w := admit(t)
	w.refile(store.Jobs, id(joined), map[string]any{"status": "running"})
	for sample, want := range map[int]int{3: 3, 200: 10} {
		last := ""
		r := examined(t, w.Store, Options{Sample: sample, Progress: func(stage string, done, total int) { last = fmt.Sprint(stage, done, total) }})
		if told := fmt.Sprint("jobs", want, want); r.Jobs != want || last != told {
			t.Errorf("a sample of %d checked %d jobs and told %q at last; want %d and %q", sample, r.Jobs, last, want, told)
		}
		if want == 10 && len(r.Findings) != 1 {
			t.Errorf("a sample of all jobs found %v, want the one that is filed wrongly", r.Findings)
		}
	}
}

// lying is a store whose statistics are wrong.
type lying struct{ store.Store }

func (s lying) Group(ctx context.Context, collection string, g store.Grouping) ([]store.Bucket, error) {
	out, err := s.Store.Group(ctx, collection, g)
	if len(g.By) == 1 && g.By[0].Field == "status" && collection == store.Jobs {
		out[0].Count++
	}
	return out, err
}

func TestCheck_counts(t *testing.T) {
	t.Parallel()
	s := small(t)
	r, err := Check(t.Context(), Options{Store: lying{s}, Library: openLibrary(s)})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Findings) != 1 || r.Findings[0].Invariant != Counts || r.Findings[0].Collection != store.Jobs || r.Findings[0].Fixable {
		t.Errorf("findings %v, want one about the counts of jobs", r.Findings)
	}
}

func TestCheck_errors(t *testing.T) {
	t.Parallel()
	s := small(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Check(ctx, Options{Store: s, Library: openLibrary(s)}); !errors.Is(err, context.Canceled) {
		t.Errorf("with a canceled context: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Check(t.Context(), Options{Store: s, Library: openLibrary(s)}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("on a closed store: %v", err)
	}
}
