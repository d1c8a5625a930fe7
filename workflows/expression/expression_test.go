package expression

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/heddlehq/heddle/workflows/value"
)

var testEnv = value.MustParse(`{"a":{"z":1,"b":2.50,"big":12345678901234567890},"l":[3,1,2],"s":"héllo","t":true,"now":"2026-01-02T03:04:05Z"}`)

func TestEval(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`1 + 2`:                         `3`,
		`5 / 2`:                         `2.5`,
		`"a" + s`:                       `"ahéllo"`,
		`a`:                             `{"z":1,"b":2.50,"big":12345678901234567890}`,
		`[a.b, l]`:                      `[2.5,[3,1,2]]`,
		`{"y": 1, "x": l}`:              `{"x":[3,1,2],"y":1}`,
		`keys(a)`:                       `["b","big","z"]`,
		`values({"b": 2, "a": 1})`:      `[1,2]`,
		`toPairs({"b": 2, "a": 1})`:     `[["a",1],["b",2]]`,
		`l[0] + l[-1]`:                  `5`,
		`map(l, # * 2)`:                 `[6,2,4]`,
		`l | filter(# > 1) | sort()`:    `[2,3]`,
		`reduce(l, #acc + #, 0)`:        `6`,
		`groupBy(l, # % 2)`:             `{"0":[2],"1":[3,1]}`,
		`now().Year()`:                  `2026`,
		`now()`:                         `"2026-01-02T03:04:05.000Z"`,
		`missing?.x ?? "none"`:          `"none"`,
		`s matches "^h.*o$" and 3 in l`: `true`,
		`::len(s)`:                      `5`,
		`let x = 2; x * x`:              `4`,
		`a.z == 1 ? "yes" : "no"`:       `"yes"`,
		`fromJSON("{\"a\":[1]}").a[0]`:  `1`,
		`join(["a", "b"], "-")`:         `"a-b"`,
		`replace("aXbX", "X", "--")`:    `"a--b--"`,
		`repeat("ab", 3)`:               `"ababab"`,
		`concat(l, [4], 1..2)`:          `[3,1,2,4,1,2]`,
		`round(2.5) + int("4")`:         `7`,
		`0.0 / 0`:                       `null`,
		`sum(l) + count(l, # > 1)`:      `8`,
		`toJSON({"b": 1, "a": 2})`:      `"{\n  \"a\": 2,\n  \"b\": 1\n}"`,
	} {
		got, err := Eval(text, testEnv)
		if err != nil || got.String() != want {
			t.Errorf("%s: %s, %v, want %s", text, got, err, want)
		}
	}
}

func TestEval_errors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		``: "empty", `1 +`: "line 1, column 3", `len(`: "line 1", "1 +\n  foo(2)": `line 2, column 3: there is no function "foo"`,
		`missing.x`: "cannot fetch x", `1 + "a"`: "mismatched types", `$env`: "as a whole", `$env["a"]`: "as a whole",
		`now().Local()`: "methods of dates", `a.z()`: "methods of dates", `timezone("Local")`: "differs",
		`len(1, 2)`: "number of arguments", `s matches "("`: "missing closing", `l[9]`: "out of range", `join([1], "")`: "must be a string",
		strings.Repeat("1+", MaxLength): "longer", strings.Repeat("1+", MaxNodes) + "1": "nodes",
		`repeat("x", -1)`: "cannot repeat", `keys(l)`: "takes an object",
	} {
		_, err := Eval(text, testEnv)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v, want %q", text, err, want)
		}
		if _, ok := errors.AsType[*Error](err); err != nil && !ok {
			t.Errorf("%.40s: the error is a %T", text, err)
		}
	}
	if _, err := Eval(`now()`, value.Object()); err == nil || !strings.Contains(err.Error(), `variable "now"`) {
		t.Errorf("now() without a time: %v", err)
	}
}

func TestEval_bombs(t *testing.T) {
	t.Parallel()
	doubling := `let x0 = "aaaaaaaaaaaaaaaa"; `
	lists := `let y0 = [1]; `
	for i := range 60 {
		doubling += fmt.Sprintf("let x%d = x%d + x%d; ", i+1, i, i)
		lists += fmt.Sprintf("let y%d = [y%d, y%d]; ", i+1, i, i)
	}
	for name, text := range map[string]string{
		"doubled text":       doubling + "len(x60)",
		"doubled list":       lists + "y60",
		"doubled list, text": lists + "toJSON(y60)",
		"doubled list, ==":   lists + "y60 == y59",
		"range":              `0..100000000`,
		"nested loops":       `let r = 1..1000; count(r, count(r, count(r, true) > 0) > 0)`,
		"nested sums":        `let r = 1..100000; count(r, sum(r) > 0)`,
		"repeat":             `repeat("a", 1000000000)`,
		"repeated repeat":    `map(1..10000, len(repeat("a", 100000)))`,
		"replace":            `let x = repeat("a", 100000); replace(x, "a", x)`,
		"join":               `let x = repeat("a", 100000); join(map(1..10000, x), x)`,
		"reduce":             `reduce(1..60, #acc + #acc, "xxxx")`,
		"regular expression": `let x = repeat("a", 100000); count(1..10000, x matches "(a|aa)+b" + string(#))`,
		"upper in a loop":    `let x = repeat("a", 100000); count(1..10000, upper(x) == x)`,
		"sort in a loop":     `let r = 1..10000; count(r, len(sort(r)) > 0)`,
		"contains in a loop": `let x = repeat("a", 100000); count(1..10000, x contains "b")`,
		"parentheses":        strings.Repeat("(", MaxLength-2),
		"nots":               strings.Repeat("!", MaxLength-2) + "t",
	} {
		start := time.Now()
		out, err := Eval(text, testEnv)
		took := time.Since(start)
		if err == nil {
			t.Errorf("%s: no error but %.40s", name, out)
		}
		if took > time.Second { // far above the 100 ms that are the aim, for slow machines
			t.Errorf("%s: took %s", name, took)
		}
		t.Logf("%s: %s, %.60v", name, took, err)
	}
}

func TestProgram_Names(t *testing.T) {
	t.Parallel()
	p, err := Compile(`b.x + a + len(c)`)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(p.Names()); got != "[a b c]" {
		t.Errorf("names %s", got)
	}
	if p.String() != `b.x + a + len(c)` {
		t.Errorf("text %q", p)
	}
}

func FuzzEval(f *testing.F) {
	for _, text := range []string{
		`1 + 2`, `map(l, # * 2)`, `let x = s + s; x + x`, `a.z == 1 ? "y" : n`, `keys(a)`, `now()`, `l | filter(# > 1)`, `{"a": [1, 2]}`,
		`s matches "h"`, `1..5`, `reduce(l, #acc + #, 0)`, `groupBy(l, #)`, `date("2020-01-01")`, `l[1:2]`, `not t or 1 in l`, `sortBy(l, -#)`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		start := time.Now()
		got, err := Eval(text, testEnv)
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("%q took %s", text, took)
		}
		if err != nil {
			if _, ok := errors.AsType[*Error](err); !ok || err.Error() == "" {
				t.Errorf("%q: error %T %v", text, err, err)
			}
			return
		}
		if again, err := Eval(text, testEnv); err != nil || !value.Equal(got, again) {
			t.Errorf("%q: first %s, then %s, %v", text, got, again, err)
		}
	})
}

func ExampleEval() {
	v, err := Eval(`filter(devices, .up) | map(.name)`, value.MustParse(`{"devices":[{"name":"r1","up":true},{"name":"r2","up":false}]}`))
	fmt.Println(v, err)
	// Output: ["r1"] <nil>
}
