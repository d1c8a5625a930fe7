package storetest

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/memstore"
)

// Alike asks a new, empty store with [Collections] and one in memory n random questions over the
// same random documents; they must give the same answers.
func Alike(t *testing.T, s store.Store, n int) {
	t.Helper()
	seed := rand.Uint64()
	r := random{rand.New(rand.NewPCG(seed, 1))}
	mem, err := memstore.New(memstore.Options{Collections: Collections})
	if err != nil {
		t.Fatal(err)
	}
	var writes []store.Batch
	for i := range 300 {
		w := Put(fmt.Sprint(i%200), store.Any, "{}", r.thing())
		if i%17 == 0 {
			w.Body, w.Index = nil, nil
		}
		writes = append(writes, store.Batch{w})
	}
	for _, each := range []store.Store{s, mem} {
		for i, err := range each.Commit(t.Context(), writes...) {
			if err != nil {
				t.Fatalf("seed %d, write %d: %v", seed, i, err)
			}
		}
	}
	for range n {
		q := store.Query{Where: r.filter(3), Skip: r.IntN(5), Limit: r.IntN(30)}
		for range r.IntN(3) {
			q.Sort = append(q.Sort, store.Order{Field: pick(r, "name", "n", "at", "ok", "_id"), Desc: r.IntN(2) == 0})
		}
		g := store.Grouping{
			Where: q.Where, By: []store.Key{{Field: "ok"}, {Field: "at", Unit: pick(r, store.Hour, store.Day, store.Month)}},
			Measure: []store.Measure{{Of: store.Max, Field: "name"}, {Of: store.Avg, Field: "n"}, {Of: store.Sum, Field: "at"}},
		}
		want, got := both(t, mem, q), both(t, s, q)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d, %#v: (-memory +store)\n%s", seed, q, diff)
		}
		buckets, err := mem.Group(t.Context(), Things, g)
		if err != nil {
			t.Fatalf("seed %d, %#v: %v", seed, g, err)
		}
		found, err := s.Group(t.Context(), Things, g)
		if diff := cmp.Diff(buckets, found); err != nil || diff != "" {
			t.Fatalf("seed %d, group %#v: error %v, (-memory +store)\n%s", seed, g, err, diff)
		}
	}
}

// both returns a page and the one behind it.
func both(t *testing.T, s store.Store, q store.Query) [2]store.Page {
	t.Helper()
	var out [2]store.Page
	for i := range out {
		p, err := s.Find(t.Context(), Things, q)
		if err != nil {
			t.Fatalf("%#v: %v", q, err)
		}
		if out[i] = p; p.Next == nil {
			break
		}
		q.After = p.Next
	}
	return out
}

// random makes up documents and filters from few values, so that they meet.
type random struct{ *rand.Rand }

func pick[T any](r random, from ...T) T { return from[r.IntN(len(from))] }

func (r random) text() string { return pick(r, "", "a", "A", "ab", "aB%", "b_a", "É", "é", "ba") }

func (r random) number() any { return pick[any](r, int64(-1), int64(0), int64(2), 0.5, 1.5) }

func (r random) time() any { return int64(r.IntN(9)-4) * 1_800_000 }

func (r random) thing() Thing {
	v := Thing{
		"name": r.text(), "n": r.number(), "at": r.time(), "ok": r.IntN(2) == 0,
		"tags": []string{r.text(), r.text()}, "labels": []string{r.text(), r.text()}, "nested.note": r.text() + r.text(),
	}
	for _, field := range []string{"name", "n", "at", "ok", "tags", "labels", "nested.note"} {
		if r.IntN(4) == 0 {
			delete(v, field)
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
