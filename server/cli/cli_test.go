package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/pflag"
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
