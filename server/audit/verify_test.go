package audit

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/memstore"
	"github.com/heddlehq/heddle/workflows/value"
)

// put stores a body in an entry's place, as one who can write to the database does; nil
// removes it.
func put(t *testing.T, s store.Store, id string, body []byte) {
	t.Helper()
	w := store.Write{Collection: store.Audit, ID: id, Expect: store.Any, Body: body}
	if body != nil {
		w.Index = make([]any, len(declared().Fields))
	}
	if err := s.Commit(t.Context(), store.Batch{w})[0]; err != nil {
		t.Fatal(err)
	}
}

func body(t *testing.T, s store.Store, seq int64) []byte {
	t.Helper()
	d, err := s.Get(t.Context(), store.Audit, key(seq))
	if err != nil {
		t.Fatal(err)
	}
	return d.Body
}

func filled(t *testing.T, n int) (*memstore.Store, *Log) {
	t.Helper()
	s := memory(t, memstore.Options{})
	l := New(Options{Store: s})
	for i := range n {
		record(t, l, act(i))
	}
	return s, l
}

func TestVerify_tampered(t *testing.T) {
	t.Parallel()
	set := func(name string, v value.Value) func(*testing.T, store.Store) {
		return func(t *testing.T, s store.Store) {
			put(t, s, key(4), value.MustParse(string(body(t, s, 4))).With(name, v).AppendJSON(nil))
		}
	}
	type test struct {
		tamper func(*testing.T, store.Store)
		seq    int64
		says   string
	}
	tests := map[string]test{
		"an entry removed":  {func(t *testing.T, s store.Store) { put(t, s, key(4), nil) }, 4, "missing"},
		"the first removed": {func(t *testing.T, s store.Store) { put(t, s, key(1), nil) }, 1, "missing"},
		"the middle cut out": {func(t *testing.T, s store.Store) {
			for seq := range int64(5) {
				put(t, s, key(seq+3), nil)
			}
		}, 3, "next one is link 8"},
		"two entries swapped": {func(t *testing.T, s store.Store) {
			four, five := body(t, s, 4), body(t, s, 5)
			put(t, s, key(4), five)
			put(t, s, key(5), four)
		}, 4, "says that it is link 5"},
		"two entries swapped and renumbered": {func(t *testing.T, s store.Store) {
			four, five := value.MustParse(string(body(t, s, 4))), value.MustParse(string(body(t, s, 5)))
			number := func(v value.Value, seq int64) []byte {
				return v.With("_id", value.String(key(seq))).With("seq", value.Int(seq)).AppendJSON(nil)
			}
			put(t, s, key(4), number(five, 4))
			put(t, s, key(5), number(four, 5))
		}, 4, "changed"},
		"an entry put between":     {func(t *testing.T, s store.Store) { put(t, s, key(4)+"a", body(t, s, 4)) }, 5, "says that it is link 4"},
		"an entry that is no JSON": {func(t *testing.T, s store.Store) { put(t, s, key(4), []byte("{")) }, 4, "cannot be read"},
		"a member written twice": {func(t *testing.T, s store.Store) {
			put(t, s, key(4), append([]byte(`{"who":"bob",`), body(t, s, 4)[1:]...))
		}, 4, "cannot be read"},
		"an entry changed with its hash": {func(t *testing.T, s store.Store) {
			v := value.MustParse(string(body(t, s, 4))).With("who", value.String("bob"))
			put(t, s, key(4), v.With("hash", value.String(sum(v))).AppendJSON(nil))
		}, 5, "does not follow link 4"},
	}
	_, l := filled(t, 1)
	page, err := l.Find(t.Context(), Query{})
	if err != nil || len(page.Links) != 1 {
		t.Fatal(page, err)
	}
	for _, name := range value.MustParse(string(body(t, l.Store, 1))).Keys() {
		seq, says := int64(4), ""
		switch name {
		case "_id", "seq":
			continue // swapped and renumbered above
		case "at":
			tests["another time"] = test{set(name, value.Time(time.Unix(1, 0))), seq, "changed"}
			continue
		}
		tests["another "+name] = test{set(name, value.String("bob")), seq, says}
		tests["no "+name] = test{set(name, value.Absent), seq, says}
	}
	tests["one member more"] = test{set("more", value.True), 4, "changed"}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, l := filled(t, 10)
			tc.tamper(t, s)
			r, err := l.Verify(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if r.Broken == nil || r.Broken.Seq != tc.seq || !strings.Contains(r.Broken.Text, tc.says) || r.Links != tc.seq-1 {
				t.Errorf("%d links, broken: %v; want a break at link %d that says %q", r.Links, r.Broken, tc.seq, tc.says)
			}
		})
	}
}

