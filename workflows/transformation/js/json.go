package js

import (
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/heddlehq/heddle/workflows/value"
)

var _ = define("JSON", fns{
	"parse": func(m *Machine, a Args) Value {
		v := m.parseJSON(m.toString(a.at(0)))
		if f, ok := a.at(1).(*Function); ok {
			return m.revive(f, "", v, 0)
		}
		return v
	},
	"stringify": func(m *Machine, a Args) Value {
		s := &stringifier{m: m}
		switch r := a.at(1).(type) {
		case *Function:
			s.replacer = r
		case *Array:
			s.only = map[string]bool{}
			for _, k := range r.values() {
				if key := m.toString(k); !s.only[key] {
					s.only[key] = true
					s.order = append(s.order, key)
				}
			}
		}
		switch x := a.at(2).(type) {
		case float64:
			s.gap = strings.Repeat(" ", clamp(x, 10))
		case string:
			s.gap = slice(x, 0, min(textLen(x), 10))
		}
		if !s.write(a.at(0), "", "") {
			return nil
		}
		return string(s.b)
	},
	"type of": func(_ *Machine, a Args) Value { return TypeOf(a.at(0)) },
})

func (m *Machine) parseJSON(text string) Value {
	m.alloc(len(text))
	v, err := value.ParseLast([]byte(text))
	if err != nil {
		Throw("SyntaxError", "%s", err)
	}
	return FromValue(v)
}

// revive rebuilds v from the inside out with what f gives for each member.
func (m *Machine) revive(f *Function, key string, v Value, depth int) Value {
	switch x := v.(type) {
	case *Array:
		out := make([]Value, m.afford(x.size()))
		for i, e := range x.all() {
			out[i] = m.revive(f, m.toString(float64(i)), e, depth+1)
		}
		v = newArray(out)
	case *Object:
		out := &Object{}
		for _, i := range x.order() {
			m.spend(2)
			if r := m.revive(f, x.keys[i], x.vals[i], depth+1); r != nil {
				out.put(x.keys[i], r)
			}
		}
		v = out
	}
	return f.Call(key, v)
}

type stringifier struct {
	m        *Machine
	b        []byte
	replacer *Function
	only     map[string]bool
	order    []string
	gap      string
	depth    int
}

// write appends the text of v and tells whether there is one: undefined has none.
func (s *stringifier) write(v Value, key, indent string) bool {
	s.m.work(1)
	if s.m.bytes+len(s.b) > s.m.limits.Size {
		s.m.exceed("more than %d bytes", s.m.limits.Size)
	}
	if d, ok := v.(*Date); ok {
		v = Null
		if finite(d.ms) {
			v = d.iso()
		}
	}
	if s.replacer != nil {
		v = s.replacer.Call(key, v)
	}
	switch x := v.(type) {
	case nil, *Function:
		return false
	case null:
		s.put("null")
	case bool, float64:
		if f, ok := x.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
			v = Null
		}
		s.put(s.m.toString(v))
	case Big:
		s.put(x.lit.String())
	case string:
		s.put(quoted(x))
	case *Array:
		s.list(x, indent)
	case *Object:
		s.object(x, indent)
	default:
		s.put("{}")
	}
	return true
}

func (s *stringifier) put(text string) { s.b = append(s.b, text...) }

func (s *stringifier) enter() {
	if s.depth++; s.depth > value.MaxDepth {
		s.m.exceed("the value is nested deeper than %d levels", value.MaxDepth)
	}
}

func (s *stringifier) list(a *Array, indent string) {
	s.enter()
	inner := indent + s.gap
	s.put("[")
	for i, e := range a.all() {
		if i > 0 {
			s.put(",")
		}
		s.newline(inner)
		if !s.write(filled(e), s.m.toString(float64(i)), inner) {
			s.put("null")
		}
	}
	if a.size() > 0 {
		s.newline(indent)
	}
	s.put("]")
	s.depth--
}

func (s *stringifier) object(o *Object, indent string) {
	s.enter()
	inner := indent + s.gap
	keys := o.keysInOrder()
	if s.only != nil {
		keys = slices.DeleteFunc(slices.Clone(s.order), func(k string) bool { return !o.has(k) })
	}
	s.put("{")
	empty := true
	for _, k := range keys {
		// Whether the member has a text is known only once it is written.
		before := len(s.b)
		if !empty {
			s.put(",")
		}
		s.newline(inner)
		s.put(quoted(k))
		s.put(":")
		if s.gap != "" {
			s.put(" ")
		}
		if !s.write(o.get(k), k, inner) {
			s.b = s.b[:before]
			continue
		}
		empty = false
	}
	if !empty {
		s.newline(indent)
	}
	s.put("}")
	s.depth--
}

func (s *stringifier) newline(indent string) {
	if s.gap != "" {
		s.put("\n")
		s.put(indent)
	}
}

// quoted is the JSON text of a string; lone surrogates are escaped.
func quoted(s string) string {
	var out []byte
	if utf8.ValidString(s) {
		out = value.AppendString(nil, s)
	} else {
		out = append(out, '"')
		for len(s) > 0 {
			r, size := decode(s)
			if r >= 0xD800 && r < 0xE000 {
				const hex = "0123456789abcdef"
				out = append(out, '\\', 'u', hex[r>>12], hex[r>>8&15], hex[r>>4&15], hex[r&15])
			} else {
				q := value.AppendString(nil, s[:size])
				out = append(out, q[1:len(q)-1]...)
			}
			s = s[size:]
		}
		out = append(out, '"')
	}
	return shortEscapes.Replace(string(out))
}

// shortEscapes are those JavaScript prefers. Escaped backslashes are passed over in pairs.
var shortEscapes = strings.NewReplacer(`\\`, `\\`, `\u0008`, `\b`, `\u000c`, `\f`)
