package builtin

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/transformation/js"
	"github.com/heddlehq/heddle/workflows/value"
)

// scriptLimits bound one call of a JavaScript function.
var scriptLimits = js.Limits{Steps: 2_000_000, Size: maxText}

// script runs f on a machine of its own and converts what it gives.
func script(f func(m *js.Machine) js.Value) (out value.Value, err error) {
	m := js.New(js.Env{}, scriptLimits)
	err = m.Run(func() { out = m.ToValue(f(m)) })
	return out, err
}

// scripted is a task that is a function of a JavaScript library: its parameters, in their
// order, are the function's arguments, the receiver first.
func scripted(m workflows.Method, lib, method string) Task {
	return function(m, func(in value.Value) (value.Value, error) {
		args := make([]js.Value, len(m.Incoming))
		n := 0
		for i, p := range m.Incoming {
			v := in.Get(p.Name)
			args[i] = js.FromValue(v)
			if !v.IsAbsent() {
				n = i + 1
			}
		}
		return script(func(m *js.Machine) js.Value { return m.Call(lib, method, args[:max(n, 1)]...) })
	})
}

// text is the conversion to string of a value that is no container; containers give their
// JSON text.
func text(v value.Value) string {
	switch v.Kind() {
	case value.KindAbsent:
		return ""
	case value.KindString:
		return v.Text()
	case value.KindNumber:
		if i, ok := v.Int(); ok {
			return strconv.FormatInt(i, 10)
		}
		return value.FormatNumber(v.Float())
	}
	return v.String()
}

// number reads a number, or a text that JavaScript would read as one.
func number(v value.Value) (float64, bool) {
	switch v.Kind() {
	case value.KindNumber:
		return v.Float(), true
	case value.KindString:
		if strings.TrimSpace(v.Text()) == "" {
			return 0, false
		}
		n, err := script(func(m *js.Machine) js.Value { return m.Call("Number", "new Number", v.Text()) })
		return n.Float(), err == nil && n.IsNumber()
	}
	return 0, false
}

// whole is a number parameter as an integer within the bounds.
func whole(in value.Value, param string, least, most float64) (int64, error) {
	f := in.Get(param).Float()
	if f != math.Trunc(f) || f < least || f > most {
		return 0, badInput("the parameter %q must be a whole number from %.0f to %.0f, not %s", param, least, most, value.FormatNumber(f))
	}
	return int64(f), nil
}

// compareText orders by UTF-16 units, as JavaScript does.
func compareText(a, b string) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	if i == len(a) || i == len(b) || a[i] < 0xE0 || b[i] < 0xE0 {
		return strings.Compare(a[i:], b[i:])
	}
	for i > 0 && a[i]&0xC0 == 0x80 {
		i-- // to where the character begins that differs
	}
	x, y := utf16.Encode([]rune(a[i:])), utf16.Encode([]rune(b[i:]))
	for k := 0; k < len(x) && k < len(y); k++ {
		if x[k] != y[k] {
			return int(x[k]) - int(y[k])
		}
	}
	return len(x) - len(y)
}
