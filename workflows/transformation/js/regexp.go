package js

import (
	"slices"
	"strings"

	"github.com/heddlehq/heddle/workflows/transformation/regex"
)

// receiveRegExp takes the text of a pattern for the expression.
func receiveRegExp(m *Machine, v Value, method string) *regex.Regexp {
	switch x := v.(type) {
	case *RegExp:
		return x.re
	case string:
		return m.compile(x, "")
	}
	refuse(v, method)
	return nil
}

var _ = define("RegExp", fns{
	"new RegExp": func(m *Machine, a Args) Value {
		flags := ""
		if a.at(1) != nil {
			flags = m.toString(a[1])
		}
		switch x := a.at(0).(type) {
		case *RegExp:
			if a.at(1) == nil {
				return x
			}
			return &RegExp{m.compile(x.re.Source, flags)}
		case nil:
			return &RegExp{m.compile("(?:)", flags)}
		}
		return &RegExp{m.compile(m.toString(a[0]), flags)}
	},
})

// regExpProperty lists the methods that are properties in JavaScript.
var regExpProperty = map[string]bool{"dotAll": true, "flags": true, "global": true, "hasIndices": true, "ignoreCase": true,
	"lastIndex": true, "multiline": true, "source": true, "sticky": true, "unicode": true}

// An expression never changes, so lastIndex is always 0 and exec finds the first match.
var _ = methods("RegExp", receiveRegExp, map[string]func(*Machine, *regex.Regexp, Args) Value{
	"dotAll": func(_ *Machine, re *regex.Regexp, _ Args) Value { return re.DotAll },
	"exec": func(m *Machine, re *regex.Regexp, p Args) Value {
		s := m.toString(p.at(0))
		text := units(s)
		caps := m.exec(re, text, 0)
		if caps == nil {
			return Null
		}
		return m.matched(re, s, text, caps)
	},
	"flags":      func(_ *Machine, re *regex.Regexp, _ Args) Value { return re.Flags },
	"global":     func(_ *Machine, re *regex.Regexp, _ Args) Value { return re.Global },
	"hasIndices": func(_ *Machine, re *regex.Regexp, _ Args) Value { return re.Indices },
	"ignoreCase": func(_ *Machine, re *regex.Regexp, _ Args) Value { return re.IgnoreCase },
	"lastIndex":  func(*Machine, *regex.Regexp, Args) Value { return 0.0 },
	"multiline":  func(_ *Machine, re *regex.Regexp, _ Args) Value { return re.Multiline },
	"source":     func(_ *Machine, re *regex.Regexp, _ Args) Value { return source(re) },
	"sticky":     func(_ *Machine, re *regex.Regexp, _ Args) Value { return re.Sticky },
	"test": func(m *Machine, re *regex.Regexp, p Args) Value {
		return m.exec(re, units(m.toString(p.at(0))), 0) != nil
	},
	"toString": func(_ *Machine, re *regex.Regexp, _ Args) Value { return (&RegExp{re}).text() },
	"unicode":  func(_ *Machine, re *regex.Regexp, _ Args) Value { return re.Unicode },
})

func (r *RegExp) text() string { return "/" + source(r.re) + "/" + r.re.Flags }

// source is the pattern as it would be written between slashes.
func source(re *regex.Regexp) string {
	var b strings.Builder
	escaped, class := false, false
	for _, c := range re.Source {
		switch {
		case escaped:
		case c == '[':
			class = true
		case c == ']':
			class = false
		case c == '/' && !class, c == '\n':
			b.WriteByte('\\')
		}
		if escaped = c == '\\' && !escaped; c == '\n' {
			c = 'n'
		}
		b.WriteRune(c)
	}
	return b.String()
}

func (m *Machine) compile(pattern, flags string) *regex.Regexp {
	key := flags + "/" + pattern
	if re := m.patterns[key]; re != nil {
		return re
	}
	m.work(1 + len(pattern)/4)
	re, err := regex.Compile(pattern, flags)
	if err != nil {
		Throw("SyntaxError", "%s", err)
	}
	if m.patterns == nil {
		m.patterns = map[string]*regex.Regexp{}
	}
	if len(m.patterns) < 100 {
		m.patterns[key] = re
	}
	return re
}

// pattern is an argument that may be an expression or the text of one.
func (m *Machine) pattern(v Value, flags string) *regex.Regexp {
	switch x := v.(type) {
	case *RegExp:
		return x.re
	case nil:
		return m.compile("(?:)", flags)
	}
	return m.compile(m.toString(v), flags)
}

const matchStepsPerStep = 16

