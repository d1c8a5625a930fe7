package netconf

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/heddlehq/heddle/workflows/value"
)

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a builder takes everything
	return b.String()
}

// elements reads XML without a root into an object.
func elements(text string) (value.Value, error) {
	d := xml.NewDecoder(strings.NewReader(text))
	e := &element{}
	for stack := []*element{e}; ; {
		token, err := d.Token()
		top := stack[len(stack)-1]
		switch {
		case errors.Is(err, io.EOF):
			return e.object(), nil
		case err != nil:
			return value.Absent, fmt.Errorf("is not well-formed XML: %w", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if len(stack) > maxDepth {
				return value.Absent, fmt.Errorf("has elements more than %d deep", maxDepth)
			}
			child := &element{name: t.Name.Local}
			for _, a := range t.Attr {
				if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
					child.members.Set("@"+a.Name.Local, value.String(a.Value))
					child.parts = true
				}
			}
			stack = append(stack, child)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
			stack[len(stack)-1].add(top.name, top.value())
		case xml.CharData:
			if len(stack) == 1 && strings.TrimSpace(string(t)) != "" {
				return value.Absent, errors.New("must be XML elements, not text")
			}
			top.text.Write(t)
		case xml.ProcInst, xml.Directive:
			return value.Absent, errors.New("must not have processing instructions or a document type")
		}
	}
}

// element is an element while it is read.
type element struct {
	name    string
	text    strings.Builder
	parts   bool // it has attributes or elements
	members value.Members
	lists   map[string][]value.Value
	order   []string
}

func (e *element) add(name string, v value.Value) {
	if e.lists == nil {
		e.lists = map[string][]value.Value{}
	}
	if e.lists[name] == nil {
		e.order = append(e.order, name)
	}
	e.lists[name] = append(e.lists[name], v)
	e.parts = true
}

func (e *element) object() value.Value {
	for _, name := range e.order {
		if all := e.lists[name]; len(all) > 1 {
			e.members.Set(name, value.Array(all...))
		} else {
			e.members.Set(name, all[0])
		}
	}
	return e.members.Value()
}

func (e *element) value() value.Value {
	text := strings.TrimSpace(e.text.String())
	if !e.parts {
		return value.String(text)
	}
	if text != "" {
		e.members.Set("#text", value.String(text))
	}
	return e.object()
}
