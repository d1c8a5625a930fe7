package js

import (
	"math"
	"slices"
	"strconv"
)

var _ = define("Object", map[string]func(*Machine, Args) Value{
	"assign": func(m *Machine, a Args) Value {
		if Nullish(a.at(0)) {
			typeError("cannot convert %s to an object", sprint(a.at(0)))
		}
		out := a[0]
		for _, src := range a.from(1) {
			if Nullish(src) {
				continue
			}
			for k, v := range m.own(src) {
				out = m.setMember(out, k, v)
			}
		}
		return out
	},
	"deleteProperty": func(m *Machine, a Args) Value { return m.deleteMember(a.at(0), a.at(1)) },
	"entries": func(m *Machine, a Args) Value {
		return m.listOwn(a.at(0), func(k string, v Value) Value { return NewArray(k, v) })
	},
	"freeze": identity,
	"fromEntries": func(m *Machine, a Args) Value {
		out := &Object{}
		for _, e := range m.iterate(a.at(0), false) {
			if !isObject(e) {
				typeError("the entry %s is not an array of key and value", sprint(e))
			}
			m.spend(2)
			out.put(m.key(m.member(e, 0.0)), m.member(e, 1.0))
		}
		return out
	},
	"getOwnPropertyNames": func(m *Machine, a Args) Value {
		names := m.listOwn(a.at(0), func(k string, _ Value) Value { return k })
		switch a.at(0).(type) {
		case *Array, string:
			return names.push(m, "length")
		}
		return names
	},
	"getProperty":       func(m *Machine, a Args) Value { return m.member(a.at(0), a.at(1)) },
	"hasOwn":            func(m *Machine, a Args) Value { return m.hasOwn(a.at(0), a.at(1)) },
	"hasOwnProperty":    func(m *Machine, a Args) Value { return m.hasOwn(a.at(0), a.at(1)) },
	"is":                func(_ *Machine, a Args) Value { return sameValue(a.at(0), a.at(1)) },
	"isExtensible":      func(_ *Machine, a Args) Value { return isObject(a.at(0)) },
	"isFrozen":          func(_ *Machine, a Args) Value { return !isObject(a.at(0)) },
	"isSealed":          func(_ *Machine, a Args) Value { return !isObject(a.at(0)) },
	"keys":              func(m *Machine, a Args) Value { return m.listOwn(a.at(0), func(k string, _ Value) Value { return k }) },
	"new Object":        newObject,
	"optional chaining": optionalChaining,
	"preventExtensions": identity,
	"propertyIsEnumerable": func(m *Machine, a Args) Value {
		return m.hasOwn(a.at(0), a.at(1)) && m.key(a.at(1)) != "length"
	},
	"seal":        identity,
	"setProperty": func(m *Machine, a Args) Value { return m.setMember(a.at(0), a.at(1), a.at(2)) },
	"toString": func(m *Machine, a Args) Value {
		if prototype(a.at(0)) != "" {
			return m.Call(prototype(a[0]), "toString", a...)
		}
		if Nullish(a.at(0)) {
			refuse(a.at(0), "toString")
		}
		return m.toString(a[0])
	},
	"valueOf": identity,
	"values": func(m *Machine, a Args) Value {
		return m.listOwn(a.at(0), func(_ string, v Value) Value { return v })
	},
})

// newObject is new Object(v). The designer's input for an object is JSON text, so text is
// parsed; other values are given back.
func newObject(m *Machine, a Args) Value {
	v := a.at(0)
	if Nullish(v) {
		return &Object{}
	}
	if s, ok := v.(string); ok {
		return m.parseJSON(s)
	}
	return v
}

// optionalChaining is a?.[k1]?.[k2] …
func optionalChaining(m *Machine, a Args) Value {
	v := a.at(0)
	for _, k := range a.from(1) {
		if Nullish(v) {
			return nil
		}
		v = m.member(v, k)
	}
	return v
}

// member is v[k].
func (m *Machine) member(v, k Value) Value {
	if a, ok := v.(*Array); ok {
		if f, ok := k.(float64); ok && f == math.Trunc(f) && math.Abs(f) < 1<<32 {
			return a.at(int(f))
		}
	}
	key := m.key(k)
	switch x := v.(type) {
	case nil, null:
		typeError("cannot read properties of %s (reading '%s')", sprint(v), key)
	case *Array:
		return x.member(key)
	case *Object:
		return x.get(key)
	case *Set:
		if key == "size" {
			return float64(len(x.elems))
		}
	case *Map:
		if key == "size" {
			return float64(len(x.keys))
		}
	case *RegExp:
		if f, ok := libraries["RegExp"][key]; ok && regExpProperty[key] {
			return f.run(m, Args{x})
		}
	case string:
		if key == "length" {
			return float64(textLen(x))
		}
		if i, ok := arrayIndex(key); ok && i < textLen(x) {
			return slice(x, i, i+1)
		}
	}
	return nil
}

