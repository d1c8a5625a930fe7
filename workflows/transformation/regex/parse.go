package regex

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
)

type kind uint8

const (
	kEmpty   kind = iota
	kChar         // r
	kClass        // set
	kCat          // subs
	kAlt          // subs
	kRepeat       // subs[0], min, max (-1 = no end), greedy
	kGroup        // subs[0], index
	kBack         // index
	kNamed        // name, resolved after parsing
	kBegin        // ^
	kEnd          // $
	kWord         // \b
	kNotWord      // \B
	kLook         // subs[0], negated, behind
)

type node struct {
	kind     kind
	r        rune
	set      *class
	subs     []*node
	min, max int
	greedy   bool
	index    int
	name     string
	negated  bool
	behind   bool
	from, to int // the captures inside: from <= index < to
}

type parser struct {
	src     []rune
	i       int
	unicode bool
	named   bool // the pattern has named groups, so \k is a reference
	total   int  // how many groups there are, counted ahead
	groups  int
	names   []string // by group index
	depth   int
}

const maxNesting = 200

type syntaxError string

func (p *parser) fail(format string, args ...any) {
	panic(syntaxError(fmt.Sprintf(format, args...)))
}

func (p *parser) more() bool { return p.i < len(p.src) }

func (p *parser) peek() rune {
	if p.i < len(p.src) {
		return p.src[p.i]
	}
	return -1
}

func (p *parser) eat(s string) bool {
	if !strings.HasPrefix(string(p.src[p.i:min(len(p.src), p.i+len(s))]), s) {
		return false
	}
	p.i += len([]rune(s))
	return true
}

// count finds the number of groups and whether one has a name, which back-references need
// to know before they are read.
func (p *parser) count() {
	class := false
	for i := 0; i < len(p.src); i++ {
		switch p.src[i] {
		case '\\':
			i++
		case '[':
			class = true
		case ']':
			class = false
		case '(':
			if class {
				continue
			}
			rest := p.src[i+1:]
			if len(rest) == 0 || rest[0] != '?' {
				p.total++
			} else if len(rest) > 2 && rest[1] == '<' && rest[2] != '=' && rest[2] != '!' {
				p.total++
				p.named = true
			}
		}
	}
}

func (p *parser) alternatives() *node {
	if p.depth++; p.depth > maxNesting {
		p.fail("nested deeper than %d levels", maxNesting)
	}
	defer func() { p.depth-- }()
	alt := &node{kind: kAlt}
	for {
		alt.subs = append(alt.subs, p.sequence())
		if !p.eat("|") {
			break
		}
	}
	if len(alt.subs) == 1 {
		return alt.subs[0]
	}
	return alt
}

func (p *parser) sequence() *node {
	cat := &node{kind: kCat}
	for p.more() && p.peek() != '|' && p.peek() != ')' {
		from := p.groups + 1
		atom, repeatable := p.atom()
		atom = p.quantified(atom, repeatable, from)
		cat.subs = append(cat.subs, atom)
	}
	return cat
}

func (p *parser) quantified(atom *node, repeatable bool, from int) *node {
	lo, hi := 0, -1
	switch {
	case p.eat("*"):
	case p.eat("+"):
		lo = 1
	case p.eat("?"):
		hi = 1
	case p.peek() == '{':
		at := p.i
		var ok bool
		if lo, hi, ok = p.braces(); !ok {
			p.i = at
			return atom
		}
	default:
		return atom
	}
	if !repeatable {
		p.fail("nothing to repeat at %d", p.i)
	}
	return &node{kind: kRepeat, subs: []*node{atom}, min: lo, max: hi, greedy: !p.eat("?"), from: from, to: p.groups + 1}
}

func (p *parser) braces() (lo, hi int, ok bool) {
	p.i++
	if lo, ok = p.integer(); !ok {
		return 0, 0, false
	}
	hi = lo
	if p.eat(",") {
		if hi, ok = p.integer(); !ok {
			hi = -1
		}
	}
	if !p.eat("}") {
		return 0, 0, false
	}
	if hi >= 0 && hi < lo {
		p.fail("numbers out of order in {} quantifier")
	}
	return lo, hi, true
}

func (p *parser) integer() (n int, ok bool) {
	for p.more() && p.peek() >= '0' && p.peek() <= '9' {
		n, ok = min(n*10+int(p.peek()-'0'), 1<<30), true
		p.i++
	}
	return n, ok
}

// atom reads one term; repeatable tells whether a quantifier may follow.
func (p *parser) atom() (n *node, repeatable bool) {
	c := p.peek()
	p.i++
	switch c {
	case '^':
		return &node{kind: kBegin}, false
	case '$':
		return &node{kind: kEnd}, false
	case '.':
		return &node{kind: kClass, set: nil}, true
	case '[':
		return &node{kind: kClass, set: p.class()}, true
	case '(':
		return p.group()
	case '\\':
		return p.escape()
	case '*', '+', '?':
		p.fail("nothing to repeat at %d", p.i-1)
	case '{':
		if p.unicode {
			p.fail("nothing to repeat at %d", p.i-1)
		}
		at := p.i
		p.i--
		if _, _, ok := p.braces(); ok {
			p.fail("nothing to repeat at %d", at-1)
		}
		p.i = at
	case '}', ']':
		if p.unicode {
			p.fail("lone quantifier bracket at %d", p.i-1)
		}
	}
	return p.char(c), true
}

