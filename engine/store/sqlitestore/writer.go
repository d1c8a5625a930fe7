package sqlitestore

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/heddlehq/heddle/engine/store"
)

// Bounds on what shares one record of the journal: it must not grow so long that those who come
// later wait noticeably.
const (
	maxShared = 256
	maxBytes  = 16 << 20
)

// While at least so many batches share a record, the writer waits a moment before the next one,
// for more to come: a sync costs as much as a few batches. Whoever commits alone never waits.
const (
	busy   = 8
	moment = time.Millisecond
)

// maxAhead is how many bytes a batch may have that goes through the journal. Larger ones go to
// the tables at once, so that they are written twice and not three times.
const maxAhead = 256 << 10

// writer decides commits, one goroutine for all: it looks at the guards, makes what holds
// durable in the journal and visible in the memtable.
type writer struct {
	mem     *memtable
	journal *journal
	tables  *tables
	lookup  *conn          // reads the guards of documents that are in nobody's memory
	known   *recent[entry] // without bodies: what guards would find, of documents written lately
	group   map[key]put    // the writes of the record that is being made

	mu     sync.Mutex
	queue  []*request
	closed bool
	wake   chan struct{} // holds a token while the queue may be filled
	gone   chan struct{} // closed when the goroutine has returned
}

// request is one call of Commit. The caller owns it until it is in the queue
// and again after done.
type request struct {
	batches []batch
	done    chan struct{}
}

// batch is a batch with its checked index values and its outcome.
type batch struct {
	writes store.Batch
	index  [][]any
	result error
}

func newWriter(m *memtable, j *journal, t *tables, lookup *conn) *writer {
	w := &writer{
		mem: m, journal: j, tables: t, lookup: lookup, known: newRecent[entry](), group: map[key]put{},
		wake: make(chan struct{}, 1), gone: make(chan struct{}),
	}
	go w.run()
	return w
}

// do queues the request and waits for it. An error means that nothing of it
// was stored.
func (w *writer) do(ctx context.Context, r *request) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return store.ErrClosed
	}
	w.queue = append(w.queue, r)
	w.mu.Unlock()
	w.signal()
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
	}
	w.mu.Lock()
	i := slices.Index(w.queue, r)
	if i >= 0 {
		w.queue = slices.Delete(w.queue, i, i+1)
	}
	w.mu.Unlock()
	if i >= 0 {
		return ctx.Err()
	}
	<-r.done // in the writer's hands: the outcome is near
	return nil
}

func (w *writer) signal() {
	select {
	case w.wake <- struct{}{}:
	default: // a token is there already
	}
}

// close lets the writer finish its queue.
func (w *writer) close() error {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.signal()
	<-w.gone
	return w.lookup.close()
}

func (w *writer) run() {
	defer close(w.gone)
	crowd := 0
	for range w.wake {
		for {
			if crowd >= busy {
				time.Sleep(moment)
			}
			rs, closed := w.take()
			if len(rs) == 0 {
				if closed {
					return
				}
				break
			}
			var bs []*batch
			for _, r := range rs {
				for i := range r.batches {
					if r.batches[i].result == nil {
						bs = append(bs, &r.batches[i])
					}
				}
			}
			w.commit(bs)
			crowd = len(bs)
			for _, r := range rs {
				close(r.done)
			}
		}
	}
}

// take removes from the queue what may share the next transaction.
func (w *writer) take() (rs []*request, closed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, batches, bytes := 0, 0, 0
	for n < len(w.queue) && batches < maxShared && bytes < maxBytes {
		for _, b := range w.queue[n].batches {
			batches++
			for _, wr := range b.writes {
				bytes += len(wr.Body)
			}
		}
		n++
	}
	rs = slices.Clone(w.queue[:n])
	w.queue = slices.Delete(w.queue, 0, n)
	return rs, w.closed
}

// commit decides the batches in their order and sets their results.
func (w *writer) commit(bs []*batch) {
	for len(bs) > 0 {
		n := slices.IndexFunc(bs, w.direct)
		if n < 0 {
			n = len(bs)
		}
		if n > 0 {
			w.append(bs[:n])
			bs = bs[n:]
			continue
		}
		n = slices.IndexFunc(bs, func(b *batch) bool { return !w.direct(b) })
		if n < 0 {
			n = len(bs)
		}
		w.bypass(bs[:n])
		bs = bs[n:]
	}
}

// direct tells whether a batch goes to the tables at once: because it is large, or because only
// they can tell whether the value of a field is unique.
func (w *writer) direct(b *batch) bool {
	bytes := 0
	for _, wr := range b.writes {
		bytes += len(wr.Body)
		if len(w.tables.byName[wr.Collection].unique) > 0 {
			return true
		}
	}
	return bytes > maxAhead
}

