//go:build linux

package faults

import (
	"fmt"
	"strings"

	"github.com/heddlehq/heddle/workflows/value"
)

// step is one task to draw.
type step struct {
	id   string
	body string // its JSON
}

// adapter is a task of an outside system; incoming and extra are JSON, extra is further
// members of the task.
func adapter(id, app, method, incoming, extra string) step {
	return drawn(id, method, "Adapter", app, "automatic", "Pronghorn", incoming, `{"result":null}`, extra)
}

// operation is a built-in task.
func operation(id, method, incoming, outgoing string) step {
	actor := "Pronghorn"
	if method == "childJob" || method == "forEach" {
		actor = "job"
	}
	return drawn(id, method, "Application", "WorkFlowEngine", "operation", actor, incoming, outgoing, "")
}

// person is a task that waits for somebody.
func person(id string) step {
	return drawn(id, "ViewData", "Application", "WorkFlowEngine", "manual", "",
		`{"header":"h","message":"m","body":"b","variables":"","btn_success":"Yes","btn_failure":"No"}`, `{}`,
		`"view":"/workflow_engine/task/ViewData"`)
}

func drawn(id, method, location, app, kind, actor, incoming, outgoing, extra string) step {
	if extra != "" {
		extra = "," + extra
	}
	if actor != "" {
		extra += fmt.Sprintf(`,"actor":%q`, actor)
	}
	return step{id, fmt.Sprintf(`{"name":%q,"canvasName":%q,"summary":"","description":"","location":%q,"locationType":%q,"app":%q,"displayName":%q,
		"type":%q,"groups":[],"variables":{"incoming":%s,"outgoing":%s,"error":"","decorators":[]}%s}`,
		method, method, location, app, app, app, kind, incoming, outgoing, extra)}
}

// draw makes a workflow. Edges are words such as "start>a1", "a1>end" and "a1:error>b1".
func draw(name, edges string, steps ...step) value.Value {
	text := `{"workflow_start":{"name":"workflow_start","groups":[]},"workflow_end":{"name":"workflow_end","groups":[]}`
	targets := map[string][]string{"workflow_start": nil, "workflow_end": nil}
	for _, s := range steps {
		text += fmt.Sprintf(",%q:%s", s.id, s.body)
		targets[s.id] = nil
	}
	end := func(id string) string {
		if id == "start" || id == "end" {
			return "workflow_" + id
		}
		return id
	}
	for _, e := range strings.Fields(edges) {
		from, to, _ := strings.Cut(e, ">")
		from, state, special := strings.Cut(from, ":")
		if !special {
			state = "success"
		}
		kind := "standard"
		if s, ok := strings.CutPrefix(state, "revert-"); ok {
			kind, state = "revert", s
		}
		targets[end(from)] = append(targets[end(from)], fmt.Sprintf(`%q:{"type":%q,"state":%q}`, end(to), kind, state))
	}
	var transitions []string
	for id, list := range targets {
		transitions = append(transitions, fmt.Sprintf("%q:{%s}", id, strings.Join(list, ",")))
	}
	return value.MustParse(fmt.Sprintf(`{"name":%q,"type":"automation","canvasVersion":3,"groups":[],"tasks":%s},"transitions":{%s}}`,
		name, text, strings.Join(transitions, ",")))
}

// kind is a workflow of the mixed load with what one job of it must leave behind.
type kind struct {
	doc      value.Value
	notes    int // entries in the ledger, those of child jobs not counted
	children int
	repeats  bool // tasks run in more than one iteration
}

func (k kind) name() string { return k.doc.Get("name").Text() }

const toLab = `{"adapter_id":"lab","value":1}`

// sleeping is a task of the lab that takes its time.
func sleeping(id string) step {
	return adapter(id, "Lab", "sleep", `{"adapter_id":"lab","seconds":0.15,"value":1}`, "")
}

// noting is a task that writes into the test's ledger.
func noting(id string) step { return adapter(id, "Ledger", "note", `{"adapter_id":"ledger"}`, "") }

// mixed are the workflows of the mixed load; the last is the child of others.
func mixed() []kind {
	line := draw("Line", "start>a1 a1>a2 a2>a3 a3>a4 a4>end",
		adapter("a1", "Lab", "echo", toLab, ""), sleeping("a2"), noting("a3"), adapter("a4", "Lab", "echo", toLab, ""))
	fan := draw("Fan", "start>a1 start>a2 start>a3 start>a4 a1>b1 a2>b1 a3>b1 a4>b1 b1>c1 c1>end",
		sleeping("a1"), noting("a2"), sleeping("a3"), noting("a4"),
		operation("b1", "newVariable", `{"name":"joined","value":true}`, `{"value":null}`), noting("c1"))
	family := draw("Family", "start>a1 a1>b1 b1>c1 c1>end",
		operation("a1", "childJob", `{"task":"","workflow":"Child","variables":{},"data_array":[{"i":1},{"i":2},{"i":3}],"transformation":"","loopType":"parallel"}`, `{"job_details":null}`),
		operation("b1", "childJob", `{"task":"","workflow":"Child","variables":{},"data_array":[{"i":1},{"i":2}],"transformation":"","loopType":"sequential"}`, `{"job_details":null}`),
		noting("c1"))
	loop := draw("Loop", "start>a1 a1:loop>b1 b1>b2 a1>c1 c1>end",
		operation("a1", "forEach", `{"data_array":[1,2,3]}`, `{"current_item":null}`),
		sleeping("b1"), noting("b2"), adapter("c1", "Lab", "echo", toLab, ""))
	retry := draw("Retry", "start>a1 a1>b1 b1>end",
		adapter("a1", "Lab", "flaky", `{"adapter_id":"lab","failures":2,"value":1}`, `"retrySettings":{"autoRetry":true,"state":["error"],"limit":500,"delay":200}`),
		noting("b1"))
	wait := draw("Wait", "start>a1 a1>b1 b1>end",
		operation("a1", "delay", `{"time":2}`, `{"time_in_milliseconds":null}`), noting("b1"))
	desk := draw("Desk", "start>a1 a1>b1 a1:failure>c1 b1>end c1>end", person("a1"), noting("b1"), noting("c1"))
	child := draw("Child", "start>a1 a1>b1 b1>end", sleeping("a1"), noting("b1"))
	return []kind{
		{doc: line, notes: 1}, {doc: fan, notes: 3}, {doc: family, notes: 1, children: 5}, {doc: loop, notes: 3, repeats: true},
		{doc: retry, notes: 1, repeats: true}, {doc: wait, notes: 1}, {doc: desk, notes: 1}, {doc: child, notes: 1},
	}
}

// mockFile is what answers in place of the lab and the ledger where real workflows run,
// whose outside systems are not there either.
const mockFile = `{"methods":{
 "Lab.echo":[{"outgoing":{"result":1}}],
 "Lab.sleep":[{"outgoing":{"result":1},"after":"150ms"}],
 "Lab.flaky":[{"finishState":"error","error":{"message":"not yet"}},{"finishState":"error","error":{"message":"not yet"}},{"outgoing":{"result":1}}],
 "Ledger.note":[{"outgoing":{"result":1}}],
 "MOP.RunCommandTemplate":[{"outgoing":{"mop_template_results":{"result":true,"commands_results":[]}}}],
 "AGManager.itential_cli":[{"outgoing":{"stdout":{"completed":[{"host":"r1","response":[{"status":"SUCCESS"}]}]}}}]}}`
