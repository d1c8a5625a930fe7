package command_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/adaptertest"
	"github.com/heddlehq/heddle/adapters/command"
	"github.com/heddlehq/heddle/workflows/value"
)

func call(t *testing.T, config value.Value, method, in string, cancel <-chan struct{}) value.Value {
	t.Helper()
	folder := t.TempDir()
	config = config.With("folder", value.String(folder))
	secrets := func(context.Context, string) (string, error) { return "opensesame", nil }
	v, err := adaptertest.CallAndCancel(t.Context(), command.Kind(), adapters.Instance{ID: "x", Config: config}, secrets, method, value.MustParse(in), cancel)
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	if strings.Contains(v.String(), "opensesame") {
		t.Errorf("a secret in %s", v)
	}
	return v
}

func want(t *testing.T, v value.Value, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(v.String(), p) {
			t.Errorf("got %s, want %s", v, p)
		}
	}
}

// instance is one that may run the test's program as p.
func instance(t *testing.T, more string) value.Value {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := value.Object("path", value.String(path), "args", value.Strings("program"))
	for name, m := range value.MustParse(more).Members() {
		p = p.With(name, m)
	}
	return value.Object("programs", value.Object("p", p))
}

func TestRun(t *testing.T) {
	t.Setenv("HEDDLE_TEST_HIDDEN", "hidden")
	t.Setenv("HEDDLE_TEST_SHOWN", "shown")
	config := instance(t, `{"variables":["COLOR"]}`).With("environment", value.Strings("HEDDLE_TEST_SHOWN", "HEDDLE_TEST_UNSET")).With("variables", value.MustParse(`{"TOKEN":"$secret.s"}`))
	v := call(t, config, "run", `{"program":"p","args":["show","a b","$(id);|&","--x=*"],"stdin":"in","variables":{"COLOR":"red"},"files":{"a.txt":"text"},"json":true}`, nil)
	want(t, v, `"finishState":"success"`, `"args":["a b","$(id);|&","--x=*"]`, `"stdin":"in"`, `"files":{"a.txt":"text"}`, `"TOKEN=***"`, `"COLOR=red"`, `"HEDDLE_TEST_SHOWN=shown"`,
		`"HEDDLE_KEY=`+v.Get("key").Text()+`"`, `"exitCode":0`, `"value":{`)
	if strings.Contains(v.String(), "hidden") || strings.Contains(v.String(), "PATH=") {
		t.Errorf("too much in its environment: %s", v)
	}
}

func TestRun_endings(t *testing.T) {
	t.Parallel()
	config := instance(t, `{"failureCodes":[3]}`)
	want(t, call(t, config, "run", `{"program":"p","args":["exit","3"]}`, nil), `"finishState":"failure"`, `"class":"exit"`,
		`"outgoing":{"exitCode":3,"stdout":"half done\n","stderr":"warning\nno such customer\n"}`, `p ended with code 3: no such customer`)
	want(t, call(t, config, "run", `{"program":"p","args":["exit","4"]}`, nil), `"finishState":"error"`, `"class":"exit"`, `"exitCode":4,"stdout":"half done\n"`)
	want(t, call(t, config, "run", `{"program":"p","args":["steps","{\"a\":"],"json":true}`, nil), `"class":"data"`, `the output of p is not JSON`)
	want(t, call(t, config.With("maxBytes", value.Int(100000)), "run", `{"program":"p","args":["spam"]}`, nil), `"class":"limit"`, `wrote more than 100000 bytes`)
}

func TestRun_refuses(t *testing.T) {
	t.Parallel()
	config := instance(t, `{"allow":["show","[a-z]+"]}`)
	for in, text := range map[string]string{
		`{"program":"sh","args":["-c","id"]}`:            `/program must be one of p, not \"sh\"`,
		`{"program":"/bin/sh"}`:                          `/program must be one of p`,
		`{"program":"p","args":["show","a b"]}`:          `/args/1, \"a b\", is not allowed for p`,
		`{"program":"p","args":["show","abc\n"]}`:        `/args/1`,
		`{"program":"p","args":["a\u0000"]}`:             `/args/0 must not contain a zero byte`,
		`{"program":"p","variables":{"LD_PRELOAD":"x"}}`: `/variables/LD_PRELOAD may not be set`,
		`{"program":"p","files":{"../x":"y"}}`:           `/files/..~1x must be the name of a file`,
		`{"program":"p","files":{"..":"y"}}`:             `/files/.. must be the name of a file`,
		`{"program":"p","args":"show"}`:                  `/args`,
	} {
		want(t, call(t, config, "run", in, nil), `"finishState":"error","error":{"class":"input"`, text)
	}
}

func TestKind_refusesConfigurations(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for config, text := range map[string]string{
		`{"programs":{"p":{"path":"sh"}}}`:                               `/programs/p/path must be a whole path`,
		`{"programs":{"p":{"path":"/no/such/program"}}}`:                 `/programs/p/path: `,
		`{"programs":{"p":{"path":"` + dir + `"}}}`:                      `is not a program`,
		`{"programs":{"p":{"path":"/bin/sh","allow":["("]}}}`:            `/programs/p/allow/0 is not a pattern`,
		`{"parallel":1000}`:                                              `/parallel must be from 0 to 200`,
		`{"ansible":{"path":"/bin/sh","folder":"x"}}`:                    `/ansible/folder must be the whole path`,
		`{"ansible":{"path":"/bin/sh","folder":"/","inventory":"../x"}}`: `/ansible/inventory must be a path below`,
	} {
		want(t, call(t, value.MustParse(config), "run", `{"program":"p"}`, nil), `"class":"input"`, text)
	}
}

