package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/keyring"
	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/schemas"
	"github.com/heddlehq/heddle/server/auth"
	"github.com/heddlehq/heddle/server/lifecycle"
	"github.com/heddlehq/heddle/server/triggers"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// reason is why a handler refuses a call. The status that goes with it is decided in decide.
type reason int

const (
	malformed reason = iota // the call is wrong in itself
	denied                  // the caller has not the right
	missing                 // there is no such thing, or the caller may not know it
	clash                   // the state of things does not allow it
	media                   // the body is of the wrong kind
	mismatch                // an idempotency key that belongs to another call
	crowded                 // the caller has too much of it already
	unmet                   // a batch of acts of which none succeeded, see jobs/cancel
)

// refusal is an error of a handler's own.
type refusal struct {
	reason   reason
	text     string
	problems []problem
	data     value.Value
}

func (e *refusal) Error() string { return e.text }

// problem is one entry of metadata.errors.
type problem struct{ pointer, code, text string }

func refuse(r reason, format string, args ...any) error {
	return &refusal{reason: r, text: fmt.Sprintf(format, args...)}
}

// badAt refuses a call for what stands at a place in its body or query.
func badAt(pointer, code, format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	return &refusal{reason: malformed, text: text, problems: []problem{{pointer, code, text}}}
}

// answer is what an error says to the caller.
type answer struct {
	status   int
	text     string
	data     value.Value
	problems []problem
	metadata value.Members
	wait     time.Duration // for Retry-After
}

// decide is the one place where an error gets its HTTP status.
func decide(err error) answer {
	var a answer
	switch {
	case decideOwn(err, &a), decideAdmission(err, &a), decideDocument(err, &a), decideEngine(err, &a), decideAuth(err, &a), decideStore(err, &a), decideTransport(err, &a):
	default:
		a.status, a.text = http.StatusInternalServerError, "the server met a defect of its own"
	}
	if a.text == "" {
		a.text = err.Error()
	}
	return a
}

func decideOwn(err error, a *answer) bool {
	e, ok := errors.AsType[*refusal](err)
	if !ok {
		return false
	}
	a.status = map[reason]int{
		malformed: http.StatusBadRequest, denied: http.StatusForbidden, missing: http.StatusNotFound,
		clash: http.StatusConflict, media: http.StatusUnsupportedMediaType, crowded: http.StatusTooManyRequests, mismatch: http.StatusUnprocessableEntity, unmet: http.StatusInternalServerError,
	}[e.reason]
	a.text, a.problems, a.data = e.text, e.problems, e.data
	return true
}

// decideAdmission is about calls that are turned away for now.
func decideAdmission(err error, a *answer) bool {
	if e, ok := errors.AsType[*tooMany](err); ok {
		a.status, a.wait = http.StatusTooManyRequests, max(e.wait, time.Millisecond)
		return true
	}
	switch {
	case errors.Is(err, keyring.ErrForged):
		a.status = http.StatusBadRequest
	case errors.Is(err, keyring.ErrKey), errors.Is(err, runner.ErrNoKeys):
		a.status, a.wait = http.StatusServiceUnavailable, time.Minute
	case errors.Is(err, errUnderWay):
		a.status, a.wait = http.StatusConflict, time.Second
	case errors.Is(err, errBooksClosed):
		a.status, a.wait = http.StatusServiceUnavailable, 5*time.Second
	default:
		return false
	}
	return true
}

func decideDocument(err error, a *answer) bool {
	a.status = http.StatusBadRequest
	if e, ok := errors.AsType[*value.SyntaxError](err); ok {
		a.problems = []problem{{e.Pointer, "syntax", e.Error()}}
		return true
	}
	if e, ok := errors.AsType[*workflows.Invalid](err); ok {
		for _, p := range e.Problems {
			a.problems = append(a.problems, problem{p.Pointer, p.Code, p.Text})
		}
		return true
	}
	if e, ok := errors.AsType[*lifecycle.Invalid](err); ok {
		for _, p := range e.Problems {
			a.problems = append(a.problems, problem{p.Pointer, p.Code, p.Text})
		}
		return true
	}
	if e, ok := errors.AsType[*runner.InputError](err); ok {
		a.violations("/options/variables", e.Violations)
		return true
	}
	if e, ok := errors.AsType[*triggers.PayloadError](err); ok {
		a.violations(e.At, e.Violations)
		return true
	}
	if e, ok := errors.AsType[*triggers.Refusal](err); ok {
		if a.status = http.StatusConflict; e.Payload {
			a.status, a.problems = http.StatusBadRequest, []problem{{"", "transformation", e.Text}}
		}
		return true
	}
	return false
}

// violations reports what breaks a JSON Schema, in the words of its validator, too.
func (a *answer) violations(at string, vs []schemas.Violation) {
	list := make([]value.Value, len(vs))
	for i, v := range vs {
		a.problems = append(a.problems, problem{at + v.InstancePath, v.Keyword, v.Message})
		list[i] = value.Object("keyword", value.String(v.Keyword), "instancePath", value.String(v.InstancePath),
			"schemaPath", value.String(v.SchemaPath), "message", value.String(v.Message))
	}
	a.data = value.Object("validationErrors", value.Array(list...))
	a.metadata.Set("validationErrors", value.Array(list...))
}

