package storetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// Opener opens the store that lives under a folder, creating it there when
// there is none.
type Opener func(dir string, collections []store.Collection) (store.Store, error)

// RunDurable proves that a store keeps its promises beyond the life of its
// process. It must be called from a test function directly: the crash test
// starts that test again in a process of its own.
func RunDurable(t *testing.T, open Opener) {
	if dir := os.Getenv(crashDir); dir != "" {
		crashingWriter(open, dir)
	}
	t.Run("Crash", func(t *testing.T) { testCrash(t, open) })
	t.Run("Evolve", func(t *testing.T) { testEvolve(t, open) })
	t.Run("EvolveUnique", func(t *testing.T) { testEvolveUnique(t, open) })
	t.Run("Reopen", func(t *testing.T) { testReopen(t, open) })
}

func reopen(t *testing.T, open Opener, dir string, collections []store.Collection) store.Store {
	t.Helper()
	s, err := open(dir, collections)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return s
}

func closeStore(t *testing.T, s store.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func testReopen(t *testing.T, open Opener) {
	dir := t.TempDir()
	s := reopen(t, open, dir, Collections)
	fill(t, s)
	commit(t, s, Put("a", 1, "second", Thing{"name": "changed", "tags": []string{"t"}}))
	closeStore(t, s)
	s = reopen(t, open, dir, Collections)
	defer closeStore(t, s)
	if d := get(t, s, "a"); d.Revision != 2 || string(d.Body) != "second" {
		t.Errorf("came back as %+v", d)
	}
	for want, f := range map[string]store.Filter{
		"a b c d e": nil,
		"a":         store.Where("tags", store.Eq, "t"),
		"b":         store.Where("labels", store.Eq, "y"),
		"c":         store.Where("name", store.StartsWith, "alpha"),
		"b c":       store.Where("at", store.Exists, true),
	} {
		if p := find(t, s, store.Query{Where: f}); ids(p) != want || p.Total != len(p.Docs) {
			t.Errorf("%v: got %s, total %d, want %s", f, ids(p), p.Total, want)
		}
	}
}

// evolution returns two generations of a collection: the second drops a
// field, changes the type of one, adds plain, derived, unique and set fields
// and other indexes.
func evolution() (first, second []store.Collection) {
	first = []store.Collection{{
		Name:    "docs",
		Fields:  []store.Field{{Name: "kept", Type: store.Text}, {Name: "gone", Type: store.Texts}, {Name: "turned", Type: store.Text}},
		Indexes: []store.Index{store.By("kept"), store.By("gone"), store.By("turned", "kept")},
	}}
	second = []store.Collection{
		{Name: "more", Fields: []store.Field{{Name: "x", Type: store.Bool}}},
		{
			Name: "docs",
			Fields: []store.Field{
				{Name: "turned", Type: store.Number},
				{Name: "kept", Type: store.Text},
				{Name: "deep.time", Type: store.Time},
				{Name: "set", Type: store.Texts},
				{Name: "plain set", Type: store.Texts},
				{Name: "own", Type: store.Text, Unique: true},
				{Name: "size", Type: store.Number, From: func(doc value.Value) any { return int64(doc.Len()) }},
			},
			Indexes: []store.Index{store.By("set"), store.Sparsely("deep.time"), store.By("turned", "kept")},
		},
	}
	return first, second
}

func testEvolve(t *testing.T, open Opener) {
	dir := t.TempDir()
	first, second := evolution()
	s := reopen(t, open, dir, first)
	put := func(id, body string, index ...any) {
		t.Helper()
		commit(t, s, store.Write{Collection: "docs", ID: id, Expect: store.New, Body: []byte(body), Index: index})
	}
	put("a", `{"kept":"k","turned":7,"deep":{"time":"1970-01-01T00:00:01Z"},"set":["x","y"],"plain set":["p"],"own":"o1","gone":["g"]}`, "k", []string{"g"}, "7")
	put("b", `{"kept":"l","turned":"no number","deep":{"time":5},"set":["x",3],"own":"o2"}`, "l", nil, "no number")
	put("c", `no document at all`, "m", nil, nil)
	closeStore(t, s)

	for range 2 { // the second time there is nothing left to do
		s = reopen(t, open, dir, second)
		for _, tc := range []struct {
			f    store.Filter
			want string
		}{
			{store.Where("kept", store.Exists, true), "a b c"},
			{store.Where("turned", store.Eq, 7), "a"},
			{store.Where("turned", store.Exists, true), "a"},
			{store.Where("deep.time", store.Gte, 1000), "a"},
			{store.Where("deep.time", store.Exists, true), "a b"},
			{store.Where("set", store.Eq, "x"), "a b"},
			{store.Where("set", store.Eq, "y"), "a"},
			{store.Where("plain set", store.Eq, "p"), "a"},
			{store.Where("own", store.Eq, "o2"), "b"},
			{store.Where("size", store.Eq, 5), "b"},
		} {
			p, err := s.Find(t.Context(), "docs", store.Query{Where: tc.f})
			if err != nil || ids(p) != tc.want {
				t.Errorf("%v: got %q, error %v, want %q", tc.f, ids(p), err, tc.want)
			}
		}
		if _, err := s.Find(t.Context(), "docs", store.Query{Where: store.Where("gone", store.Eq, "g")}); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("a field no longer declared: %v", err)
		}
		if p, err := s.Find(t.Context(), "more", store.Query{}); err != nil || p.Total != 0 {
			t.Errorf("the new collection: total %d, error %v", p.Total, err)
		}
		closeStore(t, s)
	}

	s = reopen(t, open, dir, second)
	clash := s.Commit(t.Context(), store.Batch{{Collection: "docs", ID: "d", Expect: store.New, Body: []byte("{}"),
		Index: []any{nil, nil, nil, nil, nil, "o1", nil}}})[0]
	if !errors.Is(clash, store.ErrConflict) {
		t.Errorf("the new unique field lets a second value in: %v", clash)
	}
	commit(t, s, store.Write{Collection: "docs", ID: "a", Expect: 1, Body: []byte(`{"gone":["h"],"turned":"t"}`), Index: make([]any, 7)})
	closeStore(t, s)

	// Back again: what the second generation wrote is found by the first one's fields.
	s = reopen(t, open, dir, first)
	defer closeStore(t, s)
	for want, f := range map[string]store.Filter{
		"a":   store.Where("gone", store.Eq, "h"),
		"":    store.Where("gone", store.Eq, "g"),
		"a b": store.Where("turned", store.Exists, true),
	} {
		if p, err := s.Find(t.Context(), "docs", store.Query{Where: f}); err != nil || ids(p) != want {
			t.Errorf("back in the first generation, %v: got %q, error %v, want %q", f, ids(p), err, want)
		}
	}
}

