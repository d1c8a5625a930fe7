package sqlitestore

// recent remembers what was put last: at least the last half of its bound.
type recent[V any] struct {
	young, old map[key]V
}

// maxRecent is how much a recent remembers.
const maxRecent = 16 << 10

func newRecent[V any]() *recent[V] { return &recent[V]{young: map[key]V{}} }

func (r *recent[V]) get(k key) (V, bool) {
	if v, ok := r.young[k]; ok {
		return v, true
	}
	v, ok := r.old[k]
	return v, ok
}

func (r *recent[V]) put(k key, v V) {
	if len(r.young) >= maxRecent/2 {
		r.young, r.old = map[key]V{}, r.young
	}
	r.young[k] = v
}

func (r *recent[V]) drop(k key) {
	delete(r.young, k)
	delete(r.old, k)
}

func (r *recent[V]) clear() {
	clear(r.young)
	clear(r.old)
}
