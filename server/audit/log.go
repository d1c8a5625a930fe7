package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// ErrBusy is the answer when the store takes up no entries within the log's patience. The
// entry was not and will not be stored.
var ErrBusy = errors.New("the audit log takes no more entries at present")

// Options are what a log works with. Store is required.
type Options struct {
	Store store.Store
	Now   func() time.Time // the wall clock unless a test gives another
	Log   *slog.Logger

	Queue    int           // callers that may wait for their entries to be stored; 1024 unless set
	Patience time.Duration // how long Record waits for its entry to be taken up; 5 s unless set
}

// Log is the audit log. It is safe for concurrent use and needs no closing: entries are
// appended by those who record them, one for all who wait.
type Log struct {
	Options
	collection *store.Collection
	room       chan struct{} // holds a token for each caller that waits

	turn  chan struct{} // held by the one who appends, with what follows
	head  *Anchor       // the last link as far as is known; nil when it must be read
	ended time.Time     // of the last append
	took  time.Duration

	mu      sync.Mutex
	waiting []*pending
}

// pending are the entries of one caller on their way into the chain.
type pending struct {
	docs []value.Value
	done chan error // holds the outcome
}

// New builds a log on a store that declares [store.Audit].
func New(o Options) *Log {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Queue <= 0 {
		o.Queue = 1024
	}
	if o.Patience <= 0 {
		o.Patience = 5 * time.Second
	}
	return &Log{Options: o, collection: declared(), room: make(chan struct{}, o.Queue), turn: make(chan struct{}, 1)}
}

func declared() *store.Collection {
	at := slices.IndexFunc(store.Collections, func(c store.Collection) bool { return c.Name == store.Audit })
	return &store.Collections[at]
}

// Record appends entries, all or none, and returns once they are stored. An error that matches
// [ErrBusy] or that of ctx means that they are not and will not be; after any other they may
// be, as after every failure of a store whose answer was lost. Whether an act goes ahead
// without its entry is for the caller to decide.
func (l *Log) Record(ctx context.Context, entries ...Entry) error {
	if len(entries) == 0 {
		return nil
	}
	p := &pending{docs: make([]value.Value, len(entries)), done: make(chan error, 1)}
	for i := range entries {
		p.docs[i] = entries[i].document(l.Now())
	}
	err := ctx.Err()
	if err == nil {
		err = l.bring(ctx, p)
	}
	if err != nil {
		return fmt.Errorf("record %q: %w", entries[0].Action, err)
	}
	return nil
}

// bring sees that an entry is appended: by whoever is at it, or by the caller once it is their
// turn.
func (l *Log) bring(ctx context.Context, p *pending) error {
	wait, cancel := context.WithTimeoutCause(ctx, l.Patience, ErrBusy)
	defer cancel()
	select {
	case l.room <- struct{}{}:
		defer func() { <-l.room }()
	case <-wait.Done():
		return context.Cause(wait)
	}
	l.mu.Lock()
	l.waiting = append(l.waiting, p)
	l.mu.Unlock()
	for {
		select {
		case err := <-p.done:
			return err
		case l.turn <- struct{}{}:
			if len(p.done) == 0 { // not stored by whoever had the turn before
				l.append(ctx)
			}
			<-l.turn
		case <-wait.Done():
			if l.withdraw(p) {
				return context.Cause(wait)
			}
			return <-p.done // taken up: the outcome is near
		}
	}
}

// withdraw takes an entry back unless it has been taken up.
func (l *Log) withdraw(p *pending) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.waiting, p)
	if i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
	}
	return i >= 0
}

// How many entries are stored together unless one caller brings more, and how long that may
// take.
const (
	maxGroup = 256
	deadline = 10 * time.Second
)

// append stores the entries that wait. It does not end with the caller's ctx: the entries are
// others', too. Only who holds the turn may call it.
func (l *Log) append(ctx context.Context) {
	l.giveWay()
	l.mu.Lock()
	n := 0
	for entries := 0; n < len(l.waiting) && (n == 0 || entries+len(l.waiting[n].docs) <= maxGroup); n++ {
		entries += len(l.waiting[n].docs)
	}
	group := slices.Clone(l.waiting[:n])
	l.waiting = slices.Delete(l.waiting, 0, n)
	l.mu.Unlock()
	if n == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deadline)
	defer cancel()
	began := time.Now()
	err := l.store(ctx, group)
	l.ended = time.Now()
	l.took = l.ended.Sub(began)
	for _, p := range group {
		p.done <- err
	}
}

