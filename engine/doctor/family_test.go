package doctor

import (
	"testing"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
)

func TestCheck_family(t *testing.T) {
	t.Parallel()
	first := engine.ChildID(id(parent), "a", 1, 0)
	second := engine.ChildID(id(busy), "a", 1, -1)
	kid := func(change func(*engine.Kid)) func(*engine.TaskState) {
		return func(s *engine.TaskState) { change(&s.Loop.Kids[0]) }
	}
	for name, tc := range map[string]struct {
		damage func(w ward)
		want   []Finding
	}{
		"a lost child": {
			func(w ward) { w.remove(store.Jobs, first) },
			[]Finding{job(Family, id(parent)), {Invariant: Left, Collection: store.History, Fixable: true}, {Invariant: Left, Collection: store.Tasks, Fixable: true}},
		},
		"a lost parent": {
			func(w ward) { w.remove(store.Jobs, id(parent)) },
			[]Finding{job(Family, first), job(Family, engine.ChildID(id(parent), "a", 1, 1))},
		},
		"a child that ended otherwise": {
			func(w ward) { w.task(id(parent), "a", kid(func(k *engine.Kid) { k.Status = engine.Canceled })) },
			[]Finding{job(Family, first)},
		},
		"a child that its parent does not name": {
			func(w ward) { w.task(id(busy), "a", kid(func(k *engine.Kid) { k.Iteration = 7 })) },
			[]Finding{job(Family, second)},
		},
		"a child of an iteration to come": {
			func(w ward) { w.task(id(busy), "a", func(s *engine.TaskState) { s.Iteration = 0 }) },
			[]Finding{job(Family, second)},
		},
		"a child under an id of its own": {
			func(w ward) { w.amend(second, func(j *engine.Job, _ *engine.Machine) { j.Parent.Element = 3 }) },
			[]Finding{job(Family, second)},
		},
		"other ancestors": {
			func(w ward) { w.amend(second, func(j *engine.Job, _ *engine.Machine) { j.Ancestors[0] = id(joined) }) },
			[]Finding{job(Family, second)},
		},
		"lost news": {
			func(w ward) {
				w.amend(second, func(j *engine.Job, _ *engine.Machine) { j.Status = engine.Complete; j.Outbox = nil })
			},
			[]Finding{job(Family, second)},
		},
		"lost news of an error": {
			func(w ward) { w.amend(second, func(j *engine.Job, _ *engine.Machine) { j.Status = engine.Errored }) },
			[]Finding{job(Family, second)},
		},
		"a child left behind": {
			func(w ward) {
				w.task(id(busy), "a", func(s *engine.TaskState) { s.Status, s.Loop = engine.TaskCanceled, nil })
			},
			[]Finding{job(Family, second)},
		},
		"a handler of nothing": {
			func(w ward) {
				w.amend(second, func(j *engine.Job, m *engine.Machine) {
					j.Parent.Task = "error_handler"
					old := j.ID
					j.ID = engine.ChildID(id(busy), "error_handler", 1, -1)
					j.Ancestors[1] = j.ID
					w.commit(runner.JobWrite(m, j, store.New))
					j.ID, j.Ancestors[1] = old, old
				})
			},
			[]Finding{job(Family, engine.ChildID(id(busy), "error_handler", 1, -1))},
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

func TestCheck_familyNewsOnItsWay(t *testing.T) {
	t.Parallel()
	w := admit(t)
	w.amend(w.child(), func(j *engine.Job, _ *engine.Machine) {
		j.Status, j.EndedAt = engine.Complete, time.Now().UnixMilli()
		j.Outbox = []engine.Effect{{Type: engine.NotifyParent, Key: "k", Parent: j.Parent, Status: engine.Complete}}
	})
	w.task(id(busy), "a", func(*engine.TaskState) {})
	for _, f := range examined(t, w.Store, Options{}).Findings {
		if f.Invariant == Family {
			t.Errorf("news in an outbox is found lost: %s", f)
		}
	}
}
