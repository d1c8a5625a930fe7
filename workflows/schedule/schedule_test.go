package schedule

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// local reads a time such as "2026-03-29 01:30 +0100".
func local(t testing.TB, text string) int64 {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04 -0700", text)
	if err != nil {
		t.Fatal(err)
	}
	return at.UnixMilli()
}

func TestUpcoming(t *testing.T) {
	t.Parallel()
	const berlin = "Europe/Berlin" // +0100, in summer +0200; the clocks change at 01:00 UTC
	for name, tc := range map[string]struct {
		spec  Spec
		after string
		want  []string
	}{
		"once": {Spec{First: local(t, "2026-01-01 12:00 +0000")}, "2025-12-31 00:00 +0000", []string{"2026-01-01 12:00 +0000"}},
		"once is over at its moment": {
			Spec{First: local(t, "2026-01-01 12:00 +0000")}, "2026-01-01 12:00 +0000", nil,
		},
		"interval": {
			Spec{First: local(t, "2026-01-01 12:00 +0000"), Interval: 90 * 60_000}, "2026-01-01 13:30 +0000",
			[]string{"2026-01-01 15:00 +0000", "2026-01-01 16:30 +0000"},
		},
		"a day without a zone is 24 hours": {
			Spec{First: local(t, "2026-03-27 02:30 +0000"), Unit: Day, Frequency: 1}, "2026-03-28 03:00 +0000",
			[]string{"2026-03-29 02:30 +0000", "2026-03-30 02:30 +0000"},
		},
		"a day in a zone keeps its hour, and waits for a skipped one": {
			Spec{First: local(t, "2026-03-27 02:30 +0100"), Unit: Day, Frequency: 1, Zone: berlin}, "2026-03-27 12:00 +0000",
			[]string{"2026-03-28 02:30 +0100", "2026-03-29 03:00 +0200", "2026-03-30 02:30 +0200"},
		},
		"a day in a zone takes a doubled hour once": {
			Spec{First: local(t, "2026-10-23 02:30 +0200"), Unit: Day, Frequency: 1, Zone: berlin}, "2026-10-24 12:00 +0000",
			[]string{"2026-10-25 02:30 +0200", "2026-10-26 02:30 +0100"},
		},
		"months end where they end": {
			Spec{First: local(t, "2027-12-31 08:00 +0000"), Unit: Month, Frequency: 1, Interval: 1000}, "2028-01-01 00:00 +0000",
			[]string{"2028-01-31 08:00 +0000", "2028-02-29 08:00 +0000", "2028-03-31 08:00 +0000", "2028-04-30 08:00 +0000"},
		},
		"a leap day every year": {
			Spec{First: local(t, "2024-02-29 00:00 +0000"), Unit: Year, Frequency: 1}, "2026-01-01 00:00 +0000",
			[]string{"2026-02-28 00:00 +0000", "2027-02-28 00:00 +0000", "2028-02-29 00:00 +0000"},
		},
		"cron in a zone": {
			Spec{Cron: "30 8 * * mon-fri", Zone: berlin}, "2026-03-27 12:00 +0000",
			[]string{"2026-03-30 08:30 +0200", "2026-03-31 08:30 +0200"},
		},
		"cron not before its first moment": {
			Spec{Cron: "@hourly", First: local(t, "2026-05-05 10:00 +0000")}, "2026-01-01 00:00 +0000",
			[]string{"2026-05-05 10:00 +0000", "2026-05-05 11:00 +0000"},
		},
		"cron: skipped times are one, when the clocks jump": {
			Spec{Cron: "0,30 2 * * *", Zone: berlin}, "2026-03-28 12:00 +0000",
			[]string{"2026-03-29 03:00 +0200", "2026-03-30 02:00 +0200", "2026-03-30 02:30 +0200"},
		},
		"cron: a doubled time is taken once": {
			Spec{Cron: "30 2 * * *", Zone: berlin}, "2026-10-24 12:00 +0000",
			[]string{"2026-10-25 02:30 +0200", "2026-10-26 02:30 +0100"},
		},
		"cron: not again in the second half of a doubled hour": {
			Spec{Cron: "30 2 * * *", Zone: berlin}, "2026-10-25 02:10 +0100", []string{"2026-10-26 02:30 +0100"},
		},
		"cron: every half hour is every half hour": {
			Spec{Cron: "*/30 * * * *", Zone: berlin}, "2026-10-25 01:30 +0200",
			[]string{"2026-10-25 02:00 +0200", "2026-10-25 02:30 +0200", "2026-10-25 02:00 +0100", "2026-10-25 02:30 +0100", "2026-10-25 03:00 +0100"},
		},
		"cron: every half hour over a skipped hour": {
			Spec{Cron: "*/30 * * * *", Zone: berlin}, "2026-03-29 01:00 +0100",
			[]string{"2026-03-29 01:30 +0100", "2026-03-29 03:00 +0200", "2026-03-29 03:30 +0200"},
		},
		"cron: clocks that change by half an hour": {
			Spec{Cron: "15 2 * * *", Zone: "Australia/Lord_Howe"}, "2026-10-03 00:00 +0000", // 02:00 becomes 02:30
			[]string{"2026-10-04 02:30 +1100", "2026-10-05 02:15 +1100"},
		},
		"cron: a day that a zone never had": {
			Spec{Cron: "0 12 30 12 *", Zone: "Pacific/Apia"}, "2011-12-01 00:00 +0000", // crossed the date line
			[]string{"2011-12-31 00:00 +1400", "2012-12-30 12:00 +1400"},
		},
		"cron: either kind of day": {
			Spec{Cron: "0 0 13 * 5"}, "2026-02-10 00:00 +0000",
			[]string{"2026-02-13 00:00 +0000", "2026-02-20 00:00 +0000", "2026-02-27 00:00 +0000", "2026-03-06 00:00 +0000", "2026-03-13 00:00 +0000"},
		},
		"cron: steps in the days are no choice of days": {
			Spec{Cron: "0 0 */10 * 1"}, "2026-01-01 00:00 +0000", []string{"2026-05-11 00:00 +0000", "2026-06-01 00:00 +0000"},
		},
		"cron: a leap day": {
			Spec{Cron: "0 0 29 feb ?"}, "2097-01-01 00:00 +0000", []string{"2104-02-29 00:00 +0000"},
		},
		"cron: over the end of a leap year far away": {
			Spec{Cron: "30 * 1 1 *", Zone: berlin}, "2040-12-31 10:00 +0000", []string{"2041-01-01 00:30 +0100"},
		},
		"holidays": {
			Spec{Cron: "0 8 * * *", Zone: berlin, Holidays: []string{"12-25", "2026-12-26"}}, "2026-12-24 12:00 +0000",
			[]string{"2026-12-27 08:00 +0100", "2026-12-28 08:00 +0100"},
		},
		"a holiday in a zone ends at its midnight": {
			Spec{First: local(t, "2026-01-01 00:00 +0000"), Interval: 3_600_000, Zone: "America/New_York", Holidays: []string{"07-04"}}, "2026-07-04 03:00 +0000",
			[]string{"2026-07-05 04:00 +0000"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := New(tc.spec)
			if err != nil {
				t.Fatal(err)
			}
			var want []int64
			for _, w := range tc.want {
				want = append(want, local(t, w))
			}
			n := max(len(want), 1)
			if got := s.Upcoming(local(t, tc.after), n); !slices.Equal(got, want) {
				t.Errorf("due at %v, want %v", shown(got), tc.want)
			}
		})
	}
}

