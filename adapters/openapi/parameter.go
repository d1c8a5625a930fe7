package openapi

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/adapters/rest"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// parameter is one that goes into the path, the query, a header or a cookie.
type parameter struct {
	key      string // as tasks call it
	name, in string
	required bool
	style    string
	explode  bool
	json     bool // sent as JSON text
	schema   value.Value
	text     string // its description
}

// places are where parameters go.
var places = []string{"path", "query", "header", "cookie"}

// managed are headers that parameters do not set: OpenAPI says so.
var managed = []string{"Accept", "Authorization", "Content-Type"}

func (d *document) readParameter(p value.Value, at string) (parameter, bool) {
	out := parameter{name: p.Get("name").Text(), in: p.Get("in").Text(), required: p.Get("required").Truth(), text: p.Get("description").Text()}
	if out.name == "" {
		d.wrong(workflows.Error, child(at, "name"), "parameter", "must be a text that is not empty")
		return out, false
	}
	if !slices.Contains(places, out.in) {
		d.wrong(workflows.Error, child(at, "in"), "parameter", "must be one of %s, not %q", strings.Join(places, ", "), out.in)
		return out, false
	}
	if !d.swagger && out.in == "header" && slices.Contains(managed, http.CanonicalHeaderKey(out.name)) {
		return out, false
	}
	out.required = out.required || out.in == "path"
	out.style = "simple"
	if out.in == "query" || out.in == "cookie" {
		out.style, out.explode = "form", true
	}
	if d.swagger {
		d.swaggerStyle(&out, p, at)
		return out, true
	}
	if s := p.Get("style").Text(); s != "" {
		out.style, out.explode = s, s == "form"
	}
	if e := p.Get("explode"); e.IsBool() {
		out.explode = e.Truth()
	}
	s, place := p.Get("schema"), child(at, "schema")
	if media, name := preferred(p.Get("content")); name != "" {
		s, place, out.json = media.Get("schema"), child(child(child(at, "content"), name), "schema"), isJSON(name)
	}
	out.schema = d.schema(s, place, true)
	return out, true
}

// swaggerStyle reads how version 2 writes lists, and the schema that is the parameter itself there.
func (d *document) swaggerStyle(out *parameter, p value.Value, at string) {
	switch p.Get("collectionFormat").Text() {
	case "multi":
		out.explode = true
	case "ssv":
		out.style, out.explode = "spaceDelimited", false
	case "pipes":
		out.style, out.explode = "pipeDelimited", false
	default:
		out.explode = false
	}
	out.schema = d.schema(p.Without("name", "in", "required", "description", "collectionFormat", "allowEmptyValue"), at, true)
}

// described is the parameter's schema as the catalog shows it.
func (p *parameter) described() value.Value {
	if p.text == "" || p.schema.Has("description") {
		return p.schema
	}
	return p.schema.With("description", value.String(p.text))
}

// given tells whether a task gives the parameter. The canvas writes "" for what is left open.
func given(v value.Value) bool { return !v.IsNothing() && !(v.IsString() && v.Text() == "") }

// put adds the parameter to a request; path is its path so far, with the places still to fill.
func (p *parameter) put(v value.Value, r *rest.Request, path *string) error {
	if p.json {
		v = value.String(v.String())
	}
	switch p.in {
	case "path":
		text, err := p.inPath(v)
		if err != nil {
			return err
		}
		*path = strings.ReplaceAll(*path, "{"+p.name+"}", text)
	case "query":
		p.inQuery(v, r.Query)
	case "header":
		r.Header[p.name] = []string{strings.Join(p.flat(v, func(s string) string { return s }), ",")}
	case "cookie":
		values := url.Values{}
		p.inQuery(v, values)
		for _, name := range slices.Sorted(maps.Keys(values)) {
			for _, text := range values[name] {
				r.Cookies = append(r.Cookies, &http.Cookie{Name: name, Value: text, Quoted: strings.ContainsAny(text, " ,")})
			}
		}
	}
	return nil
}

func (p *parameter) inPath(v value.Value) (string, error) {
	parts := p.flat(v, url.PathEscape)
	text := strings.Join(parts, ",")
	if text == "" {
		return "", network.Wrong("/%s must not be empty: it is part of the path", value.EscapePointer(p.key))
	}
	switch p.style {
	case "label":
		if p.explode {
			text = strings.Join(parts, ".")
		}
		return "." + text, nil
	case "matrix":
		name := ";" + url.PathEscape(p.name) + "="
		switch {
		case p.explode && v.IsObject():
			return ";" + strings.Join(parts, ";"), nil
		case p.explode:
			return name + strings.Join(parts, name), nil
		}
		return name + text, nil
	}
	return text, nil
}

// flat lists the elements of v, or its members as key and value, joined by = when they are exploded.
func (p *parameter) flat(v value.Value, escape func(string) string) []string {
	switch {
	case v.IsArray():
		var out []string
		for _, e := range v.Elements() {
			out = append(out, escape(rest.Plain(e)))
		}
		return out
	case v.IsObject():
		var out []string
		for name, m := range v.Members() {
			if p.explode {
				out = append(out, escape(name)+"="+escape(rest.Plain(m)))
			} else {
				out = append(out, escape(name), escape(rest.Plain(m)))
			}
		}
		return out
	}
	return []string{escape(rest.Plain(v))}
}

func (p *parameter) inQuery(v value.Value, query url.Values) {
	switch {
	case p.style == "deepObject" && v.IsObject():
		deep(query, p.name, v)
	case p.explode && v.IsArray():
		query[p.name] = []string{}
		for _, e := range v.Elements() {
			query.Add(p.name, rest.Plain(e))
		}
	case p.explode && v.IsObject():
		for name, m := range v.Members() {
			query.Set(name, rest.Plain(m))
		}
	default:
		separator := map[string]string{"spaceDelimited": " ", "pipeDelimited": "|"}[p.style]
		if separator == "" {
			separator = ","
		}
		query.Set(p.name, strings.Join(p.flat(v, func(s string) string { return s }), separator))
	}
}

// deep writes an object as name[member]=value, and what is nested likewise.
func deep(query url.Values, name string, v value.Value) {
	switch {
	case v.IsObject():
		for key, m := range v.Members() {
			deep(query, name+"["+key+"]", m)
		}
	case v.IsArray():
		for _, e := range v.Elements() {
			query.Add(name, rest.Plain(e))
		}
	default:
		query.Add(name, rest.Plain(v))
	}
}
