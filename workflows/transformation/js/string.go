package js

import (
	"math"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/collate"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

// receiveText converts booleans and numbers as String.prototype's methods do when borrowed;
// other values have no such methods.
func receiveText(m *Machine, v Value, method string) string {
	switch v.(type) {
	case string, bool, float64, Big:
		return m.toString(v)
	}
	refuse(v, method)
	return ""
}

var _ = define("String", fns{
	"fromCharCode": func(m *Machine, a Args) Value {
		u := make([]uint16, m.afford(len(a)))
		for i, v := range a {
			u[i] = uint16(m.toUint32(v))
		}
		return fromUnits(u)
	},
	"fromCodePoint": func(m *Machine, a Args) Value {
		var u []uint16
		for _, v := range a {
			f := m.toNumber(v)
			if f != math.Trunc(f) || f < 0 || f > utf8.MaxRune {
				rangeError("invalid code point %s", sprint(v))
			}
			if r := rune(f); r >= 0xD800 && r < 0xE000 {
				u = append(u, uint16(r))
			} else {
				u = append(u, units(string(r))...)
			}
		}
		return fromUnits(u)
	},
	"length": func(m *Machine, a Args) Value { return m.member(a.at(0), "length") },
	"new String": func(m *Machine, a Args) Value {
		if len(a) == 0 {
			return ""
		}
		return m.toString(a[0])
	},
	"raw": func(m *Machine, a Args) Value {
		parts := m.iterate(m.member(a.at(0), "raw"), true)
		var b strings.Builder
		for i, p := range parts {
			b.WriteString(m.toString(p))
			if i+1 < len(parts) && i+1 < len(a) {
				b.WriteString(m.toString(a[i+1]))
			}
		}
		m.alloc(b.Len())
		return tidy(b.String())
	},
})

var _ = methods("String", receiveText, map[string]func(*Machine, string, Args) Value{
	"at": func(m *Machine, s string, p Args) Value {
		n := textLen(s)
		i := m.toInteger(p.at(0))
		if i < 0 {
			i += float64(n)
		}
		if i < 0 || i >= float64(n) {
			return nil
		}
		return slice(s, int(i), int(i)+1)
	},
	"charAt": func(m *Machine, s string, p Args) Value {
		if i := m.toInteger(p.at(0)); i >= 0 && i < float64(textLen(s)) {
			return slice(s, int(i), int(i)+1)
		}
		return ""
	},
	"charCodeAt": func(m *Machine, s string, p Args) Value {
		if i := m.toInteger(p.at(0)); i >= 0 && i < float64(textLen(s)) {
			return float64(units(s)[int(i)])
		}
		return math.NaN()
	},
	"codePointAt": func(m *Machine, s string, p Args) Value {
		i := m.toInteger(p.at(0))
		if i < 0 || i >= float64(textLen(s)) {
			return nil
		}
		r, _ := decode(fromUnits(units(s)[int(i):]))
		return float64(r)
	},
	"concat": func(m *Machine, s string, p Args) Value {
		for _, v := range p {
			t := m.toString(v)
			m.alloc(len(s) + len(t))
			s = join2(s, t)
		}
		return s
	},
	"endsWith": func(m *Machine, s string, p Args) Value {
		if n := textLen(s); p.at(1) != nil {
			s = slice(s, 0, clamp(m.toNumber(p[1]), n))
		}
		return strings.HasSuffix(s, m.plain(p.at(0)))
	},
	"includes": func(m *Machine, s string, p Args) Value {
		n := textLen(s)
		return strings.Contains(slice(s, clamp(m.toNumber(p.at(1)), n), n), m.plain(p.at(0)))
	},
	"indexOf": func(m *Machine, s string, p Args) Value {
		n := textLen(s)
		from := clamp(m.toNumber(p.at(1)), n)
		i := strings.Index(slice(s, from, n), m.toString(p.at(0)))
		if i < 0 {
			return -1.0
		}
		return float64(from + textLen(slice(s, from, n)[:i]))
	},
	"isWellFormed": func(_ *Machine, s string, _ Args) Value { return utf8.ValidString(s) },
	"lastIndexOf": func(m *Machine, s string, p Args) Value {
		find := m.toString(p.at(0))
		n := textLen(s)
		if f := m.toNumber(p.at(1)); f == f {
			s = slice(s, 0, min(clamp(f, n)+textLen(find), n))
		}
		i := strings.LastIndex(s, find)
		if i < 0 {
			return -1.0
		}
		return float64(textLen(s[:i]))
	},
	"localeCompare": func(m *Machine, s string, p Args) Value {
		m.work(len(s)/8 + 8)
		return float64(collate.New(language.Und).CompareString(norm.NFC.String(s), norm.NFC.String(m.toString(p.at(0)))))
	},
	"match":    stringMatch,
	"matchAll": stringMatchAll,
	"normalize": func(m *Machine, s string, p Args) Value {
		form := "NFC"
		if p.at(0) != nil {
			form = m.toString(p[0])
		}
		forms := map[string]norm.Form{"NFC": norm.NFC, "NFD": norm.NFD, "NFKC": norm.NFKC, "NFKD": norm.NFKD}
		f, ok := forms[form]
		if !ok {
			rangeError("the normalization form should be one of NFC, NFD, NFKC, NFKD")
		}
		m.alloc(4 * len(s))
		return f.String(s)
	},
	"padEnd":     func(m *Machine, s string, p Args) Value { return s + m.padding(s, p) },
	"padStart":   func(m *Machine, s string, p Args) Value { return m.padding(s, p) + s },
	"repeat":     stringRepeat,
	"replace":    func(m *Machine, s string, p Args) Value { return m.replace(s, p, false) },
	"replaceAll": func(m *Machine, s string, p Args) Value { return m.replace(s, p, true) },
	"search": func(m *Machine, s string, p Args) Value {
		if caps := m.exec(m.pattern(p.at(0), ""), units(s), 0); caps != nil {
			return float64(caps[0])
		}
		return -1.0
	},
	"slice": func(m *Machine, s string, p Args) Value {
		n := textLen(s)
		return slice(s, m.index(p.at(0), n, 0), m.index(p.at(1), n, n))
	},
	"split": split,
	"startsWith": func(m *Machine, s string, p Args) Value {
		n := textLen(s)
		return strings.HasPrefix(slice(s, clamp(m.toNumber(p.at(1)), n), n), m.plain(p.at(0)))
	},
	"substr": func(m *Machine, s string, p Args) Value {
		n := textLen(s)
		from := m.index(p.at(0), n, 0)
		count := n - from
		if p.at(1) != nil {
			count = clamp(m.toNumber(p[1]), count)
		}
		return slice(s, from, from+count)
	},
	"substring": func(m *Machine, s string, p Args) Value {
		n := textLen(s)
		from, to := clamp(m.toNumber(p.at(0)), n), n
		if p.at(1) != nil {
			to = clamp(m.toNumber(p[1]), n)
		}
		return slice(s, min(from, to), max(from, to))
	},
	"toLocaleLowerCase": lower,
	"toLocaleUpperCase": upper,
	"toLowerCase":       lower,
	"toString":          func(_ *Machine, s string, _ Args) Value { return s },
	"toUpperCase":       upper,
	"toWellFormed":      func(_ *Machine, s string, _ Args) Value { return wellFormed(s) },
	"trim":              func(_ *Machine, s string, _ Args) Value { return strings.Trim(s, space) },
	"trimEnd":           func(_ *Machine, s string, _ Args) Value { return strings.TrimRight(s, space) },
	"trimLeft":          func(_ *Machine, s string, _ Args) Value { return strings.TrimLeft(s, space) },
	"trimRight":         func(_ *Machine, s string, _ Args) Value { return strings.TrimRight(s, space) },
	"trimStart":         func(_ *Machine, s string, _ Args) Value { return strings.TrimLeft(s, space) },
	"valueOf":           func(_ *Machine, s string, _ Args) Value { return s },
})

// plain is a search argument, which may not be a regular expression.
func (m *Machine) plain(v Value) string {
	if _, ok := v.(*RegExp); ok {
		typeError("the first argument must not be a regular expression")
	}
	return m.toString(v)
}

func (m *Machine) padding(s string, p Args) string {
	fill := " "
	if p.at(1) != nil {
		fill = m.toString(p[1])
	}
	missing := m.toInteger(p.at(0)) - float64(textLen(s))
	if missing <= 0 || fill == "" {
		return ""
	}
	m.alloc(int(min(3*missing, 1<<40)))
	n := textLen(fill)
	return slice(strings.Repeat(fill, int(missing)/n+1), 0, int(missing))
}

func stringRepeat(m *Machine, s string, p Args) Value {
	n := m.toInteger(p.at(0))
	if n < 0 || math.IsInf(n, 0) {
		rangeError("invalid count %s", sprint(p.at(0)))
	}
	if s == "" {
		return s
	}
	m.alloc(int(min(n*float64(len(s)), 1<<40)))
	return tidy(strings.Repeat(s, int(n)))
}

func lower(m *Machine, s string, _ Args) Value {
	m.alloc(len(s))
	if isASCII(s) {
		return strings.ToLower(s)
	}
	return cases.Lower(language.Und).String(s)
}

func upper(m *Machine, s string, _ Args) Value {
	m.alloc(len(s))
	if isASCII(s) {
		return strings.ToUpper(s)
	}
	return cases.Upper(language.Und).String(s)
}

func wellFormed(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, size := decode(s)
		b.WriteRune(r) // a surrogate is written as U+FFFD
		s = s[size:]
	}
	return b.String()
}

