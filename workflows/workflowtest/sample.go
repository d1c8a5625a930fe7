package workflowtest

import (
	"strings"

	"github.com/heddlehq/heddle/workflows/value"
)

// Sample makes a value that fits a JSON schema, simple as real input schemas are.
func Sample(schema value.Value) value.Value { return sample(schema, 0) }

func sample(schema value.Value, depth int) value.Value {
	if schema.Get("format").Text() == "ipv4" {
		return value.String("192.0.2.1")
	}
	if e := schema.Get("enum"); e.Len() > 0 {
		return e.At(0)
	}
	if d := schema.Get("default"); !d.IsAbsent() {
		return d
	}
	if e := schema.Get("examples"); e.Len() > 0 {
		return e.At(0)
	}
	kind := schema.Get("type")
	if kind.IsArray() {
		if strings.Contains(kind.String(), "boolean") {
			return value.False // most inputs without a type are switches
		}
		kind = kind.At(kind.Len() - 1)
	}
	switch kind.Text() {
	case "object":
		var m value.Members
		for name, s := range schema.Get("properties").Members() {
			if depth < 6 {
				m.Set(name, sample(s, depth+1))
			}
		}
		return m.Value()
	case "array":
		if items := schema.Get("items"); items.IsObject() && depth < 6 {
			return value.Array(sample(items, depth+1))
		}
		return value.Array()
	case "number", "integer":
		return value.Int(1)
	case "boolean":
		return value.True
	case "null":
		return value.Null
	}
	return value.String("text")
}
