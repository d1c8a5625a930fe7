package schemas

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/heddlehq/heddle/workflows/value"
)

// reader turns a schema of any draft into one of draft 2020-12 that stands alone: only known
// keywords with usable values, and every reference leading to a definition of its own.
type reader struct {
	load   func(name string) (value.Value, error)
	docs   map[string]value.Value       // documents referred to, by name; "" is the root
	ids    map[string]map[string]string // per document: identifier or anchor to pointer
	defs   map[place]int
	queue  []place
	origin []string
}

// place is a pointer into one of the documents.
type place struct{ doc, ptr string }

func newReader(source value.Value, load func(string) (value.Value, error)) *reader {
	r := &reader{
		load: load, docs: map[string]value.Value{"": source},
		ids: make(map[string]map[string]string), defs: make(map[place]int),
	}
	r.index("", source)
	return r
}

// index notes the identifiers of a document's subschemas.
func (r *reader) index(doc string, v value.Value) {
	ids := make(map[string]string)
	var walk func(v value.Value, ptr string)
	walk = func(v value.Value, ptr string) {
		for _, key := range []string{"$id", "id", "$anchor"} {
			id := v.Get(key).Text()
			if key == "$anchor" && id != "" {
				id = "#" + id
			}
			if _, taken := ids[id]; id != "" && !taken {
				ids[id] = ptr
			}
		}
		switch v.Kind() {
		case value.KindArray:
			for i, e := range v.Elements() {
				walk(e, ptr+"/"+strconv.Itoa(i))
			}
		case value.KindObject:
			for k, m := range v.Members() {
				if k != "enum" && k != "const" && k != "default" && k != "examples" {
					walk(m, ptr+"/"+value.EscapePointer(k))
				}
			}
		}
	}
	walk(v, "")
	r.ids[doc] = ids
}

func (r *reader) read() (value.Value, error) {
	out, err := r.schema(r.docs[""], place{})
	if err != nil {
		return value.Absent, err
	}
	var defs value.Members
	for i := 0; i < len(r.queue); i++ {
		at := r.queue[i]
		def, err := r.schema(r.docs[at.doc].Lookup(at.ptr), at)
		if err != nil {
			return value.Absent, err
		}
		defs.Set(strconv.Itoa(i), def)
		r.origin = append(r.origin, at.ptr)
	}
	if defs.Len() > 0 {
		out = out.With("$defs", defs.Value())
	}
	return out, nil
}

// keyword reads one keyword's value; Absent leaves it out.
type keyword func(r *reader, v value.Value, at place) (value.Value, error)

var keywords map[string]keyword

func init() {
	keywords = map[string]keyword{
		"additionalProperties":  (*reader).schema,
		"allOf":                 (*reader).list,
		"anyOf":                 (*reader).list,
		"const":                 anything,
		"contains":              (*reader).schema,
		"dependentRequired":     dependentRequired,
		"dependentSchemas":      (*reader).named,
		"else":                  (*reader).schema,
		"enum":                  enum,
		"exclusiveMaximum":      number,
		"exclusiveMinimum":      number,
		"format":                text,
		"if":                    (*reader).schema,
		"items":                 (*reader).schema,
		"maxContains":           count,
		"maxItems":              count,
		"maxLength":             count,
		"maxProperties":         count,
		"maximum":               number,
		"minContains":           count,
		"minItems":              count,
		"minLength":             count,
		"minProperties":         count,
		"minimum":               number,
		"multipleOf":            multiple,
		"not":                   (*reader).schema,
		"oneOf":                 (*reader).list,
		"pattern":               pattern,
		"patternProperties":     patternProperties,
		"prefixItems":           (*reader).list,
		"properties":            (*reader).named,
		"propertyNames":         (*reader).schema,
		"required":              required,
		"then":                  (*reader).schema,
		"type":                  types,
		"unevaluatedItems":      (*reader).schema,
		"unevaluatedProperties": (*reader).schema,
		"uniqueItems":           boolean,
	}
}