// Template fills the placeholders ${name} of a template literal: each distinct name takes
// the next argument, in order of first appearance.
type Template struct {
	parts []string // literal text, placeholder, literal text …
	args  []int    // the argument of each placeholder
	Names []string // the distinct placeholders
}

// ParseTemplate splits a template. A placeholder ends at the first closing brace.
func ParseTemplate(text string) *Template {
	t := &Template{}
	for {
		from := strings.Index(text, "${")
		if from < 0 {
			break
		}
		to := strings.IndexByte(text[from:], '}')
		if to < 0 {
			break
		}
		name := strings.TrimSpace(text[from+2 : from+to])
		i := 0
		for i < len(t.Names) && t.Names[i] != name {
			i++
		}
		if i == len(t.Names) {
			t.Names = append(t.Names, name)
		}
		t.parts = append(t.parts, text[:from])
		t.args = append(t.args, i)
		text = text[from+to+1:]
	}
	t.parts = append(t.parts, text)
	return t
}

// Fill writes the text with args in place of the placeholders.
func (m *Machine) Fill(t *Template, args Args) Value {
	m.work(1)
	var b strings.Builder
	for i, p := range t.parts {
		b.WriteString(p)
		if i < len(t.args) {
			s := m.toString(args.at(t.args[i]))
			m.alloc(len(s))
			b.WriteString(s)
		}
	}
	m.alloc(b.Len())
	return tidy(b.String())
}
