package payload_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/heddlehq/heddle/engine/payload"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/memstore"
	"github.com/heddlehq/heddle/workflows/value"
)

func memory(t *testing.T, o memstore.Options) *memstore.Store {
	t.Helper()
	s, err := memstore.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// drawn builds a value by chance, with texts and objects that look like references.
func drawn(rng *rand.Rand, depth int) value.Value {
	kinds := 8
	if depth <= 0 {
		kinds = 4
	}
	switch rng.IntN(kinds) {
	case 0:
		return value.Number(rng.Float64())
	case 1:
		return []value.Value{value.Null, value.True, value.Int(7), value.String(payload.Key)}[rng.IntN(4)]
	case 2:
		return value.String(strings.Repeat("é\n\"x", rng.IntN(40)))
	case 3:
		return value.Object(payload.Key, value.String(strings.Repeat("0a", 32)), "bytes", value.Int(3))
	case 4, 5:
		out := make([]value.Value, rng.IntN(6))
		for i := range out {
			out[i] = drawn(rng, depth-1)
		}
		return value.Array(out...)
	}
	var m value.Members
	for range rng.IntN(6) {
		m.Set([]string{"a", "b", payload.Key, "bytes", "é\"", "c"}[rng.IntN(6)], drawn(rng, depth-1))
	}
	return m.Value()
}

// What is folded is short, and unfolds to the same text, with or without memory of it, from a
// parsed or a built value, in one folder or in one that has met parts of it before.
func TestFold_unfoldGivesTheSame(t *testing.T) {
	t.Parallel()
	for seed := range uint64(1000) {
		rng := rand.New(rand.NewPCG(seed, 2))
		s := memory(t, memstore.Options{})
		above := 40 + rng.IntN(200)
		p := payload.InStore(s, payload.Options{Above: above})
		f := p.Folder("root")
		var before value.Value
		for range 3 {
			v := drawn(rng, 5)
			switch rng.IntN(3) {
			case 0:
				v = value.MustParse(v.String())
			case 1:
				v = value.Object("old", before, "new", v, "again", v)
			}
			before = v
			text := string(f.Append(nil, v))
			if again := string(f.Append(nil, v)); again != text {
				t.Fatalf("seed %d: folded twice, differently:\n%s\n%s", seed, text, again)
			}
			if folded := f.Fold(v).String(); folded != text {
				t.Fatalf("seed %d: appended %s, folded to %s", seed, text, folded)
			}
			if most := max(above, 200); len(text) > most { // a reference is longer than the least threshold here
				t.Fatalf("seed %d: %d bytes are left:\n%s", seed, len(text), text)
			}
			if err := f.Save(t.Context(), false); err != nil {
				t.Fatal(err)
			}
			for _, reader := range []*payload.Payloads{p, payload.InStore(s, payload.Options{})} {
				got, err := reader.Unfold(t.Context(), "root", value.MustParse(text))
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				if got.String() != v.String() {
					t.Fatalf("seed %d: %s\ncame back as\n%s\nby way of\n%s", seed, v, got, text)
				}
			}
		}
	}
}

func TestFold_writesOnce(t *testing.T) {
	t.Parallel()
	writes := 0
	s := memory(t, memstore.Options{Before: func(b store.Batch) error { writes++; return nil }})
	p := payload.InStore(s, payload.Options{Above: 200, Cache: 1})
	f := p.Folder("root")
	large := value.String(strings.Repeat("x", 9<<20))
	for turn := range 5 {
		f.Turn()
		f.Append(nil, value.Object("turn", value.Int(int64(turn)), "same", large))
		if err := f.Save(t.Context(), false); err != nil {
			t.Fatal(err)
		}
	}
	if writes != 3 {
		t.Errorf("%d pieces of 9 MiB were written, want 3", writes)
	}
	got, err := p.Unfold(t.Context(), "root", value.MustParse(string(f.Append(nil, large))))
	if err != nil || got.Text() != large.Text() {
		t.Errorf("came back with %d bytes, %v", len(got.Text()), err)
	}
	// A value that was read is known, too.
	p = payload.InStore(s, payload.Options{Above: 100})
	got, err = p.Unfold(t.Context(), "root", value.MustParse(string(f.Append(nil, large))))
	if err != nil {
		t.Fatal(err)
	}
	if f := p.Folder("root"); f.Fold(got).Len() != 2 || f.Fresh() {
		t.Error("a value that was just read is to be written")
	}
}

func TestFold_limits(t *testing.T) {
	t.Parallel()
	s := memory(t, memstore.Options{})
	p := payload.InStore(s, payload.Options{Above: 100, MaxValue: 2000, MaxFamily: 5000})
	text := func(c string, n int) value.Value { return value.String(strings.Repeat(c, n)) }
	_, err := p.Fold(t.Context(), "root", text("a", 3000))
	if limit, ok := errors.AsType[*payload.LimitError](err); !ok || !errors.Is(limit, store.ErrInvalid) {
		t.Errorf("a value too large: %v", err)
	}
	for i := range 20 {
		if _, err = p.Fold(t.Context(), "root", text("a", 1000+i%2)); err != nil {
			t.Fatalf("the same values again count once, but: %v", err)
		}
	}
	for _, c := range []string{"b", "c"} {
		if _, err = p.Fold(t.Context(), "root", text(c, 1400)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err = p.Fold(t.Context(), "root", text("d", 1400)); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a family too large: %v", err)
	}
	if _, err = p.Fold(t.Context(), "other", text("d", 1400)); err != nil {
		t.Errorf("another family: %v", err)
	}
}

func TestUnfold_missing(t *testing.T) {
	t.Parallel()
	p := payload.InStore(memory(t, memstore.Options{}), payload.Options{})
	ref := value.Object("x", value.Object(payload.Key, value.String(strings.Repeat("0a", 32)), "bytes", value.Int(3)))
	if _, err := p.Unfold(t.Context(), "root", ref); !errors.Is(err, payload.ErrMissing) {
		t.Errorf("got %v, want ErrMissing", err)
	}
	broken := errors.New("broken")
	p = payload.InStore(memory(t, memstore.Options{Read: func(string) error { return broken }}), payload.Options{})
	if _, err := p.Unfold(t.Context(), "root", ref); !errors.Is(err, broken) || errors.Is(err, payload.ErrMissing) {
		t.Errorf("got %v, want the store's error", err)
	}
}

func ExamplePayloads() {
	s, err := memstore.New(memstore.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	p := payload.InStore(s, payload.Options{Above: 200})
	whole := value.Object("name", value.String("core-1"), "config", value.String(strings.Repeat("interface ", 100)))
	folded, err := p.Fold(ctx, "65f0c0ffee0000000000abcd", whole)
	fmt.Println(folded, err)
	back, err := p.Unfold(ctx, "65f0c0ffee0000000000abcd", folded)
	fmt.Println(value.Equal(back, whole), err)
	// Output:
	// {"name":"core-1","config":{"$payload":"d5a5aec94944a25a977991592e93021677d344e2528d674db80e3582d21d730c","bytes":1002}} <nil>
	// true <nil>
}

// An array that grows is written anew only at its end.
func TestFold_growingArray(t *testing.T) {
	t.Parallel()
	s := memory(t, memstore.Options{})
	p := payload.InStore(s, payload.Options{Above: 2000})
	f := p.Folder("root")
	list := value.Array()
	for i := range 1000 {
		list = list.Append(value.Object("i", value.Int(int64(i)), payload.Key, value.Array()))
		f.Turn()
		text := f.Append(nil, value.Object("list", list))
		if err := f.Save(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		if i%100 != 99 {
			continue
		}
		for _, reader := range []*payload.Payloads{p, payload.InStore(s, payload.Options{})} {
			got, err := reader.Unfold(t.Context(), "root", value.MustParse(string(text)))
			if err != nil || got.Get("list").String() != list.String() {
				t.Fatalf("after %d elements %.200s came back, %v", i, got, err)
			}
		}
	}
	sum, err := s.Group(t.Context(), store.Payloads, store.Grouping{Measure: []store.Measure{{Of: store.Sum, Field: "bytes"}}})
	if err != nil {
		t.Fatal(err)
	}
	size := len(f.Append(nil, list)) + 1000*130
	if kept := sum[0].Measures[0].(float64); kept > float64(100*size) {
		t.Errorf("%.0f bytes are kept of a list that grew to %d in 1000 steps", kept, size)
	}
}
