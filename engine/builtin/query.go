package builtin

import (
	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows/jsonquery"
)

// query takes a part of a value.
func query(c *Call) engine.Outcome {
	obj := c.Incoming.Get("obj")
	v, found, err := jsonquery.Select(obj, c.Incoming.Get("query").Text())
	switch {
	case err != nil:
		return failed(badInput("%s", err))
	case found:
		return engine.Succeed("return_data", v)
	case c.Incoming.Get("pass_on_null").Truth():
		return engine.Succeed("return_data", orNull(obj))
	}
	return undefined("return_data")
}

// modify replaces a part of a value.
func modify(c *Call) engine.Outcome {
	q, err := jsonquery.Parse(c.Incoming.Get("query").Text())
	if err != nil {
		return failed(badInput("%s", err))
	}
	out, found := q.Replace(orNull(c.Incoming.Get("object_to_update")), c.Incoming.Get("new_value"))
	if !found {
		return undefined("updated_object")
	}
	return engine.Succeed("updated_object", out)
}
