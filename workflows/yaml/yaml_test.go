package yaml_test

import (
	"strings"
	"testing"

	"github.com/heddlehq/heddle/workflows/value"
	"github.com/heddlehq/heddle/workflows/yaml"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                           `null`,
		"a: 1\nb: [x, 2.5, true, ~]": `{"a":1,"b":["x",2.5,true,null]}`,
		"1e1: {state: success}":      `{"1e1":{"state":"success"}}`,
		"text: |\n  one\n  two\n":    `{"text":"one\ntwo\n"}`,
		"a: &x {k: v}\nb: *x\nc:\n  <<: *x\n  d: 1": `{"a":{"k":"v"},"b":{"k":"v"},"c":{"d":1,"k":"v"}}`,
		"id: !!str 12": `{"id":"12"}`,
		"'on': 0x10":   `{"on":16}`,
		"v: 1.0":       `{"v":1.0}`,
	} {
		v, err := yaml.Parse([]byte(text))
		if err != nil || v.String() != want {
			t.Errorf("%q: %s, %v; want %s", text, v, err, want)
		}
	}
}

func TestParse_bad(t *testing.T) {
	t.Parallel()
	bomb := "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
	for i := 1; i < 8; i++ {
		ref := "*a" + string(rune('0'+i-1))
		bomb += "a" + string(rune('0'+i)) + ": &a" + string(rune('0'+i)) + " [" + strings.Repeat(ref+",", 9) + ref + "]\n"
	}
	for text, want := range map[string]string{
		"a: 1\na: 2":       "line 2",
		"a: [1, 2":         "line 1",
		"a: 1\n---\nb: 2":  "one document expected",
		"a:\n  b: .inf":    "line 2, column 6, at /a/b",
		"a: *nobody":       "no anchor",
		"a: !!binary aGk=": "the tag !!binary is not supported",
		bomb:               "more than",
		strings.Repeat("[", 600) + strings.Repeat("]", 600): "nesting",
	} {
		v, err := yaml.Parse([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %.80s, %v; want an error with %q", text, v, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"a: 1", "- a\n- {b: c}", "a: &x [1]\nb: *x", "? a\n: b", "!!str a", "<<: {a: 1}", "a: >-\n  b"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := yaml.Parse(data)
		if err != nil {
			return
		}
		if _, err := value.Parse(v.AppendJSON(nil)); err != nil {
			t.Errorf("%q is read as %s, which is no JSON: %v", data, v, err)
		}
	})
}
