package triggers

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// state is how far a fire is.
type state string

const (
	queued  state = "queued"  // waits until earlier runs have ended
	ordered state = "ordered" // its job is to be started, and may have been
	started state = "started" // its job is there
	done    state = "done"    // it has an outcome
)

// The outcomes of a fire that are not a status of its job.
const (
	refused = "refused" // the job could not be started
	skipped = "skipped" // an earlier run was still at work
	gone    = "gone"    // the job was deleted
)

// fire is one run of a trigger.
type fire struct {
	id       string // trigger/key
	trigger  string
	job      string
	state    state
	number   int64 // counts the trigger's fires: the order in which they take turns
	due      int64 // of a schedule
	at       int64 // when it was stored
	payload  value.Value
	chain    []string // the triggers that led to the event
	outcome  string
	problem  string
	look     int64
	expires  int64
	revision int64
}

// newFire makes the fire of a trigger for a due time or an event, whose key tells it from
// every other of the same trigger.
func newFire(trigger, key string, due int64) *fire {
	return &fire{id: trigger + "/" + key, trigger: trigger, job: jobID(trigger, key, due), due: due, state: ordered}
}

// dueKey names the fire for a due time so that fires are listed in order.
func dueKey(due int64) string { return fmt.Sprintf("%015d", due) }

// jobID derives the id of a fire's job. Those of a schedule begin with the time, as other
// ids do, so that jobs lie in the order of their times.
func jobID(trigger, key string, due int64) string {
	sum := sha256.Sum256([]byte("trigger\x00" + trigger + "\x00" + key))
	id := sum[:12]
	if due > 0 {
		binary.BigEndian.PutUint32(id, uint32(due/1000))
	}
	return hex.EncodeToString(id)
}

func parseFire(d stored) *fire {
	v := d.doc
	number := func(key string) int64 { n, _ := v.Get(key).Int(); return n }
	f := &fire{
		id: d.ID, trigger: v.Get("trigger").Text(), job: v.Get("job").Text(), state: state(v.Get("state").Text()), number: number("number"),
		due: number("due"), at: number("at"), payload: v.Get("payload"), outcome: v.Get("outcome").Text(), problem: v.Get("error").Text(),
		look: number("look"), expires: number("expires"), revision: d.Revision,
	}
	for _, t := range v.Get("triggers").Elements() {
		f.chain = append(f.chain, t.Text())
	}
	return f
}

func (f *fire) doc() value.Value {
	var m value.Members
	m.Set("_id", value.String(f.id)).Set("trigger", value.String(f.trigger)).Set("job", value.String(f.job)).
		Set("state", value.String(string(f.state))).Set("number", value.Int(f.number)).Set("at", value.Int(f.at))
	if f.due > 0 {
		m.Set("due", value.Int(f.due))
	}
	if !f.payload.IsAbsent() && (f.state == queued || f.state == ordered) {
		m.Set("payload", f.payload)
	}
	if len(f.chain) > 0 {
		m.Set("triggers", value.Strings(f.chain...))
	}
	if f.state == done {
		m.Set("outcome", value.String(f.outcome)).Set("expires", value.Int(f.expires))
		if f.problem != "" {
			m.Set("error", value.String(f.problem))
		}
	} else {
		m.Set("live", value.String(f.trigger)).Set("look", value.Int(f.look))
	}
	return m.Value()
}

// store prepares storing a fire as it is.
func (r *Triggers) store(f *fire) (store.Write, error) {
	return r.write(store.Fires, f.id, f.revision, f.doc())
}

// save stores a fire that nobody changed meanwhile.
func (r *Triggers) save(ctx context.Context, f *fire) error {
	w, err := r.store(f)
	if err != nil {
		return err
	}
	if err := r.Store.Commit(ctx, store.Batch{w})[0]; err != nil {
		return err
	}
	f.revision = store.Revision(f.revision)
	return nil
}