// testEvolveUnique makes a field unique whose values are not.
func testEvolveUnique(t *testing.T, open Opener) {
	dir := t.TempDir()
	declare := func(unique bool) []store.Collection {
		return []store.Collection{{Name: "docs", Fields: []store.Field{{Name: "name", Type: store.Text, Unique: unique}}}}
	}
	s := reopen(t, open, dir, declare(false))
	for _, id := range []string{"a", "b"} {
		commit(t, s, store.Write{Collection: "docs", ID: id, Body: []byte("{}"), Index: []any{"same"}})
	}
	closeStore(t, s)
	if s, err := open(dir, declare(true)); err == nil || !strings.Contains(err.Error(), `"docs"`) || !strings.Contains(err.Error(), "name") {
		t.Errorf("opened with a broken promise: %v, error %v, want one that names collection and field", s, err)
	}
	s = reopen(t, open, dir, declare(false))
	defer closeStore(t, s)
	if p, err := s.Find(t.Context(), "docs", store.Query{}); err != nil || p.Total != 2 {
		t.Errorf("after the refusal: total %d, error %v, want 2", p.Total, err)
	}
}

const (
	crashDir     = "HEDDLE_STORETEST_CRASH"
	crashWriters = 8
)

// testCrash kills a writing process at random moments, again and again on the
// same store, and checks that what it acknowledged is there and that no batch
// is there in part.
func testCrash(t *testing.T, open Opener) {
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	top, _, _ := strings.Cut(t.Name(), "/")
	for round := range rounds {
		after := random.IntN(400)
		if round == 0 {
			after = 0 // while the store is being created
		}
		acknowledged, stderr := runAndKill(t, "^"+top+"$", dir, after)
		s, err := open(dir, Collections)
		if err != nil {
			t.Fatalf("seed %d, round %d: open after the crash: %v\n%s", seed, round, err, stderr)
		}
		verifyCrash(t, s, acknowledged)
		closeStore(t, s)
		if t.Failed() {
			t.Fatalf("seed %d, round %d, killed after %d lines\n%s", seed, round, after, stderr)
		}
	}
}

