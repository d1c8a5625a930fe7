package openapi

import (
	"bytes"
	"encoding/base64"
	"mime"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/adapters/rest"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// body is what an operation takes beside its parameters.
type body struct {
	required bool
	text     string   // its description
	types    []string // media types, the one to use unless told first
	schemas  map[string]value.Value
}

const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
	partType = "multipart/form-data"
)

func isJSON(mediaType string) bool {
	base, _, err := mime.ParseMediaType(mediaType)
	return err == nil && (base == jsonType || strings.HasSuffix(base, "+json"))
}

func (d *document) readBody(o *operation, v value.Value, at string) {
	v, at = d.need(v, at)
	if v.IsAbsent() {
		return
	}
	b := &body{required: v.Get("required").Truth(), text: v.Get("description").Text(), schemas: map[string]value.Value{}}
	for name, media := range v.Get("content").Members() {
		b.add(name, d.schema(media.Get("schema"), child(child(child(at, "content"), name), "schema"), true))
	}
	if len(b.types) == 0 {
		d.wrong(workflows.Warning, at, "body", "the body has no media type; it is sent as JSON")
		b.add(jsonType, value.Object())
	}
	o.body = b
}

// add keeps JSON first.
func (b *body) add(mediaType string, schema value.Value) {
	if mediaType == "*/*" || mediaType == "application/*" {
		mediaType = jsonType
	}
	if b.schemas == nil {
		b.schemas = map[string]value.Value{}
	}
	if _, ok := b.schemas[mediaType]; !ok {
		at := len(b.types)
		if isJSON(mediaType) {
			at = slices.IndexFunc(append(slices.Clone(b.types), ""), func(t string) bool { return !isJSON(t) })
		}
		b.types = slices.Insert(b.types, at, mediaType)
	}
	b.schemas[mediaType] = schema
}

// readSwaggerBody reads a parameter of version 2 that is the body or a field of it.
func (d *document) readSwaggerBody(o *operation, form *body, p value.Value, at string, operation value.Value) {
	consumes := operation.Get("consumes")
	if consumes.Len() == 0 {
		consumes = d.root.Get("consumes")
	}
	if p.Get("in").Text() == "body" {
		o.body = &body{required: p.Get("required").Truth(), text: p.Get("description").Text()}
		schema := d.schema(p.Get("schema"), child(at, "schema"), true)
		for _, t := range consumes.Elements() {
			o.body.add(t.Text(), schema)
		}
		if len(o.body.types) == 0 {
			o.body.add(jsonType, schema)
		}
		return
	}
	name := p.Get("name").Text()
	if name == "" {
		d.wrong(workflows.Error, child(at, "name"), "parameter", "must be a text that is not empty")
		return
	}
	field := d.schema(p.Without("name", "in", "required", "collectionFormat", "allowEmptyValue"), at, true)
	kind := formType
	if p.Get("type").Text() == "file" || containsText(consumes, partType) || len(form.types) > 0 && form.types[0] == partType {
		kind = partType
	}
	if p.Get("type").Text() == "file" {
		field = field.With("type", value.String("string")).With("format", value.String("binary"))
	}
	schema := value.Object("type", value.String("object"))
	if len(form.types) > 0 {
		schema = form.schemas[form.types[0]]
	}
	schema = schema.WithPath([]string{"properties", name}, field)
	if p.Get("required").Truth() {
		form.required = true
		schema = schema.With("required", value.Array(append(schema.Get("required").Slice(), value.String(name))...))
	}
	form.types, form.schemas = []string{kind}, map[string]value.Value{kind: schema}
	o.body = form
}

// described is the body's schema as the catalog shows it, which is that of its first type.
func (b *body) described() value.Value {
	s := b.schemas[b.types[0]]
	switch {
	case s.Has("description") || !s.IsObject():
		return s
	case b.text != "":
		return s.With("description", value.String(b.text))
	}
	return s.With("description", value.String("the body"))
}

// put writes the body into a request.
func (b *body) put(v value.Value, mediaType string, r *rest.Request) error {
	schema, ok := b.schemas[mediaType]
	if !ok {
		return network.Wrong("/%s must be one of %s, not %q", contentType, strings.Join(b.types, ", "), mediaType)
	}
	base, _, err := mime.ParseMediaType(mediaType)
	if err != nil {
		return network.Wrong("/%s: %q is no media type", contentType, mediaType)
	}
	r.Type = mediaType
	switch {
	case isJSON(mediaType):
		r.Body = v.AppendJSON(nil)
		if kind := schema.Get("type").Text(); v.IsString() && (kind == "object" || kind == "array") {
			if parsed, err := value.Parse([]byte(v.Text())); err == nil {
				r.Body = parsed.AppendJSON(nil)
			}
		}
	case base == formType || base == partType:
		if !v.IsObject() {
			return network.Wrong("/%s must be an object of fields for %s, not %s", payload, base, v.Kind())
		}
		if base == formType {
			r.Body = []byte(form(v).Encode())
			return nil
		}
		return parts(v, schema, r)
	case binary(schema):
		data, err := base64.StdEncoding.DecodeString(v.Text())
		if err != nil || !v.IsString() {
			return network.Wrong("/%s must be a text in base64 for %s", payload, base)
		}
		r.Body = data
	case v.IsString():
		r.Body = []byte(v.Text())
	default:
		return network.Wrong("/%s must be a text for %s, not %s", payload, base, v.Kind())
	}
	return nil
}

func form(v value.Value) url.Values {
	out := url.Values{}
	for name, m := range v.Members() {
		if !m.IsArray() {
			m = value.Array(m)
		}
		for _, e := range m.Elements() {
			out.Add(name, rest.Plain(e))
		}
	}
	return out
}

// binary tells whether a schema is for bytes, which tasks give in base64.
func binary(schema value.Value) bool {
	return schema.Get("format").Text() == "binary" || schema.Get("format").Text() == "byte" || schema.Get("contentEncoding").Text() == "base64"
}

// parts writes a form with files: fields for bytes are files called like the field.
func parts(v, schema value.Value, r *rest.Request) error {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, m := range v.Members() {
		field := schema.Path("properties", name)
		if !m.IsArray() {
			m = value.Array(m)
		} else if items := field.Get("items"); items.IsObject() {
			field = items
		}
		for _, e := range m.Elements() {
			header := textproto.MIMEHeader{}
			disposition := map[string]string{"name": name}
			data := []byte(rest.Plain(e))
			switch {
			case binary(field):
				decoded, err := base64.StdEncoding.DecodeString(e.Text())
				if err != nil || !e.IsString() {
					return network.Wrong("/%s/%s must be a text in base64", payload, value.EscapePointer(name))
				}
				data, disposition["filename"] = decoded, name
				header.Set("Content-Type", "application/octet-stream")
			case e.IsObject():
				header.Set("Content-Type", jsonType)
			}
			header.Set("Content-Disposition", mime.FormatMediaType("form-data", disposition))
			part, err := w.CreatePart(header)
			if err != nil {
				return network.Wrong("/%s/%s cannot be sent: %v", payload, value.EscapePointer(name), err)
			}
			part.Write(data) // into memory: it does not fail
		}
	}
	if err := w.Close(); err != nil {
		return network.Wrong("/%s cannot be sent: %v", payload, err)
	}
	r.Body, r.Type = b.Bytes(), w.FormDataContentType()
	return nil
}
