package runner

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/schemas"
	"github.com/heddlehq/heddle/workflows/value"
)

// listen hands platform events to the jobs that wait for them in an eventListenerJob task.
// Events that come while the store is asked about earlier ones are asked about together.
func (r *Runner) listen(ctx context.Context) error {
	events := make(chan value.Value, 256)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return r.Bus.Tail(ctx, bus.Feed, "heddle.feed.platform.>", bus.FromNow, func(_ uint64, m bus.Message) {
			v, err := value.ParseLast(m.Data)
			if err != nil {
				r.Log.Warn("platform event refused", "err", err, "subject", m.Subject)
				return
			}
			if !bus.IsPlatformFeed(m.Subject, v.Get("source").Text(), v.Get("topic").Text()) {
				r.Log.Warn("platform event refused: its source and topic are not those of its subject", "subject", m.Subject)
				return
			}
			select {
			case events <- v:
			case <-ctx.Done():
			}
		})
	})
	g.Go(func() error {
		for {
			var batch []value.Value
			select {
			case <-ctx.Done():
				return ctx.Err()
			case first := <-events:
				batch = append(batch, first)
			}
			batch = append(batch, waiting(events)...)
			r.deliver(ctx, batch)
			time.Sleep(gathering)
		}
	})
	return g.Wait()
}

// gathering is how long events that follow others closely wait for more: to ask the store
// about one costs as much as about many.
const gathering = 10 * time.Millisecond

// waiting takes what is in a channel now.
func waiting(events chan value.Value) (out []value.Value) {
	for range len(events) {
		out = append(out, <-events)
	}
	return out
}

// deliver finds the waiting tasks that the events' source, topic and content match.
func (r *Runner) deliver(ctx context.Context, events []value.Value) {
	alike := map[string][]value.Value{}
	for _, e := range events {
		key := store.ListensTo(e.Get("source").Text(), e.Get("topic").Text())
		alike[key] = append(alike[key], e)
	}
	for key, events := range alike {
		page, err := r.Store.Find(ctx, store.Tasks, store.Query{Where: store.Where("listens", store.Eq, key), NoTotal: true})
		if err != nil {
			if ctx.Err() == nil {
				r.Log.Warn("platform events not delivered", "err", err, "listeners", key, "events", len(events))
			}
			continue
		}
		for _, d := range page.Docs {
			r.match(ctx, d, events)
		}
	}
}

// match gives a waiting task the events that it wants; the first one counts.
func (r *Runner) match(ctx context.Context, waiting store.Doc, events []value.Value) {
	task, err := r.WholeTask(ctx, waiting.Body)
	if err != nil {
		r.Log.Error("stored task cannot be read", "task", waiting.ID, "err", err)
		return
	}
	wanted := func(value.Value) bool { return true }
	if s := task.Path("variables", "incoming", "schema"); s.IsObject() {
		schema, err := schemas.Compile(s)
		if err != nil {
			return // the task itself says so
		}
		wanted = func(e value.Value) bool { return len(schema.Check(e)) == 0 }
	}
	iteration, _ := task.Get("iteration").Int()
	for _, e := range events {
		if wanted(e) {
			r.put(ctx, &item{job: task.Path("job", "_id").Text(), event: engine.Event{
				Type: engine.EventReceived, Task: task.Path("job", "task").Text(), Iteration: int(iteration), Variables: e,
			}})
		}
	}
}
