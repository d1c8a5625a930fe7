package runner

import (
	"context"
	"time"

	"github.com/heddlehq/heddle/engine/store"
)

// sweep finds in the store what no message tells: at the start, whenever the bus lost
// messages and when held tasks may start, every unfinished job is looked at, and every moment those whose timers are due.
func (r *Runner) sweep(ctx context.Context) error {
	tick := time.NewTicker(r.Sweep)
	defer tick.Stop()
	epoch, swept := "", false
	for {
		now, err := r.Bus.Epoch(ctx)
		switch {
		case err != nil:
			r.Log.Warn("bus does not answer", "err", err)
		case !swept || now != epoch:
			if swept {
				r.Log.Warn("the bus lost messages, or may have; every order in force is issued again")
			}
			if err := r.recoverAll(ctx); err != nil {
				r.Log.Warn("unfinished jobs not all looked at", "err", err)
			} else {
				epoch, swept = now, true
			}
		}
		if err := r.ringDue(ctx); err != nil && ctx.Err() == nil {
			r.Log.Warn("due timers not read", "err", err)
		}
		if r.search.now() {
			if err := r.searchLost(ctx); err != nil && ctx.Err() == nil {
				r.Log.Warn("lost orders not searched for", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.activity.wake:
			swept = false
		case <-tick.C:
		}
	}
}

// page is how many jobs are read at once.
const page = 200

// recoverAll lets every unfinished job issue again what should be in force.
func (r *Runner) recoverAll(ctx context.Context) error {
	return r.each(ctx, store.Query{
		Where: store.Where("live", store.Eq, true), Sort: []store.Order{{Field: store.ID}}, Limit: page, NoTotal: true,
	}, func(id string) bool {
		return r.put(ctx, &item{job: id, recover: true})
	})
}

// ringDue rings the jobs whose timers are overdue and not rung by the timers in memory.
func (r *Runner) ringDue(ctx context.Context) error {
	late := r.Now().Add(-r.Sweep).UnixMilli()
	found, err := r.Store.Find(ctx, store.Jobs, store.Query{
		Where: store.Where("due", store.Lte, late), Sort: []store.Order{{Field: "due"}}, Limit: page, NoTotal: true,
	})
	if err != nil {
		return err
	}
	if r.Observer != nil {
		r.Observer.Swept(len(found.Docs))
	}
	for _, d := range found.Docs {
		r.ring(ctx, dueJob{job: d.ID})
	}
	return nil
}

func (r *Runner) each(ctx context.Context, q store.Query, f func(id string) bool) error {
	for {
		found, err := r.Store.Find(ctx, store.Jobs, q)
		if err != nil {
			return err
		}
		for _, d := range found.Docs {
			if !f(d.ID) {
				return ctx.Err()
			}
		}
		if found.Next == nil {
			return nil
		}
		q.After = found.Next
	}
}
