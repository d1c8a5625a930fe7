package command

import "testing"

func TestPercent(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]float64{"": 0, "42%": 42, "copied 12.5% of 3 files": 12.5, "50% then 75%": 75, "%": 0, "a%": 0, "1.2.3%": 0, "100": 0} {
		if got := percent(line); got != want {
			t.Errorf("%q: %v, want %v", line, got, want)
		}
	}
}
