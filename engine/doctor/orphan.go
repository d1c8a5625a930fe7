package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// records checks that every history document and task run belongs to a job and is found
// under what it says.
func (c *checker) records(ctx context.Context) error {
	for _, r := range []record{
		{"history", store.History, []string{"job"}},
		{"task runs", store.Tasks, []string{"job", "_id"}},
	} {
		err := c.all(ctx, r.stage, r.collection, func(docs []store.Doc) error {
			first, err := c.kept(ctx, r, docs)
			if err != nil {
				return err
			}
			return c.settle(ctx, first, func() ([]suspect, error) {
				var again []store.Doc
				for _, s := range first {
					d, err := c.Store.Get(ctx, r.collection, s.ID)
					if errors.Is(err, store.ErrNotFound) {
						continue
					}
					if err != nil {
						return nil, fmt.Errorf("read %s %q: %w", r.collection, s.ID, err)
					}
					again = append(again, d)
				}
				return c.kept(ctx, r, again)
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// record is a kind of document that belongs to a job.
type record struct {
	stage, collection string
	job               []string // path to the job's id
}

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
		if job := bodies[i].Path(r.job...).Text(); !seen[job] {
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
		if job := v.Path(r.job...).Text(); !there[job] {
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
