package js

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/heddlehq/heddle/workflows/value"
)

// anything makes a value of any kind.
func anything(r *rand.Rand, m *Machine, depth int) Value {
	texts := []string{"", "a", "abc", "12", "-1.5", "é😀", "\xed\xa0\xbd", "(a)?b", "2024-03-05", "length", "[", "$1$&"}
	numbers := []float64{0, math.Copysign(0, -1), 1, -1, 2.5, 1e21, math.NaN(), math.Inf(1), math.Inf(-1), 1 << 53, 4294967295, -7}
	switch kind := r.IntN(14); {
	case kind == 0:
		return nil
	case kind == 1:
		return Null
	case kind == 2:
		return r.IntN(2) == 0
	case kind <= 5:
		return numbers[r.IntN(len(numbers))]
	case kind <= 8:
		return texts[r.IntN(len(texts))]
	case kind == 9:
		return FromValue(value.MustParse(`{"a":[1,{"b":null}],"2":"x","n":123456789012345678901}`))
	case kind == 10:
		return &Date{numbers[r.IntN(len(numbers))]}
	case kind == 11:
		return &RegExp{m.compile("(?<n>a)|b?", []string{"", "g", "giu", "y"}[r.IntN(4)])}
	case kind == 12 && depth < 3:
		return &Function{"f", func(a ...Value) Value {
			if len(a) > 0 && r.IntN(2) == 0 {
				return a[0]
			}
			return anything(r, m, depth+1)
		}}
	case depth > 3:
		return Big{1e20, value.MustParse("100000000000000000000")}
	}
	elems := make([]Value, r.IntN(4))
	for i := range elems {
		elems[i] = anything(r, m, depth+1)
		if r.IntN(8) == 0 {
			elems[i] = hole{}
		}
	}
	switch r.IntN(5) {
	case 0:
		return m.Call("Set", "new Set", newArray(elems))
	case 1:
		o := &Object{}
		for i, e := range elems {
			o.put(texts[i], filled(e))
		}
		return o
	}
	return newArray(elems)
}

// Every function, given anything, gives a value or throws; it leaves its arguments alone.
func TestCall_anything(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for _, lib := range Libraries() {
		for _, method := range Methods(lib) {
			for range 150 {
				m := New(Env{Random: r.Float64, Query: func(obj value.Value, _ string) (value.Value, bool, error) {
					return obj, r.IntN(2) == 0, nil
				}}, Limits{Steps: 20_000, Size: 1 << 20})
				args := make([]Value, r.IntN(5))
				for i := range args {
					args[i] = anything(r, m, 0)
				}
				before := write(newArray(args))
				err := m.Run(func() {
					got := m.Call(lib, method, args...)
					m.ToValue(got)
					write(got)
				})
				if e, ok := errors.AsType[*Error](err); err != nil && (!ok || e.Message == "") {
					t.Errorf("%s.%s %s: %v", lib, method, before, err)
				}
				if after := write(newArray(args)); after != before {
					t.Errorf("%s.%s changed its arguments from %s to %s", lib, method, before, after)
				}
			}
		}
	}
}

func TestToValue(t *testing.T) {
	t.Parallel()
	m := testMachine()
	shared := NewArray(1.0)
	for _, tc := range []struct {
		v    Value
		want string
	}{
		{nil, ""},
		{Null, "null"},
		{math.NaN(), "null"},
		{math.Copysign(0, -1), "0"},
		{1e21, "1e+21"},
		{NewArray(nil, hole{}, &Function{}, shared, shared), "[null,null,null,[1],[1]]"},
		{NewObject("b", 1.0, "a", nil, "1", 2.0), `{"1":2,"b":1}`},
		{&Date{0}, `"1970-01-01T00:00:00.000Z"`},
		{&Date{math.NaN()}, "null"},
		{&RegExp{m.compile("a", "")}, "{}"},
		{&Set{elems: []Value{1.0, "x"}}, `[1,"x"]`},
		{m.Call("Map", "new Map", NewArray(NewArray("k", 1.0))), `[["k",1]]`},
		{"\xed\xa0\xbd", `"�"`},
		{FromValue(value.MustParse(`{"z":12345678901234567890,"1":1.50}`)), `{"z":12345678901234567890,"1":1.50}`},
	} {
		if got := m.ToValue(tc.v).String(); got != tc.want {
			t.Errorf("%s became %s, want %s", sprint(tc.v), got, tc.want)
		}
	}
}

func TestMap(t *testing.T) {
	t.Parallel()
	m := testMachine()
	x := m.Call("Map", "new Map", NewArray(NewArray("a", 1.0), NewArray("b", 2.0), NewArray("a", 3.0)))
	y := m.Call("Map", "delete", m.Call("Map", "set", x, math.NaN(), "n"), "b")
	for _, tc := range []struct {
		got  Value
		want string
	}{
		{m.Call("Map", "entries", x), `[["a",3],["b",2]]`},
		{m.Call("Map", "get", y, math.NaN()), `"n"`},
		{m.Call("Map", "has", y, "b"), `false`},
		{m.Call("Map", "size", y), `2`},
		{m.Call("Map", "keys", x), `["a","b"]`},
		{m.Call("Map", "values", y), `[3,"n"]`},
	} {
		if got := write(tc.got); got != tc.want {
			t.Errorf("got %s, want %s", got, tc.want)
		}
	}
}

// Pushing to one array from two sides must not let one see the other's elements.
func TestArray_pushIsPersistent(t *testing.T) {
	t.Parallel()
	m := testMachine()
	base := m.Call("Array", "push", NewArray(), 1.0)
	left := m.Call("Array", "push", base, "left")
	right := m.Call("Array", "push", base, "right")
	if got := write(NewArray(base, left, right)); got != `[[1],[1,"left"],[1,"right"]]` {
		t.Errorf("got %s", got)
	}
	obj := m.Call("Object", "setProperty", NewObject(), "a", 1.0)
	for i := range 20 { // beyond the size from which objects have an index
		obj = m.Call("Object", "setProperty", obj, float64(i), 1.0)
	}
	one := m.Call("Object", "setProperty", obj, "one", 1.0)
	two := m.Call("Object", "setProperty", obj, "two", 2.0)
	for _, tc := range []struct {
		o    Value
		key  string
		want bool
	}{{obj, "one", false}, {one, "one", true}, {one, "two", false}, {two, "one", false}, {two, "two", true}} {
		if got := m.Call("Object", "hasOwnProperty", tc.o, tc.key); got != tc.want {
			t.Errorf("%s: got %v, want %v", tc.key, got, tc.want)
		}
	}
}
