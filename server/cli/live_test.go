package cli

import (
	"bufio"
	"cmp"
	"context"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/heddlehq/heddle/workflows/value"
)

// actAsHeddle makes the test binary be the program, so that tests can kill it.
const actAsHeddle = "HEDDLE_TEST_MAIN"

// liveServer is a heddle serve of its own.
type liveServer struct {
	t    *testing.T
	dir  string
	args []string
	cmd  *exec.Cmd
	api  *client
	took time.Duration // from start to ready
	log  io.Writer     // the test's output unless set
}

const testPassword = "correct horse battery"

// serveLive starts a server on a data folder of the test's.
func serveLive(t *testing.T, args ...string) *liveServer {
	t.Helper()
	p := &liveServer{t: t, dir: t.TempDir(), args: args}
	p.start()
	t.Cleanup(p.kill)
	return p
}

func (p *liveServer) start() {
	p.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	args := append([]string{"serve", "--listen", "127.0.0.1:0", "--bus-listen", "off", "--data-dir", filepath.Join(p.dir, "data"), "--log-level", "warn"}, p.args...)
	p.cmd = exec.CommandContext(context.Background(), exe, args...)
	p.cmd.Env = append(os.Environ(), actAsHeddle+"=1", "HEDDLE_ADMIN_PASSWORD="+testPassword)
	p.cmd.Stderr = cmp.Or[io.Writer](p.log, p.t.Output())
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, rest, ok := strings.Cut(lines.Text(), "ready on "); ok {
			address, _, _ := strings.Cut(rest, " ")
			p.took = time.Since(began)
			go io.Copy(io.Discard, out)
			p.api = (&remote{server: address, token: "none"}).client()
			break
		}
	}
	if p.api == nil {
		p.t.Fatalf("heddle serve did not get ready: %v", p.cmd.Wait())
	}
	token, err := p.api.raw(p.t.Context(), "POST", "/login", nil, value.Object("username", value.String("admin"), "password", value.String(testPassword)))
	if err != nil {
		p.t.Fatal(err)
	}
	p.api.token = string(token)
}

// kill ends the server without a word.
func (p *liveServer) kill() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGKILL) // it may be gone already
	_ = p.cmd.Wait()                          // killed is what we want
	p.cmd = nil
}

func (p *liveServer) get(path string, query url.Values) value.Value {
	p.t.Helper()
	v, err := p.api.get(p.t.Context(), path, query)
	if err != nil {
		p.t.Fatalf("GET %s: %v", path, err)
	}
	return v
}

func (p *liveServer) post(path string, body value.Value) value.Value {
	p.t.Helper()
	v, err := p.api.post(p.t.Context(), path, body)
	if err != nil {
		p.t.Fatalf("POST %s: %v", path, err)
	}
	return v
}

// importFile imports a workflow or project file.
func (p *liveServer) importFile(file string) {
	p.t.Helper()
	doc, err := (&console{out: io.Discard, err: io.Discard}).readDocument(file)
	if err != nil {
		p.t.Fatal(err)
	}
	p.importDoc(doc)
}

func (p *liveServer) importDoc(doc value.Value) {
	p.t.Helper()
	c := &console{out: io.Discard, err: io.Discard}
	r := &remote{server: p.api.base, token: p.api.token}
	if err := c.importOne(p.t.Context(), r, "document", doc, "", false); err != nil {
		p.t.Fatal(err)
	}
}
