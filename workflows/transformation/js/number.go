package js

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

func receiveNumber(m *Machine, v Value, method string) float64 {
	f, ok := float(v)
	if !ok {
		refuse(v, method)
	}
	return f
}

var _ = define("Number", fns{
	"EPSILON":           constant(math.Nextafter(1, 2) - 1),
	"MAX_SAFE_INTEGER":  constant(1<<53 - 1),
	"MAX_VALUE":         constant(math.MaxFloat64),
	"MIN_SAFE_INTEGER":  constant(-(1<<53 - 1)),
	"MIN_VALUE":         constant(math.SmallestNonzeroFloat64),
	"NEGATIVE_INFINITY": constant(math.Inf(-1)),
	"NaN":               constant(math.NaN()),
	"POSITIVE_INFINITY": constant(math.Inf(1)),

	"isFinite": func(_ *Machine, a Args) Value {
		f, ok := float(a.at(0))
		return ok && !math.IsInf(f, 0) && f == f
	},
	"isInteger": func(_ *Machine, a Args) Value { return isInteger(a.at(0)) },
	"isNaN": func(_ *Machine, a Args) Value {
		f, ok := float(a.at(0))
		return ok && f != f
	},
	"isSafeInteger": func(_ *Machine, a Args) Value {
		f, _ := float(a.at(0))
		return isInteger(a.at(0)) && math.Abs(f) < 1<<53
	},
	"new Number": func(m *Machine, a Args) Value {
		if len(a) == 0 {
			return 0.0
		}
		return m.toNumber(a[0])
	},
	"parseFloat": func(m *Machine, a Args) Value {
		s := strings.TrimLeft(m.toString(a.at(0)), space)
		n := decimalPrefix(s)
		if n == 0 {
			return math.NaN()
		}
		return parseDecimal(s[:n])
	},
	"parseInt": func(m *Machine, a Args) Value { return parseInt(m.toString(a.at(0)), m.toInt32(a.at(1))) },
})

var _ = methods("Number", receiveNumber, map[string]func(*Machine, float64, Args) Value{
	"toExponential": func(m *Machine, f float64, p Args) Value {
		digits := m.digits(p.at(0), 0, 100)
		switch {
		case !finite(f):
			return m.toString(f)
		case p.at(0) == nil:
			return exponential(strconv.FormatFloat(f, 'e', -1, 64))
		}
		return scientific(f, digits+1)
	},
	"toFixed": func(m *Machine, f float64, p Args) Value {
		digits := m.digits(p.at(0), 0, 100)
		if !finite(f) || math.Abs(f) >= 1e21 {
			return m.toString(f)
		}
		return fixed(f, digits)
	},
	"toLocaleString": func(m *Machine, f float64, p Args) Value { return m.localeNumber(f, p.at(0), p.at(1)) },
	"toPrecision": func(m *Machine, f float64, p Args) Value {
		if p.at(0) == nil || !finite(f) {
			return m.toString(f)
		}
		return precision(f, m.digits(p[0], 1, 100))
	},
	"toString": func(m *Machine, f float64, p Args) Value {
		radix := 10.0
		if p.at(0) != nil {
			radix = m.toInteger(p[0])
		}
		if radix < 2 || radix > 36 {
			rangeError("the radix must be between 2 and 36, got %s", sprint(p.at(0)))
		}
		if radix == 10 || !finite(f) {
			return m.toString(f)
		}
		return inRadix(f, int(radix))
	},
	"valueOf": func(_ *Machine, f float64, _ Args) Value { return f },
})

func finite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }

func isInteger(v Value) bool {
	f, ok := float(v)
	return ok && finite(f) && f == math.Trunc(f)
}

func (m *Machine) digits(v Value, lo, hi float64) int {
	d := m.toInteger(v)
	if d < lo || d > hi {
		rangeError("the number of digits must be between %g and %g, got %s", lo, hi, sprint(v))
	}
	return int(d)
}

func parseInt(s string, radix int32) float64 {
	s = strings.TrimLeft(s, space)
	sign := 1.0
	if s != "" && (s[0] == '-' || s[0] == '+') {
		if s[0] == '-' {
			sign = -1
		}
		s = s[1:]
	}
	if len(s) >= 2 && (radix == 0 || radix == 16) && (s[:2] == "0x" || s[:2] == "0X") {
		s, radix = s[2:], 16
	}
	if radix == 0 {
		radix = 10
	}
	if radix < 2 || radix > 36 {
		return math.NaN()
	}
	n := 0
	for n < len(s) && digit(s[n]) >= 0 && digit(s[n]) < int(radix) {
		n++
	}
	return sign * parseDigits(s[:n], int(radix))
}

// rounded is |f|·10^exp rounded to a whole number, halves away from zero.
func rounded(f float64, exp int) *big.Int {
	r := new(big.Rat).SetFloat64(math.Abs(f))
	pow := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(exp, -exp))), nil)
	if exp >= 0 {
		r.Mul(r, new(big.Rat).SetInt(pow))
	} else {
		r.Quo(r, new(big.Rat).SetInt(pow))
	}
	r.Add(r, big.NewRat(1, 2))
	return new(big.Int).Quo(r.Num(), r.Denom())
}

