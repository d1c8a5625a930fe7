package runner

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// timers rings jobs at their due times. It is an optimisation: what it forgets, the sweeper
// finds in the store.
type timers struct {
	mu      sync.Mutex
	queue   dueQueue
	earlier chan struct{} // rung when the first due time changes
}

type dueJob struct {
	job     string
	due     int64 // milliseconds since 1970
	recover bool  // issue its orders again instead of ringing
	item    *item // do this again instead of ringing
}

func newTimers() *timers { return &timers{earlier: make(chan struct{}, 1)} }

func (t *timers) set(job string, due int64) { t.add(dueJob{job: job, due: due}) }

// recover lets the job's orders be issued again at a time.
func (t *timers) recover(job string, due int64) { t.add(dueJob{job: job, due: due, recover: true}) }

// again lets an item be taken again at a time.
func (t *timers) again(it *item, due int64) { t.add(dueJob{job: it.job, due: due, item: it}) }

func (t *timers) add(d dueJob) {
	t.mu.Lock()
	heap.Push(&t.queue, d)
	first := t.queue[0] == d
	t.mu.Unlock()
	if first {
		select {
		case t.earlier <- struct{}{}:
		default:
		}
	}
}

// count is how many there are.
func (t *timers) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.queue)
}

// due takes out what is due at now and tells when the next is; 0 = none.
func (t *timers) due(now int64) (ready []dueJob, next int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	seen := map[dueJob]bool{}
	for len(t.queue) > 0 && t.queue[0].due <= now {
		d := heap.Pop(&t.queue).(dueJob)
		d.due = 0
		if !seen[d] {
			seen[d] = true
			ready = append(ready, d)
		}
	}
	if len(t.queue) > 0 {
		next = t.queue[0].due
	}
	return ready, next
}

// run rings until ctx ends.
func (t *timers) run(ctx context.Context, now func() time.Time, ring func(context.Context, dueJob)) error {
	clock := time.NewTimer(time.Hour)
	defer clock.Stop()
	for {
		ready, next := t.due(now().UnixMilli())
		for _, d := range ready {
			ring(ctx, d)
		}
		wait := time.Hour
		if next > 0 {
			wait = max(time.UnixMilli(next).Sub(now()), 0)
		}
		clock.Reset(wait)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-clock.C:
		case <-t.earlier:
		}
	}
}

type dueQueue []dueJob

func (q dueQueue) Len() int           { return len(q) }
func (q dueQueue) Less(i, j int) bool { return q[i].due < q[j].due }
func (q dueQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *dueQueue) Push(x any)        { *q = append(*q, x.(dueJob)) }
func (q *dueQueue) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}
