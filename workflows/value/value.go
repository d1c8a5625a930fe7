package value

import (
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Kind tells the JSON type of a [Value].
type Kind uint8

// The kinds, in the order [Compare] ranks them.
const (
	KindAbsent Kind = iota
	KindNull
	KindBool
	KindNumber
	KindString
	KindArray
	KindObject
)

// String gives the name JSON Schema uses for the kind, and "absent" for KindAbsent.
func (k Kind) String() string {
	return [...]string{"absent", "null", "boolean", "number", "string", "array", "object"}[k]
}

// Value is an immutable JSON value. The zero Value is [Absent].
type Value struct{ n *node }

type node struct {
	kind  Kind
	bit   bool
	num   float64
	text  string // a string's text; a number's literal when it was parsed
	raw   string // the compact JSON text of a container, when known
	elems []Value
	keys  []string
	index map[string]int // only for objects of more than smallObject keys
}

const smallObject = 24

// The values without content.
var (
	Absent = Value{}
	Null   = Value{&node{kind: KindNull}}
	True   = Value{&node{kind: KindBool, bit: true}}
	False  = Value{&node{kind: KindBool}}

	emptyString = Value{&node{kind: KindString}}
	emptyArray  = Value{&node{kind: KindArray, raw: "[]"}}
	emptyObject = Value{&node{kind: KindObject, raw: "{}"}}
)

// Bool returns True or False.
func Bool(b bool) Value {
	if b {
		return True
	}
	return False
}

// Number returns a number. NaN and the infinities are kept while computing and become null
// when encoded, as JavaScript's JSON.stringify does.
func Number(f float64) Value { return Value{&node{kind: KindNumber, num: f}} }

// Int returns an exact integer.
func Int(i int64) Value {
	return Value{&node{kind: KindNumber, num: float64(i), text: strconv.FormatInt(i, 10)}}
}

// String returns a string. Invalid UTF-8 becomes U+FFFD, so that what is stored is always JSON.
func String(s string) Value {
	if s == "" {
		return emptyString
	}
	return Value{&node{kind: KindString, text: strings.ToValidUTF8(s, "\uFFFD")}}
}

// Array returns an array of vs; Absent elements become null. It takes ownership of vs.
func Array(vs ...Value) Value {
	if len(vs) == 0 {
		return emptyArray
	}
	for i, v := range vs {
		if v.n == nil {
			vs[i] = Null
		}
	}
	return Value{&node{kind: KindArray, elems: vs}}
}

// Strings returns an array of strings.
func Strings(ss ...string) Value {
	vs := make([]Value, len(ss))
	for i, s := range ss {
		vs[i] = String(s)
	}
	return Array(vs...)
}

// Members builds an object. The zero Members is ready to use.
type Members struct {
	keys []string
	vals []Value
	at   map[string]int
}

// Set adds the member or replaces it in place; an Absent v is left out.
func (m *Members) Set(key string, v Value) *Members {
	i := m.find(key)
	switch {
	case v.n == nil && i < 0:
	case v.n == nil:
		m.keys = slices.Delete(m.keys, i, i+1)
		m.vals = slices.Delete(m.vals, i, i+1)
		m.at = nil
	case i >= 0:
		m.vals[i] = v
	default:
		if m.at != nil {
			m.at[key] = len(m.keys)
		}
		m.keys = append(m.keys, key)
		m.vals = append(m.vals, v)
	}
	return m
}

func (m *Members) find(key string) int {
	if len(m.keys) <= smallObject {
		return slices.Index(m.keys, key)
	}
	if m.at == nil {
		m.at = make(map[string]int, 2*len(m.keys))
		for i, k := range m.keys {
			m.at[k] = i
		}
	}
	if i, ok := m.at[key]; ok {
		return i
	}
	return -1
}

// Len tells how many members are set.
func (m *Members) Len() int { return len(m.keys) }

// Value returns the object. The builder must not be used afterwards.
func (m *Members) Value() Value { return newObject(m.keys, m.vals) }

// Object returns an object of alternating keys and values: Object("a", Int(1), "b", Null).
// It panics when a key is not a string or a value not a Value, which is a programmer's mistake.
func Object(pairs ...any) Value {
	var m Members
	for i := 0; i < len(pairs); i += 2 {
		m.Set(pairs[i].(string), pairs[i+1].(Value))
	}
	return m.Value()
}

// newObject takes ownership of keys, which must be unique, and vals.
func newObject(keys []string, vals []Value) Value {
	if len(keys) == 0 {
		return emptyObject
	}
	n := &node{kind: KindObject, keys: keys, elems: vals}
	if len(keys) > smallObject {
		n.index = make(map[string]int, len(keys))
		for i, k := range keys {
			n.index[k] = i
		}
	}
	return Value{n}
}

// Kind tells what v is.
func (v Value) Kind() Kind {
	if v.n == nil {
		return KindAbsent
	}
	return v.n.kind
}

// IsAbsent tells whether v is Absent.
func (v Value) IsAbsent() bool { return v.n == nil }

// IsNull tells whether v is JSON null. Absent is not.
func (v Value) IsNull() bool { return v.Kind() == KindNull }

// IsNothing tells whether v is Absent or null.
func (v Value) IsNothing() bool { return v.n == nil || v.n.kind == KindNull }

// IsBool tells whether v is true or false.
func (v Value) IsBool() bool { return v.Kind() == KindBool }

// IsNumber tells whether v is a number.
func (v Value) IsNumber() bool { return v.Kind() == KindNumber }

// IsString tells whether v is a string.
func (v Value) IsString() bool { return v.Kind() == KindString }

// IsArray tells whether v is an array.
func (v Value) IsArray() bool { return v.Kind() == KindArray }

// IsObject tells whether v is an object.
func (v Value) IsObject() bool { return v.Kind() == KindObject }

// Truth is v's boolean, and false for every other kind.
func (v Value) Truth() bool { return v.n != nil && v.n.kind == KindBool && v.n.bit }

// Float is v's number, and 0 for every other kind.
func (v Value) Float() float64 {
	if v.n == nil || v.n.kind != KindNumber {
		return 0
	}
	return v.n.num
}

// Int is v's number when it is a whole one that fits an int64.
func (v Value) Int() (int64, bool) {
	if v.n == nil || v.n.kind != KindNumber {
		return 0, false
	}
	if i, err := strconv.ParseInt(v.n.text, 10, 64); err == nil {
		return i, true
	}
	f := v.n.num
	if f != math.Trunc(f) || math.Abs(f) >= 1<<63 {
		return 0, false
	}
	return int64(f), true
}

// Text is v's string, and "" for every other kind.
func (v Value) Text() string {
	if v.n == nil || v.n.kind != KindString {
		return ""
	}
	return v.n.text
}

// Len is the number of elements or members, and 0 for scalars.
func (v Value) Len() int {
	if v.n == nil {
		return 0
	}
	return len(v.n.elems)
}

// At is the i-th element of an array or the i-th member's value of an object, and Absent
// outside of it.
func (v Value) At(i int) Value {
	if i < 0 || i >= v.Len() {
		return Absent
	}
	return v.n.elems[i]
}

// Get is the member called key, and Absent when v is no object or has none.
func (v Value) Get(key string) Value {
	if v.n == nil || v.n.kind != KindObject {
		return Absent
	}
	if i := v.n.find(key); i >= 0 {
		return v.n.elems[i]
	}
	return Absent
}

// Has tells whether v is an object with a member called key.
func (v Value) Has(key string) bool { return v.Get(key).n != nil }

// Path follows keys through nested objects.
func (v Value) Path(keys ...string) Value {
	for _, k := range keys {
		v = v.Get(k)
	}
	return v
}

func (n *node) find(key string) int {
	if n.index != nil {
		if i, ok := n.index[key]; ok {
			return i
		}
		return -1
	}
	return slices.Index(n.keys, key)
}

// Keys are an object's keys in the order they were written. The slice must not be changed.
func (v Value) Keys() []string {
	if v.n == nil {
		return nil
	}
	return v.n.keys
}

// Members walks an object in the order of its keys.
func (v Value) Members() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		for i, k := range v.Keys() {
			if !yield(k, v.n.elems[i]) {
				return
			}
		}
	}
}

