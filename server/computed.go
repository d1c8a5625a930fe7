package server

import (
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/memstore"
	"github.com/heddlehq/heddle/workflows/value"
)

// Names of the lists that are worked out when they are asked for.
const (
	healthParts    = "health"
	jobStatistics  = "job_metrics"
	taskStatistics = "task_metrics"
)

// computed declares by which fields such lists are filtered and sorted, as if they were stored.
var computed = []store.Collection{
	{Name: healthParts, Fields: []store.Field{
		{Name: "id", Type: store.Text}, {Name: "package_id", Type: store.Text}, {Name: "routePrefix", Type: store.Text},
		{Name: "state", Type: store.Text}, {Name: "type", Type: store.Text}, {Name: "version", Type: store.Text},
	}},
	{Name: jobStatistics, Fields: []store.Field{
		{Name: "workflow.name", Type: store.Text}, {Name: "workflow._id", Type: store.Text}, {Name: "jobsComplete", Type: store.Number},
		{Name: "totalRunTime", Type: store.Number}, {Name: "totalTimeSaved", Type: store.Number}, {Name: "slaTargetsMissed", Type: store.Number},
	}},
	{Name: taskStatistics, Fields: []store.Field{
		{Name: "name", Type: store.Text}, {Name: "app", Type: store.Text}, {Name: "taskType", Type: store.Text}, {Name: "taskId", Type: store.Text},
		{Name: "workflow.name", Type: store.Text}, {Name: "global", Type: store.Bool},
	}},
}

// among answers a query over documents that are not stored, as the store would. They must
// have ids of their own.
func (c *call) among(collection string, docs []value.Value, q query) (page, error) {
	m, err := memstore.New(memstore.Options{Collections: computed})
	if err != nil {
		return page{}, err
	}
	batch := make(store.Batch, len(docs))
	for i, doc := range docs {
		if batch[i], err = c.write(collection, doc, store.New); err != nil {
			return page{}, err
		}
		if id := doc.Get("id"); collection == healthParts && id.IsString() {
			batch[i].ID = id.Text()
		}
	}
	ctx := c.Request().Context()
	if len(batch) > 0 {
		if err := m.Commit(ctx, batch)[0]; err != nil {
			return page{}, err
		}
	}
	found, err := m.Find(ctx, collection, q.Query)
	if err != nil {
		return page{}, err
	}
	p := page{docs: make([]value.Value, len(found.Docs)), total: found.Total, q: q}
	for i, d := range found.Docs {
		v, err := value.ParseLast(d.Body)
		if err != nil {
			return page{}, err
		}
		p.docs[i] = q.project(v)
	}
	return p, nil
}
