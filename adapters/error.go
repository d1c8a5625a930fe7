package adapters

import (
	"context"
	"errors"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// Classes of errors of adapters, beside the engine's. Retry settings choose by them.
const (
	ClassAuth     = "auth"     // the outside system refused our credentials, or they are missing
	ClassCanceled = "canceled" // the task was canceled
	ClassHTTP     = "http"     // the outside system answered a status of 400 or more
	ClassNetwork  = "network"  // the outside system could not be reached
	ClassRemote   = "remote"   // the outside system understood the request and did not do it
	ClassTimeout  = "timeout"  // the outside system did not answer in time
)

// Error is how a method says what went wrong. Any other error a method returns counts as one
// of class data, or of class run-timeout or canceled when its context ended.
type Error struct {
	Class     string // "" counts as data
	Text      string
	Retryable *bool                 // whether trying again may help; nil when the method cannot tell
	State     workflows.FinishState // "" is error; failure and blocked are for who can be answered "no" or needs a person
	Details   value.Value           // object of more members for the error
}

func (e *Error) Error() string { return e.Text }

// result is how a method's error ends its task.
func result(ctx context.Context, err error) Result {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		e = &Error{Text: err.Error()}
		switch cause := context.Cause(ctx); {
		case cause == nil:
		case errors.Is(cause, context.DeadlineExceeded):
			e.Class = engine.ClassRun
		default:
			e.Class, e.Text = ClassCanceled, cause.Error()
		}
	}
	r := Result{State: e.State}
	if r.State == "" {
		r.State = workflows.Failed
	}
	class := e.Class
	if class == "" {
		class = engine.ClassData
	}
	r.Error = engine.Problem(class, e.Text)
	if e.Retryable != nil {
		r.Error = r.Error.With("retryable", value.Bool(*e.Retryable))
	}
	for name, v := range e.Details.Members() {
		if !r.Error.Has(name) {
			r.Error = r.Error.With(name, v)
		}
	}
	return r
}
