package builtin

import (
	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// decide gives the target of the first entry whose conditions hold; when none does, that is
// a failure. Conditions are comparisons like those of an evaluation. Their operands may be
// statics and job variables.
func decide(c *Call) engine.Outcome {
	for i, e := range c.Incoming.Get("decisionArray").Elements() {
		conditions := e.Get("conditions")
		if !conditions.IsArray() {
			return failed(badInput("entry %d must have an array \"conditions\", not %s", i, kindOf(conditions)))
		}
		holds, err := combine(conditions.Len(), true, func(k int) (bool, error) {
			item := conditions.At(k)
			for _, operand := range []string{"operand_1", "operand_2"} {
				v, err := operandValue(c, item.Get(operand))
				if err != nil {
					return false, err
				}
				item = item.With(operand, v)
			}
			return compareItem(item)
		})
		if err != nil {
			return failed(err)
		}
		if holds {
			return engine.Succeed("return_value", orNull(e.Get("target")))
		}
	}
	return undefined("return_value")
}

func operandValue(c *Call, v value.Value) (value.Value, error) {
	ref, ok := workflows.ObjectRef(v, "variable")
	switch {
	case !ok:
		return v, nil
	case ref.Task == workflows.StaticTask:
		return ref.Static, nil
	case ref.Task == workflows.JobTask:
		return c.Job.Variables.Get(ref.Name), nil
	}
	return value.Absent, &problem{class: engine.ClassReference, text: "a decision reads statics and job variables only, not the task " + clip(ref.Task)}
}
