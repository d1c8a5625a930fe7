package mongostore

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/heddlehq/heddle/engine/store"
)

// maxPattern bounds a regular expression; the server takes little more.
const maxPattern = 32_000

// filter returns the query that holds exactly for the documents a plain
// filter holds for. Every operator in it is written here; what comes from
// outside stands only where the server expects a value.
func (t *table) filter(f store.Filter) (bson.D, error) {
	switch f := f.(type) {
	case store.And:
		return t.join("$and", f, bson.D{})
	case store.Or:
		return t.join("$or", f, never)
	case store.Not:
		return t.negate(f.Filter)
	case store.Compare:
		return t.compare(f)
	}
	return bson.D{}, nil
}

// never holds for no document.
var never = bson.D{{Key: store.ID, Value: bson.D{{Key: "$in", Value: bson.A{}}}}}

func (t *table) join(op string, fs []store.Filter, none bson.D) (bson.D, error) {
	parts := make(bson.A, len(fs))
	for i, f := range fs {
		d, err := t.filter(f)
		if err != nil {
			return nil, err
		}
		parts[i] = d
	}
	switch len(parts) {
	case 0:
		return none, nil
	case 1:
		return parts[0].(bson.D), nil
	}
	return bson.D{{Key: op, Value: parts}}, nil
}

// negate spends no level of nesting where it need not: the server bounds how
// deep a query may be.
func (t *table) negate(f store.Filter) (bson.D, error) {
	switch f := f.(type) {
	case nil:
		return never, nil
	case store.Not:
		if f.Filter == nil {
			return bson.D{}, nil
		}
		return t.filter(f.Filter)
	case store.Compare:
		if f.Op == store.Exists {
			return on(f.Field, "$exists", false), nil
		}
	}
	d, err := t.filter(f)
	return bson.D{{Key: "$nor", Value: bson.A{d}}}, err
}

func on(field, op string, value any) bson.D {
	return bson.D{{Key: member(field), Value: bson.D{{Key: op, Value: value}}}}
}

var operators = map[store.Op]string{
	store.Eq: "$eq", store.Gt: "$gt", store.Gte: "$gte", store.In: "$in", store.Lt: "$lt", store.Lte: "$lte",
}

func (t *table) compare(p store.Compare) (bson.D, error) {
	if p.Op == store.Exists {
		return on(p.Field, "$exists", true), nil
	}
	if op, ok := operators[p.Op]; ok {
		v := p.Value
		if list, ok := v.([]any); ok {
			v = bson.A(list)
		}
		return on(p.Field, op, v), nil
	}
	text := p.Value.(string)
	switch {
	case text == "":
		return on(p.Field, "$exists", true), nil
	case p.Op == store.StartsWith:
		return prefix(p.Field, text), nil
	case p.Op == store.EndsWith:
		return t.match(p, quote(text, false)+`\z`)
	}
	return t.match(p, quote(text, true))
}

func (t *table) match(p store.Compare, pattern string) (bson.D, error) {
	if len(pattern) > maxPattern {
		return nil, &store.FieldError{Collection: t.Name, Field: p.Field, Problem: fmt.Sprintf("takes a shorter text for %q, not one of %d bytes", p.Op, len(p.Value.(string)))}
	}
	return bson.D{{Key: member(p.Field), Value: bson.Regex{Pattern: pattern}}}, nil
}

// prefix holds from the text up to the first text of its length behind all
// that begin with it. Bytes order texts as their characters do.
func prefix(field, text string) bson.D {
	within := bson.D{{Key: "$gte", Value: text}}
	for rest := text; rest != ""; {
		last, size := utf8.DecodeLastRuneInString(rest)
		rest = rest[:len(rest)-size]
		if last < unicode.MaxRune {
			last++
			if 0xd800 <= last && last <= 0xdfff { // no characters
				last = 0xe000
			}
			within = append(within, bson.E{Key: "$lt", Value: rest + string(last)})
			break
		}
	}
	return bson.D{{Key: member(field), Value: within}}
}

// quote returns a regular expression for exactly the text or, folded, for
// every text that [store.Fold] maps to it, which the expression spells out:
// engines differ in what they ignore when told to ignore case.
func quote(text string, folded bool) string {
	var b strings.Builder
	for _, r := range text {
		other := unicode.SimpleFold(r)
		if !folded || other == r {
			character(&b, r)
			continue
		}
		b.WriteByte('[')
		character(&b, r)
		for ; other != r; other = unicode.SimpleFold(other) {
			character(&b, other)
		}
		b.WriteByte(']')
	}
	return b.String()
}

func character(b *strings.Builder, r rune) {
	switch {
	case r < ' ' || r == 0x7f:
		fmt.Fprintf(b, `\x%02x`, r)
	case r >= utf8.RuneSelf || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z':
		b.WriteRune(r)
	default:
		b.WriteByte('\\')
		b.WriteRune(r)
	}
}