func shown(at []int64) (out []string) {
	for _, ms := range at {
		out = append(out, time.UnixMilli(ms).UTC().Format(time.RFC3339))
	}
	return out
}

func TestNew_problems(t *testing.T) {
	t.Parallel()
	for want, spec := range map[string]Spec{
		"cron: * five fields":         {Cron: "* * *"},
		"cron: * from 0 to 59":        {Cron: "60 * * * *"},
		"cron: * month must be":       {Cron: "0 0 1 moon *"},
		"cron: * runs backwards":      {Cron: "0 9-5 * * *"},
		"cron: * step":                {Cron: "*/0 * * * *"},
		"cron: * from 0 to 23":        {Cron: "0 , * * *"},
		"cron: * never be due":        {Cron: "0 0 30 2 *"},
		"timezone: * no time zone":    {Cron: "@daily", Zone: "Mars/Olympus"},
		"timezone: * zone \"Local\"":  {Cron: "@daily", Zone: "Local"},
		"holidays: * a day":           {Cron: "@daily", Holidays: []string{"02-29", "2026-02-29"}},
		"repeatInterval: * 1000":      {Interval: 10},
		"repeatFrequency: * so long":  {Unit: Week, Frequency: 1 << 60},
		"firstRunAt: * milliseconds ": {First: 1 << 60},
	} {
		_, err := New(spec)
		problem, ok := errors.AsType[*Problem](err)
		field, text, _ := strings.Cut(want, ": * ")
		if !ok || problem.Field != field || !strings.Contains(problem.Text, text) {
			t.Errorf("%+v: %v, want %s", spec, err, want)
		}
	}
}

