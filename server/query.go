package server

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// Bounds on a list. A limit of 0 asks for everything, which is as much as maxLimit.
const (
	defaultLimit = 25
	maxLimit     = 1000
)

// query is what a caller asks of a list.
type query struct {
	store.Query
	include, exclude []string
	dereference      []string
	options          map[string]string // the list's own plain parameters
	fields           map[string]bool   // that filters speak of
}

// param is one parameter of a query string, or of the JSON body that stands for one.
type param struct {
	key   string
	value value.Value // text from a query string; anything from a body
}

// shape says what a list's query may hold beside filters on the collection's fields.
type shape struct {
	page       int // rows unless the caller says how many; 0 is defaultLimit
	collection string
	plain      []string      // names of fields that may be given as name=value
	options    []string      // names that the handler reads itself
	sort       []store.Order // unless the caller asks otherwise
	all        bool          // without a limit, everything is meant
}

// list reads the query of a list: filters in the bracket form (equals[name]=x) or in the
// pair form (equals=x&equalsField=name), paging, order and projection. What it does not
// know is an error that names what it knows.
func (c *call) list(s shape) (query, error) {
	params, err := c.params()
	if err != nil {
		return query{}, err
	}
	return c.read(s, params)
}

func (c *call) read(s shape, params []param) (query, error) {
	collection, err := c.schema.Collection(s.collection)
	if err != nil {
		return query{}, err
	}
	r := reader{shape: s, collection: collection, pairs: map[string]value.Value{}, seen: map[string]bool{}}
	r.out.options, r.out.fields = map[string]string{}, map[string]bool{}
	r.out.Limit = cmp.Or(s.page, defaultLimit)
	if s.all {
		r.out.Limit = maxLimit
	}
	for _, p := range params {
		if err := r.take(p); err != nil {
			return query{}, err
		}
	}
	return r.finish()
}

// params are the parameters of the query string and of a body that stands for one.
func (c *call) params() ([]param, error) {
	values, err := url.ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return nil, badAt("/query", "syntax", "The query string is not escaped as it should be.")
	}
	var out []param
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if key == "token" {
			continue
		}
		for _, v := range values[key] {
			if !utf8.ValidString(key) || !utf8.ValidString(v) {
				return nil, badQuery(strings.ToValidUTF8(key, "?"), "%q is not valid UTF-8.", strings.ToValidUTF8(key, "?"))
			}
			out = append(out, param{key, value.String(v)})
		}
	}
	body, err := c.object()
	if err != nil {
		return nil, err
	}
	for _, wrapper := range []string{"queryParameters", "queryOptions", "options"} {
		if inner := body.Get(wrapper); inner.IsObject() {
			body = inner
		}
	}
	more, err := bodyParams(body)
	return append(out, more...), err
}

// bodyParams are the parameters of an object that stands for a query string.
func bodyParams(body value.Value) ([]param, error) {
	var out []param
	for key, v := range body.Members() {
		if key == "query" || key == "fields" || key == "expand" {
			more, err := searchParams(key, v)
			if err != nil {
				return nil, err
			}
			out = append(out, more...)
			continue
		}
		if _, isOperator := operators[dashed(key)]; isOperator && v.IsObject() {
			for field, operand := range v.Members() {
				out = append(out, param{key + "[" + field + "]", operand})
			}
			continue
		}
		out = append(out, param{key, v})
	}
	return out, nil
}

// operators are those of the wire.
var operators = map[string]store.Op{
	"equals": store.Eq, "not-equals": store.Ne, "in": store.In, "not-in": store.NotIn, "lt": store.Lt, "lte": store.Lte, "gt": store.Gt, "gte": store.Gte,
	"contains": store.Contains, "starts-with": store.StartsWith, "ends-with": store.EndsWith, "exists": store.Exists,
}

// dashed turns startsWith into starts-with.
func dashed(key string) string {
	switch key {
	case "startsWith":
		return "starts-with"
	case "endsWith":
		return "ends-with"
	case "notEquals":
		return "not-equals"
	case "notIn":
		return "not-in"
	}
	return key
}

// reader builds a query from parameters.
type reader struct {
	shape
	collection *store.Collection
	out        query
	where      store.And
	pairs      map[string]value.Value // of the pair form, waiting for their field
	seen       map[string]bool
	order      string
}

