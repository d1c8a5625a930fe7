package builtin

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// This file formats and reads times by the format language of moment.js, in English: the one
// that the time tasks were made for. It knows every token of version 2.

// defaultFormat is the one that the time tasks use when none is given.
const defaultFormat = "YYYY-MM-DDTHH:mm:ss.SSSSSSZZ"

// maxFormat bounds a format in bytes.
const maxFormat = 1000

// token is a piece of a format: a token of the language, or literal text.
type token struct {
	text    string
	literal bool
}

// momentTokens by their first byte, longest first.
var momentTokens = [256][]string{
	'M': {"MMMM", "MMM", "Mo", "MM", "M"}, 'Q': {"Qo", "Q"},
	'D': {"DDDD", "DDDo", "DDD", "Do", "DD", "D"}, 'd': {"dddd", "ddd", "dd", "do", "d"},
	'e': {"e"}, 'E': {"E"}, 'w': {"wo", "ww", "w"}, 'W': {"Wo", "WW", "W"},
	'Y': {"YYYYYY", "YYYYY", "YYYY", "YY", "Y"}, 'y': {"yyyy", "yyy", "yy", "yo", "y"},
	'N': {"NNNNN", "NNNN", "NNN", "NN", "N"}, 'g': {"ggggg", "gggg", "gg"}, 'G': {"GGGGG", "GGGG", "GG"},
	'A': {"A"}, 'a': {"a"}, 'H': {"Hmmss", "Hmm", "HH", "H"}, 'h': {"hmmss", "hmm", "hh", "h"},
	'k': {"kk", "k"}, 'm': {"mm", "m"}, 's': {"ss", "s"},
	'S': {"SSSSSSSSS", "SSSSSSSS", "SSSSSSS", "SSSSSS", "SSSSS", "SSSS", "SSS", "SS", "S"},
	'z': {"zz", "z"}, 'Z': {"ZZ", "Z"}, 'X': {"X"}, 'x': {"x"},
}

// longFormats stand for formats of their own.
var longFormats = map[string]string{
	"LTS": "h:mm:ss A", "LT": "h:mm A", "L": "MM/DD/YYYY", "LL": "MMMM D, YYYY", "LLL": "MMMM D, YYYY h:mm A",
	"LLLL": "dddd, MMMM D, YYYY h:mm A", "l": "M/D/YYYY", "ll": "MMM D, YYYY", "lll": "MMM D, YYYY h:mm A",
	"llll": "ddd, MMM D, YYYY h:mm A",
}

// tokenize splits a format. Text in brackets stands for itself, and so does what is no token.
func tokenize(format string) []token {
	var out []token
	literal := func(s string) {
		if n := len(out); n > 0 && out[n-1].literal {
			out[n-1].text += s
			return
		}
		out = append(out, token{s, true})
	}
next:
	for i := 0; i < len(format); {
		rest := format[i:]
		if end := strings.IndexByte(rest, ']'); rest[0] == '[' && end > 0 {
			literal(rest[1:end])
			i += end + 1
			continue
		}
		if rest[0] == '\\' && len(rest) > 1 {
			literal(rest[1:2])
			i += 2
			continue
		}
		for _, name := range []string{"LTS", "LT", "LLLL", "LLL", "LL", "L", "llll", "lll", "ll", "l"} {
			if strings.HasPrefix(rest, name) {
				out = append(out, tokenize(longFormats[name])...)
				i += len(name)
				continue next
			}
		}
		for _, name := range momentTokens[rest[0]] {
			if strings.HasPrefix(rest, name) {
				out = append(out, token{text: name})
				i += len(name)
				continue next
			}
		}
		literal(rest[:1])
		i++
	}
	return out
}

// formatMoment writes t by a format.
func formatMoment(t time.Time, format string) string {
	var b strings.Builder
	for _, tok := range tokenize(format) {
		if tok.literal {
			b.WriteString(tok.text)
			continue
		}
		b.WriteString(formatToken(t, tok.text))
	}
	return b.String()
}

