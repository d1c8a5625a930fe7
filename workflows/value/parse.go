package value

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth is how deeply arrays and objects may be nested.
const MaxDepth = 512

// SyntaxError says where a JSON text is wrong and what would be right.
type SyntaxError struct {
	Pointer string // JSON pointer of the innermost value being read
	Line    int    // from 1
	Column  int    // from 1, in bytes
	Reason  string
}

func (e *SyntaxError) Error() string {
	at := e.Pointer
	if at == "" {
		at = "the top level"
	}
	return fmt.Sprintf("line %d, column %d, at %s: %s", e.Line, e.Column, at, e.Reason)
}

// Parse reads one JSON text. It refuses what JSON leaves open and what would make two
// readers disagree: duplicate keys with different values, invalid UTF-8, lone surrogates, numbers that are not
// finite, and nesting beyond MaxDepth. The error is a *SyntaxError.
func Parse(data []byte) (Value, error) { return parse(string(data), true) }

// ParseLast is Parse with JavaScript's rule for duplicate keys (the last one wins) and for
// lone surrogates (they become U+FFFD). It reads what other programs wrote.
func ParseLast(data []byte) (Value, error) { return parse(string(data), false) }

// MustParse is Parse for literals in code; it panics on bad JSON.
func MustParse(text string) Value {
	v, err := parse(text, true)
	if err != nil {
		panic(err)
	}
	return v
}

func parse(text string, strict bool) (Value, error) {
	p := parser{s: text, strict: strict}
	p.s = strings.TrimPrefix(p.s, "\uFEFF")
	v := p.value(0)
	if p.err == nil {
		p.space()
		if p.i < len(p.s) {
			p.fail("end of the text expected after the value, got %s", p.seen())
		}
	}
	if p.err != nil {
		return Absent, p.err
	}
	return v, nil
}

type parser struct {
	s      string
	i      int
	path   []string
	strict bool
	loose  int // how many bytes of white space were passed over
	err    error
}

func (p *parser) fail(format string, args ...any) Value {
	if p.err == nil {
		before := p.s[:min(p.i, len(p.s))]
		var b strings.Builder
		for _, k := range p.path {
			b.WriteByte('/')
			b.WriteString(EscapePointer(clip(k)))
			if b.Len() > 400 {
				b.WriteString("/…")
				break
			}
		}
		p.err = &SyntaxError{
			Pointer: b.String(),
			Line:    1 + strings.Count(before, "\n"),
			Column:  len(before) - strings.LastIndexByte(before, '\n'),
			Reason:  fmt.Sprintf(format, args...),
		}
	}
	return Absent
}

func clip(s string) string {
	if len(s) > 60 {
		return s[:57] + "..."
	}
	return s
}

func (p *parser) seen() string {
	if p.i >= len(p.s) {
		return "the end of the text"
	}
	r, _ := utf8.DecodeRuneInString(p.s[p.i:])
	return strconv.QuoteRune(r)
}

func (p *parser) space() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
			p.loose++
		default:
			return
		}
	}
}

func (p *parser) value(depth int) Value {
	p.space()
	if p.i >= len(p.s) {
		return p.fail("a value expected, got the end of the text")
	}
	switch c := p.s[p.i]; {
	case c == '{' || c == '[':
		if depth >= MaxDepth {
			return p.fail("nested deeper than %d levels", MaxDepth)
		}
		if c == '{' {
			return p.object(depth + 1)
		}
		return p.array(depth + 1)
	case c == '"':
		s, ok := p.str()
		if !ok {
			return Absent
		}
		if s == "" {
			return emptyString
		}
		return Value{&node{kind: KindString, text: s}}
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	case strings.HasPrefix(p.s[p.i:], "null"):
		p.i += 4
		return Null
	case strings.HasPrefix(p.s[p.i:], "true"):
		p.i += 4
		return True
	case strings.HasPrefix(p.s[p.i:], "false"):
		p.i += 5
		return False
	}
	return p.fail("a value expected, got %s", p.seen())
}

func (p *parser) object(depth int) Value {
	start, loose := p.i, p.loose
	p.i++
	var keys []string
	var vals []Value
	var seen map[string]int
	p.space()
	if p.i < len(p.s) && p.s[p.i] == '}' {
		p.i++
		return emptyObject
	}
	for {
		p.space()
		if p.i >= len(p.s) || p.s[p.i] != '"' {
			return p.fail("a key in double quotes expected, got %s", p.seen())
		}
		key, ok := p.str()
		if !ok {
			return Absent
		}
		p.path = append(p.path, key)
		dup := -1
		if seen != nil {
			if i, ok := seen[key]; ok {
				dup = i
			}
		} else {
			dup = slices.Index(keys, key)
		}
		p.space()
		if p.i >= len(p.s) || p.s[p.i] != ':' {
			return p.fail("':' expected after the key, got %s", p.seen())
		}
		p.i++
		v := p.value(depth)
		if p.err != nil {
			return Absent
		}
		if dup >= 0 && p.strict && !Equal(vals[dup], v) {
			return p.fail("duplicate key %q with another value", clip(key))
		}
		p.path = p.path[:len(p.path)-1]
		if dup >= 0 {
			vals[dup] = v
			p.loose++ // the text is no longer the canonical one
		} else {
			if seen != nil {
				seen[key] = len(keys)
			}
			keys = append(keys, key)
			vals = append(vals, v)
			if seen == nil && len(keys) > smallObject {
				seen = make(map[string]int, 4*smallObject)
				for i, k := range keys {
					seen[k] = i
				}
			}
		}
		p.space()
		if p.i < len(p.s) && p.s[p.i] == ',' {
			p.i++
			continue
		}
		if p.i < len(p.s) && p.s[p.i] == '}' {
			p.i++
			break
		}
		return p.fail("',' or '}' expected, got %s", p.seen())
	}
	n := &node{kind: KindObject, keys: keys, elems: vals, index: seen}
	if p.loose == loose {
		n.raw = p.s[start:p.i]
	}
	return Value{n}
}