func (m *Machine) exec(re *regex.Regexp, text []uint16, from int) []int {
	budget := (m.limits.Steps - m.steps) * matchStepsPerStep
	before := budget
	caps, err := re.Match(text, from, &budget)
	m.work((before-budget)/matchStepsPerStep + 1)
	if err != nil {
		m.exceed("%s", err)
	}
	return caps
}

// execAll gives all matches from the start.
func (m *Machine) execAll(re *regex.Regexp, text []uint16) [][]int {
	var all [][]int
	for from := 0; from <= len(text); {
		caps := m.exec(re, text, from)
		if caps == nil {
			break
		}
		m.spend(len(caps))
		all = append(all, caps)
		if from = caps[1]; caps[0] == caps[1] {
			from++
			if re.Unicode && from < len(text) && text[from]&0xFC00 == 0xDC00 && text[from-1]&0xFC00 == 0xD800 {
				from++
			}
		}
	}
	return all
}

// cut is a part of s, whose units text is; of ASCII, which has as many units as bytes, it
// needs no copy.
func cut(s string, text []uint16, from, to int) string {
	if len(s) == len(text) {
		return s[from:to]
	}
	return fromUnits(text[from:to])
}

func capture(s string, text []uint16, caps []int, group int) Value {
	if 2*group+1 >= len(caps) || caps[2*group] < 0 || caps[2*group+1] < 0 {
		return nil
	}
	return cut(s, text, caps[2*group], caps[2*group+1])
}

// matched is the array that exec gives, with index, input and groups.
func (m *Machine) matched(re *regex.Regexp, s string, text []uint16, caps []int) *Array {
	out := newArray(make([]Value, re.Groups+1))
	var groups Value
	for i := range out.elems {
		out.elems[i] = capture(s, text, caps, i)
	}
	if g := m.groups(re, s, text, caps); g != nil {
		groups = g
	}
	out.props = NewObject("index", float64(caps[0]), "input", s, "groups", groups)
	return out
}

func (m *Machine) groups(re *regex.Regexp, s string, text []uint16, caps []int) *Object {
	var out *Object
	for i, name := range re.Names {
		if name == "" {
			continue
		}
		if out == nil {
			out = &Object{}
		}
		out.put(name, capture(s, text, caps, i+1))
	}
	return out
}

func stringMatch(m *Machine, s string, p Args) Value {
	re := m.pattern(p.at(0), "")
	text := units(s)
	if !re.Global {
		caps := m.exec(re, text, 0)
		if caps == nil {
			return Null
		}
		return m.matched(re, s, text, caps)
	}
	all := m.execAll(re, text)
	if all == nil {
		return Null
	}
	out := make([]Value, len(all))
	for i, caps := range all {
		out[i] = capture(s, text, caps, 0)
	}
	return newArray(out)
}

func stringMatchAll(m *Machine, s string, p Args) Value {
	re := m.pattern(p.at(0), "g")
	if !re.Global {
		typeError("matchAll needs a regular expression with the flag g")
	}
	text := units(s)
	out := []Value{}
	for _, caps := range m.execAll(re, text) {
		out = append(out, m.matched(re, s, text, caps))
	}
	return newArray(out)
}

// replace is String.prototype.replace, or replaceAll.
func (m *Machine) replace(s string, p Args, everywhere bool) string {
	by := m.replacement(p.at(1))
	text := units(s)
	var found [][]int
	var re *regex.Regexp
	if r, ok := p.at(0).(*RegExp); ok {
		re = r.re
		switch {
		case everywhere && !re.Global:
			typeError("replaceAll needs a regular expression with the flag g")
		case re.Global:
			found = m.execAll(re, text)
		default:
			if caps := m.exec(re, text, 0); caps != nil {
				found = [][]int{caps}
			}
		}
	} else {
		found = m.occurrences(text, units(m.toString(p.at(0))), everywhere)
	}
	var b strings.Builder
	end := 0
	for _, caps := range found {
		b.WriteString(cut(s, text, end, caps[0]))
		from := b.Len()
		b.WriteString(by(re, s, text, caps))
		m.alloc(b.Len() - from)
		end = caps[1]
	}
	b.WriteString(cut(s, text, end, len(text)))
	m.alloc(b.Len())
	return tidy(b.String())
}

func (m *Machine) occurrences(text, find []uint16, all bool) [][]int {
	var found [][]int
	for i := 0; i+len(find) <= len(text); i++ {
		if slices.Equal(text[i:i+len(find)], find) {
			m.spend(4)
			found = append(found, []int{i, i + len(find)})
			if !all {
				break
			}
			i += max(len(find)-1, 0)
		}
	}
	m.work(len(text) / 16)
	return found
}

