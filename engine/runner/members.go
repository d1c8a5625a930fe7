package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// Each server keeps a document with its last sign of life. It holds, too, since when ends of
// jobs may not have been told: what an ended job has to tell stands in its outbox for good, so
// that nothing needs to be written after it was told, and whoever buries a server tells once
// more what that one may have left untold.

// silence is after how many missed signs of life a server counts as dead. Each server measures
// by its own clock how long another's document has not changed.
const silence = 5

// Member is a server process as the others see it.
type Member struct {
	ID        string
	Name      string
	Seen      int64 // milliseconds since 1970, by its own clock
	Announced int64 // every job that ended before has been told of
	Draining  bool  // it gives its partitions away
	revision  int64

	Partitions int // that belong to it
}

type members struct {
	id      string
	changed chan struct{} // rung when the partitions may have moved
	leaving chan struct{} // closed once the server is drained

	mu       sync.Mutex
	heard    map[string]sign
	alive    []string // without those that drain, sorted
	draining bool
	signed   time.Time // when this server gave its last sign of life
}

// sign is the newest sign of life and when it was noticed.
type sign struct {
	revision int64
	at       time.Time
}

func (m *members) init() {
	m.id, m.heard, m.changed = library.NewID(), map[string]sign{}, make(chan struct{}, 1)
	m.leaving = make(chan struct{})
	m.alive = []string{m.id}
}

func (m *members) isDraining() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.draining
}

// partitions are those that belong to this server.
func (m *members) partitions(n int) map[int]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[int]bool{}
	for p := range n {
		if owner(m.alive, p) == m.id {
			out[p] = true
		}
	}
	return out
}

