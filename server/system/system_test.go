package system_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/server/system"
	"github.com/heddlehq/heddle/workflows/value"
)

// boot opens a system in memory that runs until the test ends.
func boot(t *testing.T, c system.Config, docs ...string) *system.System {
	t.Helper()
	return launch(t, c, func(*system.System) {}, docs...)
}

// single is a workflow of one task.
func single(name, incoming, outgoing string) string {
	return fmt.Sprintf(`{"name":"One","type":"automation","groups":[],"tasks":{
 "workflow_start":{"name":"workflow_start","groups":[]},
 "a":{"name":%q,"canvasName":%q,"summary":"","description":"","location":"Application","app":"WorkFlowEngine","displayName":"WorkFlowEngine","type":"operation","groups":[],
  "variables":{"incoming":%s,"outgoing":%s,"error":"","decorators":[]}},
 "workflow_end":{"name":"workflow_end","groups":[]}},
 "transitions":{"workflow_start":{"a":{"type":"standard","state":"success"}},"a":{"workflow_end":{"type":"standard","state":"success"}},"workflow_end":{}}}`, name, name, incoming, outgoing)
}

func start(t *testing.T, s *system.System) string {
	t.Helper()
	st, err := s.Runner.Start(t.Context(), runner.Begin{Workflow: "One", Start: engine.Start{Initiator: "test"}})
	if err != nil {
		t.Fatal(err)
	}
	return st.Job.ID
}

// end waits for a job to leave the status "running".
func end(t *testing.T, s *system.System, id string) runner.State {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		st, err := s.Runner.Job(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if st.Job.Status != engine.Running {
			return st
		}
		if time.Now().After(deadline) {
			t.Fatalf("the job still runs: %+v", st.Machine.Explain(st.Job))
		}
		time.Sleep(5 * time.Millisecond) // the whole system is at work on its own clock
	}
}

func TestSystem_restCall(t *testing.T) {
	t.Parallel()
	device := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"os":"ios"}`)
	}))
	t.Cleanup(device.Close)
	doc := single("restCall", fmt.Sprintf(`{"uri":%q,"method":"GET"}`, device.URL), `{}`)
	for name, tc := range map[string]struct {
		allow []netip.Prefix
		want  engine.Status
	}{
		"loopback is refused":        {nil, engine.Errored},
		"unless a setting allows it": {[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, engine.Complete},
	} {
		t.Run(name, func(t *testing.T) {
			s := boot(t, system.Config{Allow: tc.allow}, doc)
			st := end(t, s, start(t, s))
			if st.Job.Status != tc.want {
				t.Errorf("job is %s with %v, want %s", st.Job.Status, st.Job.Errors, tc.want)
			}
		})
	}
}

func TestSystem_eventListenerJob(t *testing.T) {
	t.Parallel()
	s := boot(t, system.Config{}, single("eventListenerJob",
		`{"source":"monitor","topic":"linkDown","schema":{"type":"object","properties":{"port":{"const":"Gi0/1"}},"required":["port"]}}`,
		`{"result":"$var.job.event"}`))
	id := start(t, s)
	publish := func(topic, port string) {
		data := value.Object("source", value.String("monitor"), "topic", value.String(topic), "port", value.String(port)).AppendJSON(nil)
		if err := s.Bus.Publish(t.Context(), bus.Message{Subject: bus.PlatformFeedSubject("monitor", topic), Data: data})[0]; err != nil {
			t.Fatal(err)
		}
	}
	publish("linkUp", "Gi0/1")   // another topic
	publish("linkDown", "Gi0/2") // does not fit the schema
	time.Sleep(50 * time.Millisecond)
	if st, err := s.Runner.Job(t.Context(), id); err != nil || st.Job.Status != engine.Running {
		t.Fatalf("the job is %v, %v: it took an event that is not its own", st.Job.Status, err)
	}
	publish("linkDown", "Gi0/1")
	st := end(t, s, id)
	if got := st.Job.Variables.Get("event").Get("port").Text(); st.Job.Status != engine.Complete || got != "Gi0/1" {
		t.Errorf("job is %s with event %s", st.Job.Status, st.Job.Variables.Get("event"))
	}
}
