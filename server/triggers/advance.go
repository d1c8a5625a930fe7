package triggers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/server/auth"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

func byNumber(fires []*fire) {
	slices.SortFunc(fires, func(a, b *fire) int { return int(a.number - b.number) })
}

func without(fires []*fire, id string) []*fire {
	return slices.DeleteFunc(slices.Clone(fires), func(f *fire) bool { return f.id == id })
}

// settle brings the live runs of a trigger up to what became of their jobs, lets the next in
// the queue start, and returns those still live.
func (r *Triggers) settle(ctx context.Context, trigger string) ([]*fire, error) {
	fires, err := r.live(ctx, trigger)
	if err != nil {
		return nil, err
	}
	var still []*fire
	for _, f := range fires {
		switch {
		case f.state == queued && len(still) > 0:
			err = r.later(ctx, f, queueLook)
		case f.state == queued:
			f.state = ordered
			if err = r.save(ctx, f); err == nil {
				err = r.begin(ctx, f)
			}
		default:
			err = r.advance(ctx, f)
		}
		if err != nil {
			return nil, err
		}
		if f.state != done {
			still = append(still, f)
		}
	}
	return still, nil
}

// queueLook is how often a run that waits its turn is looked at, in case whoever ended the one
// before it did not come to that.
const queueLook = 30 * time.Second

// advance takes a fire as far as it goes now. Every step may be repeated, by any server.
func (r *Triggers) advance(ctx context.Context, f *fire) error {
	switch f.state {
	case queued:
		_, err := r.settle(ctx, f.trigger)
		return err
	case ordered:
		return r.begin(ctx, f)
	case started:
		return r.observe(ctx, f)
	}
	return nil
}

// begin starts the job of a fire, or finds that it was started.
func (r *Triggers) begin(ctx context.Context, f *fire) error {
	d, err := r.get(ctx, store.Triggers, f.trigger)
	if errors.Is(err, store.ErrNotFound) {
		return r.finish(ctx, f, refused, "the trigger was deleted")
	}
	if err != nil {
		return err
	}
	t, _ := workflows.ParseTrigger(d.doc)
	if t.Overlap == workflows.OverlapCancelPrevious {
		if err := r.cancelBefore(ctx, f); err != nil {
			return err
		}
	}
	return r.start(ctx, d.doc, t, f)
}

func (r *Triggers) start(ctx context.Context, doc value.Value, t *workflows.Trigger, f *fire) error {
	err := r.launch(ctx, doc, t, f)
	if err != nil {
		// It may be there already, whatever else is wrong by now.
		switch _, there := r.Store.Get(ctx, store.Jobs, f.job); {
		case there == nil:
		case !errors.Is(there, store.ErrNotFound):
			return there
		case isRefusal(err):
			return r.finish(ctx, f, refused, err.Error())
		default:
			return fmt.Errorf("start job %q: %w", f.job, err)
		}
	}
	f.state, f.look = started, r.Now().Add(beat).UnixMilli()
	return r.save(ctx, f)
}

// launch gives the order to start a fire's job. It runs in the name of whoever saved the
// trigger last; who saved the automation last must be allowed to start its workflow, too, so
// that nobody borrows the other's rights.
func (r *Triggers) launch(ctx context.Context, doc value.Value, t *workflows.Trigger, f *fire) error {
	b, automation, err := r.orders.Make(ctx, t, f.payload)
	if err != nil {
		return err
	}
	m, err := r.Library.Machine(ctx, b.Workflow)
	if err != nil {
		return err
	}
	groups := m.Workflow().Groups
	var who *auth.Identity
	for _, saved := range []value.Value{automation, doc} {
		name := saved.Get("lastUpdatedBy").Text()
		if who, err = r.Auth.Named(ctx, name); errors.Is(err, auth.ErrNoSession) {
			return refuse("%q, who saved it last, has no active account", name)
		}
		if err != nil {
			return err
		}
		if !who.May(auth.StartJobs) || !who.Reaches(groups) {
			return refuse("%q, who saved it last, may not start workflow %q", name, b.Workflow)
		}
	}
	b.Start.ID, b.Start.Groups, b.Start.Initiator, b.Start.User = f.job, groups, who.Username, who.ID
	b.Start.Triggers = append(slices.Clone(f.chain), t.ID)
	_, err = r.Engine.Start(ctx, b)
	return err
}

// isRefusal tells an answer that trying again does not change.
func isRefusal(err error) bool {
	for _, is := range []func() bool{
		func() bool { return errors.Is(err, store.ErrNotFound) },
		func() bool { _, ok := errors.AsType[*Refusal](err); return ok },
		func() bool { _, ok := errors.AsType[*PayloadError](err); return ok },
		func() bool { _, ok := errors.AsType[*workflows.Invalid](err); return ok },
		func() bool { _, ok := errors.AsType[*runner.InputError](err); return ok },
	} {
		if is() {
			return true
		}
	}
	return false
}

