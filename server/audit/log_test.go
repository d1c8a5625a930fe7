package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/memstore"
	"github.com/heddlehq/heddle/engine/store/sqlitestore"
	"github.com/heddlehq/heddle/workflows/value"
)

func memory(t testing.TB, o memstore.Options) *memstore.Store {
	t.Helper()
	s, err := memstore.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func act(n int) Entry {
	return Entry{
		Who: Who{ID: "a1", Name: "ann"}, From: "192.0.2.7", Action: "POST /jobs/start", Target: Target{"job", fmt.Sprint(n)},
		Outcome: "200", Reason: "maintenance", Before: value.Null, After: value.Object("status", value.String("running"), "n", value.Int(int64(n))),
	}
}

func record(t testing.TB, l *Log, entries ...Entry) {
	t.Helper()
	for _, e := range entries {
		if err := l.Record(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
}

// whole verifies a log that must hold n links.
func whole(t testing.TB, l *Log, n int64, noted ...Anchor) {
	t.Helper()
	r, err := l.Verify(t.Context(), noted...)
	if err != nil {
		t.Fatal(err)
	}
	if r.Broken != nil || r.Links != n || r.Head.Seq != n {
		t.Fatalf("verified %d links up to %d, broken at %v; want %d and no break", r.Links, r.Head.Seq, r.Broken, n)
	}
}

func TestRecord(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 4, 3, 2, 1, int(7*time.Millisecond), time.UTC)
	l := New(Options{Store: memory(t, memstore.Options{}), Now: func() time.Time { return at }})
	if head, err := l.Head(t.Context()); err != nil || head != (Anchor{Hash: Origin}) {
		t.Errorf("head of an empty log: %v, %v", head, err)
	}
	whole(t, l, 0)
	want := act(1)
	record(t, l, want, act(2))
	whole(t, l, 2)
	page, err := l.Find(t.Context(), Query{Oldest: true})
	if err != nil {
		t.Fatal(err)
	}
	got := page.Links[0]
	if !value.Equal(got.Before, want.Before) || !value.Equal(got.After, want.After) {
		t.Errorf("summaries %s and %s, want %s and %s", got.Before, got.After, want.Before, want.After)
	}
	got.Before, got.After, want.Before, want.After = value.Absent, value.Absent, value.Absent, value.Absent
	if got.Entry != want || got.Seq != 1 || !got.At.Equal(at) || got.Prev != Origin {
		t.Errorf("first link %+v, want %+v at %s", got, want, at)
	}
	if head, err := l.Head(t.Context()); err != nil || head.Seq != 2 || head.Hash != page.Links[1].Hash || page.Links[1].Prev != got.Hash {
		t.Errorf("head %v, %v behind %+v", head, err, page.Links)
	}
}

// Nothing an outsider sends keeps an act out of the log.
func TestRecord_oddEntries(t *testing.T) {
	t.Parallel()
	l := New(Options{Store: memory(t, memstore.Options{})})
	long := strings.Repeat("é", MaxText)
	large := value.Object("text", value.String(string(make([]byte, MaxSummary))))
	record(t, l,
		Entry{},
		Entry{Who: Who{Name: "\xff\xfe"}, Action: "a\x00\nb", Target: Target{"file", "a/b/../c"}, Outcome: long, After: large},
		Entry{Action: "order", Before: value.MustParse(`{"b":[{"z":1.0,"a":1e300}],"a":9007199254740993}`)},
	)
	whole(t, l, 3)
	page, err := l.Find(t.Context(), Query{Oldest: true})
	if err != nil {
		t.Fatal(err)
	}
	odd := page.Links[1]
	if odd.Who.Name != "\uFFFD" || odd.Action != "a\x00\nb" || odd.Target != (Target{"file", "a/b/../c"}) {
		t.Errorf("odd texts came back as %+v", odd)
	}
	if n := len(odd.Outcome); n > MaxText || n < MaxText-4 {
		t.Errorf("a text of %d bytes was cut to %d, want about %d", len(long), n, MaxText)
	}
	if n, _ := odd.After.Get("bytes").Int(); n < MaxSummary || len(odd.After.Get("sha256").Text()) != 64 {
		t.Errorf("a large summary became %s", odd.After)
	}
	if got, want := page.Links[2].Before.String(), `{"a":9007199254740993,"b":[{"a":1e300,"z":1.0}]}`; got != want {
		t.Errorf("summary %s, want %s", got, want)
	}
}

func TestRecord_twoServersOneChain(t *testing.T) {
	t.Parallel()
	const writers, each = 16, 40
	s := memory(t, memstore.Options{})
	logs := []*Log{New(Options{Store: s}), New(Options{Store: s})}
	var g errgroup.Group
	for w := range writers {
		g.Go(func() error {
			for n := range each {
				e := act(n)
				e.Who.Name = fmt.Sprint("writer ", w)
				if err := logs[w%2].Record(t.Context(), e); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	whole(t, logs[0], writers*each)
	for w := range writers {
		page, err := logs[1].Find(t.Context(), Query{Who: fmt.Sprint("writer ", w), Oldest: true})
		if err != nil {
			t.Fatal(err)
		}
		if page.Total != each {
			t.Errorf("writer %d has %d entries, want %d", w, page.Total, each)
		}
		for n, link := range page.Links {
			if link.Target.ID != fmt.Sprint(n) {
				t.Fatalf("writer %d: entry %d is about job %s: out of order", w, n, link.Target.ID)
			}
		}
	}
}

// slow is a store far away.
type slow struct {
	store.Store
	delay   time.Duration
	commits atomic.Int64
}

func (s *slow) Commit(ctx context.Context, bs ...store.Batch) []error {
	s.commits.Add(1)
	time.Sleep(s.delay)
	defer time.Sleep(s.delay)
	return s.Store.Commit(ctx, bs...)
}

func (s *slow) Find(ctx context.Context, collection string, q store.Query) (store.Page, error) {
	time.Sleep(s.delay)
	defer time.Sleep(s.delay)
	return s.Store.Find(ctx, collection, q)
}

func TestRecord_together(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &slow{Store: memory(t, memstore.Options{}), delay: time.Millisecond}
		l := New(Options{Store: s})
		var wg sync.WaitGroup
		for n := range 200 {
			wg.Go(func() { record(t, l, act(n)) })
		}
		wg.Wait()
		whole(t, l, 200)
		if n := s.commits.Load(); n > 5 {
			t.Errorf("200 entries took %d commits, want a few", n)
		}
	})
}

// A server that is always at it leaves room for one that is further from the store.
func TestRecord_busyServersShare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memory(t, memstore.Options{})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		var counts [2]atomic.Int64
		var wg sync.WaitGroup
		for i, delay := range []time.Duration{time.Millisecond, 3 * time.Millisecond} {
			l := New(Options{Store: &slow{Store: s, delay: delay}})
			for range 8 {
				wg.Go(func() {
					for ctx.Err() == nil {
						if err := l.Record(ctx, act(i)); err == nil {
							counts[i].Add(1)
						} else if ctx.Err() == nil {
							t.Errorf("server %d: %v", i, err)
						}
					}
				})
			}
		}
		wg.Wait()
		if near, far := counts[0].Load(), counts[1].Load(); far < 20 { // it is 1 where none gives way
			t.Errorf("the servers recorded %d and %d entries; want the far one not pushed aside", near, far)
		}
	})
}

func TestRecord_givesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		free := sync.OnceFunc(func() { close(stuck) })
		defer free()
		inner := memory(t, memstore.Options{Before: func(store.Batch) error { <-stuck; return nil }})
		l := New(Options{Store: inner, Queue: 3, Patience: time.Second})
		outcome := make([]chan error, 4)
		start := func(i int, ctx context.Context) {
			outcome[i] = make(chan error, 1)
			go func() { outcome[i] <- l.Record(ctx, act(i)) }()
			synctest.Wait()
		}
		ctx, cancel := context.WithCancel(t.Context())
		start(0, t.Context()) // its append is under way
		start(1, ctx)         // waits for its turn, and its caller goes away
		start(2, t.Context()) // waits too long
		start(3, t.Context()) // finds no room
		cancel()
		if err := <-outcome[1]; !errors.Is(err, context.Canceled) {
			t.Errorf("canceled while waiting: %v", err)
		}
		for _, i := range []int{2, 3} {
			if err := <-outcome[i]; !errors.Is(err, ErrBusy) {
				t.Errorf("entry %d: %v, want ErrBusy", i, err)
			}
		}
		if err := l.Record(ctx, act(4)); !errors.Is(err, context.Canceled) {
			t.Errorf("with a context that has ended: %v", err)
		}
		free()
		if err := <-outcome[0]; err != nil {
			t.Errorf("what was under way: %v", err)
		}
		record(t, l, act(5))
		whole(t, l, 2)
	})
}

