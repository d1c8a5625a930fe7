package triggers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// Next lists the next n times after from at which a trigger runs, if it is a schedule, in
// its own time zone.
func Next(t *workflows.Trigger, from time.Time, n int) []time.Time {
	if t.Due == nil {
		return nil
	}
	var out []time.Time
	for _, at := range t.Due.Upcoming(from.UnixMilli(), n) {
		out = append(out, time.UnixMilli(at).In(t.Due.Zone()))
	}
	return out
}

// Plan is the document of a trigger that is about to be stored in place of old (Absent for a
// new one), with what the triggers themselves keep in it: when a schedule runs next, and
// whether a trigger that is switched on again starts with a clean record.
func Plan(t *workflows.Trigger, old value.Value, now time.Time) value.Value {
	doc := t.Doc
	was, _ := workflows.ParseTrigger(old)
	if t.Enabled && (old.IsAbsent() || !was.Enabled) {
		doc = doc.Without("disabledReason", "failures", "recent")
	}
	if t.Type != workflows.TriggerSchedule {
		return doc
	}
	next := value.Null
	switch at, ok := first(t, old, now); {
	case !t.Enabled:
	case was.Enabled && was.NextRunAt > 0 && sameSchedule(doc, old):
		next = value.Int(was.NextRunAt)
	case ok:
		next = value.Int(at)
	}
	return doc.With("nextRunAt", next)
}

// first is when a schedule that was made or changed just now runs next. A first run that a
// person asked for moments ago is not missed.
func first(t *workflows.Trigger, old value.Value, now time.Time) (int64, bool) {
	given := !value.Equal(old.Get("firstRunAt"), t.Doc.Get("firstRunAt"))
	if ago := now.UnixMilli() - t.FirstRunAt; given && t.Cron == "" && ago >= 0 && ago <= grace.Milliseconds() {
		return t.Due.Next(t.FirstRunAt - 1)
	}
	return t.Due.Next(now.UnixMilli())
}

func sameSchedule(a, b value.Value) bool {
	for _, key := range []string{"type", "firstRunAt", "repeatUnit", "repeatFrequency", "repeatInterval", "cron", "timezone", "holidays"} {
		if x, y := a.Get(key), b.Get(key); !(x.IsNothing() && y.IsNothing()) && !value.Equal(x, y) {
			return false
		}
	}
	return true
}

// replan sets when each schedule runs next where that is not known or lies too far ahead, as
// after a clock that ran ahead was set right. A run that has taken place does so no second
// time: its fire, and its job, are there.
func (r *Triggers) replan(ctx context.Context) error {
	now := r.Now().UnixMilli()
	q := store.Query{Where: store.Where("type", store.Eq, string(workflows.TriggerSchedule)), Sort: []store.Order{{Field: store.ID}}, Limit: page, NoTotal: true}
	var errs []error
	for {
		found, err := r.Store.Find(ctx, store.Triggers, q)
		if err != nil {
			return err
		}
		for _, d := range found.Docs {
			doc, err := value.ParseLast(d.Body)
			if err != nil {
				continue // reported when it is due
			}
			t, err := usable(doc)
			if err != nil || t == nil {
				continue
			}
			next, ok := t.Due.Next(now)
			if t.NextRunAt == 0 && !ok || t.NextRunAt > 0 && (!ok || t.NextRunAt <= next) {
				continue
			}
			w, err := r.write(store.Triggers, d.ID, d.Revision, doc.With("nextRunAt", value.Int(next)))
			if err == nil {
				err = r.Store.Commit(ctx, store.Batch{w})[0]
			}
			if err != nil && !errors.Is(err, store.ErrConflict) {
				errs = append(errs, err)
			}
		}
		if found.Next == nil {
			break
		}
		q.After = found.Next
	}
	return errors.Join(append(errs, r.relook(ctx, now))...)
}

// relook has fires looked at again that a wrong clock put off for too long.
func (r *Triggers) relook(ctx context.Context, now int64) error {
	late, err := r.find(ctx, store.Fires, 0, store.Where("look", store.Gt, now+time.Minute.Milliseconds()), "look")
	errs := []error{err}
	for _, d := range late {
		f := parseFire(d)
		f.look = now
		if err := r.save(ctx, f); err != nil && !errors.Is(err, store.ErrConflict) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// fireDue fires a schedule that is due and sets when it is next.
func (r *Triggers) fireDue(ctx context.Context, d stored) error {
	t, err := usable(d.doc)
	if err != nil {
		return r.disable(ctx, d.ID, fmt.Sprintf("its document cannot be used: %v", err))
	}
	now := r.Now().UnixMilli()
	if t == nil || t.Due == nil {
		w, err := r.write(store.Triggers, d.ID, d.Revision, d.doc.With("nextRunAt", value.Null))
		if err != nil {
			return err
		}
		return r.Store.Commit(ctx, store.Batch{w})[0]
	}
	var fires []*fire
	for _, due := range chosen(t, now) {
		fires = append(fires, newFire(t.ID, dueKey(due), due))
	}
	next := value.Null
	if at, ok := t.Due.Next(now); ok {
		next = value.Int(at)
	}
	return r.order(ctx, d, t, d.doc.With("nextRunAt", next), fires)
}

// chosen are the due times up to now for which the trigger runs.
func chosen(t *workflows.Trigger, now int64) []int64 {
	due := t.Due.Missed(max(t.NextRunAt-1, now-farBack.Milliseconds()), now, backlog)
	if len(due) == 0 || t.ProcessMissed == "all" {
		return due
	}
	last := due[len(due)-1]
	if t.ProcessMissed == "none" && now-last > grace.Milliseconds() {
		return nil
	}
	return []int64{last}
}
