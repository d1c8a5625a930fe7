package doctor

import (
	"testing"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

func TestCheck_history(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		damage func(w ward)
		want   []Finding
	}{
		"a job without a history": {
			func(w ward) {
				for _, d := range w.of(store.History, id(joined)) {
					w.remove(store.History, d.Get("_id").Text())
				}
			},
			[]Finding{job(Once, id(joined))},
		},
		"a job under another's id": {
			func(w ward) {
				w.amend(id(joined), func(j *engine.Job, m *engine.Machine) {
					copied := runner.JobWrite(m, j, store.New)
					copied.ID = id(99)
					w.commit(copied)
				})
			},
			[]Finding{job(Once, id(99))},
		},
		"a history that begins with a result": {
			func(w ward) { w.events(id(joined), 0, func(es []value.Value) { es[0] = w.result(id(joined), "a") }) },
			[]Finding{job(Once, id(joined))},
		},
		"a job started twice": {
			func(w ward) {
				start := w.of(store.History, id(joined))[0].Get("events").At(0)
				w.events(id(joined), 1, func(es []value.Value) { es[0] = start })
			},
			[]Finding{job(Once, id(joined))},
		},
		"two results": {
			func(w ward) {
				a := w.result(id(joined), "a")
				w.events(id(joined), -1, func(es []value.Value) { es[0] = a })
			},
			[]Finding{job(Accepted, id(joined))},
		},
		"an event after the end": {
			func(w ward) {
				w.amend(id(joined), func(j *engine.Job, _ *engine.Machine) { j.Seq++ })
				docs := w.of(store.History, id(joined))
				last := docs[len(docs)-1]
				n := number(last, "seq") + int64(last.Get("events").Len())
				paused := value.Object("type", value.String("JobPaused"), "at", value.Int(1))
				w.put(store.History, last.With("_id", value.String(id(joined)+"/late")).With("seq", value.Int(n)).With("events", value.Array(paused)))
			},
			[]Finding{job(Over, id(joined))},
		},
		"a gap": {
			func(w ward) { w.remove(store.History, w.of(store.History, id(joined))[1].Get("_id").Text()) },
			[]Finding{job(Replay, id(joined))},
		},
		"a lost end": {
			func(w ward) {
				docs := w.of(store.History, id(joined))
				w.remove(store.History, docs[len(docs)-1].Get("_id").Text())
			},
			[]Finding{job(Replay, id(joined))},
		},
		"a history ahead of its job": {
			func(w ward) { w.amend(id(waiting), func(j *engine.Job, _ *engine.Machine) { j.Seq = 0 }) },
			[]Finding{job(Replay, id(waiting))},
		},
		"a variable that no event set": {
			func(w ward) {
				w.amend(id(joined), func(j *engine.Job, _ *engine.Machine) { j.Variables = j.Variables.With("x", value.True) })
			},
			[]Finding{job(Replay, id(joined))},
		},
		"a lost workflow revision": {
			func(w ward) {
				w.amend(id(waiting), func(_ *engine.Job, m *engine.Machine) { w.remove(store.Revisions, m.Revision()) })
			},
			[]Finding{job(Replay, id(waiting))},
		},
		"a join that fired twice": {
			func(w ward) { w.task(id(joined), "c", func(s *engine.TaskState) { s.Iteration = 2 }) },
			[]Finding{job(Joins, id(joined))},
		},
		"a join that did not fire": {
			func(w ward) {
				w.task(id(joined), "c", func(s *engine.TaskState) { *s = engine.TaskState{Never: true} })
			},
			[]Finding{job(Joins, id(joined))},
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

// events changes the events of the n-th turn of a job; -1 is the last one.
func (w ward) events(job string, n int, change func([]value.Value)) {
	w.t.Helper()
	docs := w.of(store.History, job)
	if n < 0 {
		n += len(docs)
	}
	events := docs[n].Get("events").Slice()
	change(events)
	w.put(store.History, docs[n].With("events", value.Array(events...)))
}

// result is the event that gave a task its result.
func (w ward) result(job, task string) value.Value {
	w.t.Helper()
	for _, d := range w.of(store.History, job) {
		for _, e := range d.Get("events").Elements() {
			if e.Get("type").Text() == "TaskFinished" && e.Get("task").Text() == task {
				return e
			}
		}
	}
	w.t.Fatalf("job %s has no result for task %q", job, task)
	return value.Absent
}
