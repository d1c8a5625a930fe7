package regex

import (
	"fmt"
	"strings"
)

// Regexp is a compiled expression. It is immutable and safe to share.
type Regexp struct {
	Source string
	Flags  string // in alphabetical order, as JavaScript lists them

	Global, IgnoreCase, Multiline, DotAll, Unicode, Sticky, Indices bool

	Groups int      // how many captures there are, without the whole match
	Names  []string // by group, from 0 for group 1; "" without a name

	prog  []inst
	slots int
}

type op uint8

const (
	opMatch op = iota
	opChar
	opClass
	opSplit // try x, then y
	opJump
	opSave
	opReset  // forget the captures x..y
	opMark   // remember the position in slot x
	opMoved  // fail when the position is still that of slot x
	opBegin  // ^
	opEnd    // $
	opWord   // \b
	opNotB   // \B
	opBack   // back-reference to group x
	opLook   // run x.. until opMatch, then go on at y; negated, see inst
	opBeginM // ^ with m
	opEndM   // $ with m
)

type inst struct {
	op      op
	back    bool // reads towards the start of the text
	negated bool
	r       rune
	set     *class
	x, y    int
}

const maxProgram = 50_000

// Compile translates the pattern of new RegExp(pattern, flags).
func Compile(pattern, flags string) (re *Regexp, err error) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case syntaxError:
			re, err = nil, fmt.Errorf("invalid regular expression /%s/%s: %s", clip(pattern), clip(flags), string(e))
		default:
			panic(e)
		}
	}()
	re = &Regexp{Source: pattern}
	for _, f := range flags {
		field := map[rune]*bool{'g': &re.Global, 'i': &re.IgnoreCase, 'm': &re.Multiline, 's': &re.DotAll,
			'u': &re.Unicode, 'y': &re.Sticky, 'd': &re.Indices}[f]
		if field == nil || *field {
			return nil, fmt.Errorf("invalid flags %q for a regular expression: each of d g i m s u y at most once", clip(flags))
		}
		*field = true
	}
	for _, f := range "dgimsuy" {
		if strings.ContainsRune(flags, f) {
			re.Flags += string(f)
		}
	}
	p := &parser{src: []rune(pattern), unicode: re.Unicode}
	p.count()
	root := p.alternatives()
	if p.more() {
		p.fail("unmatched ')'")
	}
	re.Groups, re.Names = p.groups, p.names
	c := &compiler{re: re, slots: 2 * (p.groups + 1)}
	c.emit(inst{op: opSave, x: 0})
	c.node(root, false)
	c.emit(inst{op: opSave, x: 1})
	c.emit(inst{op: opMatch})
	re.prog, re.slots = c.prog, c.slots
	return re, nil
}

func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:57]) + "..."
	}
	return s
}

type compiler struct {
	re    *Regexp
	prog  []inst
	slots int
}

func (c *compiler) emit(i inst) int {
	if len(c.prog) >= maxProgram {
		panic(syntaxError("regular expression too large"))
	}
	c.prog = append(c.prog, i)
	return len(c.prog) - 1
}

// node emits the code of n; back tells that it stands in a look-behind, where everything is
// matched from right to left.
func (c *compiler) node(n *node, back bool) {
	switch n.kind {
	case kChar:
		r := n.r
		if c.re.IgnoreCase {
			r = canonical(r, c.re.Unicode)
		}
		c.emit(inst{op: opChar, r: r, back: back})
	case kClass:
		set := n.set
		if set == nil {
			if set = notLines; c.re.DotAll {
				set = anything
			}
		}
		c.emit(inst{op: opClass, set: set, back: back})
	case kCat:
		for i := range n.subs {
			if back {
				i = len(n.subs) - 1 - i
			}
			c.node(n.subs[i], back)
		}
	case kAlt:
		c.alternatives(n.subs, back)
	case kRepeat:
		c.repeat(n, back)
	case kGroup:
		first, last := 2*n.index, 2*n.index+1
		if back {
			first, last = last, first
		}
		c.emit(inst{op: opSave, x: first})
		c.node(n.subs[0], back)
		c.emit(inst{op: opSave, x: last})
	case kBack:
		c.emit(inst{op: opBack, x: n.index, back: back})
	case kNamed:
		for i, name := range c.re.Names {
			if name == n.name {
				c.emit(inst{op: opBack, x: i + 1, back: back})
				return
			}
		}
		panic(syntaxError(fmt.Sprintf("reference to group %q, which does not exist", n.name)))
	case kBegin:
		c.emit(inst{op: pick(c.re.Multiline, opBeginM, opBegin)})
	case kEnd:
		c.emit(inst{op: pick(c.re.Multiline, opEndM, opEnd)})
	case kWord:
		c.emit(inst{op: opWord})
	case kNotWord:
		c.emit(inst{op: opNotB})
	case kLook:
		at := c.emit(inst{op: opLook, negated: n.negated})
		c.prog[at].x = len(c.prog)
		c.node(n.subs[0], n.behind)
		c.emit(inst{op: opMatch})
		c.prog[at].y = len(c.prog)
	}
}

func pick(b bool, yes, no op) op {
	if b {
		return yes
	}
	return no
}

func (c *compiler) alternatives(subs []*node, back bool) {
	var ends []int
	for i, s := range subs {
		if i == len(subs)-1 {
			c.node(s, back)
			break
		}
		split := c.emit(inst{op: opSplit})
		c.prog[split].x = len(c.prog)
		c.node(s, back)
		ends = append(ends, c.emit(inst{op: opJump}))
		c.prog[split].y = len(c.prog)
	}
	for _, e := range ends {
		c.prog[e].x = len(c.prog)
	}
}

func (c *compiler) repeat(n *node, back bool) {
	for range n.min {
		c.iteration(n, back, -1)
	}
	if n.max < 0 {
		mark := c.slot()
		split := c.emit(inst{op: opSplit})
		c.iteration(n, back, mark)
		c.emit(inst{op: opJump, x: split})
		c.branch(split, n.greedy)
		return
	}
	var splits []int
	for range n.max - n.min {
		splits = append(splits, c.emit(inst{op: opSplit}))
		c.iteration(n, back, c.slot())
	}
	for _, s := range splits {
		c.branch(s, n.greedy)
	}
}

// branch lets the split choose between what follows it and the end of the program so far.
func (c *compiler) branch(split int, greedy bool) {
	if c.prog[split].x, c.prog[split].y = split+1, len(c.prog); !greedy {
		c.prog[split].x, c.prog[split].y = c.prog[split].y, c.prog[split].x
	}
}

func (c *compiler) slot() int {
	c.slots++
	return c.slots - 1
}

// iteration emits one round of a loop. With a mark, a round that consumed nothing fails.
func (c *compiler) iteration(n *node, back bool, mark int) {
	if n.to > n.from {
		c.emit(inst{op: opReset, x: 2 * n.from, y: 2 * n.to})
	}
	if mark >= 0 {
		c.emit(inst{op: opMark, x: mark})
	}
	before := len(c.prog)
	c.node(n.subs[0], back)
	if len(c.prog) == before {
		c.emit(inst{op: opJump, x: len(c.prog) + 1}) // an empty body still counts towards the size
	}
	if mark >= 0 {
		c.emit(inst{op: opMoved, x: mark})
	}
}
