// Package storetest is the suite every driver of package store passes: what
// it proves is what the rest of Heddle relies on.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/heddlehq/heddle/engine/store"
)

// Things is the collection the suite works on; it has a field of every type,
// with and without an index.
const Things = "things"

// Collections declares what a store under test must be opened with.
var Collections = []store.Collection{
	{
		Name: Things,
		Fields: []store.Field{
			{Name: "name", Type: store.Text},
			{Name: "n", Type: store.Number},
			{Name: "at", Type: store.Time},
			{Name: "ok", Type: store.Bool},
			{Name: "tags", Type: store.Texts},
			{Name: "labels", Type: store.Texts},
			{Name: "nested.note", Type: store.Text},
		},
		Indexes: []store.Index{store.By("name", "at"), store.By("tags"), store.Sparsely("at")},
	},
	{
		Name: "uniques",
		Fields: []store.Field{
			{Name: "slug", Type: store.Text, Unique: true},
			{Name: "number", Type: store.Number, Unique: true},
		},
	},
}

// Run proves that a store keeps the contract of [store.Store]. Open returns a
// new, empty store with [Collections]; the suite closes it.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for _, tc := range []struct {
		name string
		test func(t *testing.T, s store.Store)
	}{
		{"AnyRevision", testAny},
		{"Bodies", testBodies},
		{"Canceled", testCanceled},
		{"Closed", testClosed},
		{"CompareAndSet", testCompareAndSet},
		{"Concurrent", testConcurrent},
		{"Conflict", testConflict},
		{"Cursor", testCursor},
		{"Filter", testFilter},
		{"FilterBounds", testFilterBounds},
		{"Group", testGroup},
		{"GroupUnits", testGroupUnits},
		{"IndexChanges", testIndexChanges},
		{"Invalid", testInvalid},
		{"OddTexts", testOddTexts},
		{"Sort", testSort},
		{"Total", testTotal},
		{"Unique", testUnique},
		{"WithinBatch", testWithinBatch},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := open(t)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			tc.test(t, s)
		})
	}
}

// Thing holds index values of one document of [Things] by field; what is not
// there is missing.
type Thing map[string]any

// Put returns the write of a thing.
func Put(id string, expect int64, body string, values Thing) store.Write {
	w := store.Write{Collection: Things, ID: id, Expect: expect, Body: []byte(body)}
	for _, f := range Collections[0].Fields {
		w.Index = append(w.Index, values[f.Name])
	}
	return w
}

// commit stores one batch and fails the test when that does.
func commit(t *testing.T, s store.Store, ws ...store.Write) {
	t.Helper()
	if err := s.Commit(t.Context(), ws)[0]; err != nil {
		t.Fatalf("commit %s %q: %v", ws[0].Collection, ws[0].ID, err)
	}
}

func get(t *testing.T, s store.Store, id string) store.Doc {
	t.Helper()
	d, err := s.Get(t.Context(), Things, id)
	if err != nil {
		t.Fatalf("get %q: %v", id, err)
	}
	return d
}

func absent(t *testing.T, s store.Store, id string) {
	t.Helper()
	if d, err := s.Get(t.Context(), Things, id); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("get %q: revision %d, error %v, want ErrNotFound", id, d.Revision, err)
	}
}

func find(t *testing.T, s store.Store, q store.Query) store.Page {
	t.Helper()
	p, err := s.Find(t.Context(), Things, q)
	if err != nil {
		t.Fatalf("find: %v", err)
	}
	return p
}

func ids(p store.Page) string {
	var out []string
	for _, d := range p.Docs {
		out = append(out, d.ID)
	}
	return strings.Join(out, " ")
}

// wantConflict checks the conflict a batch met.
func wantConflict(t *testing.T, err error, want store.Conflict) {
	t.Helper()
	got, ok := errors.AsType[*store.Conflict](err)
	if !ok || *got != want || !errors.Is(err, store.ErrConflict) {
		t.Errorf("error %v (%+v), want conflict %+v", err, got, want)
	}
}

