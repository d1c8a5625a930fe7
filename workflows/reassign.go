package workflows

import (
	"slices"

	"github.com/heddlehq/heddle/workflows/value"
)

// Reassign gives the project with other references: a component whose reference is a key of
// the map gets the value, and so does every text in the documents that is such a reference.
func (p *Project) Reassign(references map[string]string) *Project {
	if len(references) == 0 {
		return p
	}
	out := *p
	out.Components = slices.Clone(p.Components)
	for i := range out.Components {
		c := &out.Components[i]
		c.Document = reassign(c.Document, references)
		if to, ok := references[c.Reference]; ok {
			c.Reference = to
		}
	}
	return &out
}

func reassign(v value.Value, references map[string]string) value.Value {
	switch v.Kind() {
	case value.KindString:
		if to, ok := references[v.Text()]; ok {
			return value.String(to)
		}
	case value.KindArray:
		out := v.Slice()
		changed := false
		for i, e := range out {
			out[i] = reassign(e, references)
			changed = changed || out[i] != e
		}
		if changed {
			return value.Array(out...)
		}
	case value.KindObject:
		var out value.Members
		changed := false
		for k, m := range v.Members() {
			n := reassign(m, references)
			changed = changed || n != m
			out.Set(k, n)
		}
		if changed {
			return out.Value()
		}
	}
	return v
}
