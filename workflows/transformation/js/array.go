package js

import (
	"math"
	"slices"
)

func receiveArray(_ *Machine, v Value, method string) *Array {
	a, ok := v.(*Array)
	if !ok {
		refuse(v, method)
	}
	return a
}

var _ = define("Array", map[string]func(*Machine, Args) Value{
	"from":     arrayFrom,
	"getIndex": func(m *Machine, a Args) Value { return m.member(a.at(0), a.at(1)) },
	"isArray": func(_ *Machine, a Args) Value {
		_, ok := a.at(0).(*Array)
		return ok
	},
	"length":    func(m *Machine, a Args) Value { return m.member(a.at(0), "length") },
	"new Array": func(m *Machine, a Args) Value { return m.newArray(a) },
	"of":        func(_ *Machine, a Args) Value { return newArray(slices.Clone(a)) },
	"setIndex":  func(m *Machine, a Args) Value { return m.setMember(a.at(0), a.at(1), a.at(2)) },
})

// NewArrayOfLength is new Array(length).
func (m *Machine) NewArrayOfLength(length Value) *Array {
	f, ok := float(length)
	if !ok {
		f = m.toNumber(length)
	}
	if f != math.Trunc(f) || f < 0 || f > math.MaxUint32 {
		rangeError("invalid array length %s", sprint(length))
	}
	return newArray(slices.Repeat([]Value{hole{}}, m.afford(int(f))))
}

func (m *Machine) newArray(a Args) Value {
	if len(a) == 1 {
		if _, ok := float(a[0]); ok {
			return m.NewArrayOfLength(a[0])
		}
	}
	return newArray(slices.Clone(a))
}

// afford pays for n values before they are allocated.
func (m *Machine) afford(n int) int {
	m.spend(min(n, math.MaxInt/32))
	m.work(n / 8)
	return n
}

func arrayFrom(m *Machine, a Args) Value {
	vs := m.iterate(a.at(0), true)
	if a.at(1) == nil {
		m.afford(len(vs))
		return newArray(slices.Clone(vs))
	}
	f := function(a[1])
	out := make([]Value, m.afford(len(vs)))
	for i, v := range vs {
		out[i] = f.Call(v, float64(i))
	}
	return newArray(out)
}

// iterate gives the values that for-of would; with likes also those of {length: n}.
func (m *Machine) iterate(v Value, likes bool) []Value {
	switch x := v.(type) {
	case *Array:
		return x.values()
	case *Set:
		return x.elems
	case *Map:
		return x.entries().elems
	case string:
		var out []Value
		for len(x) > 0 {
			_, size := decode(x)
			m.spend(1)
			out = append(out, x[:size])
			x = x[size:]
		}
		return out
	}
	if Nullish(v) || !likes {
		typeError("%s is not iterable", sprint(v))
	}
	n := int(min(max(m.toInteger(m.member(v, "length")), 0), 1<<32))
	m.work(n)
	out := make([]Value, m.afford(n))
	for i := range out {
		out[i] = m.member(v, float64(i))
	}
	return out
}

