// Package memstore keeps documents in memory: the store of the simulator and
// of unit tests. It obeys the suite in storetest and can be told to fail.
package memstore

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/heddlehq/heddle/engine/store"
)

// Options shape a store. The zero value is Heddle's collections and no
// failures.
type Options struct {
	// Collections defaults to [store.Collections].
	Collections []store.Collection
	// Before runs ahead of each batch; its error is the batch's result and
	// nothing is stored.
	Before func(store.Batch) error
	// After runs behind each batch that was stored; its error is the batch's
	// result although it was stored, as when an answer is lost on its way.
	After func(store.Batch) error
	// Read runs ahead of each read of a collection; its error is the answer.
	Read func(collection string) error
}

// Store is a [store.Store] in memory. The hooks of its options run under no
// lock and may use the store themselves.
type Store struct {
	options Options
	schema  *store.Schema

	mu     sync.RWMutex
	closed bool
	tables map[string]table
}

type table map[string]row

// row is never changed, only replaced.
type row struct {
	revision int64
	body     []byte
	index    []any
}

// New returns an empty store. It fails only for collections that contradict
// themselves.
func New(o Options) (*Store, error) {
	if o.Collections == nil {
		o.Collections = store.Collections
	}
	schema, err := store.NewSchema(o.Collections)
	if err != nil {
		return nil, fmt.Errorf("new memory store: %w", err)
	}
	s := &Store{options: o, schema: schema, tables: map[string]table{}}
	for _, c := range schema.All() {
		s.tables[c.Name] = table{}
	}
	return s, nil
}

// Commit implements [store.Store].
func (s *Store) Commit(ctx context.Context, batches ...store.Batch) []error {
	out := make([]error, len(batches))
	for i, b := range batches {
		out[i] = s.commit(ctx, b)
	}
	return out
}

func (s *Store) commit(ctx context.Context, b store.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	index, err := s.schema.CheckBatch(b)
	if err != nil {
		return err
	}
	if s.options.Before != nil {
		if err := s.options.Before(b); err != nil {
			return err
		}
	}
	if err := s.apply(b, index); err != nil {
		return err
	}
	if s.options.After != nil {
		return s.options.After(b)
	}
	return nil
}

// apply makes the writes one after the other and takes them back when one
// meets a conflict.
func (s *Store) apply(b store.Batch, index [][]any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	undo := make([]func(), 0, len(b))
	for i, w := range b {
		t := s.tables[w.Collection]
		old, found := t[w.ID]
		if err := s.conflict(w, old.revision, index[i]); err != nil {
			for _, f := range slices.Backward(undo) {
				f()
			}
			return err
		}
		undo = append(undo, func() {
			if found {
				t[w.ID] = old
			} else {
				delete(t, w.ID)
			}
		})
		if w.Body == nil {
			delete(t, w.ID)
		} else {
			t[w.ID] = row{old.revision + 1, bytes.Clone(w.Body), index[i]}
		}
	}
	return nil
}

func (s *Store) conflict(w store.Write, stored int64, index []any) error {
	conflict := &store.Conflict{Collection: w.Collection, ID: w.ID, Stored: stored}
	switch {
	case w.Expect == store.New && stored != 0:
		conflict.Reason = store.AlreadyExists
		return conflict
	case w.Expect > 0 && w.Expect != stored:
		conflict.Reason = store.StaleRevision
		return conflict
	case w.Body == nil:
		return nil
	}
	c, err := s.schema.Collection(w.Collection)
	if err != nil {
		return err
	}
	for i, f := range c.Fields {
		if !f.Unique || index[i] == nil {
			continue
		}
		for id, r := range s.tables[w.Collection] {
			if id != w.ID && r.index[i] == index[i] {
				conflict.Reason, conflict.Field = store.NotUnique, f.Name
				return conflict
			}
		}
	}
	return nil
}

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, collection, id string) (store.Doc, error) {
	if _, err := s.collection(ctx, collection); err != nil {
		return store.Doc{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return store.Doc{}, store.ErrClosed
	}
	r, ok := s.tables[collection][id]
	if !ok {
		return store.Doc{}, fmt.Errorf("%s %q: %w", collection, id, store.ErrNotFound)
	}
	return r.doc(id), nil
}

func (r row) doc(id string) store.Doc {
	return store.Doc{ID: id, Revision: r.revision, Body: bytes.Clone(r.body)}
}

// collection opens a read.
func (s *Store) collection(ctx context.Context, name string) (*store.Collection, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, err := s.schema.Collection(name)
	if err == nil && s.options.Read != nil {
		err = s.options.Read(name)
	}
	return c, err
}

// Close implements [store.Store].
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}
