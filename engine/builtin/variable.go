package builtin

import (
	"strings"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows/value"
)

// jobVariable is the parameter that names a job variable.
func jobVariable(c *Call, param string) (string, error) {
	s, err := name(c.Incoming, param)
	switch {
	case err != nil:
		return "", err
	case strings.Contains(s, "."):
		return "", badInput("the job variable %q must not have a point in its name", clip(s))
	case s == "_id" || s == "initiator":
		return "", badInput("the job variable %q belongs to the engine", s)
	}
	return s, nil
}

func newVariable(c *Call) engine.Outcome {
	variable, err := jobVariable(c, "name")
	if err != nil {
		return failed(err)
	}
	v := orNull(c.Incoming.Get("value"))
	out := engine.Succeed("value", v)
	out.Writes = []engine.Write{{Name: variable, Value: v}}
	return out
}

// listVariable is the array in the job variable that the task names.
func listVariable(c *Call) (string, value.Value, error) {
	variable, err := jobVariable(c, "job_variable")
	if err != nil {
		return "", value.Absent, err
	}
	list := c.Job.Variables.Get(variable)
	if !list.IsArray() {
		return "", value.Absent, badData("the job variable %q must be an array, not %s", variable, kindOf(list))
	}
	return variable, list, nil
}

func push(c *Call) engine.Outcome {
	variable, list, err := listVariable(c)
	if err != nil {
		return failed(err)
	}
	list = list.Append(c.Incoming.Get("item_to_push"))
	out := engine.Succeed("job_variable_value", list)
	out.Writes = []engine.Write{{Name: variable, Value: list}}
	return out
}

// take removes the first or last element; an empty array is a failure.
func take(output string, first bool) func(c *Call) engine.Outcome {
	return func(c *Call) engine.Outcome {
		variable, list, err := listVariable(c)
		if err != nil {
			return failed(err)
		}
		n := list.Len()
		if n == 0 {
			return undefined(output)
		}
		item, rest := list.At(n-1), list.Slice()[:n-1]
		if first {
			item, rest = list.At(0), list.Slice()[1:]
		}
		out := engine.Succeed(output, item, "job_variable_value", item)
		out.Writes = []engine.Write{{Name: variable, Value: value.Array(rest...)}}
		return out
	}
}

// describe changes the job's description.
func describe(c *Call) engine.Outcome {
	s, err := name(c.Incoming, "description")
	if err != nil {
		return failed(err)
	}
	out := engine.Succeed()
	if len(s) > engine.MaxDescription {
		return failed(tooMuch("\"description\" may have %d bytes, not %d", engine.MaxDescription, len(s)))
	}
	out.Describe = s
	return out
}