// live lists the runs of a trigger that have not ended, in order.
func (r *Triggers) live(ctx context.Context, trigger string) ([]*fire, error) {
	docs, err := r.find(ctx, store.Fires, 0, store.Where("live", store.Eq, trigger), store.ID)
	if err != nil {
		return nil, err
	}
	out := make([]*fire, 0, len(docs))
	for _, d := range docs {
		out = append(out, parseFire(d))
	}
	byNumber(out)
	return out, nil
}

// order stores fires of a trigger together with the trigger, as edit leaves it, and what else
// belongs to them, and starts their jobs. Fires that were stored before are left out. The
// error is ErrConflict when the trigger is not the one that was read.
func (r *Triggers) order(ctx context.Context, trigger stored, t *workflows.Trigger, doc value.Value, fires []*fire, more ...store.Write) error {
	for {
		if err := r.place(ctx, t, trigger.doc, fires); err != nil {
			return err
		}
		next := doc
		batch := append(store.Batch{{}}, more...)
		for _, f := range fires {
			if f.outcome != skipped {
				next = next.With("lastExecuted", value.Int(f.at))
			}
			next = next.With("runs", value.Int(f.number))
			w, err := r.store(f)
			if err != nil {
				return err
			}
			batch = append(batch, w)
		}
		var err error
		if batch[0], err = r.write(store.Triggers, t.ID, trigger.Revision, next); err != nil {
			return err
		}
		err = r.Store.Commit(ctx, batch)[0]
		if conflict, ok := errors.AsType[*store.Conflict](err); ok && conflict.Collection == store.Fires && conflict.Reason == store.AlreadyExists {
			if rest := without(fires, conflict.ID); len(rest) < len(fires) {
				fires = rest
				continue
			}
		}
		if err != nil {
			return err
		}
		break
	}
	var errs []error
	for _, f := range fires {
		f.revision = 1
		if f.state != ordered {
			continue
		}
		if err := r.advance(ctx, f); err != nil && !errors.Is(err, store.ErrConflict) {
			errs = append(errs, err) // the sweep comes back to it
		}
	}
	if err := errors.Join(errs...); err != nil {
		r.complain(ctx, "job of a trigger not started yet", err)
	}
	return nil
}

// place decides which of the fires start now, wait or do not take place.
func (r *Triggers) place(ctx context.Context, t *workflows.Trigger, doc value.Value, fires []*fire) error {
	now := r.Now().UnixMilli()
	number, _ := doc.Get("runs").Int()
	var before, waiting int
	if t.Overlap == workflows.OverlapSkip || t.Overlap == workflows.OverlapQueue {
		live, err := r.settle(ctx, t.ID)
		if err != nil {
			return err
		}
		before = len(live)
		for _, f := range live {
			if f.state == queued {
				waiting++
			}
		}
	}
	for _, f := range fires {
		number++
		f.number, f.at, f.look, f.revision = number, now, now, store.New
		f.state, f.outcome = ordered, ""
		switch {
		case before == 0 || t.Overlap == workflows.OverlapAllow || t.Overlap == workflows.OverlapCancelPrevious:
		case t.Overlap == workflows.OverlapQueue && waiting < backlog:
			f.state, f.look = queued, now+queueLook.Milliseconds()
			waiting++
		default:
			f.state, f.outcome, f.expires = done, skipped, now+memory.Milliseconds()
			f.problem = "an earlier run was still at work"
		}
		before++
	}
	return nil
}

// forget removes fires that ended long ago.
func (r *Triggers) forget(ctx context.Context, now time.Time) error {
	for {
		old, err := r.find(ctx, store.Fires, page, store.Where("expires", store.Lte, now.UnixMilli()), "expires")
		if err != nil || len(old) == 0 {
			return err
		}
		batch := make(store.Batch, len(old))
		for i, d := range old {
			batch[i] = store.Write{Collection: store.Fires, ID: d.ID, Expect: store.Any}
		}
		if err := r.Store.Commit(ctx, batch)[0]; err != nil || len(old) < page {
			return err
		}
	}
}