// runAndKill starts the writing process, kills it once it has printed so many
// lines and returns the highest number each writer had acknowledged.
func runAndKill(t *testing.T, test, dir string, after int) (acknowledged [crashWriters]int, stderr string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "-test.run="+test)
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	var failure strings.Builder
	cmd.Stderr = &failure
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines, killed := 0, false
	scanner := bufio.NewScanner(out)
	for scanner.Scan() {
		var writer, n int
		if _, err := fmt.Sscanf(scanner.Text(), "%d %d", &writer, &n); err == nil {
			acknowledged[writer] = max(acknowledged[writer], n)
		}
		if lines++; lines > after && !killed {
			killed = true
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := io.Copy(io.Discard, out); err != nil {
		t.Logf("rest of the output: %v", err) // a torn last line ends the scan
	}
	if err := cmd.Wait(); err == nil || !killed {
		t.Fatalf("the writer ended by itself: %v\n%s", err, failure.String())
	}
	return acknowledged, failure.String()
}

// crashingWriter counts up in one document a writer, adding two others in the
// same batch each time, and prints each number once it is stored. It never
// returns.
func crashingWriter(open Opener, dir string) {
	fail := func(err error) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("opening")
	s, err := open(dir, Collections)
	if err != nil {
		fail(err)
	}
	ctx := context.Background()
	var writers sync.WaitGroup
	for w := range crashWriters {
		writers.Go(func() {
			counter := fmt.Sprintf("counter%d", w)
			d, err := s.Get(ctx, Things, counter)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				fail(err)
			}
			for n := int(d.Revision) + 1; ; n++ {
				filler := strings.Repeat("x", n%5000)
				err := s.Commit(ctx, store.Batch{
					Put(fmt.Sprintf("left%d-%d", w, n), store.New, filler+"l", Thing{"name": counter, "tags": []string{counter}}),
					Put(counter, int64(n-1), strconv.Itoa(n), Thing{"n": int64(n)}),
					Put(fmt.Sprintf("right%d-%d", w, n), store.New, filler+"r", Thing{"name": counter, "at": int64(n)}),
				})[0]
				if err != nil {
					fail(err)
				}
				fmt.Printf("%d %d\n", w, n)
			}
		})
	}
	writers.Wait()
}

func verifyCrash(t *testing.T, s store.Store, acknowledged [crashWriters]int) {
	t.Helper()
	all := 0
	for w, least := range acknowledged {
		counter := fmt.Sprintf("counter%d", w)
		n := 0
		d, err := s.Get(t.Context(), Things, counter)
		switch {
		case err == nil:
			if n, err = strconv.Atoi(string(d.Body)); err != nil || d.Revision != int64(n) {
				t.Errorf("%s holds %q at revision %d", counter, d.Body, d.Revision)
			}
			all++
		case !errors.Is(err, store.ErrNotFound):
			t.Errorf("get %s: %v", counter, err)
		}
		if n < least {
			t.Errorf("%s stands at %d, but %d was acknowledged", counter, n, least)
		}
		all += 2 * n
		p := find(t, s, store.Query{Where: store.Where("name", store.Eq, counter)})
		sides := map[string]bool{}
		for _, d := range p.Docs {
			sides[d.ID] = true
		}
		for i := 1; i <= n; i++ {
			if !sides[fmt.Sprintf("left%d-%d", w, i)] || !sides[fmt.Sprintf("right%d-%d", w, i)] {
				t.Errorf("batch %d of %s is not there whole", i, counter)
			}
		}
		if p.Total != 2*n || len(p.Docs) != 2*n {
			t.Errorf("%s stands at %d, but %d documents (total %d) came with it", counter, n, len(p.Docs), p.Total)
		}
		if lefts := find(t, s, store.Query{Where: store.Where("tags", store.Eq, counter)}).Total; lefts != n {
			t.Errorf("%s stands at %d, but %d are found by tag", counter, n, lefts)
		}
	}
	if p := find(t, s, store.Query{Limit: 1}); p.Total != all {
		t.Errorf("total %d, want %d", p.Total, all)
	}
}
