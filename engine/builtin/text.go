package builtin

import (
	"regexp"
	"strings"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/transformation/js"
	"github.com/heddlehq/heddle/workflows/value"
)

const (
	groupString = "String"
	groupNumber = "Number"
)

// textTask is a method of JavaScript's String: its first parameter is the text, "str".
func textTask(name, method, summary string, more params, out workflows.Param) Task {
	in := append(params{need("str", "string", "the text")}, more...)
	return scripted(automatic(groupString, name, method, summary, in, params{out}), "String", method)
}

var textTasks = []Task{
	textTask("charAt", "charAt", "Gives the character at a position.",
		params{may("index", "number", "the position")}, gives("character", "string", "the character")),
	textTask("charCodeAt", "charCodeAt", "Gives the UTF-16 code at a position.",
		params{may("index", "number", "the position")}, gives("code", "number", "the code; null where the text has ended")),
	textTask("codePointAt", "codePointAt", "Gives the Unicode code point at a position.",
		params{may("pos", "number", "the position")}, gives("codePointValue", "number", "the code point")),
	textTask("endsWith", "endsWith", "Tells whether a text ends with another.",
		params{need("searchString", "string", "the text to find"), may("length", "number", "how much of the text to look at")},
		gives("result", "boolean", "whether it does")),
	textTask("includes", "includes", "Tells whether a text contains another.",
		params{need("searchString", "string", "the text to find"), may("position", "number", "where to begin")},
		gives("result", "boolean", "whether it does")),
	textTask("indexOf", "indexOf", "Finds the first position of a text in another.",
		params{need("searchValue", "string", "the text to find"), may("fromIndex", "number", "where to begin")},
		gives("index", "number", "the position, or -1")),
	textTask("lastIndexOf", "lastIndexOf", "Finds the last position of a text in another.",
		params{need("searchValue", "string", "the text to find"), may("fromIndex", "number", "where to begin, going backwards")},
		gives("index", "number", "the position, or -1")),
	scripted(automatic(groupString, "localeCompare", "localeCompare", "Compares two texts as people sort them.",
		params{
			need("referenceStr", "string", "the text to compare"), need("compareString", "string", "the text to compare it with"),
			may("locales", "", "a language tag, or an array of them"), may("options", "object", "how to compare"),
		},
		params{gives("compareResult", "number", "-1, 0 or 1")}), "String", "localeCompare"),
	function(automatic(groupString, "match", "match", "Finds what a regular expression matches.",
		params{need("str", "string", "the text to search"), need("regExp", "string", "the regular expression"), may("flags", "string", "its flags")},
		params{gives("matches", "array", "the matches, or null")}), matchText),
	textTask("normalize", "normalize", "Brings a text into a Unicode normal form.",
		params{oneOf(may("form", "string", "the form; NFC unless given"), "NFC", "NFD", "NFKC", "NFKD", "")},
		gives("normalizedString", "string", "the normalized text")),
	function(automatic(groupNumber, "numberToString", "toString", "Writes a number as text.",
		params{need("num", "number", "the number"), may("radix", "number", "the base, from 2 to 36")},
		params{gives("numToString", "string", "the text")}), numberText),
	textTask("padEnd", "padEnd", "Fills a text up at its end.",
		params{may("targetLength", "number", "the length to reach"), may("padString", "string", "what to fill with")},
		gives("paddedString", "string", "the filled text")),
	textTask("padStart", "padStart", "Fills a text up at its beginning.",
		params{may("targetLength", "number", "the length to reach"), may("padString", "string", "what to fill with")},
		gives("paddedString", "string", "the filled text")),
	scripted(automatic(groupNumber, "parseInt", "parseInt", "Reads the whole number that a text begins with.",
		params{need("str", "string", "the text"), may("radix", "number", "the base, from 2 to 36")},
		params{gives("result", "number", "the number; null when there is none")}), "Number", "parseInt"),
	textTask("repeat", "repeat", "Repeats a text.",
		params{need("count", "number", "how often")}, gives("repeatedString", "string", "the repeated text")),
	textTask("replace", "replace", "Replaces the first occurrence of a text in another.",
		params{need("substr", "string", "the text to find"), need("newSubstr", "string", "what to put in its place")},
		gives("replacedString", "string", "the changed text")),
	function(automatic(groupString, "search", "search", "Finds the position of what a regular expression matches.",
		params{need("str", "string", "the text to search"), need("regexp", "string", "the regular expression")},
		params{gives("index", "number", "the position, or -1")}), searchText),
	textTask("slice", "slice", "Copies a section of a text.",
		params{may("beginIndex", "number", "where the section begins"), may("endIndex", "number", "where it ends")},
		gives("slicedString", "string", "the section")),
	textTask("split", "split", "Splits a text at a separator.",
		params{may("separator", "string", "what stands between two parts"), may("limit", "number", "how many parts to keep")},
		gives("splitArray", "array", "the parts")),
	textTask("startsWith", "startsWith", "Tells whether a text begins with another.",
		params{need("searchString", "string", "the text to find"), may("position", "number", "where to look")},
		gives("result", "boolean", "whether it does")),
	function(automatic(groupString, "stringConcat", "concat", "Joins texts.",
		params{need("str", "string", "the text that comes first"), may("stringN", "", "the text that follows, or an array of texts")},
		params{gives("combinedStrings", "string", "the joined text")}), joinTexts),
	textTask("stringIncludes", "includes", "Tells whether a text contains another.",
		params{need("searchString", "string", "the text to find"), may("position", "number", "where to begin")},
		gives("result", "boolean", "whether it does")),
	textTask("stringIndexOf", "indexOf", "Finds the first position of a text in another.",
		params{need("searchValue", "string", "the text to find"), may("fromIndex", "number", "where to begin")},
		gives("index", "number", "the position, or -1")),
	textTask("stringLastIndexOf", "lastIndexOf", "Finds the last position of a text in another.",
		params{need("searchValue", "string", "the text to find"), may("fromIndex", "number", "where to begin, going backwards")},
		gives("index", "number", "the position, or -1")),
	textTask("stringLength", "length", "Counts the UTF-16 units of a text.", nil, gives("length", "number", "the length")),
	textTask("stringSlice", "slice", "Copies a section of a text.",
		params{may("beginIndex", "number", "where the section begins"), may("endIndex", "number", "where it ends")},
		gives("slicedString", "string", "the section")),
	opened(textTask("stringValueOf", "valueOf", "Gives a text.", nil, gives("value", "string", "the text"))),
	textTask("substring", "substring", "Copies the section between two positions of a text.",
		params{may("indexStart", "number", "one end of the section"), may("indexEnd", "number", "the other end")},
		gives("substring", "string", "the section")),
	textTask("toLocaleLowerCase", "toLocaleLowerCase", "Writes a text in lower case.", nil, gives("lowercaseString", "string", "the text in lower case")),
	textTask("toLocaleUpperCase", "toLocaleUpperCase", "Writes a text in upper case.", nil, gives("uppercaseString", "string", "the text in upper case")),
	textTask("toLowerCase", "toLowerCase", "Writes a text in lower case.", nil, gives("lowercaseString", "string", "the text in lower case")),
	textTask("toUpperCase", "toUpperCase", "Writes a text in upper case.", nil, gives("uppercaseString", "string", "the text in upper case")),
	textTask("trim", "trim", "Removes white space from both ends of a text.", nil, gives("noWhitespace", "string", "the trimmed text")),
	textTask("trimEnd", "trimEnd", "Removes white space from the end of a text.", nil, gives("trimmedEnd", "string", "the trimmed text")),
	textTask("trimStart", "trimStart", "Removes white space from the beginning of a text.", nil, gives("trimmedStart", "string", "the trimmed text")),
}