func signed(f float64, s string) string {
	if f < 0 {
		return "-" + s
	}
	return s
}

func fixed(f float64, digits int) string {
	s := rounded(f, digits).String()
	if digits > 0 {
		s = strings.Repeat("0", max(digits+1-len(s), 0)) + s
		s = s[:len(s)-digits] + "." + s[len(s)-digits:]
	}
	return signed(f, s)
}

// significant gives p decimal digits of |f| and the exponent of the first.
func significant(f float64, p int) (string, int) {
	if f == 0 {
		return strings.Repeat("0", p), 0
	}
	text := strconv.FormatFloat(math.Abs(f), 'e', -1, 64)
	e, _ := strconv.Atoi(text[strings.IndexByte(text, 'e')+1:]) // FormatFloat writes an integer there
	s := rounded(f, p-1-e).String()
	if len(s) > p {
		s, e = s[:p], e+1
	}
	return s, e
}

func scientific(f float64, p int) string {
	s, e := significant(f, p)
	if p > 1 {
		s = s[:1] + "." + s[1:]
	}
	sign := "+"
	if e < 0 {
		sign, e = "-", -e
	}
	return signed(f, s+"e"+sign+strconv.Itoa(e))
}

func precision(f float64, p int) string {
	s, e := significant(f, p)
	switch {
	case e < -6 || e >= p:
		return scientific(f, p)
	case e == p-1:
		return signed(f, s)
	case e >= 0:
		return signed(f, s[:e+1]+"."+s[e+1:])
	}
	return signed(f, "0."+strings.Repeat("0", -e-1)+s)
}

// exponential drops the zero that Go writes before a one digit exponent.
func exponential(s string) string {
	at := strings.IndexByte(s, 'e')
	return s[:at+2] + strings.TrimPrefix(s[at+2:], "0")
}

// inRadix writes the shortest digits in the radix that tell f from its neighbours.
func inRadix(f float64, radix int) string {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyz"
	abs := math.Abs(f)
	whole := math.Floor(abs)
	frac := abs - whole
	delta := max(0.5*(math.Nextafter(abs, math.Inf(1))-abs), math.SmallestNonzeroFloat64)
	var after []byte
	if frac >= delta {
		for {
			frac *= float64(radix)
			delta *= float64(radix)
			d := int(frac)
			after = append(after, digits[d])
			frac -= float64(d)
			if frac > 0.5 || frac == 0.5 && d&1 == 1 {
				if frac+delta > 1 {
					after = carry(after, digits, radix, &whole)
					break
				}
			}
			if frac < delta {
				break
			}
		}
	}
	n, _ := new(big.Float).SetFloat64(whole).Int(nil)
	s := n.Text(radix)
	if len(after) > 0 {
		s += "." + string(after)
	}
	return signed(f, s)
}

// carry rounds the last digit up.
func carry(after []byte, digits string, radix int, whole *float64) []byte {
	for len(after) > 0 {
		last := len(after) - 1
		if d := strings.IndexByte(digits, after[last]); d+1 < radix {
			after[last] = digits[d+1]
			return after
		}
		after = after[:last]
	}
	*whole++
	return after
}

// localeString is v.toLocaleString() in the one locale there is, en-US.
func (m *Machine) localeString(v Value) string {
	switch x := v.(type) {
	case float64, Big, *Date, *Array:
		return m.toString(m.Call(prototype(x), "toLocaleString", x))
	}
	return m.toString(v)
}

// locale accepts what means English of the United States, or no wish at all.
func (m *Machine) locale(v Value) {
	if a, ok := v.(*Array); ok {
		v = a.at(0)
	}
	if v == nil {
		return
	}
	switch s := m.toString(v); s {
	case "en", "en-US", "default":
	default:
		rangeError("locale %q is not supported, only en-US is", s)
	}
}

// localeNumber supports the options for digits and grouping.
func (m *Machine) localeNumber(f float64, locale, options Value) string {
	m.locale(locale)
	lo, hi, grouping := 0, 3, true
	if o, ok := options.(*Object); ok {
		for _, k := range o.keysInOrder() {
			switch v := o.get(k); k {
			case "maximumFractionDigits":
				hi = m.digits(v, 0, 100)
				lo = min(lo, hi)
			case "minimumFractionDigits":
				lo = m.digits(v, 0, 100)
				hi = max(lo, hi)
			case "useGrouping":
				grouping = Truthy(v)
			default:
				rangeError("option %q of toLocaleString is not supported", k)
			}
		}
	}
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 0):
		return signed(f, "∞")
	}
	s := fixed(math.Abs(f), hi)
	whole, frac, _ := strings.Cut(s, ".")
	for len(frac) > lo && frac[len(frac)-1] == '0' {
		frac = frac[:len(frac)-1]
	}
	if grouping {
		for i := len(whole) - 3; i > 0; i -= 3 {
			whole = whole[:i] + "," + whole[i:]
		}
	}
	if frac != "" {
		whole += "." + frac
	}
	if math.Signbit(f) {
		return "-" + whole
	}
	return whole
}

func (o *Object) keysInOrder() []string {
	keys := make([]string, 0, o.size())
	for _, i := range o.order() {
		keys = append(keys, o.keys[i])
	}
	return keys
}
