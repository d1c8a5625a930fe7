package js

import (
	"math"
	"math/bits"
	"slices"
)

type fns = map[string]func(*Machine, Args) Value

var _ = define("Equality", fns{
	"deepEquals":  func(m *Machine, a Args) Value { return m.DeepEquals(a.at(0), a.at(1)) },
	"equality":    func(m *Machine, a Args) Value { return m.looseEquals(a.at(0), a.at(1)) },
	"identity":    func(_ *Machine, a Args) Value { return strictEquals(a.at(0), a.at(1)) },
	"inequality":  func(m *Machine, a Args) Value { return !m.looseEquals(a.at(0), a.at(1)) },
	"nonidentity": func(_ *Machine, a Args) Value { return !strictEquals(a.at(0), a.at(1)) },
})

var _ = define("Relational", fns{
	"greaterThan": func(m *Machine, a Args) Value { less, _ := m.less(a.at(1), a.at(0)); return less },
	"greaterThanOrEqual": func(m *Machine, a Args) Value {
		less, known := m.less(a.at(0), a.at(1))
		return known && !less
	},
	"in":       func(m *Machine, a Args) Value { return m.hasOwn(a.at(1), a.at(0)) },
	"lessThan": func(m *Machine, a Args) Value { less, _ := m.less(a.at(0), a.at(1)); return less },
	"lessThanOrEqual": func(m *Machine, a Args) Value {
		less, known := m.less(a.at(1), a.at(0))
		return known && !less
	},
})

// Conditional and Logical are here for calls that have all their arguments; a transformation
// evaluates only those it needs.
var _ = define("Conditional", fns{
	"ternary": func(_ *Machine, a Args) Value {
		if Truthy(a.at(0)) {
			return a.at(1)
		}
		return a.at(2)
	},
})

var _ = define("Logical", fns{
	"and":     func(_ *Machine, a Args) Value { return firstOr(a, func(v Value) bool { return !Truthy(v) }) },
	"not":     func(_ *Machine, a Args) Value { return !Truthy(a.at(0)) },
	"nullish": func(_ *Machine, a Args) Value { return firstOr(a, func(v Value) bool { return !Nullish(v) }) },
	"or":      func(_ *Machine, a Args) Value { return firstOr(a, Truthy) },
})

// firstOr is the first argument that decides, else the last.
func firstOr(a Args, decides func(Value) bool) Value {
	if i := slices.IndexFunc(a, decides); i >= 0 {
		return a[i]
	}
	if len(a) == 0 {
		return nil
	}
	return a[len(a)-1]
}

var _ = define("Boolean", fns{
	"new Boolean": func(_ *Machine, a Args) Value { return Truthy(a.at(0)) },
})

var _ = methods("Boolean", func(_ *Machine, v Value, method string) Value {
	if Nullish(v) {
		refuse(v, method)
	}
	return v
}, map[string]func(*Machine, Value, Args) Value{
	"toString": func(m *Machine, v Value, _ Args) Value { return m.toString(v) },
	"valueOf":  func(_ *Machine, v Value, _ Args) Value { return v },
})

func binary(f func(x, y float64) float64) func(*Machine, Args) Value {
	return func(m *Machine, a Args) Value { return f(m.toNumber(a.at(0)), m.toNumber(a.at(1))) }
}

func unary(f func(x float64) float64) func(*Machine, Args) Value {
	return func(m *Machine, a Args) Value { return f(m.toNumber(a.at(0))) }
}

func bitwise(f func(x, y int32) int32) func(*Machine, Args) Value {
	return func(m *Machine, a Args) Value { return float64(f(m.toInt32(a.at(0)), m.toInt32(a.at(1)))) }
}

func constant(f float64) func(*Machine, Args) Value {
	return func(*Machine, Args) Value { return f }
}

// add is the operator +, with as many operands as there are.
func add(m *Machine, a Args) Value {
	sum := m.toPrimitive(a.at(0))
	for i := 1; i < max(len(a), 2); i++ {
		next := m.toPrimitive(a.at(i))
		_, isText := sum.(string)
		if _, other := next.(string); isText || other {
			s, t := m.toString(sum), m.toString(next)
			m.alloc(len(s) + len(t))
			sum = join2(s, t)
		} else {
			sum = m.toNumber(sum) + m.toNumber(next)
		}
	}
	return sum
}

func power(x, y float64) float64 {
	if math.IsNaN(y) || math.Abs(x) == 1 && math.IsInf(y, 0) {
		return math.NaN()
	}
	return math.Pow(x, y)
}

func remainder(x, y float64) float64 { return math.Mod(x, y) }

func shiftLeft(x, y int32) int32  { return x << (uint32(y) & 31) }
func shiftRight(x, y int32) int32 { return x >> (uint32(y) & 31) }

