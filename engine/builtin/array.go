package builtin

import (
	"slices"

	"github.com/heddlehq/heddle/workflows/transformation/js"
	"github.com/heddlehq/heddle/workflows/value"
)

const groupArray = "Array"

var arrayTasks = []Task{
	scripted(automatic(groupArray, "arrayConcat", "concat", "Joins two arrays into a new one.",
		params{need("arr", "array", "the array that comes first"), need("arrayN", "array", "the array that follows")},
		params{gives("combinedArray", "array", "the elements of both")}), "Array", "concat"),
	scripted(automatic(groupArray, "arrayIncludes", "includes", "Tells whether an array contains an element.",
		params{need("arr", "array", "the array to search"), may("searchElement", "", "the element to find"), may("fromIndex", "number", "where to begin")},
		params{gives("result", "boolean", "whether it was found")}), "Array", "includes"),
	scripted(automatic(groupArray, "arrayIndexOf", "indexOf", "Finds the first position of an element in an array.",
		params{need("arr", "array", "the array to search"), may("searchElement", "", "the element to find"), may("fromIndex", "number", "where to begin")},
		params{gives("index", "number", "the position, or -1")}), "Array", "indexOf"),
	scripted(automatic(groupArray, "arrayLastIndexOf", "lastIndexOf", "Finds the last position of an element in an array.",
		params{need("arr", "array", "the array to search"), may("searchElement", "", "the element to find"), may("fromIndex", "number", "where to begin, going backwards")},
		params{gives("index", "number", "the position, or -1")}), "Array", "lastIndexOf"),
	function(automatic(groupArray, "arrayLength", "length", "Counts the elements of an array.",
		params{need("arr", "array", "the array to count")},
		params{gives("length", "number", "the number of elements")}),
		func(in value.Value) (value.Value, error) { return value.Int(int64(in.Get("arr").Len())), nil }),
	function(automatic(groupArray, "arrayPop", "pop", "Removes the last element of a copy of an array.",
		params{need("arr", "array", "the array to shorten")},
		params{gives("poppedArray", "array", "the array without its last element")}),
		func(in value.Value) (value.Value, error) {
			list := in.Get("arr").Slice()
			return value.Array(list[:max(len(list)-1, 0)]...), nil
		}),
	function(automatic(groupArray, "arrayPush", "push", "Adds an element to the end of a copy of an array.",
		params{need("arr", "array", "the array to extend"), may("elementN", "", "the element to add")},
		params{gives("pushedArray", "array", "the array with the element")}),
		func(in value.Value) (value.Value, error) { return in.Get("arr").Append(in.Get("elementN")), nil }),
	function(automatic(groupArray, "arrayShift", "shift", "Removes the first element of a copy of an array.",
		params{need("arr", "array", "the array to shorten")},
		params{gives("shiftedArray", "array", "the array without its first element")}),
		func(in value.Value) (value.Value, error) {
			list := in.Get("arr").Slice()
			return value.Array(list[min(1, len(list)):]...), nil
		}),
	scripted(automatic(groupArray, "arraySlice", "slice", "Copies a section of an array.",
		params{need("arr", "array", "the array to copy from"), may("begin", "number", "where the section begins"), may("end", "number", "where it ends; this element is not in it")},
		params{gives("slicedArray", "array", "the section")}), "Array", "slice"),
	function(automatic(groupArray, "arrayToLocaleString", "toLocaleString", "Writes the elements of an array as text for people.",
		params{need("arr", "array", "the array to write")},
		params{gives("arrayString", "string", "the elements, separated by commas")}), arrayText("toLocaleString")),
	function(automatic(groupArray, "arrayToString", "toString", "Writes the elements of an array as text.",
		params{need("arr", "array", "the array to write")},
		params{gives("arrayString", "string", "the elements, separated by commas; null for an empty array")}), arrayText("toString")),
	scripted(automatic(groupArray, "concatArray", "concatArray", "Joins two arrays into a new one.",
		params{need("arr", "array", "the array that comes first"), need("arrayN", "array", "the array that follows")},
		params{gives("combinedArray", "array", "the elements of both")}), "Array", "concat"),
	scripted(automatic(groupArray, "copyWithin", "copyWithin", "Copies a section of an array over another part of it.",
		params{need("arr", "array", "the array to copy"), need("target", "number", "where the section is copied to"), may("start", "number", "where the section begins"), may("end", "number", "where it ends")},
		params{gives("copiedArray", "array", "the array of the same length")}), "Array", "copyWithin"),
	scripted(automatic(groupArray, "fill", "fill", "Sets elements of an array to one value.",
		params{need("arr", "array", "the array to fill"), may("value", "", "what each element becomes"), may("start", "number", "the first to set"), may("end", "number", "where to stop")},
		params{gives("filledArray", "array", "the filled array")}), "Array", "fill"),
	function(automatic(groupArray, "isArray", "isArray", "Tells whether a value is an array.",
		params{may("arr", "", "the value to look at")},
		params{gives("isAnArray", "boolean", "whether it is an array")}),
		func(in value.Value) (value.Value, error) { return value.Bool(in.Get("arr").IsArray()), nil }),
	scripted(automatic(groupArray, "join", "join", "Joins the elements of an array into a text.",
		params{need("arr", "array", "the array to join"), may("separator", "string", "what stands between two elements; a comma unless given")},
		params{gives("joinedElements", "string", "the text")}), "Array", "join"),
	function(automatic(groupArray, "map", "map", "Pairs the elements of one array with those of another.",
		params{need("arr", "array", "the keys"), need("map", "array", "the values")},
		params{gives("result", "object", "an object of the pairs")}), pairArrays),
	scripted(automatic(groupArray, "reverse", "reverse", "Reverses the order of an array.",
		params{need("arr", "array", "the array to reverse")},
		params{gives("reversedArray", "array", "the reversed array")}), "Array", "reverse"),
	function(automatic(groupArray, "sort", "sort", "Sorts an array.",
		params{need("arr", "array", "the array to sort"), may("key", "string", "for an array of objects, the member to sort by"), may("limit", "number", "how many elements to keep"), may("reverse", "boolean", "whether to sort in descending order")},
		params{gives("response", "array", "the sorted array")}), sortArray),
	opened(function(automatic(groupArray, "splice", "splice", "Replaces a section of an array.",
		params{need("arr", "array", "the array to change"), may("start", "number", "where the section begins"), may("deleteCount", "number", "how many elements to remove"), may("elementN", "array", "the elements to put in their place")},
		params{gives("splicedArray", "array", "the changed array")}), spliceArray)),
	scripted(automatic(groupArray, "unshift", "unshift", "Adds an element to the beginning of a copy of an array.",
		params{need("arr", "array", "the array to extend"), may("elementN", "", "the element to add")},
		params{gives("unshiftedArray", "array", "the array with the element")}), "Array", "unshift"),
}

