package doctor

import (
	"bytes"
	"slices"
	"testing"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/payload"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/memstore"
	"github.com/heddlehq/heddle/workflows/value"
)

// ward is a small store that a test damages.
type ward struct {
	t *testing.T
	*memstore.Store
}

func admit(t *testing.T) ward {
	t.Helper()
	return ward{t, small(t)}
}

func (w ward) commit(writes ...store.Write) {
	w.t.Helper()
	if err := w.Commit(w.t.Context(), writes)[0]; err != nil {
		w.t.Fatal(err)
	}
}

func (w ward) doc(collection, id string) store.Doc {
	w.t.Helper()
	d, err := w.Get(w.t.Context(), collection, id)
	if err != nil {
		w.t.Fatalf("%s %s: %v", collection, id, err)
	}
	return d
}

func (w ward) remove(collection string, ids ...string) {
	w.t.Helper()
	for _, id := range ids {
		w.commit(store.Write{Collection: collection, ID: id, Expect: store.Any})
	}
}

// amend changes a job as stored, its index fields with it.
func (w ward) amend(id string, change func(*engine.Job, *engine.Machine)) {
	w.t.Helper()
	job, m, err := decode(w.t.Context(), openLibrary(w.Store), payload.InStore(w.Store, payload.Options{}), w.doc(store.Jobs, id).Body)
	if err != nil {
		w.t.Fatal(err)
	}
	change(job, m)
	w.commit(runner.JobWrite(m, job, store.Any))
}

// task changes the state of a task of a job as stored.
func (w ward) task(id, task string, change func(*engine.TaskState)) {
	w.t.Helper()
	w.amend(id, func(job *engine.Job, m *engine.Machine) {
		t, ok := m.Task(job, task)
		if !ok {
			w.t.Fatalf("job %s has no task %q", id, task)
		}
		change(t)
	})
}

// refile stores a document unchanged, but with other values of index fields.
func (w ward) refile(of, id string, values map[string]any) {
	w.t.Helper()
	d := w.doc(of, id)
	index := collection(of).IndexOf(value.MustParse(string(d.Body)))
	if of == store.Jobs {
		job, m, err := decode(w.t.Context(), openLibrary(w.Store), payload.InStore(w.Store, payload.Options{}), d.Body)
		if err != nil {
			w.t.Fatal(err)
		}
		index = runner.JobWrite(m, job, store.Any).Index
	}
	for i, f := range collection(of).Fields {
		if v, ok := values[f.Name]; ok {
			index[i] = v
		}
	}
	w.commit(store.Write{Collection: of, ID: id, Expect: store.Any, Body: d.Body, Index: index})
}

func (w ward) put(of string, doc value.Value) {
	w.t.Helper()
	w.commit(store.Write{
		Collection: of, ID: doc.Get("_id").Text(), Expect: store.Any, Body: doc.AppendJSON(nil), Index: collection(of).IndexOf(doc),
	})
}

// of lists the documents of a job in order.
func (w ward) of(collection, job string) []value.Value {
	w.t.Helper()
	field, sort := "job", "seq"
	if collection == store.Tasks {
		field, sort = "job._id", "metrics.start_time"
	}
	page, err := w.Find(w.t.Context(), collection, store.Query{Where: store.Where(field, store.Eq, job), Sort: []store.Order{{Field: sort}}})
	if err != nil {
		w.t.Fatal(err)
	}
	var out []value.Value
	for _, d := range page.Docs {
		out = append(out, value.MustParse(string(d.Body)))
	}
	return out
}

// child is the child job of job busy.
func (w ward) child() string { return engine.ChildID(id(busy), "a", 1, -1) }

// treat checks the damaged store, mends it and checks it again. What is fixable must be gone,
// everything else left, and no job changed.
func (w ward) treat(want ...Finding) {
	w.t.Helper()
	before := w.bodies()
	found := examined(w.t, w.Store, Options{})
	for _, f := range want {
		if !slices.ContainsFunc(found.Findings, f.like) {
			w.t.Errorf("not found: %+v; found %+v", f, found.Findings)
		}
	}
	if len(found.Fixed) > 0 {
		w.t.Errorf("fixed without being asked: %v", found.Fixed)
	}
	fixed := examined(w.t, w.Store, Options{Fix: true})
	for _, f := range want {
		list := fixed.Findings
		if f.Fixable {
			list = fixed.Fixed
		}
		if f.Invariant != Counts && !slices.ContainsFunc(list, f.like) { // counts were off by what was mended
			w.t.Errorf("with Fix: %+v is not among %+v", f, list)
		}
	}
	for _, f := range examined(w.t, w.Store, Options{}).Findings {
		if f.Fixable || f.Invariant == Counts {
			w.t.Errorf("still there: %+v", f)
		}
	}
	if after := w.bodies(); !slices.EqualFunc(before, after, bytes.Equal) {
		w.t.Error("a job was changed")
	}
}

func (w ward) bodies() [][]byte {
	w.t.Helper()
	page, err := w.Find(w.t.Context(), store.Jobs, store.Query{Sort: []store.Order{{Field: store.ID}}})
	if err != nil {
		w.t.Fatal(err)
	}
	var out [][]byte
	for _, d := range page.Docs {
		out = append(out, d.Body)
	}
	return out
}

// like tells whether f is the same finding in other words; an empty id is any.
func (f Finding) like(other Finding) bool {
	return f.Invariant == other.Invariant && f.Collection == other.Collection && (f.ID == "" || f.ID == other.ID) && f.Fixable == other.Fixable
}

// job is a finding about a job, to be reported only.
func job(i Invariant, id string) Finding {
	return Finding{Invariant: i, Collection: store.Jobs, ID: id}
}
