// Package triggers starts jobs by itself: on schedule and on platform events. Each server
// runs it; the store decides which one fires.
//
// A run is a document of its own, a fire. It is stored together with what its trigger
// remembers, guarded by the trigger's revision, and only then is its job started, under an id
// that derives from the trigger and the due time or the event. Whoever finds a fire whose job
// is not known to be started starts it, and finds it there if another did. So a crash, a
// second server or a repeat neither loses a run nor doubles it. See DESIGN.md.
package triggers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/server/auth"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// Engine starts and stops jobs.
type Engine interface {
	Start(ctx context.Context, b runner.Begin) (runner.State, error)
	Act(ctx context.Context, job string, ev engine.Event) (runner.State, error)
}

// Options are what triggers fire with. All but Log and Now are required.
type Options struct {
	Store   store.Store
	Bus     bus.Bus
	Library *library.Library
	Engine  Engine
	Auth    *auth.Auth
	Log     *slog.Logger
	Now     func() time.Time // the wall clock unless a test gives another
	// Draining is closed once this server is to begin no more work: nothing fires any more here. Nil never is.
	Draining <-chan struct{}
}

// Triggers fires what is due.
type Triggers struct {
	Options
	orders Orders
	schema *store.Schema
	swept  time.Time // when old fires were last forgotten
}

// Bounds.
const (
	beat     = time.Second         // between two looks at the store
	page     = 200                 // documents read at once
	grace    = time.Minute         // a run that is later than this was missed
	backlog  = 100                 // missed runs made up for at most, and runs that wait in a queue
	farBack  = 31 * 24 * time.Hour // missed runs are looked for no further back
	memory   = 72 * time.Hour      // how long an ended fire is remembered: longer than a clock is wrong
	maxTries = 8                   // how often a change meets a newer document
)

// New builds triggers.
func New(o Options) (*Triggers, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	schema, err := store.NewSchema(store.Collections)
	if err != nil {
		return nil, fmt.Errorf("new triggers: %w", err)
	}
	return &Triggers{Options: o, orders: Orders{o.Store, o.Library}, schema: schema}, nil
}

// Run fires until the server is drained, and returns when ctx ends.
func (r *Triggers) Run(ctx context.Context) error {
	firing, stop := context.WithCancel(ctx)
	defer stop()
	g, within := errgroup.WithContext(firing)
	g.Go(func() error { return r.clock(within) })
	g.Go(func() error { return r.feed(within) })
	g.Go(func() error {
		select {
		case <-r.Draining:
			r.Log.Info("triggers do not fire here any more: the server is drained")
			stop()
		case <-within.Done():
		}
		return nil
	})
	err := g.Wait()
	if firing.Err() != nil && errors.Is(err, context.Canceled) {
		<-ctx.Done()
		return nil
	}
	return err
}

// clock looks at the store at every beat, and at the moment the next run is due.
func (r *Triggers) clock(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var planned bool
	var last time.Time
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		now := r.Now()
		if !planned || now.Before(last.Add(-grace)) {
			// A clock that was set back leaves runs planned too late.
			err := r.replan(ctx)
			planned = err == nil
			r.complain(ctx, "schedules not planned", err)
		}
		last = now
		next, err := r.beat(ctx)
		r.complain(ctx, "due runs not all looked at", err)
		timer.Reset(max(0, min(beat, next.Sub(r.Now()))))
	}
}

func (r *Triggers) complain(ctx context.Context, message string, err error) {
	if err != nil && ctx.Err() == nil {
		r.Log.Warn(message, "err", err)
	}
}

