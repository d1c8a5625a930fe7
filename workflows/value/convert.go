package value

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Of converts plain Go data: nil, booleans, numbers, strings, json.Number, time.Time (RFC 3339
// with milliseconds, UTC), slices and maps of them, and Values. Maps are taken in the order
// of their sorted keys. Anything else goes through encoding/json; what that refuses becomes
// its text.
func Of(x any) Value {
	switch x := x.(type) {
	case nil:
		return Null
	case Value:
		return x
	case bool:
		return Bool(x)
	case string:
		return String(x)
	case int:
		return Int(int64(x))
	case int64:
		return Int(x)
	case float64:
		return Number(x)
	case json.Number:
		v, err := Parse([]byte(x))
		if err != nil {
			return String(x.String())
		}
		return v
	case time.Time:
		return Time(x)
	case []any:
		vs := make([]Value, len(x))
		for i, e := range x {
			vs[i] = Of(e)
		}
		return Array(vs...)
	case []string:
		return Strings(x...)
	case map[string]any:
		var m Members
		for _, k := range slices.Sorted(maps.Keys(x)) {
			m.Set(k, Of(x[k]))
		}
		return m.Value()
	case map[string]Value:
		var m Members
		for _, k := range slices.Sorted(maps.Keys(x)) {
			m.Set(k, x[k])
		}
		return m.Value()
	}
	data, err := json.Marshal(x)
	if err != nil {
		return String(fmt.Sprint(x))
	}
	v, err := Parse(data)
	if err != nil {
		return String(fmt.Sprint(x))
	}
	return v
}

// TimeLayout is how times are written in documents: RFC 3339 in UTC with milliseconds.
const TimeLayout = "2006-01-02T15:04:05.000Z"

// Time returns t as text in TimeLayout.
func Time(t time.Time) Value { return String(t.UTC().Format(TimeLayout)) }

// Any converts v to plain Go data: nil, bool, float64, string, []any and map[string]any.
// Absent becomes nil. Whole numbers that a float64 cannot hold become int64.
func (v Value) Any() any {
	switch v.Kind() {
	case KindBool:
		return v.n.bit
	case KindNumber:
		if i, ok := v.Int(); ok && (i > 1<<53 || i < -(1<<53)) {
			return i
		}
		return v.n.num
	case KindString:
		return v.n.text
	case KindArray:
		out := make([]any, len(v.n.elems))
		for i, e := range v.n.elems {
			out[i] = e.Any()
		}
		return out
	case KindObject:
		out := make(map[string]any, len(v.n.keys))
		for k, m := range v.Members() {
			out[k] = m.Any()
		}
		return out
	}
	return nil
}

// OfBody is what a message body holds: the JSON it is, null when it is empty, and its text
// otherwise.
func OfBody(data []byte) Value {
	if len(data) == 0 {
		return Null
	}
	if v, err := ParseLast(data); err == nil {
		return v
	}
	return String(string(data))
}

// Decode fills the Go value that ptr points to, by the rules of encoding/json.
func (v Value) Decode(ptr any) error { return json.Unmarshal(v.AppendJSON(nil), ptr) }

// FormatNumber writes f as JavaScript's Number.prototype.toString does: shortest digits that
// read back equal, plain notation from 1e-6 up to 1e21, "NaN", "Infinity".
func FormatNumber(f float64) string {
	switch {
	case f != f:
		return "NaN"
	case f > 1.7976931348623157e308:
		return "Infinity"
	case f < -1.7976931348623157e308:
		return "-Infinity"
	case f == 0:
		return "0"
	}
	abs := f
	if abs < 0 {
		abs = -abs
	}
	if abs >= 1e-6 && abs < 1e21 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	b := strconv.AppendFloat(nil, f, 'e', -1, 64)
	// JavaScript writes 1e-7, Go 1e-07.
	if n := len(b); n >= 4 && b[n-2] == '0' && (b[n-3] == '-' || b[n-3] == '+') {
		b[n-2] = b[n-1]
		b = b[:n-1]
	}
	return string(b)
}
