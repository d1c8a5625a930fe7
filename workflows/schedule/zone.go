package schedule

import (
	"time"
	_ "time/tzdata" // a schedule means the same on a machine without a zone database
)

// A wall is what the clocks of a zone show, written as a time in UTC.

// wallOf is what the clocks of loc show at t.
func wallOf(t time.Time, loc *time.Location) time.Time {
	t = t.In(loc)
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// instant is the first moment at which the clocks of loc show wall, or the moment at which
// they jump over it.
func instant(wall time.Time, loc *time.Location) time.Time {
	// No zone is more than 15 hours from UTC: the moment lies in this period of the zone or a later one.
	for at := wall.Add(-16 * time.Hour).In(loc); ; {
		_, offset := at.Zone()
		found := wall.Add(-time.Duration(offset) * time.Second)
		change := change(at, loc)
		switch {
		case change.IsZero() || found.Before(change):
			return found
		case wallOf(change, loc).After(wall):
			return change.UTC() // skipped
		}
		at = change
	}
}

// change is when the clocks of loc change next after t; zero for never.
func change(t time.Time, loc *time.Location) time.Time {
	_, end := t.In(loc).ZoneBounds()
	if !end.IsZero() && !end.After(t) {
		// Where a zone goes by a rule, the standard library ends a leap year a day early and
		// finds no way across that day.
		_, end = t.Add(24 * time.Hour).In(loc).ZoneBounds()
	}
	return end
}
