package devices

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// Problem is what went wrong with one device, as results show it.
type Problem struct {
	Class   string `json:"class"`
	Message string `json:"message"`
}

// ProblemOf is an error as results show it; nil for none.
func ProblemOf(err error) *Problem {
	if err == nil {
		return nil
	}
	p := &Problem{Class: engine.ClassData, Message: err.Error()}
	if e, ok := errors.AsType[*adapters.Error](err); ok && e.Class != "" {
		p.Class = e.Class
	}
	return p
}

// Ending is how a call on several devices ends: nil when all did well. When some did not, the
// state is failure, so that the results count; when none was of use, it is error, and worth
// another try if it is so for each device.
func Ending(ctx context.Context, targets []Target, errs []error, results any) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var class string
	var lines []string
	retryable := true
	for i, err := range errs {
		if err == nil {
			continue
		}
		if lines == nil {
			class = ProblemOf(err).Class
		}
		lines = append(lines, targets[i].Name+": "+err.Error())
		e, ok := errors.AsType[*adapters.Error](err)
		retryable = retryable && ok && e.Retryable != nil && *e.Retryable
	}
	switch {
	case lines == nil:
		return nil
	case len(lines) == len(errs):
		return &adapters.Error{Class: class, Text: clip(lines), Retryable: &retryable, Details: value.Object("results", value.Of(results))}
	}
	return &adapters.Error{
		Class: class, Text: fmt.Sprintf("%d of %d devices: %s", len(lines), len(errs), clip(lines)), Retryable: new(bool), State: workflows.Failure,
	}
}

// shown is how many devices an error's text names.
const shown = 5

func clip(lines []string) string {
	text := strings.Join(lines[:min(len(lines), shown)], "; ")
	if n := len(lines) - shown; n > 0 {
		text += fmt.Sprintf("; and %d more", n)
	}
	return text
}
