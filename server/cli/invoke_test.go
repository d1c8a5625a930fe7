package cli

import (
	"bytes"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heddlehq/heddle/workflows/value"
	"github.com/heddlehq/heddle/workflows/yaml"
)

// letters are five steps; the last one fails as often as "failures" says.
const letters = `
name: Letters
steps:
  - {task: A, app: Lab, adapter: lab, method: sleep, incoming: {seconds: $var.job.seconds}}
  - {task: B, app: Lab, adapter: lab, method: echo, incoming: {value: b}}
  - {task: C, app: Lab, adapter: lab, method: echo, incoming: {value: c}, parents: [B]}
  - {task: D, app: Lab, adapter: lab, method: fail, incoming: {text: not today}, continueOnError: true}
  - task: E
    app: Lab
    adapter: lab
    method: flaky
    incoming: {failures: $var.job.failures, value: e}
    retrySettings: {autoRetry: true, state: [error], limit: 1, delay: 1, exhausted: block}
  - {task: F, app: Lab, adapter: lab, method: echo, incoming: {value: f}}
  - {task: G, app: Lab, adapter: lab, method: fail, incoming: {text: broken}}
`

// launches runs commands as a client of a live server.
type launches struct {
	*liveServer
	id, secret string
}

func newLaunches(t *testing.T) *launches {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a server")
	}
	p := &launches{liveServer: serveLive(t)}
	doc, err := yaml.Parse([]byte(letters))
	if err != nil {
		t.Fatal(err)
	}
	p.importDoc(doc)
	p.id, p.secret = p.account("launcher", "apiwrite")
	return p
}

// account makes a service account with a role.
func (p *launches) account(name, role string) (id, secret string) {
	p.t.Helper()
	made := p.post("/authorization/accounts", value.Object("account", value.Object("username", value.String(name),
		"isServiceAccount", value.True, "assignedRoles", value.Strings(role))))
	data := made.Get("data")
	if data.IsAbsent() {
		data = made
	}
	return data.Get("client_id").Text(), data.Get("client_secret").Text()
}

// run runs heddle and gives the exit code and all it says.
func (p *launches) run(args ...string) (int, string) {
	var out bytes.Buffer
	return Main(args, strings.NewReader(""), &out, &out), out.String()
}

// invoke runs heddle invoke as the client.
func (p *launches) invoke(args ...string) (int, string) {
	return p.run(slices.Concat([]string{"invoke", "--api-url", p.api.base, "--api-client-id", p.id, "--api-secret", p.secret}, args)...)
}

func (p *launches) total() int64 {
	n, _ := p.get(jobs, nil).Path("metadata", "total").Int()
	return n
}

func variables(seconds float64, failures int) string {
	return fmt.Sprintf(`{"seconds":%g,"failures":%d}`, seconds, failures)
}

// Every way to launch, and the code it exits with.
func TestUC26_exitCodes(t *testing.T) {
	t.Parallel()
	p := newLaunches(t)
	all := func(args ...string) []string {
		return append([]string{"-j", "Letters", "--variables", variables(0, 0)}, args...)
	}
	for _, tc := range []struct {
		name string
		args []string
		code int
		says string // in what is printed
		jobs int64  // that it starts
	}{
		{"UC-18, no job", []string{"--wait"}, exitUsage, "--job-identifier is required", 0},
		{"unknown job", []string{"-j", "Nope"}, exitUsage, "Nope", 0},
		{"UC-26, error", all("--wait"), exitError, "error: 07: broken", 1},
		{"UC-20, range", all("-b", "A", "-e", "C", "--wait"), exitComplete, "complete", 1},
		{"UC-20, backwards", all("-b", "C", "-e", "A", "--wait"), exitUsage, "comes before", 0},
		{"UC-11, warnings", all("-e", "F", "--wait"), exitWarnings, "not today", 1},
		{"UC-21, one step", all("-t", "C", "--wait"), exitComplete, "03", 1},
		{"UC-21, unknown", all("-t", "Z", "--wait"), exitUsage, "Z", 0},
		{"UC-22, first of type", all("-c", "Lab.echo", "--wait"), exitComplete, "02", 1},
		{"UC-23, contains", all("--task-string-contains", "F", "--wait"), exitComplete, "06", 1},
		{"UC-23, nothing", all("-s", "xyz", "--wait"), exitUsage, "nothing selected", 0},
		{"two ways", all("-s", "A", "-t", "A"), exitUsage, "exclude each other", 0},
		{"UC-24, force", all("-t", "A", "-f", "1", "--wait"), exitComplete, "complete", 1},
		{"UC-24, not a number", all("-f", "yes"), exitUsage, "force-synchronization-provisioning", 0},
		{"UC-19, nothing blocked", []string{"-j", "Letters", "-r"}, exitUsage, "nothing to repair", 0},
		{"UC-19, with a range", []string{"-j", "Letters", "-r", "-b", "A"}, exitUsage, "begin-job-step", 0},
		{"UC-26, blocked", []string{"-j", "Letters", "-e", "F", "--variables", variables(0, 2), "--wait"}, exitBlocked, "blocked: E", 1},
		{"UC-19, repair", []string{"-j", "Letters", "-r", "--wait"}, exitWarnings, "complete", 0},
		{"UC-19, again", []string{"-j", "Letters", "--repair-job"}, exitUsage, "nothing to repair", 0},
		{"no wait", all("-t", "A"), exitComplete, "", 1},
	} {
		before := p.total()
		code, said := p.invoke(tc.args...)
		if code != tc.code || !strings.Contains(said, tc.says) {
			t.Errorf("%s: exit code %d, want %d with %q: %s", tc.name, code, tc.code, tc.says, said)
		}
		if n := p.total() - before; n != tc.jobs {
			t.Errorf("%s: %d jobs started, want %d", tc.name, n, tc.jobs)
		}
	}
}

