package server

import (
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/sealed"
	"github.com/heddlehq/heddle/server/auth"
	"github.com/heddlehq/heddle/workflows/value"
)

// revealOption is the query parameter that asks for encrypted values in clear, of one job or
// one task at a time. It takes a permission of its own and leaves an audit entry.
const revealOption = "reveal"

// shown is an answer as its caller may see it: with a mask in place of encrypted values.
func (c *call) shown(v value.Value) (value.Value, error) {
	if c.QueryParam(revealOption) != "true" || c.Request().Method != get {
		return sealed.Masked(v), nil
	}
	if !c.who.May(auth.RevealValues) || c.Keys == nil {
		return value.Absent, refuse(denied, "%s has no role with the permission %q", c.name(), auth.RevealValues)
	}
	var st runner.State
	var err error
	switch c.deed.route.noun() {
	case "job":
		st, err = c.job(c.text("id"))
	case "task":
		_, st, err = c.taskRun(c.text("id"))
	default:
		err = badQuery(revealOption, "only a job or a task shows its encrypted values.")
	}
	if err != nil {
		return value.Absent, err
	}
	place := st.Job.ID
	if len(st.Job.Ancestors) > 0 {
		place = st.Job.Ancestors[0]
	}
	c.deed.reveals, c.deed.after = true, value.Object(revealOption, value.True)
	return sealed.Open(c.Request().Context(), c.Keys, place, v)
}

func (c *call) name() string {
	if c.who == nil {
		return "a stranger"
	}
	return c.who.Username
}