func testCompareAndSet(t *testing.T, s store.Store) {
	absent(t, s, "a")
	commit(t, s, Put("a", store.New, "1", nil))
	if d := get(t, s, "a"); d.Revision != 1 || string(d.Body) != "1" || d.ID != "a" {
		t.Errorf("after the first write: %+v", d)
	}
	commit(t, s, Put("a", 1, "2", nil))
	if d := get(t, s, "a"); d.Revision != store.Revision(1) || string(d.Body) != "2" {
		t.Errorf("after the second write: %+v", d)
	}
	stale := store.Conflict{Collection: Things, ID: "a", Reason: store.StaleRevision, Stored: 2}
	wantConflict(t, s.Commit(t.Context(), store.Batch{Put("a", 1, "3", nil)})[0], stale)
	wantConflict(t, s.Commit(t.Context(), store.Batch{{Collection: Things, ID: "a", Expect: 3}})[0], stale)
	exists := store.Conflict{Collection: Things, ID: "a", Reason: store.AlreadyExists, Stored: 2}
	wantConflict(t, s.Commit(t.Context(), store.Batch{Put("a", store.New, "3", nil)})[0], exists)
	gone := store.Conflict{Collection: Things, ID: "b", Reason: store.StaleRevision}
	wantConflict(t, s.Commit(t.Context(), store.Batch{Put("b", 1, "3", nil)})[0], gone)
	if d := get(t, s, "a"); d.Revision != 2 || string(d.Body) != "2" {
		t.Errorf("conflicts changed the document: %+v", d)
	}
	commit(t, s, store.Write{Collection: Things, ID: "a", Expect: 2})
	absent(t, s, "a")
	commit(t, s, Put("a", store.New, "again", nil))
	if d := get(t, s, "a"); d.Revision != 1 {
		t.Errorf("created anew at revision %d, want 1", d.Revision)
	}
}

func testAny(t *testing.T, s store.Store) {
	commit(t, s, store.Write{Collection: Things, ID: "a", Expect: store.Any})
	absent(t, s, "a")
	commit(t, s, Put("a", store.Any, "1", nil))
	commit(t, s, Put("a", store.Any, "2", nil))
	if d := get(t, s, "a"); d.Revision != 2 || string(d.Body) != "2" {
		t.Errorf("after two writes: %+v", d)
	}
	commit(t, s, store.Write{Collection: Things, ID: "a", Expect: store.Any})
	absent(t, s, "a")
}

func testConflict(t *testing.T, s store.Store) {
	commit(t, s, Put("a", store.New, "1", Thing{"name": "old"}))
	errs := s.Commit(t.Context(),
		store.Batch{Put("b", store.New, "1", nil), Put("c", store.New, "1", nil)},
		store.Batch{Put("d", store.New, "1", nil), Put("a", 7, "2", Thing{"name": "new"}), Put("e", store.New, "1", nil)},
		nil,
		store.Batch{Put("f", store.New, "1", nil)},
	)
	if len(errs) != 4 || errs[0] != nil || errs[2] != nil || errs[3] != nil {
		t.Errorf("results %v, want only the second to fail", errs)
	}
	wantConflict(t, errs[1], store.Conflict{Collection: Things, ID: "a", Reason: store.StaleRevision, Stored: 1})
	if got := find(t, s, store.Query{}); ids(got) != "a b c f" || got.Total != 4 {
		t.Errorf("stored %s, total %d, want a b c f", ids(got), got.Total)
	}
	if got := find(t, s, store.Query{Where: store.Where("name", store.Eq, "old")}); ids(got) != "a" {
		t.Errorf("with the old name: %s, want a", ids(got))
	}
}

func testWithinBatch(t *testing.T, s store.Store) {
	commit(t, s, Put("a", store.New, "1", nil), Put("a", 1, "2", Thing{"name": "x"}), Put("b", store.New, "1", nil))
	if d := get(t, s, "a"); d.Revision != 2 || string(d.Body) != "2" {
		t.Errorf("written twice in a batch: %+v", d)
	}
	err := s.Commit(t.Context(), store.Batch{
		Put("a", 2, "3", Thing{"name": "y"}), {Collection: Things, ID: "b", Expect: 1}, Put("c", store.New, "1", nil), Put("a", 2, "4", nil),
	})[0]
	wantConflict(t, err, store.Conflict{Collection: Things, ID: "a", Reason: store.StaleRevision, Stored: 3})
	if got := find(t, s, store.Query{}); ids(got) != "a b" || got.Total != 2 {
		t.Errorf("stored %s, total %d, want a b", ids(got), got.Total)
	}
	if got := find(t, s, store.Query{Where: store.Where("name", store.Eq, "x")}); ids(got) != "a" {
		t.Errorf("with the name before the conflict: %s, want a", ids(got))
	}
	commit(t, s, store.Write{Collection: Things, ID: "a", Expect: 2}, Put("a", store.New, "5", nil))
	if d := get(t, s, "a"); d.Revision != 1 || string(d.Body) != "5" {
		t.Errorf("deleted and created in a batch: %+v", d)
	}
}

