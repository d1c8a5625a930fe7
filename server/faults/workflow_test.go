//go:build linux

package faults

import (
	"github.com/heddlehq/heddle/workflows/value"
	"github.com/heddlehq/heddle/workflows/workflowtest"
)

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
func sleeping(id string) workflowtest.Step {
	return workflowtest.Adapter(id, "Lab", "sleep", `{"adapter_id":"lab","seconds":0.15,"value":1}`, "")
}

// noting is a task that writes into the test's ledger.
func noting(id string) workflowtest.Step {
	return workflowtest.Adapter(id, "Ledger", "note", `{"adapter_id":"ledger"}`, "")
}

// mixed are the workflows of the mixed load; the last is the child of others.
func mixed() []kind {
	line := workflowtest.Draw("Line", "start>a1 a1>a2 a2>a3 a3>a4 a4>end",
		workflowtest.Adapter("a1", "Lab", "echo", toLab, ""), sleeping("a2"), noting("a3"), workflowtest.Adapter("a4", "Lab", "echo", toLab, ""))
	fan := workflowtest.Draw("Fan", "start>a1 start>a2 start>a3 start>a4 a1>b1 a2>b1 a3>b1 a4>b1 b1>c1 c1>end",
		sleeping("a1"), noting("a2"), sleeping("a3"), noting("a4"),
		workflowtest.Operation("b1", "newVariable", `{"name":"joined","value":true}`, `{"value":null}`), noting("c1"))
	family := workflowtest.Draw("Family", "start>a1 a1>b1 b1>c1 c1>end",
		workflowtest.Operation("a1", "childJob", `{"task":"","workflow":"Child","variables":{},"data_array":[{"i":1},{"i":2},{"i":3}],"transformation":"","loopType":"parallel"}`, `{"job_details":null}`),
		workflowtest.Operation("b1", "childJob", `{"task":"","workflow":"Child","variables":{},"data_array":[{"i":1},{"i":2}],"transformation":"","loopType":"sequential"}`, `{"job_details":null}`),
		noting("c1"))
	loop := workflowtest.Draw("Loop", "start>a1 a1:loop>b1 b1>b2 a1>c1 c1>end",
		workflowtest.Operation("a1", "forEach", `{"data_array":[1,2,3]}`, `{"current_item":null}`),
		sleeping("b1"), noting("b2"), workflowtest.Adapter("c1", "Lab", "echo", toLab, ""))
	retry := workflowtest.Draw("Retry", "start>a1 a1>b1 b1>end",
		workflowtest.Adapter("a1", "Lab", "flaky", `{"adapter_id":"lab","failures":2,"value":1}`, `"retrySettings":{"autoRetry":true,"state":["error"],"limit":500,"delay":200}`),
		noting("b1"))
	wait := workflowtest.Draw("Wait", "start>a1 a1>b1 b1>end",
		workflowtest.Operation("a1", "delay", `{"time":2}`, `{"time_in_milliseconds":null}`), noting("b1"))
	desk := workflowtest.Draw("Desk", "start>a1 a1>b1 a1:failure>c1 b1>end c1>end", workflowtest.Person("a1"), noting("b1"), noting("c1"))
	child := workflowtest.Draw("Child", "start>a1 a1>b1 b1>end", sleeping("a1"), noting("b1"))
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