func formatToken(t time.Time, tok string) string {
	year, week := t.ISOWeek()
	gyear, gweek := localeWeek(t)
	hour12 := (t.Hour()+11)%12 + 1
	hour24 := (t.Hour()+23)%24 + 1
	switch tok {
	case "M", "MM":
		return pad(int(t.Month()), len(tok))
	case "Mo":
		return ordinal(int(t.Month()))
	case "MMM":
		return t.Month().String()[:3]
	case "MMMM":
		return t.Month().String()
	case "Q":
		return pad((int(t.Month())+2)/3, 1)
	case "Qo":
		return ordinal((int(t.Month()) + 2) / 3)
	case "D", "DD":
		return pad(t.Day(), len(tok))
	case "Do":
		return ordinal(t.Day())
	case "DDD":
		return pad(t.YearDay(), 1)
	case "DDDo":
		return ordinal(t.YearDay())
	case "DDDD":
		return pad(t.YearDay(), 3)
	case "d", "e":
		return pad(int(t.Weekday()), 1)
	case "do":
		return ordinal(int(t.Weekday()))
	case "dd", "ddd":
		return t.Weekday().String()[:len(tok)]
	case "dddd":
		return t.Weekday().String()
	case "E":
		return pad((int(t.Weekday())+6)%7+1, 1)
	case "w", "ww":
		return pad(gweek, len(tok))
	case "wo":
		return ordinal(gweek)
	case "W", "WW":
		return pad(week, len(tok))
	case "Wo":
		return ordinal(week)
	case "YY":
		return pad(t.Year()%100, 2)
	case "Y", "YYYY", "YYYYY":
		return pad(t.Year(), max(4, len(tok)))
	case "YYYYYY":
		if t.Year() < 0 {
			return pad(t.Year(), 7)
		}
		return "+" + pad(t.Year(), 6)
	case "y", "yy", "yyy", "yyyy":
		return pad(t.Year(), len(tok))
	case "yo":
		return ordinal(t.Year())
	case "N", "NN", "NNN":
		return "AD"
	case "NNNN":
		return "Anno Domini"
	case "NNNNN":
		return "AD"
	case "gg":
		return pad(gyear%100, 2)
	case "gggg", "ggggg":
		return pad(gyear, len(tok))
	case "GG":
		return pad(year%100, 2)
	case "GGGG", "GGGGG":
		return pad(year, len(tok))
	case "A":
		return t.Format("PM")
	case "a":
		return t.Format("pm")
	case "H", "HH":
		return pad(t.Hour(), len(tok))
	case "h", "hh":
		return pad(hour12, len(tok))
	case "k", "kk":
		return pad(hour24, len(tok))
	case "Hmm":
		return pad(t.Hour(), 1) + pad(t.Minute(), 2)
	case "Hmmss":
		return pad(t.Hour(), 1) + pad(t.Minute(), 2) + pad(t.Second(), 2)
	case "hmm":
		return pad(hour12, 1) + pad(t.Minute(), 2)
	case "hmmss":
		return pad(hour12, 1) + pad(t.Minute(), 2) + pad(t.Second(), 2)
	case "m", "mm":
		return pad(t.Minute(), len(tok))
	case "s", "ss":
		return pad(t.Second(), len(tok))
	case "Z":
		return t.Format("-07:00")
	case "ZZ":
		return t.Format("-0700")
	case "z", "zz":
		if _, offset := t.Zone(); offset == 0 {
			return "UTC"
		}
		return ""
	case "X":
		return strconv.FormatInt(t.Unix(), 10)
	case "x":
		return strconv.FormatInt(t.UnixMilli(), 10)
	}
	// S…: a fraction of a second, of which JavaScript has three digits.
	return (pad(t.Nanosecond()/1e6, 3) + "000000")[:len(tok)]
}

func pad(n, width int) string {
	if n < 0 {
		return "-" + pad(-n, width-1)
	}
	s := strconv.Itoa(n)
	if len(s) < width {
		s = strings.Repeat("0", width-len(s)) + s
	}
	return s
}

func ordinal(n int) string {
	suffix := "th"
	if n%100/10 != 1 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return strconv.Itoa(n) + suffix
}

// localeWeek is the week of the year where weeks begin on Sunday and the first one holds
// January 1.
func localeWeek(t time.Time) (year, week int) {
	// The Saturday that ends the week decides the year.
	end := t.AddDate(0, 0, int(time.Saturday-t.Weekday()))
	return end.Year(), (end.YearDay()-1)/7 + 1
}

