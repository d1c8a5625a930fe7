package js

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/heddlehq/heddle/workflows/value"
)

// TypeOf is the typeof operator.
func TypeOf(v Value) string {
	switch v.(type) {
	case nil:
		return "undefined"
	case bool:
		return "boolean"
	case float64, Big:
		return "number"
	case string:
		return "string"
	case *Function:
		return "function"
	}
	return "object"
}

// Nullish tells whether v is undefined or null.
func Nullish(v Value) bool { return v == nil || v == Null }

// Truthy is the conversion to boolean.
func Truthy(v Value) bool {
	switch x := v.(type) {
	case nil, null:
		return false
	case bool:
		return x
	case float64:
		return x != 0 && x == x
	case string:
		return x != ""
	}
	return true
}

// float is v as a float64 when it is of type number.
func float(v Value) (float64, bool) {
	switch x := v.(type) {
	case float64:
		return x, true
	case Big:
		return x.f, true
	}
	return 0, false
}

// toNumber is the conversion to number.
func (m *Machine) toNumber(v Value) float64 {
	switch x := v.(type) {
	case nil:
		return math.NaN()
	case null:
		return 0
	case bool:
		if x {
			return 1
		}
		return 0
	case float64:
		return x
	case Big:
		return x.f
	case string:
		return parseNumber(x)
	case *Date:
		return x.ms
	}
	return parseNumber(m.toString(v))
}

// toInteger is the conversion to a whole number; NaN is 0.
func (m *Machine) toInteger(v Value) float64 {
	f := m.toNumber(v)
	if math.IsNaN(f) {
		return 0
	}
	return math.Trunc(f)
}

func (m *Machine) toInt32(v Value) int32 { return int32(m.toUint32(v)) }

func (m *Machine) toUint32(v Value) uint32 {
	f := m.toNumber(v)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	f = math.Mod(math.Trunc(f), 1<<32)
	if f < 0 {
		f += 1 << 32
	}
	return uint32(f)
}

const space = "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"

// parseNumber is Number(s).
func parseNumber(s string) float64 {
	s = strings.Trim(s, space)
	if s == "" {
		return 0
	}
	if len(s) > 2 && s[0] == '0' {
		if base := map[byte]int{'x': 16, 'X': 16, 'o': 8, 'O': 8, 'b': 2, 'B': 2}[s[1]]; base != 0 {
			return parseDigits(s[2:], base)
		}
	}
	n := decimalPrefix(s)
	if n < len(s) || n == 0 {
		return math.NaN()
	}
	return parseDecimal(s)
}

func parseDecimal(s string) float64 {
	switch strings.TrimLeft(s, "+-") {
	case "Infinity":
		if s[0] == '-' {
			return math.Inf(-1)
		}
		return math.Inf(1)
	}
	f, _ := strconv.ParseFloat(s, 64) // out of range gives ±Inf, which is the result
	return f
}

// parseDigits reads all of s in the base; NaN when it has anything else.
func parseDigits(s string, base int) float64 {
	if s == "" {
		return math.NaN()
	}
	for i := range len(s) {
		if d := digit(s[i]); d < 0 || d >= base {
			return math.NaN()
		}
	}
	if n, err := strconv.ParseUint(s, base, 53); err == nil {
		return float64(n)
	}
	if base == 10 {
		return parseDecimal(s)
	}
	if len(s) > 1100 {
		s = s[:1100] // more digits than the largest number has
	}
	b, _ := new(big.Int).SetString(s, base)
	f, _ := new(big.Float).SetInt(b).Float64()
	return f
}

func digit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'z':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'Z':
		return int(c-'A') + 10
	}
	return -1
}

// decimalPrefix is the length of the longest decimal literal s begins with.
func decimalPrefix(s string) int {
	i := 0
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		i++
	}
	if strings.HasPrefix(s[i:], "Infinity") {
		return i + len("Infinity")
	}
	run := func() int {
		from := i
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		return i - from
	}
	digits := run()
	if i < len(s) && s[i] == '.' {
		i++
		frac := run()
		if digits+frac == 0 {
			return 0
		}
	} else if digits == 0 {
		return 0
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		at := i
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if run() == 0 {
			i = at
		}
	}
	return i
}

