package js

import (
	"fmt"
	"time"

	"github.com/heddlehq/heddle/workflows/transformation/regex"
	"github.com/heddlehq/heddle/workflows/value"
)

// Error is a JavaScript exception, or a limit that was hit.
type Error struct {
	Kind    string // "TypeError", "RangeError", "SyntaxError", "Error" or "Limit"
	Message string
}

func (e *Error) Error() string { return e.Kind + ": " + e.Message }

// Limits bound what one run may do.
type Limits struct {
	Steps int // function calls, loop rounds, characters matched (sixteen count as one)
	Size  int // bytes allocated along the way, and of the result
}

// Env is what the world contributes; nothing else does.
type Env struct {
	Now    time.Time                                                      // what new Date() and Date.now() say
	Random func() float64                                                 // what Math.random() says
	Query  func(obj value.Value, query string) (value.Value, bool, error) // WorkFlowEngine.query's language
}

// Machine counts what one run does. It belongs to one goroutine.
type Machine struct {
	env    Env
	limits Limits
	steps  int
	bytes  int
	joins  int // how deep in nested arrays a join is

	patterns map[string]*regex.Regexp
}

// New returns a machine for one run.
func New(env Env, limits Limits) *Machine { return &Machine{env: env, limits: limits} }

// Run calls f and gives what it threw as an error, an *Error unless f panics for a reason of
// its own.
func (m *Machine) Run(f func()) (err error) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case *Error:
			err = e
		default:
			panic(e)
		}
	}()
	f()
	return nil
}

// Work counts n units of work and throws when there were too many.
func (m *Machine) Work(n int) { m.work(n) }

func (m *Machine) work(n int) {
	if m.steps += n; m.steps > m.limits.Steps {
		m.exceed("more than %d steps", m.limits.Steps)
	}
}

// spend counts n values that are allocated.
func (m *Machine) spend(n int) { m.alloc(16 * n) }

func (m *Machine) alloc(bytes int) {
	if m.bytes += bytes; m.bytes > m.limits.Size || bytes < 0 {
		m.exceed("more than %d bytes", m.limits.Size)
	}
}

func (m *Machine) exceed(format string, args ...any) { Throw("Limit", format, args...) }

// Throw panics with an *Error.
func Throw(kind, format string, args ...any) {
	panic(&Error{Kind: kind, Message: fmt.Sprintf(format, args...)})
}

func typeError(format string, args ...any) { Throw("TypeError", format, args...) }

func rangeError(format string, args ...any) { Throw("RangeError", format, args...) }
