package js

import (
	"fmt"
	"math"
	"time"
)

// Local time is UTC: a transformation gives the same result wherever it runs.

const (
	msPerDay  = 86_400_000
	maxDateMs = 8.64e15
)

// receiveDate also takes what a date becomes outside: its text, or its milliseconds.
func receiveDate(m *Machine, v Value, method string) *Date {
	switch x := v.(type) {
	case *Date:
		return x
	case string:
		return &Date{parseDate(x)}
	case float64:
		return &Date{timeClip(x)}
	}
	refuse(v, method)
	return nil
}

var _ = define("Date", fns{
	"UTC":      func(m *Machine, a Args) Value { return timeClip(m.dateOf(a)) },
	"new Date": newDate,
	"now":      func(m *Machine, _ Args) Value { return float64(m.env.Now.UnixMilli()) },
	"parse":    func(m *Machine, a Args) Value { return parseDate(m.toString(a.at(0))) },
})

func newDate(m *Machine, a Args) Value {
	switch {
	case len(a) == 0:
		return &Date{float64(m.env.Now.UnixMilli())}
	case len(a) > 1:
		return &Date{timeClip(m.dateOf(a))}
	}
	switch x := a[0].(type) {
	case *Date:
		return x
	case string:
		return &Date{parseDate(x)}
	}
	if p := m.toPrimitive(a[0]); isText(p) {
		return &Date{parseDate(p.(string))}
	}
	return &Date{timeClip(m.toNumber(a[0]))}
}

func isText(v Value) bool { _, ok := v.(string); return ok }

// dateOf reads year, month, day, hours, minutes, seconds, milliseconds.
func (m *Machine) dateOf(a Args) float64 {
	part := [7]float64{math.NaN(), 0, 1, 0, 0, 0, 0}
	for i := range min(len(a), 7) {
		part[i] = m.toNumber(a[i])
	}
	if y := math.Trunc(part[0]); y >= 0 && y <= 99 {
		part[0] = 1900 + y
	}
	return makeDate(part)
}

// makeDate computes the milliseconds of a year, month … millisecond, each of which may
// overflow into the next.
func makeDate(p [7]float64) float64 {
	for i, f := range p {
		if !finite(f) {
			return math.NaN()
		}
		p[i] = math.Trunc(f)
	}
	year := p[0] + math.Floor(p[1]/12)
	if math.Abs(year) > 400_000 || math.Abs(p[2]) > 1e9 {
		return math.NaN()
	}
	month := int(p[1] - 12*math.Floor(p[1]/12))
	first := time.Date(int(year), time.Month(month+1), 1, 0, 0, 0, 0, time.UTC)
	days := float64(first.Unix())/86400 + p[2] - 1
	return days*msPerDay + p[3]*3_600_000 + p[4]*60_000 + p[5]*1000 + p[6]
}

func timeClip(ms float64) float64 {
	if !finite(ms) || math.Abs(ms) > maxDateMs {
		return math.NaN()
	}
	return math.Trunc(ms) + 0
}

// parts are year, month (from 0), day, hours, minutes, seconds, milliseconds.
func (d *Date) parts() [7]float64 {
	t := d.time()
	return [7]float64{float64(t.Year()), float64(t.Month() - 1), float64(t.Day()), float64(t.Hour()),
		float64(t.Minute()), float64(t.Second()), float64(t.Nanosecond() / 1e6)}
}

// get makes a getter; an invalid date has no parts.
func get(f func(d *Date) float64) func(*Machine, *Date, Args) Value {
	return func(_ *Machine, d *Date, _ Args) Value {
		if math.IsNaN(d.ms) {
			return math.NaN()
		}
		return f(d)
	}
}

func getPart(i int) func(*Machine, *Date, Args) Value {
	return get(func(d *Date) float64 { return d.parts()[i] })
}

// setParts makes a setter of the parts from i on, at most n of them. It gives the date that
// the setter leaves behind.
func setParts(i, n int) func(*Machine, *Date, Args) Value {
	return func(m *Machine, d *Date, a Args) Value {
		p := [7]float64{math.NaN(), 0, 1}
		if !math.IsNaN(d.ms) {
			p = d.parts()
		} else if i == 0 {
			p[0] = 1970
		}
		if len(a) == 0 {
			p[i] = math.NaN()
		}
		for k := range min(len(a), n) {
			p[i+k] = m.toNumber(a[k])
		}
		return &Date{timeClip(makeDate(p))}
	}
}

