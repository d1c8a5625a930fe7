package server_test

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestScrape(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.add(t, "Pick", picking)
	a.job(t, a.start(t, "Pick", `{"host":{"name":"x"}}`), "complete")
	for name, tc := range map[string]struct {
		from, header string
		status       int
	}{
		"own machine": {"127.0.0.1:4711", "", 200}, "own machine by IPv6": {"[::1]:4711", "", 200},
		"another machine": {"192.0.2.7:4711", "", 401}, "a proxy on the own machine": {"127.0.0.1:4711", "X-Forwarded-For", 401},
	} {
		r := httptest.NewRequest("GET", "/prometheus_metrics", nil)
		r.RemoteAddr = tc.from
		if tc.header != "" {
			r.Header.Set(tc.header, "192.0.2.7")
		}
		if got := a.send(t, r); got.StatusCode != tc.status {
			t.Errorf("%s: status %d, want %d", name, got.StatusCode, tc.status)
		}
	}
	text := a.call(t, "GET", "/prometheus_metrics", "").text
	for _, line := range []string{
		`heddle_jobs{status="complete"} 1`, "heddle_jobs_started_total 1", `heddle_transitions_total{event="JobStarted"} 1`,
		`heddle_tasks_total{app="WorkFlowEngine",finish_state="success"} 1`, "heddle_commit_seconds_count", `heddle_queue_depth{queue="intake"} 0`, "heddle_bus_lost_total 0", "heddle_swept_jobs_total",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no line %s in\n%s", line, text)
		}
	}
}
