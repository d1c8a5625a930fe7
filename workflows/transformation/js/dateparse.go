package js

import (
	"math"
	"strconv"
	"strings"
	"unicode"
)

// parseDate is Date.parse: the ISO format of the language, else the loose formats that
// engines accept by custom, such as "Tue, 05 Mar 2024 10:00:00 +0100" or "3/5/2024 4:30 pm".
func parseDate(s string) float64 {
	if ms, ok := parseISO(strings.TrimSpace(s)); ok {
		return timeClip(ms)
	}
	return timeClip(parseLoose(s))
}

type scanner struct {
	s string
	i int
}

// number reads exactly n digits.
func (s *scanner) number(n int) (float64, bool) {
	if s.i+n > len(s.s) {
		return 0, false
	}
	v, err := strconv.ParseUint(s.s[s.i:s.i+n], 10, 32)
	if err != nil {
		return 0, false
	}
	s.i += n
	return float64(v), true
}

func (s *scanner) eat(chars string) bool {
	if s.i < len(s.s) && strings.IndexByte(chars, s.s[s.i]) >= 0 {
		s.i++
		return true
	}
	return false
}

func (s *scanner) done() bool { return s.i == len(s.s) }

func parseISO(text string) (float64, bool) {
	s := &scanner{s: text}
	p := [7]float64{0, 1, 1}
	var ok bool
	switch {
	case s.eat("+"):
		p[0], ok = s.number(6)
	case s.eat("-"):
		p[0], ok = s.number(6)
		if p[0] == 0 {
			return 0, false
		}
		p[0] = -p[0]
	default:
		p[0], ok = s.number(4)
	}
	for i := 1; ok && i < 3 && s.eat("-"); i++ {
		p[i], ok = s.number(2)
	}
	if !ok {
		return 0, false
	}
	if s.eat("Tt ") {
		if p[3], ok = s.number(2); !ok || !s.eat(":") {
			return 0, false
		}
		if p[4], ok = s.number(2); !ok {
			return 0, false
		}
		if s.eat(":") {
			if p[5], ok = s.number(2); !ok {
				return 0, false
			}
			if s.eat(".,") {
				if p[6], ok = s.fraction(); !ok {
					return 0, false
				}
			}
		}
	}
	offset, ok := s.zone()
	if !ok || !s.done() || p[1] < 1 || p[1] > 12 || p[2] < 1 || p[2] > 31 || !clock(p) {
		return 0, false
	}
	p[1]--
	return makeDate(p) - offset, true
}

// clock tells whether the time of day exists; 24:00:00 does.
func clock(p [7]float64) bool {
	return p[3] < 24 && p[4] < 60 && p[5] < 60 || p[3] == 24 && p[4]+p[5]+p[6] == 0
}

func (s *scanner) fraction() (float64, bool) {
	from := s.i
	for s.i < len(s.s) && s.s[s.i] >= '0' && s.s[s.i] <= '9' {
		s.i++
	}
	if s.i == from {
		return 0, false
	}
	digits := (s.s[from:s.i] + "00")[:3]
	ms, err := strconv.Atoi(digits)
	return float64(ms), err == nil
}

// zone reads Z, ±hh:mm or nothing, and gives the offset in milliseconds.
func (s *scanner) zone() (float64, bool) {
	if s.done() || s.eat("Zz") {
		return 0, true
	}
	sign := 60_000.0
	if s.i < len(s.s) && s.s[s.i] == '-' {
		sign = -sign
	}
	if !s.eat("+-") {
		return 0, false
	}
	h, ok := s.number(2)
	s.eat(":")
	m, ok2 := s.number(2)
	return sign * (h*60 + m), ok && ok2 && h < 24 && m < 60
}

var months = []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}

var zones = map[string]float64{"ut": 0, "utc": 0, "gmt": 0, "z": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7}

// loose collects what the words and numbers of a date say.
type loose struct {
	numbers        []float64 // day, month, year in the order they come
	month          int       // from a name, -1 without one
	time           []float64
	ms             float64
	pm, am, zoned  bool
	offset         float64
	bad, yearFirst bool
}

// parseLoose reads a date by its words and numbers.
func parseLoose(text string) float64 {
	l := &loose{month: -1}
	s := &scanner{s: text}
	for !s.done() && !l.bad {
		c := rune(s.s[s.i])
		switch {
		case c == '(':
			if end := strings.IndexByte(s.s[s.i:], ')'); end >= 0 {
				s.i += end
			} else {
				s.i = len(s.s) - 1
			}
			s.i++
		case unicode.IsDigit(c):
			l.number(s)
		case unicode.IsLetter(c):
			l.word(s)
		case (c == '+' || c == '-') && (len(l.time) > 0 || l.zoned):
			l.shift(s)
		default:
			s.i++
		}
	}
	return l.milliseconds()
}

