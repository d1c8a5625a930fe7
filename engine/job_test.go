package engine_test

import (
	"regexp"
	"testing"

	"github.com/heddlehq/heddle/engine"
)

func TestIterationID(t *testing.T) {
	t.Parallel()
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := make(map[string]bool)
	for _, id := range []string{
		engine.IterationID("j", "a", 1), engine.IterationID("j", "a", 2), engine.IterationID("j", "b", 1), engine.IterationID("k", "a", 1),
	} {
		if !uuid.MatchString(id) || seen[id] {
			t.Errorf("%q is no UUID of its own", id)
		}
		seen[id] = true
	}
	// Stored jobs rely on it.
	if got, want := engine.IterationID("j", "a", 1), "e2d38334-fe55-8e96-aa59-fa1919a7e043"; got != want {
		t.Errorf("IterationID = %s, want %s", got, want)
	}
}
