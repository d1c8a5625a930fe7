package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heddlehq/heddle/engine/store/sqlitestore"
	"github.com/heddlehq/heddle/server/audit"
)

// The log of a stopped server can be listed by nobody but verified by anybody with the folder,
// and an export of it by anybody at all.
func TestAudit_verify(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := sqlitestore.Open(t.Context(), filepath.Join(dir, "heddle.db"), sqlitestore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	log := audit.New(audit.Options{Store: s})
	for _, id := range []string{"a", "b", "c"} {
		if err := log.Record(t.Context(), audit.Entry{Who: audit.Who{Name: "ada"}, Action: "startJob", Target: audit.Target{Kind: "job", ID: id}, Outcome: "200"}); err != nil {
			t.Fatal(err)
		}
	}
	head, err := log.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var export bytes.Buffer
	if err := log.Export(t.Context(), &export, audit.Query{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	lines := strings.SplitAfter(export.String(), "\n")
	noted := "--noted=3:" + head.Hash
	for name, tc := range map[string]struct {
		args []string
		code int
		says string
	}{
		"store":           {[]string{"--data-dir", dir, noted}, 0, "3 entries are whole; head 3:" + head.Hash},
		"export":          {[]string{"--file", file("whole", export.String()), noted}, 0, "3 entries are whole"},
		"changed":         {[]string{"--file", file("changed", strings.Replace(export.String(), "job/b", "job/x", 1))}, 20, "broken at link 2: It was changed"},
		"cut":             {[]string{"--file", file("cut", lines[0]+lines[1]), noted}, 20, "cut off"},
		"taken out":       {[]string{"--file", file("out", lines[0]+lines[2])}, 20, "broken at link 2: It is missing"},
		"another noted":   {[]string{"--data-dir", dir, "--noted=2:" + head.Hash}, 20, "written anew"},
		"no store":        {[]string{"--data-dir", filepath.Join(dir, "none")}, 2, "there is no store"},
		"no file":         {[]string{"--file", filepath.Join(dir, "none")}, 2, "--file"},
		"no anchor":       {[]string{"--noted", "three"}, 2, "NUMBER:HASH"},
		"as JSON, broken": {[]string{"--json", "--file", filepath.Join(dir, "out")}, 20, `"links":1`},
	} {
		var out, errs bytes.Buffer
		code := Main(append([]string{"audit", "verify"}, tc.args...), strings.NewReader(""), &out, &errs)
		if text := out.String() + errs.String(); code != tc.code || !strings.Contains(text, tc.says) {
			t.Errorf("%s: exit code %d, want %d:\n%s", name, code, tc.code, text)
		}
	}
}

func TestAudit_live(t *testing.T) {
	t.Parallel()
	p := serveLive(t)
	run := func(args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		code := Main(append(append([]string{"audit"}, args...), "--server", p.api.base, "--token", p.api.token), strings.NewReader(""), &out, &errs)
		if code != 0 {
			t.Fatalf("audit %s: exit code %d: %s", args, code, errs.String())
		}
		return out.String()
	}
	if text := run("list", "--action", "login", "--who", "admin", "--since", "1h"); !strings.Contains(text, "session") || !strings.HasSuffix(text, "1 of 1\n") {
		t.Errorf("audit list:\n%s", text)
	}
	if text := run("verify"); !strings.Contains(text, "entries are whole; head ") {
		t.Errorf("audit verify: %s", text)
	}
	r, err := audit.VerifyExport(strings.NewReader(run("export")))
	if err != nil || r.Broken != nil || r.Links == 0 {
		t.Errorf("audit export: %+v, %v", r, err)
	}
	if report, err := examineRemote(context.WithoutCancel(t.Context()), p.api, false); err != nil || !report.Clean() {
		t.Errorf("doctor: %+v, %v", report, err)
	}
}
