//go:build linux

package faults

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	nats "github.com/nats-io/nats-server/v2/server"
)

// actAsBroker makes the test binary be a NATS server; its value is the folder and the address.
const actAsBroker = "HEDDLE_FAULTS_BROKER"

// broker is a NATS server in a process of its own, so that it can die alone.
type broker struct {
	t       *testing.T
	dir     string
	address string
	cmd     *exec.Cmd
}

// beBroker is the main function of a broker's process.
func beBroker(dir, address string) {
	host, text, _ := net.SplitHostPort(address)
	port, _ := strconv.Atoi(text)
	s, err := nats.NewServer(&nats.Options{
		ServerName: "broker", Host: host, Port: port, JetStream: true, StoreDir: dir, JetStreamMaxStore: 16 << 30, JetStreamMaxMemory: 64 << 20, NoSigs: true,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	s.Start()
	s.WaitForShutdown()
}

func newBroker(t *testing.T) *broker {
	t.Helper()
	b := &broker{t: t, dir: t.TempDir(), address: freeAddress(t)}
	t.Cleanup(b.kill)
	b.start()
	return b
}

func (b *broker) url() string { return "nats://" + b.address }

func (b *broker) start() {
	b.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		b.t.Fatal(err)
	}
	b.cmd = exec.Command(exe)
	b.cmd.Env = append(os.Environ(), actAsBroker+"="+b.dir, actAsBroker+"_ADDRESS="+b.address)
	b.cmd.Stderr = b.t.Output()
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := b.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	waitFor(b.t, 20*time.Second, func() (bool, string) {
		c, err := net.Dial("tcp", b.address)
		if err == nil {
			c.Close()
		}
		return err == nil, fmt.Sprint("the broker does not listen: ", err)
	})
}

func (b *broker) kill() {
	if b.cmd == nil {
		return
	}
	_ = b.cmd.Process.Signal(syscall.SIGKILL) // it may be gone already
	_ = b.cmd.Wait()                          // killed is what we want
	b.cmd = nil
}

// wipe deletes all that the broker has stored.
func (b *broker) wipe() {
	b.t.Helper()
	for range 20 {
		if os.RemoveAll(filepath.Join(b.dir, "jetstream")) == nil {
			return
		}
	}
	b.t.Fatal("the broker's folder cannot be deleted")
}

// forget cuts off the ends of all message files, as a power cut does to what was written and
// not yet synced. It returns how many files it cut.
func forget(t *testing.T, dir string) (cut int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", "*", "msgs", "*.blk"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil || info.Size() == 0 {
			continue
		}
		// The index of the folder says what was there; a power cut loses that as well.
		_ = os.Remove(filepath.Join(filepath.Dir(f), "index.db"))
		if err := os.Truncate(f, info.Size()/3); err != nil {
			t.Fatal(err)
		}
		cut++
	}
	return cut
}
