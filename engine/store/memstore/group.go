package memstore

import (
	"context"
	"slices"

	"github.com/heddlehq/heddle/engine/store"
)

// Group implements [store.Store].
func (s *Store) Group(ctx context.Context, collection string, g store.Grouping) ([]store.Bucket, error) {
	c, err := s.collection(ctx, collection)
	if err != nil {
		return nil, err
	}
	if g, err = c.CheckGrouping(g); err != nil {
		return nil, err
	}
	hits, err := s.hits(c, g.Where)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(hits, func(a, b hit) int { return compareKeys(keys(g.By, a), keys(g.By, b)) })
	var out []store.Bucket
	for len(hits) > 0 {
		k := keys(g.By, hits[0])
		n := slices.IndexFunc(hits, func(h hit) bool { return compareKeys(keys(g.By, h), k) != 0 })
		if n < 0 {
			n = len(hits)
		}
		out = append(out, bucket(g, k, hits[:n]))
		hits = hits[n:]
	}
	if out == nil && len(g.By) == 0 {
		out = []store.Bucket{bucket(g, []any{}, nil)}
	}
	return out, nil
}

func keys(by []store.Key, h hit) []any {
	out := make([]any, len(by))
	for i, k := range by {
		out[i] = h.field(k.Field)
		if ms, ok := out[i].(int64); ok {
			out[i] = k.Unit.Start(ms)
		}
	}
	return out
}

func compareKeys(a, b []any) int { return slices.CompareFunc(a, b, compare) }

func bucket(g store.Grouping, key []any, hits []hit) store.Bucket {
	b := store.Bucket{Keys: key, Count: len(hits)}
	for _, m := range g.Measure {
		var vs []any
		for _, h := range hits {
			if v := h.field(m.Field); v != nil {
				vs = append(vs, v)
			}
		}
		b.Measures = append(b.Measures, measure(m.Of, vs))
	}
	return b
}

func measure(of store.Aggregate, vs []any) any {
	switch {
	case of == store.Sum:
		return sum(vs)
	case len(vs) == 0:
		return nil
	case of == store.Avg:
		return sum(vs) / float64(len(vs))
	case of == store.Min:
		return slices.MinFunc(vs, compare)
	}
	return slices.MaxFunc(vs, compare)
}

func sum(vs []any) float64 {
	var total float64
	for _, v := range vs {
		switch n := v.(type) {
		case int64:
			total += float64(n)
		case float64:
			total += n
		}
	}
	return total
}