// schema reads a subschema. What is neither an object nor a boolean constrains nothing.
func (r *reader) schema(v value.Value, at place) (value.Value, error) {
	if v.IsBool() {
		return v, nil
	}
	if !v.IsObject() {
		return value.Absent, nil
	}
	v = modern(v)
	var out value.Members
	for key, m := range v.Members() {
		at := place{at.doc, at.ptr + "/" + value.EscapePointer(key)}
		if key == "$ref" || key == "$dynamicRef" || key == "$recursiveRef" {
			ref, err := r.ref(m, at)
			if err != nil {
				return value.Absent, err
			}
			out.Set("$ref", ref)
			continue
		}
		read := keywords[key]
		if read == nil {
			continue
		}
		m, err := read(r, m, at)
		if err != nil {
			return value.Absent, err
		}
		out.Set(key, m)
	}
	return out.Value(), nil
}

// modern rewrites what older drafts wrote otherwise.
func modern(v value.Value) value.Value {
	if items := v.Get("items"); items.IsArray() {
		v = v.With("prefixItems", items).With("items", v.Get("additionalItems"))
	}
	for _, b := range []struct{ limit, flag string }{{"minimum", "exclusiveMinimum"}, {"maximum", "exclusiveMaximum"}} {
		if v.Get(b.flag).Truth() && v.Get(b.limit).IsNumber() {
			v = v.With(b.flag, v.Get(b.limit)).Without(b.limit)
		}
	}
	if deps := v.Get("dependencies"); deps.IsObject() {
		names, schemas := v.Get("dependentRequired"), v.Get("dependentSchemas")
		for name, d := range deps.Members() {
			if d.IsArray() {
				names = names.With(name, d)
			} else {
				schemas = schemas.With(name, d)
			}
		}
		v = v.With("dependentRequired", names).With("dependentSchemas", schemas)
	}
	// Draft 3 and hand-written forms mark a property itself as required.
	need := v.Get("required")
	for name, p := range v.Get("properties").Members() {
		if p.Get("required").Truth() && !(need.IsArray() && slices.ContainsFunc(need.Slice(), func(e value.Value) bool { return e.Text() == name })) {
			need = need.Append(value.String(name))
		}
	}
	return v.With("required", need)
}

func (r *reader) ref(v value.Value, at place) (value.Value, error) {
	target, err := r.resolve(v.Text(), at)
	if err != nil {
		return value.Absent, err
	}
	if target == (place{}) {
		return value.String("#"), nil
	}
	i, known := r.defs[target]
	if !known {
		i = len(r.queue)
		r.defs[target] = i
		r.queue = append(r.queue, target)
	}
	return value.String("#/$defs/" + strconv.Itoa(i)), nil
}

func (r *reader) resolve(ref string, at place) (place, error) {
	ids := r.ids[at.doc]
	if ptr, ok := ids[ref]; ok && ref != "" {
		return place{at.doc, ptr}, nil
	}
	base, fragment, _ := strings.Cut(ref, "#")
	to := place{doc: at.doc}
	prefix := ""
	if base != "" {
		name, named := strings.CutSuffix(base, suffix)
		ptr, known := ids[base]
		switch {
		case known:
			prefix = ptr
		case named && r.load != nil:
			if _, loaded := r.docs[name]; !loaded {
				doc, err := r.load(name)
				if err != nil {
					return place{}, fmt.Errorf("%s: %w", at.ptr, err)
				}
				r.docs[name] = doc
				r.index(name, doc)
			}
			to.doc = name
		default:
			return place{}, fmt.Errorf("%s: the reference %q leads out of the document; only references inside it are followed", at.ptr, ref)
		}
	}
	if anchor, ok := r.ids[to.doc]["#"+fragment]; ok && fragment != "" {
		to.ptr = anchor
		return to, nil
	}
	if unescaped, err := url.PathUnescape(fragment); err == nil {
		fragment = unescaped
	}
	to.ptr = prefix + fragment
	if fragment != "" && fragment[0] != '/' || r.docs[to.doc].Lookup(to.ptr).IsAbsent() {
		return place{}, fmt.Errorf("%s: the reference %q leads to nothing", at.ptr, ref)
	}
	return to, nil
}