// char is a literal; an astral one is two units unless the flag u is set.
func (p *parser) char(r rune) *node {
	if r > 0xFFFF && !p.unicode {
		hi, lo := utf16.EncodeRune(r)
		return &node{kind: kCat, subs: []*node{{kind: kChar, r: hi}, {kind: kChar, r: lo}}}
	}
	return &node{kind: kChar, r: r}
}

func (p *parser) group() (*node, bool) {
	n := &node{kind: kGroup}
	repeatable := true
	switch {
	case p.eat("?:"):
		n.kind = kCat
	case p.eat("?="), p.eat("?!"):
		n.kind, n.negated = kLook, p.src[p.i-1] == '!'
		repeatable = !p.unicode
	case p.eat("?<="), p.eat("?<!"):
		n.kind, n.behind, n.negated = kLook, true, p.src[p.i-1] == '!'
		repeatable = false
	case p.eat("?<"):
		name := p.groupName()
		for _, other := range p.names {
			if other == name {
				p.fail("duplicate capture group name %q", name)
			}
		}
		p.open(n, name)
	case p.peek() == '?':
		p.fail("invalid group at %d", p.i-1)
	default:
		p.open(n, "")
	}
	n.from = p.groups + 1
	n.subs = []*node{p.alternatives()}
	n.to = p.groups + 1
	if !p.eat(")") {
		p.fail("unterminated group")
	}
	return n, repeatable
}

func (p *parser) open(n *node, name string) {
	p.groups++
	n.index = p.groups
	p.names = append(p.names, name)
}

func (p *parser) groupName() string {
	start := p.i
	for p.more() && p.peek() != '>' {
		c := p.peek()
		if c != '$' && c != '_' && !unicode.IsLetter(c) && (p.i == start || !unicode.IsDigit(c)) {
			p.fail("invalid capture group name")
		}
		p.i++
	}
	name := string(p.src[start:p.i])
	if name == "" || !p.eat(">") {
		p.fail("invalid capture group name")
	}
	return name
}

func (p *parser) escape() (*node, bool) {
	if !p.more() {
		p.fail("\\ at end of pattern")
	}
	c := p.peek()
	switch {
	case c == 'b' || c == 'B':
		p.i++
		return &node{kind: map[rune]kind{'b': kWord, 'B': kNotWord}[c]}, false
	case c == 'k' && (p.named || p.unicode):
		p.i++
		if !p.eat("<") {
			p.fail("invalid named reference")
		}
		return &node{kind: kNamed, name: p.groupName()}, true
	case c >= '1' && c <= '9':
		at := p.i
		n, _ := p.integer()
		if n <= p.total {
			return &node{kind: kBack, index: n}, true
		}
		if p.unicode {
			p.fail("back-reference to group %d, of which there are %d", n, p.total)
		}
		p.i = at
	}
	if set := p.classEscape(); set != nil {
		return &node{kind: kClass, set: set}, true
	}
	return p.char(p.charEscape(false)), true
}

// classEscape reads \d, \p{…} and the like behind the backslash; nil when it is none.
func (p *parser) classEscape() *class {
	c := p.peek()
	if set := shorthand(c); set != nil {
		p.i++
		return set
	}
	if (c != 'p' && c != 'P') || !p.unicode {
		return nil
	}
	p.i++
	if !p.eat("{") {
		p.fail("invalid property name")
	}
	start := p.i
	for p.more() && p.peek() != '}' {
		p.i++
	}
	name := string(p.src[start:p.i])
	if !p.eat("}") {
		p.fail("invalid property name")
	}
	set := property(name)
	if set == nil {
		p.fail("invalid property name %q", name)
	}
	set.negated = set.negated != (c == 'P')
	return set.seal()
}

func property(name string) *class {
	key, val, found := strings.Cut(name, "=")
	if found {
		switch key {
		case "Script", "sc", "Script_Extensions", "scx":
			if t := unicode.Scripts[val]; t != nil {
				return &class{tables: []*unicode.RangeTable{t}}
			}
			return nil
		case "General_Category", "gc":
			name = val
		default:
			return nil
		}
	}
	switch name {
	case "Any":
		return &class{negated: true}
	case "ASCII":
		return &class{ranges: []rune{0, 127}}
	case "Alphabetic", "Alpha":
		return &class{tables: []*unicode.RangeTable{unicode.L, unicode.Nl, unicode.Other_Alphabetic}}
	case "Uppercase", "Upper":
		return &class{tables: []*unicode.RangeTable{unicode.Lu, unicode.Other_Uppercase}}
	case "Lowercase", "Lower":
		return &class{tables: []*unicode.RangeTable{unicode.Ll, unicode.Other_Lowercase}}
	}
	long := map[string]string{"Letter": "L", "Uppercase_Letter": "Lu", "Lowercase_Letter": "Ll", "Titlecase_Letter": "Lt",
		"Mark": "M", "Number": "N", "Decimal_Number": "Nd", "Punctuation": "P", "Symbol": "S", "Separator": "Z",
		"Space_Separator": "Zs", "Other": "C", "Control": "Cc", "Format": "Cf", "Currency_Symbol": "Sc", "Math_Symbol": "Sm"}
	if short, ok := long[name]; ok {
		name = short
	}
	if t := unicode.Categories[name]; t != nil {
		return &class{tables: []*unicode.RangeTable{t}}
	}
	if t := unicode.Properties[name]; t != nil {
		return &class{tables: []*unicode.RangeTable{t}}
	}
	return nil
}