func (r *reader) take(p param) error {
	if name, field, ok := bracketed(p.key); ok {
		op, known := operators[dashed(name)]
		if !known {
			return badQuery(p.key, "%q is not an operator; there are %s.", name, operatorNames())
		}
		return r.filter(p.key, op, field, p.value)
	}
	name, isField := strings.CutSuffix(p.key, "Field")
	if _, ok := operators[dashed(name)]; ok {
		if !p.value.IsString() {
			return badQuery(p.key, "%q must be a text.", p.key)
		}
		key := dashed(name)
		if isField {
			key += "Field"
		}
		if _, twice := r.pairs[key]; twice {
			return badQuery(p.key, "%q is given twice.", p.key)
		}
		r.pairs[key] = p.value
		return nil
	}
	if r.seen[p.key] {
		return badQuery(p.key, "%q is given twice.", p.key)
	}
	r.seen[p.key] = true
	return r.plainParam(p)
}

func (r *reader) plainParam(p param) error {
	var err error
	switch p.key {
	case "limit":
		r.out.Limit, err = count(p)
		if r.out.Limit == 0 || r.out.Limit > maxLimit {
			r.out.Limit = maxLimit
		}
	case "skip":
		r.out.Skip, err = count(p)
	case "sort":
		err = r.sortBy(p)
	case "order":
		r.order = scalar(p.value)
		if !slices.Contains([]string{"1", "-1", "asc", "desc"}, r.order) {
			return badQuery("order", "\"order\" must be 1 or -1, not %q.", r.order)
		}
	case "include":
		r.out.include, err = names(p)
	case "exclude":
		r.out.exclude, err = names(p)
	case "dereference":
		r.out.dereference, err = names(p)
	default:
		switch {
		case slices.Contains(r.options, p.key):
			r.out.options[p.key] = scalar(p.value)
		case slices.Contains(r.plain, p.key):
			return r.filter(p.key, store.Eq, p.key, p.value)
		default:
			known := append([]string{"limit", "skip", "sort", "order", "include", "exclude", "dereference"}, append(r.plain, r.options...)...)
			slices.Sort(known)
			return badQuery(p.key, "%q is not a parameter of this list; there are %s, and filters such as equals[name]=x with the operators %s.",
				p.key, strings.Join(known, ", "), operatorNames())
		}
	}
	return err
}

func (r *reader) finish() (query, error) {
	for _, op := range slices.Sorted(maps.Keys(operators)) {
		v, has := r.pairs[op]
		field, hasField := r.pairs[op+"Field"]
		if has != hasField {
			return query{}, badQuery(op, "%q and %q belong together; give both, or use %s[field]=value.", op, op+"Field", op)
		}
		if has {
			if err := r.filter(op, operators[op], field.Text(), v); err != nil {
				return query{}, err
			}
		}
	}
	if len(r.out.include) > 0 && len(r.out.exclude) > 0 && !slices.Equal(r.out.exclude, []string{"_id"}) {
		return query{}, badQuery("exclude", "\"include\" can be combined only with exclude=_id.")
	}
	if len(r.out.Sort) == 0 {
		r.out.Sort = slices.Clone(r.sort)
	}
	if r.order != "" {
		for i := range r.out.Sort {
			r.out.Sort[i].Desc = r.order == "-1" || r.order == "desc"
		}
	}
	r.out.Where = r.where
	// The store knows what may be asked; asking it now makes a good message.
	if _, err := r.collection.CheckFilter(r.out.Where); err != nil {
		return query{}, err
	}
	return r.out, nil
}

// filter adds one comparison, with the value in the type of the field.
func (r *reader) filter(key string, op store.Op, field string, v value.Value) error {
	f := r.collection.FieldNamed(field)
	if f.Name == "" {
		_, err := r.collection.CheckFilter(store.Where(field, store.Eq, ""))
		return err
	}
	r.out.fields[field] = true
	if op == store.In || op == store.NotIn {
		var list []any
		parts := v.Slice()
		if v.IsString() {
			for s := range strings.SplitSeq(v.Text(), ",") {
				parts = append(parts, value.String(s))
			}
		} else if !v.IsArray() {
			parts = []value.Value{v}
		}
		for _, e := range parts {
			x, err := operand(key, f.Type, e)
			if err != nil {
				return err
			}
			list = append(list, x)
		}
		r.where = append(r.where, store.Where(field, op, list))
		return nil
	}
	t := f.Type
	if op == store.Exists {
		t = store.Bool
	}
	x, err := operand(key, t, v)
	if err != nil {
		return err
	}
	if op == store.Eq && x == false { // what is not said is not so
		op, x = store.Ne, true
	}
	r.where = append(r.where, store.Where(field, op, x))
	return nil
}

