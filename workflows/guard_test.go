package workflows_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

func guard(t *testing.T, text string) workflows.Guard {
	t.Helper()
	g, problems := workflows.ParseGuard(value.MustParse(text))
	if len(problems) > 0 {
		t.Fatalf("guard %s: %v", text, problems)
	}
	return g
}

// Exactly the limit counts as reached; the strictest bound wins; 0 is off.
func TestSI08_limitReached(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		guard                  string
		create, modify, delete int64
		present                int64
		want                   string
	}{
		"below":                   {`{"delete":5,"create":100}`, 99, 0, 4, 1000, "[]"},
		"the limit itself":        {`{"delete":5}`, 0, 0, 5, 1000, "[5 to delete, the limit is 5]"},
		"SI-07, one kind only":    {`{"delete":5,"create":100}`, 99, 0, 6, 1000, "[6 to delete, the limit is 5]"},
		"two kinds":               {`{"delete":1,"create":1}`, 2, 0, 3, 9, "[2 to create, the limit is 1 3 to delete, the limit is 1]"},
		"off":                     {`{"delete":0,"modify":{"max":0,"percent":0}}`, 9, 9, 9, 10, "[]"},
		"none":                    {`null`, 9, 9, 9, 10, "[]"},
		"relative":                {`{"modify":{"percent":10}}`, 0, 10, 0, 100, "[10 to modify, the limit is 10 (10 % of what is there)]"},
		"relative, below":         {`{"modify":{"percent":10}}`, 0, 9, 0, 100, "[]"},
		"relative, rounded up":    {`{"delete":{"percent":33}}`, 0, 0, 3, 10, "[]"},
		"relative, nothing there": {`{"create":{"percent":10}}`, 500, 0, 0, 0, "[]"},
		"the absolute is strict":  {`{"delete":{"max":5,"percent":10}}`, 0, 0, 5, 100, "[5 to delete, the limit is 5]"},
		"the relative is strict":  {`{"delete":{"max":50,"percent":10}}`, 0, 0, 10, 100, "[10 to delete, the limit is 10 (10 % of what is there)]"},
		"less than one":           {`{"delete":{"percent":0.1}}`, 0, 0, 1, 10, "[1 to delete, the limit is 1 (0.1 % of what is there)]"},
		"no change, tiny limit":   {`{"delete":{"percent":0.1}}`, 0, 0, 0, 10, "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			counts := workflows.Counts{workflows.Create: tc.create, workflows.Modify: tc.modify, workflows.Delete: tc.delete}
			if got := fmt.Sprint(guard(t, tc.guard).Reached(counts, tc.present)); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

// Two guards together let through what both let through, and nothing else.
func TestGuard_and(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) workflows.Guard {
			g := workflows.Guard{Limits: map[workflows.ChangeKind]workflows.Limit{}}
			for _, k := range workflows.ChangeKinds() {
				l := workflows.Limit{Max: rapid.Int64Range(0, 20).Draw(t, name), Percent: float64(rapid.IntRange(0, 30).Draw(t, name))}
				if l != (workflows.Limit{}) {
					g.Limits[k] = l
				}
			}
			return g
		}
		a, b := draw("a"), draw("b")
		counts := workflows.Counts{}
		for _, k := range workflows.ChangeKinds() {
			counts[k] = rapid.Int64Range(0, 25).Draw(t, "count")
		}
		present := rapid.Int64Range(0, 100).Draw(t, "present")
		both := len(a.Reached(counts, present)) == 0 && len(b.Reached(counts, present)) == 0
		if got := len(a.And(b).Reached(counts, present)) == 0; got != both {
			t.Errorf("together they let it through: %v, each: %v", got, both)
		}
		back, problems := workflows.ParseGuard(a.Value())
		if len(problems) > 0 || fmt.Sprint(back.Value()) != fmt.Sprint(a.Value()) {
			t.Errorf("%v reads as %v, %v", a.Value(), back.Value(), problems)
		}
	})
}

func TestParseGuard_refused(t *testing.T) {
	t.Parallel()
	for text, at := range map[string]string{
		`5`:                         "",
		`{"insert":5}`:              "/insert",
		`{"delete":-1}`:             "/delete",
		`{"delete":"many"}`:         "/delete",
		`{"delete":{"most":1}}`:     "/delete/most",
		`{"delete":{"max":1.5}}`:    "/delete/max",
		`{"delete":{"percent":-1}}`: "/delete/percent",
	} {
		_, problems := workflows.ParseGuard(value.MustParse(text))
		if len(problems) != 1 || problems[0].Pointer != at {
			t.Errorf("%s: %v, want one problem at %q", text, problems, at)
		}
	}
}
