package memstore

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/heddlehq/heddle/engine/store"
)

// hit is a document that passed a filter, with a way to its fields.
type hit struct {
	id string
	row
	at map[string]int
}

func (h hit) field(name string) any {
	if name == store.ID {
		return h.id
	}
	return h.index[h.at[name]]
}

// Find implements [store.Store].
func (s *Store) Find(ctx context.Context, collection string, q store.Query) (store.Page, error) {
	c, err := s.collection(ctx, collection)
	if err != nil {
		return store.Page{}, err
	}
	if q, err = c.CheckQuery(q); err != nil {
		return store.Page{}, err
	}
	hits, err := s.hits(c, q.Where)
	if err != nil {
		return store.Page{}, err
	}
	var p store.Page
	if !q.NoTotal {
		p.Total = len(hits)
	}
	if rest := q.Rest(); rest != nil {
		hits = slices.DeleteFunc(hits, func(h hit) bool { return !matches(rest, h) })
	}
	slices.SortFunc(hits, func(a, b hit) int { return order(q.Sort, a, b) })
	hits = hits[min(q.Skip, len(hits)):]
	if q.Limit > 0 && len(hits) > q.Limit {
		hits = hits[:q.Limit]
		for _, o := range q.Sort {
			p.Next = append(p.Next, hits[q.Limit-1].field(o.Field))
		}
	}
	for _, h := range hits {
		p.Docs = append(p.Docs, h.doc(h.id))
	}
	return p, nil
}

// hits returns the documents that pass a plain filter, in no order.
func (s *Store) hits(c *store.Collection, where store.Filter) ([]hit, error) {
	at := make(map[string]int, len(c.Fields))
	for i, f := range c.Fields {
		at[f.Name] = i
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, store.ErrClosed
	}
	var out []hit
	for id, r := range s.tables[c.Name] {
		if h := (hit{id, r, at}); matches(where, h) {
			out = append(out, h)
		}
	}
	return out, nil
}

func order(sort []store.Order, a, b hit) int {
	for _, o := range sort {
		if n := compare(a.field(o.Field), b.field(o.Field)); n != 0 {
			if o.Desc {
				return -n
			}
			return n
		}
	}
	return 0
}

// matches evaluates a filter in plain form.
func matches(f store.Filter, h hit) bool {
	switch f := f.(type) {
	case store.And:
		return !slices.ContainsFunc(f, func(f store.Filter) bool { return !matches(f, h) })
	case store.Or:
		return slices.ContainsFunc(f, func(f store.Filter) bool { return matches(f, h) })
	case store.Not:
		return !matches(f.Filter, h)
	case store.Compare:
		return holds(f, h.field(f.Field))
	}
	return true // nil, the filter that lets all pass
}

func holds(p store.Compare, v any) bool {
	switch {
	case v == nil:
		return false
	case p.Op == store.Exists:
		return true
	}
	if set, ok := v.([]string); ok {
		return slices.ContainsFunc(set, func(e string) bool { return holds(p, e) })
	}
	switch p.Op {
	case store.Eq:
		return v == p.Value
	case store.In:
		return slices.Contains(p.Value.([]any), v)
	case store.Lt:
		return compare(v, p.Value) < 0
	case store.Lte:
		return compare(v, p.Value) <= 0
	case store.Gt:
		return compare(v, p.Value) > 0
	case store.Gte:
		return compare(v, p.Value) >= 0
	}
	text, want := v.(string), p.Value.(string)
	switch p.Op {
	case store.Contains:
		return store.ContainsFold(text, want)
	case store.StartsWith:
		return strings.HasPrefix(text, want)
	}
	return strings.HasSuffix(text, want) // store.EndsWith, the last one left
}

// compare orders two normal values of one field; missing comes first.
func compare(a, b any) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	switch a := a.(type) {
	case string:
		return cmp.Compare(a, b.(string))
	case bool:
		return cmp.Compare(bit(a), bit(b.(bool)))
	}
	return store.CompareNumbers(a, b)
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
