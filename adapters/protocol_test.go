package adapters_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// The exchange that PROTOCOL.md shows fits the schemas and is what this package says.
func TestProtocol_exchange(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string][]value.Value{}
	for _, block := range regexp.MustCompile("(?s)```json ([a-z-]+)\n(.*?)```").FindAllSubmatch(text, -1) {
		v, err := value.Parse(block[2])
		if err != nil {
			t.Fatalf("%s: %v", block[1], err)
		}
		name := string(block[1])
		conforms(t, name, v)
		if name != "task-message" && name != "adapter-manifest" && !strings.HasPrefix(name, "payload-") {
			conforms(t, "event-message", v)
		}
		shown[name] = append(shown[name], v)
	}
	if len(shown["task-message"]) != 1 || len(shown["adapter-manifest"]) != 1 {
		t.Fatalf("found %v", shown)
	}
	o, err := adapters.ParseOrder(shown["task-message"][0].AppendJSON(nil))
	if err != nil {
		t.Fatal(err)
	}
	said := map[string][][]byte{
		"task-message":  {o.JSON()},
		"task-started":  {o.Started("tickets@host-7")},
		"task-progress": {o.Progressed("tickets@host-7", 50, "ticket written")},
		"task-log": {o.Logged("tickets@host-7", "info", "asked the service", time.UnixMilli(1735689590000),
			value.Object("statusCode", value.Int(201)))},
		"task-finished": {
			o.Finished(adapters.Result{State: workflows.Success, Outgoing: value.Object("number", value.String("INC0042"))}),
			o.Finished(adapters.Fail("network", "the service cannot be reached")),
		},
	}
	for name, want := range said {
		var got []string
		for _, data := range want {
			got = append(got, string(data))
		}
		var have []string
		for _, v := range shown[name] {
			have = append(have, v.String())
		}
		if diff := cmp.Diff(got, have); diff != "" {
			t.Errorf("%s (-said +shown):\n%s", name, diff)
		}
	}
	if want := engine.RunKey(o.Job, o.Task, o.Iteration); o.Key != want {
		t.Errorf("key %q, want %q", o.Key, want)
	}
}
