package triggers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/schemas"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// positionID is the document that holds how far the feed was read.
const positionID = "trigger-feed"

// crowd bounds the events that are handled together.
const crowd = 100

// event is a platform event as it was read from the feed.
type event struct {
	seq uint64
	id  string // of the message; "" when it has none
	doc value.Value
	old bool // was in the stream before this server began to read
}

func (e *event) source() string { return e.doc.Get("source").Text() }
func (e *event) topic() string  { return e.doc.Get("topic").Text() }

// chain lists the triggers that led to the job an event is about. Only the engine is believed.
func (e *event) chain() (out []string) {
	if e.source() != runner.EngineSource {
		return nil
	}
	for _, t := range e.doc.Path("job", "triggers").Elements() {
		out = append(out, t.Text())
	}
	return out
}

// position is how far the feed was read: everything up to seq is handled.
type position struct {
	epoch string
	seq   uint64
}

// feed reads platform events from where any server was last.
func (r *Triggers) feed(ctx context.Context) error {
	var at position
	var last uint64
	err := r.insist(ctx, "position in the feed not known", func() (err error) {
		at, last, err = r.position(ctx)
		return err
	})
	if err != nil {
		return err
	}
	events := make(chan event, crowd)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return r.Bus.Tail(ctx, bus.Feed, "heddle.feed.platform.>", at.seq+1, func(seq uint64, m bus.Message) {
			doc, err := value.ParseLast(m.Data)
			if err != nil {
				r.Log.Warn("platform event refused", "err", err, "subject", m.Subject)
			} else if !bus.IsPlatformFeed(m.Subject, doc.Get("source").Text(), doc.Get("topic").Text()) {
				r.Log.Warn("platform event refused: its source and topic are not those of its subject", "subject", m.Subject)
				doc = value.Absent
			}
			select {
			case events <- event{seq, m.ID, doc, seq <= last}:
			case <-ctx.Done():
			}
		})
	})
	g.Go(func() error { return r.handleAll(ctx, at, events) })
	return g.Wait()
}

// handleAll handles events in their order and notes how far it came.
func (r *Triggers) handleAll(ctx context.Context, at position, events <-chan event) error {
	var noted time.Time
	note := func(ctx context.Context) {
		noted = r.Now()
		r.complain(ctx, "position in the feed not noted", r.note(ctx, at))
	}
	defer func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), beat)
		defer cancel()
		note(last)
	}()
	idle := time.NewTicker(beat)
	defer idle.Stop()
	pending := false
	for {
		var batch []event
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-idle.C:
			if pending {
				pending = false
				note(ctx)
			}
			continue
		case e := <-events:
			batch = append(batch, e)
		}
		for range min(len(events), crowd-1) {
			batch = append(batch, <-events)
		}
		if batch[0].seq <= at.seq || !slices.IsSortedFunc(batch, func(a, b event) int { return int(int64(a.seq) - int64(b.seq)) }) {
			// The stream was made anew.
			if err := r.insist(ctx, "bus does not answer", func() (err error) {
				at.epoch, err = r.Bus.Epoch(ctx)
				return err
			}); err != nil {
				return err
			}
			batch = slices.Clone(batch)
			for i := range batch {
				batch[i].old = false
			}
		}
		if err := r.insist(ctx, "platform events not handled", func() error { return r.handle(ctx, batch) }); err != nil {
			return err
		}
		at.seq = batch[len(batch)-1].seq
		if pending = true; r.Now().Sub(noted).Abs() >= beat {
			pending = false
			note(ctx)
		}
	}
}

