package adaptertest_test

import (
	"os/exec"
	"testing"

	"github.com/heddlehq/heddle/adapters/adaptertest"
	"github.com/heddlehq/heddle/engine/bus/natsbus"
	"github.com/heddlehq/heddle/workflows/value"
)

// Workers in other languages, which know nothing but the protocol's text, stand the same
// attacks, with credentials that open nothing but their own orders.
func TestRun_otherLanguages(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ app, program, file string }{
		"python": {"Python", "python3", "../../testdata/adapters/python/worker.py"},
		"node":   {"Node", "node", "../../testdata/adapters/node/worker.mjs"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program, err := exec.LookPath(tc.program)
			if err != nil {
				t.Skipf("%s is not installed: the worker in that language is not tried", tc.program)
			}
			b, err := natsbus.Open(t.Context(), natsbus.Options{Embedded: &natsbus.Embedded{Dir: t.TempDir(), Listen: "127.0.0.1:0"}})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			address, err := natsbus.WorkerURL(b.URL(), natsbus.Worker{Pool: "default", Apps: []string{tc.app}})
			if err != nil {
				t.Fatal(err)
			}
			p := &adaptertest.Process{Command: []string{program, tc.file, "{url}"}, URL: address, Output: t.Output()}
			target := adaptertest.Target{
				App: tc.app, Run: p.Run,
				Quick: adaptertest.Sample{Method: "echo", Incoming: value.Object("value", value.String("ä"))},
				Slow:  adaptertest.Sample{Method: "sleep", Incoming: value.Object("seconds", value.Int(2))},
			}
			checks := 14
			if !testing.Short() {
				target.Signal = p.Signal
				checks = 16
			}
			stands(t, b, target, checks)
		})
	}
}
