package value

import (
	"math"
	"unicode/utf8"
)

// AppendJSON appends the compact JSON text of v to dst. Absent, NaN and the infinities are
// written as null.
func (v Value) AppendJSON(dst []byte) []byte {
	if v.n == nil {
		return append(dst, "null"...)
	}
	n := v.n
	switch n.kind {
	case KindBool:
		if n.bit {
			return append(dst, "true"...)
		}
		return append(dst, "false"...)
	case KindNumber:
		switch {
		case n.text != "":
			return append(dst, n.text...)
		case math.IsNaN(n.num) || math.IsInf(n.num, 0):
			return append(dst, "null"...)
		}
		return append(dst, FormatNumber(n.num)...)
	case KindString:
		return AppendString(dst, n.text)
	case KindArray:
		if n.raw != "" {
			return append(dst, n.raw...)
		}
		dst = append(dst, '[')
		for i, e := range n.elems {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = e.AppendJSON(dst)
		}
		return append(dst, ']')
	case KindObject:
		if n.raw != "" {
			return append(dst, n.raw...)
		}
		dst = append(dst, '{')
		for i, k := range n.keys {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendString(dst, k)
			dst = append(dst, ':')
			dst = n.elems[i].AppendJSON(dst)
		}
		return append(dst, '}')
	}
	return append(dst, "null"...)
}

const hex = "0123456789abcdef"

// AppendString appends s as a JSON string literal.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(dst, s[start:i]...)
				dst = append(dst, "\\ufffd"...)
				start = i + 1
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// String is the compact JSON text of v, and "" for Absent.
func (v Value) String() string {
	if v.n == nil {
		return ""
	}
	if v.n.raw != "" {
		return v.n.raw
	}
	return string(v.AppendJSON(nil))
}

// MarshalJSON implements json.Marshaler; Absent becomes null.
func (v Value) MarshalJSON() ([]byte, error) { return v.AppendJSON(nil), nil }

// UnmarshalJSON implements json.Unmarshaler.
func (v *Value) UnmarshalJSON(data []byte) error {
	p, err := ParseLast(data)
	if err != nil {
		return err
	}
	*v = p
	return nil
}

// IsZero lets encoding/json leave Absent out under "omitzero".
func (v Value) IsZero() bool { return v.n == nil }
