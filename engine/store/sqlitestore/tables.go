package sqlitestore

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	lib "modernc.org/sqlite/lib"

	"github.com/heddlehq/heddle/engine/store"
)

// tables owns the one connection that writes.
type tables struct {
	byName map[string]*table

	mu     sync.Mutex // held while the connection is in use
	conn   *conn
	broken error            // after a failed sync nothing can be promised any more
	counts map[string]int64 // documents added per collection in this transaction
	known  *recent[found]   // rows written lately
	args   []any            // reused from call to call
	mask   []byte           // likewise
}

func newTables(c *conn, byName map[string]*table) *tables {
	return &tables{byName: byName, conn: c, counts: map[string]int64{}, known: newRecent[found]()}
}

// flushing brings the generations of the memtable into the tables until it is closed and empty,
// or closed and a flush has failed.
func (w *tables) flushing(m *memtable) {
	const again = time.Second // after a flush that failed
	for !m.over() {
		g, wait := m.due()
		if g == nil {
			pause(m.wake, wait)
			continue
		}
		err := w.flush(g)
		m.flushed(g, err)
		if err != nil {
			pause(m.wake, again)
		}
	}
}

// pause waits for a token, and not longer than a time unless that is 0.
func pause(wake <-chan struct{}, most time.Duration) {
	if most <= 0 {
		<-wake
		return
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-wake:
	case <-timer.C:
	}
}

// flush brings a generation into the tables, whole or not at all.
func (w *tables) flush(g *generation) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.transaction(func() error {
		for _, p := range g.inOrder() {
			if err := w.put(p); err != nil {
				return err
			}
		}
		_, err := w.conn.exec(`UPDATE "heddle:journal" SET applied = ?`, int64(g.last))
		return err
	})
}

// put brings a document to its next state.
func (w *tables) put(p put) error {
	if p.fresh && p.revision > 0 {
		if done, err := w.insert(p); done || err != nil {
			return err
		}
	}
	f, ok := w.known.get(p.key)
	if !ok {
		var err error
		if f, err = w.find(p.key); err != nil {
			return err
		}
	}
	return w.apply(p, f)
}

// store puts batches into one transaction and sets their results. When the transaction fails
// each batch gets one of its own, so that the guilty one fails alone.
func (w *tables) store(bs []*batch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.share(bs)
}

func (w *tables) share(bs []*batch) {
	err := w.transaction(func() error {
		for _, b := range bs {
			err := w.batch(b)
			if b.result = nil; isConflict(err) {
				b.result = err
			} else if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		return
	}
	if len(bs) > 1 && w.broken == nil {
		for _, b := range bs {
			w.share([]*batch{b})
		}
		return
	}
	for _, b := range bs {
		b.result = fmt.Errorf("commit: %w", explain(err))
	}
}

// transaction makes what f writes durable, or nothing of it when there is an error.
func (w *tables) transaction(f func() error) (err error) {
	if w.broken != nil {
		return w.broken
	}
	clear(w.counts)
	if _, err := w.conn.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			w.known.clear()
			_, _ = w.conn.exec("ROLLBACK") // some errors have rolled back already
		}
	}()
	if err := f(); err != nil {
		return err
	}
	for name, n := range w.counts {
		if n == 0 {
			continue
		}
		if _, err := w.conn.exec(`UPDATE "heddle:counts" SET n = n + ? WHERE collection = ?`, n, name); err != nil {
			return err
		}
	}
	if _, err := w.conn.exec("COMMIT"); err != nil {
		if code(err) == lib.SQLITE_IOERR {
			w.broken = fmt.Errorf("%w: %w", errUnsynced, err)
		}
		return err
	}
	return nil
}

func isConflict(err error) bool { return errors.Is(err, store.ErrConflict) }

// found is a row: its number 0 when there is none. The values of the fields are known only of
// documents that were written here lately.
type found struct {
	row, revision, hot int64
	index              []any
}

func (w *tables) find(k key) (f found, err error) {
	err = w.conn.each(k.table.guard, []any{k.id}, func(row []driver.Value) error {
		f.row, _ = row[0].(int64)
		f.revision, _ = row[1].(int64)
		f.hot, _ = row[2].(int64)
		return nil
	})
	return f, err
}

// batch applies one batch within the transaction. On a conflict it has changed nothing.
func (w *tables) batch(b *batch) error {
	if _, err := w.conn.exec("SAVEPOINT batch"); err != nil {
		return err
	}
	counts := maps.Clone(w.counts)
	var conflict error
	for i := range b.writes {
		err := w.write(b, i)
		if isConflict(err) {
			conflict = err
			break
		}
		if err != nil {
			return err
		}
	}
	if conflict != nil {
		w.counts = counts
		w.known.clear()
		if _, err := w.conn.exec("ROLLBACK TO batch"); err != nil {
			return err
		}
	}
	if _, err := w.conn.exec("RELEASE batch"); err != nil {
		return err
	}
	return conflict
}

