package builtin

import (
	"errors"
	"fmt"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/transformation/js"
	"github.com/heddlehq/heddle/workflows/value"
)

const (
	classInput = engine.ClassInput

	// maxText bounds the text that one task makes.
	maxText = 16 << 20
)

// problem is why a task ends in error.
type problem struct {
	class string
	text  string
	more  value.Value // members added to the error object
}

func (p *problem) Error() string { return p.text }

func badData(format string, args ...any) error {
	return &problem{class: engine.ClassData, text: fmt.Sprintf(format, args...)}
}

func tooMuch(format string, args ...any) error {
	return &problem{class: engine.ClassLimit, text: fmt.Sprintf(format, args...)}
}

// failed is the outcome of a task that ended with err.
func failed(err error) engine.Outcome {
	var p *problem
	if errors.As(err, &p) {
		out := engine.Fail(p.class, p.text)
		for k, m := range p.more.Members() {
			out.Error = out.Error.With(k, m)
		}
		return out
	}
	if e, ok := errors.AsType[*js.Error](err); ok && e.Kind == "Limit" {
		return engine.Fail(engine.ClassLimit, e.Message)
	}
	return engine.Fail(engine.ClassData, err.Error())
}

// undefined is the outcome of a task that gave nothing, which counts as a failure.
func undefined(output string) engine.Outcome {
	return engine.Outcome{State: workflows.Failure, Outgoing: value.Object(output, value.Null)}
}

// task is a task type whose function sees checked parameters.
func task(m workflows.Method, run func(c *Call) engine.Outcome) Task {
	return Task{Method: m, Run: func(c *Call) engine.Outcome {
		in, err := checked(m.Incoming, c.Incoming)
		if err != nil {
			return failed(err)
		}
		own := *c
		own.Incoming = in
		if own.Job == nil {
			own.Job = &engine.Job{}
		}
		out := run(&own)
		if tooDeep(out.Outgoing, 0) {
			return failed(tooMuch("the result is nested deeper than %d levels", value.MaxDepth))
		}
		return out
	}}
}

// function is a task type that computes its only output from its parameters. Absent means
// that there is none.
func function(m workflows.Method, f func(in value.Value) (value.Value, error)) Task {
	output := m.Outgoing[0].Name
	return task(m, func(c *Call) engine.Outcome {
		v, err := f(c.Incoming)
		switch {
		case err != nil:
			return failed(err)
		case v.IsAbsent():
			return undefined(output)
		}
		return engine.Succeed(output, v)
	})
}

// tooDeep tells whether v could not be read back once stored. What a task makes is an object
// of outputs, which adds a level to each.
func tooDeep(v value.Value, depth int) bool {
	if depth > value.MaxDepth {
		return true
	}
	if !v.IsArray() && !v.IsObject() {
		return false
	}
	for i := range v.Len() {
		if tooDeep(v.At(i), depth+1) {
			return true
		}
	}
	return false
}