// operand converts a parameter's value to a field's type. Null means missing.
func operand(key string, t store.Type, v value.Value) (any, error) {
	if v.IsNull() {
		return nil, nil
	}
	text := scalar(v)
	if v.IsObject() || v.IsArray() {
		return nil, badQuery(key, "%q takes a single value, not %s.", key, v.Kind())
	}
	switch t {
	case store.Number:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n, nil
		}
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, badQuery(key, "%q takes a number, not %q.", key, text)
		}
		return f, nil
	case store.Time:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n, nil
		}
		for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateOnly} {
			if at, err := time.Parse(layout, text); err == nil {
				return at.UnixMilli(), nil
			}
		}
		return nil, badQuery(key, "%q takes milliseconds since 1970 or a time such as 2024-02-29T12:00:00Z, not %q.", key, text)
	case store.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return nil, badQuery(key, "%q takes true or false, not %q.", key, text)
		}
		return b, nil
	}
	return text, nil
}

// sortBy reads sort=name, sort=-created, sort=a,b and {"sort": {"name": 1}}.
func (r *reader) sortBy(p param) error {
	if p.value.IsObject() {
		for field, dir := range p.value.Members() {
			r.out.Sort = append(r.out.Sort, store.Order{Field: field, Desc: scalar(dir) == "-1"})
		}
	} else {
		fields, err := names(p)
		if err != nil {
			return err
		}
		for _, f := range fields {
			name, desc := strings.CutPrefix(f, "-")
			r.out.Sort = append(r.out.Sort, store.Order{Field: name, Desc: desc})
		}
	}
	for _, o := range r.out.Sort {
		if r.collection.FieldNamed(o.Field).Name == "" {
			_, err := r.collection.CheckFilter(store.Where(o.Field, store.Eq, ""))
			return err
		}
	}
	return nil
}

func names(p param) ([]string, error) {
	if p.value.IsArray() {
		return texts(p.value, "/query/"+p.key)
	}
	var out []string
	for s := range strings.SplitSeq(scalar(p.value), ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out, nil
}

func count(p param) (int, error) {
	n, err := strconv.Atoi(scalar(p.value))
	if err != nil || n < 0 {
		return 0, badQuery(p.key, "%q must be a whole number, 0 or more, not %q.", p.key, scalar(p.value))
	}
	return n, nil
}

// scalar is a value as it would stand in a query string.
func scalar(v value.Value) string {
	if v.IsString() {
		return v.Text()
	}
	return v.String()
}

// bracketed splits op[field].
func bracketed(key string) (op, field string, ok bool) {
	op, rest, ok := strings.Cut(key, "[")
	if !ok {
		return "", "", false
	}
	field, after, ok := strings.Cut(rest, "]")
	return op, field, ok && after == ""
}

func operatorNames() string { return strings.Join(slices.Sorted(maps.Keys(operators)), ", ") }

func badQuery(key, format string, args ...any) error {
	return badAt("/query/"+value.EscapePointer(key), "filter", format, args...)
}

// names tells whether a filter of the caller's speaks of a field.
func (q *query) names(field string) bool { return q.fields[field] }

// and adds a condition the caller did not ask for.
func (q *query) and(f store.Filter) {
	if f == nil {
		return
	}
	q.Where = store.And{q.Where, f}
}

// flag reads an option that is true or false; unset when it is missing.
func (q *query) flag(name string) (set, on bool, err error) {
	text, set := q.options[name]
	if !set {
		return false, false, nil
	}
	on, err = strconv.ParseBool(text)
	if err != nil {
		return true, false, badQuery(name, "%q must be true or false, not %q.", name, text)
	}
	return true, on, nil
}
