package runner

import (
	"context"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/schemas"
	"github.com/heddlehq/heddle/workflows/value"
)

// listen hands platform events to the jobs that wait for them in an eventListenerJob task.
func (r *Runner) listen(ctx context.Context) error {
	return r.Bus.Tail(ctx, bus.Feed, "heddle.feed.platform.>", bus.FromNow, func(_ uint64, m bus.Message) {
		v, err := value.ParseLast(m.Data)
		if err != nil {
			r.Log.Warn("platform event refused", "err", err, "subject", m.Subject)
			return
		}
		if err := r.deliver(ctx, v); err != nil && ctx.Err() == nil {
			r.Log.Warn("platform event not delivered", "err", err, "subject", m.Subject)
		}
	})
}

// deliver finds the waiting tasks that an event's source, topic and content match.
func (r *Runner) deliver(ctx context.Context, event value.Value) error {
	listens := store.ListensTo(event.Get("source").Text(), event.Get("topic").Text())
	page, err := r.Store.Find(ctx, store.Tasks, store.Query{Where: store.Where("listens", store.Eq, listens), NoTotal: true})
	if err != nil {
		return err
	}
	for _, d := range page.Docs {
		task, err := value.ParseLast(d.Body)
		if err != nil {
			continue
		}
		in := task.Path("variables", "incoming")
		if s := in.Get("schema"); s.IsObject() {
			schema, err := schemas.Compile(s)
			if err != nil || len(schema.Check(event)) > 0 {
				continue
			}
		}
		iteration, _ := task.Get("iteration").Int()
		r.put(ctx, &item{job: task.Path("job", "_id").Text(), event: engine.Event{
			Type: engine.EventReceived, Task: task.Path("job", "task").Text(), Iteration: int(iteration), Variables: event,
		}})
	}
	return nil
}
