package openapi

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// operation is one call that a document describes.
type operation struct {
	name       string
	verb       string
	path       string // with its {parameters}
	server     string // its own address; "" is the document's
	summary    string
	parameters []parameter
	body       *body
	security   []requirement // alternatives; none when there is nothing to log in to
	outgoing   value.Value
}

func (o *operation) readOnly() bool {
	return o.verb == http.MethodGet || o.verb == http.MethodHead || o.verb == http.MethodOptions
}

// verbs are the methods an operation may have, in the order they are listed.
var verbs = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

func (d *document) readOperations() {
	paths := d.root.Get("paths")
	if !paths.IsObject() {
		d.wrong(workflows.Error, "/paths", "paths", "must be an object of paths, not %s", paths.Kind())
		return
	}
	broken := false
	for path, item := range paths.Members() {
		if !strings.HasPrefix(path, "/") {
			if !strings.HasPrefix(path, "x-") {
				d.wrong(workflows.Error, child("/paths", path), "paths", "a path must begin with /")
				broken = true
			}
			continue
		}
		at := child("/paths", path)
		item, at := d.need(item, at)
		for _, verb := range verbs {
			v := item.Get(verb)
			if v.IsAbsent() {
				continue
			}
			if v, place := d.need(v, child(at, verb)); !v.IsAbsent() {
				d.operations = append(d.operations, d.readOperation(path, verb, item, at, v, place))
			}
		}
	}
	if len(d.operations) == 0 && !broken && d.problems.Err() == nil {
		d.wrong(workflows.Error, "/paths", "paths", "must have at least one operation")
	}
}

func (d *document) readOperation(path, verb string, item value.Value, itemAt string, v value.Value, at string) *operation {
	o := &operation{verb: strings.ToUpper(verb), path: path, server: server(v)}
	if o.server == "" {
		o.server = server(item)
	}
	o.name = d.name(v, at, verb, path)
	for _, text := range []string{v.Get("summary").Text(), v.Get("description").Text(), o.verb + " " + path} {
		if o.summary == "" {
			o.summary = firstLine(text)
		}
	}
	d.readParameters(o, v, at, item, itemAt)
	if !d.swagger {
		if b := v.Get("requestBody"); !b.IsAbsent() {
			d.readBody(o, b, child(at, "requestBody"))
		}
	}
	o.security = d.requirements(v, at)
	o.outgoing = d.envelope(v, at)
	return o
}

// name is the operation's own or one made of its method and path, and different from all others.
func (d *document) name(v value.Value, at, verb, path string) string {
	name := strings.TrimSpace(v.Get("operationId").Text())
	if name == "" {
		var b strings.Builder
		b.WriteString(verb)
		for _, word := range strings.FieldsFunc(path, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			runes := []rune(word)
			b.WriteString(string(unicode.ToUpper(runes[0])) + string(runes[1:]))
		}
		name = b.String()
	}
	unique := name
	for n := 2; d.names[unique]; n++ {
		unique = fmt.Sprintf("%s_%d", name, n)
	}
	if unique != name {
		d.wrong(workflows.Warning, at, "operation-id", "the operation is called %s because there is another %s", unique, name)
	}
	d.names[unique] = true
	return unique
}

var placeholder = regexp.MustCompile(`\{([^{}]+)\}`)

