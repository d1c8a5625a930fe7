// Package builtin holds the tasks that Heddle brings along: one table of task types, each
// with its catalog entry and, unless the machine itself runs it, a function.
//
// Most are pure: they depend on their call alone and are run inside the turn that ordered
// them, without a message. The few that touch the outside world are marked Outside and are
// run by a worker.
//
// Every function sees its parameters checked against its catalog entry: what is required is
// there, and a text that stands for a number or a boolean, as the canvas writes them, has
// become one. The text functions and array functions are JavaScript's, because workflows
// were written for those.
package builtin

import (
	"context"
	"errors"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/transformation"
	"github.com/heddlehq/heddle/workflows/value"
)

// Task is a task type.
type Task struct {
	Method  workflows.Method
	Run     func(c *Call) engine.Outcome // nil: the machine or a person does it, or an adapter (Method.Remote)
	Outside bool                         // it reaches outside the turn: it may block and repeat; without Run the server does it
}

// Call is one piece of work.
type Call struct {
	Context   context.Context // only for Outside tasks
	Incoming  value.Value     // parameters with references resolved; an unresolved one is left out
	Job       *engine.Job     // the job as it is just before the task's outcome counts
	Task      string
	Iteration int
	Now       time.Time // when the task was ordered
	Documents Documents
	Network   *Network // what Outside tasks may reach; nil means the zero Network
}

// ErrNotFound is what [Documents] answer for a document that does not exist.
var ErrNotFound = errors.New("not found")

// Documents finds stored documents that tasks name. Errors wrap [ErrNotFound] when there is
// no such document.
type Documents interface {
	// Transformation finds a transformation by id, or by name.
	Transformation(key string) (*transformation.Transformation, error)
	// Template finds a text template by name.
	Template(name string) (Template, error)
}

// Template is a stored text template.
type Template struct {
	Name string
	Type string // jinja2 or textfsm
	Text string
	Data value.Value // sample variables
}