// reporter waits for a program to connect; alive is closed then, and gone is read from at its end.
func reporter(t *testing.T) (address string, alive chan struct{}, gone chan error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	alive, gone = make(chan struct{}), make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			gone <- err
			return
		}
		defer conn.Close()
		r := bufio.NewReader(conn)
		if _, err := r.ReadString('\n'); err != nil {
			gone <- err
			return
		}
		close(alive)
		_, err = io.Copy(io.Discard, r)
		gone <- err
	}()
	return l.Addr().String(), alive, gone
}

// What a program started goes with it, however it ends.
func TestRun_killsAll(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		do, more string
		cancel   bool
		want     []string
	}{
		"time-out": {"stay", `,"timeoutSeconds":1`, false, []string{`"class":"run-timeout"`, `took longer than 1 s`}},
		"canceled": {"stay", ``, true, []string{`"class":"canceled"`}},
		"left":     {"leave", ``, false, []string{`"finishState":"success"`, `"stdout":"gone\n"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, alive, gone := reporter(t)
			var cancel chan struct{}
			if tc.cancel {
				cancel = alive
			}
			want(t, call(t, instance(t, `{}`), "run", `{"program":"p","args":["`+tc.do+`","`+address+`"]`+tc.more+`}`, cancel), tc.want...)
			select {
			case <-gone:
			case <-t.Context().Done():
				t.Error("the child lives on")
			}
		})
	}
}

func ansible(t *testing.T) (config value.Value, folder string) {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(t.TempDir(), "ansible-playbook")
	if err := os.Symlink(path, bin); err != nil {
		t.Fatal(err)
	}
	folder = t.TempDir()
	for name, text := range map[string]string{"site.yml": "0", "failed.yml": "2", "lost.yml": "4", "broken.yml": "5", "plain.yml": "0 plain", "hosts": "web1\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(folder, "link.yml")); err != nil {
		t.Fatal(err)
	}
	return value.Object("ansible", value.Object("path", value.String(bin), "folder", value.String(folder), "inventory", value.String("hosts"))), folder
}

func TestAnsiblePlaybook(t *testing.T) {
	t.Parallel()
	config, folder := ansible(t)
	v := call(t, config, "ansiblePlaybook", `{"playbook":"site.yml","inventory":["web1","web2"],"extraVars":{"a":{"b":[1]}},"limit":"-x","tags":["t1","t2"],"check":true,"diff":true,"forks":7}`, nil)
	want(t, v, `"finishState":"success"`, `"changed":true,"stats":{"web1":{"changed":1,`, `"callback":"json"`, `"--limit=-x","--tags=t1,t2","--check","--diff","--forks=7","`+folder+`/site.yml"]`,
		`"--extra-vars=@":"{\"a\":{\"b\":[1]}}"`, `"--inventory=":"{\"all\":{\"hosts\":{\"web1\":{},\"web2\":{}}}}"`)
	want(t, call(t, config, "ansiblePlaybook", `{"playbook":"site.yml"}`, nil), `"--inventory=":"web1\n"`)
	want(t, call(t, config, "ansiblePlaybook", `{"playbook":"plain.yml","inventory":"hosts"}`, nil), `"finishState":"success"`, `"changed":false,"stdout":"PLAY [all] ***\n"`)
	want(t, call(t, config, "ansiblePlaybook", `{"playbook":"failed.yml"}`, nil), `"finishState":"failure"`, `the playbook failed on web1`, `"stats":{"web1"`)
	want(t, call(t, config, "ansiblePlaybook", `{"playbook":"lost.yml"}`, nil), `"finishState":"failure"`, `"class":"network"`, `not reached: web1`, `"retryable":true`)
	want(t, call(t, config, "ansiblePlaybook", `{"playbook":"broken.yml"}`, nil), `"finishState":"error"`, `ansible-playbook ended with code 5`)
}

func TestAnsiblePlaybook_refuses(t *testing.T) {
	t.Parallel()
	config, _ := ansible(t)
	for in, text := range map[string]string{
		`{"playbook":"../site.yml"}`:                     "/playbook must be a path below",
		`{"playbook":"/etc/passwd"}`:                     "/playbook must be a path below",
		`{"playbook":"link.yml"}`:                        "leads out of the folder",
		`{"playbook":"none.yml"}`:                        `there is no \"none.yml\"`,
		`{"playbook":"site.yml","inventory":"../hosts"}`: "/inventory must be a path below",
		`{"playbook":"site.yml","inventory":[1]}`:        "/inventory/0 must be the name of a host",
		`{"playbook":"site.yml","inventory":5}`:          "/inventory must be a path, a list of hosts or an object",
		`{"playbook":"site.yml","extraVars":[1]}`:        "/extraVars must be an object",
		`{"playbook":"site.yml","limit":"a\u0000"}`:      "/limit must not contain a zero byte",
	} {
		want(t, call(t, config, "ansiblePlaybook", in, nil), `"class":"input"`, text)
	}
	want(t, call(t, value.Object(), "ansiblePlaybook", `{"playbook":"site.yml"}`, nil), `"class":"input"`, "has no /ansible")
}
