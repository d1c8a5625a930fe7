package adaptertest_test

import (
	"context"
	"errors"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/heddlehq/heddle/adapters/adaptertest"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/bus/natsbus"
	"github.com/heddlehq/heddle/workflows/value"
)

// A worker in another language, which knows nothing but the protocol's text, stands the same attacks.
func TestRun_python(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed: the worker in another language is not tried")
	}
	b, err := natsbus.Open(t.Context(), natsbus.Options{Embedded: &natsbus.Embedded{Dir: t.TempDir(), Listen: "127.0.0.1:0"}})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	stands(t, b, adaptertest.Target{
		App: "Python",
		Run: func(ctx context.Context, _ bus.Bus) error {
			worker := exec.CommandContext(ctx, python, "../../testdata/adapters/python/worker.py", b.URL())
			worker.Cancel = func() error { return worker.Process.Signal(syscall.SIGTERM) }
			worker.WaitDelay = 10 * time.Second
			worker.Stderr = t.Output()
			err := worker.Run()
			if errors.Is(err, context.Canceled) {
				err = nil // it was told to end and did so well
			}
			return err
		},
		Quick: adaptertest.Sample{Method: "echo", Incoming: value.Object("value", value.String("ä"))},
		Slow:  adaptertest.Sample{Method: "sleep", Incoming: value.Object("seconds", value.Int(2))},
	})
}