// charEscape reads the character that stands behind a backslash.
func (p *parser) charEscape(inClass bool) rune {
	c := p.peek()
	p.i++
	switch c {
	case 't':
		return '\t'
	case 'n':
		return '\n'
	case 'v':
		return '\v'
	case 'f':
		return '\f'
	case 'r':
		return '\r'
	case 'c':
		l := p.peek()
		if 'a' <= l && l <= 'z' || 'A' <= l && l <= 'Z' || inClass && !p.unicode && (l == '_' || '0' <= l && l <= '9') {
			p.i++
			return l % 32
		}
		if p.unicode {
			p.fail("invalid unicode escape")
		}
		p.i--
		return '\\'
	case 'x':
		if r, ok := p.hex(2); ok {
			return r
		}
	case 'u':
		if r, ok := p.codePoint(); ok {
			return r
		}
	case '0', '1', '2', '3', '4', '5', '6', '7':
		if p.unicode {
			if d := p.peek(); c == '0' && (d < '0' || d > '9') {
				return 0
			}
			p.fail("invalid decimal escape")
		}
		n := c - '0'
		for k := 0; k < 2 && p.peek() >= '0' && p.peek() <= '7' && n*8+p.peek()-'0' <= 0o377; k++ {
			n = n*8 + p.peek() - '0'
			p.i++
		}
		return n
	}
	if p.unicode && !strings.ContainsRune(`^$\.*+?()[]{}|/`, c) && (c != '-' || !inClass) {
		p.fail("invalid escape \\%c", c)
	}
	return c
}

func (p *parser) hex(n int) (rune, bool) {
	if p.i+n > len(p.src) {
		return 0, false
	}
	var r rune
	for _, c := range p.src[p.i : p.i+n] {
		d := hexDigit(c)
		if d < 0 {
			return 0, false
		}
		r = r<<4 | d
	}
	p.i += n
	return r, true
}

func hexDigit(c rune) rune {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return -1
}

func (p *parser) codePoint() (rune, bool) {
	if p.unicode && p.peek() == '{' {
		var r rune
		p.i++
		for p.more() && p.peek() != '}' {
			d := hexDigit(p.peek())
			if r = r<<4 | d; d < 0 || r > unicode.MaxRune {
				p.fail("invalid unicode escape")
			}
			p.i++
		}
		if !p.eat("}") {
			p.fail("invalid unicode escape")
		}
		return r, true
	}
	r, ok := p.hex(4)
	if ok && p.unicode && utf16.IsSurrogate(r) {
		at := p.i
		if p.eat(`\u`) {
			if low, ok := p.hex(4); ok {
				if pair := utf16.DecodeRune(r, low); pair != unicode.ReplacementChar {
					return pair, true
				}
			}
		}
		p.i = at
	}
	return r, ok
}

func (p *parser) class() *class {
	set := &class{negated: p.eat("^")}
	for {
		if !p.more() {
			p.fail("unterminated character class")
		}
		if p.eat("]") {
			return set.seal()
		}
		lo, sub := p.classAtom()
		if p.peek() == '-' && p.i+1 < len(p.src) && p.src[p.i+1] != ']' {
			p.i++
			hi, sub2 := p.classAtom()
			switch {
			case sub == nil && sub2 == nil:
				if hi < lo {
					p.fail("range out of order in character class")
				}
				set.add(lo, hi)
				continue
			case p.unicode:
				p.fail("invalid character class")
			}
			set.add('-', '-')
			p.include(set, hi, sub2)
		}
		p.include(set, lo, sub)
	}
}

func (p *parser) include(set *class, r rune, sub *class) {
	switch {
	case sub != nil:
		set.subs = append(set.subs, sub)
	case r > 0xFFFF && !p.unicode:
		hi, lo := utf16.EncodeRune(r)
		set.add(hi, hi)
		set.add(lo, lo)
	default:
		set.add(r, r)
	}
}

func (p *parser) classAtom() (rune, *class) {
	c := p.peek()
	p.i++
	if c != '\\' {
		return c, nil
	}
	switch {
	case !p.more():
		p.fail("\\ at end of pattern")
	case p.eat("b"):
		return '\b', nil
	}
	if set := p.classEscape(); set != nil {
		return 0, set
	}
	return p.charEscape(true), nil
}
