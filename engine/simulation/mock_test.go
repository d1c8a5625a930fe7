package simulation_test

import (
	"testing"

	"github.com/heddlehq/heddle/engine/simulation"
	"github.com/heddlehq/heddle/workflows/value"
)

func TestParseMock_bad(t *testing.T) {
	t.Parallel()
	project := example(t, "onboard.project.json", "Onboard Site", "", `{}`)
	loop := example(t, "for-each.json", "", "", `{}`)
	for doc, want := range map[string]string{
		`[]`:                                "/ type",
		`{"task": {}}`:                      "/task unknown-member",
		`{"tasks": []}`:                     "/tasks type",
		`{"tasks": {"zz": [{}]}}`:           "/tasks/zz unknown-task",
		`{"tasks": {"workflow_end": [{}]}}`: "/tasks/workflow_end unknown-task",
		`{"tasks": {"a2": {}}}`:             "/tasks/a2 type",
		`{"tasks": {"a2": []}}`:             "/tasks/a2 type",
		`{"tasks": {"a2": [7]}}`:            "/tasks/a2/0 type",
		`{"tasks": {"a2": [{}, {"finish": "error"}]}}`:                            "/tasks/a2/1/finish unknown-member",
		`{"tasks": {"a2": [{"finishState": "ok"}]}}`:                              "/tasks/a2/0/finishState enum",
		`{"tasks": {"a2": [{"finishState": 7}]}}`:                                 "/tasks/a2/0/finishState enum",
		`{"tasks": {"a2": [{"outgoing": 7}]}}`:                                    "/tasks/a2/0/outgoing type",
		`{"tasks": {"a2": [{"error": "x"}]}}`:                                     "/tasks/a2/0/error unused",
		`{"tasks": {"a2": [{"after": "soon"}]}}`:                                  "/tasks/a2/0/after duration",
		`{"tasks": {"a2": [{"after": -1}]}}`:                                      "/tasks/a2/0/after duration",
		`{"tasks": {"a2": [{"after": "-1s"}]}}`:                                   "/tasks/a2/0/after duration",
		`{"tasks": {"a2": [{"after": 99999999999999999}]}}`:                       "/tasks/a2/0/after duration",
		`{"tasks": {"a1": [{"finishState": "failure", "error": null}]}}`:          "",
		`{"tasks": {"a2": [{"changes": 7}]}}`:                                     "/tasks/a2/0/changes type",
		`{"tasks": {"a2": [{"changes": {"insert": 7}}]}}`:                         "/tasks/a2/0/changes/insert unknown-member",
		`{"tasks": {"a2": [{"changes": {"delete": -7}}]}}`:                        "/tasks/a2/0/changes/delete type",
		`{"methods": {"query": [{}]}}`:                                            "/methods/query unused",
		`{"workflows": {"Nobody": {}}}`:                                           "/workflows/Nobody unknown-workflow",
		`{"workflows": {"Onboard Device": 7}}`:                                    "/workflows/Onboard Device type",
		`{"workflows": {"Onboard Device": {"methods": {}}}}`:                      "/workflows/Onboard Device/methods unknown-member",
		`{"workflows": {"Onboard Device": {"tasks": {"a9": [{}]}}}}`:              "/workflows/Onboard Device/tasks/a9 unknown-task",
		`{"workflows": {"Onboard Device": {"tasks": {"a1": [{"after": true}]}}}}`: "/workflows/Onboard Device/tasks/a1/0/after duration",
	} {
		_, problems := simulation.ParseMock(value.MustParse(doc), project.Workflow, project.Library.Workflows())
		got := ""
		for _, p := range problems {
			got += p.Pointer + " " + p.Code
		}
		if got == " type" {
			got = "/" + got
		}
		if got != want {
			t.Errorf("%s\ngot  %s\nwant %s", doc, got, want)
		}
	}
	_, problems := simulation.ParseMock(value.MustParse(`{"tasks": {"a2": [{}]}}`), loop.Workflow, nil)
	if len(problems) != 1 || problems[0].Code != "for-each" || problems[0].Pointer != "/tasks/a2" {
		t.Errorf("a mock of a forEach: %v, want a warning at /tasks/a2", problems)
	}
}

// A script may end any task in any state, also those whose end the machine decides itself.
func TestMock_anyState(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"success", "failure", "error"} {
		o := example(t, "onboard.project.json", "Onboard Site", "", `{"tasks": {"a1": [{"finishState": "`+state+`"}]}}`)
		o.Partial = true
		r, err := simulation.Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if !r.Job.Status.Final() && r.Job.Status != "error" {
			t.Errorf("%s: the job is %s", state, r.Job.Status)
		}
	}
}

func TestMock_Reply(t *testing.T) {
	t.Parallel()
	o := example(t, "retry.json", "", "", `{}`)
	m, problems := simulation.ParseMock(value.MustParse(`{
		"tasks": {"a1": [{"finishState": "error"}, {"after": "1m"}, {"after": 250}]},
		"methods": {"Servicenow.createTicket": [{"after": "9h"}], "WorkFlowEngine.newVariable": [{"after": "2s"}]}}`), o.Workflow, nil)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		task      string
		iteration int
		want      string
	}{
		{"a1", 1, "error 0s"}, {"a1", 2, "success 1m0s"}, {"a1", 3, "success 250ms"}, {"a1", 9, "success 250ms"}, {"b1", 4, "success 2s"},
	} {
		task, _ := o.Workflow.Task(tc.task)
		r, ok := m.Reply(simulation.Turn{Workflow: o.Workflow, Task: task, Iteration: tc.iteration})
		if got := string(r.State) + " " + r.After.String(); !ok || got != tc.want {
			t.Errorf("iteration %d of %s: %q, %t; want %q", tc.iteration, tc.task, got, ok, tc.want)
		}
	}
}
