package js

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/heddlehq/heddle/workflows/transformation/regex"
	"github.com/heddlehq/heddle/workflows/value"
)

// Value is a JavaScript value: nil for undefined, Null, bool, float64, string (UTF-8, with
// lone surrogates in their three byte form), Big, *Array, *Object, *Date, *RegExp, *Set,
// *Map or *Function. Values are never changed once made.
type Value any

type null struct{}

// Null is JavaScript's null.
var Null Value = null{}

// Big is an integer literal beyond the range where a float64 is exact. It computes as its
// float64 and passes through unchanged.
type Big struct {
	f   float64
	lit value.Value
}

type hole struct{} // an element of a sparse array that is not there

// Array is an array. Its elements may be holes.
type Array struct {
	src   value.Value // the elements as they came, until they are needed
	elems []Value
	tail  *tail   // who may extend elems in place
	props *Object // what exec adds to its result: index, input, groups
}

// Object is a plain object.
type Object struct {
	src   value.Value
	keys  []string
	vals  []Value
	index map[string]int // position in keys; entries at len(keys) or beyond are another's
	tail  *tail
}

// tail is the common end of slices that share one backing array: the value that reaches it
// may append in place, all others must copy. It makes n pushes cost n, not n².
type tail struct{ used int }

// Date is a point in time in milliseconds since 1970, NaN when invalid.
type Date struct{ ms float64 }

// RegExp is a regular expression.
type RegExp struct{ re *regex.Regexp }

// Set keeps distinct values in order of their insertion.
type Set struct{ elems []Value }

// Map keeps entries in order of their insertion.
type Map struct{ keys, vals []Value }

// Function is a callback.
type Function struct {
	Name string
	Call func(args ...Value) Value
}

// FromValue converts JSON. It does not copy: containers are unfolded when they are read.
func FromValue(v value.Value) Value {
	switch v.Kind() {
	case value.KindAbsent:
		return nil
	case value.KindNull:
		return Null
	case value.KindBool:
		return v.Truth()
	case value.KindNumber:
		if i, ok := v.Int(); ok && (i > 1<<53 || i < -1<<53) {
			return Big{v.Float(), v}
		}
		return v.Float()
	case value.KindString:
		return v.Text()
	case value.KindArray:
		return &Array{src: v}
	}
	return &Object{src: v}
}

func newArray(elems []Value) *Array { return &Array{elems: elems} }

// NewArray returns an array of vs, of which it takes ownership.
func NewArray(vs ...Value) *Array { return newArray(vs) }

// all are the elements, holes included.
func (a *Array) all() []Value {
	if a.elems == nil && a.src.Len() > 0 {
		elems := make([]Value, a.src.Len())
		for i, e := range a.src.Elements() {
			elems[i] = FromValue(e)
		}
		a.elems = elems
	}
	return a.elems
}

func (a *Array) size() int {
	if a.elems == nil {
		return a.src.Len()
	}
	return len(a.elems)
}

func (a *Array) at(i int) Value {
	if i < 0 || i >= a.size() {
		return nil
	}
	return filled(a.all()[i])
}

// values are the elements with undefined for holes, as iterators see them.
func (a *Array) values() []Value {
	all := a.all()
	if !slices.Contains(all, Value(hole{})) {
		return all
	}
	out := make([]Value, len(all))
	for i, e := range all {
		out[i] = filled(e)
	}
	return out
}

func filled(e Value) Value {
	if e == (hole{}) {
		return nil
	}
	return e
}

// push returns the array with vs added.
func (a *Array) push(m *Machine, vs ...Value) *Array {
	all := a.all()
	out := &Array{tail: a.tail}
	if a.tail == nil || a.tail.used != len(all) || len(all)+len(vs) > cap(all) {
		m.spend(len(all) + len(vs))
		grown := make([]Value, len(all), len(all)+len(vs)+len(all)/2+4)
		copy(grown, all)
		all, out.tail = grown, &tail{}
	}
	m.spend(len(vs))
	out.elems = append(all, vs...)
	out.tail.used = len(out.elems)
	return out
}

// NewObject returns an object of alternating keys and values.
func NewObject(pairs ...Value) *Object {
	o := &Object{}
	for i := 0; i < len(pairs); i += 2 {
		o.put(pairs[i].(string), pairs[i+1])
	}
	return o
}

