package registry

import (
	"cmp"
	"maps"
	"slices"

	"github.com/heddlehq/heddle/workflows"
)

// catalog is every method that tasks may call, as of one moment.
type catalog struct {
	byName map[[2]string]workflows.Method
	sorted []workflows.Method
}

var _ workflows.Catalog = (*Registry)(nil)

// Method implements [workflows.Catalog].
func (r *Registry) Method(app, name string) (workflows.Method, bool) {
	if r.Base != nil {
		if m, ok := r.Base.Method(app, name); ok {
			return m, true
		}
	}
	m, ok := r.methods().byName[[2]string{app, name}]
	return m, ok
}

// Methods implements [workflows.Catalog].
func (r *Registry) Methods() []workflows.Method { return r.methods().sorted }

// methods are those of the base, of the kinds that ship and of manifests, in this order where
// two describe the same.
func (r *Registry) methods() *catalog {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.catalog != nil {
		return r.catalog
	}
	c := &catalog{byName: map[[2]string]workflows.Method{}}
	add := func(ms []workflows.Method) {
		for _, m := range ms {
			key := [2]string{m.App, m.Name}
			if _, ok := c.byName[key]; !ok {
				c.byName[key] = m
				c.sorted = append(c.sorted, m)
			}
		}
	}
	if r.Base != nil {
		add(r.Base.Methods())
	}
	for _, app := range slices.Sorted(maps.Keys(r.kinds)) {
		add(r.kinds[app].Catalog())
	}
	for _, p := range slices.SortedFunc(maps.Keys(r.manifests), place.compare) {
		add(r.manifests[p].methods)
	}
	slices.SortFunc(c.sorted, func(a, b workflows.Method) int { return cmp.Or(cmp.Compare(a.App, b.App), cmp.Compare(a.Name, b.Name)) })
	r.catalog = c
	return c
}

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.app, q.app), cmp.Compare(p.pool, q.pool))
}
