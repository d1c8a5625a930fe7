package builtin

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

const groupTime = "Time"

var (
	inputTimeParam = need("inputTime", "object", "the time: {time, formatString}")
	newFormatParam = "newFormatString"
)

var timeTasks = []Task{
	timeTask(automatic(groupTime, "addDuration", "addDuration", "Adds a duration to a time.",
		params{inputTimeParam, may("offsetDuration", "", "the duration, as {days: 7} or in milliseconds")},
		params{gives("newTime", "object", "the later time")}), addDuration),
	timeTask(automatic(groupTime, "calculateTimeDiff", "calculateTimeDiff", "Subtracts one time from another.",
		params{need("firstTime", "object", "the time: {time, formatString}"), need("secondTime", "object", "the time to subtract")},
		params{gives("timeDiff", "object", "the difference in units from milliseconds to years")}), calculateTimeDiff),
	timeTask(automatic(groupTime, "convertEpochToObject", "convertEpochToObject", "Makes a time of the seconds or milliseconds since 1970.",
		params{
			need("epoch", "number", "the time since 1970"), oneOf(need("epochFormat", "string", "its unit"), "Seconds", "Milliseconds"),
			may(newFormatParam, "string", "the format to write it in"),
		},
		params{gives("convertedTime", "object", "the time")}), convertEpoch),
	timeTask(automatic(groupTime, "convertTimeFormat", "convertTimeFormat", "Writes a time in another format.",
		params{inputTimeParam, need(newFormatParam, "string", "the format to write it in")},
		params{gives("convertedTime", "object", "the time")}), convertFormat),
	timeTask(automatic(groupTime, "convertTimeToEpoch", "convertTimeToEpoch", "Gives the seconds or milliseconds since 1970.",
		params{inputTimeParam, oneOf(need("EpochFormat", "string", "the unit"), "Seconds", "Milliseconds")},
		params{gives("epochTime", "number", "the time since 1970")}), convertToEpoch),
	timeTask(automatic(groupTime, "convertTimezone", "convertTimezone", "Shifts a time, taken as UTC, to an offset.",
		params{inputTimeParam, need("NewTimezone", "string", "the offset, as +01:00, or a time zone")},
		params{gives("convertedTime", "object", "the shifted time")}), convertTimezone),
	timeTask(automatic(groupTime, "getTime", "getTime", "Gives the time at which the task was started.",
		params{
			may("timezone", "string", "the offset, as -04:00, or a time zone; UTC unless given"),
			may("offsetDuration", "", "a duration to add, as {days: 7} or in milliseconds"), may("format", "string", "the format to write it in"),
		},
		params{gives("time", "object", "the time: {time, formatString}")}), getTime),
}

func timeTask(m workflows.Method, f func(c *Call) (value.Value, error)) Task {
	return task(m, func(c *Call) engine.Outcome {
		v, err := f(c)
		if err != nil {
			return failed(err)
		}
		return engine.Succeed(m.Outgoing[0].Name, v)
	})
}

// timeObject is how times are handed on between the time tasks.
func timeObject(t time.Time, format string) (value.Value, error) {
	if format == "" {
		format = defaultFormat
	}
	if len(format) > maxFormat {
		return value.Absent, badInput("a format may have %d bytes", maxFormat)
	}
	if t.Year() < -270_000 || t.Year() > 270_000 {
		return value.Absent, badData("the time is beyond the year 270000")
	}
	return value.Object("time", value.String(formatMoment(t, format)), "formatString", value.String(format)), nil
}

// timeParam reads a parameter that holds a time.
func timeParam(c *Call, param string) (t time.Time, format string, err error) {
	in := c.Incoming.Get(param)
	format = in.Get("formatString").Text()
	t, err = parseTime(text(in.Get("time")), format, c.Now)
	if err != nil {
		return t, "", badData("%q: %s", param, err)
	}
	return t, format, nil
}

func addDuration(c *Call) (value.Value, error) {
	t, format, err := timeParam(c, "inputTime")
	if err != nil {
		return value.Absent, err
	}
	d, err := readDuration(c.Incoming.Get("offsetDuration"))
	if err != nil {
		return value.Absent, err
	}
	return timeObject(d.after(t), format)
}

func calculateTimeDiff(c *Call) (value.Value, error) {
	first, _, err := timeParam(c, "firstTime")
	if err != nil {
		return value.Absent, err
	}
	second, _, err := timeParam(c, "secondTime")
	if err != nil {
		return value.Absent, err
	}
	ms := float64(first.UnixMilli() - second.UnixMilli())
	days := ms / 86_400_000
	months := days * 4800 / 146_097 // 400 years have 146097 days
	return value.Object(
		"milliseconds", value.Number(ms), "seconds", value.Number(ms/1000), "minutes", value.Number(ms/60_000),
		"hours", value.Number(ms/3_600_000), "days", value.Number(days), "months", value.Number(months),
		"years", value.Number(months/12),
	), nil
}

func convertEpoch(c *Call) (value.Value, error) {
	ms := c.Incoming.Get("epoch").Float()
	if c.Incoming.Get("epochFormat").Text() == "Seconds" {
		ms *= 1000
	}
	if math.IsNaN(ms) || math.Abs(ms) > 8.64e15 {
		return value.Absent, badInput("\"epoch\" is no time")
	}
	return timeObject(time.UnixMilli(int64(ms)).UTC(), c.Incoming.Get(newFormatParam).Text())
}

