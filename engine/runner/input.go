package runner

import (
	"fmt"

	"github.com/heddlehq/heddle/schemas"
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
