package builtin

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// sound is what every outcome must be, whatever the input was.
func sound(t *testing.T, task Task, c *Call) engine.Outcome {
	t.Helper()
	start := time.Now()
	got := task.Run(c)
	if took := time.Since(start); took > maxRender+3*time.Second {
		t.Errorf("%s: took %s with %s", task.Method.Name, took, c.Incoming)
	}
	switch got.State {
	case workflows.Success, workflows.Failure:
		if !got.Error.IsAbsent() {
			t.Errorf("%s: %s with the error %s", task.Method.Name, got.State, got.Error)
		}
	case workflows.Failed:
		if got.Error.Get("message").Text() == "" && task.Method.Name != "stub" || got.Error.Get("class").Text() == "" {
			t.Errorf("%s: error without a message or class: %s", task.Method.Name, got.Error)
		}
	default:
		t.Errorf("%s: state %q", task.Method.Name, got.State)
	}
	if _, err := value.ParseLast(got.Outgoing.AppendJSON(nil)); err != nil && !got.Outgoing.IsAbsent() {
		t.Errorf("%s: the result cannot be read back: %v", task.Method.Name, err)
	}
	return got
}

func FuzzEvaluation(f *testing.F) {
	f.Add(`{"evaluation_groups":[{"evaluations":[{"operand_1":{"a":1},"query":"a","operator":"==","operand_2":"1"}]}]}`)
	f.Add(`{"all_true_flag":true,"evaluation_groups":[{"evaluations":[{"operand_1":"x","operator":"contains","operand_2":"(a+)+$","rightQuery":"[*]"}]}]}`)
	f.Fuzz(func(t *testing.T, in string) {
		v, err := value.ParseLast([]byte(in))
		if err != nil {
			t.Skip()
		}
		task := lookup(t, "evaluation")
		first := sound(t, task, &Call{Incoming: v})
		if again := task.Run(&Call{Incoming: v}); again.State != first.State {
			t.Errorf("%s: first %q, then %q", in, first.State, again.State)
		}
	})
}

func FuzzMakeData(f *testing.F) {
	f.Add("<!a!> <!b!>", "string", `{"a":"<!b!>","b":1}`)
	f.Add(`["<!a!>"]`, "json", `{"a":"x"}`)
	f.Add(" 1e3 ", "number", ``)
	f.Fuzz(func(t *testing.T, input, typ, variables string) {
		vars, err := value.ParseLast([]byte(variables))
		if err != nil {
			vars = value.String(variables)
		}
		got := sound(t, lookup(t, "makeData"), &Call{Incoming: value.Object("input", value.String(input), "outputType", value.String(typ), "variables", vars)})
		if typ == "string" && !strings.Contains(input, "<!") && got.Outgoing.Get("output").Text() != value.String(input).Text() {
			t.Errorf("%q became %s", input, got.Outgoing)
		}
	})
}

func FuzzMoment(f *testing.F) {
	for _, format := range []string{defaultFormat, "dddd, MMMM Do YYYY, h:mm:ss a", "GGGG-[W]WW-E", "x", "X", "YYYYYY LLLL", "gggg ww d"} {
		f.Add("2023-04-28T01:21:14.052000-1100", format, int64(1_688_050_800_123))
	}
	f.Fuzz(func(t *testing.T, text, format string, ms int64) {
		if len(format) > maxFormat {
			t.Skip()
		}
		if _, err := parseTime(text, format, testNow); err != nil && err.Error() == "" {
			t.Error("an error without text")
		}
		// What is written by a complete format reads back as the same.
		at := time.UnixMilli(ms % 100_000_000_000_000).UTC()
		formatMoment(at, format)
		if at.Year() < 0 || at.Year() > 9999 {
			return
		}
		back, err := parseTime(formatMoment(at, defaultFormat), defaultFormat, testNow)
		if err != nil || !back.Equal(at) {
			t.Errorf("%s reads back as %s, %v", at, back, err)
		}
	})
}

// FuzzTasks gives every pure task the same value in every parameter, and in each alone.
func FuzzTasks(f *testing.F) {
	for _, seed := range []string{
		`null`, `true`, `1e9`, `-1`, `0.5`, `""`, `"x"`, `"list"`, `"2023-01-01"`, `"P1Y"`, `[]`, `{}`, `[1,"a",null,[2],{"b":3}]`,
		`{"time":"2023-01-01T00:00:00Z","formatString":"YYYY"}`, `[{"key":"a","value":1}]`, `{"a":{"b":[1]}}`, `1e308`, `"("`, `"hello"`,
		`[{"evaluations":[{"operand_1":1,"operator":"<","operand_2":"2"}]}]`, `"{{ a }}"`, `-9007199254740993`, `"\ud83d\ude00"`,
	} {
		f.Add(seed, seed)
	}
	var pure []Task
	for _, task := range Tasks() {
		if task.Run != nil && !task.Outside {
			pure = append(pure, task)
		}
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		v, err := value.ParseLast([]byte(a))
		w, err2 := value.ParseLast([]byte(b))
		if err != nil || err2 != nil {
			t.Skip()
		}
		for _, task := range pure {
			c := testCall(t, `{}`)
			for i, p := range task.Method.Incoming {
				in := v
				if i > 0 {
					in = w
				}
				c.Incoming = c.Incoming.With(p.Name, in)
			}
			sound(t, task, c)
			for _, p := range task.Method.Incoming {
				alone := testCall(t, `{}`)
				alone.Incoming = value.Object(p.Name, v)
				sound(t, task, alone)
			}
		}
		sound(t, pure[0], &Call{Incoming: v})
	})
}

func Example() {
	task, _ := Lookup("WorkFlowEngine", "query")
	outcome := task.Run(&Call{Incoming: value.MustParse(`{"obj":{"devices":[{"name":"r1"}]},"query":"devices[0].name"}`)})
	fmt.Println(outcome.State, outcome.Outgoing)
	// Output: success {"return_data":"r1"}
}
