package builtin

import (
	"testing"
	"time"
)

func TestFormatMoment(t *testing.T) {
	t.Parallel()
	at := time.Date(2023, 1, 1, 15, 4, 5, 678_900_000, time.FixedZone("", -7*3600))
	for format, want := range map[string]string{
		"YYYY-MM-DDTHH:mm:ss.SSSSSSZZ": "2023-01-01T15:04:05.678000-0700",
		"M Mo MM MMM MMMM":             "1 1st 01 Jan January",
		"Q Qo D Do DD DDD DDDo DDDD":   "1 1st 1 1st 01 1 1st 001",
		"d do dd ddd dddd e E":         "0 0th Su Sun Sunday 0 7",
		"w wo ww W Wo WW":              "1 1st 01 52 52nd 52",
		"YY YYYY YYYYY YYYYYY Y y":     "23 2023 02023 +002023 2023 2023",
		"gg gggg GG GGGG":              "23 2023 22 2022",
		"A a H HH h hh k kk m mm s ss": "PM pm 15 15 3 03 15 15 4 04 5 05",
		"S SS SSS SSSSSSSSS":           "6 67 678 678000000",
		"Z ZZ X x":                     "-07:00 -0700 1672610645 1672610645678",
		"N NNNN Hmm hmmss":             "AD Anno Domini 1504 30405",
		"LT LTS L l":                   "3:04 PM 3:04:05 PM 01/01/2023 1/1/2023",
		"LL ll LLL":                    "January 1, 2023 Jan 1, 2023 January 1, 2023 3:04 PM",
		"LLLL":                         "Sunday, January 1, 2023 3:04 PM",
		"":                             "",
	} {
		if got := formatMoment(at, format); got != want {
			t.Errorf("%q: %q, want %q", format, got, want)
		}
	}
	if got := formatMoment(at, "[Today is] dddd"); got != "Today is Sunday" {
		t.Errorf("literal text: %q", got)
	}
}

func TestParseMoment(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for _, tc := range []struct{ text, format, want string }{
		{"2023-04-28T01:21:14.052000-1100", "YYYY-MM-DDTHH:mm:ss.SSSSSSZZ", "2023-04-28T01:21:14.052-11:00"},
		{"2023-04-28 01:21 +05:30", "YYYY-MM-DD HH:mm Z", "2023-04-28T01:21:00+05:30"},
		{"28/Apr/23 1:05 pm", "DD/MMM/YY h:mm a", "2023-04-28T13:05:00Z"},
		{"12:00 AM", "hh:mm A", "2026-03-04T00:00:00Z"},
		{"Tuesday, August 1st 2023", "dddd, MMMM Do YYYY", "2023-08-01T00:00:00Z"},
		{"2023-W10-3", "GGGG-[W]WW-E", "2023-03-08T00:00:00Z"},
		{"2024-366", "YYYY-DDDD", "2024-12-31T00:00:00Z"},
		{"1672610645", "X", "2023-01-01T22:04:05Z"},
		{"1672610645678", "x", "2023-01-01T22:04:05.678Z"},
		{"2023", "YYYY", "2023-01-01T00:00:00Z"},
		{"07", "MM", "2026-07-01T00:00:00Z"},
		{"2023-04-28T01:21:14Z", "", "2023-04-28T01:21:14Z"},
		{"2023-04-28", "", "2023-04-28T00:00:00Z"},
		{"2023-02-30", "YYYY-MM-DD", ""}, {"25:00", "HH:mm", ""}, {"x", "YYYY", ""}, {"x", "[x]", ""}, {"yesterday", "", ""},
		{"2023-13-01", "YYYY-MM-DD", ""}, {"2023-366", "YYYY-DDDD", ""},
	} {
		got, err := parseTime(tc.text, tc.format, now)
		if tc.want == "" {
			if err == nil {
				t.Errorf("%q by %q: %s, want an error", tc.text, tc.format, got)
			}
			continue
		}
		if err != nil || got.Format(time.RFC3339Nano) != tc.want {
			t.Errorf("%q by %q: %s, %v, want %s", tc.text, tc.format, got.Format(time.RFC3339Nano), err, tc.want)
		}
	}
}