type expander func(re *regex.Regexp, s string, text []uint16, caps []int) string

// replacement is what stands in for a match: a function's result or an expanded template.
func (m *Machine) replacement(v Value) expander {
	if f, ok := v.(*Function); ok {
		return func(re *regex.Regexp, s string, text []uint16, caps []int) string {
			args := []Value{}
			for i := range len(caps) / 2 {
				args = append(args, capture(s, text, caps, i))
			}
			args = append(args, float64(caps[0]), s)
			return m.toString(f.Call(args...))
		}
	}
	template := m.toString(v)
	if !strings.Contains(template, "$") {
		return func(*regex.Regexp, string, []uint16, []int) string { return template }
	}
	return func(re *regex.Regexp, s string, text []uint16, caps []int) string {
		return m.expand(template, re, s, text, caps)
	}
}

// expand replaces $$, $&, $`, $', $n, $nn and $<name>.
func (m *Machine) expand(t string, re *regex.Regexp, s string, text []uint16, caps []int) string {
	var b strings.Builder
	for i := 0; i < len(t); i++ {
		if t[i] != '$' || i+1 == len(t) {
			b.WriteByte(t[i])
			continue
		}
		i++
		switch c := t[i]; {
		case c == '$':
			b.WriteByte('$')
		case c == '&':
			b.WriteString(cut(s, text, caps[0], caps[1]))
		case c == '`':
			b.WriteString(cut(s, text, 0, caps[0]))
		case c == '\'':
			b.WriteString(cut(s, text, caps[1], len(text)))
		case c >= '0' && c <= '9':
			group, width := int(c-'0'), 1
			if i+1 < len(t) && t[i+1] >= '0' && t[i+1] <= '9' {
				if two := group*10 + int(t[i+1]-'0'); two >= 1 && two < len(caps)/2 {
					group, width = two, 2
				}
			}
			if group == 0 || group >= len(caps)/2 {
				b.WriteByte('$')
				b.WriteByte(c)
				continue
			}
			if v := capture(s, text, caps, group); v != nil {
				b.WriteString(v.(string))
			}
			i += width - 1
		case c == '<' && re != nil && slices.ContainsFunc(re.Names, func(n string) bool { return n != "" }):
			end := strings.IndexByte(t[i:], '>')
			if end < 0 {
				b.WriteString("$<")
				continue
			}
			if v := m.groups(re, s, text, caps).get(t[i+1 : i+end]); v != nil {
				b.WriteString(v.(string))
			}
			i += end
		default:
			b.WriteByte('$')
			i--
		}
		if b.Len() > m.limits.Size {
			m.exceed("more than %d bytes", m.limits.Size)
		}
	}
	return b.String()
}

func split(m *Machine, s string, p Args) Value {
	limit := 1<<32 - 1
	if p.at(1) != nil {
		limit = int(m.toUint32(p[1]))
	}
	var parts []Value
	if r, ok := p.at(0).(*RegExp); ok {
		parts = m.splitRegExp(s, r.re, limit)
	} else if p.at(0) == nil {
		parts = []Value{s}
	} else if sep := m.toString(p[0]); sep == "" {
		for _, u := range units(s) {
			m.spend(1)
			parts = append(parts, fromUnits([]uint16{u}))
		}
	} else {
		m.afford(strings.Count(s, sep) + 1)
		for part := range strings.SplitSeq(s, sep) {
			parts = append(parts, part)
		}
	}
	return newArray(parts[:min(len(parts), limit)])
}

func (m *Machine) splitRegExp(s string, re *regex.Regexp, limit int) []Value {
	text := units(s)
	if len(text) == 0 {
		if m.exec(re, text, 0) != nil {
			return nil
		}
		return []Value{s}
	}
	var parts []Value
	begin := 0
	for from := 0; from < len(text) && len(parts) < limit; {
		caps := m.exec(re, text, from)
		if caps == nil || caps[0] >= len(text) {
			break
		}
		if caps[1] == begin || caps[0] == caps[1] && caps[0] == begin {
			from = max(from, begin) + 1
			continue
		}
		m.spend(len(caps))
		parts = append(parts, cut(s, text, begin, caps[0]))
		for g := range re.Groups {
			parts = append(parts, capture(s, text, caps, g+1))
		}
		begin = caps[1]
		if from = begin; caps[0] == caps[1] {
			from++
		}
	}
	return append(parts, cut(s, text, begin, len(text)))
}
