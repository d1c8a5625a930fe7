package regex

import (
	"errors"
	"unicode/utf16"
)

// ErrTooComplex tells that matching took more steps than the budget allowed.
var ErrTooComplex = errors.New("the regular expression needs too many steps for this text")

const maxBacktrack = 1 << 20

// Match finds the first match that begins at start or later (exactly there with the flag y).
// The result holds pairs of indexes into text, the whole match first, -1 for groups that
// took no part; it is nil without a match. The steps taken are subtracted from budget.
func (re *Regexp) Match(text []uint16, start int, budget *int) ([]int, error) {
	m := &matcher{re: re, text: text, budget: budget, slots: make([]int, re.slots)}
	first := re.prog[1]
	for pos := start; pos <= len(text); pos++ {
		if first.op == opChar && !re.IgnoreCase && first.r <= 0xFFFF && !re.Sticky {
			for pos < len(text) && rune(text[pos]) != first.r {
				pos++
			}
		}
		for i := range m.slots {
			m.slots[i] = -1
		}
		*budget -= len(m.slots) / 8
		m.stack, m.undo = m.stack[:0], m.undo[:0]
		if m.run(0, pos) {
			return m.slots[:2*(re.Groups+1)], nil
		}
		if m.err != nil {
			return nil, m.err
		}
		if re.Sticky {
			break
		}
		if re.Unicode && pos+1 < len(text) && isHigh(text[pos]) && isLow(text[pos+1]) {
			pos++
		}
	}
	return nil, nil
}

type matcher struct {
	re     *Regexp
	text   []uint16
	slots  []int
	stack  []choice
	undo   []change
	budget *int
	err    error
}

type choice struct{ pc, pos, undo int }

type change struct{ slot, old int }

func (m *matcher) set(slot, v int) {
	if m.slots[slot] != v {
		m.undo = append(m.undo, change{slot, m.slots[slot]})
		m.slots[slot] = v
	}
}

func (m *matcher) rewind(to int) {
	for len(m.undo) > to {
		last := m.undo[len(m.undo)-1]
		m.slots[last.slot] = last.old
		m.undo = m.undo[:len(m.undo)-1]
	}
}

// run executes the program from pc until opMatch. Choices of the caller stay untouched.
func (m *matcher) run(pc, pos int) bool {
	base := len(m.stack)
	for {
		if *m.budget--; *m.budget < 0 || len(m.stack) > maxBacktrack {
			m.err = ErrTooComplex
			return false
		}
		in := &m.re.prog[pc]
		ok := true
		switch in.op {
		case opMatch:
			m.stack = m.stack[:base]
			return true
		case opChar, opClass:
			pos, ok = m.step(in, pos)
			pc++
		case opSplit:
			m.stack = append(m.stack, choice{in.y, pos, len(m.undo)})
			pc = in.x
		case opJump:
			pc = in.x
		case opSave, opMark:
			m.set(in.x, pos)
			pc++
		case opReset:
			for s := in.x; s < in.y; s++ {
				m.set(s, -1)
			}
			pc++
		case opMoved:
			ok = m.slots[in.x] != pos
			pc++
		case opBack:
			pos, ok = m.back(in, pos)
			pc++
		case opLook:
			ok = m.look(in, pos)
			if m.err != nil {
				return false
			}
			pc = in.y
		default:
			ok = m.assert(in.op, pos)
			pc++
		}
		if ok {
			continue
		}
		if len(m.stack) == base {
			return false
		}
		last := m.stack[len(m.stack)-1]
		m.stack = m.stack[:len(m.stack)-1]
		pc, pos = last.pc, last.pos
		m.rewind(last.undo)
	}
}

// step reads one character and tells whether the instruction accepts it.
func (m *matcher) step(in *inst, pos int) (int, bool) {
	r, next := m.next(pos, in.back)
	if next == pos {
		return pos, false
	}
	fold := m.re.IgnoreCase
	switch {
	case in.op == opClass && fold:
		return next, in.set.hasFold(r, m.re.Unicode)
	case in.op == opClass:
		return next, in.set.has(r)
	case fold:
		return next, canonical(r, m.re.Unicode) == in.r
	}
	return next, r == in.r
}

// next is the character at pos in reading direction and the position behind it, which is pos
// at the end of the text.
func (m *matcher) next(pos int, back bool) (rune, int) {
	if back {
		if pos == 0 {
			return -1, pos
		}
		if r := m.text[pos-1]; !m.re.Unicode || pos < 2 || !isLow(r) || !isHigh(m.text[pos-2]) {
			return rune(r), pos - 1
		}
		return utf16.DecodeRune(rune(m.text[pos-2]), rune(m.text[pos-1])), pos - 2
	}
	if pos >= len(m.text) {
		return -1, pos
	}
	if r := m.text[pos]; !m.re.Unicode || pos+1 >= len(m.text) || !isHigh(r) || !isLow(m.text[pos+1]) {
		return rune(r), pos + 1
	}
	return utf16.DecodeRune(rune(m.text[pos]), rune(m.text[pos+1])), pos + 2
}

func isHigh(u uint16) bool { return u >= 0xD800 && u < 0xDC00 }
func isLow(u uint16) bool  { return u >= 0xDC00 && u < 0xE000 }

func (m *matcher) back(in *inst, pos int) (int, bool) {
	from, to := m.slots[2*in.x], m.slots[2*in.x+1]
	if from < 0 || to < 0 {
		return pos, true
	}
	n := to - from
	start := pos
	if in.back {
		start -= n
	}
	if start < 0 || start+n > len(m.text) {
		return pos, false
	}
	*m.budget -= n
	for i := range n {
		a, b := rune(m.text[from+i]), rune(m.text[start+i])
		if a != b && !(m.re.IgnoreCase && canonical(a, m.re.Unicode) == canonical(b, m.re.Unicode)) {
			return pos, false
		}
	}
	if in.back {
		return start, true
	}
	return start + n, true
}

func (m *matcher) look(in *inst, pos int) bool {
	before := len(m.undo)
	found := m.run(in.x, pos)
	if m.err != nil {
		return false
	}
	if in.negated || !found {
		m.rewind(before)
	}
	return found != in.negated
}

func (m *matcher) assert(o op, pos int) bool {
	switch o {
	case opBegin:
		return pos == 0
	case opEnd:
		return pos == len(m.text)
	case opBeginM:
		return pos == 0 || lines.has(rune(m.text[pos-1]))
	case opEndM:
		return pos == len(m.text) || lines.has(rune(m.text[pos]))
	}
	return (m.word(pos-1) != m.word(pos)) == (o == opWord)
}

func (m *matcher) word(pos int) bool {
	return pos >= 0 && pos < len(m.text) && words.has(rune(m.text[pos]))
}
