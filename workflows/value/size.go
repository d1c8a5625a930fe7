package value

import (
	"math"
	"slices"
	"strings"
)

// Identity tells values in memory apart: values of the same identity are the same, for as long
// as either is kept. Equal values may have different ones. It is comparable.
type Identity struct{ n *node }

// Identity is v's own.
func (v Value) Identity() Identity { return Identity(v) }

// Known is the compact JSON text of an array or object that was parsed and is at hand without
// any work, and "" otherwise.
func (v Value) Known() string {
	if v.n == nil {
		return ""
	}
	return v.n.raw
}

// Exceeds tells whether the compact JSON text of v has more than n bytes. It looks at no more
// of v than that takes.
func (v Value) Exceeds(n int) bool { return v.size(n) > n }

// size is the length of v's JSON text, or some number above most.
func (v Value) size(most int) int {
	if v.n == nil {
		return len("null")
	}
	switch n := v.n; n.kind {
	case KindBool:
		if n.bit {
			return len("true")
		}
		return len("false")
	case KindNumber:
		switch {
		case n.text != "":
			return len(n.text)
		case math.IsNaN(n.num) || math.IsInf(n.num, 0):
			return len("null")
		}
		return len(FormatNumber(n.num))
	case KindString:
		return quotedSize(n.text, most)
	case KindArray, KindObject:
		if n.raw != "" {
			return len(n.raw)
		}
		size := 1 + max(1, len(n.elems)) // brackets and commas
		for i, e := range n.elems {
			if n.keys != nil {
				size += 1 + quotedSize(n.keys[i], most-size)
			}
			if size > most {
				break
			}
			size += e.size(most - size)
		}
		return size
	}
	return len("null")
}

func quotedSize(s string, most int) int {
	size := 2 + len(s)
	for i := 0; i < len(s) && size <= most; i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t':
			size++
		case c < ' ':
			size += 5
		}
	}
	return size
}

// HasKey tells whether v is or holds an object with a member of that name, which must not need
// escapes in JSON.
func (v Value) HasKey(name string) bool {
	if v.n == nil || v.n.kind != KindArray && v.n.kind != KindObject {
		return false
	}
	if v.n.raw != "" && !strings.Contains(v.n.raw, `"`+name+`"`) {
		return false
	}
	if v.n.keys != nil && slices.Contains(v.n.keys, name) {
		return true
	}
	return slices.ContainsFunc(v.n.elems, func(e Value) bool { return e.HasKey(name) })
}
