package system_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/server/system"
)

// A bus is kept from start to start, unless its store comes from a time before: orders and results of
// a time that did not happen would meet the jobs of the backup, and hide what these order.
func TestOpen_olderStore(t *testing.T) {
	t.Parallel()
	data, backup := t.TempDir(), t.TempDir()
	// session opens the system, adds an order and returns how many the bus has had in its life.
	session := func() uint64 {
		t.Helper()
		s, err := system.Open(t.Context(), system.Config{Data: data})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}()
		if err := s.Bus.Publish(t.Context(), bus.Message{Subject: bus.TaskSubject("p", "App", "do")})[0]; err != nil {
			t.Fatal(err)
		}
		n, err := s.Bus.Last(t.Context(), bus.Tasks)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	copyStore := func(from, to string) {
		t.Helper()
		old, err := filepath.Glob(filepath.Join(to, "heddle.db*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range old {
			if err := os.Remove(f); err != nil {
				t.Fatal(err)
			}
		}
		files, err := filepath.Glob(filepath.Join(from, "heddle.db*"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no store in %s: %v", from, err)
		}
		for _, f := range files {
			body, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(to, filepath.Base(f)), body, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := func(what string, want uint64) {
		t.Helper()
		if got := session(); got != want {
			t.Fatalf("%s: %d orders so far, want %d", what, got, want)
		}
	}
	want("first start", 1)
	copyStore(data, backup)
	want("second start", 2)
	want("third start", 3)
	copyStore(backup, data)
	want("the first start's store", 1)
	want("after that", 2)
	if err := os.RemoveAll(filepath.Join(data, "bus")); err != nil {
		t.Fatal(err)
	}
	want("without its folder", 1)
	if err := os.WriteFile(filepath.Join(data, "bus", "generation"), []byte("12"), 0o600); err != nil {
		t.Fatal(err)
	}
	want("a number not written to its end", 2)
}
