package runner

import (
	"context"
	"errors"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// attempts counts how often an item has been tried, this time included.
func (it *item) attempts() int {
	if it.delivery != nil {
		return it.delivery.Deliveries()
	}
	return it.tries + 1
}

func isCrash(err error) bool {
	var crash *Crash
	return errors.As(err, &crash)
}

// quarantine keeps an event aside that its job cannot take in, with all there is to know of
// it, so that the job's other events go on and somebody can play it again.
func (r *Runner) quarantine(ctx context.Context, t *turn, it *item, cause error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	now := r.Now().UnixMilli()
	var w value.Writer
	id := library.NewID()
	w.Open("", '{')
	w.Text("_id", id)
	w.Text("job", t.id)
	w.OptText("task", it.event.Task)
	w.Text("type", string(it.event.Type))
	w.Int("at", now)
	w.Int("tries", int64(it.attempts()))
	w.OptText("server", r.Name)
	w.Text("error", cause.Error())
	var crash *Crash
	if errors.As(cause, &crash) {
		w.Text("stack", crash.Stack)
	}
	if it.event.Type != "" {
		w.Key("event")
		w.Buf = engine.AppendEvent(w.Buf, &it.event)
	}
	w.Close('}')
	err := r.Store.Commit(ctx, store.Batch{{
		Collection: store.Quarantine, ID: id, Expect: store.New, Body: w.Buf, Index: []any{t.id, it.event.Task, string(it.event.Type), now},
	}})[0]
	switch {
	case err == nil:
		r.Log.Error("event put into quarantine", "job", t.id, "task", it.event.Task, "type", it.event.Type, "id", id, "err", cause)
		it.ack()
	case it.delivery != nil:
		it.delivery.Nak(time.Second)
	default:
		t.shard.later(it)
	}
}

// Replay gives a quarantined event to its job once more and, if the job takes it in or has no
// more use for it, forgets it. Errors: ErrNotFound, and those of Act.
func (r *Runner) Replay(ctx context.Context, id string) error {
	doc, err := r.Store.Get(ctx, store.Quarantine, id)
	if err != nil {
		return err
	}
	v, err := value.ParseLast(doc.Body)
	if err != nil {
		return err
	}
	it := &item{job: v.Get("job").Text(), recover: true}
	if e := v.Get("event"); e.IsObject() {
		it = &item{job: it.job, event: engine.DecodeEvent(e)}
		it.event.At = 0 // it happens now
	}
	if _, err := r.ask(ctx, it); err != nil && !errors.Is(err, engine.ErrStale) {
		return err
	}
	return r.Store.Commit(ctx, store.Batch{{Collection: store.Quarantine, ID: id, Expect: doc.Revision}})[0]
}

// Quarantined lists the events of a job that are kept aside, as objects with _id, type, task,
// at, tries and error.
func (r *Runner) Quarantined(ctx context.Context, job string) ([]value.Value, error) {
	found, err := r.Store.Find(ctx, store.Quarantine, store.Query{Where: store.Where("job", store.Eq, job), Limit: 100, NoTotal: true})
	if err != nil {
		return nil, err
	}
	var out []value.Value
	for _, d := range found.Docs {
		v, err := value.ParseLast(d.Body)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}
