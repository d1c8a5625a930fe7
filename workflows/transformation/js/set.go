package js

import "slices"

var _ = define("Set", fns{
	"new Set": func(m *Machine, a Args) Value {
		out := &Set{}
		if Nullish(a.at(0)) {
			return out
		}
		seen := distinct{}
		for _, v := range m.iterate(a[0], false) {
			m.spend(3)
			if seen.add(v) {
				out.elems = append(out.elems, v)
			}
		}
		return out
	},
})

// distinct tells whether a value was there before, by the equality of sets.
type distinct map[any]bool

func (d distinct) add(v Value) bool {
	k := any(v)
	if f, ok := float(v); ok {
		switch b, big := v.(Big); {
		case big:
			k = b.lit.String()
			k = struct{ literal any }{k}
		case f != f:
			k = struct{ nan bool }{}
		case f == 0:
			k = 0.0
		}
	}
	if d[k] {
		return false
	}
	d[k] = true
	return true
}

var _ = methods("Set", func(_ *Machine, v Value, method string) *Set {
	s, ok := v.(*Set)
	if !ok {
		refuse(v, method)
	}
	return s
}, map[string]func(*Machine, *Set, Args) Value{
	"add": func(m *Machine, s *Set, p Args) Value {
		if s.find(p.at(0)) >= 0 {
			return s
		}
		m.afford(len(s.elems) + 1)
		return &Set{elems: append(slices.Clip(s.elems), p.at(0))}
	},
	"clear": func(*Machine, *Set, Args) Value { return &Set{} },
	"delete": func(m *Machine, s *Set, p Args) Value {
		i := s.find(p.at(0))
		if i < 0 {
			return s
		}
		m.afford(len(s.elems))
		return &Set{elems: slices.Concat(s.elems[:i], s.elems[i+1:])}
	},
	"entries": func(m *Machine, s *Set, _ Args) Value {
		out := make([]Value, m.afford(3*len(s.elems))/3)
		for i, v := range s.elems {
			out[i] = NewArray(v, v)
		}
		return newArray(out)
	},
	"has":    func(_ *Machine, s *Set, p Args) Value { return s.find(p.at(0)) >= 0 },
	"keys":   func(_ *Machine, s *Set, _ Args) Value { return newArray(slices.Clip(s.elems)) },
	"size":   func(_ *Machine, s *Set, _ Args) Value { return float64(len(s.elems)) },
	"values": func(_ *Machine, s *Set, _ Args) Value { return newArray(slices.Clip(s.elems)) },
})

func (s *Set) find(v Value) int {
	return slices.IndexFunc(s.elems, func(e Value) bool { return sameValueZero(e, v) })
}

var _ = define("Map", fns{
	"new Map": func(m *Machine, a Args) Value {
		out := &Map{}
		if Nullish(a.at(0)) {
			return out
		}
		for _, e := range m.iterate(a[0], false) {
			if !isObject(e) {
				typeError("the entry %s is not an array of key and value", sprint(e))
			}
			m.work(1 + len(out.keys)/16)
			out = out.with(m, m.member(e, 0.0), m.member(e, 1.0))
		}
		return out
	},
})

var _ = methods("Map", func(_ *Machine, v Value, method string) *Map {
	x, ok := v.(*Map)
	if !ok {
		refuse(v, method)
	}
	return x
}, map[string]func(*Machine, *Map, Args) Value{
	"clear": func(*Machine, *Map, Args) Value { return &Map{} },
	"delete": func(m *Machine, x *Map, p Args) Value {
		i := x.find(p.at(0))
		if i < 0 {
			return x
		}
		m.afford(2 * len(x.keys))
		return &Map{slices.Concat(x.keys[:i], x.keys[i+1:]), slices.Concat(x.vals[:i], x.vals[i+1:])}
	},
	"entries": func(m *Machine, x *Map, _ Args) Value {
		m.afford(3 * len(x.keys))
		return x.entries()
	},
	"get": func(_ *Machine, x *Map, p Args) Value {
		if i := x.find(p.at(0)); i >= 0 {
			return x.vals[i]
		}
		return nil
	},
	"has":    func(_ *Machine, x *Map, p Args) Value { return x.find(p.at(0)) >= 0 },
	"keys":   func(_ *Machine, x *Map, _ Args) Value { return newArray(slices.Clip(x.keys)) },
	"set":    func(m *Machine, x *Map, p Args) Value { return x.with(m, p.at(0), p.at(1)) },
	"size":   func(_ *Machine, x *Map, _ Args) Value { return float64(len(x.keys)) },
	"values": func(_ *Machine, x *Map, _ Args) Value { return newArray(slices.Clip(x.vals)) },
})

func (x *Map) find(k Value) int {
	return slices.IndexFunc(x.keys, func(e Value) bool { return sameValueZero(e, k) })
}

func (x *Map) with(m *Machine, k, v Value) *Map {
	m.afford(2 * (len(x.keys) + 1))
	if i := x.find(k); i >= 0 {
		vals := slices.Clone(x.vals)
		vals[i] = v
		return &Map{x.keys, vals}
	}
	return &Map{append(slices.Clip(x.keys), k), append(slices.Clip(x.vals), v)}
}