// The caller of an append that is under way goes away: the entries of the others do not.
func TestRecord_callerDiesWhileAppending(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := memory(t, memstore.Options{Before: func(store.Batch) error { cancel(); return nil }})
	l := New(Options{Store: s})
	if err := l.Record(ctx, act(1)); err != nil {
		t.Errorf("taken up before its context ended: %v", err)
	}
	whole(t, l, 1)
}

func TestRecord_storeFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection lost")
	var before, after error
	s := memory(t, memstore.Options{Before: func(store.Batch) error { return before }, After: func(store.Batch) error { return after }})
	l := New(Options{Store: s, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	record(t, l, act(1))
	before = broken
	if err := l.Record(t.Context(), act(2)); !errors.Is(err, broken) {
		t.Errorf("not stored: %v", err)
	}
	before, after = nil, broken
	record(t, l, act(3)) // stored, the answer lost: read back
	after = nil
	record(t, l, act(4))
	whole(t, l, 3)
}

// Where an entry cannot follow, none is recorded.
func TestRecord_damagedHead(t *testing.T) {
	t.Parallel()
	entry := act(1)
	far, _ := linked(entry.document(time.Unix(1, 0)), Anchor{Seq: 9999_9999_9999_9998, Hash: Origin})
	for name, tc := range map[string]struct {
		id, body, says string
	}{
		"not a link":       {key(1), `{"seq":"one"}`, "not a number"},
		"not JSON":         {key(1), `{`, "line 1"},
		"in a wrong place": {key(7), far.String(), "says that it is link 9999999999999999"},
		"the last number":  {far.Get("_id").Text(), far.String(), "is taken"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := memory(t, memstore.Options{})
				record(t, New(Options{Store: s}), act(1))
				put(t, s, tc.id, []byte(tc.body))
				l := New(Options{Store: s})
				err := l.Record(t.Context(), act(2))
				if err == nil { // the number after the last one is free once
					err = New(Options{Store: s}).Record(t.Context(), act(3))
				}
				if err == nil || !strings.Contains(err.Error(), tc.says) {
					t.Errorf("recorded behind it: %v, want an error that says %q", err, tc.says)
				}
				if r, err := l.Verify(t.Context()); err != nil || r.Broken == nil {
					t.Errorf("verified: %v, %v", r.Broken, err)
				}
			})
		})
	}
}

// A server that starts anew goes on where the last one stopped.
func TestRecord_afterARestart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "heddle.db")
	for n := range int64(3) {
		s, err := sqlitestore.Open(t.Context(), file, sqlitestore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		l := New(Options{Store: s})
		record(t, l, act(1), act(2))
		whole(t, l, 2*n+2)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := l.Record(t.Context(), act(3)); !errors.Is(err, store.ErrClosed) {
			t.Errorf("on a closed store: %v", err)
		}
	}
}

func BenchmarkRecord(b *testing.B) {
	l := New(Options{Store: memory(b, memstore.Options{})})
	b.ReportAllocs()
	for b.Loop() {
		record(b, l, act(1))
	}
}
