package server_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/doctor"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
	"github.com/heddlehq/heddle/workflows/workflowtest"
)

// slowStore makes every call wait, and fail while the store is down.
type slowStore struct {
	store.Store
	calls atomic.Int64
	mu    sync.Mutex
	wait  func(n int64) time.Duration
	down  bool
}

func (s *slowStore) set(down bool, wait func(n int64) time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down, s.wait = down, wait
}

func (s *slowStore) enter(ctx context.Context) error {
	s.mu.Lock()
	down, wait := s.down, s.wait
	s.mu.Unlock()
	if wait != nil {
		select {
		case <-time.After(wait(s.calls.Add(1))):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if down {
		return fmt.Errorf("no answer: %w", store.ErrUnavailable)
	}
	return nil
}

func (s *slowStore) Commit(ctx context.Context, batches ...store.Batch) []error {
	if err := s.enter(ctx); err != nil {
		out := make([]error, len(batches))
		for i := range out {
			out[i] = err
		}
		return out
	}
	return s.Store.Commit(ctx, batches...)
}

func (s *slowStore) Get(ctx context.Context, collection, id string) (store.Doc, error) {
	if err := s.enter(ctx); err != nil {
		return store.Doc{}, err
	}
	return s.Store.Get(ctx, collection, id)
}

func (s *slowStore) Find(ctx context.Context, collection string, q store.Query) (store.Page, error) {
	if err := s.enter(ctx); err != nil {
		return store.Page{}, err
	}
	return s.Store.Find(ctx, collection, q)
}

func (s *slowStore) Group(ctx context.Context, collection string, g store.Grouping) ([]store.Bucket, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	return s.Store.Group(ctx, collection, g)
}

func constantly(d time.Duration) func(int64) time.Duration {
	return func(int64) time.Duration { return d }
}

// TestFT12_slowStore has a store that takes five seconds for one call in a hundred, then two more
// for each, and is then down for ten minutes, all in virtual time, while eight clients start and read jobs.
// They get a success or a 503 that says when to come again; nothing piles up; and once the store
// is back, every accepted job ends by itself.
func TestFT12_slowStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowStore{}
		a := newAPIOn(t, func(st store.Store) store.Store { s.Store = st; return s })
		working, stop := context.WithCancel(t.Context())
		var worker sync.WaitGroup
		worker.Go(func() {
			err := adapters.Work(working, a.bus, adapters.Worker{Name: "lab", Consumer: "lab", Filter: []string{bus.TaskFilter(adapters.DefaultPool, "")}},
				func(context.Context, adapters.Order) adapters.Result {
					return adapters.Result{State: workflows.Success, Outgoing: value.Object("result", value.Int(1))}
				})
			if err != nil {
				t.Error(err)
			}
		})
		defer worker.Wait()
		defer stop()
		a.add(t, "Two", workflowtest.Draw("Two", "start>a1 a1>b1 b1>end",
			workflowtest.Adapter("a1", "Lab", "echo", `{"adapter_id":"lab"}`, ""), workflowtest.Adapter("b1", "Lab", "echo", `{"adapter_id":"lab"}`, "")).String())

		var mu sync.Mutex
		var accepted []string
		storm := func(d time.Duration) (answers map[int]int, slowest time.Duration) {
			answers = map[int]int{}
			until := time.Now().Add(d)
			var clients sync.WaitGroup
			for range 8 {
				clients.Go(func() {
					for n := 0; time.Now().Before(until); n++ {
						began := time.Now()
						method, path, body := "POST", "/operations-manager/jobs/start", `{"workflow":"Two","options":{"description":"","variables":{}}}`
						if n%4 == 3 {
							method, path, body = "GET", "/operations-manager/jobs?limit=5", ""
						}
						r := httptest.NewRequest(method, path, strings.NewReader(body))
						r.Header.Set("Content-Type", "application/json")
						r.Header.Set("Authorization", "Bearer "+a.token)
						w := httptest.NewRecorder()
						a.ServeHTTP(w, r)
						mu.Lock()
						answers[w.Code]++
						slowest = max(slowest, time.Since(began))
						switch {
						case w.Code == http.StatusOK && method == "POST":
							accepted = append(accepted, value.MustParse(w.Body.String()).Path("data", "_id").Text())
						case w.Code == http.StatusServiceUnavailable && w.Header().Get("Retry-After") == "":
							t.Errorf("%s refused without Retry-After: %s", path, w.Body)
						case w.Code != http.StatusOK && w.Code != http.StatusServiceUnavailable:
							t.Errorf("%s answered %d %s", path, w.Code, w.Body)
						}
						mu.Unlock()
						time.Sleep(2 * time.Second) // the client's pause, in virtual time
					}
				})
			}
			clients.Wait()
			return answers, slowest
		}
		held := func() (goroutines int, heap uint64) {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return runtime.NumGoroutine(), m.HeapAlloc
		}
		for _, phase := range []struct {
			name string
			down bool
			wait func(int64) time.Duration
			last time.Duration
		}{
			{"well", false, constantly(5 * time.Millisecond), 30 * time.Second},
			{"five seconds for one in a hundred", false, func(n int64) time.Duration {
				if n%100 == 0 {
					return 5 * time.Second
				}
				return 5 * time.Millisecond
			}, 2 * time.Minute},
			{"two seconds more for each", false, constantly(2 * time.Second), 2 * time.Minute},
			{"down", true, constantly(100 * time.Millisecond), 5 * time.Minute},
			{"still down", true, constantly(100 * time.Millisecond), 5 * time.Minute},
			{"well again", false, constantly(5 * time.Millisecond), 30 * time.Second},
		} {
			s.set(phase.down, phase.wait)
			before := len(accepted)
			answers, slowest := storm(phase.last)
			goroutines, heap := held()
			t.Logf("%s: answers %v, the slowest after %s, %d goroutines, %d KB", phase.name, answers, slowest, goroutines, heap>>10)
			if phase.down && len(accepted) > before {
				t.Error("a start was accepted by a server whose store is down")
			}
			if !phase.down && answers[http.StatusOK] == 0 {
				t.Errorf("%s: nothing succeeded", phase.name)
			}
			if goroutines > 400 || heap > 256<<20 {
				t.Errorf("%s: the server holds %d goroutines and %d MB", phase.name, goroutines, heap>>20)
			}
		}
		began := time.Now()
		for _, id := range accepted {
			for {
				st, err := a.runner.Job(t.Context(), id)
				if err == nil && st.Job.Status.Final() {
					break
				}
				if time.Since(began) > 10*time.Minute {
					t.Fatalf("job %s does not end: %v", id, err)
				}
				time.Sleep(time.Second)
			}
		}
		t.Logf("%d accepted jobs ended %s later", len(accepted), time.Since(began))
		s.set(false, nil)
		report, err := doctor.Check(t.Context(), doctor.Options{Store: s.Store, Library: a.Library})
		if err != nil || !report.Clean() {
			t.Errorf("doctor: %v, %v", report.Findings, err)
		}
	})
}
