package payload

import (
	"strings"

	"github.com/heddlehq/heddle/workflows/value"
)

// A long array is kept in parts, so that one which grows is not written anew with each element:
// {"$payload":"<hash>","bytes":n,"parts":true} refers to the text of an array of arrays, most of
// them references, which put together are the value. The first parts are short and later ones
// longer, in proportion to what is before them; where they end depends on nothing behind.

// inParts marks the hash of such a text where hashes are names of values.
const inParts = "+"

// parts keeps an array that was folded within in parts.
func (f *Folder) parts(whole, folded value.Value) value.Value {
	var list []value.Value
	first, before := 0, 0
	text := []byte{'['}
	for i, e := range folded.Elements() {
		if i > first {
			text = append(text, ',')
		}
		text = e.AppendJSON(text)
		if len(text) < max(f.above/4, before/8) {
			continue
		}
		before += len(text)
		text = append(text, ']')
		list = append(list, f.put(func() value.Value { return value.Array(whole.Slice()[first : i+1]...) }, text, ""))
		first, text = i+1, []byte{'['}
	}
	if first < folded.Len() {
		list = append(list, value.Array(folded.Slice()[first:]...))
	}
	return f.put(func() value.Value { return whole }, value.Array(list...).AppendJSON(nil), inParts)
}

// together undoes parts.
func together(parts value.Value) value.Value {
	var out []value.Value
	for _, p := range parts.Elements() {
		out = append(out, p.Slice()...)
	}
	return value.Array(out...)
}

// split tells a name into the hash of a text and whether it holds a value in parts.
func split(name string) (hash string, parts bool) { return strings.CutSuffix(name, inParts) }
