//go:build linux

package faults

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/heddlehq/heddle/workflows/value"
)

// TestFT24_olderStoreRestored brings back an older copy of the store: what the copy knows
// goes on and ends, what it does not know is gone, nothing is mixed.
func TestFT24_olderStoreRestored(t *testing.T) {
	notShort(t)
	for name, keepBus := range map[string]bool{"without its bus": false, "beside a bus that went on": true} {
		t.Run(name, func(t *testing.T) {
			s := serve(t)
			l := newLoad(s)
			l.give(40)
			s.stop()
			backup := t.TempDir()
			copyStore(t, s.data, backup)
			known := l.refs
			s.start()
			l.give(40)
			s.stop()
			for _, newer := range storeFiles(t, s.data) {
				if err := os.Remove(newer); err != nil {
					t.Fatal(err)
				}
			}
			copyStore(t, backup, s.data)
			if !keepBus {
				s.wipeBus()
			}
			// What was started after the copy is lost with the store, and nobody is to expect it.
			l.forgetAfter(known)
			s.start()
			t.Logf("ready after %s, a new job done after %s", s.took.Round(time.Millisecond), l.recovered().Round(time.Millisecond))
			l.judge(time.Minute)
		})
	}
}

func storeFiles(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "heddle.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no store in %s: %v", dir, err)
	}
	return files
}

func copyStore(t *testing.T, from, to string) {
	t.Helper()
	for _, f := range storeFiles(t, from) {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, filepath.Base(f)), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// forgetAfter drops the starts that came after the first n from what the judge looks for.
func (l *load) forgetAfter(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for ref := range l.accepted {
		if number(ref) > n {
			delete(l.accepted, ref)
		}
	}
}

// TestFT24_copiedWhileRunning copies the data folder file by file under a running server, as
// an unknowing operator does, and starts a server on the copy. It may refuse; if it starts,
// what it shows is sound.
func TestFT24_copiedWhileRunning(t *testing.T) {
	notShort(t)
	s := serve(t)
	l := newLoad(s)
	l.give(20)
	given := l.giveMeanwhile(40)
	copied := newServer(t)
	if err := os.Mkdir(copied.data, 0o700); err != nil {
		t.Fatal(err)
	}
	copyStore(t, s.data, copied.data)
	<-given
	if err := copied.tryStart(); err != nil {
		t.Logf("a server refuses the copy: %v", err)
	} else {
		copied.begin("Child", value.Object())
		copied.stop()
		copied.doctor()
	}
	l.judge(time.Minute)
}
