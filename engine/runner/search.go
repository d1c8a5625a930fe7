package runner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// A bus may lose a message that it took without a sign of it: no error, no new epoch. So now
// and then some of the orders that have been in force for long are looked for: one that the bus
// does not hold any more, although its job has had no answer and none is waiting for it, is
// issued again. What the bus holds is left alone, however long a worker takes.

const (
	searchEvery   = 30     // sweeps between two searches
	searchAge     = 60     // sweeps that an order must be old; longer than the bus knows repeats
	searchSettled = 5      // sweeps without an event of a job, after which its children are counted
	searchPage    = 200    // task runs a search looks at; the next one goes on behind them
	searchDepth   = 10_000 // messages it reads of the bus at most
)

// search is where the search for lost orders stands.
type search struct {
	sweeps int
	after  map[string]store.Cursor // by the type of tasks
	found  atomic.Int64
}

// Lost counts the orders and news that this server found lost on the bus, and repeated.
func (r *Runner) Lost() int64 { return r.search.found.Load() }

// now tells whether it is time for a search again.
func (s *search) now() bool {
	s.sweeps = (s.sweeps + 1) % searchEvery
	return s.sweeps == 0
}

// suspect is a job with orders that may be lost.
type suspect struct {
	orders map[string]bool // keys of what workers should do
	news   int             // children of which no news came, or that are not there
}

// searchLost looks for lost orders among the next old ones.
func (r *Runner) searchLost(ctx context.Context) error {
	jobs, err := r.longAtWork(ctx)
	if err != nil {
		return err
	}
	mine := r.members.partitions(r.Partitions)
	suspects := map[string]*suspect{}
	for _, id := range slices.Sorted(maps.Keys(jobs)) {
		if !mine[engine.Partition(id, r.Partitions)] {
			continue
		}
		s, err := r.suspect(ctx, id)
		if err != nil {
			return err
		}
		if s != nil {
			suspects[id] = s
		}
	}
	if err := r.acquit(ctx, suspects); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(suspects)) {
		s := suspects[id]
		n := len(s.orders) + s.news
		if n == 0 {
			continue
		}
		r.search.found.Add(int64(n))
		r.Log.Warn("the bus lost messages without a sign; what they said is said again", "job", id, "orders", len(s.orders), "news", s.news)
		if !r.put(ctx, &item{job: id, recover: true, lost: s.orders}) {
			return ctx.Err()
		}
	}
	return nil
}

// longAtWork finds jobs with tasks that have been at work for long, at workers or children.
func (r *Runner) longAtWork(ctx context.Context) (jobs map[string]bool, err error) {
	jobs = map[string]bool{}
	before := r.Now().Add(-searchAge * r.Sweep).UnixMilli()
	for _, kind := range []string{"automatic", "operation"} {
		found, err := r.Store.Find(ctx, store.Tasks, store.Query{
			Where: store.And{
				store.Where("type", store.Eq, kind), store.Where("status", store.Eq, "running"), store.Where("metrics.start_time", store.Lte, before),
			},
			Sort: []store.Order{{Field: store.ID}}, Limit: searchPage, NoTotal: true, After: r.search.after[kind],
		})
		if err != nil {
			return nil, fmt.Errorf("tasks long at work: %w", err)
		}
		if r.search.after == nil {
			r.search.after = map[string]store.Cursor{}
		}
		r.search.after[kind] = found.Next
		for _, d := range found.Docs {
			v, err := value.ParseLast(d.Body)
			if err != nil {
				return nil, fmt.Errorf("task run %q: %w", d.ID, err)
			}
			jobs[v.Path("job", "_id").Text()] = true
		}
	}
	return jobs, nil
}

// suspect reads a job and tells what of its old orders may be lost; nil when none.
func (r *Runner) suspect(ctx context.Context, id string) (*suspect, error) {
	doc, err := r.Store.Get(ctx, store.Jobs, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	st, err := r.Outline(ctx, doc.Body)
	if err != nil {
		return nil, err
	}
	job := st.Job
	if p := job.Parent; p != nil && !job.Status.Final() {
		if over, err := r.isOver(ctx, p.Job); err != nil {
			return nil, err
		} else if over { // the order to end was lost
			r.search.found.Add(1)
			r.Log.Warn("the bus lost a message without a sign; the job is canceled with its parent", "job", id, "parent", p.Job)
			r.put(ctx, &item{job: id, event: engine.Event{Type: engine.JobCanceled, By: engine.System, Text: "ordered by parent job " + p.Job}})
			return nil, nil
		}
	}
	before := r.Now().Add(-searchAge * r.Sweep).UnixMilli()
	s := &suspect{orders: map[string]bool{}}
	children := 0
	for _, e := range st.Machine.Outstanding(job) {
		switch e.Type {
		case engine.StartChild:
			children++
		case engine.RunTask:
			if t, _ := st.Machine.Task(job, e.Task); t.StartedAt <= before && t.AliveAt <= before {
				s.orders[e.Key] = true
			}
		}
	}
	if children > 0 && job.UpdatedAt < r.Now().Add(-searchSettled*r.Sweep).UnixMilli() {
		under, err := r.Store.Group(ctx, store.Jobs, store.Grouping{Where: store.And{
			store.Where("parent.job", store.Eq, id), store.Where("live", store.Eq, true),
		}})
		if err != nil {
			return nil, fmt.Errorf("children of job %q: %w", id, err)
		}
		s.news = max(children-under[0].Count, 0)
	}
	return s, nil
}

// isOver tells whether a job has ended, or is gone.
func (r *Runner) isOver(ctx context.Context, id string) (bool, error) {
	doc, err := r.Store.Get(ctx, store.Jobs, id)
	if errors.Is(err, store.ErrNotFound) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	st, err := r.Outline(ctx, doc.Body)
	return err == nil && st.Job.Status.Final(), err
}

// acquit strikes out the orders that the bus holds, and all of a job for which it holds an
// answer. When it holds too much to read, all orders: what it holds comes first.
func (r *Runner) acquit(ctx context.Context, suspects map[string]*suspect) error {
	byKey := map[string]*suspect{}
	for _, s := range suspects {
		for key := range s.orders {
			byKey[key] = s
		}
	}
	read := 0
	if len(byKey) > 0 {
		err := r.Bus.Peek(ctx, bus.Tasks, "", func(m bus.Message) bool {
			if s := byKey[m.ID]; s != nil {
				delete(s.orders, m.ID)
				delete(byKey, m.ID)
			}
			read++
			return len(byKey) > 0 && read < searchDepth
		})
		if err != nil {
			return err
		}
	}
	for id, s := range suspects {
		if read >= searchDepth {
			clear(s.orders)
		}
		if len(s.orders)+s.news == 0 {
			continue
		}
		err := r.Bus.Peek(ctx, bus.Events, bus.EventSubject(engine.Partition(id, r.Partitions), id), func(bus.Message) bool {
			clear(s.orders)
			s.news = 0
			return false
		})
		if err != nil {
			return err
		}
	}
	return nil
}
