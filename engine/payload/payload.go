// Package payload lets large values travel and be stored by reference.
//
// A value whose JSON is long is written as {"$payload":"<hash>","bytes":n}, and its text is
// kept once, under the hash, for the family of jobs it belongs to: a root job with all its
// descendants. Folding is putting references into a value, unfolding is undoing it. Large
// values within a large one are folded first, and a long array is kept in parts. Whoever
// computes with values sees whole ones.
//
// A value that itself has a member "$payload" is always folded, and the top of a payload's text
// is never a reference. So a reference can neither be forged nor misread.
package payload

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// Key is the member that makes an object a reference.
const Key = "$payload"

// mark is in the text of every value that a reference or something like one is in.
const mark = `"` + Key + `"`

// Options are limits, in bytes of JSON text.
type Options struct {
	Above     int   // longer values are folded; 128 KiB unless set
	MaxValue  int   // longer values are refused; 64 MiB unless set
	MaxFamily int64 // of all payloads of a family; 1 GiB unless set
	Cache     int   // of the values kept in memory; 64 MiB unless set
}

func (o Options) withDefaults() Options {
	if o.Above <= 0 {
		o.Above = 128 << 10
	}
	if o.MaxValue <= 0 {
		o.MaxValue = 64 << 20
	}
	if o.MaxFamily <= 0 {
		o.MaxFamily = 1 << 30
	}
	if o.Cache <= 0 {
		o.Cache = 64 << 20
	}
	return o
}

// Text is the content of a payload.
type Text struct {
	Hash string // SHA-256 in hexadecimal digits
	JSON []byte
}

// Box keeps texts.
type Box interface {
	// Get returns a text, or an error that wraps ErrMissing when there is none.
	Get(ctx context.Context, family, hash string) ([]byte, error)
	// Put keeps texts durably. Those that are there already cost nothing. It returns a
	// *LimitError when the family would become too large, unless beyond says that it may.
	Put(ctx context.Context, family string, texts []Text, beyond bool) error
}

// ErrMissing: no payload has the hash in the family.
var ErrMissing = errors.New("payload is missing")

// Lost tells whether an error of Unfold is for good: what the references stand for is missing
// or damaged.
func Lost(err error) bool { return errors.Is(err, ErrMissing) || errors.Is(err, store.ErrCorrupt) }

// LimitError refuses a value or a family for its size. It matches [store.ErrInvalid]: writing
// the same again will not help.
type LimitError struct{ Text string }

func (e *LimitError) Error() string { return e.Text }

// Is reports whether target is store.ErrInvalid.
func (e *LimitError) Is(target error) bool { return target == store.ErrInvalid }

// Payloads folds and unfolds values. It is safe for concurrent use.
type Payloads struct {
	Options
	box   Box
	cache *cache
}

// New returns payloads whose texts are kept in a box.
func New(box Box, o Options) *Payloads {
	o = o.withDefaults()
	return &Payloads{Options: o, box: box, cache: newCache(o.Cache)}
}

// Box is where the texts are kept.
func (p *Payloads) Box() Box { return p.box }

// Fold returns the value with references in place of what is large, whose texts are kept when
// it returns.
func (p *Payloads) Fold(ctx context.Context, family string, v value.Value) (value.Value, error) {
	f := p.Folder(family)
	out := f.Fold(v)
	return out, f.Save(ctx, false)
}

// Unfold returns the value with what its references stand for in their place. An error wraps
// ErrMissing when that is nowhere.
func (p *Payloads) Unfold(ctx context.Context, family string, v value.Value) (value.Value, error) {
	if text := v.Known(); text != "" && !strings.Contains(text, mark) {
		return v, nil
	}
	if name, ok := reference(v); ok {
		return p.load(ctx, family, name)
	}
	return p.inner(ctx, family, v)
}

// Holds tells whether a stored form may hold references.
func Holds(stored []byte) bool { return bytes.Contains(stored, []byte(mark)) }

// inner unfolds what is within a value.
func (p *Payloads) inner(ctx context.Context, family string, v value.Value) (value.Value, error) {
	return each(v, func(e value.Value) (value.Value, error) { return p.Unfold(ctx, family, e) })
}

// each returns an array or object with its elements replaced, or itself when all stay.
func each(v value.Value, f func(value.Value) (value.Value, error)) (value.Value, error) {
	var out []value.Value
	for i := range v.Len() {
		e := v.At(i)
		n, err := f(e)
		if err != nil {
			return value.Absent, err
		}
		if out == nil && n.Identity() != e.Identity() {
			out = make([]value.Value, v.Len())
			for k := range i {
				out[k] = v.At(k)
			}
		}
		if out != nil {
			out[i] = n
		}
	}
	switch {
	case out == nil:
		return v, nil
	case v.IsArray():
		return value.Array(out...), nil
	}
	var m value.Members
	for i, key := range v.Keys() {
		m.Set(key, out[i])
	}
	return m.Value(), nil
}

func (p *Payloads) load(ctx context.Context, family, name string) (value.Value, error) {
	if v, ok := p.cache.get(family, name); ok {
		return v, nil
	}
	hash, parts := split(name)
	text, err := p.box.Get(ctx, family, hash)
	if err != nil {
		return value.Absent, fmt.Errorf("payload %s of job %s: %w", hash, family, err)
	}
	if hashOf(text) != hash {
		return value.Absent, fmt.Errorf("payload %s of job %s: %w", hash, family, store.ErrCorrupt)
	}
	v, err := value.ParseLast(text)
	if err != nil {
		return value.Absent, fmt.Errorf("payload %s of job %s: %w: %w", hash, family, store.ErrCorrupt, err)
	}
	// Its top is what it says, whatever it looks like.
	if v, err = p.inner(ctx, family, v); err != nil {
		return value.Absent, err
	}
	if parts {
		v = together(v)
	}
	p.cache.add(family, name, v, len(text))
	return v, nil
}

func hashOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func refer(name string, size int) value.Value {
	hash, parts := split(name)
	out := value.Object(Key, value.String(hash), "bytes", value.Int(int64(size)))
	if parts {
		out = out.With("parts", value.True)
	}
	return out
}

// reference reads what refer wrote.
func reference(v value.Value) (name string, ok bool) {
	if !v.IsObject() {
		return "", false
	}
	hash := v.Get(Key).Text()
	_, sized := v.Get("bytes").Int()
	switch {
	case !sized || !isHash(hash):
		return "", false
	case v.Len() == 2:
		return hash, true
	case v.Len() == 3 && v.Get("parts").Truth():
		return hash + inParts, true
	}
	return "", false
}

func isHash(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == sha256.Size && strings.ToLower(s) == s
}

// Check refuses a text that is not what its hash says, or not one compact JSON text.
func (t Text) Check() error {
	if hashOf(t.JSON) != t.Hash {
		return fmt.Errorf("the text of %d bytes does not have the hash %q", len(t.JSON), t.Hash)
	}
	v, err := value.Parse(t.JSON)
	if err != nil {
		return err
	}
	if !bytes.Equal(v.AppendJSON(nil), t.JSON) {
		return errors.New("the text must be compact JSON")
	}
	return nil
}
