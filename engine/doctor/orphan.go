package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// records checks that every document of a job belongs to one that exists, and that these and
// the entries of the audit log are found under what they say.
func (c *checker) records(ctx context.Context) error {
	for _, r := range kinds {
		err := c.all(ctx, r.stage, r.collection, func(docs []store.Doc) error {
			first, err := c.kept(ctx, r, docs)
			if err != nil {
				return err
			}
			suspected := first
			return c.settle(ctx, first, func() ([]suspect, error) {
				var again []suspect
				for _, s := range suspected {
					found, err := c.stillKept(ctx, r, s.ID)
					if err != nil {
						return nil, err
					}
					again = append(again, found...)
				}
				suspected = again
				return slices.Clone(again), nil
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// stillKept checks one document between two reads that give the same revision.
func (c *checker) stillKept(ctx context.Context, r record, id string) ([]suspect, error) {
	for range 5 {
		doc, err := c.Store.Get(ctx, r.collection, id)
		if errors.Is(err, store.ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read %s %q: %w", r.collection, id, err)
		}
		found, err := c.kept(ctx, r, []store.Doc{doc})
		if err != nil || len(found) == 0 {
			return nil, err
		}
		if after, err := c.Store.Get(ctx, r.collection, id); err == nil && after.Revision == doc.Revision {
			return found, nil
		}
	}
	return nil, nil
}

// record is a kind of document beside the jobs.
type record struct {
	stage, collection string
	job               []string // path to the id of the job it belongs to, if it does to one
}

// kinds are the records: whatever collection is searched by a job's id belongs to jobs.
var kinds = func() []record {
	var out []record
	for _, c := range schema.All() {
		switch {
		case c.Name == store.Payloads: // too large to be read for this, see large
		case c.Name == store.Audit:
			out = append(out, record{stage: "audit log", collection: c.Name})
		case c.FieldNamed("job").Type == store.Text:
			out = append(out, record{c.Name, c.Name, []string{"job"}})
		case c.FieldNamed("job._id").Type == store.Text:
			out = append(out, record{c.Name, c.Name, []string{"job", "_id"}})
		}
	}
	return out
}()

// kept checks some documents of a kind.
func (c *checker) kept(ctx context.Context, r record, docs []store.Doc) ([]suspect, error) {
	if len(docs) == 0 {
		return nil, nil
	}
	index, err := c.indexed(ctx, r.collection, ids(docs))
	if err != nil {
		return nil, err
	}
	var found []suspect
	bodies := make([]value.Value, len(docs))
	seen := map[string]bool{}
	var jobs []string
	for i, d := range docs {
		if bodies[i], err = value.ParseLast(d.Body); err != nil {
			found = append(found, finding(Left, r.collection, d.ID, "It cannot be read: %v.", err))
			continue
		}
		if job := bodies[i].Path(r.job...).Text(); r.job != nil && !seen[job] {
			seen[job] = true
			jobs = append(jobs, job)
		}
	}
	there, err := c.exist(ctx, jobs)
	if err != nil {
		return nil, err
	}
	for i, d := range docs {
		v := bodies[i]
		if v.IsAbsent() {
			continue
		}
		if job := v.Path(r.job...).Text(); r.job != nil && !there[job] {
			found = append(found, finding(Left, r.collection, d.ID, "Its job %q does not exist.", job).
				with(store.Write{Collection: r.collection, ID: d.ID, Expect: d.Revision}))
			continue
		}
		w := store.Write{Collection: r.collection, ID: d.ID, Expect: d.Revision, Body: d.Body, Index: collection(r.collection).IndexOf(v)}
		if stored := index[d.ID]; stored != nil {
			if wrong := misfiled(w, stored); len(wrong) > 0 {
				found = append(found, finding(Left, r.collection, d.ID, "%s.", strings.Join(wrong, "; ")).with(w))
			}
		}
	}
	return found, nil
}