func convertFormat(c *Call) (value.Value, error) {
	t, _, err := timeParam(c, "inputTime")
	if err != nil {
		return value.Absent, err
	}
	return timeObject(t, c.Incoming.Get(newFormatParam).Text())
}

func convertToEpoch(c *Call) (value.Value, error) {
	t, _, err := timeParam(c, "inputTime")
	if err != nil {
		return value.Absent, err
	}
	if c.Incoming.Get("EpochFormat").Text() == "Seconds" {
		return value.Int(t.Unix()), nil
	}
	return value.Int(t.UnixMilli()), nil
}

func convertTimezone(c *Call) (value.Value, error) {
	t, format, err := timeParam(c, "inputTime")
	if err != nil {
		return value.Absent, err
	}
	zone, err := readZone(c.Incoming.Get("NewTimezone").Text())
	if err != nil {
		return value.Absent, err
	}
	wall := time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	return timeObject(wall.In(zone), format)
}

func getTime(c *Call) (value.Value, error) {
	zone, err := readZone(c.Incoming.Get("timezone").Text())
	if err != nil {
		return value.Absent, err
	}
	d, err := readDuration(c.Incoming.Get("offsetDuration"))
	if err != nil {
		return value.Absent, err
	}
	return timeObject(d.after(c.Now.In(zone)), c.Incoming.Get("format").Text())
}

// readZone reads an offset or the name of a time zone.
func readZone(s string) (*time.Location, error) {
	if s == "" {
		return time.UTC, nil
	}
	if zone, rest, ok := readOffset(s); ok && rest == "" {
		return zone, nil
	}
	zone, err := time.LoadLocation(s)
	if err != nil || s == "Local" {
		return nil, badInput("%q is no time zone; give an offset like +01:00 or a name like Europe/Paris", clip(s))
	}
	return zone, nil
}

// duration is one of moment.js: months and days depend on the calendar, the rest does not.
type duration struct{ months, days, ms float64 }

// durationUnits by their names.
var durationUnits = map[string]duration{
	"year": {months: 12}, "y": {months: 12}, "quarter": {months: 3}, "Q": {months: 3}, "month": {months: 1}, "M": {months: 1},
	"week": {days: 7}, "w": {days: 7}, "day": {days: 1}, "d": {days: 1}, "hour": {ms: 3_600_000}, "h": {ms: 3_600_000},
	"minute": {ms: 60_000}, "m": {ms: 60_000}, "second": {ms: 1000}, "s": {ms: 1000}, "millisecond": {ms: 1}, "ms": {ms: 1},
}

// isoDuration is a duration of ISO 8601.
var isoDuration = regexp.MustCompile(`^([-+])?P(?:([-+0-9.]+)Y)?(?:([-+0-9.]+)M)?(?:([-+0-9.]+)W)?(?:([-+0-9.]+)D)?(?:T(?:([-+0-9.]+)H)?(?:([-+0-9.]+)M)?(?:([-+0-9.]+)S)?)?$`)

func (d *duration) add(unit duration, n float64) {
	d.months += unit.months * n
	d.days += unit.days * n
	d.ms += unit.ms * n
}

// readDuration reads an object of units, a number of milliseconds or a text of ISO 8601.
func readDuration(v value.Value) (duration, error) {
	var d duration
	switch {
	case v.IsNothing() || v.IsString() && strings.TrimSpace(v.Text()) == "":
	case v.IsObject():
		for k, m := range v.Members() {
			unit, ok := durationUnits[k]
			if !ok {
				unit, ok = durationUnits[strings.TrimSuffix(strings.ToLower(k), "s")]
			}
			n, isNumber := number(m)
			if !ok || !isNumber {
				return d, badInput("\"offsetDuration\" must give numbers of years, months, weeks, days, hours, minutes, seconds or milliseconds, not %q: %s", clip(k), clip(m.String()))
			}
			d.add(unit, n)
		}
	default:
		if n, ok := number(v); ok {
			d.ms = n
			break
		}
		parts := isoDuration.FindStringSubmatch(v.Text())
		if parts == nil {
			return d, badInput("\"offsetDuration\" must be an object like {\"days\": 7} or a number of milliseconds, not %s", clip(v.String()))
		}
		for i, unit := range []string{"year", "month", "week", "day", "hour", "minute", "second"} {
			if n, err := strconv.ParseFloat(parts[i+2], 64); err == nil {
				if parts[1] == "-" {
					n = -n
				}
				d.add(durationUnits[unit], n)
			}
		}
	}
	if !(math.Abs(d.months) < 1e6 && math.Abs(d.days) < 1e8 && math.Abs(d.ms) < 8.64e15) {
		return duration{}, badInput("\"offsetDuration\" is too long")
	}
	return d, nil
}

// after is t plus d: first whole months, where a day that a month does not have becomes its
// last one, then whole days, then the rest.
func (d duration) after(t time.Time) time.Time {
	if months := int(math.Round(d.months)); months != 0 {
		first := time.Date(t.Year(), t.Month()+time.Month(months), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
		last := first.AddDate(0, 1, -1).Day()
		t = first.AddDate(0, 0, min(t.Day(), last)-1)
	}
	t = t.AddDate(0, 0, int(math.Round(d.days)))
	// A time.Duration holds 292 years only.
	ms := math.Round(d.ms)
	return time.UnixMilli(t.UnixMilli() + int64(ms)).Add(time.Duration(t.Nanosecond() % 1e6)).In(t.Location())
}
