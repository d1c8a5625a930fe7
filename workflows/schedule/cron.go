package schedule

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// cron is a parsed cron expression: one bit for each value that fits.
type cron struct {
	minute, hour, day, month, weekday uint64
	anyDay, anyWeekday                bool // the field begins with "*": the other one decides
	running                           bool // the hour does: it follows real time
}

var shorthands = map[string]string{
	"@annually": "0 0 1 1 *",
	"@daily":    "0 0 * * *",
	"@hourly":   "0 * * * *",
	"@midnight": "0 0 * * *",
	"@monthly":  "0 0 1 * *",
	"@weekly":   "0 0 * * 0",
	"@yearly":   "0 0 1 1 *",
}

// span is what a field of a cron expression may hold.
type span struct {
	name     string
	min, max int
	words    []string // by value, from min on
}

var spans = []span{
	{name: "minute", max: 59},
	{name: "hour", max: 23},
	{name: "day of the month", min: 1, max: 31},
	{name: "month", min: 1, max: 12, words: []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{name: "day of the week", max: 7, words: []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

// parseCron reads the five fields minute, hour, day of the month, month and day of the week,
// or a shorthand such as "@daily".
func parseCron(text string) (*cron, error) {
	if full, ok := shorthands[strings.ToLower(strings.TrimSpace(text))]; ok {
		text = full
	}
	fields := strings.Fields(strings.ToLower(text))
	if len(fields) != len(spans) {
		return nil, fmt.Errorf("a cron expression has the five fields minute, hour, day of the month, month and day of the week, not %d", len(fields))
	}
	var sets [5]uint64
	for i, f := range fields {
		var err error
		if sets[i], err = spans[i].set(f); err != nil {
			return nil, err
		}
	}
	c := &cron{minute: sets[0], hour: sets[1], day: sets[2], month: sets[3], weekday: sets[4]}
	if c.weekday&(1<<7) != 0 {
		c.weekday = c.weekday&^(1<<7) | 1 // 7 is Sunday, too
	}
	c.running, c.anyDay, c.anyWeekday = star(fields[1]), star(fields[2]), star(fields[4])
	return c, nil
}

func star(field string) bool { return strings.HasPrefix(field, "*") || field == "?" }

// set reads a field: a list of values, ranges and steps.
func (s *span) set(field string) (out uint64, err error) {
	for part := range strings.SplitSeq(field, ",") {
		body, step, stepped := strings.Cut(part, "/")
		first, last := s.min, s.max
		if body != "*" && body != "?" {
			low, high, isRange := strings.Cut(body, "-")
			if first, err = s.value(low); err != nil {
				return 0, err
			}
			switch {
			case isRange:
				if last, err = s.value(high); err != nil {
					return 0, err
				}
			case !stepped:
				last = first
			}
		}
		by := 1
		if stepped {
			if by, err = strconv.Atoi(step); err != nil || by < 1 || by > s.max {
				return 0, fmt.Errorf("the step %q of the %s must be a number from 1 to %d", step, s.name, s.max)
			}
		}
		if first > last {
			return 0, fmt.Errorf("the range %q of the %s runs backwards", body, s.name)
		}
		for v := first; v <= last; v += by {
			out |= 1 << v
		}
	}
	return out, nil
}

func (s *span) value(text string) (int, error) {
	for i, word := range s.words {
		if text == word {
			return s.min + i, nil
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < s.min || n > s.max {
		return 0, fmt.Errorf("the %s must be from %d to %d, not %q", s.name, s.min, s.max, text)
	}
	return n, nil
}

// on tells whether the expression's days hold the day of t. Where both kinds of days are
// named, either is enough.
func (c *cron) on(t time.Time) bool {
	if c.month&(1<<t.Month()) == 0 {
		return false
	}
	day, weekday := c.day&(1<<t.Day()) != 0, c.weekday&(1<<t.Weekday()) != 0
	if c.anyDay || c.anyWeekday {
		return day && weekday
	}
	return day || weekday
}

// far is how many days are searched: the 29th of February may be eight years away, on a given
// weekday forty.
const far = 41 * 366

// next is the first wall after a wall that fits; false when none ever does.
func (c *cron) next(wall time.Time) (time.Time, bool) {
	wall = wall.Truncate(time.Minute).Add(time.Minute)
	day := time.Date(wall.Year(), wall.Month(), wall.Day(), 0, 0, 0, 0, time.UTC)
	from := wall.Hour()*60 + wall.Minute()
	for range far {
		if c.on(day) {
			if m, ok := c.within(from); ok {
				return day.Add(time.Duration(m) * time.Minute), true
			}
		}
		day, from = day.AddDate(0, 0, 1), 0
	}
	return time.Time{}, false
}

// within is the first fitting minute of a day from a minute on.
func (c *cron) within(from int) (int, bool) {
	hour, minute := from/60, from%60
	if c.hour&(1<<hour) != 0 {
		if rest := c.minute >> minute; rest != 0 {
			return hour*60 + minute + bits.TrailingZeros64(rest), true
		}
	}
	if rest := c.hour >> (hour + 1); rest != 0 {
		return (hour+1+bits.TrailingZeros64(rest))*60 + bits.TrailingZeros64(c.minute), true
	}
	return 0, false
}

// after is the first moment after t at which the expression is due in loc.
func (c *cron) after(t time.Time, loc *time.Location) (time.Time, bool) {
	if c.running {
		return c.passing(t, loc)
	}
	for wall := wallOf(t, loc); ; {
		var ok bool
		if wall, ok = c.next(wall); !ok {
			return time.Time{}, false
		}
		// A wall seen for the second time was due the first time.
		if at := instant(wall, loc); at.After(t) {
			return at, true
		}
	}
}

// passing walks through real time, from one change of the clocks to the next.
func (c *cron) passing(t time.Time, loc *time.Location) (time.Time, bool) {
	wall := wallOf(t, loc)
	for {
		next, ok := c.next(wall)
		if !ok {
			return time.Time{}, false
		}
		at := t.Add(next.Sub(wall))
		change := change(t, loc)
		if change.IsZero() || at.Before(change) {
			return at, true
		}
		// The clocks change first: go on just before what they show then.
		t = change.UTC()
		wall = wallOf(t, loc)
		if c.fits(wall) {
			return t, true
		}
	}
}

// fits tells whether a wall itself is due.
func (c *cron) fits(wall time.Time) bool {
	return wall.Second() == 0 && c.on(wall) && c.hour&(1<<wall.Hour()) != 0 && c.minute&(1<<wall.Minute()) != 0
}