// A chain that was cut or written anew is whole in itself; what was noted of it tells.
func TestVerify_noted(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		tamper func(*testing.T, store.Store)
		seq    int64
	}{
		"cut off":       {func(t *testing.T, s store.Store) { put(t, s, key(10), nil) }, 10},
		"emptied":       {func(t *testing.T, s store.Store) { wipe(t, s) }, 1},
		"written anew":  {func(t *testing.T, s store.Store) { wipe(t, s); again(t, s, 12) }, 5},
		"as it was":     {func(*testing.T, store.Store) {}, 0},
		"only appended": {func(t *testing.T, s store.Store) { again(t, s, 3) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, l := filled(t, 5)
			noted := []Anchor{{Hash: Origin}, head(t, l)}
			again(t, s, 5)
			noted = append(noted, head(t, l))
			tc.tamper(t, s)
			if r, err := l.Verify(t.Context()); err != nil || r.Broken != nil {
				t.Fatalf("without what was noted: %v, %v", r.Broken, err)
			}
			r, err := l.Verify(t.Context(), noted...)
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Broken; tc.seq == 0 && got != nil || tc.seq > 0 && (got == nil || got.Seq != tc.seq) {
				t.Errorf("broken: %v, want a break at %d (0: none)", got, tc.seq)
			}
		})
	}
}

func wipe(t *testing.T, s store.Store) {
	for seq := range int64(10) {
		put(t, s, key(seq+1), nil)
	}
}

func again(t *testing.T, s store.Store, n int) {
	l := New(Options{Store: s})
	for i := range n {
		record(t, l, act(i))
	}
}

func head(t *testing.T, l *Log) Anchor {
	t.Helper()
	a, err := l.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestVerify_pages(t *testing.T) {
	t.Parallel()
	s, l := filled(t, 2*page+7)
	whole(t, l, 2*page+7)
	put(t, s, key(page+1), nil) // the first of a page
	r, err := l.Verify(t.Context())
	if err != nil || r.Broken == nil || r.Broken.Seq != page+1 || r.Head.Seq != page {
		t.Errorf("%+v, %v; want a break at link %d", r, err, page+1)
	}
}

func TestVerifyExport(t *testing.T) {
	t.Parallel()
	_, l := filled(t, page+3)
	var out bytes.Buffer
	if err := l.Export(t.Context(), &out, Query{}); err != nil {
		t.Fatal(err)
	}
	r, err := VerifyExport(bytes.NewReader(out.Bytes()), head(t, l))
	if err != nil || r.Broken != nil || r.Links != page+3 {
		t.Errorf("a whole export: %+v, %v", r, err)
	}
	lines := bytes.SplitAfter(out.Bytes(), []byte("\n"))
	for seq, damaged := range map[int64][]byte{
		3: bytes.Join(append(lines[:2:2], lines[3:]...), nil),
		5: bytes.Replace(out.Bytes(), []byte(`"job/4"`), []byte(`"job/9"`), 1),
	} {
		if r, err := VerifyExport(bytes.NewReader(damaged)); err != nil || r.Broken == nil || r.Broken.Seq != seq {
			t.Errorf("broken: %v, %v; want a break at link %d", r.Broken, err, seq)
		}
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l := New(Options{Store: memory(t, memstore.Options{}), Now: func() time.Time { return now }})
	start := now
	for i := range 12 {
		e := act(i)
		e.Who.Name = []string{"ann", "bob"}[i%2]
		e.Target.Kind = []string{"job", "jobs", "workflow"}[i%3]
		if i == 7 {
			e.Action, e.Outcome = "login", "denied"
		}
		record(t, l, e)
		now = now.Add(time.Minute)
	}
	for name, tc := range map[string]struct {
		q    Query
		want string
	}{
		"all, newest first": {Query{}, "[11 10 9 8 7 6 5 4 3 2 1 0]"},
		"by who":            {Query{Who: "ann"}, "[10 8 6 4 2 0]"},
		"by target":         {Query{Target: "jobs/4"}, "[4]"},
		"by kind of target": {Query{Target: "job/*", Oldest: true}, "[0 3 6 9]"},
		"by action":         {Query{Action: "POST *", Who: "bob"}, "[11 9 5 3 1]"},
		"by outcome":        {Query{Outcome: "denied"}, "[7]"},
		"by time":           {Query{Since: start.Add(3 * time.Minute), Until: start.Add(6 * time.Minute)}, "[5 4 3]"},
		"nothing":           {Query{Who: "a"}, "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole := numbers(t, l, tc.q)
			if fmt.Sprint(whole) != tc.want {
				t.Errorf("found %v, want %s", whole, tc.want)
			}
			var paged []string
			for q := tc.q; ; {
				q.Limit = 2
				page, err := l.Find(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				if len(page.Links) > 2 || page.Total != len(whole) {
					t.Fatalf("a page of %d links of %d", len(page.Links), page.Total)
				}
				for _, link := range page.Links {
					paged = append(paged, link.Target.ID)
				}
				if q.After = page.Next; q.After == nil {
					break
				}
			}
			if fmt.Sprint(paged) != tc.want {
				t.Errorf("page by page %v, want %s", paged, tc.want)
			}
			var out bytes.Buffer
			if err := l.Export(t.Context(), &out, tc.q); err != nil {
				t.Fatal(err)
			}
			if n := bytes.Count(out.Bytes(), []byte("\n")); n != len(whole) {
				t.Errorf("exported %d lines, want %d", n, len(whole))
			}
		})
	}
	if got := numbers(t, l, Query{Skip: 10}); fmt.Sprint(got) != "[1 0]" {
		t.Errorf("after skipping ten: %v", got)
	}
}

// numbers lists what a query selects by the numbers of the targets.
func numbers(t *testing.T, l *Log, q Query) []string {
	t.Helper()
	page, err := l.Find(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, link := range page.Links {
		out = append(out, link.Target.ID)
	}
	return out
}
