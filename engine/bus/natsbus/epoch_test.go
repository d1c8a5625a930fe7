package natsbus

import (
	"testing"
	"time"
)

// A stream that ends before where it was seen to end has lost messages, once for each time.
func TestHeights_note(t *testing.T) {
	t.Parallel()
	var h heights
	one, two := time.Unix(1, 0), time.Unix(2, 0)
	for i, step := range []struct {
		birth time.Time
		last  uint64
		want  int
	}{
		{one, 5, 0}, {one, 5, 0}, {one, 9, 0},
		{one, 7, 1}, {one, 8, 1}, {one, 9, 1},
		{one, 0, 2}, {one, 3, 2},
		{two, 1, 0}, // another stream's life: its birthday tells
		{two, 0, 1},
	} {
		if got := h.note("s", step.birth, step.last); got != step.want {
			t.Errorf("step %d, last %d: %d falls, want %d", i, step.last, got, step.want)
		}
		if got := h.note("other", one, uint64(i)); got != 0 {
			t.Errorf("step %d: another stream fell %d times", i, got)
		}
	}
}
