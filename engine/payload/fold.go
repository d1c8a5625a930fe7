package payload

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/heddlehq/heddle/workflows/value"
)

// Folder folds the values of one job. It remembers which ones it has folded, so that to write
// a large value again costs no more than its reference. What it folded exists for others
// only after Save. It is not safe for concurrent use.
type Folder struct {
	p      *Payloads
	family string
	above  int
	// What was folded in this turn and in the one before.
	now, before map[value.Identity]value.Value
	bytes       int             // of the texts that these are short for
	kept        map[string]bool // hashes of texts saved or to be saved
	fresh       []fresh
	err         error
}

// fresh is a payload to be saved.
type fresh struct {
	Text
	name  string
	whole value.Value
}

// Folder returns a folder for a job of the family.
func (p *Payloads) Folder(family string) *Folder {
	return &Folder{p: p, family: family, above: p.Above, now: map[value.Identity]value.Value{}, kept: map[string]bool{}}
}

// Turn lets go of what has not been folded since the turn before.
func (f *Folder) Turn() {
	f.bytes = 0
	if len(f.now) == 0 {
		f.before = nil
		return
	}
	f.before, f.now = f.now, make(map[value.Identity]value.Value, len(f.now))
}

// least is how short the values are at most that are left in place for good.
const least = 1 << 10

// Tighten makes shorter values count as large from now on. It tells whether that can make
// a difference.
func (f *Folder) Tighten() bool {
	if f.above <= least {
		return false
	}
	f.above = max(f.above/8, least)
	return true
}

// Append appends the text of the folded value to dst.
func (f *Folder) Append(dst []byte, v value.Value) []byte {
	if !v.Exceeds(f.above) {
		start := len(dst)
		dst = v.AppendJSON(dst)
		if !bytes.Contains(dst[start:], []byte(mark)) {
			return dst
		}
		dst = dst[:start]
	}
	return f.Fold(v).AppendJSON(dst)
}

// Fold returns the value with references in place of what is large.
func (f *Folder) Fold(v value.Value) value.Value {
	switch v.Kind() {
	case value.KindArray, value.KindObject:
		if text := v.Known(); text != "" && len(text) <= f.above && !strings.Contains(text, mark) {
			return v
		}
	case value.KindString, value.KindNumber:
		if !v.Exceeds(f.above) {
			return v
		}
	default:
		return v
	}
	large := v.Exceeds(f.above)
	if large {
		if out, ok := f.recall(v); ok {
			return out
		}
	}
	out, _ := each(v, func(e value.Value) (value.Value, error) { return f.Fold(e), nil }) // f does not fail
	changed := out.Identity() != v.Identity()
	switch {
	case v.Has(Key):
		out = f.keep(v, out)
	case !(large || changed) || !out.Exceeds(f.above):
	case v.IsArray() && v.Len() > 1 && !v.Exceeds(f.p.MaxValue):
		out = f.parts(v, out)
	default:
		out = f.keep(v, out)
	}
	if large && out.Identity() != v.Identity() {
		f.remember(v.Identity(), out)
	}
	return out
}

// recall finds what a value was folded to before.
func (f *Folder) recall(v value.Value) (value.Value, bool) {
	id := v.Identity()
	if out, ok := f.now[id]; ok {
		return out, true
	}
	out, ok := f.before[id]
	if !ok {
		var name string
		var size int
		if name, size, ok = f.p.cache.hash(f.family, id); ok {
			hash, _ := split(name)
			f.kept[hash] = true
			out = refer(name, size)
		}
	}
	if ok {
		f.remember(id, out)
	}
	return out, ok
}

// keep makes a payload of a value that was folded within.
func (f *Folder) keep(whole, folded value.Value) value.Value {
	return f.put(func() value.Value { return whole }, folded.AppendJSON(nil), "")
}

// put makes a payload of a text; how tells what the text is to the value.
func (f *Folder) put(whole func() value.Value, text []byte, how string) value.Value {
	if len(text) > f.p.MaxValue && f.err == nil {
		f.err = &LimitError{fmt.Sprintf("a value has %d bytes of JSON, a value may have %d", len(text), f.p.MaxValue)}
	}
	hash := hashOf(text)
	if !f.kept[hash] {
		f.kept[hash] = true
		f.fresh = append(f.fresh, fresh{Text{hash, text}, hash + how, whole()})
	}
	return refer(hash+how, len(text))
}

// Bytes tells about how much memory the values take that were folded in this turn, as the
// length of their texts.
func (f *Folder) Bytes() int { return f.bytes }

// remember notes what a large value was folded to.
func (f *Folder) remember(id value.Identity, out value.Value) {
	f.now[id] = out
	if n, ok := out.Get("bytes").Int(); ok {
		f.bytes += int(n)
	}
}

// Fresh tells whether there is something to save.
func (f *Folder) Fresh() bool { return f.err != nil || len(f.fresh) > 0 }

// Save keeps what was folded since it was called before, beyond the limit of the family if
// that is asked for. After an error the folder must not be used again.
func (f *Folder) Save(ctx context.Context, beyond bool) error {
	if f.err != nil {
		return f.err
	}
	if len(f.fresh) == 0 {
		return nil
	}
	texts := make([]Text, len(f.fresh))
	for i, n := range f.fresh {
		texts[i] = n.Text
	}
	if f.err = f.p.box.Put(ctx, f.family, texts, beyond); f.err != nil {
		return f.err
	}
	for _, n := range f.fresh {
		f.p.cache.add(f.family, n.name, n.whole, len(n.JSON))
	}
	f.fresh = nil
	return nil
}