// write makes write i of a batch if its guards hold.
func (w *tables) write(b *batch, i int) error {
	wr := b.writes[i]
	k := key{w.byName[wr.Collection], wr.ID}
	f, err := w.find(k)
	if err != nil {
		return err
	}
	if err := guard(wr, f.revision); err != nil {
		return err
	}
	p := put{key: k}
	if wr.Body != nil {
		p.entry = entry{revision: f.revision + 1, body: wr.Body, index: b.index[i]}
		for _, u := range k.table.unique {
			v := p.index[u.field]
			if v == nil {
				continue
			}
			others, err := w.conn.texts(u.other, column(v), wr.ID)
			if err != nil {
				return err
			}
			if len(others) > 0 {
				return &store.Conflict{Collection: wr.Collection, ID: wr.ID, Stored: f.revision, Reason: store.NotUnique, Field: k.table.Fields[u.field].Name}
			}
		}
	}
	return w.apply(p, f)
}

// apply brings a row to a document's next state.
func (w *tables) apply(p put, f found) error {
	switch {
	case p.revision == 0 && f.row == 0:
		return nil
	case p.revision == 0:
		return w.remove(p.key, f.row)
	case f.row == 0:
		_, err := w.insert(p)
		return err
	}
	return w.update(p, f)
}

// insert stores a new document; done is false when there is one already.
func (w *tables) insert(p put) (done bool, err error) {
	t := p.table
	hot := t.fingerprint(p.index)
	args := append(w.args[:0], p.id, p.revision, hot)
	for _, v := range p.index {
		args = append(args, column(v))
	}
	if t.Inline {
		args = append(args, p.body)
	}
	w.args = args
	row, err := w.conn.insert(t.insert, args)
	if err != nil || row == 0 {
		return false, err
	}
	w.counts[t.Name]++
	for _, s := range t.sets {
		set, _ := p.index[s.field].([]string) // nil is the empty set
		if err := t.addElements(w.conn, s, row, set); err != nil {
			return false, err
		}
	}
	if t.Inline {
		return true, nil
	}
	w.known.put(p.key, found{row: row, revision: p.revision, hot: hot, index: p.index})
	_, err = w.conn.exec(t.insertBody, row, p.body)
	return true, err
}

func (w *tables) update(p put, f found) error {
	t := p.table
	hot := t.fingerprint(p.index)
	if hot != f.hot {
		if err := w.replaceSets(t, p.index, f); err != nil {
			return err
		}
	}
	query, args := w.updating(p, f, hot)
	if _, err := w.conn.exec(query, args...); err != nil {
		return err
	}
	w.known.put(p.key, found{row: f.row, revision: p.revision, hot: hot, index: p.index})
	_, err := w.conn.exec(t.updateBody, p.body, f.row)
	return err
}

// updating returns the statement that brings a row's fields up to date and its
// arguments.
func (w *tables) updating(p put, g found, hot int64) (query string, args []any) {
	t, index := p.table, p.index
	args = append(w.args[:0], p.revision)
	query = t.updateCold
	mask := append(w.mask[:0], make([]byte, len(index))...)
	if g.index != nil {
		args = append(args, hot)
	} else if hot != g.hot {
		query, args = t.updateAll, append(args, hot)
	}
	for i, v := range index {
		if g.index != nil && !equal(v, g.index[i]) || g.index == nil && (hot != g.hot || !t.hot[i]) {
			mask[i] = 1
			args = append(args, column(v))
		}
	}
	if g.index != nil {
		query = t.changing(mask)
	}
	if query == "" {
		query, args = t.updateAll, args[:2]
		for _, v := range index {
			args = append(args, column(v))
		}
	}
	w.args, w.mask = append(args, g.row), mask
	return query, w.args
}

// equal compares two normal values of a field.
func equal(a, b any) bool {
	if set, ok := a.([]string); ok {
		other, ok := b.([]string)
		return ok && slices.Equal(set, other)
	}
	if _, ok := b.([]string); ok {
		return false
	}
	return a == b
}

// replaceSets brings the tables by element up to the new values of a row
// whose old ones still stand.
func (w *tables) replaceSets(t *table, index []any, g found) error {
	for _, s := range t.sets {
		set, _ := index[s.field].([]string) // nil is the empty set
		var old []string
		if g.index != nil {
			old, _ = g.index[s.field].([]string)
		} else {
			var err error
			if old, err = w.elements(s, g.row); err != nil {
				return err
			}
		}
		if slices.Equal(old, set) {
			continue
		}
		if err := w.dropElements(s, g.row, old); err != nil {
			return err
		}
		if err := t.addElements(w.conn, s, g.row, set); err != nil {
			return err
		}
	}
	return nil
}

func (w *tables) elements(s setAt, row int64) ([]string, error) {
	stored, err := w.conn.texts(s.load, row)
	if err != nil || len(stored) == 0 {
		return nil, err
	}
	return splitSet(stored[0]), nil
}

func (w *tables) dropElements(s setAt, row int64, set []string) error {
	for _, e := range set {
		if _, err := w.conn.exec(s.deleteItem, e, row); err != nil {
			return err
		}
	}
	return nil
}

func (w *tables) remove(k key, row int64) error {
	t := k.table
	w.known.drop(k)
	for _, s := range t.sets {
		old, err := w.elements(s, row)
		if err != nil {
			return err
		}
		if err := w.dropElements(s, row, old); err != nil {
			return err
		}
	}
	w.counts[t.Name]--
	for _, q := range []string{t.deleteRow, t.deleteBody} {
		if q == "" {
			continue
		}
		if _, err := w.conn.exec(q, row); err != nil {
			return err
		}
	}
	return nil
}
