package sqlitestore

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/heddlehq/heddle/engine/store"
)

// key names a document.
type key struct {
	table *table
	id    string
}

// entry is a state of a document; a revision of 0 says that there is none.
type entry struct {
	revision int64
	body     []byte
	index    []any
}

// put is a document's next state.
type put struct {
	key
	entry
	// fresh says that there was no document before, else before holds what its fields were,
	// nil where that is not known.
	fresh  bool
	before []any
}

// generation is the newest state of each document that was written in a span of time.
type generation struct {
	docs  map[key]put
	last  uint64 // number of the last record of the journal that is part of it
	bytes int
	since time.Time
}

func newGeneration() *generation { return &generation{docs: map[key]put{}} }

// inOrder returns the documents by collection and identifier: what lies together is written
// together.
func (g *generation) inOrder() []put {
	docs := slices.Collect(maps.Values(g.docs))
	slices.SortFunc(docs, func(a, b put) int {
		return cmp.Or(cmp.Compare(a.table.place, b.table.place), strings.Compare(a.id, b.id))
	})
	return docs
}

// Bounds of a generation. Documents that are written again within it reach the tables once.
const (
	flushAfter = 500 * time.Millisecond
	flushBytes = 4 << 20
	fullBytes  = 2 * flushBytes // commits wait while two generations have so much

	// flushGap is how long after a flush the next one begins that a query waits for: many
	// people who look at lists must not undo what gathering saves.
	flushGap = 25 * time.Millisecond
)

// memtable holds what the journal has and the tables do not have yet, in two generations: one
// is added to while the other is brought into the tables.
type memtable struct {
	mu       sync.RWMutex
	adding   *generation
	flushing *generation   // nil when there is nothing on its way
	applied  uint64        // number of the last record whose writes stand in the tables
	wanted   uint64        // number of the record that somebody waits for to stand there
	ended    time.Time     // when the last flush ended
	failed   error         // why the last flush failed; nil after one that did not
	touched  []uint64      // by collection and field of it, see [table.place]: the last record that concerns it
	changed  chan struct{} // closed when a flush has ended
	wake     chan struct{} // holds a token while the flusher should look
	closed   bool
}

func newMemtable(tables []*table, applied uint64) *memtable {
	places := 0
	for _, t := range tables {
		t.place = places
		places += 1 + len(t.Fields)
	}
	return &memtable{
		adding: newGeneration(), applied: applied, touched: make([]uint64, places),
		changed: make(chan struct{}), wake: make(chan struct{}, 1),
	}
}

// add takes the writes of a record of the journal.
func (m *memtable) add(number uint64, bytes int, writes []put) {
	m.mu.Lock()
	g := m.adding
	if len(g.docs) == 0 {
		g.since = time.Now()
	}
	for _, p := range writes {
		if old, ok := g.docs[p.key]; ok {
			p.fresh = old.fresh
		}
		g.docs[p.key] = p
		m.touched[p.table.place] = number
		for i := range p.table.Fields {
			if p.concerns(i) {
				m.touched[p.table.place+1+i] = number
			}
		}
	}
	g.last = number
	g.bytes += bytes
	first, much := g.bytes == bytes, g.bytes >= flushBytes
	m.mu.Unlock()
	if first || much {
		m.signal()
	}
}

// concerns tells whether a document that has field i is written, or may be.
func (p *put) concerns(i int) bool {
	return p.index != nil && p.index[i] != nil || !p.fresh && (p.before == nil || p.before[i] != nil)
}

func (m *memtable) signal() {
	select {
	case m.wake <- struct{}{}:
	default: // a token is there already
	}
}

// get returns the newest state of a document that the tables may not have; the lock is held.
func (m *memtable) get(k key) (entry, bool) {
	if p, ok := m.adding.docs[k]; ok {
		return p.entry, true
	}
	if m.flushing != nil {
		if p, ok := m.flushing.docs[k]; ok {
			return p.entry, true
		}
	}
	return entry{}, false
}