// Elements walks an array.
func (v Value) Elements() iter.Seq2[int, Value] {
	return func(yield func(int, Value) bool) {
		if !v.IsArray() {
			return
		}
		for i, e := range v.n.elems {
			if !yield(i, e) {
				return
			}
		}
	}
}

// With returns the object with the member set, or removed when m is Absent. Anything but an
// object counts as an empty one.
func (v Value) With(key string, m Value) Value {
	var b Members
	if v.IsObject() {
		if m.n != nil {
			b.keys = append(make([]string, 0, v.Len()+1), v.n.keys...)
			b.vals = append(make([]Value, 0, v.Len()+1), v.n.elems...)
		} else {
			b.keys, b.vals = slices.Clone(v.n.keys), slices.Clone(v.n.elems)
		}
	}
	return b.Set(key, m).Value()
}

// Without returns the object without the named members.
func (v Value) Without(keys ...string) Value {
	if !v.IsObject() || !slices.ContainsFunc(keys, v.Has) {
		return v
	}
	var b Members
	for k, m := range v.Members() {
		if !slices.Contains(keys, k) {
			b.Set(k, m)
		}
	}
	return b.Value()
}

// Append returns the array with vs added. Anything but an array counts as an empty one.
func (v Value) Append(vs ...Value) Value {
	var out []Value
	if v.IsArray() {
		out = append(make([]Value, 0, v.Len()+len(vs)), v.n.elems...)
	}
	return Array(append(out, vs...)...)
}

