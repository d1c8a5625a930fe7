package builtin

import (
	"slices"
	"strconv"

	"github.com/heddlehq/heddle/workflows/transformation/js"
	"github.com/heddlehq/heddle/workflows/value"
)

const groupObject = "Object"

var objectTasks = []Task{
	function(automatic(groupObject, "FlattenJSONFormInput", "FlattenJSONFormInput", "Turns members that are arrays of one element into that element.",
		params{need("input", "object", "the object to flatten")},
		params{gives("response", "object", "the flattened object")}), flattenForm),
	function(automatic(groupObject, "assign", "assign", "Copies the members of one object into another.",
		params{need("target", "object", "the object to copy into"), may("sourceN", "", "the object to copy from, or an array of such")},
		params{gives("targetObject", "object", "the object with the members of both")}), assignObject),
	opened(function(automatic(groupObject, "extractField", "extractField", "Takes one member of an object, or of every object of an array.",
		params{may("obj", "", "the object, or an array of objects"), need("field", "string", "the member's name")},
		params{gives("result", "", "the member's value, or an array of them")}), extractField)),
	scripted(automatic(groupObject, "keys", "keys", "Lists the names of an object's members.",
		params{need("obj", "object", "the object")},
		params{gives("keys", "array", "the names")}), "Object", "keys"),
	function(automatic(groupObject, "objectHasOwnProperty", "hasOwnProperty", "Tells whether an object has a member.",
		params{need("obj", "object", "the object to look at"), need("prop", "string", "the member's name")},
		params{gives("result", "boolean", "whether it has the member")}),
		func(in value.Value) (value.Value, error) {
			return value.Bool(in.Get("obj").Has(in.Get("prop").Text())), nil
		}),
	function(automatic(groupObject, "objectToString", "toString", "Writes a value as JSON text.",
		params{
			may("value", "", "the value to write"), may("obj", "", "another name of \"value\""),
			may("replacer", "array", "the names of the members to write; an empty array writes none"),
			may("space", "", "how many blanks, or which text, to indent with"),
		},
		params{gives("stringified", "string", "the JSON text")}), stringify),
	function(automatic(groupObject, "setObjectKey", "setObjectKey", "Sets a member of an object, creating the objects on the way to it.",
		params{may("obj", "", "the object to change; nothing counts as an empty one"), may("path", "", "the names on the way, as an array"), may("value", "", "the new value")},
		params{gives("object", "", "the changed object")}), setObjectKey),
	scripted(automatic(groupObject, "values", "values", "Lists the values of an object's members.",
		params{need("obj", "object", "the object")},
		params{gives("values", "array", "the values")}), "Object", "values"),
}

func flattenForm(in value.Value) (value.Value, error) {
	var out value.Members
	for k, m := range in.Get("input").Members() {
		if m.IsArray() && m.Len() == 1 {
			m = m.At(0)
		}
		out.Set(k, m)
	}
	return out.Value(), nil
}

func assignObject(in value.Value) (value.Value, error) {
	sources := []value.Value{in.Get("sourceN")}
	if sources[0].IsArray() {
		sources = sources[0].Slice()
	}
	var out value.Members
	for _, o := range append([]value.Value{in.Get("target")}, sources...) {
		for k, m := range o.Members() {
			out.Set(k, m)
		}
	}
	return out.Value(), nil
}

func extractField(in value.Value) (value.Value, error) {
	obj, field := in.Get("obj"), in.Get("field").Text()
	if !obj.IsArray() {
		return obj.Get(field), nil
	}
	out := make([]value.Value, obj.Len())
	for i, e := range obj.Elements() {
		out[i] = e.Get(field)
	}
	return value.Array(out...), nil
}

// stringify is JSON.stringify.
func stringify(in value.Value) (value.Value, error) {
	v := in.Get("value")
	if v.IsAbsent() {
		v = in.Get("obj")
	}
	replacer, space := js.Value(nil), in.Get("space")
	if r := in.Get("replacer"); r.IsArray() {
		replacer = js.FromValue(r)
	}
	if n, ok := number(space); ok {
		space = value.Number(n)
	}
	return script(func(m *js.Machine) js.Value {
		return m.Call("JSON", "stringify", js.FromValue(v), replacer, js.FromValue(space))
	})
}

func setObjectKey(in value.Value) (value.Value, error) {
	var tokens []string
	switch path := in.Get("path"); {
	case path.IsArray():
		for _, e := range path.Elements() {
			if e.IsArray() || e.IsObject() {
				return value.Absent, badInput("\"path\" must hold names and indexes, not %s", kindOf(e))
			}
			tokens = append(tokens, text(e))
		}
	case path.IsString() && path.Text() != "":
		tokens = []string{path.Text()}
	}
	if len(tokens) == 0 || len(tokens) > value.MaxDepth {
		return value.Absent, badInput("\"path\" must be an array of 1 to %d names", value.MaxDepth)
	}
	obj := in.Get("obj")
	if !obj.IsObject() && !obj.IsArray() && !obj.IsNothing() && obj.Text() != "" {
		return value.Absent, badInput("\"obj\" must be an object, not %s", kindOf(obj))
	}
	if at := unreachable(obj, tokens); at >= 0 {
		return value.Absent, badData("element %d of \"path\", %q, is no index of the array that it leads into", at, clip(tokens[at]))
	}
	v := in.Get("value")
	if v.IsAbsent() {
		v = value.Null
	}
	return obj.WithPath(tokens, v), nil
}

// unreachable gives the first token that addresses an array by something other than an index
// within it or one past its end; -1 when there is none.
func unreachable(v value.Value, tokens []string) int {
	for i, t := range tokens {
		if v.IsArray() {
			n, err := strconv.Atoi(t)
			if err != nil || n < 0 || n > v.Len() {
				return i
			}
			v = v.At(n)
			continue
		}
		if !slices.Contains(v.Keys(), t) {
			return -1
		}
		v = v.Get(t)
	}
	return -1
}
