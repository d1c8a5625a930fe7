package js

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/heddlehq/heddle/workflows/value"
)

// row is one call: the arguments and the result as JavaScript gives it. What JSON cannot say
// is written {"$": kind, "v": …} with the kinds undefined, number, regexp, date, set,
// function and, for results only, throws.
type row struct{ method, args, want string }

var testLimits = Limits{Steps: 1_000_000, Size: 64 << 20}

func testMachine() *Machine {
	return New(Env{Now: time.UnixMilli(1_700_000_000_000), Random: func() float64 { return 0.25 }}, testLimits)
}

// testFunctions are the callbacks that rows name.
func testFunctions(m *Machine) map[string]func(a ...Value) Value {
	return map[string]func(a ...Value) Value{
		"double":   func(a ...Value) Value { return 2 * m.toNumber(a[0]) },
		"even":     func(a ...Value) Value { return math.Mod(m.toNumber(a[0]), 2) == 0 },
		"index":    func(a ...Value) Value { return a[1] },
		"list":     func(a ...Value) Value { return float64(len(a)) },
		"pair":     func(a ...Value) Value { return NewArray(a[0], a[0]) },
		"subtract": func(a ...Value) Value { return m.toNumber(a[0]) - m.toNumber(a[1]) },
		"sum":      func(a ...Value) Value { return add(m, a[:2]) },
		"upper":    func(a ...Value) Value { return strings.ToUpper(m.toString(a[0])) },
		"object": func(a ...Value) Value {
			if f, ok := a[1].(float64); ok {
				return f + 1
			}
			return a[1]
		},
	}
}

func read(t *testing.T, m *Machine, v value.Value) Value {
	t.Helper()
	list := func(v value.Value) []Value {
		out := make([]Value, v.Len())
		for i, e := range v.Elements() {
			out[i] = read(t, m, e)
		}
		return out
	}
	what := v.Get("v")
	switch v.Get("$").Text() {
	case "undefined":
		return nil
	case "number":
		f, err := strconv.ParseFloat(what.Text(), 64)
		if err != nil {
			t.Fatal(err)
		}
		return f
	case "regexp":
		return &RegExp{m.compile(what.At(0).Text(), what.At(1).Text())}
	case "date":
		if what.IsString() {
			return &Date{math.NaN()}
		}
		return &Date{what.Float()}
	case "set":
		return m.Call("Set", "new Set", NewArray(list(what)...))
	case "function":
		return &Function{what.Text(), testFunctions(m)[what.Text()]}
	}
	switch {
	case v.IsArray():
		return NewArray(list(v)...)
	case v.IsObject():
		o := &Object{}
		for k, e := range v.Members() {
			o.put(k, read(t, m, e))
		}
		return o
	}
	return FromValue(v)
}

// write writes a value the way rows do.
func write(v Value) string {
	special := func(kind, text string) string { return `{"$":"` + kind + `"` + text + `}` }
	switch x := v.(type) {
	case nil:
		return special("undefined", "")
	case float64:
		switch {
		case !finite(x):
			return special("number", `,"v":"`+value.FormatNumber(x)+`"`)
		case x == 0 && math.Signbit(x):
			return special("number", `,"v":"-0"`)
		}
		return value.FormatNumber(x)
	case string:
		return quoted(x)
	case *Array:
		parts := make([]string, x.size())
		for i, e := range x.values() {
			parts[i] = write(e)
		}
		return "[" + strings.Join(parts, ",") + "]"
	case *Object:
		var parts []string
		for _, k := range x.keysInOrder() {
			parts = append(parts, quoted(k)+":"+write(x.get(k)))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case *Set:
		return special("set", `,"v":`+write(newArray(x.elems)))
	case *RegExp:
		return special("regexp", `,"v":[`+quoted(source(x.re))+","+quoted(x.re.Flags)+"]")
	case *Date:
		if math.IsNaN(x.ms) {
			return special("date", `,"v":"NaN"`)
		}
		return special("date", `,"v":`+value.FormatNumber(x.ms))
	}
	return (&Machine{limits: testLimits}).toString(v)
}

func compare(t *testing.T, lib string, rows []row) {
	t.Helper()
	for _, r := range rows {
		m := testMachine()
		raw, err := value.ParseLast([]byte(r.args))
		if err != nil {
			t.Fatalf("%s %s: %v", r.method, r.args, err)
		}
		var got string
		err = m.Run(func() {
			var args []Value
			for _, a := range raw.Elements() {
				args = append(args, read(t, m, a))
			}
			got = write(m.Call(lib, r.method, args...))
		})
		if e, ok := errors.AsType[*Error](err); ok {
			got = `{"$":"throws","v":"` + e.Kind + `"}`
		}
		want, err := value.ParseLast([]byte(r.want))
		if err != nil {
			t.Fatalf("%s %s: %v", r.method, r.want, err)
		}
		parsed, err := value.ParseLast([]byte(got))
		if err != nil {
			t.Fatalf("%s.%s %s: result %s: %v", lib, r.method, r.args, got, err)
		}
		if !value.Equal(parsed, want) {
			t.Errorf("%s.%s %s = %s, want %s", lib, r.method, r.args, got, r.want)
		}
	}
}
