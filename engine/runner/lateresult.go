package runner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// A result that came too late changes nothing, but work was done that somebody may look for: a
// device was changed although its job was canceled. So it is kept beside the job.

const (
	maxLate      = 100      // late results kept of a job
	maxLateBytes = 64 << 10 // of what a kept result gave
)

// keepLate keeps the result of a worker that its job had no use for, unless it is one that the job
// took in before and that only came again.
func (r *Runner) keepLate(ctx context.Context, t *turn, it *item) error {
	late := it.event
	ev := &late
	if it.delivery == nil || ev.Type != engine.TaskFinished || t.told == nil {
		return nil
	}
	state, known := t.entry.machine.Task(t.told, ev.Task)
	if !known || ev.Iteration < 1 || ev.Iteration > state.Iteration {
		return nil // nobody asked for that
	}
	m := marksOf(t.entry.machine.Workflow())
	counted, err := r.counted(ctx, t.told, ev, m != nil && len(m.outputs[ev.Task]) > 0)
	if err != nil || counted {
		return err
	}
	if m != nil {
		if err := m.seal(ctx, r.Seal, family(t.told), ev); err != nil {
			return err
		}
	}
	kept, err := r.Store.Group(ctx, store.LateResults, store.Grouping{Where: store.Where("job", store.Eq, t.id)})
	if err != nil {
		return err
	}
	if kept[0].Count >= maxLate {
		r.Log.Info("late result not kept, the job has too many", "job", t.id, "task", ev.Task, "iteration", ev.Iteration)
		return nil
	}
	what := engine.AppendEvent(nil, ev)
	sum := sha256.Sum256(what)
	now := r.Now().UnixMilli()
	id := fmt.Sprintf("%s/%s/%d/%s", t.id, ev.Task, ev.Iteration, hex.EncodeToString(sum[:8]))
	var w value.Writer
	w.Open("", '{')
	w.Text("_id", id)
	w.Text("job", t.id)
	w.Text("task", ev.Task)
	w.Int("iteration", int64(ev.Iteration))
	w.Int("at", now)
	w.Text("jobStatus", string(t.told.Status.Shown()))
	w.Text("finishState", string(ev.Outcome.State))
	if outcome := value.Array(ev.Outcome.Outgoing, ev.Outcome.Error, ev.Outcome.Changes); outcome.Exceeds(maxLateBytes) {
		w.OptTrue("tooLong", true)
	} else {
		w.OptValue("outgoing", ev.Outcome.Outgoing)
		w.OptValue("error", ev.Outcome.Error)
		w.OptValue("changes", ev.Outcome.Changes)
	}
	w.Close('}')
	err = r.Store.Commit(ctx, store.Batch{{Collection: store.LateResults, ID: id, Expect: store.New, Body: w.Buf, Index: []any{t.id, now}}})[0]
	if errors.Is(err, store.ErrConflict) {
		return nil // it came late before
	}
	if err == nil {
		r.Log.Info("late result kept", "job", t.id, "task", ev.Task, "iteration", ev.Iteration, "state", ev.Outcome.State)
	}
	return err
}

// counted tells whether the job took in this very result. What is encrypted cannot be compared: then
// one of the same state counts as the same.
func (r *Runner) counted(ctx context.Context, job *engine.Job, ev *engine.Event, encrypted bool) (bool, error) {
	doc, err := r.Store.Get(ctx, store.Tasks, engine.IterationID(job.ID, ev.Task, ev.Iteration))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	}
	run, err := r.WholeTask(ctx, doc.Body)
	if err != nil {
		return false, err
	}
	was := run.Get("variables")
	if run.Path("metrics", "finish_state").Text() != string(ev.Outcome.State) {
		return false, nil
	}
	if encrypted {
		return true, nil
	}
	if ev.Outcome.State == workflows.Failed {
		return value.Equal(was.Get("error"), orText(ev.Outcome.Error)), nil
	}
	return value.Equal(was.Get("outgoing"), orEmpty(ev.Outcome.Outgoing)), nil
}

// LateResults lists the results of a job that came when they did not count any more, oldest first: objects
// with task, iteration, at, jobStatus, finishState and what the worker gave.
func (r *Runner) LateResults(ctx context.Context, job string) ([]value.Value, error) {
	found, err := r.Store.Find(ctx, store.LateResults, store.Query{
		Where: store.Where("job", store.Eq, job), Sort: []store.Order{{Field: "at"}}, Limit: maxLate, NoTotal: true,
	})
	if err != nil {
		return nil, fmt.Errorf("late results of job %q: %w", job, err)
	}
	out := make([]value.Value, 0, len(found.Docs))
	for _, d := range found.Docs {
		v, err := value.ParseLast(d.Body)
		if err != nil {
			return nil, fmt.Errorf("late result %q: %w", d.ID, err)
		}
		out = append(out, v.Without("_id").Without("job"))
	}
	return out, nil
}

// lateWithin bounds the keeping of a late result, on which acknowledgements wait.
const lateWithin = 5 * time.Second

// stale settles an event that its job had no use for.
func (t *turn) stale(ctx context.Context, it *item) {
	within, cancel := context.WithTimeout(ctx, lateWithin)
	defer cancel()
	if err := t.shard.r.keepLate(within, t, it); err != nil {
		t.shard.r.Log.Warn("late result not kept yet", "job", t.id, "task", it.event.Task, "err", err)
		it.delivery.Nak(time.Second)
		return
	}
	it.ack()
}