func (s *scanner) digits() string {
	from := s.i
	for s.i < len(s.s) && s.s[s.i] >= '0' && s.s[s.i] <= '9' {
		s.i++
	}
	return s.s[from:s.i]
}

func (l *loose) number(s *scanner) {
	text := s.digits()
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		l.bad = true
		return
	}
	if !s.eat(":") {
		if len(l.numbers) == 0 && len(text) > 2 {
			l.yearFirst = true
		}
		l.numbers = append(l.numbers, float64(n))
		return
	}
	l.bad = len(l.time) > 0
	l.time = []float64{float64(n)}
	for {
		part, err := strconv.ParseUint(s.digits(), 10, 31)
		if err != nil {
			l.bad = true
			return
		}
		l.time = append(l.time, float64(part))
		if len(l.time) == 3 || !s.eat(":") {
			break
		}
	}
	if s.i+1 < len(s.s) && s.s[s.i] == '.' && s.s[s.i+1] >= '0' && s.s[s.i+1] <= '9' {
		s.i++
		l.ms, _ = s.fraction() // a digit follows
	}
}

func (l *loose) word(s *scanner) {
	from := s.i
	for s.i < len(s.s) && unicode.IsLetter(rune(s.s[s.i])) {
		s.i++
	}
	word := strings.ToLower(s.s[from:s.i])
	if len(word) >= 3 {
		for i, name := range months {
			if strings.HasPrefix(word, name) {
				l.month = i
				return
			}
		}
	}
	offset, zone := zones[word]
	switch {
	case word == "am":
		l.am = true
	case word == "pm":
		l.pm = true
	case zone:
		l.zoned, l.offset = true, offset*3_600_000
	case len(l.numbers) > 0:
		l.bad = true // words are skipped only before the first number
	}
}

// shift reads the offset of a zone: +hhmm, +hh:mm or +hh.
func (l *loose) shift(s *scanner) {
	sign := 60_000.0
	if s.s[s.i] == '-' {
		sign = -sign
	}
	s.i++
	text := s.digits()
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		l.bad = true
		return
	}
	minutes := float64(n/100*60 + n%100)
	if len(text) <= 2 {
		minutes = float64(n * 60)
		if s.eat(":") {
			m, err := strconv.ParseUint(s.digits(), 10, 31)
			l.bad = err != nil
			minutes += float64(m)
		}
	}
	l.zoned, l.offset = true, sign*minutes
}

func (l *loose) milliseconds() float64 {
	p := [7]float64{2001, float64(l.month), 1}
	n := l.numbers
	switch {
	case l.bad || len(n) > 3 || len(n) == 0:
		return math.NaN()
	case l.month >= 0 && l.yearFirst && len(n) == 2:
		p[0], p[2] = n[0], n[1]
	case l.month >= 0 && l.yearFirst && len(n) == 1:
		p[0] = n[0]
	case l.month >= 0 && len(n) <= 2:
		p[2] = n[0]
		if len(n) == 2 {
			p[0] = n[1]
		}
	case l.month >= 0:
		return math.NaN()
	case l.yearFirst && len(n) == 3:
		p[0], p[1], p[2] = n[0], n[1]-1, n[2]
	case l.yearFirst && len(n) == 2:
		p[0], p[1] = n[0], n[1]-1
	case l.yearFirst && len(n) == 1:
		p[0], p[1] = n[0], 0
	case len(n) == 3:
		p[0], p[1], p[2] = n[2], n[0]-1, n[1]
	case len(n) == 2:
		p[1], p[2] = n[0]-1, n[1]
	default:
		p[1] = n[0] - 1
	}
	if p[0] < 50 {
		p[0] += 2000
	} else if p[0] < 100 {
		p[0] += 1900
	}
	copy(p[3:6], l.time)
	p[6] = l.ms
	if l.am || l.pm {
		if p[3] < 1 || p[3] > 12 {
			return math.NaN()
		}
		if p[3] = math.Mod(p[3], 12); l.pm {
			p[3] += 12
		}
	}
	if p[1] < 0 || p[1] > 11 || p[2] < 1 || p[2] > 31 || !clock(p) {
		return math.NaN()
	}
	return makeDate(p) - l.offset
}
