package server

import (
	"context"
	"time"

	"github.com/heddlehq/heddle/engine/doctor"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/server/audit"
	"github.com/heddlehq/heddle/workflows/value"
)

// What no other platform has: the servers that share the work, the doctor, the quarantine.

// listServers lists the servers on the store.
func listServers(c *call) (value.Value, error) {
	members, err := c.Runner.Members(c.Request().Context())
	if err != nil {
		return value.Absent, err
	}
	out := make([]value.Value, len(members))
	for i, m := range members {
		state := "working"
		if m.Draining {
			state = "draining"
		}
		out[i] = value.Object("id", value.String(m.ID), "name", value.String(m.Name), "state", value.String(state),
			"seen", value.Int(m.Seen), "partitions", value.Int(int64(m.Partitions)))
	}
	return enveloped("Servers", value.Array(out...)), nil
}

// drainServer makes the server that is asked give its work away.
func drainServer(c *call) (value.Value, error) {
	s, err := c.Runner.Drain(c.Request().Context())
	if err != nil {
		return value.Absent, err
	}
	return enveloped("Draining", standing(s)), nil
}

func standing(s runner.Standing) value.Value {
	return value.Object("id", value.String(s.ID), "name", value.String(s.Name), "partitions", value.Int(int64(s.Partitions)),
		"alone", value.Bool(s.Alone), "draining", value.Bool(s.Draining))
}

// DoctorWait is how long what looks wrong in a store in use gets to come right.
const DoctorWait = 500 * time.Millisecond

// AuditCheck verifies the audit log of a store for the doctor.
func AuditCheck(s store.Store) func(context.Context) ([]doctor.Finding, error) {
	return func(ctx context.Context) ([]doctor.Finding, error) {
		r, err := audit.New(audit.Options{Store: s}).Verify(ctx)
		if err != nil || r.Broken == nil {
			return nil, err
		}
		return []doctor.Finding{{ID: r.Broken.ID, Text: r.Broken.String()}}, nil
	}
}

// examine checks the store while it is in use; fix repairs what can be repaired.
func examine(fix bool) func(c *call) (value.Value, error) {
	return func(c *call) (value.Value, error) {
		report, err := doctor.Check(c.Request().Context(), doctor.Options{
			Store: c.Store, Library: c.Library, Wait: DoctorWait, Fix: fix, Audit: AuditCheck(c.Store),
		})
		if err != nil {
			return value.Absent, err
		}
		return enveloped("Checked", value.Of(report)), nil
	}
}

// listQuarantine lists the events that crashed their jobs' turns.
func listQuarantine(c *call) (value.Value, error) {
	q, err := c.list(shape{collection: store.Quarantine, sort: []store.Order{{Field: "at", Desc: true}}})
	if err != nil {
		return value.Absent, err
	}
	p, err := c.find(store.Quarantine, q, nil)
	if err != nil {
		return value.Absent, err
	}
	return p.operations("Successfully retrieved quarantined events"), nil
}

// replayQuarantine gives a quarantined event to its job once more.
func replayQuarantine(c *call) (value.Value, error) {
	if err := c.Runner.Replay(c.Request().Context(), c.text("id")); err != nil {
		return value.Absent, err
	}
	return enveloped("Replayed", value.Object("id", value.String(c.text("id")))), nil
}
