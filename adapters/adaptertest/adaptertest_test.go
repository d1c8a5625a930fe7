package adaptertest_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/adaptertest"
	"github.com/heddlehq/heddle/adapters/lab"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/bus/membus"
	"github.com/heddlehq/heddle/engine/bus/natsbus"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

func target(run func(context.Context, bus.Bus) error) adaptertest.Target {
	return adaptertest.Target{
		App: lab.App, Run: run,
		Quick: adaptertest.Sample{Method: "echo", Incoming: value.Object("value", value.Int(1))},
		Slow:  adaptertest.Sample{Method: "sleep", Incoming: value.Object("seconds", value.Int(2))},
	}
}

func serveLab(ctx context.Context, b bus.Bus) error {
	s := &adapters.Server{Bus: b, Kind: lab.Kind(), Grace: 100 * time.Millisecond}
	return s.Run(ctx)
}

// stands checks that the attacks found nothing.
func stands(t *testing.T, b bus.Bus, target adaptertest.Target, checks int) {
	t.Helper()
	report, err := adaptertest.Run(t.Context(), b, target)
	if err != nil {
		t.Fatal(err)
	}
	if problems := report.Problems(); len(problems) > 0 {
		t.Errorf("%s", strings.Join(problems, "\n"))
	}
	if len(report) != checks {
		t.Errorf("%d checks:\n%s", len(report), report)
	}
}

func TestRun_lab(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { stands(t, membus.New(membus.Options{}), target(serveLab), 13) })
}

func TestRun_labOnJetStream(t *testing.T) {
	t.Parallel()
	b, err := natsbus.Open(t.Context(), natsbus.Options{Embedded: &natsbus.Embedded{Dir: t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	stands(t, b, target(serveLab), 14)
}

// The kit finds what is wrong with adapters that are.
func TestRun_findsFaults(t *testing.T) {
	respond := func(change func(*adapters.Order, *adapters.Result)) func(context.Context, bus.Bus) error {
		return func(ctx context.Context, b bus.Bus) error {
			w := adapters.Worker{Name: "bad", Consumer: "bad", Filter: []string{bus.TaskFilter("default", lab.App)}}
			return adapters.Work(ctx, b, w, func(_ context.Context, o adapters.Order) adapters.Result {
				r := adapters.Result{State: workflows.Success}
				if o.Method == "sleep" {
					time.Sleep(2 * time.Second)
				}
				change(&o, &r)
				return r
			})
		}
	}
	for name, tc := range map[string]struct {
		run  func(context.Context, bus.Bus) error
		want []string
	}{
		"nobody": {func(ctx context.Context, _ bus.Bus) error { <-ctx.Done(); return nil }, []string{"answers", "flood", "restart"}},
		"deaf to cancels": {respond(func(*adapters.Order, *adapters.Result) {}),
			[]string{"cancel", "unknown method"}},
		"odd states": {respond(func(_ *adapters.Order, r *adapters.Result) { r.State = "done" }), []string{"answers", "events conform"}},
		"naive": {func(ctx context.Context, b bus.Bus) error { // runs whatever comes, as often as it comes
			return b.Consume(ctx, bus.Consumer{Stream: bus.Tasks, Name: "naive"}, func(d bus.Delivery) {
				d.Ack()
				o, _ := adapters.ParseOrder(d.Data())
				if o.Method == "sleep" {
					time.Sleep(2 * time.Second)
				}
				data := o.Finished(adapters.Result{State: workflows.Success})
				b.Publish(context.WithoutCancel(ctx), bus.Message{Subject: bus.EventSubject(0, "x"), Data: data})
			})
		}, []string{"repeated while running", "newer version", "events conform"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				report, err := adaptertest.Run(t.Context(), membus.New(membus.Options{}), target(tc.run))
				if err != nil {
					t.Fatal(err)
				}
				for _, want := range tc.want {
					if !slices.ContainsFunc(report, func(c adaptertest.Check) bool { return c.Name == want && c.Problem != "" }) {
						t.Errorf("%q was not found:\n%s", want, report)
					}
				}
			})
		})
	}
}
