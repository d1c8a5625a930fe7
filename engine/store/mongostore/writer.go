package mongostore

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/heddlehq/heddle/engine/store"
)

// Bounds on what shares one transaction: it must stay short, because it
// holds what it wrote against others until it has ended.
const (
	maxShared = 128
	maxBytes  = 16 << 20
)

// patience bounds one attempt at a share and one read, elections included.
const patience = 45 * time.Second

// maxLooks bounds how often others may change what was looked at before it
// could be written.
const maxLooks = 3

// writer stores what callers queue, a few transactions at a time.
type writer struct {
	transactions
	tables map[string]*table

	mu     sync.Mutex
	filled sync.Cond // of mu: the queue has grown or closed is set
	queue  []*request
	closed bool
	gone   sync.WaitGroup
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

func newWriter(c *mongo.Client, tables map[string]*table, workers int) *writer {
	w := &writer{transactions: transactions{c}, tables: tables}
	w.filled.L = &w.mu
	for range workers {
		w.gone.Go(w.run)
	}
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
	w.filled.Signal()
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
	<-r.done // on its way to the server: the outcome is near
	return nil
}

// close waits until the queue is empty and all work has ended.
func (w *writer) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.filled.Broadcast()
	w.gone.Wait()
}

func (w *writer) run() {
	for {
		rs := w.take()
		if len(rs) == 0 {
			return
		}
		var bs []*batch
		for _, r := range rs {
			for i := range r.batches {
				if b := &r.batches[i]; b.result == nil && len(b.writes) > 0 {
					bs = append(bs, b)
				}
			}
		}
		for len(bs) > 0 {
			n := share(bs)
			w.store(bs[:n])
			bs = bs[n:]
		}
		for _, r := range rs {
			close(r.done)
		}
	}
}

// take removes from the queue what is enough for a transaction. It waits for
// work and returns nothing once there will be none.
func (w *writer) take() []*request {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) == 0 && !w.closed {
		w.filled.Wait()
	}
	n, batches, bytes := 0, 0, 0
	for n < len(w.queue) && batches < maxShared && bytes < maxBytes {
		for _, b := range w.queue[n].batches {
			batches++
			bytes += b.size()
		}
		n++
	}
	rs := slices.Clone(w.queue[:n])
	w.queue = slices.Delete(w.queue, 0, n)
	return rs
}

// share returns how many of the batches, at least one, make a transaction.
func share(bs []*batch) int {
	n, bytes := 0, 0
	for n < len(bs) && n < maxShared && bytes < maxBytes {
		bytes += bs[n].size()
		n++
	}
	return n
}

func (b *batch) size() (bytes int) {
	for _, w := range b.writes {
		bytes += len(w.Body)
	}
	return bytes
}

// store makes the batches durable and sets their results. It hopes that every
// guard holds and writes without looking. If one does not, it looks first, to
// tell the batches that can be stored from the others. If the server refuses
// them together, each is tried by itself, so that the guilty one fails alone.
func (w *writer) store(bs []*batch) {
	if len(bs) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := errGuard
	if independent(w.tables, bs) {
		err = w.hopefully(ctx, bs)
	}
	for try := 0; try < maxLooks && misfit(err); try++ {
		err = w.carefully(ctx, bs)
	}
	switch {
	case err == nil:
	case len(bs) > 1 && (misfit(err) || refused(err)):
		for _, b := range bs {
			b.result = nil
			w.store([]*batch{b})
		}
	default:
		if ctx.Err() != nil { // our deadline, which callers must not take for theirs
			err = fmt.Errorf("%w: %v", errUnknown, err)
		}
		for _, b := range bs {
			b.result = fmt.Errorf("commit: %w", explain(err))
		}
	}
}

// hopefully stores the batches, or nothing and says errGuard or that a key is
// taken if they do not fit what is stored.
func (w *writer) hopefully(ctx context.Context, bs []*batch) error {
	var list []change
	for _, b := range bs {
		for i, wr := range b.writes {
			list = append(list, change{w.tables[wr.Collection], wr, b.index[i], wr.Expect})
		}
	}
	if len(list) == 1 {
		return list[0].write(ctx)
	}
	return w.transact(ctx, func(ctx context.Context) error { return writeAll(ctx, apart(list)) })
}

// carefully reads what the guards of the batches ask about, stores those
// whose guards hold and gives the others their conflict, all in one
// transaction.
func (w *writer) carefully(ctx context.Context, bs []*batch) error {
	return w.transact(ctx, func(ctx context.Context) error {
		for _, b := range bs {
			b.result = nil
		}
		v, err := w.look(ctx, bs)
		if err != nil {
			return err
		}
		var list []change
		for _, b := range bs {
			changes, conflict := v.try(w.tables, b)
			if conflict != nil {
				b.result = conflict
				continue
			}
			list = append(list, changes...)
		}
		return writeAll(ctx, inOrder(list))
	})
}

// independent reports whether no write can change what another one's guard
// sees, so that their order does not matter.
func independent(tables map[string]*table, bs []*batch) bool {
	type document struct{ collection, id string }
	seen := map[document]bool{}
	for _, b := range bs {
		for _, wr := range b.writes {
			d := document{wr.Collection, wr.ID}
			if len(tables[wr.Collection].unique) > 0 {
				d.id = "" // any of them may hold the value another wants
			}
			if seen[d] {
				return false
			}
			seen[d] = true
		}
	}
	return true
}
