package store

import (
	"fmt"
	"slices"
	"strings"
)

// Schema is a set of collections, checked. It is immutable.
type Schema struct {
	all    []*Collection
	byName map[string]*Collection
}

// NewSchema checks the collections and returns them as a schema. It refuses
// names that repeat or are empty, unknown types and indexes over fields that
// are not there.
func NewSchema(collections []Collection) (*Schema, error) {
	s := &Schema{byName: make(map[string]*Collection, len(collections))}
	for _, decl := range collections {
		c, err := declared(decl)
		if err != nil {
			return nil, fmt.Errorf("collection %q: %w", decl.Name, err)
		}
		if s.byName[c.Name] != nil {
			return nil, invalid("collection %q is declared twice", c.Name)
		}
		s.byName[c.Name] = c
		s.all = append(s.all, c)
	}
	return s, nil
}

func declared(c Collection) (*Collection, error) {
	if c.Name == "" {
		return nil, invalid("it has no name")
	}
	c.byName = map[string]Field{ID: {Name: ID, Type: Text, Unique: true}}
	c.Fields = slices.Clone(c.Fields)
	for i, f := range c.Fields {
		_, twice := c.byName[f.Name]
		switch {
		case f.Name == "" || twice:
			return nil, invalid("field %q has no name of its own", f.Name)
		case f.Type < Text || f.Type > Texts:
			return nil, invalid("field %q has no type", f.Name)
		case f.Unique && f.Type == Texts:
			return nil, invalid("field %q is a set and cannot be unique", f.Name)
		}
		f.path = strings.Split(f.Name, ".")
		c.Fields[i], c.byName[f.Name] = f, f
	}
	for _, x := range c.Indexes {
		if len(x.Fields) == 0 {
			return nil, invalid("an index has no fields")
		}
		for _, name := range x.Fields {
			f, err := c.field(name)
			if err != nil {
				return nil, err
			}
			if f.Type == Texts && len(x.Fields) > 1 {
				return nil, invalid("field %q is a set and must be indexed alone", name)
			}
		}
	}
	return &c, nil
}

// All returns the collections in the order of their declaration.
func (s *Schema) All() []*Collection { return slices.Clone(s.all) }

// Collection returns the collection of that name, or an error that wraps
// [ErrInvalid].
func (s *Schema) Collection(name string) (*Collection, error) {
	if c := s.byName[name]; c != nil {
		return c, nil
	}
	return nil, invalid("there is no collection %q", name)
}

// CheckBatch returns the normal index values of each write of the batch, nil
// for a delete, or says what is wrong with the batch. Drivers store these
// values, not the caller's.
func (s *Schema) CheckBatch(b Batch) ([][]any, error) {
	out := make([][]any, len(b))
	for i, w := range b {
		index, err := s.checkWrite(w)
		if err != nil {
			return nil, fmt.Errorf("write %d of the batch: %w", i, err)
		}
		out[i] = index
	}
	return out, nil
}

func (s *Schema) checkWrite(w Write) ([]any, error) {
	c, err := s.Collection(w.Collection)
	if err != nil {
		return nil, err
	}
	switch {
	case w.ID == "" || !validText(w.ID):
		return nil, invalid("%s %q: an identifier is a text that is not empty", c.Name, w.ID)
	case w.Expect < Any:
		return nil, invalid("%s %q: revision %d cannot be expected", c.Name, w.ID, w.Expect)
	case w.Body == nil && w.Expect == New:
		return nil, invalid("%s %q: a document that must not exist cannot be deleted", c.Name, w.ID)
	case w.Body == nil:
		return nil, nil
	case len(w.Body) == 0:
		return nil, invalid("%s %q: the body is empty", c.Name, w.ID)
	case len(w.Body) > MaxBody:
		return nil, invalid("%s %q: the body has %d bytes, %d are allowed", c.Name, w.ID, len(w.Body), MaxBody)
	case len(w.Index) != len(c.Fields):
		return nil, invalid("%s %q: %d index values for %d fields", c.Name, w.ID, len(w.Index), len(c.Fields))
	}
	out := make([]any, len(w.Index))
	for i, f := range c.Fields {
		v, ok := f.normal(w.Index[i])
		if !ok {
			return nil, c.problem(f, "of %q wants a %s, not %s", w.ID, f.Type, show(w.Index[i]))
		}
		out[i] = v
	}
	return out, nil
}