// show makes a method that formats; an invalid date has one text for all of them.
func show(layout string) func(*Machine, *Date, Args) Value {
	return func(_ *Machine, d *Date, _ Args) Value { return d.format(layout) }
}

func (d *Date) format(layout string) string {
	if math.IsNaN(d.ms) {
		return "Invalid Date"
	}
	return d.time().Format(layout)
}

// showLocal is show for the methods that take a locale and options.
func showLocal(layout string) func(*Machine, *Date, Args) Value {
	return func(m *Machine, d *Date, a Args) Value {
		m.locale(a.at(0))
		if o, ok := a.at(1).(*Object); ok {
			for _, k := range o.keysInOrder() {
				if zone := o.get(k); k != "timeZone" || zone != "UTC" {
					rangeError("option %q of toLocaleString is not supported, only timeZone UTC is", k)
				}
			}
		}
		return d.format(layout)
	}
}

const (
	dateLayout = "Mon Jan 02 2006"
	timeLayout = "15:04:05 GMT+0000 (Coordinated Universal Time)"
	utcLayout  = "Mon, 02 Jan 2006 15:04:05 GMT"
)

func (d *Date) text() string { return d.format(dateLayout + " " + timeLayout) }

func (d *Date) iso() string {
	t := d.time()
	if y := t.Year(); y < 0 || y > 9999 {
		return fmt.Sprintf("%+07d%s", y, t.Format("-01-02T15:04:05.000Z"))
	}
	return t.Format("2006-01-02T15:04:05.000Z")
}

func toISO(_ *Machine, d *Date, _ Args) Value {
	if math.IsNaN(d.ms) {
		rangeError("invalid time value")
	}
	return d.iso()
}

func milliseconds(d *Date) float64 { return d.ms }

func weekday(d *Date) float64 { return float64(d.time().Weekday()) }

var _ = methods("Date", receiveDate, map[string]func(*Machine, *Date, Args) Value{
	"getDate":            getPart(2),
	"getDay":             get(weekday),
	"getFullYear":        getPart(0),
	"getHours":           getPart(3),
	"getMilliseconds":    getPart(6),
	"getMinutes":         getPart(4),
	"getMonth":           getPart(1),
	"getSeconds":         getPart(5),
	"getTime":            get(milliseconds),
	"getTimezoneOffset":  get(func(*Date) float64 { return 0 }),
	"getUTCDate":         getPart(2),
	"getUTCDay":          get(weekday),
	"getUTCFullYear":     getPart(0),
	"getUTCHours":        getPart(3),
	"getUTCMilliseconds": getPart(6),
	"getUTCMinutes":      getPart(4),
	"getUTCMonth":        getPart(1),
	"getUTCSeconds":      getPart(5),
	"getYear":            get(func(d *Date) float64 { return d.parts()[0] - 1900 }),
	"setDate":            setParts(2, 1),
	"setFullYear":        setParts(0, 3),
	"setHours":           setParts(3, 4),
	"setMilliseconds":    setParts(6, 1),
	"setMinutes":         setParts(4, 3),
	"setMonth":           setParts(1, 2),
	"setSeconds":         setParts(5, 2),
	"setTime": func(m *Machine, _ *Date, a Args) Value {
		return &Date{timeClip(m.toNumber(a.at(0)))}
	},
	"setUTCDate":         setParts(2, 1),
	"setUTCFullYear":     setParts(0, 3),
	"setUTCHours":        setParts(3, 4),
	"setUTCMilliseconds": setParts(6, 1),
	"setUTCMinutes":      setParts(4, 3),
	"setUTCMonth":        setParts(1, 2),
	"setUTCSeconds":      setParts(5, 2),
	"toDateString":       show(dateLayout),
	"toGMTString":        show(utcLayout),
	"toISOString":        toISO,
	"toJSON": func(_ *Machine, d *Date, _ Args) Value {
		if math.IsNaN(d.ms) {
			return Null
		}
		return d.iso()
	},
	"toLocaleDateString": showLocal("1/2/2006"),
	"toLocaleString":     showLocal("1/2/2006, 3:04:05 PM"),
	"toLocaleTimeString": showLocal("3:04:05 PM"),
	"toString":           func(_ *Machine, d *Date, _ Args) Value { return d.text() },
	"toTimeString":       show(timeLayout),
	"toUTCString":        show(utcLayout),
	"valueOf":            get(milliseconds),
})
