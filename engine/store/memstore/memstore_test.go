package memstore_test

import (
	"errors"
	"testing"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/memstore"
	"github.com/heddlehq/heddle/engine/store/storetest"
)

func open(t *testing.T, o memstore.Options) *memstore.Store {
	t.Helper()
	o.Collections = storetest.Collections
	s, err := memstore.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, memstore.Options{}) })
}

func TestOptions_failures(t *testing.T) {
	t.Parallel()
	failure := errors.New("told to fail")
	refuse := func(id string) func(store.Batch) error {
		return func(b store.Batch) error {
			if b[0].ID == id {
				return failure
			}
			return nil
		}
	}
	broken := false
	s := open(t, memstore.Options{Before: refuse("refused"), After: refuse("lost"), Read: func(string) error {
		if broken {
			return failure
		}
		return nil
	}})
	var batches []store.Batch
	for _, id := range []string{"refused", "lost", "fine"} {
		batches = append(batches, store.Batch{storetest.Put(id, store.New, "{}", nil)})
	}
	errs := s.Commit(t.Context(), batches...)
	if !errors.Is(errs[0], failure) || !errors.Is(errs[1], failure) || errs[2] != nil {
		t.Errorf("results %v, want the first two to fail", errs)
	}
	p, err := s.Find(t.Context(), storetest.Things, store.Query{})
	if err != nil || len(p.Docs) != 2 || p.Docs[0].ID != "fine" || p.Docs[1].ID != "lost" {
		t.Errorf("stored %v, error %v, want fine and lost", p.Docs, err)
	}
	broken = true
	if _, err := s.Get(t.Context(), storetest.Things, "fine"); !errors.Is(err, failure) {
		t.Errorf("read gave %v", err)
	}
}
