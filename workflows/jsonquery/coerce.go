package jsonquery

import (
	"cmp"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/heddlehq/heddle/workflows/value"
)

// This file holds the conversions JavaScript makes when values of different types meet.

// truthy tells whether v counts as true: it is there and is not null, false, 0 or "".
func truthy(v value.Value) bool {
	switch v.Kind() {
	case value.KindBool:
		return v.Truth()
	case value.KindNumber:
		return v.Float() != 0 && !math.IsNaN(v.Float())
	case value.KindString:
		return v.Text() != ""
	case value.KindArray, value.KindObject:
		return true
	}
	return false
}

// text is String(v), with whole numbers exact.
func text(v value.Value) string {
	switch v.Kind() {
	case value.KindAbsent:
		return "undefined"
	case value.KindNumber:
		if i, ok := v.Int(); ok {
			return strconv.FormatInt(i, 10)
		}
		return value.FormatNumber(v.Float())
	case value.KindString:
		return v.Text()
	case value.KindArray:
		parts := make([]string, v.Len())
		for i, e := range v.Elements() {
			if !e.IsNothing() {
				parts[i] = text(e)
			}
		}
		return strings.Join(parts, ",")
	case value.KindObject:
		return "[object Object]"
	}
	return v.String()
}

// number is Number(v), and NaN where that is not a number.
func number(v value.Value) float64 {
	switch v.Kind() {
	case value.KindNumber:
		return v.Float()
	case value.KindNull:
		return 0
	case value.KindBool:
		if v.Truth() {
			return 1
		}
		return 0
	case value.KindString:
		return parseNumber(v.Text())
	case value.KindArray, value.KindObject:
		return parseNumber(text(v))
	}
	return math.NaN()
}

func parseNumber(s string) float64 {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0
	}
	if len(s) > 2 && s[0] == '0' {
		if base := map[byte]int{'x': 16, 'o': 8, 'b': 2}[s[1]|0x20]; base != 0 {
			u, err := strconv.ParseUint(s[2:], base, 64)
			if err != nil {
				return math.NaN()
			}
			return float64(u)
		}
	}
	if digits := strings.TrimLeft(s, "+-"); digits == "Infinity" {
		s = strings.Replace(s, "Infinity", "Inf", 1)
	} else if strings.Trim(s, "0123456789.eE+-") != "" {
		return math.NaN()
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(f, 0) {
		return math.NaN()
	}
	return f
}

// whole is v as an exact integer, for numbers and the strings that write one.
func whole(v value.Value) (int64, bool) {
	if v.IsString() {
		i, err := strconv.ParseInt(v.Text(), 10, 64)
		return i, err == nil
	}
	return v.Int()
}

// looselyEqual is ==, with three mercies: integers compare exactly, arrays and objects compare
// by what they hold, and Absent never differs from null.
func looselyEqual(a, b value.Value) bool {
	switch {
	case a.IsNothing() || b.IsNothing():
		return a.IsNothing() && b.IsNothing()
	case a.Kind() == b.Kind():
		return value.Equal(a, b)
	case isContainer(a) && isContainer(b):
		return false
	case a.IsNumber() && b.IsString() || a.IsString() && b.IsNumber():
		return sameNumber(a, b)
	case a.IsString() || b.IsString():
		if !a.IsBool() && !b.IsBool() {
			return text(a) == text(b)
		}
	}
	return number(a) == number(b)
}

func sameNumber(a, b value.Value) bool {
	i, ok := whole(a)
	j, too := whole(b)
	if ok && too {
		return i == j
	}
	return number(a) == number(b)
}

// compare orders a and b for <, <=, > and >=. ok is false when they have no order.
func compare(a, b value.Value) (order int, ok bool) {
	if isText(a) && isText(b) {
		return strings.Compare(text(a), text(b)), true
	}
	if i, ok := whole(a); ok {
		if j, ok := whole(b); ok {
			return cmp.Compare(i, j), true
		}
	}
	x, y := number(a), number(b)
	if math.IsNaN(x) || math.IsNaN(y) {
		return 0, false
	}
	return cmp.Compare(x, y), true
}

func isContainer(v value.Value) bool { return v.IsArray() || v.IsObject() }

// isText tells whether v becomes a string before it is compared.
func isText(v value.Value) bool { return v.IsString() || isContainer(v) }

// isIndex tells whether a key asks an array for one element, not for its elements' members.
// That goes for negative and padded indexes too, which no array has.
func isIndex(key string) bool {
	digits := strings.TrimPrefix(key, "-")
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return false
		}
	}
	return digits != ""
}

// arrayIndex reads the canonical form of an index.
func arrayIndex(key string) (int, bool) {
	if key == "" || len(key) > 1 && key[0] == '0' || len(key) > 10 || key[0] == '-' || !isIndex(key) {
		return 0, false
	}
	i, err := strconv.Atoi(key)
	return i, err == nil
}

// length is the number of UTF-16 units, JavaScript's measure of strings.
func length(s string) int {
	n := 0
	for _, c := range s {
		n += utf16.RuneLen(c)
	}
	return n
}

// character is the i-th UTF-16 unit of s, and Absent past its end. Half a surrogate pair reads
// as U+FFFD.
func character(s string, i int) value.Value {
	for _, c := range s {
		if n := utf16.RuneLen(c); i < n {
			return unit(c, n)
		} else {
			i -= n
		}
	}
	return value.Absent
}

// characters are the UTF-16 units of s.
func characters(s string) []value.Value {
	units := make([]value.Value, 0, len(s))
	for _, c := range s {
		n := utf16.RuneLen(c)
		for range n {
			units = append(units, unit(c, n))
		}
	}
	return units
}

func unit(c rune, n int) value.Value {
	if n > 1 {
		c = '\uFFFD'
	}
	return value.String(string(c))
}
