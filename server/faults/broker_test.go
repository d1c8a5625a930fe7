//go:build linux

package faults

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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
	routes  []string // of the cluster it belongs to, its own first; none when it is alone
	cmd     *exec.Cmd
}

// beBroker is the main function of a broker's process.
func beBroker(dir, address string) {
	host, text, _ := net.SplitHostPort(address)
	port, _ := strconv.Atoi(text)
	o := &nats.Options{
		ServerName: "broker", Host: host, Port: port, JetStream: true, StoreDir: dir, JetStreamMaxStore: 16 << 30, JetStreamMaxMemory: 64 << 20, NoSigs: true,
	}
	if routes := strings.Fields(os.Getenv(actAsBroker + "_ROUTES")); len(routes) > 0 {
		host, text, _ := net.SplitHostPort(routes[0])
		port, _ := strconv.Atoi(text)
		o.ServerName, o.Cluster = "broker-"+routes[0], nats.ClusterOpts{Name: "heddle", Host: host, Port: port}
		for _, r := range routes {
			o.Routes = append(o.Routes, &url.URL{Scheme: "nats-route", Host: r})
		}
	}
	s, err := nats.NewServer(o)
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

// newBrokers starts a cluster of three and returns their addresses.
func newBrokers(t *testing.T) (urls []string) {
	t.Helper()
	routes := []string{freeAddress(t), freeAddress(t), freeAddress(t)}
	for i := range routes {
		own := append([]string{routes[i]}, slices.Delete(slices.Clone(routes), i, i+1)...)
		b := &broker{t: t, dir: t.TempDir(), address: freeAddress(t), routes: own}
		t.Cleanup(b.kill)
		b.start()
		urls = append(urls, b.url())
	}
	return urls
}

func (b *broker) url() string { return "nats://" + b.address }

func (b *broker) start() {
	b.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		b.t.Fatal(err)
	}
	b.cmd = exec.Command(exe)
	b.cmd.Env = append(os.Environ(), actAsBroker+"="+b.dir, actAsBroker+"_ADDRESS="+b.address, actAsBroker+"_ROUTES="+strings.Join(b.routes, " "))
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
