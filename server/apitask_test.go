package server_test

import (
	"testing"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

func TestGetJobs_asTask(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.add(t, "Pick", picking)
	for range 2 {
		a.must(t, "POST", "/operations-manager/jobs/start", `{"workflow":"Pick","options":{"variables":{"host":{"name":"r1"}}}}`)
	}
	order := func(parameters, actor string) adapters.Order {
		return adapters.Order{App: "OperationsManager", Method: "getJobs", Actor: actor, Incoming: value.Object("queryParameters", value.MustParse(parameters))}
	}
	r := a.GetJobs(t.Context(), order(`{"equals":{"name":"Pick"},"limit":1}`, "Pronghorn"))
	if n, _ := r.Outgoing.Get("total").Int(); r.State != workflows.Success || n != 2 || r.Outgoing.Get("jobs").Len() != 1 {
		t.Errorf("got %+v, want one job of two", r)
	}
	if r := a.GetJobs(t.Context(), order(`{"equals":{"nope":1}}`, "Pronghorn")); r.State != workflows.Failed {
		t.Errorf("an unknown field: %+v", r)
	}
	if r := a.GetJobs(t.Context(), order(`{}`, "nobody")); r.State != workflows.Failed {
		t.Errorf("an unknown actor: %+v", r)
	}
	if r := a.GetTasks(t.Context(), order(`{"equals":{"job.name":"Pick"}}`, "admin")); r.State != workflows.Success || r.Outgoing.Get("tasks").Len() == 0 {
		t.Errorf("tasks: %+v", r)
	}
}