// Whatever the schedule, the zone and the moment: the next run is later, nothing is due in
// between, and where one stops to ask changes nothing.
func TestNext_laws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, err := New(anySpec().Draw(t, "spec"))
		if err != nil {
			t.Skip("not a schedule")
		}
		after := rapid.Int64Range(0, 4_000_000_000_000).Draw(t, "after")
		due := s.Upcoming(after, 8)
		last := after
		for i, at := range due {
			if at <= last {
				t.Fatalf("run %d at %d is not after %d", i, at, last)
			}
			between := rapid.Int64Range(last, at-1).Draw(t, "between")
			if got, ok := s.Next(between); !ok || got != at {
				t.Fatalf("from %d, before the run at %d, the next is %d, %t", between, at, got, ok)
			}
			last = at
		}
		if len(due) > 3 {
			if got := s.Missed(after, due[len(due)-1], 3); !cmp.Equal(got, due[len(due)-3:]) {
				t.Fatalf("missed %v of %v", got, due)
			}
		}
	})
}

func anySpec() *rapid.Generator[Spec] {
	return rapid.Custom(func(t *rapid.T) Spec {
		pick := func(of ...string) string { return rapid.SampledFrom(of).Draw(t, "one") }
		spec := Spec{
			First: rapid.Int64Range(0, 2_000_000_000_000).Draw(t, "first"),
			Zone:  pick("", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca", "Asia/Kathmandu"),
		}
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			spec.Interval = rapid.Int64Range(1000, 100_000_000).Draw(t, "interval")
		case 1:
			spec.Unit, spec.Frequency = Unit(pick("second", "minute", "hour", "day", "week", "month", "year")), rapid.Int64Range(1, 40).Draw(t, "frequency")
		default:
			spec.Cron = strings.Join([]string{
				pick("*", "0", "*/7", "15,45", "59"), pick("*", "*/5", "2", "1-3", "0,23"), pick("*", "1", "31", "*/9", "29"), pick("*", "2", "3,10", "jan-jun"), pick("*", "0", "7", "1-5", "*/2"),
			}, " ")
		}
		if rapid.Bool().Draw(t, "rests") {
			spec.Holidays = []string{pick("12-25", "01-01", "03-29", "2026-10-25"), pick("02-29", "07-04")}
		}
		return spec
	})
}

// Every minute that a running expression names in real time is due, found by looking at each.
func TestCron_againstEveryMinute(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		spec := anySpec().Draw(t, "spec")
		spec.First, spec.Holidays = 0, nil
		s, err := New(spec)
		if err != nil || s.cron == nil || !s.cron.running {
			t.Skip("another kind")
		}
		changes := []string{"2026-03-29 00:00 +0000", "2026-10-24 23:00 +0000", "2026-03-08 05:00 +0000", "2026-11-01 04:00 +0000", "2026-04-04 13:00 +0000"}
		at, _ := time.Parse("2006-01-02 15:04 -0700", rapid.SampledFrom(changes).Draw(t, "around"))
		var want []int64
		for m := range 6 * 60 {
			if now := at.Add(time.Duration(m) * time.Minute); s.cron.fits(wallOf(now, s.loc)) {
				want = append(want, now.UnixMilli())
			}
		}
		got := s.Missed(at.UnixMilli()-1, at.Add(6*time.Hour).UnixMilli()-1, 1000)
		if !slices.Equal(got, want) {
			t.Fatalf("%+v: due at %v, want %v", spec, shown(got), shown(want))
		}
	})
}

func FuzzNew(f *testing.F) {
	for _, seed := range []string{"*/5 2,3 1-7 * mon#1", "@daily", "0 0 29 2 *", "* * * * *", "59-0/3 ? ? ? ?"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := New(Spec{Cron: text, Zone: "Europe/Berlin"})
		if err != nil {
			return
		}
		if at, ok := s.Next(1_790_000_000_000); ok && at <= 1_790_000_000_000 {
			t.Errorf("%q is due in the past", text)
		}
	})
}

func BenchmarkNext(b *testing.B) {
	for name, spec := range map[string]Spec{
		"interval": {Interval: 60_000}, "month": {Unit: Month, Frequency: 1, Zone: "Europe/Berlin"}, "cron": {Cron: "30 2 * * mon", Zone: "Europe/Berlin"},
	} {
		s, err := New(spec)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			at := int64(1_790_000_000_000)
			for b.Loop() {
				at, _ = s.Next(at)
				if at > 4_000_000_000_000 {
					at = 1_790_000_000_000
				}
			}
		})
	}
}
