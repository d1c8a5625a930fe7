//go:build linux

package faults

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/heddlehq/heddle/workflows/value"
)

// smallDisk mounts a disk of so many bytes.
func smallDisk(t *testing.T, bytes string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("heddle-faults", dir, "tmpfs", 0, "size="+bytes); err != nil {
		t.Skipf("needs the right to mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// onDisk starts a server whose data lie on a disk of their own.
func onDisk(t *testing.T, dir string, args ...string) *server {
	t.Helper()
	s := newServer(t, args...)
	s.data = filepath.Join(dir, "data")
	s.start()
	return s
}

// fillUp takes all the room that is left on a disk; give it back by deleting the file.
func fillUp(t *testing.T, dir string) (file string) {
	t.Helper()
	file = filepath.Join(dir, "full")
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, n := range []int{1 << 20, 1 << 12, 1} {
		block := make([]byte, n)
		for err = nil; err == nil; {
			_, err = f.Write(block)
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	return file
}

// TestFT13_diskFull fills the disk under a running server and makes room again: calls are
// refused clearly meanwhile, and then everything goes on by itself.
func TestFT13_diskFull(t *testing.T) {
	notShort(t)
	dir := smallDisk(t, "96m")
	s := onDisk(t, dir)
	l := newLoad(s)
	l.give(40)
	file := fillUp(t, dir)
	// Fill again whatever the server gave back meanwhile, until it says that it is full.
	var refusal reply
	waitFor(t, time.Minute, func() (bool, string) {
		fillUp(t, dir)
		r, err := s.call(http.MethodPost, jobs+"/start", startBody("Child", "too much", value.Object()))
		if err != nil {
			return true, ""
		}
		refusal = r
		return r.status != http.StatusOK, "starts are accepted on a full disk"
	})
	if !s.running() {
		t.Fatalf("the server ended:\n%s", s.lastWords(20))
	}
	if refusal.status != http.StatusServiceUnavailable || refusal.header.Get("Retry-After") == "" {
		t.Errorf("a start on a full disk is answered %s, want 503 with Retry-After", refusal)
	}
	if r, err := s.call(http.MethodGet, jobs+"?limit=1", value.Absent); err != nil || r.status != http.StatusOK {
		t.Errorf("reading on a full disk: %s %v", r, err)
	}
	time.Sleep(pick(2*time.Second, time.Minute)) // how long it stays full is the fault
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	t.Logf("a new job done %s after there was room again", l.recovered().Round(time.Millisecond))
	l.judge(time.Minute)
}

// TestFT13_fullFromTheStart starts a server on a full disk.
func TestFT13_fullFromTheStart(t *testing.T) {
	notShort(t)
	dir := smallDisk(t, "32m")
	s := onDisk(t, dir)
	l := newLoad(s)
	l.give(10)
	s.kill()
	file := fillUp(t, dir)
	if err := s.tryStart(); err == nil {
		t.Log("it starts on a full disk")
	} else {
		t.Logf("it says: %v", err)
		if text := err.Error(); !strings.Contains(text, "space") && !strings.Contains(text, "full") {
			t.Errorf("a start on a full disk does not say why: %v", err)
		}
	}
	s.kill()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	s.start()
	l.judge(time.Minute)
}

// TestFT13_readOnly starts a server on a disk that cannot be written.
func TestFT13_readOnly(t *testing.T) {
	notShort(t)
	dir := smallDisk(t, "96m")
	s := onDisk(t, dir)
	l := newLoad(s)
	l.give(20)
	s.stop()
	remount := func(flags uintptr) {
		t.Helper()
		if err := syscall.Mount("heddle-faults", dir, "tmpfs", syscall.MS_REMOUNT|flags, "size=96m"); err != nil {
			t.Fatal(err)
		}
	}
	remount(syscall.MS_RDONLY)
	err := s.tryStart()
	switch {
	case err == nil:
		t.Error("it starts on a disk that cannot be written")
	case !strings.Contains(err.Error(), "read-only") || !strings.Contains(err.Error(), s.data):
		t.Errorf("a start on a disk that cannot be written does not say so: %v", err)
	default:
		t.Logf("it says: %v", err)
	}
	s.kill()
	remount(0)
	s.start()
	l.judge(time.Minute)
}
