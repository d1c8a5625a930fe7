package workflows

import (
	"fmt"
	"slices"

	"github.com/heddlehq/heddle/schemas"
	"github.com/heddlehq/heddle/workflows/value"
)

// CheckInput lists how the variables a job is started with break the workflow's input schema.
// The built-in variables count as given: schemas in circulation ask for them. Of a child
// job's variables an empty text fits everything: it is how the forms of the canvas write a
// field that was left blank, and real parents pass it where the child wants a number it
// does not use. The error is that of a schema that cannot be used.
func (w *Workflow) CheckInput(variables value.Value, child bool) ([]schemas.Violation, error) {
	if !w.InputSchema.IsObject() {
		return nil, nil
	}
	s, err := schemas.Compile(w.InputSchema)
	if err != nil {
		return nil, fmt.Errorf("input schema of workflow %q: %w", w.Name, err)
	}
	for name, sample := range map[string]string{"_id": "000000000000000000000000", "initiator": "nobody"} {
		if !variables.Has(name) {
			variables = variables.With(name, value.String(sample))
		}
	}
	broken := s.Check(variables)
	if child {
		broken = slices.DeleteFunc(broken, func(v schemas.Violation) bool {
			at := variables.Lookup(v.InstancePath)
			return v.InstancePath != "" && at.IsString() && at.Text() == ""
		})
	}
	return broken, nil
}
