package openapi

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
	"github.com/heddlehq/heddle/workflows/yaml"
)

// document is one that is being read.
type document struct {
	root       value.Value
	swagger    bool // version 2
	schemes    map[string]scheme
	operations []*operation
	names      map[string]bool // of operations, taken
	schemas    map[schemaKey]expanded
	problems   workflows.Problems
}

// maxDocument bounds a document.
const maxDocument = 32 << 20

func (d *document) wrong(level workflows.Level, pointer, code, format string, args ...any) {
	d.problems = append(d.problems, workflows.Problem{Level: level, Pointer: pointer, Code: code, Text: fmt.Sprintf(format, args...)})
}

// parse reads JSON, or YAML when it does not begin like JSON.
func (d *document) parse(data []byte) bool {
	if len(data) > maxDocument {
		d.wrong(workflows.Error, "", "size", "the document is larger than %d bytes", maxDocument)
		return false
	}
	text := bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))
	read := yaml.Parse
	if bytes.HasPrefix(text, []byte("{")) {
		read = value.ParseLast
	}
	var err error
	if d.root, err = read(text); err != nil {
		pointer := ""
		if e, ok := errors.AsType[*value.SyntaxError](err); ok {
			pointer = e.Pointer
		}
		d.wrong(workflows.Error, pointer, "syntax", "%v", err)
		return false
	}
	if !d.root.IsObject() {
		d.wrong(workflows.Error, "", "document", "must be an object with a member openapi or swagger, not %s", d.root.Kind())
		return false
	}
	return true
}

func (d *document) readVersion() {
	switch v3, v2 := d.root.Get("openapi"), d.root.Get("swagger"); {
	case !v3.IsAbsent():
		if text := plain(v3); text != "3" && !strings.HasPrefix(text, "3.") {
			d.wrong(workflows.Error, "/openapi", "version", "version %q is none that can be read: 3.x is", text)
		}
	case !v2.IsAbsent():
		d.swagger = true
		if text := plain(v2); text != "2" && !strings.HasPrefix(text, "2.") {
			d.wrong(workflows.Error, "/swagger", "version", "version %q is none that can be read: 2.0 is", text)
		}
	default:
		d.wrong(workflows.Error, "", "version", "must have a member openapi with 3.x or swagger with 2.0")
	}
}

// mostHops is how many references in a row are followed.
const mostHops = 32

// follow gives what v stands for, and where that is. It is absent when a reference leads
// nowhere; why says how, and the place stays that of v.
func (d *document) follow(v value.Value, at string) (target value.Value, place, why string) {
	place = at
	for range mostHops {
		ref := v.Get("$ref")
		if !ref.IsString() {
			return v, place, ""
		}
		pointer, local := strings.CutPrefix(ref.Text(), "#")
		if !local {
			return value.Absent, at, fmt.Sprintf("the reference %q leads to another document, which is not read", ref.Text())
		}
		if decoded, err := url.PathUnescape(pointer); err == nil {
			pointer = decoded
		}
		if v, place = d.root.Lookup(pointer), pointer; v.IsAbsent() {
			return value.Absent, at, fmt.Sprintf("the reference %q leads nowhere", ref.Text())
		}
	}
	return value.Absent, at, "the references go round in a circle"
}

// need follows a reference without which an operation cannot be called.
func (d *document) need(v value.Value, at string) (value.Value, string) {
	target, place, why := d.follow(v, at)
	if why != "" {
		d.wrong(workflows.Error, at, "reference", "%s", why)
		return value.Absent, at
	}
	if !target.IsObject() {
		d.wrong(workflows.Error, place, "document", "must be an object, not %s", target.Kind())
		return value.Absent, at
	}
	return target, place
}

// child is the pointer to a member.
func child(at, name string) string { return at + "/" + value.EscapePointer(name) }

// server is the address the operations below v have; "" when it says nothing.
func server(v value.Value) string { return v.Get("servers").At(0).Get("url").Text() }

// address is the document's own address, which may lack a host; its variables stay.
func (d *document) address() string {
	if !d.swagger {
		return server(d.root)
	}
	base := d.root.Get("basePath").Text()
	host := d.root.Get("host").Text()
	if host == "" {
		return base
	}
	scheme := "https"
	if schemes := d.root.Get("schemes"); schemes.Len() > 0 && !containsText(schemes, "https") {
		scheme = schemes.At(0).Text()
	}
	return scheme + "://" + host + base
}

func containsText(list value.Value, text string) bool {
	for _, e := range list.Elements() {
		if e.Text() == text {
			return true
		}
	}
	return false
}

// variables puts chosen values, or the document's own, in the places of an address that name them.
func (d *document) variables(address string, chosen map[string]string) string {
	for name, v := range d.root.Get("servers").At(0).Get("variables").Members() {
		text, ok := chosen[name]
		if !ok {
			text = plain(v.Get("default"))
		}
		address = strings.ReplaceAll(address, "{"+name+"}", text)
	}
	for name, text := range chosen {
		address = strings.ReplaceAll(address, "{"+name+"}", text)
	}
	return address
}