// parseMoment reads a time by a format, the way moment.js does when it is not strict: what
// separates the tokens does not matter, and what is not given is the start of the period, or
// of today for a format without a date. Without an offset in the text the time is UTC; with
// one it stays in that offset.
func parseMoment(text, format string, now time.Time) (time.Time, error) {
	p := momentParts{year: now.UTC().Year(), month: -1, day: -1, yearDay: -1, week: -1, weekday: -1, hour12: -1}
	rest := text
	read := false
	for _, tok := range tokenize(format) {
		if tok.literal {
			rest = skipLiteral(rest, tok.text)
			continue
		}
		after, ok := p.read(tok.text, rest)
		if !ok {
			return time.Time{}, fmt.Errorf("%q does not fit %q: %s expected at %q", clip(text), clip(format), tok.text, clip(rest))
		}
		rest, read = after, true
	}
	if !read {
		return time.Time{}, fmt.Errorf("the format %q has no token", clip(format))
	}
	return p.time(text, now.UTC())
}

// skipLiteral passes over the characters of a literal where the text has them.
func skipLiteral(s, literal string) string {
	for i := range len(literal) {
		s = strings.TrimPrefix(s, literal[i:i+1])
	}
	return s
}

// momentParts are what was read; -1 is not given.
type momentParts struct {
	year, month, day, yearDay int
	yearGiven                 bool
	week, weekYear, weekday   int
	iso                       bool // the week is one of ISO 8601
	hour, minute, second      int
	nano                      int
	hour12                    int // 0 am, 1 pm
	zone                      *time.Location
	absolute                  *time.Time
}

// read takes the value of a token off the text.
func (p *momentParts) read(tok, s string) (rest string, ok bool) {
	switch tok {
	case "Z", "ZZ", "Y", "YYYYYY", "X", "x":
		return p.readSigned(tok, strings.TrimLeft(s, " \t")) // a sign is not a separator
	case "MMM", "MMMM", "dd", "ddd", "dddd", "A", "a":
		s = strings.TrimLeft(s, " \t-/.,:")
	default:
		s = strings.TrimLeft(s, " \t-/.,:T")
	}
	number := func(most int, set func(n int)) (string, bool) {
		n := 0
		for n < len(s) && n < most && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		if n == 0 {
			return s, false
		}
		v, _ := strconv.Atoi(s[:n]) // at most nine digits
		set(v)
		return s[n:], true
	}
	switch tok {
	case "M", "MM":
		return number(2, func(n int) { p.month = n })
	case "Mo":
		rest, ok := number(2, func(n int) { p.month = n })
		return skipOrdinal(rest), ok
	case "MMM", "MMMM":
		return named(s, 12, func(i int) string { return time.Month(i + 1).String() }, func(i int) { p.month = i + 1 })
	case "Q", "Qo":
		rest, ok := number(1, func(n int) { p.month = (n-1)*3 + 1 })
		return skipOrdinal(rest), ok
	case "D", "DD":
		return number(2, func(n int) { p.day = n })
	case "Do":
		rest, ok := number(2, func(n int) { p.day = n })
		return skipOrdinal(rest), ok
	case "DDD", "DDDD":
		return number(3, func(n int) { p.yearDay = n })
	case "DDDo":
		rest, ok := number(3, func(n int) { p.yearDay = n })
		return skipOrdinal(rest), ok
	case "d", "e", "do":
		rest, ok := number(1, func(n int) { p.weekday = n })
		return skipOrdinal(rest), ok
	case "E":
		return number(1, func(n int) { p.weekday = n % 7 })
	case "dd", "ddd", "dddd":
		return named(s, 7, func(i int) string { return time.Weekday(i).String() }, func(int) {})
	case "w", "ww", "wo":
		rest, ok := number(2, func(n int) { p.week = n })
		return skipOrdinal(rest), ok
	case "W", "WW", "Wo":
		rest, ok := number(2, func(n int) { p.week, p.iso = n, true })
		return skipOrdinal(rest), ok
	case "YY", "gg", "GG":
		return number(2, func(n int) { p.setYear(tok, shortYear(n)) })
	case "YYYY", "gggg", "GGGG", "yyyy", "y", "yy", "yyy", "yo":
		rest, ok := number(4, func(n int) { p.setYear(tok, n) })
		if tok == "yo" {
			rest = skipOrdinal(rest)
		}
		return rest, ok
	case "YYYYY", "ggggg", "GGGGG":
		return number(5, func(n int) { p.setYear(tok, n) })
	case "N", "NN", "NNN", "NNNN", "NNNNN":
		return named(s, 2, func(i int) string { return [...]string{"AD", "Anno Domini"}[i] }, func(int) {})
	case "A", "a":
		return p.readMeridiem(s)
	case "H", "HH", "h", "hh":
		return number(2, func(n int) { p.hour = n })
	case "k", "kk":
		return number(2, func(n int) { p.hour = n % 24 })
	case "Hmm", "hmm":
		return number(4, func(n int) { p.hour, p.minute = n/100, n%100 })
	case "Hmmss", "hmmss":
		return number(6, func(n int) { p.hour, p.minute, p.second = n/10000, n/100%100, n%100 })
	case "m", "mm":
		return number(2, func(n int) { p.minute = n })
	case "s", "ss":
		return number(2, func(n int) { p.second = n })
	case "z", "zz":
		return strings.TrimLeft(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), true
	}
	return p.readFraction(s)
}

