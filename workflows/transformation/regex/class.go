package regex

import (
	"slices"
	"unicode"
)

// class is a set of characters: ranges and Unicode tables, possibly complemented.
type class struct {
	ranges  []rune // pairs lo, hi
	tables  []*unicode.RangeTable
	subs    []*class
	negated bool
	ascii   [128]bool // the answer for ASCII, without regard to case
}

func (c *class) add(lo, hi rune) { c.ranges = append(c.ranges, lo, hi) }

// seal computes the ASCII table once the set is complete.
func (c *class) seal() *class {
	for r := range c.ascii {
		c.ascii[r] = c.slow(rune(r))
	}
	return c
}

func (c *class) has(r rune) bool {
	if r >= 0 && r < 128 {
		return c.ascii[r]
	}
	return c.slow(r)
}

func (c *class) slow(r rune) bool { return c.member(r) != c.negated }

func (c *class) member(r rune) bool {
	for i := 0; i < len(c.ranges); i += 2 {
		if r >= c.ranges[i] && r <= c.ranges[i+1] {
			return true
		}
	}
	return slices.ContainsFunc(c.tables, func(t *unicode.RangeTable) bool { return unicode.Is(t, r) }) ||
		slices.ContainsFunc(c.subs, func(s *class) bool { return s.slow(r) })
}

// hasFold is has under the flag i.
func (c *class) hasFold(r rune, unicodeMode bool) bool {
	want := canonical(r, unicodeMode)
	in := c.member(r)
	for f := unicode.SimpleFold(r); !in && f != r; f = unicode.SimpleFold(f) {
		in = canonical(f, unicodeMode) == want && c.member(f)
	}
	return in != c.negated
}

// canonical is the character that stands for all its spellings under the flag i.
func canonical(r rune, unicodeMode bool) rune {
	if r < 128 {
		if 'a' <= r && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}
	if unicodeMode {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		if 'a' <= least && least <= 'z' {
			return least - 'a' + 'A'
		}
		return least
	}
	if r == 'ß' {
		return r
	}
	if up := unicode.ToUpper(r); up >= 128 {
		return up
	}
	return r
}

var (
	digits = (&class{ranges: []rune{'0', '9'}}).seal()
	words  = (&class{ranges: []rune{'0', '9', 'A', 'Z', '_', '_', 'a', 'z'}}).seal()
	spaces = (&class{ranges: []rune{'\t', '\r', ' ', ' ', 0xA0, 0xA0, 0x1680, 0x1680, 0x2000, 0x200A,
		0x2028, 0x2029, 0x202F, 0x202F, 0x205F, 0x205F, 0x3000, 0x3000, 0xFEFF, 0xFEFF}}).seal()
	lines    = (&class{ranges: []rune{'\n', '\n', '\r', '\r', 0x2028, 0x2029}}).seal()
	notLines = (&class{subs: []*class{lines}, negated: true}).seal()
	anything = (&class{negated: true}).seal()
)

// shorthand gives the class of \d, \w, \s and their capitals.
func shorthand(letter rune) *class {
	base := map[rune]*class{'d': digits, 'w': words, 's': spaces}[unicode.ToLower(letter)]
	if base == nil || unicode.IsLower(letter) {
		return base
	}
	return (&class{subs: []*class{base}, negated: true}).seal()
}
