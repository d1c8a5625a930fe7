// Package metrics counts what a server does, in the form that Prometheus reads.
package metrics

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
)

// Metrics are those of one server. They observe its runner: see [runner.Observer].
type Metrics struct {
	registry *prometheus.Registry

	events  *prometheus.CounterVec
	tasks   *prometheus.CounterVec
	started prometheus.Counter
	commits *prometheus.CounterVec
	latency prometheus.Histogram
	batch   prometheus.Histogram
	swept   prometheus.Counter
}

// New returns metrics that count nothing yet.
func New() *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		events:   counter("heddle_transitions_total", "Events that jobs took in.", "event"),
		tasks:    counter("heddle_tasks_total", "Iterations of tasks that ended.", "app", "finish_state"),
		started:  prometheus.NewCounter(prometheus.CounterOpts{Name: "heddle_jobs_started_total", Help: "Jobs that were started."}),
		commits:  counter("heddle_commits_total", "Commits of turns.", "outcome"),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "heddle_commit_seconds", Help: "How long commits of turns take.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "heddle_commit_turns", Help: "How many turns are committed together.", Buckets: prometheus.ExponentialBuckets(1, 2, 8),
		}),
		swept: prometheus.NewCounter(prometheus.CounterOpts{Name: "heddle_swept_jobs_total", Help: "Jobs that a search of the store found overdue."}),
	}
	m.registry.MustRegister(m.events, m.tasks, m.started, m.commits, m.latency, m.batch, m.swept,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Committed implements [runner.Observer].
func (m *Metrics) Committed(turns int, took time.Duration, err error) {
	outcome := "stored"
	if err != nil {
		outcome = "refused"
	}
	m.commits.WithLabelValues(outcome).Inc()
	m.latency.Observe(took.Seconds())
	m.batch.Observe(float64(turns))
}

// Turned implements [runner.Observer].
func (m *Metrics) Turned(t runner.Turned) {
	for i := range t.Events {
		m.events.WithLabelValues(string(t.Events[i].Type)).Inc()
		if t.Events[i].Type == engine.JobStarted {
			m.started.Inc()
		}
	}
	for _, run := range t.Ended {
		if task, ok := t.Workflow.Task(run.Task); ok {
			m.tasks.WithLabelValues(task.App, string(run.Finish)).Inc()
		}
	}
}

// Swept implements [runner.Observer].
func (m *Metrics) Swept(jobs int) { m.swept.Add(float64(jobs)) }

// Watch adds what is looked up when somebody asks: how many jobs there are in each status, and
// how much waits in the runner. It may be called once.
func (m *Metrics) Watch(s store.Store, r *runner.Runner) {
	m.registry.MustRegister(&state{store: s, runner: r,
		jobs:   prometheus.NewDesc("heddle_jobs", "Jobs by status.", []string{"status"}, nil),
		depths: prometheus.NewDesc("heddle_queue_depth", "What waits in this server.", []string{"queue"}, nil),
		active: prometheus.NewDesc("heddle_worker_active", "Whether this server starts jobs, and tasks.", []string{"worker"}, nil),
		lost:   prometheus.NewDesc("heddle_bus_lost_total", "Orders and news that the bus had lost without a sign, and that this server said again.", nil, nil),
	})
}

// Handler answers the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// state collects what is looked up.
type state struct {
	store                      store.Store
	runner                     *runner.Runner
	jobs, depths, active, lost *prometheus.Desc

	mu     sync.Mutex
	asked  time.Time
	counts []store.Bucket
}

// fresh is how long counted jobs are answered again, so that asking often costs little.
const fresh = 5 * time.Second

// Describe implements prometheus.Collector.
func (s *state) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{s.jobs, s.depths, s.active, s.lost} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (s *state) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, label string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, label)
	}
	counts, err := s.count()
	if err != nil {
		out <- prometheus.NewInvalidMetric(s.jobs, err)
	}
	for _, b := range counts {
		status, _ := b.Keys[0].(string)
		gauge(s.jobs, float64(b.Count), status)
	}
	d := s.runner.Depths()
	gauge(s.depths, float64(d.Intake), "intake")
	gauge(s.depths, float64(d.Own), "own")
	gauge(s.depths, float64(d.Timers), "timers")
	out <- prometheus.MustNewConstMetric(s.lost, prometheus.CounterValue, float64(s.runner.Lost()))
	jobs, tasks := s.runner.Activity()
	for worker, on := range map[string]bool{"job": jobs, "task": tasks} {
		v := 0.0
		if on {
			v = 1
		}
		gauge(s.active, v, worker)
	}
}

func (s *state) count() ([]store.Bucket, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.asked) < fresh {
		return s.counts, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	counts, err := s.store.Group(ctx, store.Jobs, store.Grouping{By: []store.Key{{Field: "status"}}})
	if err != nil {
		return nil, err
	}
	s.counts, s.asked = counts, time.Now()
	return counts, nil
}
