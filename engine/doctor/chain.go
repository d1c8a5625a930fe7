package doctor

import (
	"context"
	"fmt"

	"github.com/heddlehq/heddle/engine/store"
)

// audit lets whoever keeps the audit log verify it.
func (c *checker) audit(ctx context.Context) error {
	if c.Audit == nil {
		return nil
	}
	found, err := c.Audit(ctx)
	if err != nil {
		return fmt.Errorf("verify the audit log: %w", err)
	}
	for _, f := range found {
		if err := c.close(ctx, finding(Chain, store.Audit, f.ID, "%s", f.Text)); err != nil {
			return err
		}
	}
	return nil
}
