package adapters

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"github.com/heddlehq/heddle/workflows/value"
)

// SchemaOf is the JSON Schema of what encoding/json reads into a T. Struct fields take part by
// their json tags; one without omitempty or omitzero that is no pointer is required. Further tags: doc
// describes a field, enum lists its values, separated by commas, and secret:"true" marks what
// is not to be shown.
func SchemaOf[T any]() value.Value { return schemaOf(reflect.TypeFor[T](), nil) }

var (
	valueType  = reflect.TypeFor[value.Value]()
	rawType    = reflect.TypeFor[json.RawMessage]()
	timeType   = reflect.TypeFor[time.Time]()
	numberType = reflect.TypeFor[json.Number]()
	textType   = reflect.TypeFor[encoding.TextUnmarshaler]()
	jsonType   = reflect.TypeFor[json.Unmarshaler]()
)

// schemaOf stops at a type that contains itself: anything goes there.
func schemaOf(t reflect.Type, above []reflect.Type) value.Value {
	kind := func(name string) value.Value { return value.Object("type", value.String(name)) }
	switch {
	case t == timeType:
		return kind("string").With("format", value.String("date-time"))
	case t == numberType:
		return kind("number")
	case t == valueType, t == rawType:
		return value.Object()
	case reflect.PointerTo(t).Implements(jsonType):
		return value.Object()
	case reflect.PointerTo(t).Implements(textType):
		return kind("string")
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem(), above)
	case reflect.Bool:
		return kind("boolean")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return kind("integer")
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return kind("integer").With("minimum", value.Int(0))
	case reflect.Float32, reflect.Float64:
		return kind("number")
	case reflect.String:
		return kind("string")
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 && t.Kind() == reflect.Slice {
			return kind("string").With("contentEncoding", value.String("base64"))
		}
		return kind("array").With("items", schemaOf(t.Elem(), above))
	case reflect.Map:
		return kind("object").With("additionalProperties", schemaOf(t.Elem(), above))
	case reflect.Struct:
		for _, a := range above {
			if a == t {
				return value.Object()
			}
		}
		var props value.Members
		var required []string
		fields(t, append(above[:len(above):len(above)], t), &props, &required)
		out := kind("object").With("properties", props.Value())
		if len(required) > 0 {
			out = out.With("required", value.Strings(required...))
		}
		return out
	}
	return value.Object()
}

// fields adds the fields of a struct, with those of the structs embedded in it.
func fields(t reflect.Type, above []reflect.Type, props *value.Members, required *[]string) {
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if embedded := f.Type; f.Anonymous && name == "" {
			if embedded.Kind() == reflect.Pointer {
				embedded = embedded.Elem()
			}
			if embedded.Kind() == reflect.Struct {
				fields(embedded, above, props, required)
				continue
			}
		}
		if !f.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		s := schemaOf(f.Type, above)
		if doc := f.Tag.Get("doc"); doc != "" {
			s = s.With("description", value.String(doc))
		}
		if enum := f.Tag.Get("enum"); enum != "" {
			s = s.With("enum", value.Strings(strings.Split(enum, ",")...))
		}
		if f.Tag.Get("secret") == "true" {
			s = s.With("writeOnly", value.True)
		}
		props.Set(name, s)
		if !strings.Contains(options, "omit") && f.Type.Kind() != reflect.Pointer {
			*required = append(*required, name)
		}
	}
}