// readParameters reads the operation's parameters and those of its path that it does not replace.
func (d *document) readParameters(o *operation, v value.Value, at string, item value.Value, itemAt string) {
	form := &body{}
	for _, from := range []struct {
		list value.Value
		at   string
	}{{v.Get("parameters"), child(at, "parameters")}, {item.Get("parameters"), child(itemAt, "parameters")}} {
		if !from.list.IsAbsent() && !from.list.IsArray() {
			d.wrong(workflows.Error, from.at, "parameter", "must be a list, not %s", from.list.Kind())
		}
		for i, p := range from.list.Elements() {
			p, place := d.need(p, child(from.at, fmt.Sprint(i)))
			if p.IsAbsent() {
				continue
			}
			if d.swagger && (p.Get("in").Text() == "body" || p.Get("in").Text() == "formData") {
				d.readSwaggerBody(o, form, p, place, v)
				continue
			}
			parsed, ok := d.readParameter(p, place)
			same := func(q parameter) bool { return q.name == parsed.name && q.in == parsed.in }
			if !ok || slices.ContainsFunc(o.parameters, same) {
				continue
			}
			if parsed.in == "path" && !strings.Contains(o.path, "{"+parsed.name+"}") {
				d.wrong(workflows.Warning, place, "parameter", "the path %s has no {%s}", o.path, parsed.name)
				continue
			}
			o.parameters = append(o.parameters, parsed)
		}
	}
	for _, m := range placeholder.FindAllStringSubmatch(o.path, -1) {
		if !slices.ContainsFunc(o.parameters, func(p parameter) bool { return p.in == "path" && p.name == m[1] }) {
			d.wrong(workflows.Warning, at, "parameter", "the parameter %s of the path is not described", m[1])
			o.parameters = append(o.parameters, parameter{
				name: m[1], in: "path", required: true, style: "simple", schema: value.Object("type", value.String("string")),
			})
		}
	}
	taken := map[string]bool{contentType: true, payload: true, "adapter_id": true}
	for _, in := range places {
		for i := range o.parameters {
			if p := &o.parameters[i]; p.in == in {
				for p.key = p.name; taken[p.key]; {
					p.key += "_" + in
				}
				taken[p.key] = true
			}
		}
	}
}

// Names of the parameters that carry a body.
const (
	contentType = "bodyContentType"
	payload     = "requestBodyPayload"
)

// incoming is the schema of the operation's parameters.
func (o *operation) incoming() value.Value {
	var properties value.Members
	required := []string{}
	for _, p := range o.parameters {
		properties.Set(p.key, p.described())
		if p.required {
			required = append(required, p.key)
		}
	}
	if o.body != nil {
		types := value.Object("type", value.String("string"), "description", value.String("media type of the body"),
			"enum", value.Strings(o.body.types...), "default", value.String(o.body.types[0]))
		properties.Set(contentType, types).Set(payload, o.body.described())
		if o.body.required {
			required = append(required, payload)
		}
	}
	s := value.Object("type", value.String("object"), "properties", properties.Value())
	if len(required) > 0 {
		s = s.With("required", value.Strings(required...))
	}
	return s
}

// envelope is the schema of what the operation answers when all is well.
func (d *document) envelope(v value.Value, at string) value.Value {
	body := value.Object()
	responses := v.Get("responses")
	best := ""
	for status := range responses.Members() {
		if good(status) < good(best) {
			best = status
		}
	}
	if best != "" {
		answer, place, _ := d.follow(responses.Get(best), child(child(at, "responses"), best))
		if d.swagger {
			if s := answer.Get("schema"); !s.IsAbsent() {
				body = d.schema(s, child(place, "schema"), false)
			}
		} else if media, name := preferred(answer.Get("content")); name != "" && media.Has("schema") {
			body = d.schema(media.Get("schema"), child(child(child(place, "content"), name), "schema"), false)
		}
	}
	kind := func(name string) value.Value { return value.Object("type", value.String(name)) }
	envelope := kind("object").With("description", value.String("what the service answered")).With("properties", value.Object(
		"body", body, "headers", kind("object"), "statusCode", kind("integer"),
	))
	return kind("object").With("properties", value.Object("response", envelope))
}

// good orders the statuses of answers: 2xx by number, 2XX, default; others do not count.
func good(status string) int {
	switch {
	case len(status) == 3 && status[0] == '2' && status[1] >= '0' && status[1] <= '9':
		return int(status[1]-'0')*10 + int(status[2]-'0')
	case strings.EqualFold(status, "2XX"):
		return 200
	case status == "default":
		return 201
	}
	return 1000
}

// preferred is the media type of a content that is JSON, or else the first.
func preferred(content value.Value) (value.Value, string) {
	first := ""
	for name, media := range content.Members() {
		if isJSON(name) {
			return media, name
		}
		if first == "" {
			first = name
		}
	}
	return content.Get(first), first
}