func (o *Object) unfold() {
	if o.keys != nil || o.src.Len() == 0 {
		return
	}
	o.keys = o.src.Keys()
	o.vals = make([]Value, len(o.keys))
	for i := range o.keys {
		o.vals[i] = FromValue(o.src.At(i))
	}
}

const smallObject = 8

func (o *Object) find(key string) int {
	o.unfold()
	if len(o.keys) <= smallObject {
		return slices.Index(o.keys, key)
	}
	if o.index == nil {
		o.index = make(map[string]int, len(o.keys)*2)
		for i, k := range o.keys {
			o.index[k] = i
		}
	}
	if i, ok := o.index[key]; ok && i < len(o.keys) {
		return i
	}
	return -1
}

func (o *Object) get(key string) Value {
	if o.keys == nil {
		return FromValue(o.src.Get(key)) // do not unfold for one member
	}
	if i := o.find(key); i >= 0 {
		return o.vals[i]
	}
	return nil
}

func (o *Object) has(key string) bool { return o.find(key) >= 0 }

func (o *Object) size() int {
	o.unfold()
	return len(o.keys)
}

// put changes o itself: only for an object that nobody else has seen yet.
func (o *Object) put(key string, v Value) {
	if i := o.find(key); i >= 0 {
		o.vals[i] = v
		return
	}
	if o.index != nil {
		o.index[key] = len(o.keys)
	}
	o.keys, o.vals = append(o.keys, key), append(o.vals, v)
}

// with returns the object with the member set.
func (o *Object) with(m *Machine, key string, v Value) *Object {
	if i := o.find(key); i >= 0 {
		m.spend(len(o.vals))
		out := &Object{keys: o.keys, vals: slices.Clone(o.vals), index: o.index}
		out.vals[i] = v
		return out
	}
	out := &Object{keys: o.keys, vals: o.vals, index: o.index, tail: o.tail}
	n := len(o.keys)
	if o.tail == nil || o.tail.used != n || n == cap(o.keys) || n == cap(o.vals) {
		m.spend(2 * n)
		out.keys = append(make([]string, 0, n+n/2+4), o.keys...)
		out.vals = append(make([]Value, 0, n+n/2+4), o.vals...)
		out.index, out.tail = nil, &tail{}
	}
	m.spend(2)
	out.keys, out.vals = append(out.keys, key), append(out.vals, v)
	out.tail.used = n + 1
	if out.index != nil {
		out.index[key] = n
	}
	return out
}

func (o *Object) without(m *Machine, key string) *Object {
	i := o.find(key)
	if i < 0 {
		return o
	}
	m.spend(2 * len(o.keys))
	return &Object{
		keys: slices.Concat(o.keys[:i], o.keys[i+1:]),
		vals: slices.Concat(o.vals[:i], o.vals[i+1:]),
	}
}

// order gives positions of the members as JavaScript enumerates them: keys that are array
// indexes first, by number, then the others as they were inserted.
func (o *Object) order() []int {
	o.unfold()
	var indexes, rest []int
	for i, k := range o.keys {
		if _, ok := arrayIndex(k); ok {
			indexes = append(indexes, i)
		} else {
			rest = append(rest, i)
		}
	}
	slices.SortFunc(indexes, func(a, b int) int {
		x, _ := arrayIndex(o.keys[a])
		y, _ := arrayIndex(o.keys[b])
		return x - y
	})
	return append(indexes, rest...)
}

// arrayIndex tells whether key is the decimal spelling of an array index.
func arrayIndex(key string) (int, bool) {
	if key == "" || len(key) > 10 || key[0] < '0' || key[0] > '9' || key[0] == '0' && key != "0" {
		return 0, false
	}
	n, err := strconv.ParseUint(key, 10, 64)
	return int(n), err == nil && n < math.MaxUint32
}

// Path follows a JSON pointer's tokens; what is not there is undefined.
func Path(v Value, tokens []string) Value {
	for _, t := range tokens {
		switch x := v.(type) {
		case *Object:
			v = x.get(t)
		case *Array:
			v = x.member(t)
		default:
			return nil
		}
	}
	return v
}

// member is the property key of an array.
func (a *Array) member(key string) Value {
	if i, ok := arrayIndex(key); ok {
		return a.at(i)
	}
	if key == "length" {
		return float64(a.size())
	}
	if a.props != nil {
		return a.props.get(key)
	}
	return nil
}