// A client that may not is told apart from one that is wrong.
func TestUC25_credentials(t *testing.T) {
	t.Parallel()
	p := newLaunches(t)
	viewer, secret := p.account("viewer", "viewer")
	for name, tc := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no secret":     {[]string{"--api-client-id", p.id}, exitUsage, "--api-secret is required"},
		"no such file":  {[]string{"--api-client-id", p.id, "--api-secret", "@/nowhere"}, exitUsage, "/nowhere"},
		"wrong secret":  {[]string{"--api-client-id", p.id, "--api-secret", "guess"}, exitDenied, ""},
		"no permission": {[]string{"--api-client-id", viewer, "--api-secret", secret}, exitDenied, ""},
	} {
		code, said := p.run(slices.Concat([]string{"invoke", "--api-url", p.api.base, "-j", "Letters"}, tc.args)...)
		if code != tc.code || !strings.Contains(said, tc.says) || strings.Contains(said, "guess") {
			t.Errorf("%s: exit code %d, want %d: %s", name, code, tc.code, said)
		}
	}
	if n := p.total(); n != 0 {
		t.Errorf("%d jobs were started", n)
	}
}

func TestUC04_steps(t *testing.T) {
	t.Parallel()
	p := newLaunches(t)
	steps := func(args ...string) (int, string) {
		return p.run(slices.Concat([]string{"steps", "--api-url", p.api.base, "--api-client-id", p.id, "--api-secret", p.secret}, args)...)
	}
	code, said := steps("-j", "Letters")
	want := "ORDER  STEP  TYPE       RUNS ON  PARENTS\n1      A     Lab.sleep  server   \n2      B     Lab.echo   server   \n3      C     Lab.echo   server   B\n"
	if code != exitComplete || !strings.HasPrefix(said, want) {
		t.Errorf("exit code %d:\n%s", code, said)
	}
	if code, said := steps("-j", "nope"); code == exitComplete || !strings.Contains(said, `"nope"`) {
		t.Errorf("exit code %d: %s", code, said)
	}
	if n := p.total(); n != 0 {
		t.Errorf("%d jobs were started", n)
	}
}

// Who waits is told the end although the server is killed and started again meanwhile.
func TestUC26_waitSurvivesRestart(t *testing.T) {
	t.Parallel()
	p := newLaunches(t)
	u, err := url.Parse(p.api.base)
	if err != nil {
		t.Fatal(err)
	}
	p.args = append(p.args, "--listen", u.Host)
	var code int
	var said string
	var waiting sync.WaitGroup
	waiting.Go(func() {
		code, said = p.invoke("-j", "Letters", "-e", "C", "--variables", variables(2, 0), "--wait")
	})
	for deadline := time.Now().Add(10 * time.Second); p.total() == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no job was started")
		}
	}
	p.kill()
	p.start()
	waiting.Wait()
	if code != exitComplete || !strings.Contains(said, "complete") {
		t.Errorf("exit code %d: %s", code, said)
	}
	if n := p.total(); n != 1 {
		t.Errorf("%d jobs, want 1", n)
	}
}

// A cancel from elsewhere is told by its code.
func TestUC26_canceled(t *testing.T) {
	t.Parallel()
	p := newLaunches(t)
	code, said := p.invoke("-j", "Letters", "--variables", variables(600, 0))
	id := strings.TrimSpace(said)
	if code != exitComplete || !jobID.MatchString(id) {
		t.Fatalf("exit code %d: %s", code, said)
	}
	p.post(jobs+"/cancel", value.Object("jobIds", value.Strings(id)))
	if code, said := p.run("job", "watch", id, "--server", p.api.base, "--token", p.api.token); code != exitCanceled {
		t.Errorf("exit code %d: %s", code, said)
	}
}