func (p *parser) array(depth int) Value {
	start, loose := p.i, p.loose
	p.i++
	p.space()
	if p.i < len(p.s) && p.s[p.i] == ']' {
		p.i++
		return emptyArray
	}
	var elems []Value
	for {
		p.path = append(p.path, strconv.Itoa(len(elems)))
		v := p.value(depth)
		if p.err != nil {
			return Absent
		}
		p.path = p.path[:len(p.path)-1]
		elems = append(elems, v)
		p.space()
		if p.i < len(p.s) && p.s[p.i] == ',' {
			p.i++
			continue
		}
		if p.i < len(p.s) && p.s[p.i] == ']' {
			p.i++
			break
		}
		return p.fail("',' or ']' expected, got %s", p.seen())
	}
	n := &node{kind: KindArray, elems: elems}
	if p.loose == loose {
		n.raw = p.s[start:p.i]
	}
	return Value{n}
}

func (p *parser) number() Value {
	start := p.i
	digits := func() bool {
		from := p.i
		for p.i < len(p.s) && p.s[p.i] >= '0' && p.s[p.i] <= '9' {
			p.i++
		}
		return p.i > from
	}
	if p.s[p.i] == '-' {
		p.i++
	}
	zero := p.i < len(p.s) && p.s[p.i] == '0'
	from := p.i
	if !digits() {
		return p.fail("a digit expected, got %s", p.seen())
	}
	if zero && p.i > from+1 {
		return p.fail("a number may not begin with 0")
	}
	if p.i < len(p.s) && p.s[p.i] == '.' {
		p.i++
		if !digits() {
			return p.fail("a digit expected after the point, got %s", p.seen())
		}
	}
	if p.i < len(p.s) && (p.s[p.i] == 'e' || p.s[p.i] == 'E') {
		p.i++
		if p.i < len(p.s) && (p.s[p.i] == '+' || p.s[p.i] == '-') {
			p.i++
		}
		if !digits() {
			return p.fail("a digit expected in the exponent, got %s", p.seen())
		}
	}
	lit := p.s[start:p.i]
	f, err := strconv.ParseFloat(lit, 64)
	if err != nil {
		return p.fail("the number %s is too large", clip(lit))
	}
	return Value{&node{kind: KindNumber, num: f, text: lit}}
}

func (p *parser) str() (string, bool) {
	p.i++
	start := p.i
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == '"':
			s := p.s[start:p.i]
			p.i++
			return s, true
		case c == '\\':
			return p.escaped(start)
		case c < ' ':
			p.fail("a control character must be escaped in a string")
			return "", false
		case c < utf8.RuneSelf:
			p.i++
		default:
			if !p.rune() {
				return "", false
			}
		}
	}
	p.fail("the string does not end")
	return "", false
}

func (p *parser) rune() bool {
	r, size := utf8.DecodeRuneInString(p.s[p.i:])
	if r == utf8.RuneError && size == 1 {
		p.fail("invalid UTF-8")
		return false
	}
	p.i += size
	return true
}

func (p *parser) escaped(start int) (string, bool) {
	b := []byte(p.s[start:p.i])
	p.loose++ // an escape may have a shorter spelling: encode anew
	for p.i < len(p.s) {
		c := p.s[p.i]
		switch {
		case c == '"':
			p.i++
			return string(b), true
		case c < ' ':
			p.fail("a control character must be escaped in a string")
			return "", false
		case c >= utf8.RuneSelf:
			from := p.i
			if !p.rune() {
				return "", false
			}
			b = append(b, p.s[from:p.i]...)
		case c != '\\':
			b = append(b, c)
			p.i++
		default:
			p.i++
			if p.i >= len(p.s) {
				continue
			}
			c = p.s[p.i]
			p.i++
			switch c {
			case '"', '\\', '/':
				b = append(b, c)
			case 'b':
				b = append(b, '\b')
			case 'f':
				b = append(b, '\f')
			case 'n':
				b = append(b, '\n')
			case 'r':
				b = append(b, '\r')
			case 't':
				b = append(b, '\t')
			case 'u':
				r, ok := p.unicode()
				if !ok {
					return "", false
				}
				b = utf8.AppendRune(b, r)
			default:
				p.fail("unknown escape \\%c", c)
				return "", false
			}
		}
	}
	p.fail("the string does not end")
	return "", false
}

func (p *parser) unicode() (rune, bool) {
	r, ok := p.hex4()
	if !ok {
		p.fail("four hexadecimal digits expected after \\u")
		return 0, false
	}
	if !utf16.IsSurrogate(r) {
		return r, true
	}
	if strings.HasPrefix(p.s[p.i:], `\u`) {
		at := p.i
		p.i += 2
		if low, ok := p.hex4(); ok {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return pair, true
			}
		}
		p.i = at
	}
	if p.strict {
		p.fail("a lone surrogate \\u%04x is no character", r)
		return 0, false
	}
	return utf8.RuneError, true
}

func (p *parser) hex4() (rune, bool) {
	if p.i+4 > len(p.s) {
		return 0, false
	}
	n, err := strconv.ParseUint(p.s[p.i:p.i+4], 16, 32)
	if err != nil || strings.ContainsAny(p.s[p.i:p.i+4], "+-_") {
		return 0, false
	}
	p.i += 4
	return rune(n), true
}
