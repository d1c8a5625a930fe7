package adapters

import (
	"context"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// MethodOf declares a method whose parameters and outputs are known only while the program
// runs, such as one of an imported document. incoming and outgoing are the JSON Schemas of two
// objects, for the catalog. Unlike with [Method], do gets the parameters just as the task gave them
// and checks them itself; it returns an object of outputs.
func MethodOf(name string, incoming, outgoing value.Value, do func(ctx context.Context, c *Call, in value.Value) (value.Value, error)) Spec {
	return Spec{name: name, incoming: incoming, outgoing: outgoing, do: func(ctx context.Context, c *Call) Result {
		in := c.Order.Incoming
		if !in.IsObject() {
			in = value.Object()
		}
		out, err := do(ctx, c, in)
		r := Result{State: workflows.Success}
		if err != nil {
			r = result(ctx, err)
		}
		if r.State == workflows.Success || r.State == workflows.Failure {
			r.Outgoing = out
		}
		r.Changes = c.Changes
		return r
	}}
}
