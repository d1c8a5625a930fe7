package jsonquery

import (
	"fmt"
	"strings"

	"github.com/heddlehq/heddle/workflows/value"
)

// Bounds on a query, far beyond what people write.
const (
	maxLength  = 16 << 10 // bytes
	maxNesting = 64       // subqueries and brackets within each other
)

type parser struct {
	text       string
	pos        int
	depth      int
	subqueries int
}

func (p *parser) errorAt(offset int, format string, args ...any) error {
	return &SyntaxError{Offset: offset, Reason: fmt.Sprintf(format, args...), Query: p.text}
}

// at tells whether the next character is one of set; the end of the text is not.
func (p *parser) at(set string) bool {
	return p.pos < len(p.text) && strings.IndexByte(set, p.text[p.pos]) >= 0
}

// accept skips the character c if it is next.
func (p *parser) accept(c byte) bool {
	if p.pos < len(p.text) && p.text[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

func (p *parser) skipSpace() {
	rest := strings.TrimLeft(p.text[p.pos:], space)
	p.pos = len(p.text) - len(rest)
}

const space = " \t\r\n\v\f\u00a0\ufeff"

// enter counts one level of nesting, opened by the character at offset.
func (p *parser) enter(offset int) error {
	if p.depth++; p.depth > maxNesting {
		return p.errorAt(offset, "nested more than %d levels deep", maxNesting)
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

// expression reads paths between "|" up to one of the stops, or the end of the text.
func (p *parser) expression(stops string) (expression, error) {
	var x expression
	for {
		p.skipSpace()
		if strings.HasPrefix(p.text[p.pos:], "..") {
			return nil, p.errorAt(p.pos, `a query has no parent to go up to; write the path from the top`)
		}
		var head []step
		if p.at("(") {
			s, err := p.start()
			if err != nil {
				return nil, err
			}
			head = append(head, s)
		}
		steps, err := p.steps(head, stops)
		if err != nil {
			return nil, err
		}
		x = append(x, path{steps: steps, many: selectsMany(steps, false)})
		if !p.accept('|') {
			return x, nil
		}
	}
}

// start reads ({query}).
func (p *parser) start() (step, error) {
	open := p.pos
	p.pos++
	p.skipSpace()
	if !p.at("{") {
		return nil, p.errorAt(open, `parentheses at the start of a path hold a query in braces: ({a.b|c.d})`)
	}
	sub, err := p.subquery()
	if err != nil {
		return nil, err
	}
	p.skipSpace()
	if !p.accept(')') {
		return nil, p.errorAt(open, `unclosed "("; after the query in braces a ")" must follow`)
	}
	return start{sub}, nil
}

// steps reads a path up to one of the stops or the end of the text. What follows [] belongs to it.
func (p *parser) steps(out []step, stops string) ([]step, error) {
	var open *first
	add := func(s step) {
		switch f, ok := s.(*first); {
		case ok:
			open, out = f, append(out, s)
		case open != nil:
			open.rest = append(open.rest, s)
		default:
			out = append(out, s)
		}
	}
	for p.pos < len(p.text) && !p.at(stops) {
		var s step
		var err error
		switch c := p.text[p.pos]; c {
		case '.':
			p.pos++
		case '[':
			s, err = p.bracket()
		case ':':
			s, err = p.helper(stops)
		case '(':
			err = p.errorAt(p.pos, `only a helper takes arguments; write a key that has parentheses in quotes`)
		case '{':
			err = p.errorAt(p.pos, `a query in braces stands inside [ ] or as a helper's argument`)
		case ')', ']', '}':
			err = p.errorAt(p.pos, `%q closes nothing`, c)
		default:
			var l literal
			if l, err = p.literal(".:|[](){}"+stops, false); l.text != "" || l.quoted {
				s = pick{key: operand{literal: value.String(l.text)}}
			}
		}
		if err != nil {
			return nil, err
		}
		if s != nil {
			add(s)
		}
	}
	return out, nil
}

// selectsMany tells whether the steps give an array even if nothing is found.
func selectsMany(steps []step, many bool) bool {
	for _, s := range steps {
		switch s := s.(type) {
		case all:
			many = true
		case filter:
			many = s.many
		case pick:
			many = (s.many || many) && !isIndex(s.key.literal.Text())
		case *first:
			many = selectsMany(s.rest, false)
		default:
			many = false
		}
	}
	return many
}

// bracket reads [ ] and what is in it.
func (p *parser) bracket() (step, error) {
	open := p.pos
	if err := p.enter(open); err != nil {
		return nil, err
	}
	defer p.leave()
	p.pos++
	p.skipSpace()
	if p.accept(']') {
		return &first{}, nil
	}
	many := p.accept('*')
	if many {
		p.skipSpace()
		if p.accept(']') {
			return all{}, nil
		}
		if p.accept('*') {
			p.skipSpace()
			if p.accept(']') {
				return all{open: true}, nil
			}
			return nil, p.errorAt(open, `[**] stands alone; write [**][*key=value] to filter what it gives`)
		}
	}
	f := filter{many: many}
	for {
		at := p.pos
		c, key, err := p.condition()
		switch {
		case err != nil:
			return nil, err
		case p.pos == len(p.text):
			return nil, p.errorAt(open, `unclosed "["`)
		case c == nil && len(f.conditions) == 0 && p.accept(']'):
			return pick{key: key, many: many}, nil
		case c == nil:
			return nil, p.errorAt(at, `a condition needs an operator (= != ~ !~ < <= > >=); write a key that has & or | in quotes`)
		}
		c.or = len(f.conditions) > 0 && p.text[at-1] == '|'
		f.conditions = append(f.conditions, *c)
		if p.accept(']') {
			return f, nil
		}
		p.pos++ // & or |
	}
}

// condition reads up to &, | or ]. Without an operator it is nil and only the key there.
func (p *parser) condition() (*condition, operand, error) {
	key, l, err := p.operand(`=!~:<>&|]`)
	if err != nil || p.pos == len(p.text) || p.at("&|]") {
		return nil, key, err
	}
	c := &condition{key: key, whole: key.sub == nil && l.text == "" && !l.quoted}
	if key.sub == nil && !l.quoted && strings.Contains(l.text, ".") {
		c.nested = strings.FieldsFunc(l.text, func(r rune) bool { return r == '.' })
	}
	c.negate = p.accept('!')
	switch {
	case p.at(":"):
		c.op = holds
		c.rest, err = p.steps(nil, "&|]")
		return c, key, err
	case p.accept('='):
		c.op = equals
	case p.accept('~'):
		c.op = contains
		p.skipSpace()
		if c.pattern, err = p.pattern(); err != nil || c.pattern != nil {
			c.op = matches
			return c, key, err
		}
	case p.accept('<'):
		if c.op = less; p.accept('=') {
			c.op = lessOrEqual
		}
	case p.accept('>'):
		if c.op = greater; p.accept('=') {
			c.op = greaterOrEqual
		}
	}
	c.operand, _, err = p.operand("&|]")
	return c, key, err
}

// helper reads :name(arguments).
func (p *parser) helper(stops string) (step, error) {
	colon := p.pos
	p.pos++
	name, err := p.literal(".:|[](){}"+stops, false)
	if err != nil {
		return nil, err
	}
	if name.text != "get" || name.quoted {
		return nil, p.errorAt(colon, `unknown helper %q; the only one is get, and a key that has a colon is written :get(a:b) or in quotes`, name.text)
	}
	open := p.pos
	if !p.accept('(') {
		return nil, p.errorAt(colon, `get takes the key in parentheses: :get(key)`)
	}
	if strings.HasPrefix(p.text[p.pos:], ",)") {
		p.pos += 2
		return get{operand{literal: value.String(",")}}, nil
	}
	key, l, err := p.operand(",)")
	switch {
	case err != nil:
		return nil, err
	case p.pos == len(p.text):
		return nil, p.errorAt(open, `unclosed "("`)
	case p.at(","):
		return nil, p.errorAt(p.pos, `get takes one key; write a key that has a comma in quotes`)
	case key.sub == nil && l.text == "" && !l.quoted:
		return nil, p.errorAt(open, `get takes a key: :get(key)`)
	}
	p.pos++
	return get{key}, nil
}

// operand reads a literal or a query in braces up to one of the stops.
func (p *parser) operand(stops string) (operand, literal, error) {
	p.skipSpace()
	begin := p.pos
	if p.at("?") {
		return operand{}, literal{}, p.errorAt(begin, `a query gets no parameters to put in for "?"; write the value, or \? for the character`)
	}
	if p.at("{") {
		sub, err := p.subquery()
		if err != nil {
			return operand{}, literal{}, err
		}
		p.skipSpace()
		if p.pos == len(p.text) || p.stops(stops) {
			return operand{sub: sub}, literal{}, nil
		}
		p.pos = begin // text that only begins with a brace
	}
	l, err := p.literal(stops, true)
	return operand{literal: value.String(l.text)}, l, err
}

// subquery reads {query}.
func (p *parser) subquery() (*subquery, error) {
	open := p.pos
	if err := p.enter(open); err != nil {
		return nil, err
	}
	defer p.leave()
	p.pos++
	x, err := p.expression("|}")
	if err != nil {
		return nil, err
	}
	if !p.accept('}') {
		return nil, p.errorAt(open, `unclosed "{"`)
	}
	p.subqueries++
	return &subquery{number: p.subqueries - 1, expression: x}, nil
}