// CheckQuery returns the query in plain form, or says what is wrong with it:
// Where is as [Collection.CheckFilter] returns it, Sort ends with `_id` and
// names no field twice, After is nil or has one normal value for each key.
func (c *Collection) CheckQuery(q Query) (Query, error) {
	var err error
	if q.Where, err = c.CheckFilter(q.Where); err != nil {
		return q, err
	}
	if q.Skip < 0 || q.Limit < 0 {
		return q, invalid("skip %d and limit %d must not be negative", q.Skip, q.Limit)
	}
	if q.Sort, err = c.checkSort(q.Sort); err != nil {
		return q, err
	}
	if q.After == nil {
		return q, nil
	}
	if len(q.After) != len(q.Sort) {
		return q, invalid("the cursor has %d values for %d sort keys", len(q.After), len(q.Sort))
	}
	after := make(Cursor, len(q.After))
	for i, o := range q.Sort {
		f := c.byName[o.Field]
		v, ok := f.normal(q.After[i])
		if !ok || v == nil && o.Field == ID {
			return q, c.problem(f, "wants a %s in the cursor, not %s", f.Type, show(q.After[i]))
		}
		after[i] = v
	}
	q.After = after
	return q, nil
}

func (c *Collection) checkSort(sort []Order) ([]Order, error) {
	var out []Order
	for _, o := range sort {
		f, err := c.field(o.Field)
		if err != nil {
			return nil, err
		}
		if f.Type == Texts {
			return nil, c.problem(f, "is a set and has no order")
		}
		if !slices.ContainsFunc(out, func(p Order) bool { return p.Field == o.Field }) {
			out = append(out, o)
		}
		if o.Field == ID {
			return out, nil // nothing can tie after the identifier
		}
	}
	return append(out, Order{Field: ID, Desc: len(out) > 0 && out[len(out)-1].Desc}), nil
}

// Rest returns the plain filter for what lies behind the cursor of a query
// that CheckQuery returned, nil when it has none.
func (q Query) Rest() Filter {
	if q.After == nil {
		return nil
	}
	return behind(q.Sort, q.After)
}

// behind holds for documents after v in the order: the first key is further,
// or it ties and the remaining keys are. Missing comes before every value.
func behind(sort []Order, v Cursor) Filter {
	o, at := sort[0], v[0]
	there := Compare{o.Field, Exists, true}
	var further, tie, within Filter
	switch {
	case at == nil && o.Desc:
		further, tie, within = Or{}, Not{there}, Not{there}
	case at == nil:
		further, tie, within = there, Not{there}, And{}
	case o.Desc:
		further = Or{Compare{o.Field, Lt, at}, Not{there}}
		tie = Compare{o.Field, Eq, at}
		within = Or{Compare{o.Field, Lte, at}, Not{there}}
	default:
		further, tie = Compare{o.Field, Gt, at}, Compare{o.Field, Eq, at}
		within = Compare{o.Field, Gte, at} // lets an engine enter an index here
	}
	if len(sort) == 1 {
		return further
	}
	return And{within, Or{further, And{tie, behind(sort[1:], v[1:])}}}
}

// CheckGrouping returns the grouping with Where in plain form, or says what
// is wrong with it.
func (c *Collection) CheckGrouping(g Grouping) (Grouping, error) {
	var err error
	if g.Where, err = c.CheckFilter(g.Where); err != nil {
		return g, err
	}
	for _, k := range g.By {
		f, err := c.field(k.Field)
		switch {
		case err != nil:
			return g, err
		case f.Type == Texts:
			return g, c.problem(f, "is a set and cannot be a key")
		case k.Unit != Exact && k.Unit != Hour && k.Unit != Day && k.Unit != Month:
			return g, c.problem(f, "cannot be cut to %q, only to hour, day or month", k.Unit)
		case k.Unit != Exact && f.Type != Time:
			return g, c.problem(f, "is a %s and cannot be cut to a calendar unit", f.Type)
		}
	}
	for _, m := range g.Measure {
		f, err := c.field(m.Field)
		if err != nil {
			return g, err
		}
		number := f.Type == Number || f.Type == Time
		switch m.Of {
		case Sum, Avg:
			if !number {
				return g, c.problem(f, "is a %s; only numbers and times have a %s", f.Type, m.Of)
			}
		case Min, Max:
			if !number && f.Type != Text {
				return g, c.problem(f, "is a %s and has no %s", f.Type, m.Of)
			}
		default:
			return g, c.problem(f, "knows sum, avg, min and max, not %q", m.Of)
		}
	}
	return g, nil
}

func (c *Collection) problem(f Field, format string, args ...any) error {
	return &FieldError{Collection: c.Name, Field: f.Name, Problem: fmt.Sprintf(format, args...)}
}

// show describes a value in an error, briefly.
func show(v any) string {
	s := fmt.Sprintf("%v", v)
	if t, ok := v.(string); ok {
		s = fmt.Sprintf("%q", t)
	}
	const most = 60
	if len(s) > most {
		s = s[:most] + "..."
	}
	if v == nil {
		return "nothing"
	}
	return fmt.Sprintf("%s (%T)", s, v)
}
