package server

import (
	"fmt"
	"time"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/server/lifecycle"
	"github.com/heddlehq/heddle/workflows/value"
)

// prompt is how long a call waits for its batch to end before it answers how far it is.
const prompt = time.Second

// batch is a route that archives, restores or deletes jobs in the background: those in
// {"jobIds": [...]}, or those that fit {"query": {...}} and do not run. Child jobs go with
// the job that called them.
func batch(kind lifecycle.Kind, done string) func(c *call) (value.Value, error) {
	return func(c *call) (value.Value, error) {
		body, err := c.object()
		if err != nil {
			return value.Absent, err
		}
		b := lifecycle.Batch{Kind: kind}
		switch {
		case body.Has("jobIds") == body.Has("query"):
			return value.Absent, badAt("/jobIds", "required", "The body needs either the list \"jobIds\" or the object \"query\".")
		case body.Has("jobIds"):
			if b.IDs, err = texts(body.Get("jobIds"), "/jobIds"); err != nil {
				return value.Absent, err
			}
			if len(b.IDs) == 0 || len(b.IDs) > maxLimit {
				return value.Absent, badAt("/jobIds", "count", "\"jobIds\" must list 1 to %d jobs, not %d; use \"query\" for more.", maxLimit, len(b.IDs))
			}
		default:
			if b.Filter, err = c.batchFilter(body.Get("query")); err != nil {
				return value.Absent, err
			}
		}
		return c.submit(b, done)
	}
}

// batchFilter reads a query as lists take it; it must say something about the jobs.
func (c *call) batchFilter(doc value.Value) (store.Filter, error) {
	if !doc.IsObject() {
		return nil, badAt("/query", "type", "\"query\" must be an object, such as {\"equals\": {\"status\": \"complete\"}}, not %s.", doc.Kind())
	}
	params, err := bodyParams(doc)
	if err != nil {
		return nil, err
	}
	q, err := c.read(jobList, params)
	if err != nil {
		return nil, err
	}
	if len(q.fields) == 0 {
		return nil, badAt("/query", "required", "\"query\" must filter the jobs; without a filter it would mean all of them.")
	}
	q.and(c.reachable())
	return q.Where, nil
}

// submit orders a batch and answers how far it is after a moment.
func (c *call) submit(b lifecycle.Batch, done string) (value.Value, error) {
	for _, id := range b.IDs {
		if _, err := c.job(id); err != nil {
			return value.Absent, err
		}
	}
	b.By = c.who.Username
	ctx := c.Request().Context()
	for _, id := range b.IDs {
		c.deed.each = append(c.deed.each, target{"job", id, nil})
	}
	made, err := c.Lifecycle.Submit(ctx, b)
	if err != nil {
		return value.Absent, err
	}
	c.deed.after = made.Doc()
	if made, err = c.Lifecycle.Wait(ctx, made.ID, prompt); err != nil {
		return value.Absent, err
	}
	if made.Status == lifecycle.Running {
		return enveloped(fmt.Sprintf("%d of %d jobs %s so far; batch %s goes on in the background", made.Done, made.Total, done, made.ID), made.Doc()), nil
	}
	return enveloped(fmt.Sprintf("Successfully %s %d of %d jobs", done, made.Done, made.Total), made.Doc()), nil
}

// deleteJob deletes one job with all that belongs to it.
func deleteJob(c *call) (value.Value, error) {
	return c.submit(lifecycle.Batch{Kind: lifecycle.Delete, IDs: []string{c.text("id")}}, "deleted")
}

func listBatches(c *call) (value.Value, error) {
	q, err := c.list(shape{collection: store.Batches, plain: []string{"kind", "status", "by"}, sort: []store.Order{{Field: "created", Desc: true}}})
	if err != nil {
		return value.Absent, err
	}
	p, err := c.find(store.Batches, q, func(v value.Value) (value.Value, error) {
		return v.Without("ids", "filter", "next", "last", "left", "worker", "lease", "live", "stopped"), nil
	})
	return p.operations("Successfully retrieved batches"), err
}

func getBatch(c *call) (value.Value, error) {
	b, err := c.Lifecycle.Read(c.Request().Context(), c.text("id"))
	if err != nil {
		return value.Absent, absent(err, "batch", c.text("id"))
	}
	return enveloped("Successfully retrieved batch", b.Doc()), nil
}

func cancelBatch(c *call) (value.Value, error) {
	b, err := c.Lifecycle.Cancel(c.Request().Context(), c.text("id"))
	if err != nil {
		return value.Absent, absent(err, "batch", c.text("id"))
	}
	return enveloped("Successfully canceled batch", b.Doc()), nil
}

// getRetention answers the rules by which jobs at rest are archived and deleted.
func getRetention(c *call) (value.Value, error) {
	doc, err := c.Lifecycle.Rules(c.Request().Context())
	return enveloped("Successfully retrieved rules of retention", doc), err
}

// setRetention replaces them all by {"rules": [...]}.
func setRetention(c *call) (value.Value, error) {
	doc, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	if err := c.Lifecycle.SetRules(c.Request().Context(), doc); err != nil {
		return value.Absent, err
	}
	return getRetention(c)
}
