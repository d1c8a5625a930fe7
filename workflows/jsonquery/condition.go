package jsonquery

import (
	"regexp"
	"strings"

	"github.com/heddlehq/heddle/workflows/value"
)

// condition is one comparison of a filter.
type condition struct {
	or     bool // joined to those before it by |, else by &
	negate bool

	key    operand
	nested []string // the key as a path, when it can be read as one
	whole  bool     // no key: the element itself

	op      operator
	operand operand
	pattern *regexp.Regexp // of matches
	rest    []step         // of holds
}

type operator uint8

const (
	equals operator = iota
	less
	lessOrEqual
	greater
	greaterOrEqual
	contains
	matches // a regular expression
	holds   // a helper
)

// meets tells whether the element meets the conditions, which bind from left to right.
func (r *run) meets(e cursor, conditions []condition) bool {
	ok := true
	for i := range conditions {
		c := &conditions[i]
		if c.or && ok || !c.or && !ok {
			continue
		}
		ok = r.test(r.subject(e, c), c) != c.negate
	}
	return ok
}

// subject is what the condition is about.
func (r *run) subject(e cursor, c *condition) cursor {
	if c.whole {
		return e
	}
	key, ok := r.key(c.key)
	if !ok {
		return miss
	}
	m := r.property(e, key)
	if m.v.IsAbsent() && c.nested != nil {
		m = e
		for _, k := range c.nested {
			m = r.property(m, k)
		}
	}
	return m
}

func (r *run) test(subject cursor, c *condition) bool {
	v := subject.v
	switch c.op {
	case holds:
		return truthy(r.walk(c.rest, subject).v)
	case matches:
		return truthy(v) && !v.IsArray() && !v.IsObject() && c.pattern.MatchString(text(v))
	case contains:
		return truthy(v) && within(v, r.value(c.operand))
	}
	want := r.value(c.operand)
	if c.op == equals {
		return looselyEqual(v, want) || v.IsBool() && want.IsString() && want.Text() == text(v)
	}
	order, ok := compare(v, want)
	if !ok {
		return false
	}
	switch c.op {
	case less:
		return order < 0
	case lessOrEqual:
		return order <= 0
	case greater:
		return order > 0
	}
	return order >= 0
}

// within tells whether an array has the element, or the text of a scalar that of another.
func within(v, want value.Value) bool {
	switch {
	case v.IsObject() || want.IsNothing() && !v.IsArray():
		return false
	case v.IsArray():
		for _, e := range v.Elements() {
			if value.Equal(e, want) {
				return true
			}
		}
		return false
	}
	return strings.Contains(text(v), text(want))
}
