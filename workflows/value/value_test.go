package value_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heddlehq/heddle/workflows/value"
)

func TestParse_roundTrip(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`null`, `true`, `false`, `0`, `-0.5`, `12345678901234567890`, `1e300`, `"a\"b\\c/d"`, `""`, `[]`, `{}`,
		`[1,[2,[3]]]`, `{"b":1,"a":{"z":null,"y":[]}}`, `"ü€😀"`, `{"":0}`, `{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"j":10}`,
	} {
		v, err := value.Parse([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := v.String(); got != text {
			t.Errorf("got %s, want %s", got, text)
		}
	}
}

func TestParse_spellings(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		" { \"a\" : [ 1 , 2 ] } ":   `{"a":[1,2]}`,
		`"\u0041\ud83d\ude00\n"`:    `"A😀\n"`,
		"\uFEFF1":                   `1`,
		`{"a":{"k":1},"a":{"k":1}}`: `{"a":{"k":1}}`,
		`{"a":"\/","b":["\u00e9"]}`: `{"a":"/","b":["é"]}`,
		"[\n  {\"x\": 1},\n  {}\n]": `[{"x":1},{}]`,
	} {
		v, err := value.Parse([]byte(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := v.String(); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

func TestParse_refuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text    string
		pointer string
		reason  string
	}{
		"nothing":            {``, "", "end of the text"},
		"truncated object":   {`{"a":{"b":[1,2`, "/a/b", "',' or ']' expected"},
		"truncated string":   {`["abc`, "/0", "does not end"},
		"duplicate key":      {`{"x":{"a":1,"a":2}}`, "/x/a", `duplicate key "a"`},
		"duplicate of many":  {`{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"j":0,"k":0,"l":0,"m":0,"n":0,"o":0,"p":0,"q":0,"r":0,"s":0,"t":0,"u":0,"v":0,"w":0,"x":0,"y":0,"z":0,"i":10}`, "/i", `duplicate key "i"`},
		"trailing comma":     {`[1,]`, "/1", "a value expected"},
		"trailing text":      {`1 2`, "", "end of the text expected"},
		"bare word":          {`{"a":nul}`, "/a", "a value expected"},
		"leading zero":       {`01`, "", "may not begin with 0"},
		"NaN":                {`[NaN]`, "/0", "a value expected"},
		"huge number":        {`1e999`, "", "too large"},
		"lone surrogate":     {`"\ud800"`, "", "lone surrogate"},
		"invalid UTF-8":      {"[\"a\xff\"]", "/0", "invalid UTF-8"},
		"control character":  {"\"a\x01\"", "", "must be escaped"},
		"unknown escape":     {`"\x"`, "", "unknown escape"},
		"deep array":         {strings.Repeat("[", 10_000), "", "nested deeper than 512"},
		"deep object":        {strings.Repeat(`{"a":`, 10_000), "", "nested deeper than 512"},
		"key without quotes": {`{a:1}`, "", "a key in double quotes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := value.Parse([]byte(tc.text))
			syntax, ok := errors.AsType[*value.SyntaxError](err)
			if !ok {
				t.Fatalf("got %v, want a *SyntaxError", err)
			}
			if !strings.Contains(syntax.Reason, tc.reason) {
				t.Errorf("reason %q, want %q in it", syntax.Reason, tc.reason)
			}
			if !strings.HasPrefix(name, "deep") && syntax.Pointer != tc.pointer {
				t.Errorf("pointer %q, want %q", syntax.Pointer, tc.pointer)
			}
			if len(err.Error()) > 1000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

func TestSyntaxError_place(t *testing.T) {
	t.Parallel()
	_, err := value.Parse([]byte("{\n  \"a\": 1,\n  \"b\": x\n}"))
	syntax, _ := errors.AsType[*value.SyntaxError](err)
	if syntax == nil || syntax.Line != 3 || syntax.Column != 8 || syntax.Pointer != "/b" {
		t.Errorf("got %+v, want line 3, column 8 at /b", syntax)
	}
}

func TestParseLast_javaScriptRules(t *testing.T) {
	t.Parallel()
	v, err := value.ParseLast([]byte(`{"a":1,"b":"\ud800","a":2}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := v.String(), "{\"a\":2,\"b\":\"\uFFFD\"}"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestEqual(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{`1`, `1.0`, true}, {`{"a":1,"b":[2]}`, `{"b":[2],"a":1}`, true}, {`[1,2]`, `[2,1]`, false}, {`"1"`, `1`, false},
		{`null`, `false`, false}, {`9007199254740993`, `9007199254740992`, false}, {`{"a":1}`, `{"a":1,"b":1}`, false},
	} {
		if got := value.Equal(value.MustParse(tc.a), value.MustParse(tc.b)); got != tc.want {
			t.Errorf("Equal(%s, %s) = %v", tc.a, tc.b, got)
		}
	}
	if value.Equal(value.Absent, value.Null) || !value.Equal(value.Absent, value.Absent) {
		t.Error("absent must equal itself alone")
	}
}

func TestFormatNumber_asJavaScript(t *testing.T) {
	t.Parallel()
	for f, want := range map[float64]string{
		0: "0", math.Copysign(0, -1): "0", 1: "1", -1.5: "-1.5", 1e20: "100000000000000000000", 1e21: "1e+21", 1e-6: "0.000001", 1e-7: "1e-7",
		0.30000000000000004: "0.30000000000000004", math.MaxFloat64: "1.7976931348623157e+308", math.Inf(1): "Infinity", 123e-20: "1.23e-18",
	} {
		if got := value.FormatNumber(f); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestObject_immutable(t *testing.T) {
	t.Parallel()
	a := value.MustParse(`{"x":1,"y":2}`)
	b := a.With("x", value.Int(9)).With("z", value.Null).Without("y")
	if got := a.String(); got != `{"x":1,"y":2}` {
		t.Errorf("the original became %s", got)
	}
	if got := b.String(); got != `{"x":9,"z":null}` {
		t.Errorf("got %s", got)
	}
	if got := b.With("x", value.Absent).String(); got != `{"z":null}` {
		t.Errorf("an absent member: got %s", got)
	}
	list := value.MustParse(`[1,2]`)
	if got := list.Append(value.True).WithAt(0, value.Null).String(); got != `[null,2,true]` || list.String() != `[1,2]` {
		t.Errorf("got %s from %s", got, list)
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	v := value.MustParse(`{"a/b":{"m~n":[10,{"":"deep"}]}}`)
	for ptr, want := range map[string]string{
		"": v.String(), "/a~1b/m~0n/0": "10", "/a~1b/m~0n/1/": `"deep"`, "/a~1b/m~0n/01": "", "/nope": "", "a": "", "/a~1b/m~0n/2": "",
	} {
		if got := v.Lookup(ptr).String(); got != want {
			t.Errorf("%q: got %s, want %s", ptr, got, want)
		}
	}
	if got := v.WithPath([]string{"a/b", "new", "deep"}, value.True).Lookup("/a~1b/new/deep"); !got.Truth() {
		t.Errorf("WithPath did not create the way: %s", got)
	}
}

func TestOf_andAny(t *testing.T) {
	t.Parallel()
	in := map[string]any{"b": []any{1.5, "x", nil, true}, "a": map[string]any{"n": 2.0}}
	v := value.Of(in)
	if got, want := v.String(), `{"a":{"n":2},"b":[1.5,"x",null,true]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if diff := cmp.Diff(in, v.Any()); diff != "" {
		t.Errorf("there and back (-want +got):\n%s", diff)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"a":[1,2,{"b":"\u00e9"}]}`, `[1e5,-0.1]`, `"\ud83d\ude00"`, `{"a":1,"a":1}`, "\xff", strings.Repeat("[", 600)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := value.Parse(data)
		if err != nil {
			return
		}
		text := v.AppendJSON(nil)
		if !json.Valid(text) {
			t.Fatalf("%q was encoded as %q, which is no JSON", data, text)
		}
		again, err := value.Parse(text)
		if err != nil || !value.Equal(v, again) {
			t.Fatalf("%q came back as %q (%v)", text, again, err)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	doc := []byte(`{"_id":"5f2df1cbc707342a6caacb98","tasks":{"a1":{"status":"complete","outgoing":{"result":{"x":1,"y":[1,2,3]}}}},"variables":{"host":"r1"}}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := value.Parse(doc); err != nil {
			b.Fatal(err)
		}
	}
}
