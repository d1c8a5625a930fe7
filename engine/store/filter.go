package store

// Filter is a condition on a document's fields: one of [And], [Or], [Not] and
// [Compare]. Nil holds for every document.
type Filter interface{ filter() }

type (
	// And holds when all of its filters do; an empty one always holds.
	And []Filter
	// Or holds when one of its filters does; an empty one never holds.
	Or []Filter
	// Not holds when its filter does not.
	Not struct{ Filter Filter }
	// Compare relates a field to a value.
	Compare struct {
		Field string
		Op    Op
		Value any
	}
)

func (And) filter()     {}
func (Or) filter()      {}
func (Not) filter()     {}
func (Compare) filter() {}

// Where returns the comparison of a field with a value.
func Where(field string, op Op, value any) Filter {
	return Compare{Field: field, Op: op, Value: value}
}

// Op is a relation between a field and a value, spelled as in the HTTP API.
type Op string

// The operators. A Texts field takes Eq, Ne, In, NotIn, Contains and Exists,
// which speak of its elements: Eq and Contains hold when the value is one of
// them. A Bool field takes Eq, Ne, In, NotIn and Exists; Contains, StartsWith
// and EndsWith are for Text.
const (
	Eq         Op = "equals"      // nil as value means missing
	Ne         Op = "not-equals"  // the complement of Eq
	In         Op = "in"          // equals one of a list of values
	NotIn      Op = "not-in"      // the complement of In
	Lt         Op = "lt"          // less than
	Lte        Op = "lte"         // less than or equal
	Gt         Op = "gt"          // greater than
	Gte        Op = "gte"         // greater than or equal
	Contains   Op = "contains"    // substring, case ignored
	StartsWith Op = "starts-with" // prefix, case respected
	EndsWith   Op = "ends-with"   // suffix, case respected
	Exists     Op = "exists"      // the value, a bool, says whether the field is there
)

// Bounds on a filter: how many comparisons and list values it may hold in
// all, and how deep it may nest. They keep a request from outgrowing what an
// engine can plan.
const (
	MaxTerms  = 500
	MaxValues = 10_000
	MaxDepth  = 50
)

// checker walks a filter, counting towards the bounds.
type checker struct {
	c             *Collection
	terms, values int
}

// CheckFilter returns the filter in the plain form drivers work on, or an
// error that names the field at fault. In the plain form values are
// normal for their field's type, lists are []any, and of the operators only
// Eq, In, Lt, Lte, Gt, Gte, Contains, StartsWith, EndsWith and Exists with
// true remain; the others have become a Not. Contains appears only on Text,
// with its value folded. Nil stays nil.
func (c *Collection) CheckFilter(f Filter) (Filter, error) {
	k := checker{c: c}
	return k.check(f, 0)
}

func (k *checker) check(f Filter, depth int) (Filter, error) {
	if depth > MaxDepth {
		return nil, invalid("filter nests deeper than %d levels", MaxDepth)
	}
	if k.terms++; k.terms > MaxTerms {
		return nil, invalid("filter has more than %d terms", MaxTerms)
	}
	switch f := f.(type) {
	case nil:
		return nil, nil
	case And:
		out, err := k.all(f, depth)
		return And(out), err
	case Or:
		out, err := k.all(f, depth)
		return Or(out), err
	case Not:
		in, err := k.check(f.Filter, depth+1)
		return Not{in}, err
	case Compare:
		return k.compare(f)
	}
	return nil, invalid("filter of type %T", f)
}

func (k *checker) all(fs []Filter, depth int) ([]Filter, error) {
	out := make([]Filter, 0, len(fs))
	for _, f := range fs {
		g, err := k.check(f, depth+1)
		if err != nil {
			return nil, err
		}
		if g == nil {
			g = And{}
		}
		out = append(out, g)
	}
	return out, nil
}

func (k *checker) compare(p Compare) (Filter, error) {
	f, err := k.c.field(p.Field)
	if err != nil {
		return nil, err
	}
	if !f.Type.takes(p.Op) {
		return nil, k.c.problem(f, "is a %s and does not take the operator %q", f.Type, p.Op)
	}
	switch p.Op {
	case Exists:
		there, ok := p.Value.(bool)
		if !ok {
			return nil, k.c.problem(f, "takes true or false for %q, not %s", p.Op, show(p.Value))
		}
		return negate(!there, Compare{f.Name, Exists, true}), nil
	case In, NotIn:
		list, err := k.list(f, p)
		if err != nil {
			return nil, err
		}
		return negate(p.Op == NotIn, Compare{f.Name, In, list}), nil
	}
	if p.Value == nil && (p.Op == Eq || p.Op == Ne) {
		return negate(p.Op == Eq, Compare{f.Name, Exists, true}), nil
	}
	v, err := k.c.operand(f, p.Value)
	if err != nil {
		return nil, err
	}
	op := p.Op
	switch {
	case op == Ne, op == Contains && f.Type == Texts:
		op = Eq
	case op == Contains:
		v = Fold(v.(string))
	}
	out := Filter(Compare{f.Name, op, v})
	if f.Prefix && op == Eq {
		out = And{out, Compare{ID, StartsWith, v.(string) + "/"}}
	}
	return negate(p.Op == Ne, out), nil
}

func negate(yes bool, f Filter) Filter {
	if yes {
		return Not{f}
	}
	return f
}

func (k *checker) list(f Field, p Compare) ([]any, error) {
	var list []any
	switch vs := p.Value.(type) {
	case []any:
		list = vs
	case []string:
		list = anys(vs)
	case []int64:
		list = anys(vs)
	case []float64:
		list = anys(vs)
	case []bool:
		list = anys(vs)
	default:
		return nil, k.c.problem(f, "takes a list of values for %q, not %s", p.Op, show(p.Value))
	}
	if k.values += len(list); k.values > MaxValues {
		return nil, invalid("filter lists more than %d values", MaxValues)
	}
	out := make([]any, len(list))
	for i, v := range list {
		var err error
		if out[i], err = k.c.operand(f, v); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func anys[T any](vs []T) []any {
	out := make([]any, len(vs))
	for i, v := range vs {
		out[i] = v
	}
	return out
}

// takes reports whether the operator means something for the type.
func (t Type) takes(op Op) bool {
	switch op {
	case Eq, Ne, In, NotIn, Exists:
		return true
	case Lt, Lte, Gt, Gte:
		return t == Text || t == Number || t == Time
	case Contains:
		return t == Text || t == Texts
	case StartsWith, EndsWith:
		return t == Text
	}
	return false
}

// operand returns a value to compare with the field's values or elements.
func (c *Collection) operand(f Field, v any) (any, error) {
	one := f
	if f.Type == Texts {
		one.Type = Text
	}
	n, ok := one.normal(v)
	if !ok || n == nil {
		return nil, c.problem(f, "takes a %s, not %s", one.Type, show(v))
	}
	return n, nil
}
