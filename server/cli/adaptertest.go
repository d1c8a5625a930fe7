package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/adaptertest"
	"github.com/heddlehq/heddle/server/system"
	"github.com/heddlehq/heddle/workflows/value"
)

func newAdapterTest(c *console) *cobra.Command {
	var app, instance, quick, slow string
	var patience time.Duration
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "test --app APP --quick METHOD=PARAMETERS --slow METHOD=PARAMETERS -- COMMAND...",
		Short: "Attack an adapter, in whatever language, and report what it does not stand",
		Long: `Test starts a bus of its own and the adapter's program, which finds the bus by the environment
variable HEDDLE_BUS_URL, or by {url} in its arguments, with credentials for the orders of its app only.
It then gives repeated orders, cancels in time and late, garbage, orders of another version, too large or
too late, floods the adapter, freezes it until its lease is lost, kills it, and ends it by SIGTERM, and
looks whether each order is answered as adapters/PROTOCOL.md says.

--quick is a call that succeeds at once, --slow one that takes two seconds or more. It prints a line
for each attack; the exit code is 20 if the adapter fell for one. It takes about a minute.`,
		Example: `  heddle adapter test --app Python --quick 'echo={"value":1}' --slow 'sleep={"seconds":2}' \
      -- python3 testdata/adapters/python/worker.py {url}`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if app == "" {
				return errors.New("--app is required")
			}
			t := adaptertest.Target{App: app, Instance: instance, Patience: patience}
			var wrong [2]error
			t.Quick, wrong[0] = sample("--quick", quick)
			t.Slow, wrong[1] = sample("--slow", slow)
			if err := errors.Join(wrong[:]...); err != nil {
				return err
			}
			report, err := c.attack(cmd.Context(), t, args)
			if err != nil {
				return err
			}
			if asJSON {
				checks := make([]value.Value, len(report))
				for i, r := range report {
					checks[i] = value.Object("name", value.String(r.Name), "problem", value.String(r.Problem))
				}
				fmt.Fprintln(c.out, value.Array(checks...))
			} else {
				fmt.Fprint(c.out, report)
			}
			if len(report.Problems()) > 0 {
				return exit(exitError)
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&app, "app", "", "`name` of the application whose orders the adapter takes")
	flags.StringVar(&instance, "instance", "", "adapter `instance` to use, if the adapter has several")
	flags.StringVar(&quick, "quick", "", "`METHOD=PARAMETERS` of a call that succeeds at once")
	flags.StringVar(&slow, "slow", "", "`METHOD=PARAMETERS` of a call that takes two seconds or more")
	flags.DurationVar(&patience, "patience", 15*time.Second, "how long an answer may take")
	flags.BoolVar(&asJSON, "json", false, "print the report as JSON")
	return cmd
}

// sample reads METHOD={"name":value}.
func sample(flag, text string) (adaptertest.Sample, error) {
	method, parameters, given := strings.Cut(text, "=")
	if method == "" {
		return adaptertest.Sample{}, fmt.Errorf("%s is required, as METHOD=PARAMETERS", flag)
	}
	s := adaptertest.Sample{Method: method, Incoming: value.Object()}
	if !given {
		return s, nil
	}
	v, err := value.Parse([]byte(parameters))
	if err != nil {
		return s, fmt.Errorf("%s: the parameters: %w", flag, err)
	}
	if !v.IsObject() {
		return s, fmt.Errorf("%s: the parameters must be a JSON object, not %s", flag, v.Kind())
	}
	s.Incoming = v
	return s, nil
}

// attack runs the conformance kit against a program on a bus that nobody else uses.
func (c *console) attack(ctx context.Context, t adaptertest.Target, command []string) (adaptertest.Report, error) {
	dir, err := os.MkdirTemp("", "heddle-adapter-test-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	b, address, err := system.OpenTestBus(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	p := &adaptertest.Process{Command: command, Output: c.err}
	if p.URL, err = system.WorkerURL(address, adapters.DefaultPool, []string{t.App}); err != nil {
		return nil, err
	}
	t.Run, t.Signal = p.Run, p.Signal
	return adaptertest.Run(ctx, b, t)
}
