package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// family is a job that nobody called, with all that belongs to it.
type family struct {
	root string
	jobs []store.Doc
	rest []store.Write // deletions of what is not a job
}

// ErrAtWork is the refusal to delete or archive a job that has not ended, or one of whose
// children has not.
var ErrAtWork = errors.New("has not ended; cancel it first")

// ErrChild is the refusal to delete or archive a child job on its own.
var ErrChild = errors.New("was called by another job and goes with that")

// atRest tells whether a stored job does nothing by itself.
func atRest(job value.Value) bool {
	s := engine.Status(job.Get("status").Text())
	return s.Final() || s == engine.Errored
}

// jobs reads a family's jobs; none when it is gone.
func (l *Lifecycle) jobs(ctx context.Context, root string) ([]store.Doc, error) {
	first, err := l.Store.Get(ctx, store.Jobs, root)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	v, err := value.ParseLast(first.Body)
	if err != nil {
		return nil, err
	}
	if v.Get("ancestors").Len() > 1 {
		return nil, fmt.Errorf("job %s %w", root, ErrChild)
	}
	out := []store.Doc{first}
	q := store.Query{
		Where: store.And{store.Where("ancestors", store.Contains, root), store.Where(store.ID, store.Ne, root)},
		Sort:  []store.Order{{Field: store.ID}}, Limit: pageSize, NoTotal: true,
	}
	for {
		found, err := l.Store.Find(ctx, store.Jobs, q)
		if err != nil {
			return nil, err
		}
		out = append(out, found.Docs...)
		if found.Next == nil {
			break
		}
		q.After = found.Next
	}
	for _, d := range out {
		v, err := value.ParseLast(d.Body)
		if err != nil {
			return nil, err
		}
		if !atRest(v) {
			return nil, fmt.Errorf("job %s %w", d.ID, ErrAtWork)
		}
	}
	return out, nil
}

// family reads all that belongs to a job.
func (l *Lifecycle) family(ctx context.Context, root string) (*family, error) {
	jobs, err := l.jobs(ctx, root)
	if err != nil || len(jobs) == 0 {
		return nil, err
	}
	f := &family{root: root, jobs: jobs}
	f.rest, err = l.rest(ctx, root, ids(jobs))
	return f, err
}

func ids(docs []store.Doc) []string {
	out := make([]string, len(docs))
	for i, d := range docs {
		out[i] = d.ID
	}
	return out
}

// rest lists deletions of what belongs to jobs of a family.
func (l *Lifecycle) rest(ctx context.Context, root string, jobs []string) ([]store.Write, error) {
	var out []store.Write
	add := func(collection string, where store.Filter) error {
		buckets, err := l.Store.Group(ctx, collection, store.Grouping{Where: where, By: []store.Key{{Field: store.ID}}})
		if err != nil {
			return fmt.Errorf("%s of job %s: %w", collection, root, err)
		}
		for _, b := range buckets {
			id, _ := b.Keys[0].(string)
			out = append(out, store.Write{Collection: collection, ID: id, Expect: store.Any})
		}
		return nil
	}
	for some := range slices.Chunk(jobs, store.MaxValues) {
		for collection, field := range map[string]string{store.Tasks: "job._id", store.Quarantine: "job", store.Links: "job"} {
			if err := add(collection, store.Where(field, store.In, some)); err != nil {
				return nil, err
			}
		}
	}
	for _, job := range jobs {
		for _, collection := range []string{store.History, store.LateResults, store.Logs} { // found by their prefixes
			if err := add(collection, store.Where("job", store.Eq, job)); err != nil {
				return nil, err
			}
		}
	}
	return out, add(store.Payloads, store.Where("job", store.Eq, root))
}

// deletions are the writes that take the jobs away, guarded by what was read of them.
func (f *family) deletions() store.Batch {
	out := make(store.Batch, len(f.jobs))
	for i, d := range f.jobs {
		out[i] = store.Write{Collection: store.Jobs, ID: d.ID, Expect: d.Revision}
	}
	return out
}

func (f *family) size() int { return len(f.jobs) + len(f.rest) }