// toString is the conversion to string.
func (m *Machine) toString(v Value) string {
	switch x := v.(type) {
	case nil:
		return "undefined"
	case null:
		return "null"
	case bool:
		return strconv.FormatBool(x)
	case float64:
		return value.FormatNumber(x)
	case Big:
		return value.FormatNumber(x.f)
	case string:
		return x
	case *Array:
		return m.joined(x, ",")
	case *Date:
		return x.text()
	case *RegExp:
		return x.text()
	case *Set:
		return "[object Set]"
	case *Map:
		return "[object Map]"
	case *Function:
		return "function " + x.Name + "() { [native code] }"
	}
	return "[object Object]"
}

// key is the conversion to a property key.
func (m *Machine) key(v Value) string { return m.toString(v) }

// joined is Array.prototype.join.
func (m *Machine) joined(a *Array, sep string) string {
	m.work(2 + a.size()/4)
	if m.joins++; m.joins > value.MaxDepth {
		m.exceed("an array nested deeper than %d levels", value.MaxDepth)
	}
	defer func() { m.joins-- }()
	var b strings.Builder
	for i, e := range a.all() {
		if i > 0 {
			b.WriteString(sep)
			m.alloc(len(sep))
		}
		if e = filled(e); !Nullish(e) {
			s := m.toString(e)
			m.alloc(len(s))
			b.WriteString(s)
		}
	}
	return tidy(b.String())
}

// tidy unites surrogate pairs whose halves were written one after the other.
func tidy(s string) string {
	for i := 0; i+6 <= len(s); i++ {
		if s[i] == 0xED && s[i+1] >= 0xA0 && s[i+1] < 0xB0 && s[i+3] == 0xED && s[i+4] >= 0xB0 {
			return fromUnits(units(s))
		}
	}
	return s
}

// strictEquals is ===.
func strictEquals(a, b Value) bool {
	if x, ok := float(a); ok {
		y, ok := float(b)
		if ok && x == y {
			p, isBig := a.(Big)
			q, isBig2 := b.(Big)
			return !isBig || !isBig2 || value.Equal(p.lit, q.lit)
		}
		return false
	}
	return a == b
}

// sameValueZero is the equality of includes, Set and Map: === with NaN equal to itself.
func sameValueZero(a, b Value) bool {
	if x, ok := float(a); ok && x != x {
		y, ok := float(b)
		return ok && y != y
	}
	return strictEquals(a, b)
}

// looseEquals is ==.
func (m *Machine) looseEquals(a, b Value) bool {
	if Nullish(a) || Nullish(b) {
		return Nullish(a) && Nullish(b)
	}
	ta, tb := TypeOf(a), TypeOf(b)
	switch {
	case ta == tb:
		return strictEquals(a, b)
	case ta == "boolean":
		return m.looseEquals(m.toNumber(a), b)
	case tb == "boolean":
		return m.looseEquals(a, m.toNumber(b))
	case isObject(a) && isObject(b):
		return a == b
	case isObject(a):
		return m.looseEquals(m.toPrimitive(a), b)
	case isObject(b):
		return m.looseEquals(a, m.toPrimitive(b))
	}
	return m.toNumber(a) == m.toNumber(b)
}

func isObject(v Value) bool {
	t := TypeOf(v)
	return t == "function" || t == "object" && v != Null
}

// toPrimitive converts objects to strings, as + and == do.
func (m *Machine) toPrimitive(v Value) Value {
	if isObject(v) {
		return m.toString(v)
	}
	return v
}

// less is a < b; known is false when a NaN is involved.
func (m *Machine) less(a, b Value) (less, known bool) {
	if d, ok := a.(*Date); ok {
		a = d.ms
	}
	if d, ok := b.(*Date); ok {
		b = d.ms
	}
	a, b = m.toPrimitive(a), m.toPrimitive(b)
	if s, ok := a.(string); ok {
		if t, ok := b.(string); ok {
			return compareText(s, t) < 0, true
		}
	}
	x, y := m.toNumber(a), m.toNumber(b)
	return x < y, x == x && y == y
}

// compareText orders by UTF-16 units.
func compareText(a, b string) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	if i < len(a) && i < len(b) && a[i] >= 0x80 && b[i] >= 0x80 {
		// Only characters beyond the basic plane sort differently: as surrogates.
		x, y := units(a[start(a, i):]), units(b[start(b, i):])
		for k := 0; k < len(x) && k < len(y); k++ {
			if x[k] != y[k] {
				return int(x[k]) - int(y[k])
			}
		}
		return len(x) - len(y)
	}
	return strings.Compare(a[i:], b[i:])
}

// start is where the character that byte i belongs to begins.
func start(s string, i int) int {
	for i > 0 && s[i]&0xC0 == 0x80 {
		i--
	}
	return i
}
