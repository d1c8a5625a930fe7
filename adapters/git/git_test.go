package git_test

import (
	"context"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/adaptertest"
	"github.com/heddlehq/heddle/adapters/git"
	"github.com/heddlehq/heddle/workflows/value"
)

// depot serves a bare repository with the server side of the git program.
type depot struct {
	t      *testing.T
	dir    string
	config value.Value
}

func (d *depot) git(args ...string) string {
	d.t.Helper()
	c := exec.Command("git", append([]string{"-C", d.dir}, args...)...)
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := c.CombinedOutput()
	if err != nil {
		d.t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// opened makes a repository; one that is not empty has some files, a branch and a tag.
func opened(t *testing.T, empty bool) *depot {
	t.Helper()
	program, err := exec.LookPath("git")
	if err != nil {
		t.Skip("there is no git here")
	}
	root := t.TempDir()
	d := &depot{t: t, dir: root}
	d.git("init", "-q", "--bare", "-b", "main", "net.git")
	bare := filepath.Join(root, "net.git")
	d.dir = bare
	d.git("config", "http.receivepack", "true")
	d.git("config", "uploadpack.allowAnySHA1InWant", "true")
	if !empty {
		work := filepath.Join(root, "work")
		d.dir = root
		d.git("clone", "-q", bare, work)
		d.dir = work
		for name, content := range map[string]string{"README": "hello", "sites/ber/r1.cfg": "hostname r1", "sites/ber.txt": "x", "b.bin": "\x00\xff", "run.sh": "#!/bin/sh"} {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(work, name)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(work, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		d.git("checkout", "-q", "-B", "main")
		d.git("add", ".")
		d.git("update-index", "--chmod=+x", "run.sh")
		d.git("commit", "-q", "-m", "one")
		d.git("tag", "-a", "v1", "-m", "first")
		d.git("push", "-q", "origin", "main", "v1", "main:refs/heads/old")
	}
	d.dir = bare
	backend := &cgi.Handler{
		Path: program, Args: []string{"http-backend"}, Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=heddle", "GIT_CONFIG_NOSYSTEM=1"},
		Stderr: t.Output(),
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, ok := r.BasicAuth(); !ok || user != "heddle" || password != "opensesame" {
			w.Header().Set("WWW-Authenticate", "Basic")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	d.config = value.Object("url", value.String(s.URL+"/net.git"), "user", value.String("heddle"), "password", value.String("$secret.git"), "allow", value.Strings("127.0.0.0/8"))
	return d
}

func (d *depot) call(method, in string) value.Value {
	d.t.Helper()
	return call(d.t, d.config, method, in)
}

func call(t *testing.T, config value.Value, method, in string) value.Value {
	t.Helper()
	secrets := func(context.Context, string) (string, error) { return "opensesame", nil }
	v, err := adaptertest.Call(t.Context(), git.Kind(), adapters.Instance{ID: "g", Config: config}, secrets, method, value.MustParse(in))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(v.String(), "opensesame") {
		t.Errorf("a secret in %s", v)
	}
	return v
}

func TestRead(t *testing.T) {
	t.Parallel()
	d := opened(t, false)
	head := d.git("rev-parse", "main")
	for in, want := range map[string]string{
		`{"path":"README"}`:                         `{"content":"hello","encoding":"utf8","commit":"` + head + `","size":5}`,
		`{"path":"/sites/ber/r1.cfg","ref":"v1"}`:   `{"content":"hostname r1","encoding":"utf8","commit":"` + head + `","size":11}`,
		`{"path":"b.bin","ref":"old"}`:              `{"content":"AP8=","encoding":"base64","commit":"` + head + `","size":2}`,
		`{"path":"README","ref":"refs/heads/main"}`: `{"content":"hello","encoding":"utf8","commit":"` + head + `","size":5}`,
		`{"path":"README","ref":"` + head + `"}`:    `{"content":"hello","encoding":"utf8","commit":"` + head + `","size":5}`,
	} {
		if v := d.call("read", in); v.Get("outgoing").String() != want {
			t.Errorf("%s: %s, want %s", in, v, want)
		}
	}
	for in, want := range map[string]string{
		`{}`:                                `{"entries":[{"path":"README","type":"file"},{"path":"b.bin","type":"file"},{"path":"run.sh","type":"file"},{"path":"sites","type":"folder"}],"commit":"` + head + `"}`,
		`{"path":"sites","recursive":true}`: `{"entries":[{"path":"sites/ber","type":"folder"},{"path":"sites/ber.txt","type":"file"},{"path":"sites/ber/r1.cfg","type":"file"}],"commit":"` + head + `"}`,
	} {
		if v := d.call("list", in); v.Get("outgoing").String() != want {
			t.Errorf("%s: %s, want %s", in, v, want)
		}
	}
	if v := d.call("refs", `{}`); v.Get("outgoing").String() != `{"branches":{"main":"`+head+`","old":"`+head+`"},"tags":{"v1":"`+head+`"},"head":"`+head+`"}` {
		t.Errorf("refs %s", v)
	}
}

func TestCommit(t *testing.T) {
	t.Parallel()
	d := opened(t, false)
	first := d.git("rev-parse", "main")
	in := `{"branch":"main","message":"two","author":"Ada <ada@example.com>","files":[
		{"path":"sites/ber/r1.cfg","content":"hostname r9"},{"path":"sites/muc/r2.cfg","content":"aGk=","encoding":"base64"},
		{"path":"README","delete":true},{"path":"run.sh","content":"#!/bin/bash"},{"path":"nothing/here","delete":true}]}`
	out := d.call("commit", in).Get("outgoing")
	if head := d.git("rev-parse", "main"); out.Get("commit").Text() != head || !out.Get("changed").Truth() || d.git("rev-parse", "main^") != first {
		t.Errorf("got %s, the branch is at %s", out, head)
	}
	if got := d.git("log", "-1", "--format=%an <%ae> %cn %s", "main"); got != "Ada <ada@example.com> Heddle two" {
		t.Errorf("the commit is %s", got)
	}
	if got := d.git("diff", "--name-status", first, "main"); got != "D\tREADME\nM\trun.sh\nM\tsites/ber/r1.cfg\nA\tsites/muc/r2.cfg" {
		t.Errorf("it changes %s", got)
	}
	if got := d.git("show", "main:sites/muc/r2.cfg"); got != "hi" {
		t.Errorf("the new file has %q", got)
	}
	if got := d.git("ls-tree", "main", "run.sh"); !strings.HasPrefix(got, "100755") {
		t.Errorf("the program is %s", got)
	}
	d.git("fsck", "--strict")
	if again := d.call("commit", in).Get("outgoing"); again.Get("changed").Truth() || again.Get("commit").Text() != out.Get("commit").Text() {
		t.Errorf("again: %s", again)
	}
	if v := d.call("commit", `{"branch":"feature/x","from":"old","message":"three","files":[{"path":"README","content":"new"}]}`); !v.Path("outgoing", "changed").Truth() || d.git("rev-parse", "feature/x^") != first {
		t.Errorf("a new branch: %s", v)
	}
	if v := d.call("commit", `{"branch":"main","base":"`+first+`","message":"four","files":[{"path":"README","content":"x"}]}`); !strings.Contains(v.Path("error", "message").Text(), "not at "+first) {
		t.Errorf("at another commit: %s", v)
	}
}

// Commits made at the same time all arrive.
func TestCommit_together(t *testing.T) {
	t.Parallel()
	d := opened(t, false)
	var all sync.WaitGroup
	for _, name := range []string{"a", "b", "c"} {
		all.Go(func() {
			if v := call(t, d.config, "commit", `{"branch":"main","message":"m","files":[{"path":"`+name+`","content":"x"}]}`); v.Get("finishState").Text() != "success" {
				t.Errorf("%s: %s", name, v)
			}
		})
	}
	all.Wait()
	if got := d.git("ls-tree", "--name-only", "main"); got != "README\na\nb\nb.bin\nc\nrun.sh\nsites" {
		t.Errorf("there is %s", got)
	}
}

func TestCommit_first(t *testing.T) {
	t.Parallel()
	d := opened(t, true)
	if v := d.call("refs", `{}`); v.Get("outgoing").String() != `{"branches":{},"tags":{},"head":""}` {
		t.Errorf("refs %s", v)
	}
	if v := d.call("commit", `{"branch":"main","message":"first","files":[{"path":"a/b","content":"c"}]}`); v.Get("finishState").Text() != "success" || d.git("show", "main:a/b") != "c" {
		t.Errorf("got %s", v)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	d := opened(t, false)
	const read = `{"path":"README"}`
	for name, tc := range map[string]struct {
		config      value.Value
		method, in  string
		class, text string
	}{
		"password":       {d.config.With("password", value.String("wrong")), "read", read, "auth", "does not let the adapter instance in"},
		"no password":    {d.config.Without("user", "password"), "read", read, "auth", "does not let the adapter instance in"},
		"no repository":  {d.config.With("url", value.String(strings.Replace(d.config.Get("url").Text(), "net.git", "other.git", 1))), "read", read, "remote", "there is no repository"},
		"nobody there":   {d.config.With("url", value.String("http://127.0.0.1:1/x.git")), "read", read, "network", "cannot be reached"},
		"guarded":        {d.config.Without("allow"), "read", read, "input", "may not be reached"},
		"local":          {d.config.With("url", value.String("/etc")), "read", read, "input", "/url must be an http or https address"},
		"file":           {d.config.With("url", value.String("file:///etc")), "read", read, "input", "/url must be an http or https address"},
		"user in url":    {d.config.With("url", value.String("http://a:b@h/")), "read", read, "input", "/url must not hold a user"},
		"large":          {d.config.With("maxBytes", value.Int(10)), "read", read, "limit", "more bytes than the adapter instance fetches"},
		"no file":        {d.config, "read", `{"path":"nowhere"}`, "input", "there is no file nowhere"},
		"no ref":         {d.config, "read", `{"path":"README","ref":"nowhere"}`, "input", `no branch, tag or commit "nowhere"`},
		"no folder":      {d.config, "list", `{"path":"nowhere"}`, "input", "there is no folder nowhere"},
		"upwards":        {d.config, "read", `{"path":"../x"}`, "input", "is no path of a file"},
		"its own folder": {d.config, "commit", `{"branch":"main","message":"m","files":[{"path":"a/.git/config","content":"x"}]}`, "input", "/files/0/path"},
		"no branch":      {d.config, "commit", `{"branch":"a b..c","message":"m","files":[{"path":"a"}]}`, "input", "is no name of a branch"},
		"no message":     {d.config, "commit", `{"branch":"main","message":" ","files":[{"path":"a"}]}`, "input", "/message must not be empty"},
		"no files":       {d.config, "commit", `{"branch":"main","message":"m","files":[]}`, "input", "/files must be from 1 to"},
		"no base64":      {d.config, "commit", `{"branch":"main","message":"m","files":[{"path":"a","content":"*","encoding":"base64"}]}`, "input", "/files/0/content is no base64"},
		"below a file":   {d.config, "commit", `{"branch":"main","message":"m","files":[{"path":"README/x","content":"x"}]}`, "input", "README is no folder"},
		"over a folder":  {d.config, "commit", `{"branch":"main","message":"m","files":[{"path":"sites","content":"x"}]}`, "input", "sites is a folder"},
		"author":         {d.config, "commit", `{"branch":"main","message":"m","author":"x","files":[{"path":"a"}]}`, "input", "/author must be such as"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := call(t, tc.config, tc.method, tc.in).Get("error")
			if e.Get("class").Text() != tc.class || !strings.Contains(e.Get("message").Text(), tc.text) {
				t.Errorf("got %s, want %s: %s", e, tc.class, tc.text)
			}
		})
	}
}