// opened is open for a task.
func opened(t Task) Task {
	t.Method = open(t.Method)
	return t
}

// arrayText writes an array as text; an empty one gives null, as the original does.
func arrayText(method string) func(in value.Value) (value.Value, error) {
	return func(in value.Value) (value.Value, error) {
		if in.Get("arr").Len() == 0 {
			return value.Null, nil
		}
		return script(func(m *js.Machine) js.Value { return m.Call("Array", method, js.FromValue(in.Get("arr"))) })
	}
}

func pairArrays(in value.Value) (value.Value, error) {
	keys, values := in.Get("arr"), in.Get("map")
	if keys.Len() != values.Len() {
		return value.Absent, badInput("\"arr\" and \"map\" must be of the same length, not %d and %d", keys.Len(), values.Len())
	}
	var out value.Members
	for i, k := range keys.Elements() {
		out.Set(text(k), values.At(i))
	}
	return out.Value(), nil
}

func sortArray(in value.Value) (value.Value, error) {
	list, key := in.Get("arr").Slice(), in.Get("key").Text()
	by := func(v value.Value) value.Value {
		if key == "" {
			return v
		}
		return v.Get(key)
	}
	slices.SortStableFunc(list, func(a, b value.Value) int { return compareForSort(by(a), by(b)) })
	if in.Get("reverse").Truth() {
		slices.Reverse(list)
	}
	if limit := in.Get("limit"); limit.IsNumber() {
		n, err := whole(in, "limit", 0, 1<<31)
		if err != nil {
			return value.Absent, err
		}
		list = list[:min(int(n), len(list))]
	}
	return value.Array(list...), nil
}

// compareForSort puts numbers before texts, each in their own order, and what is not there last.
func compareForSort(a, b value.Value) int {
	switch {
	case a.IsNothing() || b.IsNothing():
		return boolInt(a.IsNothing()) - boolInt(b.IsNothing())
	case a.IsNumber() && b.IsNumber():
		return value.Compare(a, b)
	case a.IsNumber() || b.IsNumber():
		return boolInt(b.IsNumber()) - boolInt(a.IsNumber())
	}
	return compareText(text(a), text(b))
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func spliceArray(in value.Value) (value.Value, error) {
	args := []js.Value{js.FromValue(in.Get("arr"))}
	if start := in.Get("start"); start.IsNumber() {
		args = append(args, start.Float())
		count := in.Get("deleteCount")
		extra := in.Get("elementN")
		if count.IsNumber() || extra.Len() > 0 {
			args = append(args, count.Float())
		}
		for _, e := range extra.Elements() {
			args = append(args, js.FromValue(e))
		}
	}
	return script(func(m *js.Machine) js.Value { return m.Call("Array", "toSpliced", args...) })
}
