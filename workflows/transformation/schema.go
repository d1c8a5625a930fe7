package transformation

import (
	"fmt"
	"math"
	"slices"

	"github.com/heddlehq/heddle/workflows/value"
)

// CheckSchema is the check of incoming values without a full JSON Schema validator: type,
// enum, const, required, properties and items. An Absent value fits only a schema marked
// optional.
func CheckSchema(schema, v value.Value) error {
	if v.IsAbsent() {
		if schema.Get("optional").Truth() {
			return nil
		}
		return fmt.Errorf("a value is required")
	}
	return checkAt(schema, v, "")
}

func checkAt(schema, v value.Value, at string) error {
	types := schema.Get("type")
	names := types.Slice()
	if types.IsString() {
		names = []value.Value{types}
	}
	if len(names) > 0 && !slices.ContainsFunc(names, func(n value.Value) bool { return hasType(v, n.Text()) }) {
		return fmt.Errorf("at %s: %s expected, got %s", orRoot(at), types, v.Kind())
	}
	if enum := schema.Get("enum"); enum.IsArray() && !slices.ContainsFunc(enum.Slice(), func(e value.Value) bool { return value.Equal(e, v) }) {
		return fmt.Errorf("at %s: one of %s expected", orRoot(at), enum)
	}
	if c := schema.Get("const"); !c.IsAbsent() && !value.Equal(c, v) {
		return fmt.Errorf("at %s: %s expected", orRoot(at), c)
	}
	if v.IsObject() {
		for _, k := range schema.Get("required").Elements() {
			if !v.Has(k.Text()) {
				return fmt.Errorf("at %s: the member %q is required", orRoot(at), k.Text())
			}
		}
		for k, s := range schema.Get("properties").Members() {
			if m := v.Get(k); !m.IsAbsent() {
				if err := checkAt(s, m, at+"/"+value.EscapePointer(k)); err != nil {
					return err
				}
			}
		}
	}
	if items := schema.Get("items"); items.IsObject() {
		for i, e := range v.Elements() {
			if err := checkAt(items, e, fmt.Sprintf("%s/%d", at, i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func hasType(v value.Value, name string) bool {
	if name == "integer" {
		return v.IsNumber() && v.Float() == math.Trunc(v.Float())
	}
	return v.Kind().String() == name
}
