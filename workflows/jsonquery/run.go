package jsonquery

import (
	"iter"
	"strconv"

	"github.com/heddlehq/heddle/workflows/value"
)

// expression is a choice of paths: the first truthy result, else that of the last.
type expression []path

type path struct {
	steps []step
	many  bool // selects an array, be it empty
}

// step is one part of a path.
type step interface {
	apply(*run, cursor) cursor
}

// run is one evaluation.
type run struct {
	root  value.Value
	memo  []*cursor // results of subqueries: they are all about root, so once is enough
	track bool      // keep places
}

// cursor is a value on its way through a path; Absent means that nothing was found. When places
// are tracked, at is where the value stands in the root, or each is where every element of an
// array stands that the query put together.
type cursor struct {
	v    value.Value
	at   *place
	each []*place
}

// place is a way into the root, innermost token first. The root has no parent.
type place struct {
	parent *place
	token  string
}

var miss = cursor{}

func (r *run) evaluate(x expression) (cursor, path) {
	start := cursor{v: r.root}
	if r.track {
		start.at = &place{}
	}
	for _, p := range x[:len(x)-1] {
		if c := r.walk(p.steps, start); truthy(c.v) {
			return c, p
		}
	}
	last := x[len(x)-1]
	return r.walk(last.steps, start), last
}

func (r *run) walk(steps []step, c cursor) cursor {
	for _, s := range steps {
		c = s.apply(r, c)
	}
	return c
}

// child makes v, which c.v holds under token, the current value.
func (r *run) child(c cursor, token string, v value.Value) cursor {
	if !r.track {
		return cursor{v: v}
	}
	if c.each != nil {
		if i, ok := arrayIndex(token); ok && i < len(c.each) {
			return cursor{v: v, at: c.each[i]}
		}
	}
	if c.at == nil || !c.v.IsArray() && !c.v.IsObject() {
		return cursor{v: v}
	}
	return cursor{v: v, at: &place{c.at, token}}
}

// property reads c.v[key] as JavaScript does: a member, an element, a character, a length.
func (r *run) property(c cursor, key string) cursor {
	switch c.v.Kind() {
	case value.KindObject:
		if v := c.v.Get(key); !v.IsAbsent() {
			return r.child(c, key, v)
		}
	case value.KindArray:
		if i, ok := arrayIndex(key); ok {
			if v := c.v.At(i); !v.IsAbsent() {
				return r.child(c, key, v)
			}
		} else if key == "length" {
			return cursor{v: value.Int(int64(c.v.Len()))}
		}
	case value.KindString:
		if i, ok := arrayIndex(key); ok {
			return cursor{v: character(c.v.Text(), i)}
		} else if key == "length" {
			return cursor{v: value.Int(int64(length(c.v.Text())))}
		}
	}
	return miss
}

// children walks the elements, members' values or characters of c.v.
func (r *run) children(c cursor) iter.Seq[cursor] {
	return func(yield func(cursor) bool) {
		switch c.v.Kind() {
		case value.KindArray:
			for i, e := range c.v.Elements() {
				if !yield(r.element(c, i, e)) {
					return
				}
			}
		case value.KindObject:
			for k, m := range c.v.Members() {
				if !yield(r.child(c, k, m)) {
					return
				}
			}
		case value.KindString:
			for _, ch := range characters(c.v.Text()) {
				if !yield(cursor{v: ch}) {
					return
				}
			}
		}
	}
}

// element is child for an index, which is only spelled out when places are tracked.
func (r *run) element(c cursor, i int, v value.Value) cursor {
	if !r.track {
		return cursor{v: v}
	}
	return r.child(c, strconv.Itoa(i), v)
}

// list puts an array together.
type list struct {
	vs   []value.Value
	each []*place
}

func (r *run) newList() *list {
	l := &list{}
	if r.track {
		l.each = []*place{}
	}
	return l
}

func (l *list) add(c cursor) {
	l.vs = append(l.vs, c.v)
	if l.each != nil {
		l.each = append(l.each, c.at)
	}
}

// addFlat adds the elements of an array, and anything else as it is.
func (l *list) addFlat(r *run, c cursor) {
	if !c.v.IsArray() {
		l.add(c)
		return
	}
	for i, e := range c.v.Elements() {
		l.add(r.element(c, i, e))
	}
}

func (l *list) cursor() cursor {
	return cursor{v: value.Array(l.vs...), each: l.each}
}

// operand is a key or value in a query: a literal or a query of its own.
type operand struct {
	literal value.Value
	sub     *subquery
}

type subquery struct {
	number int // its slot in run.memo
	expression
}

func (r *run) result(s *subquery) cursor {
	if r.memo[s.number] == nil {
		c, _ := r.evaluate(s.expression)
		r.memo[s.number] = &c
	}
	return *r.memo[s.number]
}

func (r *run) value(o operand) value.Value {
	if o.sub != nil {
		return r.result(o.sub).v
	}
	return o.literal
}

// key is the operand as the name of a member. A subquery without a result names none.
func (r *run) key(o operand) (string, bool) {
	v := r.value(o)
	return text(v), !v.IsAbsent()
}
