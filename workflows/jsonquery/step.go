package jsonquery

// pick is .key and [key]: a member or element; of an array, the members its elements have,
// with arrays among them opened. As [*key] it is sure to give something.
type pick struct {
	key  operand
	many bool
}

func (s pick) apply(r *run, c cursor) cursor {
	key, ok := r.key(s.key)
	if !ok || !truthy(c.v) {
		return miss
	}
	if !c.v.IsArray() || isIndex(key) {
		return r.property(c, key)
	}
	l := r.newList()
	for e := range r.children(c) {
		if m := r.property(e, key); !m.v.IsAbsent() {
			l.addFlat(r, m)
		}
	}
	return l.cursor()
}

// all is [*], and [**] when it opens arrays.
type all struct{ open bool }

func (s all) apply(r *run, c cursor) cursor {
	l := r.newList()
	for e := range r.children(c) {
		if s.open {
			l.addFlat(r, e)
		} else {
			l.add(e)
		}
	}
	return l.cursor()
}

// filter is [conditions], or [*conditions] for all hits.
type filter struct {
	conditions []condition
	many       bool
}

func (s filter) apply(r *run, c cursor) cursor {
	if !c.v.IsArray() {
		return miss
	}
	l := r.newList()
	for e := range r.children(c) {
		if !r.meets(e, s.conditions) {
			continue
		}
		if !s.many {
			return e
		}
		l.add(e)
	}
	if !s.many {
		return miss
	}
	return l.cursor()
}

// first is []: the first truthy result of the rest of the path over what the value holds.
type first struct{ rest []step }

func (s *first) apply(r *run, c cursor) cursor {
	if len(s.rest) == 0 && truthy(c.v) {
		return c
	}
	for e := range r.children(c) {
		if found := r.walk(s.rest, e); truthy(found.v) {
			return found
		}
	}
	return miss
}

// get is the helper :get(key), a plain look-up.
type get struct{ key operand }

func (s get) apply(r *run, c cursor) cursor {
	key, ok := r.key(s.key)
	if !ok {
		return miss
	}
	return r.property(c, key)
}

// start is ({query}) at the start of a path.
type start struct{ sub *subquery }

func (s start) apply(r *run, _ cursor) cursor { return r.result(s.sub) }
