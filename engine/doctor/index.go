package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
)

// schema tells which index fields each collection has.
var schema = func() *store.Schema {
	s, err := store.NewSchema(store.Collections)
	if err != nil {
		panic(err) // the table of collections is wrong
	}
	return s
}()

func collection(name string) *store.Collection {
	c, err := schema.Collection(name)
	if err != nil {
		panic(err) // a constant of package store names none
	}
	return c
}

// indexed reads the index values of documents, in the order of the collection's fields. Sets
// are left out: a store does not give them back.
func (c *checker) indexed(ctx context.Context, name string, ids []string) (map[string][]any, error) {
	fields := collection(name).Fields
	by := []store.Key{{Field: store.ID}}
	at := []int{}
	for i, f := range fields {
		if f.Type != store.Texts {
			by = append(by, store.Key{Field: f.Name})
			at = append(at, i)
		}
	}
	buckets, err := c.Store.Group(ctx, name, store.Grouping{Where: store.Where(store.ID, store.In, ids), By: by})
	if err != nil {
		return nil, fmt.Errorf("read index fields of %s: %w", name, err)
	}
	out := make(map[string][]any, len(buckets))
	for _, b := range buckets {
		values := make([]any, len(fields))
		for k, i := range at {
			values[i] = b.Keys[k+1]
		}
		out[b.Keys[0].(string)] = values
	}
	return out, nil
}

// misfiled lists the index fields whose stored value is not the one a write would store.
func misfiled(w store.Write, stored []any) []string {
	normal, err := schema.CheckBatch(store.Batch{w})
	if err != nil {
		return []string{err.Error()}
	}
	var out []string
	for i, f := range collection(w.Collection).Fields {
		if f.Type == store.Texts || same(stored[i], normal[0][i]) {
			continue
		}
		out = append(out, fmt.Sprintf("%s is filed as %s instead of %s", f.Name, filed(stored[i]), filed(normal[0][i])))
	}
	return out
}

func same(a, b any) bool {
	if a == b {
		return true
	}
	switch a.(type) {
	case int64, float64:
		switch b.(type) {
		case int64, float64:
			return store.CompareNumbers(a, b) == 0
		}
	}
	return false
}

func filed(v any) string {
	if v == nil {
		return "missing"
	}
	return shown(v)
}

// filed checks that the job is found under what it says.
func (s *subject) filed(index []any) {
	if index == nil {
		return // deleted between two reads
	}
	w := runner.JobWrite(s.machine, s.job, s.doc.Revision)
	w.Body = s.doc.Body // what it says stays as it is, to the byte
	if wrong := misfiled(w, index); len(wrong) > 0 {
		s.suspects = append(s.suspects, finding(Left, store.Jobs, s.doc.ID, "%s.", strings.Join(wrong, "; ")).with(w))
	}
}
