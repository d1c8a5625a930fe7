package registry

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/heddlehq/heddle/adapters"
)

// Health tells how every instance does, as far as this process knows, ordered by name. Those
// of other pools are as alive as an adapter that answers for them.
func (r *Registry) Health() []adapters.Health {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []adapters.Health
	known := map[string]bool{}
	for _, s := range r.serving {
		all, err := s.server.Health()
		if err != nil {
			continue // it does not run
		}
		for _, h := range all {
			known[h.ID] = true
			out = append(out, h)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.instances)) {
		i := r.instances[name]
		if known[name] {
			continue
		}
		h := adapters.Health{ID: name, App: i.App, State: adapters.StateDead, Breaker: "closed", Limits: i.Limits, Problem: "no adapter of its app is connected in its pool"}
		if k := r.kinds[i.App]; k != nil {
			h.Version = k.Version
		}
		m, ok := r.manifests[place{i.Pool, i.App}]
		switch {
		case i.Stopped:
			h.State, h.Problem = adapters.StateStopped, ""
		case ok && r.Now().Sub(m.seen) < silence:
			h.State, h.Problem, h.Version, h.Since, h.Checked = adapters.StateRunning, "", m.doc.Get("version").Text(), m.since, m.seen
		}
		out = append(out, h)
	}
	slices.SortFunc(out, func(a, b adapters.Health) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// silence is how long an adapter in another process may be silent and still count as running.
const silence = time.Minute