// slashed is a regular expression as JavaScript writes it, between slashes.
var slashed = regexp.MustCompile(`^/(.+)/([a-z]*)$`)

// expression makes a regular expression of a text, with or without slashes around it.
func expressionOf(m *js.Machine, pattern, flags string) js.Value {
	if parts := slashed.FindStringSubmatch(pattern); parts != nil {
		pattern = parts[1]
		for _, f := range parts[2] {
			if !strings.ContainsRune(flags, f) {
				flags += string(f)
			}
		}
	}
	return m.Call("RegExp", "new RegExp", pattern, flags)
}

func matchText(in value.Value) (value.Value, error) {
	return script(func(m *js.Machine) js.Value {
		return m.Call("String", "match", in.Get("str").Text(), expressionOf(m, in.Get("regExp").Text(), in.Get("flags").Text()))
	})
}

func searchText(in value.Value) (value.Value, error) {
	return script(func(m *js.Machine) js.Value {
		return m.Call("String", "search", in.Get("str").Text(), expressionOf(m, in.Get("regexp").Text(), ""))
	})
}

func numberText(in value.Value) (value.Value, error) {
	if radix := in.Get("radix"); !radix.IsAbsent() {
		return script(func(m *js.Machine) js.Value {
			return m.Call("Number", "toString", in.Get("num").Float(), radix.Float())
		})
	}
	return value.String(text(in.Get("num"))), nil
}

func joinTexts(in value.Value) (value.Value, error) {
	args := []js.Value{in.Get("str").Text()}
	more := in.Get("stringN")
	if !more.IsArray() {
		more = value.Array(more)
	}
	for _, e := range more.Elements() {
		args = append(args, text(e))
	}
	return script(func(m *js.Machine) js.Value { return m.Call("String", "concat", args...) })
}
