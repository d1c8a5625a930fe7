package doctor

import (
	"context"
	"fmt"
	"slices"

	"github.com/heddlehq/heddle/engine/store"
)

// large finds the large values of jobs that do not exist. Those of jobs that do may be more
// than the jobs refer to: what a turn stored before it failed is left until the family goes.
func (c *checker) large(ctx context.Context) error {
	found, err := c.unowned(ctx)
	if err != nil {
		return err
	}
	return c.settle(ctx, found, func() ([]suspect, error) { return c.unowned(ctx) })
}

func (c *checker) unowned(ctx context.Context) ([]suspect, error) {
	families, err := c.Store.Group(ctx, store.Payloads, store.Grouping{By: []store.Key{{Field: "job"}}})
	if err != nil {
		return nil, fmt.Errorf("count %s: %w", store.Payloads, err)
	}
	var jobs []string
	for _, b := range families {
		job, _ := b.Keys[0].(string)
		jobs = append(jobs, job)
	}
	there, err := c.exist(ctx, jobs)
	if err != nil {
		return nil, err
	}
	var found []suspect
	for _, b := range families {
		job, filed := b.Keys[0].(string)
		switch {
		case !filed:
			found = append(found, finding(Left, store.Payloads, "", "%d large values belong to no job.", b.Count))
		case !there[job]:
			found = append(found, finding(Left, store.Payloads, job, "%d pieces of large values belong to job %q, which does not exist.", b.Count, job).
				by(c.drop(job)))
		}
	}
	return found, nil
}

// drop deletes the large values of a family, the last pieces with the repair itself.
func (c *checker) drop(job string) func(context.Context) (store.Batch, error) {
	return func(ctx context.Context) (store.Batch, error) {
		pieces, err := c.Store.Group(ctx, store.Payloads, store.Grouping{Where: store.Where("job", store.Eq, job), By: []store.Key{{Field: store.ID}}})
		if err != nil {
			return nil, fmt.Errorf("large values of job %q: %w", job, err)
		}
		var batch store.Batch
		for part := range slices.Chunk(pieces, 1000) {
			if len(batch) > 0 {
				if err := c.Store.Commit(ctx, batch)[0]; err != nil {
					return nil, fmt.Errorf("delete large values of job %q: %w", job, err)
				}
			}
			batch = nil
			for _, b := range part {
				batch = append(batch, store.Write{Collection: store.Payloads, ID: b.Keys[0].(string), Expect: store.Any})
			}
		}
		return batch, nil
	}
}