func (p *momentParts) readFraction(s string) (string, bool) {
	n := 0
	for n < len(s) && n < 9 && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	if n == 0 {
		return s, false
	}
	v, _ := strconv.Atoi((s[:n] + "000000000")[:9])
	p.nano = v / 1e6 * 1e6 // JavaScript's times have milliseconds
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return s[n:], true
}

func (p *momentParts) readMeridiem(s string) (string, bool) {
	lower := strings.ToLower(s[:min(4, len(s))])
	for _, m := range []struct {
		text string
		pm   int
	}{{"a.m.", 0}, {"p.m.", 1}, {"am", 0}, {"pm", 1}, {"a", 0}, {"p", 1}} {
		if strings.HasPrefix(lower, m.text) {
			p.hour12 = m.pm
			return s[len(m.text):], true
		}
	}
	return s, false
}

func (p *momentParts) setYear(tok string, year int) {
	if tok[0] == 'g' || tok[0] == 'G' {
		p.weekYear, p.iso = year, tok[0] == 'G'
		if p.week < 0 {
			p.week = 1
		}
		return
	}
	p.year, p.yearGiven = year, true
}

// readSigned reads the tokens whose value may have a sign.
func (p *momentParts) readSigned(tok, s string) (string, bool) {
	if tok == "Z" || tok == "ZZ" {
		zone, rest, ok := readOffset(s)
		p.zone = zone
		return rest, ok
	}
	n := 0
	for n < len(s) && (s[n] >= '0' && s[n] <= '9' || n == 0 && (s[n] == '+' || s[n] == '-') || tok == "X" && s[n] == '.') {
		n++
	}
	f, err := strconv.ParseFloat(s[:n], 64)
	if err != nil || math.Abs(f) > 8.64e15 {
		return s, false
	}
	switch tok {
	case "X":
		f *= 1000
		fallthrough
	case "x":
		if math.Abs(f) > 8.64e15 {
			return s, false
		}
		t := time.UnixMilli(int64(f)).UTC()
		p.absolute = &t
	default:
		if math.Abs(f) > 270_000 {
			return s, false
		}
		p.setYear(tok, int(f))
	}
	return s[n:], true
}

// readOffset reads Z, ±hh, ±hhmm or ±hh:mm.
func readOffset(s string) (zone *time.Location, rest string, ok bool) {
	if s == "" {
		return nil, s, false
	}
	if s[0] == 'Z' || s[0] == 'z' {
		return time.UTC, s[1:], true
	}
	if s[0] != '+' && s[0] != '-' || len(s) < 3 {
		return nil, s, false
	}
	hours, err := strconv.ParseUint(s[1:3], 10, 8)
	if err != nil {
		return nil, s, false
	}
	rest = s[3:]
	minutes := uint64(0)
	after := strings.TrimPrefix(rest, ":")
	if len(after) >= 2 {
		if m, err := strconv.ParseUint(after[:2], 10, 8); err == nil {
			minutes, rest = m, after[2:]
		}
	}
	if hours > 23 || minutes > 59 {
		return nil, s, false
	}
	offset := int(hours*3600 + minutes*60)
	if s[0] == '-' {
		offset = -offset
	}
	if offset == 0 {
		return time.UTC, rest, true
	}
	return time.FixedZone("", offset), rest, true
}

func skipOrdinal(s string) string {
	for _, suffix := range []string{"st", "nd", "rd", "th"} {
		if rest, ok := strings.CutPrefix(s, suffix); ok {
			return rest
		}
	}
	return s
}

// named reads a name, or its first three letters, whatever their case.
func named(s string, n int, name func(i int) string, set func(i int)) (string, bool) {
	for _, short := range []bool{false, true} {
		for i := range n {
			want := name(i)
			if short {
				want = want[:min(3, len(want))]
			}
			if len(s) >= len(want) && strings.EqualFold(s[:len(want)], want) {
				set(i)
				return s[len(want):], true
			}
		}
	}
	for i := range n {
		if len(s) >= 2 && n == 7 && strings.EqualFold(s[:2], name(i)[:2]) {
			set(i)
			return s[2:], true
		}
	}
	return s, false
}

