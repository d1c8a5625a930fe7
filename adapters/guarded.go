package adapters

import (
	"context"
	"fmt"
	"strings"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// Guarded declares a [Method] in two halves. plan makes out what would be changed and writes
// nothing; apply writes that and nothing else. Between them the change set is held against
// the limits of the task and, under "guard" in its configuration, of the adapter instance.
// When it reaches one, the task is blocked and apply is not called.
//
// Once a person approved the block, apply gets the very change set that was blocked, in a new
// attempt and without another plan; see [Spec.Replans]. An order may reach apply twice after a
// crash, so it must cope with changes that are in place already.
func Guarded[In, Out any](name string, plan func(ctx context.Context, c *Call, in In) (Changes, error),
	apply func(ctx context.Context, c *Call, in In, changes Changes) (Out, error),
) Spec {
	s := Method(name, func(ctx context.Context, c *Call, in In) (out Out, err error) {
		changes, err := c.admitted(func() (Changes, error) { return plan(ctx, c, in) })
		if err != nil {
			return out, err
		}
		return apply(ctx, c, in, changes)
	})
	s.canBlock, s.plans, s.validates = true, true, true
	return s
}

// Replans declares that an approved block is not repaired by writing the change set that was
// blocked, but by a new plan that no guard is asked about.
func (s Spec) Replans() Spec { s.validates = false; return s }

// admitted gives the change set that may be written, or the error that blocks the task.
func (c *Call) admitted(plan func() (Changes, error)) (Changes, error) {
	if c.Order.Mode == engine.ModeValidate {
		changes, err := parseChanges(c.Order.Changes)
		if err != nil {
			return changes, &Error{Class: engine.ClassProtocol, Text: err.Error(), Retryable: new(bool)}
		}
		c.Changes = changes.summary()
		return changes, nil
	}
	guard, err := c.guard()
	if err != nil {
		return Changes{}, err
	}
	changes, err := plan()
	if err == nil {
		err = changes.check()
	}
	if err != nil {
		return changes, err
	}
	c.Changes = changes.summary()
	reached := guard.Reached(changes.Counts(), changes.Present)
	switch {
	case len(reached) == 0:
	case c.Order.Mode == engine.ModeForce, c.Order.Accept > 0 && int64(len(changes.List)) <= c.Order.Accept:
		c.Changes = c.Changes.With("forced", value.True).With("reached", engine.Threshold("", reached, value.Absent).Get("reached"))
	default:
		c.Changes = changes.value()
		return changes, c.blocked(changes, reached)
	}
	return changes, nil
}

// guard is what the task and the adapter instance allow together.
func (c *Call) guard() (workflows.Guard, error) {
	own, problems := workflows.ParseGuard(c.Order.Guard)
	if err := problems.Err(); err != nil {
		return own, &Error{Class: engine.ClassProtocol, Text: "the order's guard cannot be read: " + err.Error(), Retryable: new(bool)}
	}
	all, problems := workflows.ParseGuard(c.Instance.Config.Get("guard"))
	if err := problems.Err(); err != nil {
		return own, &Error{Class: engine.ClassInput, Text: fmt.Sprintf("the guard of adapter instance %q cannot be read: %v", c.Instance.ID, err), Retryable: new(bool)}
	}
	return own.And(all), nil
}

func (c *Call) blocked(changes Changes, reached []workflows.Breach) error {
	texts := make([]string, len(reached))
	for i, b := range reached {
		texts[i] = b.String()
	}
	text := fmt.Sprintf("too many changes: %s; nothing was written", strings.Join(texts, ", "))
	if c.Order.Accept > 0 {
		text += fmt.Sprintf("; the start accepts %d changes, these are %d", c.Order.Accept, len(changes.List))
	}
	details := engine.Threshold(text, reached, changes.summary().With("sample", changes.list(sampled)))
	return &Error{Class: engine.BlockedBy, Text: text, State: workflows.Blocked, Retryable: new(bool), Details: details}
}
