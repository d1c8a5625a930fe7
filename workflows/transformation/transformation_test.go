package transformation_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/heddlehq/heddle/workflows/transformation"
	"github.com/heddlehq/heddle/workflows/value"
)

// unit writes a document, or a function when id is not "". The names are those of the
// incoming and outgoing values; an incoming name with a ! takes a constant. Each step is JSON
// or a wire "from -> to" with places like "incoming a /ptr" and an optional "@ context".
func unit(id, incoming, outgoing string, steps ...string) string {
	schemas := func(names string) string {
		var out []string
		for _, n := range strings.Fields(names) {
			plain, constant := strings.CutSuffix(n, "!")
			out = append(out, fmt.Sprintf(`{"$id":%q,"isConstValue":%t}`, plain, constant))
		}
		return "[" + strings.Join(out, ",") + "]"
	}
	var functions []string
	var list []string
	for i, s := range steps {
		switch {
		case strings.HasPrefix(s, `{"id":"`) && strings.Contains(s, `"incoming":`):
			functions = append(functions, s)
		case strings.Contains(s, "->"):
			list = append(list, wire(i, s))
		default:
			list = append(list, s)
		}
	}
	return fmt.Sprintf(`{"id":%q,"name":"test","incoming":%s,"outgoing":%s,"steps":[%s],"functions":[%s]}`,
		id, schemas(incoming), schemas(outgoing), strings.Join(list, ","), strings.Join(functions, ","))
}

func wire(i int, s string) string {
	s, context, _ := strings.Cut(s, " @ ")
	from, to, _ := strings.Cut(s, " -> ")
	place := func(s string) string {
		f := append(strings.Fields(s), "")
		name := fmt.Sprintf("%q", f[1])
		if f[0] != "incoming" && f[0] != "outgoing" {
			name = f[1]
		}
		return fmt.Sprintf(`{"location":%q,"name":%s,"ptr":%q}`, f[0], name, f[2])
	}
	if context == "" {
		context = "#"
	}
	return fmt.Sprintf(`{"id":%d,"type":"assign","from":%s,"to":%s,"context":%q}`, 1000+i, place(from), place(to), context)
}

func method(id int, library, name, args string) string {
	return fmt.Sprintf(`{"id":%d,"type":"method","library":%q,"method":%q,"args":[%s]}`, id, library, name, args)
}