// bypass brings all that is in the journal and then the batches into the tables.
func (w *writer) bypass(bs []*batch) {
	err := w.mem.await(context.Background(), w.mem.last())
	if err == nil {
		w.tables.store(bs)
	}
	for _, b := range bs {
		if err != nil {
			b.result = fmt.Errorf("commit: %w", explain(err))
		}
		for _, wr := range b.writes {
			w.known.drop(key{w.tables.byName[wr.Collection], wr.ID})
		}
	}
}

// append puts the batches whose guards hold into one record of the journal.
func (w *writer) append(bs []*batch) {
	applied, err := w.mem.room()
	var writes []put
	var buf []byte
	if err == nil {
		writes, err = w.decide(bs)
	}
	if err == nil && len(writes) > 0 {
		buf = encode(writes)
		err = w.journal.append(buf, applied)
	}
	if err != nil {
		w.known.clear()
		for _, b := range bs {
			if !isConflict(b.result) {
				b.result = fmt.Errorf("commit: %w", explain(err))
			}
		}
		return
	}
	if len(writes) > 0 {
		w.mem.add(w.journal.next-1, len(buf), writes)
	}
}

// encode writes a record and makes the bodies part of it: those of the callers are theirs again
// after the commit.
func encode(writes []put) []byte {
	size := recordHead
	for _, p := range writes {
		size += len(p.body) + 512
	}
	buf := make([]byte, recordHead, size)
	ends := make([]int, len(writes))
	for i, p := range writes {
		buf = appendWrite(buf, p.table, p.id, p.entry)
		ends[i] = len(buf)
	}
	for i := range writes {
		if n := len(writes[i].body); n > 0 {
			writes[i].body = buf[ends[i]-n : ends[i] : ends[i]]
		}
	}
	return buf
}

// decide looks at the guards of the batches and returns what is to be written. Batches that meet
// a conflict get it as their result.
func (w *writer) decide(bs []*batch) (writes []put, err error) {
	clear(w.group)
	// What is in neither generation of the memtable while the lock is held, is in the tables.
	w.mem.mu.RLock()
	defer w.mem.mu.RUnlock()
	reading := false
	defer func() {
		if reading {
			_, end := w.lookup.exec("COMMIT")
			if err == nil {
				err = end
			}
		}
	}()
	stored := func(k key) (entry, error) {
		if p, ok := w.group[k]; ok {
			return p.entry, nil
		}
		if e, ok := w.known.get(k); ok {
			return e, nil
		}
		if e, ok := w.mem.get(k); ok {
			return e, nil
		}
		if !reading {
			if _, err := w.lookup.exec("BEGIN"); err != nil {
				return entry{}, err
			}
			reading = true
		}
		return w.find(k)
	}
	for _, b := range bs {
		n := len(writes)
		for i, wr := range b.writes {
			k := key{w.tables.byName[wr.Collection], wr.ID}
			old, err := stored(k)
			if err != nil {
				return nil, err
			}
			if b.result = guard(wr, old.revision); b.result != nil {
				break
			}
			if wr.Body == nil && old.revision == 0 {
				continue
			}
			p := put{key: k, fresh: old.revision == 0, before: old.index}
			if wr.Body != nil {
				p.entry = entry{revision: old.revision + 1, body: wr.Body, index: b.index[i]}
			}
			writes = append(writes, p)
			w.group[k] = p
		}
		if b.result == nil {
			continue
		}
		// Nothing of the batch holds: what the documents were before it, earlier writes tell.
		for _, p := range writes[n:] {
			delete(w.group, p.key)
		}
		writes = writes[:n]
		for _, p := range writes {
			w.group[p.key] = p
		}
	}
	for _, p := range writes {
		if !p.table.Inline { // those are written once
			w.known.put(p.key, entry{revision: p.revision, index: p.index})
		}
	}
	return writes, nil
}

// guard compares the revision that is stored with what a write expects.
func guard(wr store.Write, stored int64) error {
	switch {
	case wr.Expect == store.New && stored != 0:
		return &store.Conflict{Collection: wr.Collection, ID: wr.ID, Stored: stored, Reason: store.AlreadyExists}
	case wr.Expect > 0 && wr.Expect != stored:
		return &store.Conflict{Collection: wr.Collection, ID: wr.ID, Stored: stored, Reason: store.StaleRevision}
	}
	return nil
}

// find reads the revision of a document from the tables.
func (w *writer) find(k key) (e entry, err error) {
	err = w.lookup.each(k.table.revision, []any{k.id}, func(row []driver.Value) error {
		e.revision, _ = row[0].(int64)
		return nil
	})
	return e, err
}