func (r *reader) list(v value.Value, at place) (value.Value, error) {
	var out []value.Value
	for i, e := range v.Elements() {
		s, err := r.schema(e, place{at.doc, at.ptr + "/" + strconv.Itoa(i)})
		if err != nil {
			return value.Absent, err
		}
		if s.IsAbsent() {
			s = value.True
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		return value.Absent, nil
	}
	return value.Array(out...), nil
}

func (r *reader) named(v value.Value, at place) (value.Value, error) {
	if !v.IsObject() {
		return value.Absent, nil
	}
	var out value.Members
	for k, m := range v.Members() {
		s, err := r.schema(m, place{at.doc, at.ptr + "/" + value.EscapePointer(k)})
		if err != nil {
			return value.Absent, err
		}
		if s.IsAbsent() {
			s = value.True
		}
		out.Set(k, s)
	}
	return out.Value(), nil
}

func patternProperties(r *reader, v value.Value, at place) (value.Value, error) {
	for _, p := range v.Keys() {
		if _, err := regexp.Compile(p); err != nil {
			return value.Absent, fmt.Errorf("%s: the pattern %q cannot be used: %w", at.ptr, p, err)
		}
	}
	return r.named(v, at)
}

func pattern(_ *reader, v value.Value, at place) (value.Value, error) {
	if !v.IsString() {
		return value.Absent, nil
	}
	if _, err := regexp.Compile(v.Text()); err != nil {
		return value.Absent, fmt.Errorf("%s: the pattern %q cannot be used: %w", at.ptr, v.Text(), err)
	}
	return v, nil
}

func anything(_ *reader, v value.Value, _ place) (value.Value, error) { return v, nil }

// keep is v when it is usable and Absent otherwise.
func keep(v value.Value, usable bool) (value.Value, error) {
	if usable {
		return v, nil
	}
	return value.Absent, nil
}

func boolean(_ *reader, v value.Value, _ place) (value.Value, error) { return keep(v, v.IsBool()) }
func text(_ *reader, v value.Value, _ place) (value.Value, error)    { return keep(v, v.IsString()) }
func number(_ *reader, v value.Value, _ place) (value.Value, error)  { return keep(v, v.IsNumber()) }

func multiple(_ *reader, v value.Value, _ place) (value.Value, error) {
	return keep(v, v.IsNumber() && v.Float() > 0)
}

func count(_ *reader, v value.Value, _ place) (value.Value, error) {
	n, whole := v.Int()
	if !whole || n < 0 {
		return value.Absent, nil
	}
	return value.Int(n), nil
}

// enum leaves an empty list out: forms write one where choices are filled in later.
func enum(_ *reader, v value.Value, _ place) (value.Value, error) {
	var out []value.Value
	for _, e := range v.Elements() {
		if !slices.ContainsFunc(out, func(o value.Value) bool { return value.Equal(o, e) }) {
			out = append(out, e)
		}
	}
	if len(out) == 0 {
		return value.Absent, nil
	}
	return value.Array(out...), nil
}

func uniqueTexts(v value.Value, usable func(string) bool) []string {
	var out []string
	for _, e := range v.Elements() {
		if e.IsString() && usable(e.Text()) && !slices.Contains(out, e.Text()) {
			out = append(out, e.Text())
		}
	}
	return out
}

func required(_ *reader, v value.Value, _ place) (value.Value, error) {
	names := uniqueTexts(v, func(string) bool { return true })
	return keep(value.Strings(names...), len(names) > 0)
}

func dependentRequired(_ *reader, v value.Value, _ place) (value.Value, error) {
	var out value.Members
	for k, m := range v.Members() {
		if m.IsArray() {
			out.Set(k, value.Strings(uniqueTexts(m, func(string) bool { return true })...))
		}
	}
	return keep(out.Value(), out.Len() > 0)
}

// types keeps the types that JSON Schema knows; one unknown type lets everything pass.
func types(_ *reader, v value.Value, _ place) (value.Value, error) {
	known := func(s string) bool {
		return slices.Contains([]string{"array", "boolean", "integer", "null", "number", "object", "string"}, s)
	}
	if v.IsString() {
		return keep(v, known(v.Text()))
	}
	names := uniqueTexts(v, known)
	for _, e := range v.Elements() {
		if !known(e.Text()) {
			return value.Absent, nil
		}
	}
	return keep(value.Strings(names...), len(names) > 0)
}
