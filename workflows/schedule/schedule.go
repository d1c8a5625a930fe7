package schedule

import (
	"fmt"
	"slices"
	"time"
)

// Unit is what a schedule repeats by.
type Unit string

// The units.
const (
	Second Unit = "second"
	Minute Unit = "minute"
	Hour   Unit = "hour"
	Day    Unit = "day"
	Week   Unit = "week"
	Month  Unit = "month"
	Year   Unit = "year"
)

var lengths = map[Unit]time.Duration{
	Second: time.Second, Minute: time.Minute, Hour: time.Hour, Day: 24 * time.Hour, Week: 7 * 24 * time.Hour,
}

// Spec describes a schedule in the words of a trigger's document. Without Cron, Unit and
// Interval it is due once, at First.
type Spec struct {
	First     int64    // milliseconds since 1970; with Cron nothing is due before
	Unit      Unit     // "" = by Interval alone
	Frequency int64    // how many units
	Interval  int64    // milliseconds; counts unless the unit is one of the calendar
	Cron      string   // five fields, or a shorthand such as "@daily"
	Zone      string   // name in the IANA database; "" = UTC
	Holidays  []string // local days on which nothing is due: "2026-12-25", or "12-25" for every year
}

// Problem says which field of a Spec is wrong, by its name in a trigger's document.
type Problem struct {
	Field string
	Index int // of the holiday; -1 elsewhere
	Text  string
}

func (p *Problem) Error() string { return p.Field + ": " + p.Text }

// Schedule is a checked Spec, safe to share.
type Schedule struct {
	first    time.Time
	every    time.Duration // fixed interval; 0 = none
	months   int
	days     int
	cron     *cron
	loc      *time.Location
	holidays map[string]bool
}

// shortest is the smallest interval: what fires more often is a stream, not a schedule.
const shortest = time.Second

// New checks a Spec. The error is a *Problem.
//
// Months and years go by the calendar, counted from First, so that a schedule of the 31st is
// due on the last day of shorter months and on the 31st again after them. Days and weeks do
// as well when a zone is named: the local time of day stays. All else goes by Interval, or by
// Unit times Frequency.
func New(s Spec) (*Schedule, error) {
	if s.First > horizon {
		return nil, &Problem{"firstRunAt", -1, "The first run must be before the year 2200; the number is in milliseconds since 1970."}
	}
	out := &Schedule{first: time.UnixMilli(s.First).UTC(), loc: time.UTC, holidays: map[string]bool{}}
	if s.Zone != "" {
		loc, err := time.LoadLocation(s.Zone)
		if err != nil || s.Zone == "Local" {
			return nil, &Problem{"timezone", -1, fmt.Sprintf("There is no time zone %q; names are like \"Europe/Berlin\".", s.Zone)}
		}
		out.loc = loc
	}
	for i, day := range s.Holidays {
		if !isDay(day) {
			return nil, &Problem{"holidays", i, fmt.Sprintf("A holiday is a day such as \"2026-12-25\", or \"12-25\" for every year, not %q.", day)}
		}
		out.holidays[day] = true
	}
	if s.Cron != "" {
		c, err := parseCron(s.Cron)
		if err != nil {
			return nil, &Problem{"cron", -1, "The expression cannot be used: " + err.Error() + "."}
		}
		out.cron = c
		if _, ok := c.next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)); !ok {
			return nil, &Problem{"cron", -1, "No day fits the expression: it would never be due."}
		}
		return out, nil
	}
	if err := out.repeat(s); err != nil {
		return nil, err
	}
	return out, nil
}

func isDay(text string) bool {
	if len(text) == len("01-02") {
		text = "2000-" + text // a leap year
	}
	_, err := time.Parse(time.DateOnly, text)
	return err == nil
}

// most bounds intervals.
const most = 200 * 365 * 24 * time.Hour

// repeat sets what the schedule repeats by.
func (s *Schedule) repeat(spec Spec) error {
	n := max(spec.Frequency, 0)
	length, known := lengths[spec.Unit]
	if spec.Interval > most.Milliseconds() || known && n > int64(most/length) {
		return &Problem{"repeatFrequency", -1, "The schedule repeats after so long a time that it cannot be computed."}
	}
	switch {
	case spec.Unit == Month && n > 0:
		s.months = int(min(n, 12_000))
	case spec.Unit == Year && n > 0:
		s.months = int(min(n, 1000)) * 12
	case (spec.Unit == Day || spec.Unit == Week) && n > 0 && spec.Zone != "":
		s.days = int(n * int64(length/lengths[Day]))
	case spec.Interval > 0:
		s.every = time.Duration(spec.Interval) * time.Millisecond
	case n > 0:
		s.every = time.Duration(n) * length
	}
	if s.every > 0 && s.every < shortest {
		return &Problem{"repeatInterval", -1, "A schedule may repeat every 1000 milliseconds at most."}
	}
	return nil
}

