package jsonquery

import (
	"fmt"
	"slices"
	"sync"

	"github.com/heddlehq/heddle/workflows/value"
)

// Query is a compiled query. It never changes and is safe to share between goroutines.
type Query struct {
	text string
	expression
	subqueries int
}

// SyntaxError says where a query is wrong and what would be right.
type SyntaxError struct {
	Offset int // in bytes from the start of Query
	Reason string
	Query  string
}

func (e *SyntaxError) Error() string {
	query := e.Query
	if len(query) > 200 {
		query = query[:200] + "…"
	}
	return fmt.Sprintf("query %q: at byte %d: %s", query, e.Offset, e.Reason)
}

// Parse compiles a query. Its errors are of type *SyntaxError. The empty query is the identity.
func Parse(text string) (*Query, error) {
	p := parser{text: text}
	if len(text) > maxLength {
		return nil, p.errorAt(maxLength, "longer than %d bytes", maxLength)
	}
	x, err := p.expression("|")
	if err != nil {
		return nil, err
	}
	return &Query{text: text, expression: x, subqueries: p.subqueries}, nil
}

// String returns the text the query was parsed from.
func (q *Query) String() string { return q.text }

// Run evaluates the query on root. found is false when it names nothing that is there, and v is
// then null; a null that is there is found. A query that selects many always finds an array.
//
// The effort is bounded by the size of root times the length of the query.
func (q *Query) Run(root value.Value) (v value.Value, found bool) {
	r := run{root: root, memo: make([]*cursor, q.subqueries)}
	c, p := r.evaluate(q.expression)
	switch {
	case !c.v.IsAbsent():
		return c.v, true
	case p.many:
		return value.Array(), true
	}
	return value.Null, false
}

// Replace returns root with the place the query names replaced by v, and an Absent v counts as
// null. Where the query selects many, that is the place of the first. found is false, and out is
// root, when there is no such place; places are never created.
func (q *Query) Replace(root, v value.Value) (out value.Value, found bool) {
	if v.IsAbsent() {
		v = value.Null
	}
	r := run{root: root, memo: make([]*cursor, q.subqueries), track: true}
	c, _ := r.evaluate(q.expression)
	at := c.at
	if len(c.each) > 0 {
		at = c.each[0]
	}
	if at == nil || c.v.IsAbsent() {
		return root, false
	}
	return root.WithPath(at.tokens(), v), true
}

// tokens is the way from the root to the place, as WithPath wants it.
func (p *place) tokens() []string {
	var tokens []string
	for ; p.parent != nil; p = p.parent {
		tokens = append(tokens, p.token)
	}
	slices.Reverse(tokens)
	return tokens
}

// Select is Parse and Run. It remembers the queries it was given last, so that a query that
// comes again and again is compiled once. It may be called from many goroutines.
func Select(root value.Value, text string) (v value.Value, found bool, err error) {
	q, err := recent.get(text)
	if err != nil {
		return value.Null, false, err
	}
	v, found = q.Run(root)
	return v, found, nil
}

var recent cache

// cache holds compiled queries by their text. It is emptied when full, which costs little: a
// server knows far fewer queries than it holds, and only made-up ones fill it.
type cache struct {
	mu      sync.RWMutex
	queries map[string]*Query
}

const (
	cachedQueries = 1024
	cachedLength  = 1024 // a longer query is not worth its memory
)

func (c *cache) get(text string) (*Query, error) {
	c.mu.RLock()
	q := c.queries[text]
	c.mu.RUnlock()
	if q != nil {
		return q, nil
	}
	q, err := Parse(text)
	if err != nil || len(text) > cachedLength {
		return q, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.queries == nil || len(c.queries) >= cachedQueries {
		c.queries = make(map[string]*Query)
	}
	c.queries[text] = q
	return q, nil
}
