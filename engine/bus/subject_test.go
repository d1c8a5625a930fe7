package bus_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/heddlehq/heddle/engine/bus"
)

func TestToken(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"":            "~",
		"~":           "%7E",
		"Plain_app-1": "Plain_app-1",
		"a.b c":       "a%2Eb%20c",
		"@x/y:z*>":    "%40x%2Fy%3Az%2A%3E",
		"ä":           "%C3%A4",
		"100%":        "100%25",
	} {
		if got := bus.Token(s); got != want {
			t.Errorf("Token(%q) = %q, want %q", s, got, want)
		}
	}
	if got, err := bus.Untoken("%c3%A4"); err != nil || got != "ä" {
		t.Errorf("lower-case hex: %q, %v", got, err)
	}
	for _, bad := range []string{"", "%", "%4", "%zz", "%+1", "a.b", "a b", "ä", "a~"} {
		if got, err := bus.Untoken(bad); !errors.Is(err, bus.ErrMessage) {
			t.Errorf("Untoken(%q) = %q, %v, want ErrMessage", bad, got, err)
		}
	}
}

func FuzzToken(f *testing.F) {
	for _, s := range []string{"", "~", "a.b", "größe", "\xff", "*", ">"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		token := bus.Token(s)
		if back, err := bus.Untoken(token); err != nil || back != s {
			t.Fatalf("Untoken(Token(%q)) = %q, %v", s, back, err)
		}
		m := bus.Message{Subject: bus.TaskSubject(s, s, s)}
		if err := m.Check(); err != nil && len(m.Subject) <= 2048 {
			t.Fatalf("%q: %v", s, err)
		}
		if strings.Count(m.Subject, ".") != 4 || !bus.Match(bus.TaskFilter(s, s), m.Subject) {
			t.Fatalf("%q: subject %q", s, m.Subject)
		}
	})
}

func FuzzUntoken(f *testing.F) {
	for _, s := range []string{"~", "a", "%41", "%4", "%2e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, token string) {
		s, err := bus.Untoken(token)
		if err != nil {
			return
		}
		if again, err := bus.Untoken(bus.Token(s)); err != nil || again != s {
			t.Fatalf("%q means %q, but Token gives back %q, %v", token, s, again, err)
		}
	})
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		pattern, subject string
		want             bool
	}{
		{"a.b", "a.b", true},
		{"a.b", "a.c", false},
		{"a.b", "a", false},
		{"a.b", "a.b.c", false},
		{"a.*", "a.b", true},
		{"a.*", "a", false},
		{"a.*", "a.b.c", false},
		{"*.b", "a.b", true},
		{"*.*", "a.b", true},
		{">", "a", true},
		{">", "a.b", true},
		{"a.>", "a.b.c", true},
		{"a.>", "a", false},
		{"a.>", "b.c", false},
	} {
		if got := bus.Match(tc.pattern, tc.subject); got != tc.want {
			t.Errorf("Match(%q, %q) = %t", tc.pattern, tc.subject, got)
		}
	}
}

func TestOverlap(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{"a.b", "a.b", true},
		{"a.b", "a.c", false},
		{"a.*", "*.b", true},
		{"a.*", "a.b.c", false},
		{"a.>", "a.b.c", true},
		{"a.>", "a", false},
		{"a.>", "*.*.c", true},
		{"a.1.>", "a.2.>", false},
		{">", "a", true},
	} {
		if bus.Overlap(tc.a, tc.b) != tc.want || bus.Overlap(tc.b, tc.a) != tc.want {
			t.Errorf("Overlap(%q, %q) is not %t both ways", tc.a, tc.b, tc.want)
		}
	}
}

func TestStreams_areDisjoint(t *testing.T) {
	t.Parallel()
	streams := bus.Streams()
	for i, s := range streams {
		for _, o := range streams[:i] {
			for _, p := range s.Subjects {
				for _, q := range o.Subjects {
					if bus.Overlap(p, q) {
						t.Errorf("%s takes %q, %s takes %q", s.Name, p, o.Name, q)
					}
				}
			}
		}
	}
	for stream, subject := range map[string]string{
		bus.Events: bus.EventSubject(31, "a.b"),
		bus.Tasks:  bus.TaskSubject("", "", ""),
		bus.Feed:   bus.JobFeedSubject("j", "JobStarted"),
	} {
		for _, s := range streams {
			if s.Takes(subject) != (s.Name == stream) {
				t.Errorf("%s takes %q: %t", s.Name, subject, s.Takes(subject))
			}
		}
	}
}

func TestMessage_tooLongSubject(t *testing.T) {
	t.Parallel()
	err := bus.Message{Subject: bus.EventSubject(0, strings.Repeat("j", 3000))}.Check()
	if !errors.Is(err, bus.ErrMessage) || len(err.Error()) > 200 {
		t.Errorf("%v", err)
	}
}

func ExampleToken() {
	fmt.Println(bus.TaskSubject("default", "email", "mailWithOptions"))
	fmt.Println(bus.TaskSubject("site 2", "@acme/dns.v2", "add:record"))
	// Output:
	// heddle.task.default.email.mailWithOptions
	// heddle.task.site%202.%40acme%2Fdns%2Ev2.add%3Arecord
}
