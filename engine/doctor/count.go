package doctor

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
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
		if err := c.settle(ctx, first, func() ([]suspect, error) { return c.recountStill(ctx, name) }); err != nil {
			return err
		}
	}
	return nil
}

// recount compares the counts by status.
func (c *checker) recount(ctx context.Context, name string) ([]suspect, error) {
	counted, err := c.counted(ctx, name)
	if err != nil {
		return nil, err
	}
	seen, err := c.census(ctx, name)
	if err != nil {
		return nil, err
	}
	return seen.differ(name, counted), nil
}

// recountStill compares the counts by status of a collection that keeps still: two walks that
// see the same documents at the same revisions see what stood there between them, when the
// store counts. Of one that does not nothing can be said.
func (c *checker) recountStill(ctx context.Context, name string) ([]suspect, error) {
	before, err := c.census(ctx, name)
	if err != nil {
		return nil, err
	}
	counted, err := c.counted(ctx, name)
	if err != nil {
		return nil, err
	}
	after, err := c.census(ctx, name)
	if err != nil || after.sum != before.sum {
		return nil, err
	}
	return before.differ(name, counted), nil
}

// census is a count of the documents themselves.
type census struct {
	counts map[string]int // by status
	sum    uint64         // over the documents and their revisions
}

func (c *checker) census(ctx context.Context, name string) (census, error) {
	out := census{counts: map[string]int{}}
	sum := fnv.New64a()
	err := c.all(ctx, "statistics of "+name, name, func(docs []store.Doc) error {
		for _, d := range docs {
			sum.Write(binary.BigEndian.AppendUint64([]byte(d.ID), uint64(d.Revision)))
			if v, err := value.ParseLast(d.Body); err == nil { // else it has a finding of its own
				out.counts[string(engine.Status(v.Get("status").Text()).Shown())]++
			}
		}
		return nil
	})
	out.sum = sum.Sum64()
	return out, err
}

// differ tells where the store's counts are others.
func (s census) differ(name string, counted map[string]int) []suspect {
	var found []suspect
	all := maps.Clone(s.counts)
	maps.Copy(all, counted)
	for _, status := range slices.Sorted(maps.Keys(all)) {
		if counted[status] != s.counts[status] {
			found = append(found, finding(Counts, name, status, "The store counts %d with status %q; there are %d.", counted[status], status, s.counts[status]))
		}
	}
	return found
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