// giveWay leaves a gap, now and then, before an append that follows close on another. Without
// it a server under load, which knows the head of the chain because it was the last to move it,
// would always be ahead of one that has to read it first and may be further from the store. A
// store that answers within a millisecond is in this process, and no other server has it.
func (l *Log) giveWay() {
	const one, times, most = 8, 4, 50 * time.Millisecond
	if l.took >= time.Millisecond && time.Since(l.ended) < l.took && rand.N(one) == 0 {
		time.Sleep(min(times*l.took, most))
	}
}

// store appends a group behind the head of the chain, wherever that has moved to.
func (l *Log) store(ctx context.Context, group []*pending) error {
	var taken Anchor // a head behind which another server was first
	for looks := 0; ; {
		if err := l.seek(ctx); err != nil {
			return err
		}
		if *l.head == taken { // what it wrote cannot be read yet
			l.head = nil
			if looks++; looks > 1000 {
				return fmt.Errorf("append to the audit log: the place behind entry %d is taken, and not by the last entry", taken.Seq)
			}
			if err := pause(ctx, 2*time.Millisecond); err != nil {
				return fmt.Errorf("append to the audit log: %w", err)
			}
			continue
		}
		batch, end := l.chain(*l.head, group)
		err := l.Store.Commit(ctx, batch)[0]
		if err != nil && !errors.Is(err, store.ErrConflict) && l.stored(ctx, batch) {
			l.Log.Warn("audit entries found stored after an error", "entries", len(group), "err", err)
			err = nil
		}
		if err == nil {
			l.head = &end
			return nil
		}
		taken, l.head = *l.head, nil
		if !errors.Is(err, store.ErrConflict) {
			return fmt.Errorf("append to the audit log: %w", err)
		}
		l.Log.Debug("another server appended to the audit log first", "seq", end.Seq)
	}
}

// chain writes the links of a group behind a place in the chain, and tells where it ends.
func (l *Log) chain(at Anchor, group []*pending) (store.Batch, Anchor) {
	var batch store.Batch
	for _, p := range group {
		for _, doc := range p.docs {
			doc, at = linked(doc, at)
			batch = append(batch, store.Write{
				Collection: store.Audit, ID: key(at.Seq), Expect: store.New, Body: doc.AppendJSON(nil), Index: l.collection.IndexOf(doc),
			})
		}
	}
	return batch, at
}

// stored tells, after a commit of unknown outcome, whether a batch is in the store. It is whole
// or not at all, so its first link tells.
func (l *Log) stored(ctx context.Context, batch store.Batch) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deadline)
	defer cancel()
	doc, err := l.Store.Get(ctx, store.Audit, batch[0].ID)
	return err == nil && string(doc.Body) == string(batch[0].Body)
}

// seek reads the head of the chain unless it is known.
func (l *Log) seek(ctx context.Context) error {
	if l.head != nil {
		return nil
	}
	head, err := l.Head(ctx)
	if err == nil {
		l.head = &head
	}
	return err
}

// Head returns the last place in the chain as stored: number 0 and [Origin] when there is none.
// Noted with another keeper, it is what [Log.Verify] tells a cut or rewritten chain by.
func (l *Log) Head(ctx context.Context) (Anchor, error) {
	page, err := l.Store.Find(ctx, store.Audit, store.Query{Sort: []store.Order{{Field: store.ID, Desc: true}}, Limit: 1, NoTotal: true})
	if err != nil {
		return Anchor{}, fmt.Errorf("read the head of the audit log: %w", err)
	}
	if len(page.Docs) == 0 {
		return Anchor{Hash: Origin}, nil
	}
	id := page.Docs[0].ID
	last, err := read(page.Docs[0].Body)
	if err == nil && id != key(last.Seq) {
		err = fmt.Errorf("it says that it is link %d", last.Seq)
	}
	if err != nil {
		return Anchor{}, fmt.Errorf("read the head of the audit log: entry %q: %w", id, err)
	}
	return Anchor{Seq: last.Seq, Hash: last.Hash}, nil
}

func read(body []byte) (Link, error) {
	doc, err := value.Parse(body)
	if err != nil {
		return Link{}, err
	}
	return decode(doc)
}
