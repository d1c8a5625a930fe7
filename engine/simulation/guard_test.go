package simulation_test

import (
	"strings"
	"testing"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/simulation"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// A mock tells what a method would change, and the guard of the task decides as it would in a job.
func TestSI07_guardOfMock(t *testing.T) {
	t.Parallel()
	w, problems := workflows.Load(value.MustParse(`{"name":"S","steps":[
		{"task":"Sync","app":"HR","method":"sync","adapter":"hr","guard":{"delete":5,"create":100}},
		{"task":"Next","app":"HR","method":"export","adapter":"hr","parents":["Sync"]}]}`), nil, nil)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	for mock, want := range map[string]string{
		`{"methods":{"HR.sync":[{"changes":{"delete":4,"create":99}}]}}`:              "complete, next runs",
		`{"methods":{"HR.sync":[{"changes":{"delete":5}}]}}`:                          "blocked",
		`{"methods":{"HR.sync":[{"changes":{"create":100,"present":10000}}]}}`:        "blocked",
		`{"methods":{"HR.sync":[{"changes":{}}]}}`:                                    "complete, next is skipped",
		`{"methods":{"HR.sync":[{"finishState":"blocked","error":"by its worker"}]}}`: "blocked",
	} {
		m, problems := simulation.ParseMock(value.MustParse(mock), w, nil)
		if err := problems.Err(); err != nil {
			t.Fatal(err)
		}
		var trace strings.Builder
		r, err := simulation.Run(t.Context(), simulation.Options{Workflow: w, Script: m.Reply, Trace: &trace})
		if err != nil {
			t.Fatal(err)
		}
		got := string(r.Job.Status)
		switch {
		case r.Job.Status == engine.BlockedJ:
			if len(r.Waiting) == 0 || r.Waiting[0].Kind != "guard" {
				t.Errorf("%s: it does not say what it waits for: %v", mock, r.Waiting)
			}
		case r.Job.Tasks[1].Skipped != "":
			got += ", next is skipped"
		default:
			got += ", next runs"
		}
		if got != want {
			t.Errorf("%s: %s, want %s\n%s", mock, got, want, trace.String())
		}
	}
}
