package runner

import (
	"context"
	"fmt"
	"slices"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/schemas"
	"github.com/heddlehq/heddle/workflows/value"
)

// InputError is the answer to variables that do not fit the workflow's input schema.
type InputError struct {
	Workflow   string
	Violations []schemas.Violation
}

func (e *InputError) Error() string {
	text := fmt.Sprintf("the variables do not fit the input schema of workflow %q", e.Workflow)
	for i, v := range e.Violations {
		if i == 3 {
			return text + fmt.Sprintf("; and %d more", len(e.Violations)-3)
		}
		text += fmt.Sprintf("; %s %s", v.InstancePath, v.Message)
	}
	return text
}

// MaxVariables is how many variables a job may have. Each turn writes all their names, so that many
// more would cost each step of the job as much. What belongs together makes one variable, an object.
const MaxVariables = 10_000

// tooMany is the answer to more variables than a job may have; nil when they are not.
func tooMany(workflow string, n int) error {
	if n <= MaxVariables {
		return nil
	}
	return &InputError{workflow, []schemas.Violation{{
		Keyword: "maxProperties", SchemaPath: "#/maxProperties",
		Message: fmt.Sprintf("must NOT have more than %d properties: a job may have that many variables, not %d; an object with many members is one", MaxVariables, n),
	}}}
}

// checkPatch compares changed variables with the workflow's input schema. What else is wrong
// with the job's variables is not the change's fault.
func (r *Runner) checkPatch(ctx context.Context, st State, patch value.Value) error {
	w := st.Machine.Workflow()
	patched := engine.Merged(st.Job.Variables, patch)
	if err := tooMany(w.Name, patched.Len()); err != nil {
		return err
	}
	clear, _, err := r.opened(ctx, family(st.Job), patched)
	if err != nil {
		return err
	}
	broken, err := w.CheckInput(clear, false)
	if err != nil {
		return err
	}
	broken = slices.DeleteFunc(broken, func(v schemas.Violation) bool {
		path, err := value.SplitPointer(v.InstancePath)
		return err != nil || len(path) == 0 || !patch.Has(path[0])
	})
	if len(broken) > 0 {
		return &InputError{w.Name, broken}
	}
	return nil
}
