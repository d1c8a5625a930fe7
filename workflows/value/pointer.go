package value

import (
	"fmt"
	"strconv"
	"strings"
)

// EscapePointer escapes one reference token of a JSON pointer (RFC 6901).
func EscapePointer(token string) string {
	if !strings.ContainsAny(token, "~/") {
		return token
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(token)
}

// SplitPointer splits a JSON pointer into its unescaped tokens; "" has none.
func SplitPointer(ptr string) ([]string, error) {
	if ptr == "" {
		return nil, nil
	}
	if ptr[0] != '/' {
		return nil, fmt.Errorf("JSON pointer %q must be empty or begin with '/'", ptr)
	}
	tokens := strings.Split(ptr[1:], "/")
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	for i, t := range tokens {
		tokens[i] = unescape.Replace(t)
	}
	return tokens, nil
}

// Lookup follows a JSON pointer. It is Absent where the path ends early; a malformed pointer
// finds nothing.
func (v Value) Lookup(ptr string) Value {
	tokens, err := SplitPointer(ptr)
	if err != nil {
		return Absent
	}
	for _, t := range tokens {
		v = v.child(t)
	}
	return v
}

func (v Value) child(token string) Value {
	if !v.IsArray() {
		return v.Get(token)
	}
	i, err := strconv.Atoi(token)
	if err != nil || i < 0 || strconv.Itoa(i) != token {
		return Absent
	}
	return v.At(i)
}

// WithPath returns v with the place named by tokens replaced by m, creating objects on the
// way; an Absent m removes it. A token that is an index addresses an array that is there.
func (v Value) WithPath(tokens []string, m Value) Value {
	if len(tokens) == 0 {
		return m
	}
	next := v.child(tokens[0]).WithPath(tokens[1:], m)
	if v.IsArray() {
		if i, err := strconv.Atoi(tokens[0]); err == nil {
			return v.WithAt(i, next)
		}
		return v
	}
	return v.With(tokens[0], next)
}
