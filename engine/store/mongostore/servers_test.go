package mongostore_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/mongostore"
	"github.com/heddlehq/heddle/engine/store/mongostore/standin"
	"github.com/heddlehq/heddle/engine/store/storetest"
)

// TestStore_twoServers lets the writers of two servers count up in one shared
// document and one of their own each, in the same batch, over connections on
// which transactions meet write conflicts, break and lose the answers to
// their commits. What was acknowledged counts once, what was not counts once
// or never, and the shared document agrees with the sum of the others.
func TestStore_twoServers(t *testing.T) {
	rounds := 20
	if testing.Short() {
		rounds = 5
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	address, first := wired(t)
	second := rewired(t, address)
	var counting sync.WaitGroup
	var stores []*mongostore.Store
	for i, w := range []struct {
		*wire
		address string
	}{{first, address}, {second.wire, second.address}} {
		s, err := mongostore.Open(t.Context(), w.address, mongostore.Options{Collections: storetest.Collections})
		if err != nil {
			t.Fatal(err)
		}
		stores = append(stores, closing(t, s))
		w.start(trouble(rand.New(rand.NewPCG(seed, uint64(i)))))
	}
	if err := stores[0].Commit(t.Context(), store.Batch{storetest.Put("shared", store.New, "0", nil), storetest.Put("other", store.New, "0", nil)})[0]; err != nil {
		t.Fatal(err)
	}
	const writers = 6
	for n := range writers {
		counting.Go(func() {
			for round := range rounds {
				if err := countUp(t, stores[n%2], fmt.Sprintf("own%d", n), round); err != nil {
					t.Errorf("seed %d, writer %d, round %d: %v", seed, n, round, err)
					return
				}
			}
		})
	}
	counting.Wait()
	first.start(nil)
	p, err := stores[0].Find(t.Context(), storetest.Things, store.Query{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range p.Docs {
		want, rev := rounds, int64(rounds)
		if d.ID == "shared" || d.ID == "other" {
			want, rev = writers*rounds, int64(writers*rounds)+1
		}
		if string(d.Body) != strconv.Itoa(want) || d.Revision != rev {
			t.Errorf("seed %d: %s counts %s at revision %d, want %d at %d", seed, d.ID, d.Body, d.Revision, want, rev)
		}
	}
	if len(p.Docs) != writers+2 {
		t.Errorf("seed %d: %d documents, want %d", seed, len(p.Docs), writers+2)
	}
}

// countUp takes the own document from round to round+1 and adds one to the
// shared ones. When it is not told whether that was stored, its own document
// tells.
func countUp(t *testing.T, s *mongostore.Store, own string, round int) error {
	for {
		b := store.Batch{storetest.Put(own, int64(round), strconv.Itoa(round+1), nil)}
		for _, id := range []string{"shared", "other"} {
			d, err := read(t, s, id)
			if err != nil {
				return err
			}
			n, err := strconv.Atoi(string(d.Body))
			if err != nil {
				return err
			}
			b = append(b, storetest.Put(id, d.Revision, strconv.Itoa(n+1), nil))
		}
		err := s.Commit(t.Context(), b)[0]
		if err == nil {
			return nil
		}
		if errors.Is(err, store.ErrConflict) {
			if c, ok := errors.AsType[*store.Conflict](err); ok && c.ID == own {
				return fmt.Errorf("a document nobody else writes: %w", err)
			}
			continue
		}
		d, err := read(t, s, own)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if d.Revision == int64(round+1) {
			return nil
		}
	}
}

// read tries again when a connection broke under it; the driver does so once.
func read(t *testing.T, s *mongostore.Store, id string) (d store.Doc, err error) {
	for range 10 {
		if d, err = s.Get(t.Context(), storetest.Things, id); err == nil || errors.Is(err, store.ErrNotFound) {
			break
		}
	}
	return d, err
}

// trouble makes some commands of transactions fail in ways that pass.
func trouble(r *rand.Rand) func(string, bson.Raw) *standin.Fault {
	return func(name string, command bson.Raw) *standin.Fault {
		if _, inside := command.Lookup("autocommit").BooleanOK(); !inside || name == "abortTransaction" {
			return nil
		}
		commits := name == "commitTransaction"
		switch n := r.IntN(200); {
		case n < 10 && !commits:
			return &standin.Fault{Reply: reply(112, "TransientTransactionError")}
		case n < 20 && !commits:
			return &standin.Fault{Ran: true, Reply: reply(112, "TransientTransactionError")}
		case n < 20: // that a commit is transient no server says once it is done
			return &standin.Fault{Ran: true, Reply: reply(64, "UnknownTransactionCommitResult")}
		case n == 20:
			return &standin.Fault{} // the connection breaks
		case n == 21:
			return &standin.Fault{Ran: true} // the answer is lost
		}
		return nil
	}
}
