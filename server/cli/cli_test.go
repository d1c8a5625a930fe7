package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/pflag"

	"github.com/heddlehq/heddle/workflows/value"
)

func TestMain(m *testing.M) {
	if os.Getenv(actAsHeddle) != "" {
		os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	testscript.Main(m, map[string]func(){
		"heddle": func() { os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	examples, err := filepath.Abs("../../testdata/workflows")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/script",
		Setup: func(e *testscript.Env) error { e.Setenv("EXAMPLES", examples); return nil },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
		},
	})
}

// exits runs heddle and compares its exit code: exits CODE ARGUMENT...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE ARGUMENT...")
	}
	err := ts.Exec("heddle", args[1:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

func TestParseYAML(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                           `null`,
		"a: 1\nb: [x, 2.5, true, ~]": `{"a":1,"b":["x",2.5,true,null]}`,
		"1e1: {state: success}":      `{"1e1":{"state":"success"}}`,
		"text: |\n  one\n  two\n":    `{"text":"one\ntwo\n"}`,
		"a: &x {k: v}\nb: *x\nc:\n  <<: *x\n  d: 1": `{"a":{"k":"v"},"b":{"k":"v"},"c":{"d":1,"k":"v"}}`,
		"id: !!str 12": `{"id":"12"}`,
		"'on': 0x10":   `{"on":16}`,
	} {
		v, err := parseYAML([]byte(text))
		if err != nil || v.String() != want {
			t.Errorf("%q: %s, %v; want %s", text, v, err, want)
		}
	}
}

func TestParseYAML_bad(t *testing.T) {
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
		v, err := parseYAML([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %.80s, %v; want an error with %q", text, v, err, want)
		}
	}
}

func FuzzParseYAML(f *testing.F) {
	for _, seed := range []string{"a: 1", "- a\n- {b: c}", "a: &x [1]\nb: *x", "? a\n: b", "!!str a", "<<: {a: 1}", "a: >-\n  b"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := parseYAML(data)
		if err != nil {
			return
		}
		if _, err := value.Parse(v.AppendJSON(nil)); err != nil {
			t.Errorf("%q is read as %s, which is no JSON: %v", data, v, err)
		}
	})
}

func TestFromEnvironment(t *testing.T) {
	t.Parallel()
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	dir := flags.String("data-dir", "here", "")
	depth := flags.Int("depth", 1, "")
	loud := flags.Bool("loud", false, "")
	if err := flags.Parse([]string{"--depth", "7"}); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"HEDDLE_DATA_DIR": "there", "HEDDLE_DEPTH": "9", "HEDDLE_LOUD": "very"}
	err := fromEnvironment(flags, func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	if err == nil || !strings.Contains(err.Error(), "HEDDLE_LOUD") {
		t.Errorf("error %v, want one about HEDDLE_LOUD", err)
	}
	if *dir != "there" || *depth != 7 || *loud {
		t.Errorf("data-dir %q, depth %d, loud %t; want there, 7, false", *dir, *depth, *loud)
	}
}
