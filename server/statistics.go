package server

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// periods are the spans that statistics may be cut into.
var periods = map[string]store.Unit{"": store.Month, "hour": store.Hour, "day": store.Day, "month": store.Month}

func period(q query) (store.Unit, error) {
	u, ok := periods[q.options["period"]]
	if !ok {
		return "", badQuery("period", "\"period\" must be hour, day or month, not %q.", q.options["period"])
	}
	return u, nil
}

// workflowTotals is what the complete jobs of one workflow add up to.
type workflowTotals struct {
	name                string
	jobs, missed        int
	runTime, manualTime int64
	spans               []span
}

// span is a part of the totals, of the jobs that ended in one period.
type span struct {
	start        int64
	jobs, missed int
	runTime      int64
}

// jobMetricsList lists for each workflow how often its jobs completed, how long they ran, how many
// missed their target, and the time saved over doing the work by hand.
func jobMetricsList(c *call) (value.Value, error) {
	q, err := c.list(shape{collection: jobStatistics, options: []string{"period"}, sort: []store.Order{{Field: "workflow.name"}}})
	if err != nil {
		return value.Absent, err
	}
	unit, err := period(q)
	if err != nil {
		return value.Absent, err
	}
	totals, err := c.workflowTotals(unit)
	if err != nil {
		return value.Absent, err
	}
	docs := make([]value.Value, len(totals))
	for i, t := range totals {
		if docs[i], err = c.workflowMetrics(t); err != nil {
			return value.Absent, err
		}
	}
	p, err := c.among(jobStatistics, docs, q)
	return p.results(), err
}

func (c *call) workflowTotals(unit store.Unit) ([]workflowTotals, error) {
	ctx := c.Request().Context()
	where := store.And{store.Where("status", store.Eq, "complete")}
	if reach := c.reachable(); reach != nil {
		where = append(where, reach)
	}
	buckets, err := c.Store.Group(ctx, store.Jobs, store.Grouping{
		Where: where, By: []store.Key{{Field: "name"}, {Field: "metrics.end_time", Unit: unit}, {Field: "metrics.sla_missed"}},
		Measure: []store.Measure{{Of: store.Sum, Field: "metrics.run_time"}},
	})
	if err != nil {
		return nil, fmt.Errorf("metrics of jobs: %w", err)
	}
	manual, err := c.Store.Group(ctx, store.Tasks, store.Grouping{
		Where: store.Where("type", store.Eq, "manual"), By: []store.Key{{Field: "job.name"}},
		Measure: []store.Measure{{Of: store.Sum, Field: "metrics.run_time"}},
	})
	if err != nil {
		return nil, fmt.Errorf("metrics of jobs: %w", err)
	}
	by := map[string]*workflowTotals{}
	for _, b := range buckets {
		name, _ := b.Keys[0].(string)
		start, _ := b.Keys[1].(int64)
		missed, _ := b.Keys[2].(bool)
		sum, _ := b.Measures[0].(float64)
		t := by[name]
		if t == nil {
			t = &workflowTotals{name: name}
			by[name] = t
		}
		if n := len(t.spans); n == 0 || t.spans[n-1].start != start {
			t.spans = append(t.spans, span{start: start})
		}
		s := &t.spans[len(t.spans)-1]
		s.jobs += b.Count
		s.runTime += int64(sum)
		if missed {
			s.missed += b.Count
			t.missed += b.Count
		}
		t.jobs += b.Count
		t.runTime += int64(sum)
	}
	for _, b := range manual {
		name, _ := b.Keys[0].(string)
		if sum, _ := b.Measures[0].(float64); by[name] != nil {
			by[name].manualTime = int64(sum)
		}
	}
	out := make([]workflowTotals, 0, len(by))
	for _, name := range sortedKeys(by) {
		out = append(out, *by[name])
	}
	return out, nil
}

func (c *call) workflowMetrics(t workflowTotals) (value.Value, error) {
	workflow := value.Object("name", value.String(t.name))
	id, before := t.name, int64(0)
	switch s, err := c.Library.Workflow(c.Request().Context(), t.name); {
	case err == nil:
		id = s.ID()
		workflow = workflow.With("_id", value.String(id))
		before, _ = s.Doc.Get("preAutomationTime").Int()
	case !errors.Is(err, store.ErrNotFound):
		return value.Absent, err
	}
	spans := make([]value.Value, len(t.spans))
	for i, s := range t.spans {
		spans[i] = value.Object("jobsComplete", value.Int(int64(s.jobs)), "totalRunTime", value.Int(s.runTime), "slaTargetsMissed", value.Int(int64(s.missed)),
			"startDate", value.Time(time.UnixMilli(s.start)))
	}
	var m value.Members
	m.Set("_id", value.String(id)).Set("workflow", workflow).Set("metrics", value.Array(spans...)).
		Set("jobsComplete", value.Int(int64(t.jobs))).Set("totalRunTime", value.Int(t.runTime)).Set("slaTargetsMissed", value.Int(int64(t.missed))).
		Set("totalManualTime", value.Int(t.manualTime)).Set("preAutomationTime", value.Int(before))
	if before > 0 {
		m.Set("totalTimeSaved", value.Int(before*int64(t.jobs)-t.runTime))
	}
	return m.Value(), nil
}