func parse(t testing.TB, doc string) *transformation.Transformation {
	t.Helper()
	tr, err := transformation.Parse(value.MustParse(doc))
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func TestRun(t *testing.T) {
	t.Parallel()
	double := unit("double", "x", "y", method(1, "Math", "multiply", "null,2"), "incoming x -> method 1 /args/0/value", "method 1 /return -> outgoing y")
	for name, tc := range map[string]struct{ doc, in, want string }{
		"passes values through": {
			unit("", "a", "b", "incoming a -> outgoing b"), `{"a":12345678901234567890}`, `{"b":12345678901234567890}`},
		"follows pointers": {
			unit("", "a", "b", "incoming a /x/1/~1 -> outgoing b"), `{"a":{"x":[0,{"/":5}]}}`, `{"b":5}`},
		"leaves out what is undefined": {
			unit("", "a", "b c", "incoming a /x/y -> outgoing b", "incoming a -> outgoing c"), `{"a":null}`, `{"c":null}`},
		"builds outgoing objects from parts, after the whole": {
			unit("", "a b", "o", "incoming a -> outgoing o /x/y", "incoming b -> outgoing o", "incoming a -> outgoing o /list/0"),
			`{"a":1,"b":{"x":{"z":2},"q":3}}`, `{"o":{"x":{"z":2,"y":1},"q":3,"list":[1]}}`},
		"uses literals where nothing is assigned": {
			unit("", "", "o", method(1, "String", "concat", `"a","b",null`), "method 1 /return -> outgoing o"), `{}`, `{"o":"ab"}`},
		"prefers what is assigned": {
			unit("", "a", "o", method(1, "Math", "add", `5,1`), "incoming a -> method 1 /args/0/value", "method 1 /return -> outgoing o"), `{"a":2}`, `{"o":3}`},
		"keeps an assigned undefined": {
			unit("", "a", "o", method(1, "Array", "push", `[],null`), "incoming a -> method 1 /args/1/value", "method 1 /return -> outgoing o"), `{}`, `{"o":[null]}`},
		"orders steps by their needs": {
			unit("", "a", "o", "method 2 /return -> outgoing o", method(2, "Math", "add", "null,1"), "method 1 /return -> method 2 /args/0/value",
				method(1, "Math", "multiply", "null,10"), "incoming a -> method 1 /args/0/value"), `{"a":2}`, `{"o":21}`},
		"never changes its inputs": {
			unit("", "a", "first left all", method(1, "Array", "shift", "null"), "incoming a -> method 1 /args/0/value",
				"method 1 /return/value -> outgoing first", "method 1 /return/array -> outgoing left", "incoming a -> outgoing all"),
			`{"a":[1,2]}`, `{"first":1,"left":[2],"all":[1,2]}`},
		"does not run what is not needed": {
			unit("", "", "o", method(1, "JSON", "parse", `"{"`), method(2, "Conditional", "ternary", "true,1,null"), "method 1 /return -> method 2 /args/2/value",
				"method 2 /return -> outgoing o"), `{}`, `{"o":1}`},
		"or, and, nullish stop at the operand that decides": {
			unit("", "", "a b c", method(1, "JSON", "parse", `"{"`),
				method(2, "Logical", "or", "1,null"), "method 1 /return -> method 2 /args/1/value", "method 2 /return -> outgoing a",
				method(3, "Logical", "and", "0,null"), "method 1 /return -> method 3 /args/1/value", "method 3 /return -> outgoing b",
				method(4, "Logical", "nullish", `"",null`), "method 1 /return -> method 4 /args/1/value", "method 4 /return -> outgoing c"),
			`{}`, `{"a":1,"b":0,"c":""}`},
		"calls functions": {
			unit("", "a", "o", double, `{"id":1,"type":"function","function":"double","args":[""]}`, "incoming a -> function 1 /args/0/value",
				"function 1 /return/y -> outgoing o"), `{"a":4}`, `{"o":8}`},
		"gives callbacks what JavaScript gives, and constants": {
			unit("", "a c", "o", method(1, "Array", "map", `null,"f",null,"k"`), "incoming a -> method 1 /args/0/value", "incoming c -> method 1 /args/2/value",
				"method 1 /return -> outgoing o",
				unit("f", "v i c1! c2!", "r", `{"id":1,"type":"declaration","library":"Array","method":"new Array","polymorphIndex":0,"args":[null,null,null,null]}`,
					"incoming v -> declaration 1 /args/0/value", "incoming i -> declaration 1 /args/1/value", "incoming c1 -> declaration 1 /args/2/value",
					"incoming c2 -> declaration 1 /args/3/value", "declaration 1 /return -> outgoing r")),
			`{"a":["x","y"],"c":true}`, `{"o":[["x",0,true,"k"],["y",1,true,"k"]]}`},
		"reduces with an initial value and constants": {
			unit("", "a", "o", method(1, "Array", "reduce", `null,"f",100,7`), "incoming a -> method 1 /args/0/value", "method 1 /return -> outgoing o",
				unit("f", "acc v i all k!", "r", method(1, "Math", "add", "null,null,null"), "incoming acc -> method 1 /args/0/value", "incoming v -> method 1 /args/1/value",
					"incoming k -> method 1 /args/2/value", "method 1 /return -> outgoing r")),
			`{"a":[1,2]}`, `{"o":117}`},
		"reduces without an initial value": {
			unit("", "a", "o", method(1, "Array", "reduce", `null,"f",null`), "incoming a -> method 1 /args/0/value", "method 1 /return -> outgoing o",
				unit("f", "acc v", "r", method(1, "Math", "add", "null,null"), "incoming acc -> method 1 /args/0/value", "incoming v -> method 1 /args/1/value", "method 1 /return -> outgoing r")),
			`{"a":[1,2,3]}`, `{"o":6}`},
		"sorts with a function": {
			unit("", "a", "o", method(1, "Array", "sort", `null,"f"`), "incoming a -> method 1 /args/0/value", "method 1 /return -> outgoing o",
				unit("f", "x y", "r", method(1, "Math", "subtract", "null,null"), "incoming y -> method 1 /args/0/value", "incoming x -> method 1 /args/1/value", "method 1 /return -> outgoing r")),
			`{"a":[1,10,2]}`, `{"o":[10,2,1]}`},
		"finds functions around it, and recurses": {
			unit("", "a", "o", `{"id":1,"type":"function","function":"count","args":[null]}`, "incoming a -> function 1 /args/0/value", "function 1 /return/r -> outgoing o",
				unit("count", "n", "r", method(1, "Math", "subtract", "null,1"), "incoming n -> method 1 /args/0/value",
					`{"id":2,"type":"function","function":"count","args":[null]}`, "method 1 /return -> function 2 /args/0/value",
					method(3, "Math", "add", "null,1"), "function 2 /return/r -> method 3 /args/0/value",
					method(4, "Conditional", "ternary", "null,null,0"), "incoming n -> method 4 /args/0/value", "method 3 /return -> method 4 /args/1/value",
					"method 4 /return -> outgoing r")),
			`{"a":9}`, `{"o":9}`},
		"fills templates by name in order of appearance": {
			unit("", "a b", "o", `{"id":1,"type":"template","library":"String","method":"templateLiteral","template":"${x}-${ y }-${x} $y","args":[null,null]}`,
				"incoming a -> template 1 /args/0/value", "incoming b -> template 1 /args/1/value", "template 1 /return -> outgoing o"),
			`{"a":1,"b":[2,null,3]}`, `{"o":"1-2,,3-1 $y"}`},
		"declares arrays by polymorph": {
			unit("", "a", "o p", `{"id":1,"type":"declaration","library":"Array","method":"new Array","polymorphIndex":0,"args":[null]}`, "incoming a -> declaration 1 /args/0/value",
				`{"id":2,"type":"declaration","library":"Array","method":"new Array","polymorphIndex":1,"args":[null]}`, "incoming a -> declaration 2 /args/0/value",
				"declaration 1 /return -> outgoing o", "declaration 2 /return -> outgoing p"), `{"a":2}`, `{"o":[2],"p":[null,null]}`},
		"queries": {
			unit("", "a", "o p q", method(1, "WorkFlowEngine", "query", `false,"x[0].y",null`), "incoming a -> method 1 /args/2/value", "method 1 /return -> outgoing o",
				method(2, "WorkFlowEngine", "query", `false,"z",null`), "incoming a -> method 2 /args/2/value", "method 2 /return -> outgoing p",
				method(3, "WorkFlowEngine", "query", `true,"z",null`), "incoming a -> method 3 /args/2/value", "method 3 /return -> outgoing q"),
			`{"a":{"x":[{"y":1}]}}`, `{"o":1,"p":null,"q":{"x":[{"y":1}]}}`},
		"has the clock it is given, in UTC": {
			unit("", "", "o p", `{"id":1,"type":"declaration","library":"Date","method":"new Date","polymorphIndex":0,"args":[]}`,
				"declaration 1 /return -> outgoing o", method(2, "Date", "getHours", "null"), "declaration 1 /return -> method 2 /args/0/value", "method 2 /return -> outgoing p"),
			`{}`, `{"o":"2024-03-05T10:30:45.678Z","p":10}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := time.Date(2024, 3, 5, 11, 30, 45, 678e6, time.FixedZone("", 3600))
			got, err := parse(t, tc.doc).Run(value.MustParse(tc.in), transformation.Options{Now: now})
			if err != nil {
				t.Fatal(err)
			}
			if !value.Equal(got, value.MustParse(tc.want)) {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestRun_switch(t *testing.T) {
	t.Parallel()
	tr := parse(t, unit("", "a", "o",
		`{"id":1,"type":"context","library":"Conditional","method":"switch","args":[null],"return":["x","2"]}`, "incoming a -> context 1 /args/0/value",
		`{"id":2,"type":"method","library":"String","method":"concat","args":["first ",null],"context":"#/1[1]"}`, "incoming a -> method 2 /args/1/value",
		`{"id":3,"type":"method","library":"String","method":"concat","args":["second ",null],"context":"#/1[2]"}`, "incoming a -> method 3 /args/1/value",
		"context 1 /return/case_2 -> method 3 /context",
		"method 2 /return -> outgoing o @ #/1[1]", "method 3 /return -> outgoing o @ #/1[2]", "incoming a -> outgoing o @ #/1[default]"))
	for in, want := range map[string]string{`"x"`: `"first x"`, `2`: `"second 2"`, `"2"`: `"second 2"`, `"z"`: `"z"`, `{"k":1}`: `{"k":1}`} {
		got, err := tr.Run(value.Object("a", value.MustParse(in)), transformation.Options{ExtractOutput: true})
		if err != nil || got.String() != want {
			t.Errorf("%s: got %s (%v), want %s", in, got, err, want)
		}
	}
}

func TestRun_options(t *testing.T) {
	t.Parallel()
	doc := value.MustParse(`{"incoming":[{"$id":"n","type":"integer","default":7}],"outgoing":[{"$id":"o"}],
		"steps":[{"id":1,"type":"assign","from":{"location":"incoming","name":"n","ptr":""},"to":{"location":"outgoing","name":"o","ptr":""}}]}`)
	tr, err := transformation.Parse(doc)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		in, want string
		o        transformation.Options
	}{
		"an object":            {`{"n":1}`, `{"o":1}`, transformation.Options{}},
		"the bare value":       {`{"n":1}`, `1`, transformation.Options{ExtractOutput: true}},
		"anything goes":        {`{"n":"x"}`, `{"o":"x"}`, transformation.Options{}},
		"nothing, as object":   {`{}`, `{}`, transformation.Options{}},
		"nothing, bare":        {`{}`, ``, transformation.Options{ExtractOutput: true}},
		"valid":                {`{"n":1}`, `{"o":1}`, transformation.Options{ValidateIncoming: true}},
		"default, absent":      {`{}`, `{"o":7}`, transformation.Options{RevertToDefaultValue: true, ValidateIncoming: true}},
		"default, invalid":     {`{"n":"x"}`, `{"o":7}`, transformation.Options{RevertToDefaultValue: true}},
		"default, not needed":  {`{"n":1}`, `{"o":1}`, transformation.Options{RevertToDefaultValue: true}},
		"others are passed by": {`{"n":1,"m":2}`, `{"o":1}`, transformation.Options{ValidateIncoming: true}},
	} {
		got, err := tr.Run(value.MustParse(tc.in), tc.o)
		if err != nil || got.String() != tc.want {
			t.Errorf("%s: got %s (%v), want %s", name, got, err, tc.want)
		}
	}
	for _, in := range []string{`{"n":1.5}`, `{}`, `[]`} {
		got, err := tr.Run(value.MustParse(in), transformation.Options{ValidateIncoming: true})
		if e, ok := errors.AsType[*transformation.Error](err); !ok || e.Kind != "Incoming" {
			t.Errorf("%s: got %s (%v), want an error of kind Incoming", in, got, err)
		}
	}
	refused := errors.New("refused")
	_, err = tr.Run(value.MustParse(`{"n":1}`), transformation.Options{ValidateIncoming: true, Validate: func(_, _ value.Value) error { return refused }})
	if err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("the validator's error is lost: %v", err)
	}
}

func TestRun_random(t *testing.T) {
	t.Parallel()
	tr := parse(t, unit("", "", "o", method(1, "Math", "random", ""), "method 1 /return -> outgoing o"))
	run := func(o transformation.Options) float64 {
		o.ExtractOutput = true
		v, err := tr.Run(value.Object(), o)
		if err != nil {
			t.Fatal(err)
		}
		return v.Float()
	}
	if a, b := run(transformation.Options{Seed: 1}), run(transformation.Options{Seed: 1}); a != b || a < 0 || a >= 1 {
		t.Errorf("the same seed gave %v and %v", a, b)
	}
	if a, b := run(transformation.Options{Seed: 1}), run(transformation.Options{Seed: 2}); a == b {
		t.Errorf("two seeds gave %v", a)
	}
	if got := run(transformation.Options{Random: func() float64 { return 0.5 }}); got != 0.5 {
		t.Errorf("got %v, want the given source's 0.5", got)
	}
}

func TestRun_error(t *testing.T) {
	t.Parallel()
	tr := parse(t, unit("", "a", "o", method(7, "Array", "map", `null,"f"`), "incoming a -> method 7 /args/0/value", "method 7 /return -> outgoing o",
		unit("f", "v", "r", method(3, "String", "toUpperCase", "null"), "incoming v -> method 3 /args/0/value", "method 3 /return -> outgoing r")))
	_, err := tr.Run(value.MustParse(`{"a":["x",null]}`), transformation.Options{})
	e, ok := errors.AsType[*transformation.Error](err)
	if !ok {
		t.Fatalf("got %v, want an *Error", err)
	}
	want := transformation.Error{Transformation: "test", Pointer: "/functions/0/steps/0", Step: "3", Library: "String", Method: "toUpperCase",
		Kind: "TypeError", Message: "cannot read properties of null (reading 'toUpperCase')"}
	if *e != want {
		t.Errorf("got %+v, want %+v", *e, want)
	}
	if got := e.Error(); !strings.Contains(got, "step 3 (String.toUpperCase) at /functions/0/steps/0: TypeError") {
		t.Errorf("unclear message %q", got)
	}
}

// Each of these would use the machine up. What they may do is counted, not timed, so that
// they end at the same place on every machine.
func TestRun_bombs(t *testing.T) {
	t.Parallel()
	grow := unit("grow", "acc", "r", `{"id":1,"type":"declaration","library":"Array","method":"new Array","polymorphIndex":0,"args":[null,null]}`,
		"incoming acc -> declaration 1 /args/0/value", "incoming acc -> declaration 1 /args/1/value", "declaration 1 /return -> outgoing r")
	hundred := `[` + strings.Repeat("0,", 99) + `0]`
	for name, doc := range map[string]string{
		"text": unit("", "", "o", method(1, "String", "repeat", `"x",1e15`), "method 1 /return -> outgoing o"),
		"pad":  unit("", "", "o", method(1, "String", "padStart", `"x",1e300`), "method 1 /return -> outgoing o"),
		"array": unit("", "", "o", `{"id":1,"type":"declaration","library":"Array","method":"new Array","polymorphIndex":1,"args":[4294967295]}`,
			"declaration 1 /return -> outgoing o"),
		"shared parts":        unit("", "", "o", grow, method(1, "Array", "reduce", hundred+`,"grow",1`), "method 1 /return -> outgoing o"),
		"shared parts, text":  unit("", "", "o", grow, method(1, "Array", "reduce", hundred+`,"grow",1`), method(2, "JSON", "stringify", "null"), "method 1 /return -> method 2 /args/0/value", "method 2 /return -> outgoing o"),
		"shared parts, join":  unit("", "", "o", grow, method(1, "Array", "reduce", hundred+`,"grow",1`), method(2, "Array", "join", "null"), "method 1 /return -> method 2 /args/0/value", "method 2 /return -> outgoing o"),
		"shared parts, flat":  unit("", "", "o", grow, method(1, "Array", "reduce", hundred+`,"grow",1`), method(2, "Array", "flat", "null,1000"), "method 1 /return -> method 2 /args/0/value", "method 2 /return -> outgoing o"),
		"shared parts, equal": unit("", "", "o", grow, method(1, "Array", "reduce", hundred+`,"grow",1`), method(3, "Array", "reduce", hundred+`,"grow",1`), method(2, "Equality", "deepEquals", "null,null"), "method 1 /return -> method 2 /args/0/value", "method 3 /return -> method 2 /args/1/value", "method 2 /return -> outgoing o"),
		"recursion": unit("", "", "o", `{"id":1,"type":"function","function":"f","args":[]}`, "function 1 /return/r -> outgoing o",
			unit("f", "", "r", `{"id":1,"type":"function","function":"f","args":[]}`, "function 1 /return/r -> outgoing r")),
		"two recursions": unit("", "", "o", `{"id":1,"type":"function","function":"f","args":[]}`, "function 1 /return/r -> outgoing o",
			unit("f", "n", "r", `{"id":1,"type":"function","function":"f","args":[]}`, `{"id":2,"type":"function","function":"f","args":[]}`,
				`{"id":3,"type":"method","library":"Array","method":"concat","args":[[],null,null]}`,
				"function 1 /return/r -> method 3 /args/1/value", "function 2 /return/r -> method 3 /args/2/value", "method 3 /return -> outgoing r")),
		"loops": unit("", "", "o", method(1, "Array", "from", `{"length":1000000},"f"`), "method 1 /return -> outgoing o",
			unit("f", "", "r", method(1, "Array", "from", `{"length":1000000}`), "method 1 /return -> outgoing r")),
		"expression": unit("", "", "o", method(1, "RegExp", "test", `"^(a+)+$","`+strings.Repeat("a", 60)+`b"`), "method 1 /return -> outgoing o"),
		"replace":    unit("", "", "o", method(1, "String", "replaceAll", `"`+strings.Repeat("a", 20000)+`","a","`+strings.Repeat("$`", 100)+`"`), "method 1 /return -> outgoing o"),
	} {
		t.Run(name, func(t *testing.T) {
			tr := parse(t, doc)
			_, err := tr.Run(value.Object(), transformation.Options{})
			if e, ok := errors.AsType[*transformation.Error](err); !ok || e.Kind != "Limit" && e.Kind != "RangeError" {
				t.Errorf("got %v, want an error of kind Limit", err)
			}
		})
	}
}

func TestParse_problems(t *testing.T) {
	t.Parallel()
	at := func(steps ...string) string { return unit("", "a", "o", steps...) }
	for name, tc := range map[string]struct{ doc, pointer, code, message string }{
		"not an object":       {`[]`, "", "type", "an object"},
		"no steps":            {`{"incoming":[]}`, "/steps", "type", "an array expected, got absent"},
		"no name":             {`{"incoming":[{}],"steps":[]}`, "/incoming/0/$id", "type", "a name"},
		"unknown step":        {at(`{"id":1,"type":"loop"}`), "/steps/0/type", "unknown", `"loop"`},
		"unknown library":     {at(method(1, "Arrays", "map", "")), "/steps/0/library", "unknown", "one of Array,"},
		"unknown method":      {at(method(1, "Array", "mop", "")), "/steps/0/method", "unknown", "Array has no method"},
		"unknown location":    {at("incoming a -> nowhere 1"), "/steps/0/to/location", "unknown", `"nowhere"`},
		"unknown source":      {at("incoming b -> outgoing o"), "/steps/0/from/name", "reference", `no incoming value "b"`},
		"unknown target":      {at("incoming a -> outgoing p"), "/steps/0/to/name", "reference", `no outgoing value "p"`},
		"unknown step id":     {at("method 9 /return -> outgoing o"), "/steps/0/from/name", "reference", `no method step "9"`},
		"step of other kind":  {at(method(1, "Math", "max", "1"), "declaration 1 /return -> outgoing o"), "/steps/1/from/name", "reference", "no declaration step"},
		"bad argument":        {at(method(1, "Math", "max", "1"), "incoming a -> method 1 /x"), "/steps/1/to/ptr", "reference", "/args/N/value"},
		"bad result":          {at(method(1, "Math", "max", "1"), "method 1 /args/0 -> outgoing o"), "/steps/1/from/ptr", "reference", "/return"},
		"bad pointer":         {at("incoming a x -> outgoing o"), "/steps/0/from/ptr", "reference", "must be empty or begin with"},
		"unknown function":    {at(`{"id":1,"type":"function","function":"f","args":[]}`), "/steps/0/function", "reference", `no function "f"`},
		"unknown callback":    {at(method(1, "Array", "map", `[],"f"`)), "/steps/0/args/1", "reference", `no function "f"`},
		"no callback":         {at(method(1, "Array", "map", `[]`)), "/steps/0/args/1", "type", "name of a function"},
		"duplicate id":        {at(method(1, "Math", "max", ""), method(1, "Math", "min", "")), "/steps/1/id", "duplicate", "the id 1"},
		"cycle":               {at(method(1, "Math", "max", "null"), "method 1 /return -> method 1 /args/0/value"), "/steps/0", "cycle", "its own result"},
		"branch without case": {at(`{"id":1,"type":"method","library":"Math","method":"max","args":[],"context":"#/7[1]"}`), "/steps/0/context", "reference", `no context step "7"`},
		"branch misspelt":     {at(`{"id":1,"type":"method","library":"Math","method":"max","args":[],"context":"7"}`), "/steps/0/context", "reference", `"#/24[2]"`},
		"in a function":       {at(unit("f", "", "r", method(1, "Math", "mix", ""))), "/functions/0/steps/0/method", "unknown", "Math has no method"},
		"template":            {at(`{"id":1,"type":"template","args":[]}`), "/steps/0/template", "type", "text expected"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := transformation.Parse(value.MustParse(tc.doc))
			ps, ok := errors.AsType[transformation.Problems](err)
			if !ok || len(ps) != 1 {
				t.Fatalf("got %v, want one problem", err)
			}
			if p := ps[0]; p.Pointer != tc.pointer || p.Code != tc.code || !strings.Contains(p.Text, tc.message) {
				t.Errorf("got %+v, want %s at %s with %q", p, tc.code, tc.pointer, tc.message)
			}
		})
	}
}
