package sqlitestore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	lib "modernc.org/sqlite/lib"

	"github.com/heddlehq/heddle/engine/store"
)

// Bounds on what shares one transaction: it must not grow so long that those
// who come later wait noticeably.
const (
	maxShared = 256
	maxBytes  = 16 << 20
)

// While at least so many batches share a transaction, the writer waits a
// moment before the next one, for more to come: a transaction costs as much
// as a few batches. Whoever commits alone never waits.
const (
	busy   = 8
	moment = time.Millisecond
)

// writer owns the one connection that writes.
type writer struct {
	conn   *conn
	tables map[string]*table
	broken error            // after a failed sync nothing can be promised any more
	counts map[string]int64 // documents added per collection in this transaction
	known  map[key]found    // what guards would find, of documents written lately
	args   []any            // reused from call to call
	mask   []byte           // likewise

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

func newWriter(c *conn, tables map[string]*table) *writer {
	w := &writer{
		conn: c, tables: tables, counts: map[string]int64{}, known: map[key]found{},
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

// close lets the writer finish its queue and releases the connection.
func (w *writer) close() error {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.signal()
	<-w.gone
	return w.conn.close()
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
			w.store(bs)
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

// store puts the batches into one transaction and sets their results. When
// the transaction fails each batch gets one of its own, so that the guilty
// one fails alone.
func (w *writer) store(bs []*batch) {
	if len(bs) == 0 {
		return
	}
	err := w.transaction(bs)
	if err == nil {
		return
	}
	if len(bs) > 1 && w.broken == nil {
		for _, b := range bs {
			w.store([]*batch{b})
		}
		return
	}
	for _, b := range bs {
		b.result = fmt.Errorf("commit: %w", explain(err))
	}
}

// errAgain says that a guard did not hold after its batch had changed something.
var errAgain = errors.New("guards must be looked at first")

// transaction stores the batches and sets the results of those that meet a
// conflict. On error nothing is stored and the results mean nothing.
//
// Guards nearly always hold, so the writes at first carry them along; only a
// transaction in which that went wrong asks all guards before it writes.
func (w *writer) transaction(bs []*batch) error {
	err := w.attempt(bs, w.quick)
	if errors.Is(err, errAgain) {
		err = w.attempt(bs, w.batch)
	}
	return err
}

func (w *writer) attempt(bs []*batch, store func(*batch) error) (err error) {
	if w.broken != nil {
		return w.broken
	}
	clear(w.counts)
	for _, b := range bs {
		b.result = nil
	}
	if _, err := w.conn.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			clear(w.known)
			_, _ = w.conn.exec("ROLLBACK") // some errors have rolled back already
		}
	}()
	for _, b := range bs {
		err := store(b)
		if isConflict(err) {
			b.result = err
		} else if err != nil {
			return err
		}
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
			w.broken = fmt.Errorf("a write may not have reached the disk; the store takes no more until it is opened anew: %w", err)
		}
		return err
	}
	return nil
}

func isConflict(err error) bool { return errors.Is(err, store.ErrConflict) }

type key struct {
	table *table
	id    string
}

// found is what a guard saw: row 0 when there is no document. The values of
// the fields are known only of documents that this writer has written.
type found struct {
	row, revision, hot int64
	index              []any
}

// maxKnown bounds the memory for guards.
const maxKnown = 16 << 10

// remember keeps what the next guard of a document would find.
func (w *writer) remember(t *table, id string, f found) {
	if len(w.known) >= maxKnown {
		clear(w.known)
	}
	w.known[key{t, id}] = f
}

// quick applies one batch within the transaction, each guard as part of its
// write. On a conflict it has changed nothing; errAgain says it has.
func (w *writer) quick(b *batch) error {
	for _, wr := range b.writes {
		if wr.Body == nil || len(w.tables[wr.Collection].unique) > 0 {
			return w.batch(b)
		}
	}
	if !w.independent(b) {
		return w.batch(b)
	}
	for i := range b.writes {
		err := w.guarded(b, i)
		if i > 0 && isConflict(err) {
			return errAgain
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// guarded makes write i if its guard holds.
func (w *writer) guarded(b *batch, i int) error {
	wr, index := b.writes[i], b.index[i]
	t := w.tables[wr.Collection]
	g, ok := w.known[key{t, wr.ID}]
	if wr.Expect <= 0 && !ok {
		done, err := w.insert(t, wr, index)
		if done || err != nil {
			return err
		}
	}
	if !ok || wr.Expect >= 0 && wr.Expect != g.revision {
		var err error
		if g, err = w.check(b, i); err != nil {
			return err
		}
	}
	return w.apply(b, i, g)
}

// batch applies one batch within the transaction, after it has asked all
// guards. On a conflict it has changed nothing.
func (w *writer) batch(b *batch) error {
	if !w.independent(b) {
		return w.oneByOne(b)
	}
	guards := make([]found, len(b.writes))
	for i := range b.writes {
		var err error
		if guards[i], err = w.check(b, i); err != nil {
			return err
		}
	}
	for i := range b.writes {
		if err := w.apply(b, i, guards[i]); err != nil {
			return err
		}
	}
	return nil
}

// independent reports whether no write of the batch can change what another
// one's guard sees.
func (w *writer) independent(b *batch) bool {
	for i, a := range b.writes {
		if len(w.tables[a.Collection].unique) > 0 && len(b.writes) > 1 {
			return false
		}
		for _, c := range b.writes[:i] {
			if a.ID == c.ID && a.Collection == c.Collection {
				return false
			}
		}
	}
	return true
}

// oneByOne checks and applies write after write under a savepoint.
func (w *writer) oneByOne(b *batch) error {
	if _, err := w.conn.exec("SAVEPOINT batch"); err != nil {
		return err
	}
	counts := make(map[string]int64, len(w.counts))
	for k, v := range w.counts {
		counts[k] = v
	}
	var conflict error
	for i := range b.writes {
		g, err := w.check(b, i)
		if isConflict(err) {
			conflict = err
			break
		}
		if err == nil {
			err = w.apply(b, i, g)
		}
		if err != nil {
			return err
		}
	}
	if conflict != nil {
		w.counts = counts
		clear(w.known)
		if _, err := w.conn.exec("ROLLBACK TO batch"); err != nil {
			return err
		}
	}
	if _, err := w.conn.exec("RELEASE batch"); err != nil {
		return err
	}
	return conflict
}

// check compares what is stored with what write i expects.
func (w *writer) check(b *batch, i int) (g found, err error) {
	wr := b.writes[i]
	t := w.tables[wr.Collection]
	if err := w.conn.each(t.guard, []any{wr.ID}, func(row []driver.Value) error {
		g.row, _ = row[0].(int64)
		g.revision, _ = row[1].(int64)
		g.hot, _ = row[2].(int64)
		return nil
	}); err != nil {
		return g, err
	}
	conflict := &store.Conflict{Collection: wr.Collection, ID: wr.ID, Stored: g.revision}
	switch {
	case wr.Expect == store.New && g.row != 0:
		conflict.Reason = store.AlreadyExists
		return g, conflict
	case wr.Expect > 0 && wr.Expect != g.revision:
		conflict.Reason = store.StaleRevision
		return g, conflict
	case wr.Body == nil:
		return g, nil
	}
	for _, u := range t.unique {
		v := b.index[i][u.field]
		if v == nil {
			continue
		}
		others, err := w.conn.texts(u.other, column(v), wr.ID)
		if err != nil {
			return g, err
		}
		if len(others) > 0 {
			conflict.Reason, conflict.Field = store.NotUnique, t.Fields[u.field].Name
			return g, conflict
		}
	}
	return g, nil
}

// apply makes write i, whose guard saw g.
func (w *writer) apply(b *batch, i int, g found) error {
	wr, index := b.writes[i], b.index[i]
	t := w.tables[wr.Collection]
	switch {
	case wr.Body == nil && g.row == 0:
		return nil
	case wr.Body == nil:
		return w.remove(t, wr.ID, g.row)
	case g.row == 0:
		_, err := w.insert(t, wr, index)
		return err
	}
	return w.update(t, wr, index, g)
}

// insert stores a new document; done is false when there is one already.
func (w *writer) insert(t *table, wr store.Write, index []any) (done bool, err error) {
	hot := t.fingerprint(index)
	args := append(w.args[:0], wr.ID, int64(1), hot)
	for _, v := range index {
		args = append(args, column(v))
	}
	if t.Inline {
		args = append(args, wr.Body)
	}
	w.args = args
	row, err := w.conn.insert(t.insert, args)
	if err != nil || row == 0 {
		return false, err
	}
	w.counts[t.Name]++
	for _, s := range t.sets {
		set, _ := index[s.field].([]string) // nil is the empty set
		if err := t.addElements(w.conn, s, row, set); err != nil {
			return false, err
		}
	}
	if t.Inline {
		return true, nil
	}
	if wr.Expect == store.New {
		w.remember(t, wr.ID, found{row: row, revision: 1, hot: hot, index: index})
	}
	_, err = w.conn.exec(t.insertBody, row, wr.Body)
	return true, err
}

func (w *writer) update(t *table, wr store.Write, index []any, g found) error {
	hot := t.fingerprint(index)
	if hot != g.hot {
		if err := w.replaceSets(t, index, g); err != nil {
			return err
		}
	}
	query, args := w.updating(t, index, g, hot)
	if _, err := w.conn.exec(query, args...); err != nil {
		return err
	}
	w.remember(t, wr.ID, found{row: g.row, revision: g.revision + 1, hot: hot, index: index})
	_, err := w.conn.exec(t.updateBody, wr.Body, g.row)
	return err
}

// updating returns the statement that brings a row's fields up to date and its
// arguments.
func (w *writer) updating(t *table, index []any, g found, hot int64) (query string, args []any) {
	args = append(w.args[:0], g.revision+1)
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
func (w *writer) replaceSets(t *table, index []any, g found) error {
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

func (w *writer) elements(s setAt, row int64) ([]string, error) {
	stored, err := w.conn.texts(s.load, row)
	if err != nil || len(stored) == 0 {
		return nil, err
	}
	return splitSet(stored[0]), nil
}

func (w *writer) dropElements(s setAt, row int64, set []string) error {
	for _, e := range set {
		if _, err := w.conn.exec(s.deleteItem, e, row); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) remove(t *table, id string, row int64) error {
	delete(w.known, key{t, id})
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