// setMember is v with v[k] = e. Assigning to a primitive has no effect, as in sloppy code.
func (m *Machine) setMember(v, k, e Value) Value {
	key := m.key(k)
	switch x := v.(type) {
	case nil, null:
		typeError("cannot set properties of %s (setting '%s')", sprint(v), key)
	case *Object:
		return x.with(m, key, e)
	case *Array:
		if key == "length" {
			n := m.NewArrayOfLength(e).elems
			copy(n, x.all())
			return newArray(n)
		}
		i, ok := arrayIndex(key)
		switch {
		case !ok:
			return x
		case i == x.size():
			return x.push(m, e)
		}
		out := m.copyOf(x)
		if i >= len(out) {
			out = append(out, slices.Repeat([]Value{hole{}}, m.afford(i+1-len(out)))...)
		}
		out[i] = e
		return newArray(out)
	}
	return v
}

func (m *Machine) deleteMember(v, k Value) Value {
	key := m.key(k)
	switch x := v.(type) {
	case nil, null:
		typeError("cannot convert %s to an object", sprint(v))
	case *Object:
		return x.without(m, key)
	case *Array:
		if i, ok := arrayIndex(key); ok && i < x.size() {
			out := m.copyOf(x)
			out[i] = hole{}
			return newArray(out)
		}
	}
	return v
}

func (m *Machine) hasOwn(v, k Value) bool {
	key := m.key(k)
	i, isIndex := arrayIndex(key)
	switch x := v.(type) {
	case nil, null:
		typeError("cannot convert %s to an object", sprint(v))
	case *Object:
		return x.has(key)
	case *Array:
		return key == "length" || isIndex && i < x.size() && x.all()[i] != (hole{}) || x.props != nil && x.props.has(key)
	case string:
		return key == "length" || isIndex && i < textLen(x)
	}
	return false
}

// own walks the enumerable members of v.
func (m *Machine) own(v Value) func(yield func(string, Value) bool) {
	return func(yield func(string, Value) bool) {
		switch x := v.(type) {
		case nil, null:
			typeError("cannot convert %s to an object", sprint(v))
		case *Object:
			for _, i := range x.order() {
				if !yield(x.keys[i], x.vals[i]) {
					return
				}
			}
		case *Array:
			for i, e := range x.all() {
				if e != (hole{}) && !yield(strconv.Itoa(i), e) {
					return
				}
			}
		case string:
			for i, u := range units(x) {
				if !yield(strconv.Itoa(i), fromUnits([]uint16{u})) {
					return
				}
			}
		}
	}
}

func (m *Machine) listOwn(v Value, f func(string, Value) Value) *Array {
	out := []Value{}
	for k, e := range m.own(v) {
		m.spend(3)
		out = append(out, f(k, e))
	}
	return newArray(out)
}

// sameValue is Object.is.
func sameValue(a, b Value) bool {
	x, ok := float(a)
	y, ok2 := float(b)
	if ok && ok2 && x == 0 && y == 0 {
		return math.Signbit(x) == math.Signbit(y)
	}
	return sameValueZero(a, b)
}

// DeepEquals compares by content: objects without regard to the order of their keys, NaN
// equal to itself.
func (m *Machine) DeepEquals(a, b Value) bool {
	m.work(1)
	switch x := a.(type) {
	case *Array:
		y, ok := b.(*Array)
		if !ok || x.size() != y.size() {
			return false
		}
		return x == y || slices.EqualFunc(x.values(), y.values(), m.DeepEquals)
	case *Object:
		y, ok := b.(*Object)
		if !ok || x.size() != y.size() {
			return false
		}
		if x == y {
			return true
		}
		for i, k := range x.keys {
			j := y.find(k)
			if j < 0 || !m.DeepEquals(x.vals[i], y.vals[j]) {
				return false
			}
		}
		return true
	case *Date:
		y, ok := b.(*Date)
		return ok && sameValueZero(x.ms, y.ms)
	case *RegExp:
		y, ok := b.(*RegExp)
		return ok && x.text() == y.text()
	case *Set:
		y, ok := b.(*Set)
		return ok && len(x.elems) == len(y.elems) && !slices.ContainsFunc(x.elems, func(e Value) bool {
			return !slices.ContainsFunc(y.elems, func(f Value) bool { return m.DeepEquals(e, f) })
		})
	case *Map:
		y, ok := b.(*Map)
		return ok && m.DeepEquals(x.entries(), y.entries())
	}
	return sameValueZero(a, b)
}

// Place is v with e put where the tokens of a JSON pointer lead, creating what is missing on
// the way: an array where arrays says so, else an object.
func (m *Machine) Place(v Value, tokens []string, arrays []bool, e Value) Value {
	if len(tokens) == 0 {
		return e
	}
	if !isObject(v) {
		if v = Value(&Object{}); arrays[0] {
			v = newArray(nil)
		}
	}
	inner := e
	if len(tokens) > 1 {
		inner = m.Place(Path(v, tokens[:1]), tokens[1:], arrays[1:], e)
	}
	if a, ok := v.(*Array); ok && tokens[0] == "-" {
		return a.push(m, inner)
	}
	return m.setMember(v, tokens[0], inner)
}

// Matches tells whether v is the case c of a switch. The designer writes cases as text, so a
// number or boolean also matches its spelling.
func (m *Machine) Matches(v, c Value) bool {
	if strictEquals(v, c) {
		return true
	}
	s, ok := c.(string)
	return ok && !isObject(v) && m.toString(v) == s
}