var _ = methods("Array", receiveArray, map[string]func(*Machine, *Array, Args) Value{
	"at": func(m *Machine, a *Array, p Args) Value {
		i := m.toInteger(p.at(0))
		if i < 0 {
			i += float64(a.size())
		}
		if i < 0 || i >= float64(a.size()) {
			return nil
		}
		return a.at(int(i))
	},
	"concat": func(m *Machine, a *Array, p Args) Value {
		all := [][]Value{a.all()}
		for _, v := range p {
			if b, ok := v.(*Array); ok {
				all = append(all, b.all())
			} else {
				all = append(all, []Value{v})
			}
		}
		for _, vs := range all {
			m.afford(len(vs))
		}
		return newArray(slices.Concat(all...))
	},
	"copyWithin": func(m *Machine, a *Array, p Args) Value {
		out, n := m.copyOf(a), a.size()
		to, from := m.index(p.at(0), n, 0), m.index(p.at(1), n, 0)
		end := m.index(p.at(2), n, n)
		if from < end {
			copy(out[to:], slices.Clone(out[from:end]))
		}
		return newArray(out)
	},
	"entries": func(m *Machine, a *Array, _ Args) Value {
		out := make([]Value, m.afford(3*a.size())/3)
		for i, v := range a.values() {
			out[i] = NewArray(float64(i), v)
		}
		return newArray(out)
	},
	"every": func(m *Machine, a *Array, p Args) Value {
		f := function(p.at(0))
		return !m.any(a, func(i int, v Value) bool { return !Truthy(f.Call(v, float64(i), a)) })
	},
	"fill": func(m *Machine, a *Array, p Args) Value {
		out, n := m.copyOf(a), a.size()
		for i := m.index(p.at(1), n, 0); i < m.index(p.at(2), n, n); i++ {
			out[i] = p.at(0)
		}
		return newArray(out)
	},
	"filter": func(m *Machine, a *Array, p Args) Value {
		f := function(p.at(0))
		out := []Value{}
		m.any(a, func(i int, v Value) bool {
			if Truthy(f.Call(v, float64(i), a)) {
				m.spend(1)
				out = append(out, v)
			}
			return false
		})
		return newArray(out)
	},
	"find":          func(_ *Machine, a *Array, p Args) Value { return a.at(a.search(function(p.at(0)), false)) },
	"findIndex":     func(_ *Machine, a *Array, p Args) Value { return float64(a.search(function(p.at(0)), false)) },
	"findLast":      func(_ *Machine, a *Array, p Args) Value { return a.at(a.search(function(p.at(0)), true)) },
	"findLastIndex": func(_ *Machine, a *Array, p Args) Value { return float64(a.search(function(p.at(0)), true)) },
	"flat": func(m *Machine, a *Array, p Args) Value {
		depth := 1.0
		if p.at(0) != nil {
			depth = m.toInteger(p[0])
		}
		return newArray(m.flatten(nil, a, depth))
	},
	"flatMap": func(m *Machine, a *Array, p Args) Value {
		f := function(p.at(0))
		out := []Value{}
		m.any(a, func(i int, v Value) bool {
			r := f.Call(v, float64(i), a)
			if b, ok := r.(*Array); ok {
				out = m.flatten(out, b, 0)
			} else {
				m.spend(1)
				out = append(out, r)
			}
			return false
		})
		return newArray(out)
	},
	"forEach": func(m *Machine, a *Array, p Args) Value {
		f := function(p.at(0))
		m.any(a, func(i int, v Value) bool { f.Call(v, float64(i), a); return false })
		return nil
	},
	"includes": func(m *Machine, a *Array, p Args) Value {
		vs := a.values()
		m.work(len(vs) / 16)
		return slices.ContainsFunc(vs[m.index(p.at(1), len(vs), 0):], func(v Value) bool { return sameValueZero(v, p.at(0)) })
	},
	"indexOf": func(m *Machine, a *Array, p Args) Value {
		vs := a.all()
		m.work(len(vs) / 16)
		for i := m.index(p.at(1), len(vs), 0); i < len(vs); i++ {
			if strictEquals(vs[i], p.at(0)) {
				return float64(i)
			}
		}
		return -1.0
	},
	"join": func(m *Machine, a *Array, p Args) Value {
		sep := ","
		if p.at(0) != nil {
			sep = m.toString(p[0])
		}
		return m.joined(a, sep)
	},
	"keys": func(m *Machine, a *Array, _ Args) Value {
		out := make([]Value, m.afford(a.size()))
		for i := range out {
			out[i] = float64(i)
		}
		return newArray(out)
	},
	"lastIndexOf": func(m *Machine, a *Array, p Args) Value {
		vs := a.all()
		m.work(len(vs) / 16)
		i := len(vs) - 1
		if len(p) > 1 {
			if f := m.toInteger(p[1]); f < 0 {
				i = int(max(f+float64(len(vs)), -1))
			} else {
				i = int(min(f, float64(i)))
			}
		}
		for ; i >= 0; i-- {
			if strictEquals(vs[i], p.at(0)) {
				return float64(i)
			}
		}
		return -1.0
	},
	"map": func(m *Machine, a *Array, p Args) Value {
		f := function(p.at(0))
		out := slices.Repeat([]Value{hole{}}, m.afford(a.size()))
		m.any(a, func(i int, v Value) bool { out[i] = f.Call(v, float64(i), a); return false })
		return newArray(out)
	},
	"pop": func(_ *Machine, a *Array, _ Args) Value {
		n := a.size()
		if n == 0 {
			return NewObject("value", nil, "array", a)
		}
		return NewObject("value", a.at(n-1), "array", newArray(a.all()[:n-1:n-1]))
	},
	"push":        func(m *Machine, a *Array, p Args) Value { return a.push(m, p...) },
	"reduce":      func(m *Machine, a *Array, p Args) Value { return m.reduce(a, p, false) },
	"reduceRight": func(m *Machine, a *Array, p Args) Value { return m.reduce(a, p, true) },
	"reverse":     reversed,
	"shift": func(_ *Machine, a *Array, _ Args) Value {
		if a.size() == 0 {
			return NewObject("value", nil, "array", a)
		}
		return NewObject("value", a.at(0), "array", newArray(slices.Clip(a.all()[1:])))
	},
	"slice": func(m *Machine, a *Array, p Args) Value {
		n := a.size()
		from, to := m.index(p.at(0), n, 0), m.index(p.at(1), n, n)
		if from >= to {
			return newArray(nil)
		}
		return newArray(a.all()[from:to:to])
	},
	"some": func(m *Machine, a *Array, p Args) Value {
		f := function(p.at(0))
		return m.any(a, func(i int, v Value) bool { return Truthy(f.Call(v, float64(i), a)) })
	},
	"sort": sorted,
	"splice": func(m *Machine, a *Array, p Args) Value {
		removed, left := m.splice(a, p)
		return NewObject("spliced", newArray(removed), "array", newArray(left))
	},
	"toLocaleString": func(m *Machine, a *Array, _ Args) Value {
		parts := make([]Value, a.size())
		for i, v := range a.values() {
			if !Nullish(v) {
				parts[i] = m.localeString(v)
			}
		}
		return m.joined(newArray(parts), ",")
	},
	"toReversed": reversed,
	"toSorted":   sorted,
	"toSpliced": func(m *Machine, a *Array, p Args) Value {
		_, left := m.splice(a, p)
		return newArray(left)
	},
	"toString": func(m *Machine, a *Array, _ Args) Value { return m.joined(a, ",") },
	"unshift": func(m *Machine, a *Array, p Args) Value {
		m.afford(a.size() + len(p))
		return newArray(slices.Concat([]Value(p), a.all()))
	},
	"values": func(_ *Machine, a *Array, _ Args) Value { return newArray(a.values()) },
	"with": func(m *Machine, a *Array, p Args) Value {
		i := m.toInteger(p.at(0))
		if i < 0 {
			i += float64(a.size())
		}
		if i < 0 || i >= float64(a.size()) {
			rangeError("invalid index %s", sprint(p.at(0)))
		}
		out := m.copyOf(a)
		out[int(i)] = p.at(1)
		return newArray(out)
	},
})