// attend gives signs of life and watches for those of others.
func (r *Runner) attend(ctx context.Context) error {
	tick := time.NewTicker(r.Sweep)
	defer tick.Stop()
	for {
		if err := r.beat(ctx); err != nil && ctx.Err() == nil {
			r.Log.Warn("no sign of life given", "err", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// join gives the first sign of life. No work is taken before: nobody would know what a server
// that was never heard of left undone.
func (r *Runner) join(ctx context.Context) error {
	for {
		err := r.sign(ctx)
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		r.Log.Warn("no sign of life given, trying again", "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// sign gives one sign of life.
func (r *Runner) sign(ctx context.Context) error {
	now := r.Now().UnixMilli()
	r.members.mu.Lock()
	self := Member{ID: r.members.id, Name: r.Name, Seen: now, Announced: r.endings.since(now), Draining: r.members.draining}
	r.members.mu.Unlock()
	if err := r.Store.Commit(ctx, store.Batch{self.write()})[0]; err != nil {
		return fmt.Errorf("sign of life: %w", err)
	}
	r.members.mu.Lock()
	r.members.signed = time.UnixMilli(now)
	r.members.mu.Unlock()
	return nil
}

// standing makes sure that this server has not been buried while it was frozen: what it is
// about to end, somebody must tell of if it dies.
func (r *Runner) standing(ctx context.Context) error {
	r.members.mu.Lock()
	age := r.Now().Sub(r.members.signed)
	fresh := age >= 0 && age < silence*r.Sweep/2 // a clock that was set back proves nothing
	r.members.mu.Unlock()
	if fresh {
		return nil
	}
	return r.sign(ctx)
}

// beat gives a sign of life, and buries those who have given none for long.
func (r *Runner) beat(ctx context.Context) error {
	if err := r.sign(ctx); err != nil {
		return err
	}
	now := r.Now()
	others, err := r.Members(ctx)
	if err != nil {
		return err
	}
	var alive []string
	var dead []Member
	r.members.mu.Lock()
	for _, m := range others {
		s, known := r.members.heard[m.ID]
		switch {
		case m.ID == r.members.id:
		case !r.Shared:
			dead = append(dead, m) // the store is ours alone
			continue
		case !known || s.revision != m.revision:
			r.members.heard[m.ID] = sign{m.revision, now}
		case now.Sub(s.at) >= silence*r.Sweep:
			dead = append(dead, m)
			continue
		}
		if !m.Draining {
			alive = append(alive, m.ID)
		}
	}
	if len(alive) == 0 {
		alive = append(alive, r.members.id) // better a draining server than none
	}
	slices.Sort(alive)
	moved := !slices.Equal(alive, r.members.alive)
	r.members.alive = alive
	r.members.mu.Unlock()
	if moved {
		select {
		case r.members.changed <- struct{}{}:
		default:
		}
	}
	for _, m := range dead {
		if err := r.bury(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// bury does what a dead server may have left undone. Two that bury the same one only say
// things twice.
func (r *Runner) bury(ctx context.Context, m Member) error {
	r.Log.Warn("server is gone, its work is taken over", "server", m.Name, "id", m.ID)
	if r.Shared {
		if err := r.recoverAll(ctx); err != nil {
			return err
		}
	}
	if err := r.tellAgain(ctx, m.Announced); err != nil {
		return err
	}
	if err := r.sign(ctx); err != nil { // what is left to be told is ours now, should we die as well
		return err
	}
	err := r.Store.Commit(ctx, store.Batch{{Collection: store.Servers, ID: m.ID, Expect: m.revision}})[0]
	if err != nil && !errors.Is(err, store.ErrConflict) { // it lives after all, or is buried already
		return fmt.Errorf("bury server %s: %w", m.ID, err)
	}
	r.members.mu.Lock()
	delete(r.members.heard, m.ID)
	r.members.mu.Unlock()
	return nil
}

// tellAgain lets jobs that ended since a time carry out their outboxes again.
func (r *Runner) tellAgain(ctx context.Context, since int64) error {
	return r.each(ctx, store.Query{
		Where: store.Where("metrics.end_time", store.Gte, since), Sort: []store.Order{{Field: "metrics.end_time"}}, Limit: page, NoTotal: true,
	}, func(id string) bool {
		r.endings.add(id, since)
		return r.put(ctx, &item{job: id, recover: true})
	})
}

// ErrDraining is the answer to a start on a server that gives its work away.
var ErrDraining = fmt.Errorf("this server is being drained; ask another: %w", ErrBusy)

// Standing is how a server takes part.
type Standing struct {
	ID, Name   string
	Partitions int  // that belong to it
	Alone      bool // nobody else is there to take them
	Draining   bool
}

// Drain makes this server start no more jobs and give its partitions to the others, as far
// as there are any. It may be repeated to see how far that has come.
func (r *Runner) Drain(ctx context.Context) (Standing, error) {
	r.members.mu.Lock()
	if !r.members.draining {
		r.members.draining = true
		close(r.members.leaving)
	}
	r.members.mu.Unlock()
	if err := r.beat(ctx); err != nil {
		return Standing{}, err
	}
	return r.Standing(), nil
}

// Draining is closed once Drain was called: whoever begins work by itself on this server stops then.
func (r *Runner) Draining() <-chan struct{} { return r.members.leaving }

// Standing tells how this server takes part.
func (r *Runner) Standing() Standing {
	owned := len(r.members.partitions(r.Partitions))
	r.members.mu.Lock()
	defer r.members.mu.Unlock()
	others := slices.ContainsFunc(r.members.alive, func(id string) bool { return id != r.members.id })
	return Standing{r.members.id, r.Name, owned, !others, r.members.draining}
}

// leave takes this server off the list when it stops in good order.
func (r *Runner) leave(ctx context.Context) {
	if !r.endings.none() {
		return // somebody must tell what is left
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := r.Store.Commit(ctx, store.Batch{{Collection: store.Servers, ID: r.members.id, Expect: store.Any}})[0]; err != nil {
		r.Log.Warn("server not taken off the list", "err", err)
	}
}

// Members lists the servers that have given signs of life lately, this one included.
func (r *Runner) Members(ctx context.Context) ([]Member, error) {
	found, err := r.Store.Find(ctx, store.Servers, store.Query{NoTotal: true})
	if err != nil {
		return nil, err
	}
	out := make([]Member, 0, len(found.Docs))
	for _, d := range found.Docs {
		v, err := value.ParseLast(d.Body)
		if err != nil {
			return nil, fmt.Errorf("server %s: %w", d.ID, err)
		}
		m := Member{ID: d.ID, Name: v.Get("name").Text(), Draining: v.Get("draining").Truth(), revision: d.Revision}
		m.Seen, _ = v.Get("seen").Int()
		m.Announced, _ = v.Get("announced").Int()
		out = append(out, m)
	}
	r.members.mu.Lock()
	defer r.members.mu.Unlock()
	for p := range r.Partitions {
		id := owner(r.members.alive, p)
		if i := slices.IndexFunc(out, func(m Member) bool { return m.ID == id }); i >= 0 {
			out[i].Partitions++
		}
	}
	return out, nil
}

func (m *Member) write() store.Write {
	var w value.Writer
	w.Open("", '{')
	w.Text("_id", m.ID)
	w.Text("name", m.Name)
	w.Int("pid", int64(os.Getpid()))
	w.Int("seen", m.Seen)
	w.Int("announced", m.Announced)
	w.OptTrue("draining", m.Draining)
	w.Close('}')
	return store.Write{Collection: store.Servers, ID: m.ID, Expect: store.Any, Body: w.Buf, Index: []any{m.Name, m.Seen}}
}

// endings are the jobs whose end is being committed, or is and has not been told of.
type endings struct {
	mu   sync.Mutex
	open map[string]int64 // when each ended
}

// add notes an end, unless it is noted already.
func (e *endings) add(job string, at int64) (added bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.open[job]; ok {
		return false
	}
	if e.open == nil {
		e.open = map[string]int64{}
	}
	e.open[job] = at
	return true
}

func (e *endings) told(job string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.open, job)
}

// ongoing is how long, in milliseconds, a job's end may be in the making before it is added.
const ongoing = 5000

// since is a time before which every job that ended has been told of.
func (e *endings) since(now int64) int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	oldest := now
	for _, at := range e.open {
		oldest = min(oldest, at)
	}
	return oldest - ongoing
}

// none tells whether nothing is left to be told.
func (e *endings) none() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.open) == 0
}
