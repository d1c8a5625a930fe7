package runner

import (
	"context"
	"fmt"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/payload"
	"github.com/heddlehq/heddle/workflows/value"
)

// In memory jobs hold whole values. What is stored or sent holds references in place of large
// ones: the folder of a job makes them while a turn's documents and messages are written, and
// their texts are kept before the turn is committed.

// family is the job under which the large values of a job and its relatives are kept.
func family(job *engine.Job) string {
	if len(job.Ancestors) == 0 {
		return job.ID
	}
	return job.Ancestors[0]
}

// folds is the folder of a job in memory.
func (s *shard) folds(e *entry, job *engine.Job) *payload.Folder {
	if e.folder == nil {
		e.folder = s.r.Payloads.Folder(family(job))
	}
	return e.folder
}

// load is what may be large in an order.
type load struct{ incoming, changes value.Value }

// fold makes references for the large values in the orders of a turn.
func (t *turn) fold() {
	for i := range t.effects {
		e := &t.effects[i]
		if above := t.shard.r.Payloads.Above; e.Type != engine.RunTask || !e.Incoming.Exceeds(above) && !e.Changes.Exceeds(above) {
			continue
		}
		if t.folded == nil {
			t.folded = map[string]load{}
		}
		f := t.shard.folds(t.entry, t.told)
		t.folded[e.Key] = load{f.Fold(e.Incoming), f.Fold(e.Changes)}
	}
}

// keep stores the texts that the turn's documents and messages refer to.
func (t *turn) keep(ctx context.Context) error {
	if t.entry == nil || t.entry.folder == nil || !t.entry.folder.Fresh() {
		return nil
	}
	return t.entry.folder.Save(ctx, t.tight != nil)
}

// whole parses a stored form and gives it the values that its references stand for; family
// finds out whose they are.
func (r *Runner) whole(ctx context.Context, body []byte, family func(value.Value) string) (value.Value, error) {
	v, err := value.ParseLast(body)
	if err != nil || !payload.Holds(body) {
		return v, err
	}
	return r.Payloads.Unfold(ctx, family(v), v)
}

func familyOfJob(v value.Value) string { return v.Get("ancestors").At(0).Text() }

// WholeTask reads the stored form of a task run.
func (r *Runner) WholeTask(ctx context.Context, body []byte) (value.Value, error) {
	return r.whole(ctx, body, func(v value.Value) string { return v.Path("job", "root").Text() })
}

// WholeHistory reads a stored form of the history of a job.
func (r *Runner) WholeHistory(ctx context.Context, job *engine.Job, body []byte) (value.Value, error) {
	return r.whole(ctx, body, func(value.Value) string { return family(job) })
}

// oversize tells whether an event brings a value that is larger than values may be.
func (r *Runner) oversize(ev *engine.Event) bool {
	most := r.Payloads.MaxValue
	large := func(v value.Value) bool {
		if !v.Exceeds(most) {
			return false
		}
		if !v.IsObject() {
			return true
		}
		for _, m := range v.Members() {
			if m.Exceeds(most) {
				return true
			}
		}
		return false
	}
	for _, w := range ev.Outcome.Writes {
		if large(w.Value) {
			return true
		}
	}
	return large(ev.Outcome.Outgoing) || large(ev.Outcome.Error) || large(ev.Outcome.Changes) || large(ev.Variables)
}

// unfolded gives an event from the bus its large values. One whose values are gone for good
// becomes an error.
func (r *Runner) unfolded(v value.Value) (value.Value, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, err := r.Payloads.Unfold(ctx, v.Get("root").Text(), v)
	if payload.Lost(err) {
		return v.With("finishState", value.String("error")).
			With("outgoing", value.Absent).With("changes", value.Absent).
			With("error", engine.Problem(engine.ClassProtocol, fmt.Sprintf("the worker's answer refers to what nobody keeps: %v", err))), nil
	}
	return out, err
}
