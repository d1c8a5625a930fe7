package builtin

import (
	"testing"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

func TestEvaluation_operators(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		left, op, right string // "" is undefined
		want            bool
	}{
		{`"5"`, "==", `5`, true}, {`true`, "==", `1`, true}, {`"true"`, "==", `true`, false}, {`""`, "==", `0`, true},
		{`null`, "==", ``, true}, {``, "==", ``, true}, {`null`, "==", `0`, false}, {``, "==", `"x"`, false},
		{`{"a":[1]}`, "==", `{"a":[1.0]}`, true}, {`[]`, "==", `""`, false}, {`[]`, "==", `[]`, true}, {`[1,2]`, "==", `[2,1]`, false},
		{`null`, "!=", `null`, false}, {`"a"`, "!=", `null`, true}, {``, "!=", `"x"`, true}, {`1`, "!=", `"1"`, false},
		{`2`, "<", `10`, true}, {`"2"`, "<", `"10"`, true}, {`"b"`, "<", `"a"`, false}, {`"a"`, "<", `1`, false}, {`null`, "<", `1`, false},
		{`1`, "<=", `"1"`, true}, {`3`, ">", `2`, true}, {`"b"`, ">=", `"b"`, true}, {``, ">=", `0`, false}, {`true`, ">", `0`, false},
		{`"hello world"`, "contains", `"h.*o"`, true}, {`"a(b"`, "contains", `"(b"`, true}, {`"abc"`, "contains", `"^b"`, false},
		{`"a1"`, "contains", `1`, true}, {`[1,"2"]`, "contains", `"2"`, true}, {`[{"a":1}]`, "contains", `{"a":1}`, true}, {`[1]`, "contains", `"1"`, false},
		{`{"k":null}`, "contains", `"k"`, true}, {`5`, "contains", `5`, false}, {``, "contains", `""`, false},
		{``, "!contains", `"x"`, true}, {`"x"`, "!contains", `"x"`, false},
	} {
		item := value.Object("operator", value.String(tc.op))
		for key, side := range map[string]string{"operand_1": tc.left, "operand_2": tc.right} {
			if side != "" {
				item = item.With(key, value.MustParse(side))
			}
		}
		got, err := compareItem(item)
		if err != nil || got != tc.want {
			t.Errorf("%s %s %s: %v, %v, want %v", tc.left, tc.op, tc.right, got, err, tc.want)
		}
	}
}

func TestEvaluation_groups(t *testing.T) {
	t.Parallel()
	yes, no := `{"operand_1":1,"operator":"==","operand_2":1}`, `{"operand_1":1,"operator":"==","operand_2":2}`
	group := func(all, items string) string { return `{"all_true_flag":` + all + `,"evaluations":[` + items + `]}` }
	for in, want := range map[string]workflows.FinishState{
		`{"all_true_flag":false,"evaluation_groups":[` + group("true", yes+","+no) + `]}`:                                           "failure",
		`{"all_true_flag":false,"evaluation_groups":[` + group("false", yes+","+no) + `]}`:                                          "success",
		`{"all_true_flag":true,"evaluation_groups":[` + group("true", yes) + `,` + group("true", no) + `]}`:                         "failure",
		`{"all_true_flag":false,"evaluation_groups":[` + group("true", yes) + `,` + group("true", no) + `]}`:                        "success",
		`{"evaluation_groups":[{"evaluations":[` + no + `,` + yes + `]}]}`:                                                          "success",
		`{"evaluation_groups":[{"evaluations":[{"operand_1":{"a":[{"b":7}]},"query":"a[0].b","operator":"==","operand_2":7}]}]}`:    "success",
		`{"evaluation_groups":[{"evaluations":[{"operand_1":7,"operator":"==","operand_2":{"x":7},"rightQuery":"x","query":""}]}]}`: "success",
		`{"evaluation_groups":[{"evaluations":[{"operand_1":{"a":1},"query":"missing","operator":"==","operand_2":null}]}]}`:        "success",
		`{"evaluation_groups":[{"evaluations":[` + yes + `,{"operand_1":1,"operator":"matches","operand_2":2}]}]}`:                  "error",
		`{"evaluation_groups":[{"evaluations":[{"operand_1":{},"query":"a[","operator":"==","operand_2":2}]}]}`:                     "error",
		`{"evaluation_groups":[{"evaluations":{}}]}`:                                                                                "error",
	} {
		got := lookup(t, "evaluation").Run(&Call{Incoming: value.MustParse(in)})
		if got.State != want {
			t.Errorf("%s: %q with %s, want %q", in, got.State, got.Error, want)
		}
		if got.State == workflows.Failed && got.Error.Get("class").Text() != engine.ClassInput {
			t.Errorf("%s: class %s", in, got.Error.Get("class"))
		}
	}
}
