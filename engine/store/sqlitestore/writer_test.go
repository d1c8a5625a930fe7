package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/heddlehq/heddle/engine/store"
)

var notesOnly = []store.Collection{{
	Name: "notes", Fields: []store.Field{{Name: "topic", Type: store.Text}}, Indexes: []store.Index{store.By("topic")},
}}

func openNotes(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, Options{Collections: notesOnly})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func note(id string, size int) store.Batch {
	return store.Batch{{Collection: "notes", ID: id, Expect: store.New, Body: make([]byte, size), Index: []any{id}}}
}

// TestCommit_full bounds the file so that one of three batches that share a
// transaction does not fit.
func TestCommit_full(t *testing.T) {
	t.Parallel()
	s := openNotes(t, filepath.Join(t.TempDir(), "full.db"))
	if _, err := s.rows.conn.exec("PRAGMA max_page_count = 100"); err != nil {
		t.Fatal(err)
	}
	errs := s.Commit(t.Context(), note("a", 1000), note("big", 1<<20), note("b", 1000))
	if errs[0] != nil || !errors.Is(errs[1], store.ErrFull) || errs[2] != nil {
		t.Errorf("results %v, want only the second to be ErrFull", errs)
	}
	if _, err := s.rows.conn.exec("PRAGMA max_page_count = 10000"); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), note("big", 1<<20))[0]; err != nil {
		t.Errorf("with room again: %v", err)
	}
	p, err := s.Find(t.Context(), "notes", store.Query{})
	if err != nil || len(p.Docs) != 3 || p.Total != 3 {
		t.Errorf("%d documents of %d, error %v, want 3", len(p.Docs), p.Total, err)
	}
}

// TestWriter_canceled cancels a request that waits in the queue and one that
// the writer has taken. The test plays the writer.
func TestWriter_canceled(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		taken bool
		want  error
	}{
		"taken":   {true, nil},
		"waiting": {false, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &writer{wake: make(chan struct{}, 1)}
				r := &request{batches: make([]batch, 1), done: make(chan struct{})}
				ctx, cancel := context.WithCancel(t.Context())
				result := make(chan error, 1)
				go func() { result <- w.do(ctx, r) }()
				<-w.wake
				if tc.taken {
					w.take()
				}
				cancel()
				synctest.Wait()
				close(r.done)
				if err := <-result; !errors.Is(err, tc.want) {
					t.Errorf("result %v, want %v", err, tc.want)
				}
				if rs, _ := w.take(); len(rs) != 0 {
					t.Error("the request is still in the queue")
				}
			})
		})
	}
}

// TestWriter_take bounds what shares a transaction.
func TestWriter_take(t *testing.T) {
	t.Parallel()
	small := func() *request { return &request{batches: []batch{{writes: note("x", 10)}}} }
	large := func() *request { return &request{batches: []batch{{writes: note("x", maxBytes)}}} }
	for name, tc := range map[string]struct {
		queue []*request
		want  []int
	}{
		"all at once":       {[]*request{small(), small(), small()}, []int{3, 0}},
		"large ones apart":  {[]*request{small(), large(), large(), small()}, []int{2, 1, 1, 0}},
		"at most maxShared": {slices.Repeat([]*request{small()}, maxShared+1), []int{maxShared, 1, 0}},
		"never split":       {[]*request{{batches: make([]batch, 2*maxShared)}, small()}, []int{1, 1, 0}},
	} {
		w := &writer{queue: tc.queue}
		for i, want := range tc.want {
			if rs, _ := w.take(); len(rs) != want {
				t.Errorf("%s: take %d gave %d requests, want %d", name, i, len(rs), want)
			}
		}
	}
}

func TestOpen_newerFormat(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "newer.db")
	s := openNotes(t, path)
	if _, err := s.rows.conn.exec(fmt.Sprintf("PRAGMA user_version = %d", format+1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path, Options{}); err == nil || !strings.Contains(err.Error(), "newer version") {
		t.Errorf("opened a file of a newer format: %v", err)
	}
}

// TestFind_plans guards the lists that must not read a whole collection.
func TestFind_plans(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "plans.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	is := store.Where
	for name, tc := range map[string]struct {
		collection string
		where      store.Filter
		order      string
		want       string
	}{
		"children":       {store.Jobs, is("parent.job", store.Eq, "x"), "_id", `INDEX jobs:by:parent.job:sparse (parent.job=?)`},
		"descendants":    {store.Jobs, is("ancestors", store.Eq, "x"), "_id", `jobs:set:ancestors`},
		"due":            {store.Jobs, is("due", store.Lte, 1), `"due", _id`, `INDEX jobs:by:due:sparse (due<?)`},
		"history":        {store.History, is("job", store.Eq, "x"), "_id", `INDEX sqlite_autoindex_history_1 (_id>? AND _id<?)`},
		"live":           {store.Jobs, is("live", store.Eq, true), "_id", `INDEX jobs:by:live:sparse (live=?)`},
		"newest":         {store.Jobs, nil, `"metrics.start_time" DESC, _id DESC`, `SCAN jobs USING INDEX jobs:by:metrics.start_time`},
		"of a status":    {store.Jobs, is("status", store.Eq, "error"), `"metrics.start_time" DESC, _id DESC`, `INDEX jobs:by:status,metrics.start_time (status=?)`},
		"of a workflow":  {store.Jobs, is("name", store.Eq, "x"), `"metrics.start_time" DESC, _id DESC`, `INDEX jobs:by:name,metrics.start_time (name=?)`},
		"tasks of a job": {store.Tasks, is("job._id", store.Eq, "x"), "_id", `INDEX tasks:by:job._id (job._id=?)`},
		"work list":      {store.Tasks, store.And{is("type", store.Eq, "manual"), is("status", store.Eq, "running")}, "_id", `INDEX tasks:by:type,status (type=? AND status=?)`},
	} {
		table := s.tables[tc.collection]
		where, err := table.CheckFilter(tc.where)
		if err != nil {
			t.Fatal(err)
		}
		c := condition{table: table}
		query := "EXPLAIN QUERY PLAN SELECT _row FROM " + table.name + c.where(where) + " ORDER BY " + tc.order
		rows, err := s.readers.Query(query, c.args...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var plan []string
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				t.Fatal(err)
			}
			plan = append(plan, step)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
		got := strings.ReplaceAll(strings.Join(plan, "\n"), "COVERING INDEX", "INDEX")
		sorted := strings.Contains(got, "TEMP B-TREE") && name != "descendants"
		if !strings.Contains(got, tc.want) || sorted {
			t.Errorf("%s: the plan is\n%s\nwant %s without a sort", name, got, tc.want)
		}
	}
}
