package sqlitestore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/memstore"
	"github.com/heddlehq/heddle/engine/store/sqlitestore"
	"github.com/heddlehq/heddle/engine/store/storetest"
)

func open(t testing.TB, path string) *sqlitestore.Store {
	t.Helper()
	s, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{Collections: storetest.Collections})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, filepath.Join(t.TempDir(), "a b#c?.db")) })
}

func TestStore_durable(t *testing.T) {
	storetest.RunDurable(t, func(dir string, collections []store.Collection) (store.Store, error) {
		s, err := sqlitestore.Open(context.Background(), filepath.Join(dir, "data", "heddle.db"), sqlitestore.Options{Collections: collections})
		if err != nil {
			return nil, err // not the nil *Store, which would be a store.Store
		}
		return s, nil
	})
}

func TestOpen_refused(t *testing.T) {
	t.Parallel()
	garbage := func(t *testing.T, path string) {
		if err := os.WriteFile(path, bytes.Repeat([]byte("not a database "), 1000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	damaged := func(t *testing.T, path string) {
		s := open(t, path)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		copy(data[100:4096], bytes.Repeat([]byte{0xa5}, 4096))
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	inUse := func(t *testing.T, path string) {
		s := open(t, path)
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	readOnly := func(t *testing.T, path string) {
		if os.Geteuid() == 0 {
			t.Skip("root may write everywhere")
		}
		if err := os.WriteFile(path, nil, 0o400); err != nil {
			t.Fatal(err)
		}
	}
	for name, tc := range map[string]struct {
		prepare func(t *testing.T, path string)
		want    error
	}{
		"damaged":        {damaged, store.ErrCorrupt},
		"in use":         {inUse, store.ErrLocked},
		"not a database": {garbage, store.ErrCorrupt},
		"read-only":      {readOnly, store.ErrReadOnly},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "heddle.db")
			tc.prepare(t, path)
			s, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{Collections: storetest.Collections})
			if s != nil || !errors.Is(err, tc.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("opened %v, error %v, want %v that names the file", s, err, tc.want)
			}
		})
	}
}

// TestFind_likeMemstore asks both drivers the same random questions.
func TestFind_likeMemstore(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := random{rand.New(rand.NewPCG(seed, 1))}
	sql := open(t, filepath.Join(t.TempDir(), "heddle.db"))
	defer func() {
		if err := sql.Close(); err != nil {
			t.Error(err)
		}
	}()
	mem, err := memstore.New(memstore.Options{Collections: storetest.Collections})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		w := storetest.Put(fmt.Sprint(i%200), store.Any, "{}", r.thing())
		if i%17 == 0 {
			w.Body, w.Index = nil, nil
		}
		for _, s := range []store.Store{sql, mem} {
			if err := s.Commit(t.Context(), store.Batch{w})[0]; err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 200 {
		q := store.Query{Where: r.filter(3), Skip: r.IntN(5), Limit: r.IntN(30)}
		for range r.IntN(3) {
			q.Sort = append(q.Sort, store.Order{Field: pick(r, "name", "n", "at", "ok", "_id"), Desc: r.IntN(2) == 0})
		}
		var pages [2]store.Page
		var buckets [2][]store.Bucket
		for i, s := range []store.Store{sql, mem} {
			if pages[i], err = s.Find(t.Context(), storetest.Things, q); err != nil {
				t.Fatalf("seed %d, %#v: %v", seed, q, err)
			}
			if q.After = pages[i].Next; q.After != nil {
				next, err := s.Find(t.Context(), storetest.Things, q)
				if err != nil {
					t.Fatalf("seed %d, %#v: %v", seed, q, err)
				}
				pages[i].Docs = append(pages[i].Docs, next.Docs...)
			}
			q.After = nil
			if buckets[i], err = s.Group(t.Context(), storetest.Things, store.Grouping{
				Where: q.Where, By: []store.Key{{Field: "ok"}, {Field: "at", Unit: store.Hour}},
				Measure: []store.Measure{{Of: store.Max, Field: "name"}, {Of: store.Avg, Field: "n"}},
			}); err != nil {
				t.Fatalf("seed %d, %#v: %v", seed, q, err)
			}
		}
		if diff := cmp.Diff(pages[1], pages[0]); diff != "" {
			t.Fatalf("seed %d, %#v: (-memory +sqlite)\n%s", seed, q, diff)
		}
		if diff := cmp.Diff(buckets[1], buckets[0]); diff != "" {
			t.Fatalf("seed %d, group %#v: (-memory +sqlite)\n%s", seed, q.Where, diff)
		}
	}
}

// random makes up documents and filters from few values, so that they meet.
type random struct{ *rand.Rand }

func pick[T any](r random, from ...T) T { return from[r.IntN(len(from))] }

func (r random) text() string { return pick(r, "", "a", "A", "ab", "aB%", "b_a", "É", "é", "ba") }

func (r random) number() any { return pick[any](r, int64(-1), int64(0), int64(2), 0.5, 1.5) }

func (r random) time() any { return int64(r.IntN(9)-4) * 1_800_000 }

func (r random) thing() storetest.Thing {
	v := storetest.Thing{
		"name": r.text(), "n": r.number(), "at": r.time(), "ok": r.IntN(2) == 0,
		"tags": []string{r.text(), r.text()}, "labels": []string{r.text(), r.text()}, "nested.note": r.text() + r.text(),
	}
	for k := range v {
		if r.IntN(4) == 0 {
			delete(v, k)
		}
	}
	return v
}

func (r random) filter(depth int) store.Filter {
	if depth > 0 {
		switch r.IntN(5) {
		case 0:
			return store.And{r.filter(depth - 1), r.filter(depth - 1)}
		case 1:
			return store.Or{r.filter(depth - 1), r.filter(depth - 1)}
		case 2:
			return store.Not{Filter: r.filter(depth - 1)}
		}
	}
	text := []store.Op{store.Eq, store.Ne, store.Lt, store.Lte, store.Gt, store.Gte, store.Contains, store.StartsWith, store.EndsWith}
	switch r.IntN(7) {
	case 0:
		return store.Where(pick(r, "name", "nested.note"), pick(r, text...), r.text())
	case 1:
		return store.Where("n", pick(r, text[:6]...), r.number())
	case 2:
		return store.Where("at", pick(r, text[:6]...), r.time())
	case 3:
		return store.Where("ok", pick(r, store.Eq, store.Ne), r.IntN(2) == 0)
	case 4:
		return store.Where(pick(r, "tags", "labels"), pick(r, store.Eq, store.Ne, store.Contains), r.text())
	case 5:
		return store.Where(pick(r, "tags", "labels", "name"), pick(r, store.In, store.NotIn), []string{r.text(), r.text()})
	}
	return store.Where(pick(r, "name", "n", "at", "ok", "tags", "labels"), store.Exists, r.IntN(2) == 0)
}
