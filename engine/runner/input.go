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

// checkPatch compares changed variables with the workflow's input schema. What else is wrong
// with the job's variables is not the change's fault.
func (r *Runner) checkPatch(ctx context.Context, st State, patch value.Value) error {
	w := st.Machine.Workflow()
	clear, _, err := r.opened(ctx, family(st.Job), engine.Merged(st.Job.Variables, patch))
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