// Next is the first moment after a moment at which the schedule is due, both in milliseconds
// since 1970; false when it never is again. It is strictly later than after, and does not
// depend on how often or when it was asked.
func (s *Schedule) Next(after int64) (int64, bool) {
	// Each turn passes a holiday, of which few follow one another: a year of them is no schedule.
	for range 2 * 366 {
		at, ok := s.due(time.UnixMilli(after).UTC())
		if !ok || at.UnixMilli() > horizon {
			return 0, false
		}
		if !s.holiday(at) {
			return at.UnixMilli(), true
		}
		wall := wallOf(at, s.loc)
		morrow := instant(time.Date(wall.Year(), wall.Month(), wall.Day()+1, 0, 0, 0, 0, time.UTC), s.loc)
		after = max(after+1, at.UnixMilli(), morrow.UnixMilli()-1)
	}
	return 0, false
}

// horizon bounds the time computed with: what would be due later is never due.
var horizon = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// Upcoming lists the next moments after a moment at which the schedule is due, n at most.
func (s *Schedule) Upcoming(after int64, n int) (out []int64) {
	for len(out) < n {
		next, ok := s.Next(after)
		if !ok {
			break
		}
		out = append(out, next)
		after = next
	}
	return out
}

// Missed lists the last moments after from and up to to at which the schedule was due, n at
// most.
func (s *Schedule) Missed(from, to int64, n int) (last []int64) {
	if s.every > 0 && len(s.holidays) == 0 {
		from = max(from, to-int64(n)*s.every.Milliseconds()) // no need to walk through the others
	}
	for at, ok := s.Next(from); ok && at <= to; at, ok = s.Next(at) {
		if len(last) == n {
			last = slices.Delete(last, 0, 1)
		}
		last = append(last, at)
	}
	return last
}

// Zone is the time zone in which the schedule's local times are meant.
func (s *Schedule) Zone() *time.Location { return s.loc }

func (s *Schedule) holiday(at time.Time) bool {
	if len(s.holidays) == 0 {
		return false
	}
	day := wallOf(at, s.loc).Format(time.DateOnly)
	return s.holidays[day] || s.holidays[day[5:]]
}

// due is Next without holidays.
func (s *Schedule) due(after time.Time) (time.Time, bool) {
	switch {
	case s.cron != nil:
		if before := s.first.Add(-time.Millisecond); after.Before(before) {
			after = before
		}
		return s.cron.after(after, s.loc)
	case after.Before(s.first):
		return s.first, true
	case s.every > 0:
		return s.first.Add((after.Sub(s.first)/s.every + 1) * s.every), true
	case s.months > 0 || s.days > 0:
		return s.calendar(after), true
	}
	return time.Time{}, false
}

// calendar is the first date of the calendar after a moment.
func (s *Schedule) calendar(after time.Time) time.Time {
	from, now := wallOf(s.first, s.loc), wallOf(after, s.loc)
	var k int
	if s.months > 0 {
		k = ((now.Year()-from.Year())*12 + int(now.Month()) - int(from.Month())) / s.months
	} else {
		k = int(now.Sub(from)/lengths[Day]) / s.days
	}
	// The guess is off by one at most, and a change of the clocks.
	for k = max(0, k-2); ; k++ {
		if at := instant(s.date(from, k), s.loc); at.After(after) {
			return at
		}
	}
}

// date is the k-th date of the calendar; a day that its month does not have is the month's last.
func (s *Schedule) date(from time.Time, k int) time.Time {
	if s.months == 0 {
		return from.AddDate(0, 0, k*s.days)
	}
	month := time.Date(from.Year(), from.Month()+time.Month(k*s.months), 1, 0, 0, 0, 0, time.UTC)
	last := month.AddDate(0, 1, -1).Day()
	return month.AddDate(0, 0, min(from.Day(), last)-1).Add(from.Sub(time.Date(from.Year(), from.Month(), from.Day(), 0, 0, 0, 0, time.UTC)))
}
