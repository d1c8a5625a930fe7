package store

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/heddlehq/heddle/workflows/value"
)

// ID is the name under which filters and orders reach a document's
// identifier: a Text field every collection has.
const ID = "_id"

// Type is the type of a field's values.
type Type uint8

// The types. An index value of type Number is held as int64 where it is
// integral and fits, else as float64.
const (
	Text   Type = iota + 1 // string
	Number                 // int64 or float64, finite
	Time                   // int64, milliseconds since 1970, years 1 to 9999
	Bool                   // bool
	Texts                  // []string, a set
)

func (t Type) String() string {
	switch t {
	case Text:
		return "text"
	case Number:
		return "number"
	case Time:
		return "time"
	case Bool:
		return "bool"
	case Texts:
		return "set of texts"
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// Collection declares a kind of document and the fields by which it may be
// filtered, sorted and grouped.
type Collection struct {
	Name   string
	Fields []Field
	// Indexes lists what must be found without reading the whole collection.
	// Every write pays for each, so it holds only what lists really use.
	// Unique fields and `_id` need no mention.
	Indexes []Index
	// Inline says that bodies are small and written once, so that a driver may
	// keep them beside the fields. Filters that no index serves read them, too.
	Inline bool

	byName map[string]Field
}

// Field is one searchable field.
type Field struct {
	// Name is the wire name, dotted where it is nested: "job._id".
	Name string
	Type Type
	// Unique refuses a second document with the same value. Missing values
	// never clash. Not for Texts.
	Unique bool
	// Prefix says that every identifier begins with this field's value and a
	// slash. A search for the value then goes by identifier and needs no index.
	// Text only; whoever writes keeps the promise.
	Prefix bool
	// From computes the value from the document where it is not simply the
	// member called Name.
	From func(doc value.Value) any

	path []string // Name, split by NewSchema
}

// Index names the leading fields of an order kept by the store; `_id` always
// follows. A Texts field stands alone and finds documents by element.
type Index struct {
	Fields []string
	// Sparse leaves out documents that lack the first field, which keeps an
	// index over the few that have it small.
	Sparse bool
}

// By returns an index over the fields.
func By(fields ...string) Index { return Index{Fields: fields} }

// Sparsely returns an index over the fields of the documents that have the
// first.
func Sparsely(fields ...string) Index { return Index{Fields: fields, Sparse: true} }

// IndexOf returns the index values of a document, as [Write] wants them. A
// member whose type does not fit its field counts as missing, so old or odd
// documents never block a write; a Time member may also be an RFC 3339 text.
func (c *Collection) IndexOf(doc value.Value) []any {
	out := make([]any, len(c.Fields))
	for i, f := range c.Fields {
		var v any
		switch {
		case f.From != nil:
			v = f.From(doc)
		case f.path != nil:
			v = member(f, doc.Path(f.path...))
		default: // a collection that went through no schema
			v = member(f, doc.Path(strings.Split(f.Name, ".")...))
		}
		if n, ok := f.normal(v); ok { // a value that does not fit counts as missing
			out[i] = n
		}
	}
	return out
}

func member(f Field, m value.Value) any {
	switch {
	case f.Type == Texts && m.IsArray():
		var set []string
		for _, e := range m.Elements() {
			if e.IsString() {
				set = append(set, e.Text())
			}
		}
		return set
	case m.IsString() && f.Type == Time:
		if t, err := time.Parse(time.RFC3339, m.Text()); err == nil {
			return t.UnixMilli()
		}
		return nil
	case m.IsString():
		return m.Text()
	case m.IsBool():
		return m.Truth()
	case m.IsNumber():
		if n, ok := m.Int(); ok {
			return n
		}
		return m.Float()
	}
	return nil
}

// field returns the declared field of that name, `_id` included.
func (c *Collection) field(name string) (Field, error) {
	if f, ok := c.byName[name]; ok {
		return f, nil
	}
	known := []string{ID}
	for _, f := range c.Fields {
		known = append(known, f.Name)
	}
	slices.Sort(known)
	return Field{}, &UnknownFieldError{Collection: c.Name, Field: name, Known: known}
}

// FieldNamed returns the declared field of that name, `_id` included. Drivers
// use it after the Check methods accepted a request.
func (c *Collection) FieldNamed(name string) Field { return c.byName[name] }

var (
	minTime = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	maxTime = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli() - 1
)

// normal returns v in the one form the field's type has for it; ok is false
// when v does not fit. Sets are sorted without repeats; an empty one is nil.
func (f Field) normal(v any) (_ any, ok bool) {
	if v == nil {
		return nil, true
	}
	switch f.Type {
	case Text:
		s, ok := v.(string)
		return v, ok && validText(s)
	case Bool:
		_, ok := v.(bool)
		return v, ok
	case Number:
		return normalNumber(v)
	case Time:
		n, ok := normalNumber(v)
		ms, whole := n.(int64)
		return n, ok && whole && ms >= minTime && ms <= maxTime
	case Texts:
		set, ok := v.([]string)
		if !ok || slices.ContainsFunc(set, func(s string) bool { return !validText(s) }) {
			return nil, false
		}
		if len(set) == 0 {
			return nil, true
		}
		if !slices.IsSorted(set) {
			set = slices.Sorted(slices.Values(set))
		}
		return slices.Compact(slices.Clone(set)), true
	}
	return nil, false
}

func normalNumber(v any) (any, bool) {
	switch n := v.(type) {
	case int64:
		return v, true
	case int:
		return int64(n), true
	case float64:
		if math.IsNaN(n) || math.IsInf(n, 0) {
			return nil, false
		}
		if n == math.Trunc(n) && n >= -1<<63 && n < 1<<63 {
			return int64(n), true
		}
		return n, true
	}
	return nil, false
}

// CompareNumbers orders two normal values of a Number or Time field, exactly
// even where a float64 could not tell them apart. Other values equal.
func CompareNumbers(a, b any) int {
	switch a := a.(type) {
	case int64:
		switch b := b.(type) {
		case int64:
			return cmp.Compare(a, b)
		case float64:
			return compareMixed(a, b)
		}
	case float64:
		switch b := b.(type) {
		case int64:
			return -compareMixed(b, a)
		case float64:
			return cmp.Compare(a, b)
		}
	}
	return 0
}

// compareMixed orders an integer and a normal float64, which is either not
// whole, and so small enough to cut without loss, or beyond every int64.
func compareMixed(i int64, f float64) int {
	switch {
	case f >= 1<<63:
		return -1
	case f < -1<<63:
		return 1
	}
	whole := int64(f)
	if n := cmp.Compare(i, whole); n != 0 {
		return n
	}
	return cmp.Compare(0, f-float64(whole))
}
