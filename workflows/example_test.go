package workflows_test

import (
	"fmt"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

func ExampleComputeSchemas() {
	doc := value.MustParse(`{"name": "Reply", "tasks": {
		"workflow_start": {"name": "workflow_start"},
		"a1": {"name": "query", "app": "WorkFlowEngine", "location": "Application", "type": "operation", "variables": {
			"incoming": {"query": "reply", "obj": "$var.job.host"}, "outgoing": {"return_data": "$var.job.reply"}}},
		"workflow_end": {"name": "workflow_end"}},
		"transitions": {"workflow_start": {"a1": {"type": "standard", "state": "success"}}, "a1": {"workflow_end": {"type": "standard", "state": "success"}}}}`)
	w, _ := workflows.Parse(doc)
	in, out := workflows.ComputeSchemas(w, nil)
	fmt.Println(in.Get("required"), out.Get("properties").Keys())
	// Output: ["host"] [_id host initiator reply]
}

func ExampleProject_Rename() {
	p, problems := workflows.ParseProject(value.MustParse(`{"_id": "0123456789abcdef01234567", "name": "Ports", "components": [
		{"iid": 0, "type": "template", "reference": "t1", "folder": "/", "document": {"name": "Turn up"}}]}`))
	fmt.Println(len(problems), p.Components[0].Registered(p.ID))
	moved := p.Rename("000000000000000000000001")
	fmt.Println(moved.Components[0].Registered(moved.ID))
	// Output:
	// 0 {"name":"@0123456789abcdef01234567: Turn up"}
	// {"name":"@000000000000000000000001: Turn up"}
}

func ExampleParseTrigger() {
	_, problems := workflows.ParseTrigger(value.MustParse(`{"name": "Nightly", "type": "schedule", "firstRunAt": 1767225600000, "repeatUnit": "day"}`))
	fmt.Println(problems.Err())
	// Output: /repeatFrequency: A schedule that repeats needs "repeatFrequency" or "repeatInterval", at least 1. (required)
}
