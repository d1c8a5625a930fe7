package cli

import (
	"context"
	"errors"
)

// runReal runs the assignment with adapters and people.
func (c *console) runReal(context.Context, *assignment, runFlags) error {
	return errors.New("only simulations can be run; add --simulate")
}