// taskTotals is what the runs of one task add up to, over all workflows or within one.
type taskTotals struct {
	app, name, kind   string
	workflow, task    string // "" over all workflows
	good, bad         int
	goodTime, badTime int64
	spans             map[int64]*taskTotals
}

func (t *taskTotals) add(good bool, n int, runTime int64) {
	if good {
		t.good, t.goodTime = t.good+n, t.goodTime+runTime
	} else {
		t.bad, t.badTime = t.bad+n, t.badTime+runTime
	}
}

// taskMetricsList lists for each type of task, and for each task of each workflow, how often
// it succeeded and failed, and how long that took.
func taskMetricsList(c *call) (value.Value, error) {
	q, err := c.list(shape{collection: taskStatistics, plain: []string{"global"}, options: []string{"period"}, sort: []store.Order{
		{Field: "global", Desc: true}, {Field: "app", Desc: true}, {Field: "name", Desc: true},
	}})
	if err != nil {
		return value.Absent, err
	}
	unit, err := period(q)
	if err != nil {
		return value.Absent, err
	}
	where := store.And{store.Where("metrics.run_time", store.Exists, true)}
	reach, err := c.reachableTasks()
	if err != nil {
		return value.Absent, err
	}
	if reach != nil {
		where = append(where, reach)
	}
	buckets, err := c.Store.Group(c.Request().Context(), store.Tasks, store.Grouping{
		Where: where, By: []store.Key{
			{Field: "app"}, {Field: "name"}, {Field: "type"}, {Field: "job.name"}, {Field: "job.task"}, {Field: "metrics.finish_state"}, {Field: "metrics.start_time", Unit: unit},
		},
		Measure: []store.Measure{{Of: store.Sum, Field: "metrics.run_time"}},
	})
	if err != nil {
		return value.Absent, fmt.Errorf("metrics of tasks: %w", err)
	}
	by := map[[5]string]*taskTotals{}
	for _, b := range buckets {
		var key [7]string
		for i := range 6 {
			key[i], _ = b.Keys[i].(string)
		}
		start, _ := b.Keys[6].(int64)
		sum, _ := b.Measures[0].(float64)
		for _, k := range [][5]string{{key[0], key[1], key[2]}, {key[0], key[1], key[2], key[3], key[4]}} {
			t := by[k]
			if t == nil {
				t = &taskTotals{app: k[0], name: k[1], kind: k[2], workflow: k[3], task: k[4], spans: map[int64]*taskTotals{}}
				by[k] = t
			}
			if t.spans[start] == nil {
				t.spans[start] = &taskTotals{}
			}
			t.add(key[5] == "success", b.Count, int64(sum))
			t.spans[start].add(key[5] == "success", b.Count, int64(sum))
		}
	}
	var docs []value.Value
	for _, t := range by {
		docs = append(docs, t.doc())
	}
	slices.SortFunc(docs, func(a, b value.Value) int { return cmp.Compare(a.Get("_id").Text(), b.Get("_id").Text()) })
	p, err := c.among(taskStatistics, docs, q)
	return p.results(), err
}

func (t *taskTotals) doc() value.Value {
	var spans []value.Value
	for _, start := range slices.Sorted(maps.Keys(t.spans)) {
		s := t.spans[start]
		spans = append(spans, value.Object("totalSuccesses", value.Int(int64(s.good)), "totalSuccessRunTime", value.Int(s.goodTime),
			"totalErrors", value.Int(int64(s.bad)), "totalErrorRunTime", value.Int(s.badTime), "startDate", value.Time(time.UnixMilli(start))))
	}
	var m value.Members
	id := t.app + "." + t.name + "." + t.kind
	if t.workflow != "" {
		id += "/" + t.workflow + "/" + t.task
	}
	m.Set("_id", value.String(id)).Set("global", value.Bool(t.workflow == "")).Set("name", value.String(t.name)).Set("taskType", value.String(t.kind)).
		Set("app", value.String(t.app)).Set("taskId", value.Null).Set("workflow", value.Null).Set("metrics", value.Array(spans...)).
		Set("totalSuccesses", value.Int(int64(t.good))).Set("totalErrors", value.Int(int64(t.bad)))
	if t.workflow != "" {
		m.Set("taskId", value.String(t.task)).Set("workflow", value.Object("name", value.String(t.workflow)))
	}
	return m.Value()
}
