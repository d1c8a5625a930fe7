package server

import (
	"fmt"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// listKeys lists the data keys that values are encrypted with: when each was made and which
// master key wraps it, never a key.
func listKeys(c *call) (value.Value, error) {
	q, err := c.list(shape{collection: store.Keys, sort: []store.Order{{Field: "created", Desc: true}}})
	if err != nil {
		return value.Absent, err
	}
	p, err := c.find(store.Keys, q, func(v value.Value) (value.Value, error) { return v.Without("wrapped"), nil })
	if err != nil {
		return value.Absent, err
	}
	return p.operations("Successfully retrieved keys"), nil
}

// rotateKeys makes another data key: what is encrypted from now on has it, on every server
// within seconds.
func rotateKeys(c *call) (value.Value, error) {
	if c.Keys == nil {
		return value.Absent, refuse(clash, "the server has no keys")
	}
	r, err := c.Keys.Rotate(c.Request().Context(), nil)
	if err != nil {
		return value.Absent, err
	}
	c.deed.after = value.Object("active", value.String(r.Active))
	resealed := 0
	if c.Secrets != nil {
		if resealed, err = c.Secrets.Reseal(c.Request().Context()); err != nil {
			return value.Absent, fmt.Errorf("the new key is in force, but not all secrets are under it; rotate again: %w", err)
		}
	}
	return enveloped("Successfully rotated keys", value.Object("active", value.String(r.Active), "rewrapped", value.Int(int64(r.Rewrapped)), "secrets", value.Int(int64(resealed)))), nil
}