func decideEngine(err error, a *answer) bool {
	if _, ok := errors.AsType[*engine.Conflict](err); ok {
		a.status = http.StatusConflict
		return true
	}
	if _, ok := errors.AsType[*engine.Unknown](err); ok {
		a.status = http.StatusNotFound
		return true
	}
	if _, ok := errors.AsType[*library.ExistsError](err); ok {
		a.status = http.StatusConflict
		return true
	}
	if _, ok := errors.AsType[*library.UnknownError](err); ok {
		a.status = http.StatusNotFound
		return true
	}
	switch {
	case errors.Is(err, lifecycle.ErrAtWork), errors.Is(err, lifecycle.ErrChild):
		a.status = http.StatusConflict
	case errors.Is(err, engine.ErrStale):
		a.status, a.text = http.StatusConflict, "the task is not waiting for this any more"
	case errors.Is(err, runner.ErrBusy), errors.Is(err, runner.ErrInactive):
		a.status, a.wait = http.StatusServiceUnavailable, time.Second
	default:
		return false
	}
	return true
}

func decideAuth(err error, a *answer) bool {
	if e, ok := errors.AsType[*auth.TooMany](err); ok {
		a.status, a.wait = http.StatusTooManyRequests, e.Wait
		return true
	}
	if e, ok := errors.AsType[*auth.Invalid](err); ok {
		a.status, a.problems = http.StatusBadRequest, []problem{{e.Pointer, e.Code, e.Text}}
		return true
	}
	if _, ok := errors.AsType[*auth.Exists](err); ok {
		a.status = http.StatusConflict
		return true
	}
	if errors.Is(err, auth.ErrTaken) {
		a.status = http.StatusConflict
		return true
	}
	if errors.Is(err, errProvider) {
		a.status, a.text, a.wait = http.StatusServiceUnavailable, errProvider.Error(), 10*time.Second
		return true
	}
	a.status = http.StatusUnauthorized
	return errors.Is(err, auth.ErrCredentials) || errors.Is(err, auth.ErrNoSession)
}

func decideStore(err error, a *answer) bool {
	switch {
	case errors.Is(err, store.ErrNotFound):
		a.status = http.StatusNotFound
	case errors.Is(err, store.ErrConflict):
		a.status, a.text = http.StatusConflict, "the document was changed by somebody else meanwhile; read it again"
	case errors.Is(err, store.ErrInvalid):
		a.status = http.StatusBadRequest
		var pointer string
		if e, ok := errors.AsType[*store.UnknownFieldError](err); ok {
			pointer = e.Field
		} else if e, ok := errors.AsType[*store.FieldError](err); ok {
			pointer = e.Field
		}
		a.problems = []problem{{"/query/" + value.EscapePointer(pointer), "filter", err.Error()}}
	case errors.Is(err, store.ErrFull), errors.Is(err, store.ErrReadOnly), errors.Is(err, store.ErrClosed):
		a.status, a.text, a.wait = http.StatusServiceUnavailable, "the store does not take this now", 5*time.Second
	case errors.Is(err, store.ErrUnavailable):
		a.status, a.text, a.wait = http.StatusServiceUnavailable, "the store does not answer now", 5*time.Second
	default:
		return false
	}
	return true
}

func decideTransport(err error, a *answer) bool {
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		a.status, a.text = http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes", e.Limit)
		return true
	}
	if e, ok := errors.AsType[*echo.HTTPError](err); ok {
		a.status, a.text = e.Code, fmt.Sprint(e.Message)
		return true
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		a.status, a.text, a.wait = http.StatusServiceUnavailable, "the server did not get to it in time", time.Second
		return true
	}
	return false
}

// fail writes an error's answer.
func (s *Server) fail(err error, c echo.Context) {
	id := c.Response().Header().Get(echo.HeaderXRequestID)
	if c.Response().Committed {
		s.Log.Warn("answer broken off", "request", id, "err", err)
		return
	}
	a := decide(err)
	if a.status == http.StatusInternalServerError && a.problems == nil && a.data.IsAbsent() {
		s.Log.Error("call met a defect", "request", id, "method", c.Request().Method, "route", c.Path(), "err", err)
		a.metadata.Set("requestId", value.String(id))
	}
	if a.status == http.StatusUnauthorized {
		c.Response().Header().Set(echo.HeaderWWWAuthenticate, "Bearer")
	}
	if a.wait > 0 {
		c.Response().Header().Set(echo.HeaderRetryAfter, strconv.Itoa(int((a.wait+time.Second-1)/time.Second)))
	}
	if len(a.problems) > 0 {
		list := make([]value.Value, len(a.problems))
		for i, p := range a.problems {
			list[i] = value.Object("pointer", value.String(p.pointer), "code", value.String(p.code),
				"message", value.String(p.text), "reason", value.String(p.text))
		}
		a.metadata.Set("errors", value.Array(list...))
	}
	if a.data.IsAbsent() {
		a.data = value.Null
	}
	body := value.Object("message", value.String(a.text), "data", a.data, "metadata", a.metadata.Value())
	if err := writeJSON(c, a.status, body); err != nil {
		s.Log.Debug("answer not written", "request", id, "err", err)
	}
}

// absent words a document that is not there for the caller.
func absent(err error, kind, key string) error {
	if errors.Is(err, store.ErrNotFound) {
		return refuse(missing, "there is no %s %q", kind, clip(key))
	}
	return err
}

// isMissing tells whether a handler refuses because there is no such thing for the caller.
func isMissing(err error) bool {
	e, ok := errors.AsType[*refusal](err)
	return ok && e.reason == missing
}