// WithAt returns the array with element i replaced; an index one past the end appends.
// Other indexes leave it as it is.
func (v Value) WithAt(i int, e Value) Value {
	if !v.IsArray() || i < 0 || i > v.Len() {
		return v
	}
	if i == v.Len() {
		return v.Append(e)
	}
	out := slices.Clone(v.n.elems)
	out[i] = e
	return Array(out...)
}

// Slice returns a copy of the elements of an array, for building another.
func (v Value) Slice() []Value {
	if !v.IsArray() {
		return nil
	}
	return slices.Clone(v.n.elems)
}

// Equal tells whether a and b are the same JSON: numbers by value, objects without regard to
// order, Absent only equal to Absent.
func Equal(a, b Value) bool {
	if a.n == b.n {
		return true
	}
	if a.Kind() != b.Kind() {
		return false
	}
	switch a.Kind() {
	case KindBool:
		return a.n.bit == b.n.bit
	case KindNumber:
		if ai, ok := a.Int(); ok {
			if bi, ok := b.Int(); ok {
				return ai == bi
			}
		}
		return a.n.num == b.n.num
	case KindString:
		return a.n.text == b.n.text
	case KindArray:
		return slices.EqualFunc(a.n.elems, b.n.elems, Equal)
	case KindObject:
		if len(a.n.keys) != len(b.n.keys) {
			return false
		}
		for k, m := range a.Members() {
			if o := b.Get(k); o.n == nil || !Equal(m, o) {
				return false
			}
		}
	}
	return true
}

// Compare orders values of all kinds: first by kind, then numbers by size, strings by bytes,
// arrays and objects by their JSON text. It gives lists a stable order, nothing more.
func Compare(a, b Value) int {
	if a.Kind() != b.Kind() {
		return int(a.Kind()) - int(b.Kind())
	}
	switch a.Kind() {
	case KindNumber:
		switch {
		case a.n.num < b.n.num:
			return -1
		case a.n.num > b.n.num:
			return 1
		}
		return 0
	case KindString:
		return strings.Compare(a.n.text, b.n.text)
	}
	return strings.Compare(a.String(), b.String())
}