func unsignedShift(m *Machine, a Args) Value {
	return float64(m.toUint32(a.at(0)) >> (m.toUint32(a.at(1)) & 31))
}

func bitAnd(x, y int32) int32 { return x & y }
func bitOr(x, y int32) int32  { return x | y }
func bitXor(x, y int32) int32 { return x ^ y }
func bitNot(m *Machine, a Args) Value {
	return float64(^m.toInt32(a.at(0)))
}

var _ = define("Bitwise", fns{
	"and":                bitwise(bitAnd),
	"leftShift":          bitwise(shiftLeft),
	"not":                bitNot,
	"or":                 bitwise(bitOr),
	"rightShift":         bitwise(shiftRight),
	"unsignedRightShift": unsignedShift,
	"xor":                bitwise(bitXor),
})

var _ = define("Math", fns{
	"E":       constant(math.E),
	"LN10":    constant(math.Ln10),
	"LN2":     constant(math.Ln2),
	"LOG10E":  constant(math.Log10E),
	"LOG2E":   constant(math.Log2E),
	"PI":      constant(math.Pi),
	"SQRT1_2": constant(math.Sqrt2 / 2),
	"SQRT2":   constant(math.Sqrt2),

	"add":                add,
	"bitwiseAnd":         bitwise(bitAnd),
	"bitwiseNot":         bitNot,
	"bitwiseOr":          bitwise(bitOr),
	"bitwiseXor":         bitwise(bitXor),
	"decrement":          unary(func(x float64) float64 { return x - 1 }),
	"divide":             binary(func(x, y float64) float64 { return x / y }),
	"exponentiation":     binary(power),
	"increment":          unary(func(x float64) float64 { return x + 1 }),
	"leftShift":          bitwise(shiftLeft),
	"modulo":             binary(remainder),
	"modulus":            binary(remainder),
	"multiply":           binary(func(x, y float64) float64 { return x * y }),
	"negation":           unary(func(x float64) float64 { return -x }),
	"remainder":          binary(remainder),
	"rightShift":         bitwise(shiftRight),
	"subtract":           binary(func(x, y float64) float64 { return x - y }),
	"unaryNegation":      unary(func(x float64) float64 { return -x }),
	"unaryPlus":          unary(func(x float64) float64 { return x }),
	"unsignedRightShift": unsignedShift,

	"abs":    unary(math.Abs),
	"acos":   unary(math.Acos),
	"acosh":  unary(math.Acosh),
	"asin":   unary(math.Asin),
	"asinh":  unary(math.Asinh),
	"atan":   unary(math.Atan),
	"atan2":  binary(math.Atan2),
	"atanh":  unary(math.Atanh),
	"cbrt":   unary(math.Cbrt),
	"ceil":   unary(math.Ceil),
	"clz32":  func(m *Machine, a Args) Value { return float64(bits.LeadingZeros32(m.toUint32(a.at(0)))) },
	"cos":    unary(math.Cos),
	"cosh":   unary(math.Cosh),
	"exp":    unary(math.Exp),
	"expm1":  unary(math.Expm1),
	"floor":  unary(math.Floor),
	"fround": unary(func(x float64) float64 { return float64(float32(x)) }),
	"hypot": func(m *Machine, a Args) Value {
		sum := 0.0
		for _, v := range a {
			sum = math.Hypot(sum, m.toNumber(v))
		}
		return sum
	},
	"imul":  bitwise(func(x, y int32) int32 { return x * y }),
	"log":   unary(math.Log),
	"log10": unary(math.Log10),
	"log1p": unary(math.Log1p),
	"log2":  unary(math.Log2),
	"max":   extreme(math.Inf(-1), math.Max),
	"min":   extreme(math.Inf(1), math.Min),
	"pow":   binary(power),
	"random": func(m *Machine, _ Args) Value {
		return m.env.Random()
	},
	"round": unary(func(x float64) float64 {
		if r := math.Floor(x); x-r < 0.5 {
			return r
		} else if r == -1 {
			return math.Copysign(0, -1)
		} else {
			return r + 1
		}
	}),
	"sign": unary(func(x float64) float64 {
		if x == 0 || x != x {
			return x
		}
		return math.Copysign(1, x)
	}),
	"sin":   unary(math.Sin),
	"sinh":  unary(math.Sinh),
	"sqrt":  unary(math.Sqrt),
	"tan":   unary(math.Tan),
	"tanh":  unary(math.Tanh),
	"trunc": unary(math.Trunc),
})

func extreme(start float64, pick func(x, y float64) float64) func(*Machine, Args) Value {
	return func(m *Machine, a Args) Value {
		best := start
		for _, v := range a {
			x := m.toNumber(v)
			if best = pick(best, x); x != x {
				return x
			}
		}
		return best
	}
}