func (m *Machine) copyOf(a *Array) []Value {
	m.afford(a.size())
	return slices.Clone(a.all())
}

// index is a relative position argument, def when it is undefined.
func (m *Machine) index(v Value, n, def int) int {
	if v == nil {
		return def
	}
	return relative(m.toNumber(v), n)
}

// any calls f for each element that is there until one gives true.
func (m *Machine) any(a *Array, f func(int, Value) bool) bool {
	for i, v := range a.all() {
		if v == (hole{}) {
			continue
		}
		m.work(1)
		if f(i, v) {
			return true
		}
	}
	return false
}

// search is the first index, or the last, whose element f accepts; -1 without any.
func (a *Array) search(f *Function, last bool) int {
	vs := a.values()
	for k := range vs {
		if last {
			k = len(vs) - 1 - k
		}
		if Truthy(f.Call(vs[k], float64(k), a)) {
			return k
		}
	}
	return -1
}

func (m *Machine) flatten(out []Value, a *Array, depth float64) []Value {
	for _, v := range a.all() {
		b, nested := v.(*Array)
		switch {
		case v == (hole{}):
		case nested && depth >= 1:
			m.work(1)
			out = m.flatten(out, b, depth-1)
		default:
			m.spend(1)
			out = append(out, v)
		}
	}
	return out
}

func (m *Machine) reduce(a *Array, p Args, right bool) Value {
	f := function(p.at(0))
	vs := a.all()
	var acc Value
	started := len(p) > 1
	if started {
		acc = p[1]
	}
	for k := range vs {
		if right {
			k = len(vs) - 1 - k
		}
		switch {
		case vs[k] == (hole{}):
		case !started:
			acc, started = vs[k], true
		default:
			m.work(1)
			acc = f.Call(acc, vs[k], float64(k), a)
		}
	}
	if !started {
		typeError("reduce of an empty array without an initial value")
	}
	return acc
}

func reversed(m *Machine, a *Array, _ Args) Value {
	out := m.copyOf(a)
	slices.Reverse(out)
	return newArray(out)
}

func sorted(m *Machine, a *Array, p Args) Value {
	n := a.size()
	m.afford(2 * n)
	m.work(n * int(math.Log2(float64(n+1))) / 8)
	var vs []Value
	undefined, holes := 0, 0
	for _, v := range a.all() {
		switch v {
		case nil:
			undefined++
		case hole{}:
			holes++
		default:
			vs = append(vs, v)
		}
	}
	if p.at(0) != nil {
		f := function(p[0])
		slices.SortStableFunc(vs, func(x, y Value) int {
			m.work(1)
			c := m.toNumber(f.Call(x, y))
			switch {
			case c < 0:
				return -1
			case c > 0:
				return 1
			}
			return 0
		})
	} else {
		texts := make(map[Value]string, len(vs))
		for _, v := range vs {
			if _, ok := v.(string); !ok {
				texts[v] = m.toString(v)
			}
		}
		text := func(v Value) string {
			if s, ok := v.(string); ok {
				return s
			}
			return texts[v]
		}
		slices.SortStableFunc(vs, func(x, y Value) int { return compareText(text(x), text(y)) })
	}
	vs = append(vs, make([]Value, undefined)...)
	return newArray(append(vs, slices.Repeat([]Value{hole{}}, holes)...))
}

// splice gives what is cut out and what is left, by how many arguments there are.
func (m *Machine) splice(a *Array, p Args) (removed, left []Value) {
	all := a.all()
	from := m.index(p.at(0), len(all), 0)
	count := len(all) - from
	switch {
	case len(p) == 0:
		count = 0
	case len(p) > 1:
		count = clamp(m.toNumber(p[1]), count)
	}
	m.afford(len(all) + len(p))
	return slices.Clone(all[from : from+count]), slices.Concat(all[:from], p.from(2), all[from+count:])
}
