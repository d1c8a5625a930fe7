package openapi

import (
	"regexp"
	"slices"
	"strings"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// Schemas stand by themselves in the catalog, so references are replaced by what they mean, up
// to a depth and a size beyond which only the type and the description stay. What a reference
// means is made once for each depth and shared by all operations.
const (
	deepest  = 4
	mostSize = 600 // values in one schema
)

// plainKeywords are those that are taken as they are, if they are what JSON Schema wants there.
var plainKeywords = map[string]func(value.Value) bool{
	"type":             isType,
	"title":            value.Value.IsString,
	"description":      value.Value.IsString,
	"format":           value.Value.IsString,
	"contentEncoding":  value.Value.IsString,
	"enum":             func(v value.Value) bool { return v.Len() > 0 && v.IsArray() },
	"const":            func(value.Value) bool { return true },
	"default":          func(value.Value) bool { return true },
	"minimum":          value.Value.IsNumber,
	"maximum":          value.Value.IsNumber,
	"exclusiveMinimum": value.Value.IsNumber, // version 3.0 has booleans, see older
	"exclusiveMaximum": value.Value.IsNumber,
	"multipleOf":       func(v value.Value) bool { return v.Float() > 0 },
	"minLength":        isCount,
	"maxLength":        isCount,
	"minItems":         isCount,
	"maxItems":         isCount,
	"minProperties":    isCount,
	"maxProperties":    isCount,
	"uniqueItems":      value.Value.IsBool,
	"readOnly":         value.Value.IsBool,
	"writeOnly":        value.Value.IsBool,
	"deprecated":       value.Value.IsBool,
}

func isCount(v value.Value) bool {
	n, ok := v.Int()
	return ok && v.IsNumber() && n >= 0
}

// isType takes the types of JSON Schema, and file, see older.
func isType(v value.Value) bool {
	if v.IsArray() {
		seen := map[string]bool{}
		for _, e := range v.Elements() {
			if !e.IsString() || !isType(e) || seen[e.Text()] {
				return false
			}
			seen[e.Text()] = true
		}
		return v.Len() > 0
	}
	return slices.Contains([]string{"array", "boolean", "file", "integer", "null", "number", "object", "string"}, v.Text())
}

type schemaKey struct {
	pointer  string
	depth    int
	incoming bool
}

type expanded struct {
	value value.Value
	size  int
}

// schema is a schema of the document as JSON Schema. Members that only the other direction has
// are left out: incoming ones lack what is read-only, outgoing ones what is write-only.
func (d *document) schema(v value.Value, at string, incoming bool) value.Value {
	for depth := deepest; depth > 0; depth-- {
		if e := d.expand(v, at, depth, incoming); e.size <= mostSize {
			return e.value
		}
	}
	return d.expand(v, at, 0, incoming).value
}

func (d *document) expand(v value.Value, at string, depth int, incoming bool) expanded {
	switch {
	case v.IsBool() && !v.Truth():
		return expanded{value.Object("not", value.Object()), 2}
	case !v.IsObject():
		return expanded{value.Object(), 1}
	case v.Has("$ref"):
		return d.expandRef(v, at, depth, incoming)
	}
	var out value.Members
	size := 1
	set := func(key string, e expanded) {
		out.Set(key, e.value)
		size += e.size
	}
	for key, m := range v.Members() {
		if fits, ok := plainKeywords[key]; ok {
			if fits(m) {
				set(key, expanded{m, 1 + m.Len()})
			}
			continue
		}
		place := child(at, key)
		switch key {
		case "pattern":
			if _, err := regexp.Compile(m.Text()); err == nil && m.IsString() { // others are of JavaScript's dialect
				set(key, expanded{m, 1})
			}
		case "items", "additionalProperties", "not":
			if m.IsBool() {
				set(key, expanded{m, 1})
			} else {
				set(key, d.expand(m, place, depth, incoming))
			}
		case "allOf", "anyOf", "oneOf", "prefixItems":
			var list []value.Value
			for i, s := range m.Elements() {
				e := d.expand(s, child(place, index(i)), depth, incoming)
				list = append(list, e.value)
				size += e.size
			}
			if len(list) > 0 {
				out.Set(key, value.Array(list...))
			}
		case "properties":
			var properties value.Members
			for name, s := range m.Members() {
				if s.IsObject() && oneWay(s, incoming) {
					continue
				}
				e := d.expand(s, child(place, name), depth, incoming)
				properties.Set(name, e.value)
				size += e.size
			}
			out.Set(key, properties.Value())
		case "required":
			if names := d.required(m, v.Get("properties"), incoming); len(names) > 0 {
				set(key, expanded{value.Array(names...), 1 + len(names)})
			}
		}
	}
	return expanded{older(v, out.Value()), size}
}

func oneWay(s value.Value, incoming bool) bool {
	if incoming {
		return s.Get("readOnly").Truth()
	}
	return s.Get("writeOnly").Truth()
}

// required leaves out what is not for this direction, and what is no list of names.
func (d *document) required(list, properties value.Value, incoming bool) []value.Value {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(list.Slice()), func(name value.Value) bool {
		again := seen[name.Text()]
		seen[name.Text()] = true
		return !name.IsString() || again || oneWay(properties.Get(name.Text()), incoming)
	})
}

// older writes as JSON Schema does what version 3.0 has in its own words.
func older(v, out value.Value) value.Value {
	if v.Get("nullable").Truth() {
		if t := out.Get("type"); t.IsString() {
			out = out.With("type", value.Array(t, value.String("null")))
		}
		if e := out.Get("enum"); e.IsArray() && !slices.ContainsFunc(e.Slice(), value.Value.IsNull) {
			out = out.With("enum", e.Append(value.Null))
		}
	}
	for _, side := range []string{"Minimum", "Maximum"} {
		bound := strings.ToLower(side)
		if v.Get("exclusive"+side).Truth() && out.Has(bound) {
			out = out.With("exclusive"+side, out.Get(bound)).Without(bound)
		}
	}
	if out.Get("type").Text() == "file" {
		out = out.With("type", value.String("string")).With("format", value.String("binary"))
	}
	return out
}

func (d *document) expandRef(v value.Value, at string, depth int, incoming bool) expanded {
	target, place, why := d.follow(v, at)
	if why != "" {
		d.wrong(workflows.Warning, at, "reference", "%s; anything goes there", why)
		return expanded{value.Object(), 1}
	}
	if !target.IsObject() {
		return d.expand(target, place, depth, incoming)
	}
	var e expanded
	for left := depth; ; left-- {
		if left <= 0 {
			e = outline(target, place)
			break
		}
		key := schemaKey{place, left, incoming}
		made, ok := d.schemas[key]
		if !ok {
			made = d.expand(target, place, left-1, incoming)
			d.schemas[key] = made
		}
		if e = made; e.size <= mostSize {
			break
		}
	}
	if text := v.Get("description"); text.IsString() {
		e.value = e.value.With("description", text)
	}
	return e
}

// outline is what stays of a schema that is too deep or too large.
func outline(v value.Value, at string) expanded {
	var out value.Members
	title := v.Get("title")
	if !title.IsString() {
		title = value.String(at[strings.LastIndexByte(at, '/')+1:])
	}
	out.Set("title", title)
	for _, key := range []string{"type", "description"} {
		if m := v.Get(key); plainKeywords[key](m) {
			out.Set(key, m)
		}
	}
	return expanded{older(v, out.Value()), out.Len()}
}
