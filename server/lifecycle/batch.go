package lifecycle

import (
	"slices"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// Kind is what a batch does to jobs.
type Kind string

// The kinds.
const (
	Archive Kind = "archive" // lists leave them out
	Restore Kind = "restore" // lists show them again
	Delete  Kind = "delete"  // they go for good
)

// Status is how far a batch is.
type Status string

// The statuses. Complete and Canceled are final.
const (
	Running  Status = "running"
	Complete Status = "complete"
	Canceled Status = "canceled"
)

// Batch is work on many jobs. Jobs are named by their ids or by a filter, which speaks of the
// first jobs of families.
type Batch struct {
	ID       string
	Kind     Kind
	Status   Status
	By       string // the account that ordered it, or the rule
	Created  int64  // jobs that changed since are left alone
	Updated  int64
	Ended    int64
	IDs      []string
	Filter   store.Filter
	Export   bool // write down before deleting
	Total    int  // families to work on, as counted at the beginning
	Done     int
	Failures []Failure // the first ones
	Failed   int

	next     int       // of IDs
	last     string    // the last family of the filter that was worked on
	left     []remains // of large families whose jobs are deleted
	stopped  bool      // it was canceled while something was left
	worker   string
	lease    int64
	revision int64
}

// Failure is a family that was left alone, and why.
type Failure struct{ Job, Reason string }

// maxFailures bounds those that are told of one by one.
const maxFailures = 100

// remains is what is left of a family whose jobs are deleted.
type remains struct {
	root string
	jobs []string
}

func (b *Batch) failed(job string, err error) {
	b.Failed++
	if len(b.Failures) < maxFailures {
		b.Failures = append(b.Failures, Failure{job, err.Error()})
	}
}

// Doc is the batch as people are shown it.
func (b *Batch) Doc() value.Value {
	var m value.Members
	m.Set("_id", value.String(b.ID)).Set("kind", value.String(string(b.Kind))).Set("status", value.String(string(b.Status))).
		Set("by", value.String(b.By)).Set("created", value.Int(b.Created)).Set("updated", value.Int(b.Updated))
	if b.Ended > 0 {
		m.Set("ended", value.Int(b.Ended))
	}
	failures := make([]value.Value, len(b.Failures))
	for i, f := range b.Failures {
		failures[i] = value.Object("job", value.String(f.Job), "reason", value.String(f.Reason))
	}
	return m.Set("total", value.Int(int64(b.Total))).Set("done", value.Int(int64(b.Done))).Set("failed", value.Int(int64(b.Failed))).
		Set("failures", value.Array(failures...)).Set("export", value.Bool(b.Export)).Value()
}

// stored is the whole batch as it is kept.
func (b *Batch) stored() value.Value {
	left := make([]value.Value, len(b.left))
	for i, r := range b.left {
		left[i] = value.Object("root", value.String(r.root), "jobs", value.Strings(r.jobs...))
	}
	doc := b.Doc().With("ids", value.Strings(b.IDs...)).With("next", value.Int(int64(b.next))).With("last", value.String(b.last)).
		With("left", value.Array(left...)).With("worker", value.String(b.worker)).With("lease", value.Int(b.lease))
	if b.Filter != nil {
		doc = doc.With("filter", encodeFilter(b.Filter))
	}
	if b.stopped {
		doc = doc.With("stopped", value.True)
	}
	if b.Status == Running {
		doc = doc.With("live", value.True)
	}
	return doc
}

func decodeBatch(d store.Doc) (*Batch, error) {
	v, err := value.ParseLast(d.Body)
	if err != nil {
		return nil, err
	}
	number := func(key string) int64 { n, _ := v.Get(key).Int(); return n }
	texts := func(v value.Value) (out []string) {
		for _, e := range v.Elements() {
			out = append(out, e.Text())
		}
		return out
	}
	b := &Batch{
		ID: d.ID, Kind: Kind(v.Get("kind").Text()), Status: Status(v.Get("status").Text()), By: v.Get("by").Text(),
		Created: number("created"), Updated: number("updated"), Ended: number("ended"), IDs: texts(v.Get("ids")), Export: v.Get("export").Truth(),
		Total: int(number("total")), Done: int(number("done")), Failed: int(number("failed")), next: int(number("next")), last: v.Get("last").Text(),
		worker: v.Get("worker").Text(), lease: number("lease"), stopped: v.Get("stopped").Truth(), revision: d.Revision,
	}
	for _, f := range v.Get("failures").Elements() {
		b.Failures = append(b.Failures, Failure{f.Get("job").Text(), f.Get("reason").Text()})
	}
	for _, r := range v.Get("left").Elements() {
		b.left = append(b.left, remains{r.Get("root").Text(), texts(r.Get("jobs"))})
	}
	if f := v.Get("filter"); f.IsObject() {
		if b.Filter, err = decodeFilter(f); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// write prepares storing the batch over the revision it was read at.
func (b *Batch) write() store.Write {
	doc := b.stored()
	return store.Write{Collection: store.Batches, ID: b.ID, Expect: b.revision, Body: doc.AppendJSON(nil), Index: collection.IndexOf(doc)}
}

var collection = func() *store.Collection {
	at := slices.IndexFunc(store.Collections, func(c store.Collection) bool { return c.Name == store.Batches })
	return &store.Collections[at]
}()
