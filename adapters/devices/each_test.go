package devices_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/adaptertest"
	"github.com/heddlehq/heddle/adapters/devices"
	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/workflows/value"
)

// What happens to one device stays with it, and how the call ends follows from all of them.
func TestEach(t *testing.T) {
	t.Parallel()
	n, err := devices.Open(devices.Config{
		Devices:  map[string]devices.Device{"a": {}, "b": {}, "c": {}},
		Defaults: devices.Device{User: "u", Password: "p"}, InsecureHostKeys: true, Parallel: 2,
	}, 22)
	if err != nil {
		t.Fatal(err)
	}
	targets, err := n.Targets([]string{"a", "b", "c"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	lost := &adapters.Error{Class: adapters.ClassNetwork, Text: "lost", Retryable: new(true)}
	for name, tc := range map[string]struct {
		do   func(device string) error
		want []string
	}{
		"all well": {func(string) error { return nil }, []string{`"finishState":"success"`}},
		"one panics": {func(device string) error {
			if device == "b" {
				panic("what a device")
			}
			return nil
		}, []string{`"finishState":"failure"`, `"class":"internal"`, `1 of 3 devices: b: the adapter panicked: what a device`, `"outgoing":{"result":"results"}`}},
		"all lost": {func(string) error { return lost }, []string{`"finishState":"error"`, `"class":"network"`, `"retryable":true`, `"results":"results"`}},
		"lost or refused": {func(device string) error {
			return map[bool]error{true: lost, false: network.Remote(false, "no")}[device == "a"]
		}, []string{`"finishState":"error"`, `"retryable":false`, `a: lost; b: no; c: no`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var now, most atomic.Int32
			kind := &adapters.Kind{App: "Devices", Version: "1", Methods: []adapters.Spec{
				adapters.Method("try", func(ctx context.Context, c *adapters.Call, _ struct{}) (string, error) {
					errs := n.Each(ctx, c, targets, func(_ context.Context, i int) error {
						most.Store(max(most.Load(), now.Add(1)))
						defer now.Add(-1)
						return tc.do(targets[i].Name)
					})
					return "results", devices.Ending(ctx, targets, errs, "results")
				}),
			}}
			v, err := adaptertest.Call(t.Context(), kind, adapters.Instance{}, nil, "try", value.Object())
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range tc.want {
				if !strings.Contains(v.String(), want) {
					t.Errorf("got %s, want %s", v, want)
				}
			}
			if most.Load() > 2 {
				t.Errorf("%d at once", most.Load())
			}
		})
	}
}
