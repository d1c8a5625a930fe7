package runner_test

import (
	"context"
	"testing"

	"github.com/heddlehq/heddle/engine/doctor"
	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
)

func init() { runner.Examine = examine }

// examine lets the doctor look at a store and reports every promise that is broken.
func examine(t *testing.T, st store.Store, lib *library.Library) {
	t.Helper()
	report, err := doctor.Check(context.Background(), doctor.Options{Store: st, Library: lib})
	if err != nil {
		t.Errorf("doctor: %v", err)
	}
	for _, f := range report.Findings {
		t.Errorf("doctor: %s", f)
	}
}