// insist repeats what must succeed before anything else may, until ctx ends.
func (r *Triggers) insist(ctx context.Context, message string, do func() error) error {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := do()
		if err == nil {
			return nil
		}
		r.complain(ctx, message, err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// position reads how far the feed was read, and what is the last event in it. The first server
// ever begins with what comes next.
func (r *Triggers) position(ctx context.Context) (position, uint64, error) {
	epoch, err := r.Bus.Epoch(ctx)
	if err != nil {
		return position{}, 0, err
	}
	last, err := r.Bus.Last(ctx, bus.Feed)
	if err != nil {
		return position{}, 0, err
	}
	d, err := r.get(ctx, store.Settings, positionID)
	if errors.Is(err, store.ErrNotFound) {
		at := position{epoch, last}
		return at, last, r.note(ctx, at)
	}
	if err != nil {
		return position{}, 0, err
	}
	at := parsePosition(d.doc)
	if at.epoch != epoch {
		return position{epoch, 0}, last, nil // the stream was made anew: all in it is news
	}
	return at, last, nil
}

func parsePosition(doc value.Value) position {
	seq, _ := strconv.ParseUint(doc.Get("seq").Text(), 10, 64)
	return position{doc.Get("epoch").Text(), seq}
}

// note stores how far the feed was read, unless another server came further.
func (r *Triggers) note(ctx context.Context, at position) error {
	d, err := r.get(ctx, store.Settings, positionID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if was := parsePosition(d.doc); was.epoch == at.epoch && was.seq >= at.seq && err == nil {
		return nil
	}
	w, err := r.write(store.Settings, positionID, d.Revision, value.Object("_id", value.String(positionID), "name", value.String(positionID),
		"epoch", value.String(at.epoch), "seq", value.String(strconv.FormatUint(at.seq, 10))))
	if err != nil {
		return err
	}
	if err = r.Store.Commit(ctx, store.Batch{w})[0]; errors.Is(err, store.ErrConflict) {
		return nil // another server did; the next note is ours
	}
	return err
}

// handle fires the triggers that wait for the events. It may be repeated: what was fired is
// not fired again.
func (r *Triggers) handle(ctx context.Context, events []event) error {
	waiting, err := r.waiting(ctx, events)
	if err != nil {
		return err
	}
	for i := range events {
		e := &events[i]
		for _, t := range waiting[e.source()+"\n"+e.topic()] {
			if err := r.meet(ctx, t, e); err != nil {
				return err
			}
		}
		r.follow(ctx, e)
	}
	return nil
}

// waiting finds the enabled triggers for the sources and topics of events. It asks the store
// every time: a trigger counts from the moment it is stored.
func (r *Triggers) waiting(ctx context.Context, events []event) (map[string][]*workflows.Trigger, error) {
	var kinds store.Or
	seen := map[string]bool{}
	for i := range events {
		e := &events[i]
		key := e.source() + "\n" + e.topic()
		if e.topic() != "" && !seen[key] {
			kinds = append(kinds, store.And{store.Where("source", store.Eq, e.source()), store.Where("topic", store.Eq, e.topic())})
		}
		seen[key] = true
	}
	if len(kinds) == 0 {
		return nil, nil
	}
	docs, err := r.find(ctx, store.Triggers, 0, store.And{kinds, store.Where("enabled", store.Eq, true)}, store.ID)
	if err != nil {
		return nil, err
	}
	out := map[string][]*workflows.Trigger{}
	for _, d := range docs {
		t, err := usable(d.doc)
		if err != nil {
			if err := r.disable(ctx, d.ID, fmt.Sprintf("its document cannot be used: %v", err)); err != nil {
				return nil, err
			}
			continue
		}
		if t != nil && t.Type == workflows.TriggerEvent {
			key := t.Source + "\n" + t.Topic
			out[key] = append(out[key], t)
		}
	}
	return out, nil
}

// meet fires a trigger for an event that it wants. An event that the trigger led to itself
// disables it: it would fire for ever.
func (r *Triggers) meet(ctx context.Context, t *workflows.Trigger, e *event) error {
	if t.Schema.IsObject() {
		schema, err := schemas.Compile(t.Schema)
		if err != nil || len(schema.Check(e.doc)) > 0 {
			return nil
		}
	}
	if slices.Contains(e.chain(), t.ID) {
		return r.disable(ctx, t.ID, fmt.Sprintf("feedback loop: it fired for %q of job %s, which it had led to itself; narrow its schema", e.topic(), e.doc.Path("job", "_id").Text()))
	}
	key, err := r.eventKey(ctx, e)
	if err != nil {
		return err
	}
	for range maxTries {
		if err = r.fireEvent(ctx, t.ID, key, e); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return err
}

// eventKey tells an event from all others: by the id of its message, which survives being
// published again, else by its place in the stream.
func (r *Triggers) eventKey(ctx context.Context, e *event) (string, error) {
	text := "id\x00" + e.id
	if e.id == "" {
		epoch, err := r.Bus.Epoch(ctx)
		if err != nil {
			return "", err
		}
		text = "seq\x00" + epoch + "\x00" + strconv.FormatUint(e.seq, 10)
	}
	return digest(text), nil
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "e" + hex.EncodeToString(sum[:16])
}

func (r *Triggers) fireEvent(ctx context.Context, id, key string, e *event) error {
	_, err := r.Store.Get(ctx, store.Fires, id+"/"+key)
	if err == nil || !errors.Is(err, store.ErrNotFound) {
		return err
	}
	d, err := r.get(ctx, store.Triggers, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	t, err := usable(d.doc)
	if t == nil || err != nil {
		return nil // changed meanwhile
	}
	f := newFire(id, key, 0)
	f.payload, f.chain = e.doc, e.chain()
	doc, over := r.rated(d.doc, t, e)
	if over {
		return r.disable(ctx, id, fmt.Sprintf("it fired more than %d times within a minute, which looks like a loop or a storm", t.PerMinute))
	}
	var more []store.Write
	if t.Dedupe > 0 {
		w, same, err := r.remember(ctx, t, e)
		if err != nil || same {
			return err
		}
		more = append(more, w)
	}
	return r.order(ctx, d, t, doc, []*fire{f}, more...)
}

// rated counts how often a trigger fires in a minute. What waited in the stream while no server
// ran does not count.
func (r *Triggers) rated(doc value.Value, t *workflows.Trigger, e *event) (_ value.Value, over bool) {
	if e.old {
		return doc, false
	}
	now := r.Now().UnixMilli()
	since, _ := doc.Path("recent", "since").Int()
	runs, _ := doc.Path("recent", "runs").Int()
	if ago := now - since; ago < 0 || ago >= time.Minute.Milliseconds() {
		since, runs = now, 0
	}
	if runs++; runs > t.PerMinute {
		return doc, true
	}
	return doc.With("recent", value.Object("since", value.Int(since), "runs", value.Int(runs))), false
}

// remember prepares the mark by which another event that is the same is told for a while; same
// tells that there is one already.
func (r *Triggers) remember(ctx context.Context, t *workflows.Trigger, e *event) (w store.Write, same bool, err error) {
	about := e.doc.Lookup(t.DedupeKey)
	id := t.ID + "/same-" + digest(about.String())
	now := r.Now().UnixMilli()
	d, err := r.get(ctx, store.Fires, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return store.Write{}, false, err
	}
	if until, _ := d.doc.Get("expires").Int(); until > now && until <= now+t.Dedupe {
		return store.Write{}, true, nil
	}
	w, err = r.write(store.Fires, id, d.Revision, value.Object("_id", value.String(id), "trigger", value.String(t.ID), "expires", value.Int(now+t.Dedupe)))
	return w, false, err
}

// ends are the engine's events after which a trigger's run may have ended.
var ends = []string{"jobComplete", "jobError", "jobCancel"}

// follow looks at the runs of the trigger whose job an event says has ended. It is only
// sooner than the next look by the clock.
func (r *Triggers) follow(ctx context.Context, e *event) {
	chain := e.chain()
	if len(chain) == 0 || !slices.Contains(ends, e.topic()) {
		return
	}
	if _, err := r.settle(ctx, chain[len(chain)-1]); err != nil && !errors.Is(err, store.ErrConflict) {
		r.Log.Debug("runs of a trigger not settled", "trigger", chain[len(chain)-1], "err", err)
	}
}
