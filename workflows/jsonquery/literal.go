package jsonquery

import (
	"regexp"
	"strings"
)

// literal is a name or value as it is written in a query.
type literal struct {
	text   string
	quoted bool
}

// literal reads text up to one of the stops or the end of the query. With balance, brackets in
// the text hide the stops between them, and must pair.
func (p *parser) literal(stops string, balance bool) (literal, error) {
	p.skipSpace()
	if l, ok := p.quoted(stops); ok {
		return l, nil
	}
	var b strings.Builder
	var open []int // offsets of the brackets not closed yet
	for p.pos < len(p.text) {
		c := p.text[p.pos]
		switch {
		case c == '\\' && p.pos+1 < len(p.text) && strings.IndexByte(stops+escapable, p.text[p.pos+1]) >= 0:
			p.pos++
			c = p.text[p.pos]
		case balance && strings.IndexByte("[({", c) >= 0:
			open = append(open, p.pos)
		case len(open) > 0 && strings.IndexByte("])}", c) >= 0:
			if p.text[open[len(open)-1]] != opener(c) {
				return literal{}, p.errorAt(p.pos, `%q does not close the %q before it; write text with single brackets in quotes`, c, p.text[open[len(open)-1]])
			}
			open = open[:len(open)-1]
		case len(open) == 0 && p.stops(stops):
			return literal{text: strings.Trim(b.String(), space)}, nil
		case len(open) == 0 && strings.IndexByte("])}", c) >= 0:
			return literal{}, p.errorAt(p.pos, `%q closes nothing; write text with single brackets in quotes`, c)
		}
		b.WriteByte(c)
		p.pos++
	}
	if len(open) > 0 {
		return literal{}, p.errorAt(open[0], `unclosed %q; write text with single brackets in quotes`, p.text[open[0]])
	}
	return literal{text: strings.Trim(b.String(), space)}, nil
}

// escapable are the characters a backslash makes ordinary besides the stops of the place.
const escapable = `[](){}"'*?`

func opener(closer byte) byte {
	return "[({"[strings.IndexByte("])}", closer)]
}

// stops tells whether the next character is one of set; a "!" only where it negates an operator.
func (p *parser) stops(set string) bool {
	if !p.at(set) {
		return false
	}
	return p.text[p.pos] != '!' || p.pos+1 < len(p.text) && strings.IndexByte("=~:<>", p.text[p.pos+1]) >= 0
}

// quoted reads a literal in quotes. It is one only if nothing but space comes between the
// closing quote and a stop; an apostrophe alone is ordinary text.
func (p *parser) quoted(stops string) (literal, bool) {
	if !p.at(`"'`) {
		return literal{}, false
	}
	begin := p.pos
	quote := p.text[begin]
	for i := begin + 1; i < len(p.text); i++ {
		if p.text[i] != quote {
			continue
		}
		p.pos = i + 1
		p.skipSpace()
		if p.pos == len(p.text) || p.stops(stops) {
			return literal{text: p.text[begin+1 : i], quoted: true}, true
		}
	}
	p.pos = begin
	return literal{}, false
}

// pattern reads /regular expression/ with at most one flag. It is one only if nothing but space
// comes between it and the end of the condition; else it is text, and nil is returned.
func (p *parser) pattern() (*regexp.Regexp, error) {
	if !p.at("/") {
		return nil, nil
	}
	begin := p.pos
	class := false
	for i := begin + 1; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == '\n':
			return nil, nil
		case c == '\\':
			i++
		case c == '[':
			class = true
		case c == ']':
			class = false
		case c == '/' && !class:
			p.pos = i + 1
			flag := ""
			if p.pos < len(p.text) && 'a' <= p.text[p.pos] && p.text[p.pos] <= 'z' {
				flag = p.text[p.pos : p.pos+1]
				p.pos++
			}
			p.skipSpace()
			if p.at("&|]") {
				return p.compile(begin, p.text[begin+1:i], flag)
			}
		}
	}
	p.pos = begin
	return nil, nil
}

func (p *parser) compile(offset int, pattern, flag string) (*regexp.Regexp, error) {
	prefix, ok := map[string]string{"": "", "i": "(?i)", "m": "(?m)", "s": "(?s)", "g": "", "u": "", "y": `\A`}[flag]
	if !ok {
		return nil, p.errorAt(offset, `unknown flag %q of a regular expression; there are i, m and s`, flag)
	}
	pattern = translate(pattern)
	if flag == "y" {
		pattern = "(?:" + pattern + ")"
	}
	re, err := regexp.Compile(prefix + pattern)
	if err != nil {
		return nil, p.errorAt(offset, `%v (RE2 syntax: no look-around, no back references)`, err)
	}
	return re, nil
}

// translate writes a JavaScript regular expression in Go's syntax, where they differ in more
// than what Go cannot do.
func translate(pattern string) string {
	var b strings.Builder
	class := false
	for i := 0; i < len(pattern); i++ {
		rest := pattern[i:]
		switch {
		case !class && strings.HasPrefix(rest, "[^]"):
			b.WriteString(`[\s\S]`)
			i += 2
		case !class && strings.HasPrefix(rest, "[]"):
			b.WriteString(`[^\s\S]`)
			i++
		case unicodeEscape.MatchString(rest):
			b.WriteString(`\x{` + rest[2:6] + `}`)
			i += 5
		case class && strings.HasPrefix(rest, `\b`):
			b.WriteString(`\x08`)
			i++
		case rest[0] == '\\' && len(rest) > 1:
			b.WriteString(rest[:2])
			i++
		case class && rest[0] == '[':
			b.WriteString(`\[`)
		default:
			switch rest[0] {
			case '[':
				class = true
			case ']':
				class = false
			}
			b.WriteByte(rest[0])
		}
	}
	return b.String()
}

var unicodeEscape = regexp.MustCompile(`\A\\u[0-9A-Fa-f]{4}`)