// beat fires the schedules that are due, looks after live fires, and tells when the next
// schedule is due.
func (r *Triggers) beat(ctx context.Context) (next time.Time, err error) {
	now := r.Now()
	next = now.Add(beat)
	due, err := r.find(ctx, store.Triggers, page, store.Where("nextRunAt", store.Lte, now.UnixMilli()), "nextRunAt")
	errs := []error{err}
	for _, d := range due {
		if err := r.fireDue(ctx, d); err != nil && !errors.Is(err, store.ErrConflict) {
			errs = append(errs, fmt.Errorf("trigger %q: %w", d.ID, err))
		}
	}
	live, err := r.find(ctx, store.Fires, page, store.Where("look", store.Lte, now.UnixMilli()), "look")
	errs = append(errs, err)
	settled := map[string]bool{} // by trigger: the next in its queue has had its chance
	for _, d := range live {
		f := parseFire(d)
		if settled[f.trigger] && f.state == queued {
			continue
		}
		err := r.advance(ctx, f)
		if f.state == done {
			_, err = r.settle(ctx, f.trigger)
		}
		settled[f.trigger] = settled[f.trigger] || f.state == queued || f.state == done
		if err != nil && !errors.Is(err, store.ErrConflict) {
			errs = append(errs, fmt.Errorf("fire %q: %w", d.ID, err))
			r.postpone(ctx, f)
		}
	}
	if now.Sub(r.swept).Abs() > grace {
		r.swept = now
		errs = append(errs, r.forget(ctx, now))
	}
	if len(due) == page || len(live) == page {
		return now, errors.Join(errs...)
	}
	coming, err := r.find(ctx, store.Triggers, 1, store.Where("nextRunAt", store.Gt, now.UnixMilli()), "nextRunAt")
	for _, d := range coming {
		if at, ok := d.doc.Get("nextRunAt").Int(); ok {
			next = time.UnixMilli(at)
		}
	}
	return next, errors.Join(append(errs, err)...)
}

// stored is a document with its revision.
type stored struct {
	store.Doc
	doc value.Value
}

func (r *Triggers) find(ctx context.Context, collection string, limit int, where store.Filter, by string) ([]stored, error) {
	p, err := r.Store.Find(ctx, collection, store.Query{Where: where, Sort: []store.Order{{Field: by}}, Limit: limit, NoTotal: true})
	if err != nil {
		return nil, err
	}
	out := make([]stored, 0, len(p.Docs))
	for _, d := range p.Docs {
		v, err := value.ParseLast(d.Body)
		if err != nil {
			r.Log.Error("stored document cannot be read", "collection", collection, "id", d.ID, "err", err)
			continue
		}
		out = append(out, stored{d, v})
	}
	return out, nil
}

func (r *Triggers) get(ctx context.Context, collection, id string) (stored, error) {
	d, err := r.Store.Get(ctx, collection, id)
	if err != nil {
		return stored{}, err
	}
	v, err := value.ParseLast(d.Body)
	return stored{d, v}, err
}

// write prepares replacing a document.
func (r *Triggers) write(collection, id string, expect int64, doc value.Value) (store.Write, error) {
	c, err := r.schema.Collection(collection)
	if err != nil {
		return store.Write{}, err
	}
	return store.Write{Collection: collection, ID: id, Expect: expect, Body: doc.AppendJSON(nil), Index: c.IndexOf(doc)}, nil
}

// disable switches a trigger off and says why in its document. The trigger stays as it is
// when it is disabled already.
func (r *Triggers) disable(ctx context.Context, id, reason string) error {
	for range maxTries {
		d, err := r.get(ctx, store.Triggers, id)
		if errors.Is(err, store.ErrNotFound) || err == nil && d.doc.Get("enabled").Kind() == value.KindBool && !d.doc.Get("enabled").Truth() {
			return nil
		}
		if err != nil {
			return err
		}
		w, err := r.write(store.Triggers, id, d.Revision, disabled(d.doc, reason))
		if err != nil {
			return err
		}
		if err = r.Store.Commit(ctx, store.Batch{w})[0]; err == nil {
			r.Log.Error("trigger disabled", "trigger", id, "name", d.doc.Get("name").Text(), "reason", reason)
			return nil
		} else if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("disable trigger %q: %w", id, store.ErrConflict)
}

func disabled(doc value.Value, reason string) value.Value {
	return doc.With("enabled", value.False).With("disabledReason", value.String(reason)).With("nextRunAt", value.Null)
}

// usable reads a trigger that may fire; nil when it is disabled or its document is no good.
func usable(doc value.Value) (*workflows.Trigger, error) {
	t, problems := workflows.ParseTrigger(doc)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	if !t.Enabled {
		return nil, nil
	}
	return t, nil
}
