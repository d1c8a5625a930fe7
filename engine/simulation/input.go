package simulation

import (
	"fmt"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// CheckInput lists how variables break a workflow's input schema, with pointers into the
// variables. A workflow without one has the schema that a server computes for it.
func CheckInput(w *workflows.Workflow, c workflows.Catalog, variables value.Value, child bool) workflows.Problems {
	if !variables.IsObject() {
		return workflows.Problems{{Level: workflows.Error, Code: "input", Text: fmt.Sprintf("The variables must be an object, not %s.", variables.Kind())}}
	}
	checked := *w
	if checked.InputSchema.IsAbsent() {
		checked.InputSchema, _ = workflows.ComputeSchemas(w, c)
	}
	broken, err := checked.CheckInput(variables, child)
	if err != nil {
		return workflows.Problems{{Level: workflows.Error, Pointer: "/inputSchema", Code: "input-schema", Text: fmt.Sprintf("The input schema cannot be used: %v.", err)}}
	}
	var out workflows.Problems
	for _, v := range broken {
		out = append(out, workflows.Problem{Level: workflows.Error, Pointer: v.InstancePath, Code: "input", Text: "The variables do not fit the workflow's input schema: " + v.Message + "."})
	}
	return out
}
