package doctor

import (
	"strings"
	"testing"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/payload"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

func TestCheck_left(t *testing.T) {
	t.Parallel()
	run := engine.IterationID(id(joined), "c", 1)
	asked := engine.IterationID(id(waiting), "a", 1)
	left := func(collection, id string) Finding {
		return Finding{Invariant: Left, Collection: collection, ID: id, Fixable: true}
	}
	for name, tc := range map[string]struct {
		damage func(w ward)
		want   []Finding
	}{
		"a status filed wrongly": {
			func(w ward) { w.refile(store.Jobs, id(joined), map[string]any{"status": "running"}) },
			[]Finding{left(store.Jobs, id(joined)), {Invariant: Counts, Collection: store.Jobs, ID: "running"}},
		},
		"a live job filed as over": {
			func(w ward) { w.refile(store.Jobs, id(waiting), map[string]any{"live": nil}) },
			[]Finding{left(store.Jobs, id(waiting))},
		},
		"a due time that is not filed": {
			func(w ward) { w.refile(store.Jobs, id(delayed), map[string]any{"due": nil}) },
			[]Finding{left(store.Jobs, id(delayed))},
		},
		"a history that is not found by its job": {
			func(w ward) {
				w.refile(store.History, w.of(store.History, id(joined))[1].Get("_id").Text(), map[string]any{"job": "other"})
			},
			[]Finding{{Invariant: Left, Collection: store.History, Fixable: true}},
		},
		"a task run that is not found by its job": {
			func(w ward) { w.refile(store.Tasks, run, map[string]any{"job._id": "other"}) },
			[]Finding{left(store.Tasks, run)},
		},
		"a task run of no job": {
			func(w ward) {
				d := value.MustParse(string(w.doc(store.Tasks, run).Body))
				w.put(store.Tasks, d.With("_id", value.String("lost")).With("job", d.Get("job").With("_id", value.String("gone"))))
			},
			[]Finding{left(store.Tasks, "lost")},
		},
		"a history of no job": {
			func(w ward) {
				w.put(store.History, w.of(store.History, id(joined))[0].With("_id", value.String("gone/1")).With("job", value.String("gone")))
			},
			[]Finding{left(store.History, "gone/1")},
		},
		"large values of no job": {
			func(w ward) {
				p := payload.InStore(w.Store, payload.Options{Above: 100})
				for _, job := range []string{"gone", id(joined)} {
					if _, err := p.Fold(w.t.Context(), job, value.String(strings.Repeat("x", 5<<20))); err != nil {
						w.t.Fatal(err)
					}
				}
			},
			[]Finding{left(store.Payloads, "gone")},
		},
		"a task run without its document": {
			func(w ward) { w.remove(store.Tasks, asked) },
			[]Finding{left(store.Tasks, asked)},
		},
		"a task run that seems to go on": {
			func(w ward) {
				d := value.MustParse(string(w.doc(store.Tasks, run).Body))
				w.put(store.Tasks, d.With("status", value.String("running")).With("metrics", d.Get("metrics").Without("end_time", "finish_state")))
			},
			[]Finding{left(store.Tasks, run)},
		},
		"a task run that cannot be read": {
			func(w ward) {
				w.commit(store.Write{Collection: store.Tasks, ID: run, Expect: store.Any, Body: []byte("{"), Index: collection(store.Tasks).IndexOf(w.of(store.Tasks, id(joined))[2])})
			},
			[]Finding{left(store.Tasks, run)},
		},
		"an iteration after the end": {
			func(w ward) {
				d := value.MustParse(string(w.doc(store.Tasks, run).Body))
				w.put(store.Tasks, d.With("_id", value.String("late")).With("iteration", value.Int(2)).With("metrics", value.Object("start_time", value.Int(1<<45))))
			},
			[]Finding{{Invariant: Over, Collection: store.Tasks, ID: "late"}},
		},
		"an iteration that the job does not know": {
			func(w ward) {
				d := value.MustParse(string(w.doc(store.Tasks, asked).Body))
				w.put(store.Tasks, d.With("_id", value.String("odd")).With("iteration", value.Int(2)))
			},
			[]Finding{{Invariant: Left, Collection: store.Tasks, ID: "odd"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := admit(t)
			tc.damage(w)
			w.treat(tc.want...)
		})
	}
}

// A repaired document is the one the runner wrote.
func TestCheck_fixWritesWhatTheRunnerWrites(t *testing.T) {
	t.Parallel()
	for seed := uint64(1); seed <= 5; seed++ {
		w := ward{t, generated(t, seed, 1)}
		page, err := w.Find(t.Context(), store.Tasks, store.Query{})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range page.Docs {
			w.remove(store.Tasks, d.ID)
		}
		r := examined(t, w.Store, Options{Fix: true})
		restored := map[string]bool{}
		for _, f := range r.Fixed {
			restored[f.ID] = true
		}
		for _, d := range page.Docs {
			v := value.MustParse(string(d.Body))
			if !restored[d.ID] {
				if v.Get("status").Text() != "running" {
					t.Errorf("seed %d: task run %s was not restored", seed, v)
				}
				continue
			}
			if got := value.MustParse(string(w.doc(store.Tasks, d.ID).Body)); got.String() != v.String() {
				t.Errorf("seed %d: restored\n%s\nwritten by the runner\n%s", seed, got, v)
			}
		}
	}
}
