package lifecycle_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/memstore"
	"github.com/heddlehq/heddle/server/lifecycle"
	"github.com/heddlehq/heddle/workflows/value"
)

// world is a store with jobs, and a clock.
type world struct {
	t     *testing.T
	store *memstore.Store
	now   time.Time
	crash func(store.Batch) error
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: time.UnixMilli(1_800_000_000_000)}
	var err error
	w.store, err = memstore.New(memstore.Options{After: func(b store.Batch) error {
		if w.crash != nil {
			return w.crash(b)
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) put(collection string, doc value.Value) {
	w.t.Helper()
	schema, err := store.NewSchema(store.Collections)
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := schema.Collection(collection)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.Commit(w.t.Context(), store.Batch{{Collection: collection, ID: doc.Get("_id").Text(), Expect: store.Any, Body: doc.AppendJSON(nil), Index: c.IndexOf(doc)}})[0]; err != nil {
		w.t.Fatal(err)
	}
}

// job stores a job with a task run, a turn of history and, for the first of its family, a
// large value. It changed last so long ago.
func (w *world) job(id, status string, ago time.Duration, ancestors ...string) {
	at := value.Int(w.now.Add(-ago).UnixMilli())
	doc := value.Object("_id", value.String(id), "name", value.String("W"), "status", value.String(status), "last_updated", at,
		"ancestors", value.Strings(append(slices.Clone(ancestors), id)...))
	if len(ancestors) > 0 {
		doc = doc.With("parent", value.Object("job", value.String(ancestors[len(ancestors)-1])))
	} else {
		w.put(store.Payloads, value.Object("_id", value.String(id+"/h/0"), "job", value.String(id), "bytes", value.Int(1)))
	}
	w.put(store.Jobs, doc)
	w.put(store.Tasks, value.Object("_id", value.String("t"+id), "job", value.Object("_id", value.String(id))))
	w.put(store.LateResults, value.Object("_id", value.String(id+"/a/1/00"), "job", value.String(id), "at", at))
	w.put(store.History, value.Object("_id", value.String(id+"/000000000001"), "job", value.String(id), "seq", value.Int(1)))
	w.put(store.Logs, value.Object("_id", value.String(id+"/a1/1"), "job", value.String(id)))
}

func (w *world) count(collection string) int {
	w.t.Helper()
	found, err := w.store.Find(w.t.Context(), collection, store.Query{})
	if err != nil {
		w.t.Fatal(err)
	}
	return found.Total
}

func (w *world) lifecycle(export string) *lifecycle.Lifecycle {
	w.t.Helper()
	l, err := lifecycle.New(lifecycle.Options{Store: w.store, Engine: noEngine{}, Now: func() time.Time { return w.now }, Export: export, Look: time.Millisecond, AtOnce: 20})
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

// run lets a lifecycle work until a batch has ended.
func (w *world) run(l *lifecycle.Lifecycle, id string) *lifecycle.Batch {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	b, err := l.Wait(ctx, id, 10*time.Second)
	cancel()
	if err := errors.Join(err, <-ended); err != nil {
		w.t.Fatal(err)
	}
	if b.Status == lifecycle.Running {
		w.t.Fatalf("batch still runs: %s", b.Doc())
	}
	return b
}

type noEngine struct{}

func (noEngine) Act(context.Context, string, engine.Event) (runner.State, error) {
	return runner.State{}, errors.New("no engine")
}

// TestFT39_deleteSurvivesCrashes: a family goes whole or not at all, also one too large for one commit, and also when the
// server dies after any of the commits.
func TestFT39_deleteSurvivesCrashes(t *testing.T) {
	t.Parallel()
	for _, children := range []int{1, 25} {
		for crashAt := range 8 {
			t.Run(fmt.Sprintf("%d children, crash at commit %d", children, crashAt), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				for _, root := range []string{"a", "b"} {
					w.job(root, "complete", time.Hour)
					for i := range children {
						w.job(fmt.Sprintf("%s%d", root, i), "complete", time.Hour, root)
					}
				}
				w.job("keep", "complete", time.Hour)
				l := w.lifecycle("")
				b, err := l.Submit(t.Context(), lifecycle.Batch{Kind: lifecycle.Delete, IDs: []string{"a", "b"}})
				if err != nil {
					t.Fatal(err)
				}
				commits := 0
				w.crash = func(store.Batch) error {
					if commits++; commits > crashAt {
						return errors.New("killed")
					}
					return nil
				}
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				if err := l.Run(ctx); err != nil { // until it is dead: every commit after the crash seems lost
					t.Fatal(err)
				}
				cancel()
				w.crash = nil
				w.now = w.now.Add(time.Minute) // the lease ran out
				if got := w.run(w.lifecycle(""), b.ID); got.Status != lifecycle.Complete || got.Done+got.Failed < 1 || got.Failed > 0 {
					t.Errorf("batch = %s", got.Doc())
				}
				for _, c := range []string{store.Jobs, store.Tasks, store.History, store.LateResults, store.Logs, store.Payloads} {
					if n := w.count(c); n != 1 {
						t.Errorf("%d documents in %s, want those of the job that is kept", n, c)
					}
				}
			})
		}
	}
}

func TestDelete_refuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.job("runs", "running", time.Hour)
	w.job("root", "complete", time.Hour)
	w.job("child", "running", time.Hour, "root")
	l := w.lifecycle("")
	for id, want := range map[string]error{"runs": lifecycle.ErrAtWork, "root": lifecycle.ErrAtWork, "child": lifecycle.ErrChild, "nothing": store.ErrNotFound} {
		if _, err := l.Submit(t.Context(), lifecycle.Batch{Kind: lifecycle.Delete, IDs: []string{id}}); !errors.Is(err, want) {
			t.Errorf("delete %s: %v, want %v", id, err, want)
		}
	}
	b, err := l.Submit(t.Context(), lifecycle.Batch{Kind: lifecycle.Delete, Filter: store.Where("name", store.Eq, "W")})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.run(l, b.ID); got.Done != 0 || got.Failed != 1 || got.Failures[0].Job != "root" {
		t.Errorf("batch = %s, want the family with the running child left alone", got.Doc())
	}
	if n := w.count(store.Jobs); n != 3 {
		t.Errorf("%d jobs, want 3", n)
	}
}

// A job that is changed between the look at it and its deletion stays.
func TestDelete_race(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.job("a", "error", time.Hour)
	w.job("b", "complete", time.Hour)
	l := w.lifecycle("")
	b, err := l.Submit(t.Context(), lifecycle.Batch{Kind: lifecycle.Delete, IDs: []string{"a", "b"}})
	if err != nil {
		t.Fatal(err)
	}
	w.job("a", "running", 0) // retried
	if got := w.run(l, b.ID); got.Done != 1 || got.Failed != 1 || got.Failures[0].Job != "a" {
		t.Errorf("batch = %s", got.Doc())
	}
	if n := w.count(store.Jobs); n != 1 {
		t.Errorf("%d jobs, want the one that was retried", n)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.job("a", "complete", time.Hour)
	l := w.lifecycle("")
	b, err := l.Submit(t.Context(), lifecycle.Batch{Kind: lifecycle.Delete, IDs: []string{"a"}})
	if err != nil {
		t.Fatal(err)
	}
	if b, err = l.Cancel(t.Context(), b.ID); err != nil || b.Status != lifecycle.Canceled {
		t.Fatalf("cancel: %v, %v", b, err)
	}
	if b = w.run(l, b.ID); b.Done != 0 || w.count(store.Jobs) != 1 {
		t.Errorf("batch = %s", b.Doc())
	}
}

// Rules delete what is old enough, and write it down first.
func TestRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.job("old", "complete", 40*24*time.Hour)
	w.job("child", "complete", 40*24*time.Hour, "old")
	w.job("failed", "error", 40*24*time.Hour)
	w.job("young", "complete", time.Hour)
	folder := t.TempDir()
	l := w.lifecycle(folder)
	doc := value.MustParse(`{"rules":[{"name":"old","statuses":["complete","canceled"],"after":"30d","action":"delete","export":true}]}`)
	if err := l.SetRules(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is a batch already
		if err := l.ApplyRules(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	found, err := w.store.Find(t.Context(), store.Batches, store.Query{})
	if err != nil || found.Total != 1 {
		t.Fatalf("%d batches, want 1 (%v)", found.Total, err)
	}
	b := w.run(l, found.Docs[0].ID)
	if b.Done != 1 || b.By != "rule old" || w.count(store.Jobs) != 2 || w.count(store.Tasks) != 2 {
		t.Errorf("batch = %s", b.Doc())
	}
	if lines := exported(t, filepath.Join(folder, b.ID+".jsonl.gz")); lines[store.Jobs] != 2 || lines[store.Tasks] != 2 || lines[store.History] != 2 || lines[store.Payloads] != 1 {
		t.Errorf("written down: %v", lines)
	}
	if err := w.lifecycle("").SetRules(t.Context(), doc); err == nil {
		t.Error("a rule that writes down is taken without a folder")
	}
	if err := l.SetRules(t.Context(), value.MustParse(`{"rules":[{"name":"x","statuses":["complete"],"after":"-1h","action":"delete"}]}`)); err == nil {
		t.Error("a negative age is taken")
	}
}

// exported counts the lines of an export by collection.
func exported(t *testing.T, file string) map[string]int {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	lines := bufio.NewScanner(zip)
	for lines.Scan() {
		v, err := value.Parse(lines.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		out[v.Get("collection").Text()]++
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
