//go:build linux

package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/heddlehq/heddle/workflows/value"
)

const password = "correct horse battery"

// server is a heddle serve under attack. It keeps its addresses and its data folder over
// restarts.
type server struct {
	t           *testing.T
	data        string // its data folder
	listen, bus string // addresses of the API and of the bus
	args, env   []string
	store       string    // mongodb:// address of a store that it shares
	natsURL     string    // of the bus when it is not the server's own
	limits      string    // shell words that bound the process, such as "ulimit -n 64"
	stderr      io.Writer // its log file unless set
	log         string    // name of the log file

	cmd   *exec.Cmd
	gone  chan struct{} // closed when the process has ended
	took  time.Duration // from start to ready
	http  *http.Client
	token atomic.Value // string, once somebody has logged in
}

// newServer is a server that is not running yet, with what args add to its command line.
func newServer(t *testing.T, args ...string) *server {
	t.Helper()
	dir := t.TempDir()
	s := &server{
		t: t, data: filepath.Join(dir, "data"), log: filepath.Join(dir, "log"), listen: freeAddress(t), bus: freeAddress(t), args: args,
		http: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	}
	t.Cleanup(func() {
		s.kill()
		s.http.CloseIdleConnections()
		if t.Failed() {
			t.Logf("the server's last words:\n%s", s.lastWords(40))
		}
	})
	return s
}

// serve starts a server of the test's own.
func serve(t *testing.T, args ...string) *server {
	t.Helper()
	s := newServer(t, args...)
	s.start()
	return s
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// program is the heddle to run.
func program() string {
	if *binaryFlag != "" {
		return *binaryFlag
	}
	exe, err := os.Executable()
	if err != nil {
		panic(err) // the test cannot begin
	}
	return exe
}

func heddle(args ...string) *exec.Cmd {
	cmd := exec.Command(program(), args...)
	cmd.Env = append(os.Environ(), actAsHeddle+"=1", "HEDDLE_ADMIN_PASSWORD="+password)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL} // none outlives the tests
	return cmd
}

// start runs the server and waits until it is ready.
func (s *server) start() {
	s.t.Helper()
	if err := s.tryStart(); err != nil {
		s.t.Fatal(err)
	}
}

// tryStart is start for a server that may not get ready.
func (s *server) tryStart() error {
	args := []string{"serve", "--listen", s.listen, "--bus-listen", s.bus, "--data-dir", s.data, "--log-level", "info"}
	args = append(args, s.args...)
	cmd := heddle(args...)
	if s.limits != "" {
		cmd.Args = append([]string{"sh", "-c", s.limits + ` && exec "$0" "$@"`, cmd.Path}, args...)
		cmd.Path = "/bin/sh"
	}
	cmd.Env = append(cmd.Env, s.env...)
	ready := &announcement{said: make(chan struct{})}
	cmd.Stdout = ready
	if cmd.Stderr = s.stderr; s.stderr == nil {
		f, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		cmd.Stderr = f
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	gone := make(chan struct{})
	go func() {
		_ = cmd.Wait() // killed is how most end here
		close(gone)
	}()
	s.cmd, s.gone = cmd, gone
	select {
	case <-ready.said:
	case <-gone:
		return fmt.Errorf("heddle serve ended with %d before it was ready:\n%s", cmd.ProcessState.ExitCode(), s.lastWords(10))
	case <-time.After(2 * time.Minute):
		return errors.New("heddle serve did not get ready in two minutes")
	}
	s.took = time.Since(began)
	return s.login()
}

func (s *server) login() error {
	r, err := s.call(http.MethodPost, "/login", value.Object("username", value.String("admin"), "password", value.String(password)))
	if err != nil {
		return err
	}
	if r.status != http.StatusOK {
		return fmt.Errorf("login: %s", r)
	}
	s.token.Store(r.text)
	return nil
}

// announcement is a server's standard output, of which the line that it is ready counts.
type announcement struct {
	mu   sync.Mutex
	text bytes.Buffer
	said chan struct{}
	done bool
}

func (a *announcement) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.done {
		a.text.Write(p)
		if strings.Contains(a.text.String(), "Heddle is ready on ") {
			a.done = true
			close(a.said)
		}
	}
	return len(p), nil
}

func (s *server) running() bool {
	if s.cmd == nil {
		return false
	}
	select {
	case <-s.gone:
		return false
	default:
		return true
	}
}

func (s *server) signal(sig syscall.Signal) {
	if s.running() {
		_ = s.cmd.Process.Signal(sig) // it may have ended just now
	}
}

// kill ends the server without a word.
func (s *server) kill() { s.end(syscall.SIGKILL) }

// stop ends it as an operator does.
func (s *server) stop() { s.end(syscall.SIGTERM) }

func (s *server) end(sig syscall.Signal) {
	if s.cmd == nil {
		return
	}
	s.signal(sig)
	select {
	case <-s.gone:
	case <-time.After(time.Minute):
		s.signal(syscall.SIGKILL)
		<-s.gone
		s.t.Errorf("the server did not end within a minute of %s", sig)
	}
	s.http.CloseIdleConnections()
	s.cmd = nil
}

// freeze takes the processor away from the server for a while.
func (s *server) freeze(d time.Duration) {
	s.signal(syscall.SIGSTOP)
	time.Sleep(d) // how long it is frozen is the fault
	s.signal(syscall.SIGCONT)
}

// wipeBus deletes all that the embedded bus has stored, running or not.
func (s *server) wipeBus() {
	s.t.Helper()
	// A running bus may write while the folder goes: what it writes then is to go, too.
	for range 20 {
		if os.RemoveAll(filepath.Join(s.data, "bus")) == nil {
			return
		}
	}
	s.t.Fatal("the folder of the bus cannot be deleted")
}

// lastWords are the last lines of the server's log.
func (s *server) lastWords(n int) string {
	data, err := os.ReadFile(s.log)
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// usage is what a server holds at a moment.
type usage struct {
	rss   int64 // bytes
	files int
	tasks int // operating system threads
}

func (u usage) String() string {
	return fmt.Sprintf("%d MB, %d open files, %d threads", u.rss>>20, u.files, u.tasks)
}

func (s *server) usage() (u usage) {
	if !s.running() {
		return u
	}
	proc := filepath.Join("/proc", strconv.Itoa(s.cmd.Process.Pid))
	if data, err := os.ReadFile(filepath.Join(proc, "statm")); err == nil {
		var size, resident int64
		if _, err := fmt.Sscan(string(data), &size, &resident); err == nil {
			u.rss = resident * int64(os.Getpagesize())
		}
	}
	if fds, err := os.ReadDir(filepath.Join(proc, "fd")); err == nil {
		u.files = len(fds)
	}
	if threads, err := os.ReadDir(filepath.Join(proc, "task")); err == nil {
		u.tasks = len(threads)
	}
	return u
}

// doctor checks the data folder of the stopped server.
func (s *server) doctor() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := heddle("doctor", "--data-dir", s.data)
	if s.store != "" {
		cmd = heddle("doctor", "--store", s.store)
	}
	said, err := cmd.CombinedOutput()
	if err != nil || ctx.Err() != nil {
		s.t.Errorf("heddle doctor: %v\n%s", err, said)
		return
	}
	s.t.Logf("heddle doctor: %s", bytes.TrimSpace(said))
}