func testUnique(t *testing.T, s store.Store) {
	put := func(id string, expect int64, slug, number any) store.Write {
		return store.Write{Collection: "uniques", ID: id, Expect: expect, Body: []byte("{}"), Index: []any{slug, number}}
	}
	commit(t, s, put("a", store.New, "s", int64(1)))
	commit(t, s, put("b", store.New, nil, nil))
	commit(t, s, put("c", store.New, nil, nil))
	commit(t, s, put("a", 1, "s", int64(1)))
	clash := store.Conflict{Collection: "uniques", ID: "d", Reason: store.NotUnique, Field: "slug"}
	wantConflict(t, s.Commit(t.Context(), store.Batch{put("d", store.New, "s", nil)})[0], clash)
	clash.ID, clash.Field, clash.Stored = "b", "number", 1
	wantConflict(t, s.Commit(t.Context(), store.Batch{put("b", 1, "t", 1.0)})[0], clash)

	errs := s.Commit(t.Context(), store.Batch{put("e", store.New, "e", nil)}, store.Batch{put("f", store.New, "e", nil)},
		store.Batch{put("g", store.New, "g", nil), put("h", store.New, "g", nil)})
	if errs[0] != nil {
		t.Errorf("the first with a value: %v", errs[0])
	}
	wantConflict(t, errs[1], store.Conflict{Collection: "uniques", ID: "f", Reason: store.NotUnique, Field: "slug"})
	wantConflict(t, errs[2], store.Conflict{Collection: "uniques", ID: "h", Reason: store.NotUnique, Field: "slug"})

	// A value that one write of a batch gives up is free for the next.
	commit(t, s, put("a", 2, nil, nil), put("b", 1, "s", int64(1)))
	commit(t, s, store.Write{Collection: "uniques", ID: "b", Expect: 2}, put("i", store.New, "s", int64(1)))
	p, err := s.Find(t.Context(), "uniques", store.Query{})
	if err != nil || ids(p) != "a c e i" || p.Total != 4 {
		t.Errorf("stored %s, total %d, error %v, want a c e i", ids(p), p.Total, err)
	}
}

func testBodies(t *testing.T, s store.Store) {
	big := strings.Repeat("heddle\x00ß", 600_000)
	body := []byte(`{"small":true}`)
	commit(t, s, store.Write{Collection: Things, ID: "mine", Expect: store.New, Body: body, Index: make([]any, len(Collections[0].Fields))})
	body[0] = 'x'
	commit(t, s, Put("big", store.New, big, nil))
	for id, want := range map[string]string{"mine": `{"small":true}`, "big": big} {
		d := get(t, s, id)
		if string(d.Body) != want {
			t.Errorf("%s: got %d bytes back, not the %d stored", id, len(d.Body), len(want))
		}
		clear(d.Body)
		if string(get(t, s, id).Body) != want {
			t.Errorf("%s: changing a returned body changed the store", id)
		}
	}
	for _, d := range find(t, s, store.Query{}).Docs {
		if want := string(get(t, s, d.ID).Body); string(d.Body) != want {
			t.Errorf("find %s: body of %d bytes, want %d", d.ID, len(d.Body), len(want))
		}
	}
	commit(t, s, Put("big", 1, "{}", nil))
	if d := get(t, s, "big"); string(d.Body) != "{}" {
		t.Errorf("shrunk body has %d bytes", len(d.Body))
	}
	errs := s.Commit(t.Context(), store.Batch{Put("huge", store.New, strings.Repeat("x", store.MaxBody+1), nil)},
		store.Batch{Put("next", store.New, "{}", nil)})
	if !errors.Is(errs[0], store.ErrInvalid) || errs[1] != nil {
		t.Errorf("too big a body: %v, its neighbour: %v", errs[0], errs[1])
	}
}