// cancelBefore cancels the earlier runs of a trigger. One whose job may be on its way is
// started first: what is known to be there can be canceled for good.
func (r *Triggers) cancelBefore(ctx context.Context, f *fire) error {
	live, err := r.live(ctx, f.trigger)
	if err != nil {
		return err
	}
	for _, other := range live {
		if other.number >= f.number {
			break
		}
		if other.state != started {
			d, err := r.get(ctx, store.Triggers, other.trigger)
			if err != nil {
				return err
			}
			t, _ := workflows.ParseTrigger(d.doc)
			if err := r.start(ctx, d.doc, t, other); err != nil {
				return err
			}
		}
		if other.state == done {
			continue
		}
		_, err := r.Engine.Act(ctx, other.job, engine.Event{Type: engine.JobCanceled, By: engine.System, Text: "a later run of its trigger began"})
		if _, over := errors.AsType[*engine.Conflict](err); err != nil && !over && !errors.Is(err, engine.ErrStale) && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("cancel job %q: %w", other.job, err)
		}
	}
	return nil
}

// observe looks whether the job of a fire has come to an end. A job in error has: what people
// make of it later is not the trigger's.
func (r *Triggers) observe(ctx context.Context, f *fire) error {
	job, err := r.get(ctx, store.Jobs, f.job)
	if errors.Is(err, store.ErrNotFound) {
		return r.finish(ctx, f, gone, "")
	}
	if err != nil {
		return err
	}
	status := engine.Status(job.doc.Get("status").Text())
	if status.Final() || status == engine.Errored {
		return r.finish(ctx, f, string(status), "")
	}
	age := time.Duration(r.Now().UnixMilli()-f.at) * time.Millisecond
	return r.later(ctx, f, min(max(age/4, beat), time.Minute))
}

// later has a fire looked at again, unless that is soon enough anyway.
func (r *Triggers) later(ctx context.Context, f *fire, wait time.Duration) error {
	now := r.Now().UnixMilli()
	if f.look > now && f.look <= now+wait.Milliseconds() {
		return nil
	}
	f.look = now + wait.Milliseconds()
	return r.save(ctx, f)
}

// postpone puts a fire that cannot be helped now behind the others. It is an optimisation.
func (r *Triggers) postpone(ctx context.Context, f *fire) {
	if f.state != done {
		f.look = r.Now().Add(5 * time.Second).UnixMilli()
		_ = r.save(ctx, f) // else it stays due
	}
}

// finish stores the outcome of a fire and counts failures in a row.
func (r *Triggers) finish(ctx context.Context, f *fire, outcome, problem string) error {
	next := *f
	next.state, next.outcome, next.problem, next.expires = done, outcome, problem, r.Now().Add(memory).UnixMilli()
	w, err := r.store(&next)
	if err != nil {
		return err
	}
	for range maxTries {
		batch := store.Batch{w}
		trigger, reason, err := r.count(ctx, f.trigger, outcome, problem)
		if err != nil {
			return err
		}
		if trigger != nil {
			batch = append(batch, *trigger)
		}
		err = r.Store.Commit(ctx, batch)[0]
		if err == nil {
			next.revision = store.Revision(f.revision)
			*f = next
			if reason != "" {
				r.Log.Error("trigger disabled", "trigger", f.trigger, "reason", reason)
			}
			if problem != "" {
				r.Log.Warn("trigger did not start its job", "trigger", f.trigger, "job", f.job, "err", problem)
			}
			return nil
		}
		if conflict, ok := errors.AsType[*store.Conflict](err); !ok || conflict.Collection != store.Triggers {
			return err
		}
	}
	return fmt.Errorf("finish fire %q: %w", f.id, store.ErrConflict)
}

// count is the change that an outcome makes to its trigger; nil for none.
func (r *Triggers) count(ctx context.Context, trigger, outcome, problem string) (w *store.Write, reason string, err error) {
	failed := outcome == refused || outcome == string(engine.Errored)
	if !failed && outcome != string(engine.Complete) {
		return nil, "", nil
	}
	d, err := r.get(ctx, store.Triggers, trigger)
	if errors.Is(err, store.ErrNotFound) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	n, _ := d.doc.Get("failures").Int()
	if !failed && n == 0 {
		return nil, "", nil
	}
	if n++; !failed {
		n = 0
	}
	doc := d.doc.With("failures", value.Int(n))
	t, _ := workflows.ParseTrigger(d.doc)
	if failed && t.Enabled && t.MaxFailures > 0 && n >= t.MaxFailures {
		reason = fmt.Sprintf("%d runs in a row failed", n)
		if problem != "" {
			reason += "; the last one: " + problem
		}
		doc = disabled(doc, reason)
	}
	out, err := r.write(store.Triggers, trigger, d.Revision, doc)
	return &out, reason, err
}