// ToValue converts v to JSON as JSON.stringify would: undefined members are left out and
// undefined elements become null, dates become text, and sets, maps and expressions become
// empty objects, except that a set on its own or inside is given as the array of its
// elements and a map as the array of its entries, since a transformation has no other way to
// hand them on. Undefined itself is Absent.
func (m *Machine) ToValue(v Value) value.Value {
	if m.measure(v, map[Value]int{}, 0) > m.limits.Size {
		m.exceed("the result would be larger than %d bytes", m.limits.Size)
	}
	return m.toValue(v, map[Value]value.Value{})
}

func (m *Machine) toValue(v Value, seen map[Value]value.Value) value.Value {
	switch x := v.(type) {
	case null:
		return value.Null
	case bool:
		return value.Bool(x)
	case float64:
		return number(x)
	case Big:
		return x.lit
	case string:
		return value.String(x)
	case *Date:
		if math.IsNaN(x.ms) {
			return value.Null
		}
		return value.String(x.iso())
	case *RegExp:
		return value.Object()
	case *Set:
		return m.toValue(newArray(x.elems), seen)
	case *Map:
		return m.toValue(x.entries(), seen)
	case *Array:
		if !x.src.IsAbsent() {
			return x.src
		}
		if done, ok := seen[v]; ok {
			return done
		}
		out := make([]value.Value, len(x.elems))
		for i, e := range x.elems {
			out[i] = m.toValue(filled(e), seen)
		}
		done := value.Array(out...)
		seen[v] = done
		return done
	case *Object:
		if !x.src.IsAbsent() {
			return x.src
		}
		if done, ok := seen[v]; ok {
			return done
		}
		var out value.Members
		for _, i := range x.order() {
			out.Set(x.keys[i], m.toValue(x.vals[i], seen))
		}
		done := out.Value()
		seen[v] = done
		return done
	}
	return value.Absent
}

// number keeps whole numbers exact and turns what JSON cannot say into null.
func number(f float64) value.Value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return value.Null
	}
	if f == 0 {
		return value.Number(0)
	}
	return value.Number(f)
}

// measure estimates the bytes of v's JSON text. Shared parts count each time they occur, as
// they will in the text, but are walked once.
func (m *Machine) measure(v Value, seen map[Value]int, depth int) int {
	if depth > value.MaxDepth {
		m.exceed("the result is nested deeper than %d levels", value.MaxDepth)
	}
	switch x := v.(type) {
	case string:
		return len(x) + 2
	case *Set:
		return m.measure(newArray(x.elems), seen, depth)
	case *Map:
		return m.measure(x.entries(), seen, depth)
	case *Array, *Object:
		if n, ok := seen[v]; ok {
			return n
		}
	default:
		return 8
	}
	n := 2
	add := func(k int) { n = min(n+k, math.MaxInt/4) }
	switch x := v.(type) {
	case *Array:
		if !x.src.IsAbsent() {
			n = m.weigh(x.src, depth)
			break
		}
		for _, e := range x.elems {
			add(m.measure(e, seen, depth+1))
		}
	case *Object:
		if !x.src.IsAbsent() {
			n = m.weigh(x.src, depth)
			break
		}
		for i, k := range x.keys {
			add(len(k) + 3 + m.measure(x.vals[i], seen, depth+1))
		}
	}
	seen[v] = n
	return n
}

func (m *Machine) weigh(v value.Value, depth int) int {
	if depth > value.MaxDepth {
		m.exceed("the result is nested deeper than %d levels", value.MaxDepth)
	}
	n := 8 + len(v.Text())
	for i, k := range v.Keys() {
		n += len(k) + 3 + m.weigh(v.At(i), depth+1)
	}
	for _, e := range v.Elements() {
		n += m.weigh(e, depth+1)
	}
	return n
}

func (d *Date) time() time.Time { return time.UnixMilli(int64(d.ms)).UTC() }

func (m *Map) entries() *Array {
	out := make([]Value, len(m.keys))
	for i, k := range m.keys {
		out[i] = NewArray(k, m.vals[i])
	}
	return newArray(out)
}

// sprint renders v for a message, briefly.
func sprint(v Value) string {
	switch x := v.(type) {
	case nil:
		return "undefined"
	case null:
		return "null"
	case string:
		if len(x) > 40 {
			x = x[:37] + "..."
		}
		return strconv.Quote(x)
	case bool, float64:
		return fmt.Sprint(x)
	case Big:
		return x.lit.String()
	case *Array:
		return "an array"
	case *Date:
		return "a date"
	case *RegExp:
		return "a regular expression"
	case *Function:
		return "a function"
	}
	return "an object"
}
