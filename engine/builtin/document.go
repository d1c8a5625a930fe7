package builtin

import (
	"errors"
	"fmt"
	"hash/fnv"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/schemas"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/expression"
	"github.com/heddlehq/heddle/workflows/jsonquery"
	"github.com/heddlehq/heddle/workflows/transformation"
	"github.com/heddlehq/heddle/workflows/value"
)

func badDocument(format string, args ...any) error {
	return &problem{class: engine.ClassDocument, text: fmt.Sprintf(format, args...)}
}

// missing is the problem of a document that could not be had.
func missing(kind, key string, err error) error {
	if errors.Is(err, ErrNotFound) {
		return badDocument("there is no %s %q", kind, clip(key))
	}
	return badDocument("the %s %q cannot be used: %s", kind, clip(key), err)
}

// transform runs a transformation. Its outputs are those of the document.
func transform(c *Call) engine.Outcome {
	key, err := name(c.Incoming, "tr_id")
	if err != nil {
		return failed(err)
	}
	if c.Documents == nil {
		return failed(missing("transformation", key, ErrNotFound))
	}
	t, err := c.Documents.Transformation(key)
	if err != nil {
		return failed(missing("transformation", key, err))
	}
	options := c.Incoming.Get("options")
	incoming := c.Incoming.Get("variableMap")
	if incoming.IsAbsent() {
		incoming = value.Object()
	}
	extract := isTrue(options.Get("extractOutput"))
	v, err := t.Run(incoming, transformation.Options{
		ExtractOutput:        extract,
		ValidateIncoming:     isTrue(options.Get("validateIncoming")),
		RevertToDefaultValue: isTrue(options.Get("revertToDefaultValue")),
		Validate:             validate,
		Query:                jsonquery.Select,
		Now:                  c.Now,
		Seed:                 seed(c),
	})
	switch e, ok := errors.AsType[*transformation.Error](err); {
	case ok && e.Kind == "Limit":
		return failed(tooMuch("%s", err))
	case err != nil:
		return failed(err)
	}
	if len(t.Outgoing) == 1 {
		// A method with one output gives its whole result under that name.
		return engine.Succeed(t.Outgoing[0].Get("$id").Text(), orNull(v))
	}
	return engine.Outcome{State: workflows.Success, Outgoing: v}
}

// validate checks an incoming value of a transformation against its schema.
func validate(schema, v value.Value) error {
	if v.IsAbsent() {
		return transformation.CheckSchema(schema, v)
	}
	s, err := schemas.Compile(schema)
	if err != nil {
		return err
	}
	if broken := s.Check(v); len(broken) > 0 {
		return &broken[0]
	}
	return nil
}

// seed makes chance depend on the iteration alone, so that a repetition gives the same.
func seed(c *Call) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s/%s/%d", c.Job.ID, c.Task, c.Iteration)
	return h.Sum64()
}

// computeExpression evaluates a formula over the given variables or the job's own. The
// formula's now() is the time at which the task was ordered.
func computeExpression(c *Call) engine.Outcome {
	source, err := name(c.Incoming, "expression")
	if err != nil {
		return failed(err)
	}
	program, err := expression.Compile(source)
	if err != nil {
		return failed(badInput("%s", err))
	}
	env := c.Incoming.Get("variables")
	if env.IsAbsent() {
		env = c.Job.Variables
	}
	if !env.Has("now") {
		env = env.With("now", value.Time(c.Now))
	}
	v, err := program.Run(env)
	if err != nil {
		return failed(badData("%s", err))
	}
	return engine.Succeed("result", v)
}