// read returns a document that the tables may not have; ok is false when they are to be asked.
func (m *memtable) read(t *table, id string) (doc store.Doc, ok bool, err error) {
	m.mu.RLock()
	e, ok := m.get(key{t, id})
	m.mu.RUnlock()
	switch {
	case !ok:
		return store.Doc{}, false, nil
	case e.revision == 0:
		return store.Doc{}, false, fmt.Errorf("%s %q: %w", t.Name, id, store.ErrNotFound)
	}
	return store.Doc{ID: id, Revision: e.revision, Body: bytes.Clone(e.body)}, true, nil
}

// settle waits until the tables have all writes that may concern a query. After a flush that
// failed it does not: while a disk is full, lists show what the tables have.
func (m *memtable) settle(ctx context.Context, t *table, where store.Filter) error {
	m.mu.RLock()
	number, applied := m.touched[t.place+t.narrowest(where, m.touched)], m.applied
	m.mu.RUnlock()
	if number <= applied {
		return nil
	}
	if err := m.await(ctx, number); err != nil && ctx.Err() != nil {
		return err
	}
	return nil
}

// narrowest returns which of a collection's places, itself and its fields, was touched first:
// documents that lack a field the filter compares cannot pass it.
func (t *table) narrowest(where store.Filter, touched []uint64) int {
	place := 0
	demand := func(f store.Filter) {
		c, ok := f.(store.Compare)
		if !ok {
			return
		}
		for i, field := range t.Fields {
			if field.Name == c.Field && touched[t.place+1+i] < touched[t.place+place] {
				place = 1 + i
			}
		}
	}
	demand(where)
	if and, ok := where.(store.And); ok {
		for _, f := range and {
			demand(f)
		}
	}
	return place
}

// await waits until record number stands in the tables, or until a flush fails.
func (m *memtable) await(ctx context.Context, number uint64) error {
	for {
		m.mu.Lock()
		done, failed, changed := m.applied >= number, m.failed, m.changed
		m.wanted = max(m.wanted, number)
		m.mu.Unlock()
		if done || failed != nil {
			return failed
		}
		m.signal()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// room waits until the next record may be added and returns the number of the last one that
// stands in the tables; an error says why none may.
func (m *memtable) room() (applied uint64, err error) {
	for {
		m.mu.RLock()
		full := m.adding.bytes >= flushBytes && m.flushing != nil && m.adding.bytes+m.flushing.bytes >= fullBytes
		applied, failed, changed := m.applied, m.failed, m.changed
		m.mu.RUnlock()
		if !full || failed != nil {
			return applied, failed
		}
		<-changed
	}
}

// last returns the number of the last record that was added.
func (m *memtable) last() uint64 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	switch {
	case len(m.adding.docs) > 0:
		return m.adding.last
	case m.flushing != nil:
		return m.flushing.last
	}
	return m.applied
}

// close lets the flusher bring what there is into the tables and end.
func (m *memtable) close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.signal()
}

// over tells whether the flusher has nothing more to do.
func (m *memtable) over() bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.closed && (m.failed != nil || m.flushing == nil && len(m.adding.docs) == 0)
}

// due returns the generation to be flushed now, or how long to wait: 0 until there is a signal.
func (m *memtable) due() (g *generation, wait time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.flushing != nil: // the last flush failed
		return m.flushing, 0
	case len(m.adding.docs) == 0:
		return nil, 0
	}
	wait = flushAfter - time.Since(m.adding.since)
	if m.wanted > m.applied {
		wait = min(wait, flushGap-time.Since(m.ended))
	}
	if wait > 0 && m.adding.bytes < flushBytes && !m.closed {
		return nil, wait
	}
	m.flushing, m.adding = m.adding, newGeneration()
	return m.flushing, 0
}

// flushed tells how the flush of a generation ended.
func (m *memtable) flushed(g *generation, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failed, m.ended = err, time.Now()
	if err == nil {
		m.applied, m.flushing = g.last, nil
	}
	close(m.changed)
	m.changed = make(chan struct{})
}
