package js

import (
	"math"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Strings are UTF-8 in memory and UTF-16 to the scripts. ASCII, nearly all there is, is the
// same in both; the rest is converted. A surrogate without its partner is kept as the three
// bytes UTF-8 would use if it allowed surrogates.

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// decode is the first character of s, where a lone surrogate counts as one.
func decode(s string) (rune, int) {
	if len(s) >= 3 && s[0] == 0xED && s[1] >= 0xA0 && s[1] <= 0xBF && s[2]&0xC0 == 0x80 {
		return 0xD000 | rune(s[1]&0x3F)<<6 | rune(s[2]&0x3F), 3
	}
	return utf8.DecodeRuneInString(s)
}

// units gives the UTF-16 form.
func units(s string) []uint16 {
	out := make([]uint16, 0, len(s))
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			out = append(out, uint16(s[i]))
			i++
			continue
		}
		r, size := decode(s[i:])
		i += size
		if r >= 0xD800 && r < 0xE000 {
			out = append(out, uint16(r))
			continue
		}
		out = utf16.AppendRune(out, r)
	}
	return out
}

// fromUnits is the inverse of units.
func fromUnits(u []uint16) string {
	var b strings.Builder
	b.Grow(len(u))
	for len(u) > 0 && u[0] < utf8.RuneSelf {
		b.WriteByte(byte(u[0]))
		u = u[1:]
	}
	for i := 0; i < len(u); i++ {
		r := rune(u[i])
		switch {
		case r < utf8.RuneSelf:
			b.WriteByte(byte(r))
		case !utf16.IsSurrogate(r):
			b.WriteRune(r)
		default:
			if i+1 < len(u) {
				if pair := utf16.DecodeRune(r, rune(u[i+1])); pair != utf8.RuneError {
					b.WriteRune(pair)
					i++
					continue
				}
			}
			b.Write([]byte{0xED, 0x80 | byte(r>>6&0x3F), 0x80 | byte(r&0x3F)})
		}
	}
	return b.String()
}

// textLen is the length in UTF-16 units.
func textLen(s string) int {
	n := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c < 0x80 || c >= 0xC0:
			n++
			if c >= 0xF0 {
				n++
			}
		}
	}
	return n
}

// slice is s from unit from up to unit to.
func slice(s string, from, to int) string {
	if from >= to {
		return ""
	}
	if isASCII(s) {
		return s[from:to]
	}
	return fromUnits(units(s)[from:to])
}

// join2 concatenates, uniting a surrogate pair that meets at the seam.
func join2(a, b string) string {
	if len(a) >= 3 && len(b) >= 3 && b[0] == 0xED && b[1] >= 0xB0 && a[len(a)-3] == 0xED && a[len(a)-2] >= 0xA0 && a[len(a)-2] < 0xB0 {
		return a[:len(a)-3] + fromUnits(append(units(a[len(a)-3:]), units(b[:3])...)) + b[3:]
	}
	return a + b
}

// relative is the position a relative index stands for, within 0..n.
func relative(f float64, n int) int {
	if math.IsNaN(f) {
		return 0
	}
	f = math.Trunc(f)
	if f < 0 {
		return int(max(f+float64(n), 0))
	}
	return int(min(f, float64(n)))
}

// clamp is a position within 0..n.
func clamp(f float64, n int) int {
	if !(f > 0) {
		return 0
	}
	return int(min(math.Trunc(f), float64(n)))
}
