package library

import (
	"context"
	"errors"
	"fmt"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/transformation"
	"github.com/heddlehq/heddle/workflows/value"
)

// CheckTransformation reports what is wrong with a transformation's document as a
// *workflows.Invalid.
func CheckTransformation(doc value.Value) error {
	_, err := transformation.Parse(doc)
	found, ok := errors.AsType[transformation.Problems](err)
	if !ok {
		return err
	}
	out := &workflows.Invalid{}
	for _, p := range found {
		out.Problems = append(out.Problems, workflows.Problem{Level: workflows.Error, Pointer: p.Pointer, Code: p.Code, Text: p.Text})
	}
	return out
}

// Transform makes the variables of a job from a trigger's payload. A transformation with one
// incoming value gets the payload as that, unless the payload names it; otherwise it gets the
// payload's members. The error wraps builtin.ErrNotFound, or is a *transformation.Error.
func (l *Library) Transform(ctx context.Context, key string, payload value.Value) (value.Value, error) {
	t, err := l.Documents(ctx).Transformation(key)
	if err != nil {
		return value.Absent, err
	}
	in := payload
	if len(t.Incoming) == 1 {
		if id := t.Incoming[0].Get("$id").Text(); !payload.Has(id) {
			in = value.Object(id, payload)
		}
	}
	out, err := t.Run(in, transformation.Options{Now: l.now()})
	if err != nil {
		return value.Absent, fmt.Errorf("transform the payload: %w", err)
	}
	return out, nil
}
