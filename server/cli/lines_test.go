package cli

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// sink is a log reader that can be stuck.
type sink struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *sink) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func TestLines_stuckReader(t *testing.T) {
	t.Parallel()
	var s sink
	s.mu.Lock() // nobody reads
	l := newLines(&s)
	began := time.Now()
	for i := range 2 * maxLines {
		if _, err := fmt.Fprintf(l, "line %d\n", i); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("writing took %v", took)
	}
	s.mu.Unlock()
	l.Close()
	text := s.text.String()
	if !strings.HasPrefix(text, "line 0\nline 1\n") && !strings.HasPrefix(text, "line 0\n") || !strings.Contains(text, "log lines were dropped") {
		t.Errorf("the log begins %q and says nothing of what was dropped", text[:min(len(text), 100)])
	}
	if _, err := l.Write([]byte("late")); err != nil {
		t.Error(err)
	}
}

type gone struct{}

func (gone) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestLines_readerIsGone(t *testing.T) {
	t.Parallel()
	l := newLines(gone{})
	if n, err := l.Write([]byte("line\n")); n != 5 || err != nil {
		t.Errorf("written %d bytes, error %v", n, err)
	}
	l.Close()
}
