package mongostore_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/mongostore"
	"github.com/heddlehq/heddle/engine/store/storetest"
)

// substitute lists what cannot be proven against the server .ci/mongo starts,
// and where the reason is given that it holds all the same. Everything else
// in this package runs against whatever HEDDLE_TEST_MONGO names.
//
//   - TestStore_durable/Crash kills the writing process, never the server: the
//     substitute keeps its documents in memory. That a majority has them on
//     disk is the meaning of w:majority with j:true, which
//     TestCommit_concerns sees on the wire.
//   - Write conflicts between transactions never arise by themselves, because
//     the stand-in lets one run at a time. TestCommit_faults and
//     TestStore_twoServers bring them about.
//   - A write repeated after a broken connection is not recognised as one the
//     server already did. Tests therefore cut only connections of transactions.
//   - Groups by several keys of which one is a text that begins with "$": the
//     substitute takes the text for a field. TestStore/OddTexts groups by one.
//   - Read concerns and the hint of a total have no effect. TestCommit_concerns
//     sees them on the wire.
//   - Which index a query uses: the substitute keeps none but unique ones.
//   - Order of texts beyond U+FFFF against those from U+E000 to U+FFFF: the
//     substitute compares UTF-16, MongoDB bytes.
const substitute = ".ci/mongo"

// server returns the address of the server under test.
func server(t testing.TB) *url.URL {
	t.Helper()
	address := os.Getenv("HEDDLE_TEST_MONGO")
	if address == "" {
		t.Skip("HEDDLE_TEST_MONGO names no server; " + substitute + " start gives one")
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// database returns the address of a database of the test's own, which is
// dropped when the test ends.
func database(t testing.TB, key string) string {
	t.Helper()
	u := server(t)
	u.Path = fmt.Sprintf("/heddle_test_%x", sha256.Sum256([]byte(key)))[:40]
	db := direct(t, u.String())
	t.Cleanup(func() {
		if err := db.Drop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return u.String()
}

func open(t testing.TB, o mongostore.Options) *mongostore.Store {
	t.Helper()
	s, err := mongostore.Open(t.Context(), database(t, t.TempDir()), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// closing closes the store when the test ends.
func closing(t testing.TB, s *mongostore.Store) *mongostore.Store {
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	server(t)
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, mongostore.Options{Collections: storetest.Collections}) })
}

func TestStore_durable(t *testing.T) {
	server(t)
	storetest.RunDurable(t, func(dir string, collections []store.Collection) (store.Store, error) {
		s, err := mongostore.Open(context.Background(), database(t, dir), mongostore.Options{Collections: collections})
		if err != nil {
			return nil, err // not the nil *Store, which would be a store.Store
		}
		return s, nil
	})
}

// TestCommit_largest stores bodies as large as they may be, and refuses one
// that leaves no room for its index values.
func TestCommit_largest(t *testing.T) {
	s := closing(t, open(t, mongostore.Options{Collections: storetest.Collections}))
	text := strings.Repeat("x", store.MaxBody)
	b := store.Batch{storetest.Put("a", store.New, text, nil), storetest.Put("b", store.New, text, nil)}
	room := storetest.Thing{"name": strings.Repeat("n", 500_000), "tags": []string{strings.Repeat("t", 400_000)}}
	none := storetest.Thing{"name": strings.Repeat("n", 700_000), "tags": []string{strings.Repeat("t", 400_000)}}
	errs := s.Commit(t.Context(), b, store.Batch{storetest.Put("c", store.New, text, room)}, store.Batch{storetest.Put("d", store.New, text, none)})
	if errs[0] != nil || errs[1] != nil || !errors.Is(errs[2], store.ErrInvalid) {
		t.Errorf("results %v, want only the third to be ErrInvalid", errs)
	}
	for _, id := range []string{"a", "b", "c"} {
		if d, err := s.Get(t.Context(), storetest.Things, id); err != nil || string(d.Body) != text {
			t.Errorf("%s came back with %d bytes, error %v", id, len(d.Body), err)
		}
	}
}