func testOddTexts(t *testing.T, s store.Store) {
	odd := []string{
		" ", "%", "_", "a%b_c", `back\slash`, `'single'`, `"double"`, "`tick`", "[class]*?", "line\nbreak", "tab\t",
		"NUL\x00inside", "\x00", "\x1b\x1e\x1f", "\x1eo", "née 東京 🚀", "a/b c", "$gt", "{}", "; DROP TABLE things; --", ",", "a,b",
	}
	for i, text := range odd {
		commit(t, s, Put(text, store.New, "{}", Thing{
			"name": text, "nested.note": "<" + text + ">", "tags": []string{text, "x"}, "labels": []string{text, "y"}, "n": int64(i),
		}))
	}
	only := func(f store.Filter, want string) {
		t.Helper()
		p := find(t, s, store.Query{Where: f})
		if len(p.Docs) != 1 || p.Docs[0].ID != want || p.Total != 1 {
			t.Errorf("%#v: got %q, total %d, want %q alone", f, ids(p), p.Total, want)
		}
	}
	for _, text := range odd {
		if d := get(t, s, text); d.ID != text {
			t.Errorf("get %q: got %q", text, d.ID)
		}
		only(store.Where(store.ID, store.Eq, text), text)
		only(store.Where("name", store.Eq, text), text)
		only(store.Where("tags", store.Eq, text), text)
		only(store.Where("labels", store.In, []string{text, "no"}), text)
		only(store.And{store.Where("name", store.StartsWith, text), store.Where("name", store.EndsWith, text),
			store.Where("_id", store.Eq, text)}, text)
		only(store.Where("nested.note", store.Contains, "<"+text+">"), text)
		only(store.Where("nested.note", store.StartsWith, "<"+text+">"), text)
		only(store.Where("nested.note", store.EndsWith, "<"+text+">"), text)
	}
	sorted := slices.Sorted(slices.Values(odd))
	p := find(t, s, store.Query{Sort: []store.Order{{Field: "name"}}})
	for i, d := range p.Docs {
		if d.ID != sorted[i] {
			t.Errorf("place %d: %q, want %q", i, d.ID, sorted[i])
		}
	}
	buckets, err := s.Group(t.Context(), Things, store.Grouping{By: []store.Key{{Field: "name"}}})
	if err != nil || len(buckets) != len(odd) {
		t.Errorf("grouped into %d buckets, error %v, want %d", len(buckets), err, len(odd))
	}
	for i, b := range buckets {
		if b.Keys[0] != sorted[i] {
			t.Errorf("bucket %d: %q, want %q", i, b.Keys[0], sorted[i])
		}
	}
	for _, text := range odd {
		commit(t, s, store.Write{Collection: Things, ID: text, Expect: 1})
	}
	if p := find(t, s, store.Query{Where: store.Where("tags", store.Eq, "x")}); p.Total != 0 {
		t.Errorf("%d are left after all were deleted", p.Total)
	}
}

func testIndexChanges(t *testing.T, s store.Store) {
	for i, tags := range [][]string{{"a", "b"}, {"b"}, {"b", "c", "a", "a"}, nil, {}, {"z"}} {
		commit(t, s, Put("doc", int64(i), "{}", Thing{"tags": tags, "labels": tags, "name": fmt.Sprint(i), "n": int64(i), "ok": i%2 == 0}))
		for _, tag := range []string{"a", "b", "c", "z"} {
			for _, field := range []string{"tags", "labels"} {
				got := find(t, s, store.Query{Where: store.Where(field, store.Eq, tag)}).Total == 1
				if want := slices.Contains(tags, tag); got != want {
					t.Errorf("revision %d: %s has %s: %v, want %v", i+1, field, tag, got, want)
				}
			}
		}
		for name, f := range map[string]store.Filter{
			"name": store.Where("name", store.Eq, fmt.Sprint(i)),
			"n":    store.Where("n", store.Eq, i),
			"ok":   store.Where("ok", store.Eq, i%2 == 0),
			"tags": store.Where("tags", store.Exists, len(tags) > 0),
		} {
			if find(t, s, store.Query{Where: f}).Total != 1 {
				t.Errorf("revision %d is not found by its %s", i+1, name)
			}
		}
	}
}

func testCanceled(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Commit(ctx, store.Batch{Put("a", store.New, "{}", nil)})[0]; !errors.Is(err, context.Canceled) {
		t.Errorf("commit: %v", err)
	}
	absent(t, s, "a")
	if _, err := s.Get(ctx, Things, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("get: %v", err)
	}
	if _, err := s.Find(ctx, Things, store.Query{}); !errors.Is(err, context.Canceled) {
		t.Errorf("find: %v", err)
	}
	if _, err := s.Group(ctx, Things, store.Grouping{}); !errors.Is(err, context.Canceled) {
		t.Errorf("group: %v", err)
	}
}

func testClosed(t *testing.T, s store.Store) {
	commit(t, s, Put("a", store.New, "{}", nil))
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	if err := s.Commit(t.Context(), store.Batch{Put("b", store.New, "{}", nil)})[0]; !errors.Is(err, store.ErrClosed) {
		t.Errorf("commit: %v", err)
	}
	if _, err := s.Get(t.Context(), Things, "a"); !errors.Is(err, store.ErrClosed) {
		t.Errorf("get: %v", err)
	}
	if _, err := s.Find(t.Context(), Things, store.Query{}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("find: %v", err)
	}
	if _, err := s.Group(t.Context(), Things, store.Grouping{}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("group: %v", err)
	}
}