// shortYear is the year that two digits stand for: 69 and later are in the 1900s.
func shortYear(n int) int {
	if n > 68 {
		return 1900 + n
	}
	return 2000 + n
}

// time puts the parts together.
func (p *momentParts) time(text string, now time.Time) (time.Time, error) {
	if p.absolute != nil {
		return *p.absolute, nil
	}
	zone := p.zone
	if zone == nil {
		zone = time.UTC
	}
	switch {
	case p.hour12 == 1 && p.hour < 12:
		p.hour += 12
	case p.hour12 == 0 && p.hour == 12:
		p.hour = 0
	}
	wrong := func(part string) (time.Time, error) {
		return time.Time{}, fmt.Errorf("%q has no such %s", clip(text), part)
	}
	switch {
	case p.hour > 24 || p.hour == 24 && (p.minute > 0 || p.second > 0 || p.nano > 0):
		return wrong("hour")
	case p.minute > 59:
		return wrong("minute")
	case p.second > 59:
		return wrong("second")
	}
	date := time.Date(p.year, 1, 1, 0, 0, 0, 0, time.UTC)
	switch {
	case p.week >= 0:
		if p.week < 1 || p.week > 53 || p.weekday > 6 {
			return wrong("week")
		}
		date = p.weekDate(now)
	case p.yearDay >= 0:
		date = date.AddDate(0, 0, p.yearDay-1)
		if p.yearDay == 0 || date.Year() != p.year {
			return wrong("day of the year")
		}
	case p.month >= 0 || p.day >= 0 || p.yearGiven:
		month, day := p.month, p.day
		if month < 0 {
			month = 1
			if !p.yearGiven {
				month = int(now.Month())
			}
		}
		if day < 0 {
			day = 1
		}
		date = time.Date(p.year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
		if month < 1 || month > 12 {
			return wrong("month")
		}
		if date.Day() != day || int(date.Month()) != month {
			return wrong("day of the month")
		}
	default:
		date = time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC)
	}
	return time.Date(date.Year(), date.Month(), date.Day(), p.hour, p.minute, p.second, p.nano, zone), nil
}

// weekDate is the day that a year, week and weekday name.
func (p *momentParts) weekDate(now time.Time) time.Time {
	year := p.weekYear
	if year == 0 {
		year = now.Year()
		if p.yearGiven {
			year = p.year
		}
	}
	if p.iso {
		monday := time.Date(year, 1, 4, 0, 0, 0, 0, time.UTC)
		monday = monday.AddDate(0, 0, -(int(monday.Weekday())+6)%7+(p.week-1)*7)
		if p.weekday < 0 {
			return monday
		}
		return monday.AddDate(0, 0, (p.weekday+6)%7)
	}
	sunday := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
	return sunday.AddDate(0, 0, -int(sunday.Weekday())+(p.week-1)*7+max(p.weekday, 0))
}

// isoLayouts are the forms of ISO 8601 that are read without a format.
var isoLayouts = []string{
	"YYYY-MM-DDTHH:mm:ss.SZ", "YYYY-MM-DDTHH:mm:ssZ", "YYYY-MM-DDTHH:mmZ", "YYYY-MM-DDTHH:mm:ss.S",
	"YYYY-MM-DDTHH:mm:ss", "YYYY-MM-DDTHH:mm", "YYYY-MM-DDTHH", "YYYY-MM-DD", "YYYY-MM",
}

// parseTime reads a time by its format, or as ISO 8601 when it has none.
func parseTime(text, format string, now time.Time) (time.Time, error) {
	if len(format) > maxFormat || len(text) > maxFormat {
		return time.Time{}, fmt.Errorf("a time and its format may have %d bytes", maxFormat)
	}
	if format != "" {
		return parseMoment(text, format, now)
	}
	for _, layout := range isoLayouts {
		if t, err := parseMoment(text, layout, now); err == nil && isoShaped(text) {
			return t, nil
		}
	}
	if t, err := time.Parse(time.RFC1123Z, text); err == nil {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("%q is no time of ISO 8601; give its format", clip(text))
}

func isoShaped(s string) bool {
	return len(s) >= 7 && s[4] == '-' && strings.Trim(s[:4], "0123456789") == ""
}
