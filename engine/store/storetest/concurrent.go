package storetest

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/heddlehq/heddle/engine/store"
)

// testConcurrent lets 32 writers count up in the same documents by compare
// and set, a pair of them to a batch, while readers check that no pair is
// ever seen half and that totals belong to their page while other documents
// come and go.
func testConcurrent(t *testing.T, s store.Store) {
	const writers, rounds, pairs = 32, 10, 4
	for p := range pairs {
		commit(t, s, Put(fmt.Sprintf("l%d", p), store.New, "0", nil), Put(fmt.Sprintf("r%d", p), store.New, "0", nil))
	}
	var writing, reading sync.WaitGroup
	done := make(chan struct{})
	for w := range writers {
		writing.Go(func() {
			for i := range rounds {
				increment(t, s, (w+i)%pairs)
			}
		})
	}
	reading.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
				comeAndGo(t, s, i)
			}
		}
	})
	for range 2 {
		reading.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					checkPairs(t, s, pairs)
				}
			}
		})
	}
	writing.Wait()
	close(done)
	reading.Wait()
	total := 0
	for p := range pairs {
		for _, side := range []string{"l", "r"} {
			d := get(t, s, fmt.Sprintf("%s%d", side, p))
			n, err := strconv.Atoi(string(d.Body))
			if err != nil || d.Revision != int64(n)+1 {
				t.Errorf("%s counts %s at revision %d", d.ID, d.Body, d.Revision)
			}
			total += n
		}
	}
	if want := 2 * writers * rounds; total != want {
		t.Errorf("counted %d, want %d: updates were lost", total, want)
	}
}

// increment adds one to both documents of a pair, trying until it wins.
func increment(t *testing.T, s store.Store, pair int) {
	for {
		var b store.Batch
		for _, side := range []string{"l", "r"} {
			d, err := s.Get(t.Context(), Things, fmt.Sprintf("%s%d", side, pair))
			if err != nil {
				t.Errorf("get: %v", err)
				return
			}
			n, err := strconv.Atoi(string(d.Body))
			if err != nil {
				t.Errorf("%s holds %q", d.ID, d.Body)
				return
			}
			b = append(b, Put(d.ID, d.Revision, strconv.Itoa(n+1), Thing{"n": int64(n + 1)}))
		}
		switch err := s.Commit(t.Context(), b)[0]; {
		case err == nil:
			return
		case !errors.Is(err, store.ErrConflict):
			t.Errorf("commit: %v", err)
			return
		}
	}
}

// comeAndGo adds three documents at once and takes them away one by one.
func comeAndGo(t *testing.T, s store.Store, round int) {
	var add store.Batch
	var remove []store.Batch
	for i := range 3 {
		id := fmt.Sprintf("z%d-%d", round, i) // sorts behind the pairs
		add = append(add, Put(id, store.New, "{}", nil))
		remove = append(remove, store.Batch{{Collection: Things, ID: id, Expect: 1}})
	}
	if err := errors.Join(s.Commit(t.Context(), add)...); err != nil {
		t.Errorf("add: %v", err)
	}
	if err := errors.Join(s.Commit(t.Context(), remove...)...); err != nil {
		t.Errorf("remove: %v", err)
	}
}

func checkPairs(t *testing.T, s store.Store, pairs int) {
	p, err := s.Find(t.Context(), Things, store.Query{})
	if err != nil || len(p.Docs) < 2*pairs || p.Total != len(p.Docs) {
		t.Errorf("found %d of %d documents: %v", len(p.Docs), p.Total, err)
		return
	}
	for i := range pairs {
		if l, r := p.Docs[i], p.Docs[pairs+i]; string(l.Body) != string(r.Body) {
			t.Errorf("%s holds %s but %s holds %s: half a batch was seen", l.ID, l.Body, r.ID, r.Body)
		}
	}
}
