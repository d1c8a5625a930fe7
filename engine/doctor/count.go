package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// statistics compares the counts that the store gives with a count of the documents
// themselves.
func (c *checker) statistics(ctx context.Context) error {
	for _, name := range []string{store.Jobs, store.Tasks} {
		first, err := c.recount(ctx, name)
		if err != nil {
			return err
		}
		if err := c.settle(ctx, first, func() ([]suspect, error) { return c.recount(ctx, name) }); err != nil {
			return err
		}
	}
	return nil
}

// recount counts by status. While the store's own counts move nothing can be said.
func (c *checker) recount(ctx context.Context, name string) ([]suspect, error) {
	before, err := c.counted(ctx, name)
	if err != nil {
		return nil, err
	}
	counts := map[string]int{}
	err = c.all(ctx, "statistics of "+name, name, func(docs []store.Doc) error {
		for _, d := range docs {
			if v, err := value.ParseLast(d.Body); err == nil { // else it has a finding of its own
				counts[string(engine.Status(v.Get("status").Text()).Shown())]++
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	after, err := c.counted(ctx, name)
	if err != nil || !maps.Equal(before, after) {
		return nil, err
	}
	var found []suspect
	all := maps.Clone(counts)
	maps.Copy(all, after)
	for _, status := range slices.Sorted(maps.Keys(all)) {
		if after[status] != counts[status] {
			found = append(found, finding(Counts, name, status, "The store counts %d with status %q; there are %d.", after[status], status, counts[status]))
		}
	}
	return found, nil
}

// counted gives the store's counts by status.
func (c *checker) counted(ctx context.Context, name string) (map[string]int, error) {
	buckets, err := c.Store.Group(ctx, name, store.Grouping{By: []store.Key{{Field: "status"}}})
	if err != nil {
		return nil, fmt.Errorf("count %s: %w", name, err)
	}
	out := map[string]int{}
	for _, b := range buckets {
		status, _ := b.Keys[0].(string)
		out[status] += b.Count
	}
	return out, nil
}
