// Package bench measures how fast a whole Heddle is: store, bus, engine and a worker that does
// nothing, in the way they are deployed. Tasks go over the bus; nothing is cut short.
package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/server/system"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// Options say what to measure.
type Options struct {
	Workload    string // linear, fanout, child or start
	N           int    // jobs
	Concurrency int    // jobs under way at once
	Finished    int    // jobs that are in the store before
	Waiting     int    // jobs that wait for timers and people all the while
}

// Report is the outcome, one line of JSON.
type Report struct {
	Peer            string  `json:"peer"`
	Workload        string  `json:"workload"`
	N               int     `json:"n"`
	WallSeconds     float64 `json:"wall_s"`
	TasksPerSecond  float64 `json:"tasks_per_s"`
	WorkflowsPerSec float64 `json:"workflows_per_s"`
	EndsPerSecond   float64 `json:"ends_per_s,omitempty"` // workload start: jobs started and done, the worker beginning after the last start
	P50             float64 `json:"p50_ms"`               // from start to end of a job, or of the accepted start
	P99             float64 `json:"p99_ms"`
	RSS             float64 `json:"rss_mb"`          // the process' highest
	CPU             float64 `json:"cpu_us_per_task"` // processor time of the process while it was measured
	Finished        int     `json:"finished,omitempty"`
	Waiting         int     `json:"waiting,omitempty"`
	Durable         bool    `json:"durable"`
}

// Workloads lists what can be measured.
var Workloads = []string{"linear", "fanout", "child", "start"}

// tasks is how many tasks a job of a workload has, those of its children included.
var tasks = map[string]int{"linear": 10, "fanout": 101, "child": 300, "start": 1}

// Run starts the jobs on an opened system that is not running yet, waits for their ends and
// reports.
func Run(ctx context.Context, s *system.System, o Options) (Report, error) {
	if !slices.Contains(Workloads, o.Workload) {
		return Report{}, fmt.Errorf("workload %q must be one of %s", o.Workload, strings.Join(Workloads, ", "))
	}
	for _, doc := range documents(o.Workload) {
		if _, err := s.Library.CreateWorkflow(ctx, doc, "bench"); err != nil {
			return Report{}, err
		}
	}
	begin := make(chan struct{})
	if o.Workload != "start" {
		close(begin)
	}
	s.Work(adapters.Worker{
		Name: "bench", Consumer: "bench", Filter: []string{bus.TaskFilter(adapters.DefaultPool, "Bench")}, Parallel: 256,
	}, func(ctx context.Context, _ adapters.Order) adapters.Result {
		select {
		case <-begin:
		case <-ctx.Done():
		}
		return adapters.Result{State: workflows.Success, Outgoing: value.Object("result", value.String("ok"))}
	})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var g errgroup.Group
	g.Go(func() error { return s.Run(ctx) })
	report, err := measureAged(ctx, s, o)
	if o.Workload == "start" && err == nil {
		close(begin)
		report.EndsPerSecond, err = endAll(ctx, s, o, report.WallSeconds)
	}
	cancel()
	return report, errors.Join(err, g.Wait())
}

// documents are the workflows of a workload; the one to start bears its name.
func documents(workload string) []value.Value {
	switch workload {
	case "fanout":
		return []value.Value{fanout()}
	case "child":
		return []value.Value{linear("bench child task", 3), child()}
	case "start":
		return []value.Value{linear(workload, 1)}
	}
	return []value.Value{linear(workload, 10)}
}

// ends hears of the ends of jobs.
type ends struct {
	mu      sync.Mutex
	waiting map[string]chan string
}

func (e *ends) expect(job string) chan string {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := make(chan string, 1)
	e.waiting[job] = c
	return c
}

func (e *ends) heard(_ uint64, m bus.Message) {
	v, err := value.ParseLast(m.Data)
	if err != nil || v.Get("topic").Text() == "jobStart" {
		return
	}
	job := v.Path("job", "_id").Text()
	e.mu.Lock()
	defer e.mu.Unlock()
	if c, ok := e.waiting[job]; ok {
		delete(e.waiting, job)
		c <- v.Path("job", "status").Text()
	}
}

// endAll waits until all jobs have ended and returns how many did in a second, from the first start on.
func endAll(ctx context.Context, s *system.System, o Options, sofar float64) (float64, error) {
	began := time.Now()
	for {
		ended, err := s.Store.Group(ctx, store.Jobs, store.Grouping{Where: store.And{
			store.Where("name", store.Eq, o.Workload), store.Where("status", store.Eq, string(engine.Complete)),
		}})
		if err != nil {
			return 0, err
		}
		took := time.Since(began)
		if ended[0].Count == o.N {
			return float64(o.N) / (sofar + took.Seconds()), nil
		}
		if took > 5*time.Minute {
			return 0, fmt.Errorf("%d of %d jobs have ended after %s", ended[0].Count, o.N, took.Round(time.Second))
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// measureAged measures on a store that has what the options say.
func measureAged(ctx context.Context, s *system.System, o Options) (Report, error) {
	if o.Finished > 0 {
		if err := finish(ctx, s, o.Finished); err != nil {
			return Report{}, fmt.Errorf("finished jobs: %w", err)
		}
	}
	if o.Waiting > 0 {
		if err := wait(ctx, s, o.Waiting); err != nil {
			return Report{}, fmt.Errorf("waiting jobs: %w", err)
		}
	}
	return measure(ctx, s, o)
}

func measure(ctx context.Context, s *system.System, o Options) (Report, error) {
	e := &ends{waiting: map[string]chan string{}}
	listening, stop := context.WithCancel(ctx)
	defer stop()
	var tail errgroup.Group
	if o.Workload != "start" {
		tail.Go(func() error { return s.Bus.Tail(listening, bus.Feed, "heddle.feed.platform.>", bus.FromNow, e.heard) })
		time.Sleep(200 * time.Millisecond) // the tail must be in place before the first job ends
	}
	took := make([]time.Duration, o.N)
	var g errgroup.Group
	g.SetLimit(o.Concurrency)
	began, spent := time.Now(), processorTime()
	for i := range o.N {
		g.Go(func() error {
			id := library.NewID()
			var end chan string
			if o.Workload != "start" {
				end = e.expect(id)
			}
			start := time.Now()
			_, err := s.Runner.Start(ctx, runner.Begin{Workflow: o.Workload, Start: engine.Start{ID: id, Initiator: "bench"}})
			if err != nil {
				return fmt.Errorf("start job %d: %w", i, err)
			}
			if end != nil {
				select {
				case status := <-end:
					if status != string(engine.Complete) {
						return fmt.Errorf("job %s ended %s", id, status)
					}
				case <-time.After(time.Minute):
					return fmt.Errorf("job %s did not end within a minute", id)
				}
			}
			took[i] = time.Since(start)
			return nil
		})
	}
	err := g.Wait()
	wall, spent := time.Since(began), processorTime()-spent
	stop()
	if err := errors.Join(err, tail.Wait()); err != nil {
		return Report{}, err
	}
	slices.Sort(took)
	ms := func(p float64) float64 { return float64(took[int(p*float64(len(took)-1))].Microseconds()) / 1000 }
	return Report{
		Peer: "heddle", Workload: o.Workload, N: o.N, WallSeconds: wall.Seconds(),
		TasksPerSecond: float64(o.N*tasks[o.Workload]) / wall.Seconds(), WorkflowsPerSec: float64(o.N) / wall.Seconds(),
		P50: ms(0.5), P99: ms(0.99), RSS: peakMemory(), CPU: float64(spent.Microseconds()) / float64(o.N*tasks[o.Workload]),
		Finished: o.Finished, Waiting: o.Waiting, Durable: s.Data != "",
	}, nil
}

// processorTime is what the process has used, 0 where the system does not tell.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peakMemory is the highest resident memory of this process in MB, 0 where the system does
// not tell.
func peakMemory() float64 {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb / 1024
		}
	}
	return 0
}

type graph struct {
	tasks, transitions value.Members
}

func (g *graph) join(from string, to ...string) {
	var m value.Members
	for _, t := range to {
		m.Set(t, value.Object("type", value.String("standard"), "state", value.String("success")))
	}
	g.transitions.Set(from, m.Value())
}

func (g *graph) task(id, app, name, location string, kind workflows.TaskType, incoming value.Value, output string) {
	g.tasks.Set(id, value.Object(
		"name", value.String(name), "canvasName", value.String(name), "summary", value.String(name), "description", value.String(""),
		"location", value.String(location), "locationType", value.String(app), "app", value.String(app), "displayName", value.String(app),
		"type", value.String(string(kind)), "actor", value.String("Pronghorn"), "groups", value.Array(),
		"variables", value.Object("incoming", incoming, "outgoing", value.Object(output, value.Null), "error", value.String(""), "decorators", value.Array()),
		"nodeLocation", value.Object("x", value.Int(0), "y", value.Int(0)),
	))
}

func (g *graph) noop(id string) {
	g.task(id, "Bench", "noop", "Adapter", workflows.Automatic, value.Object("adapter_id", value.String("bench")), "result")
}

func (g *graph) document(name string) value.Value {
	for _, id := range []string{workflows.StartID, workflows.EndID} {
		g.tasks.Set(id, value.Object("name", value.String(id), "groups", value.Array()))
	}
	g.transitions.Set(workflows.EndID, value.Object())
	return value.Object(
		"_id", value.String(uuid.NewString()), "name", value.String(name), "type", value.String("automation"), "canvasVersion", value.Int(3),
		"groups", value.Array(), "tasks", g.tasks.Value(), "transitions", g.transitions.Value(),
	)
}

func linear(name string, n int) value.Value {
	var g graph
	last := workflows.StartID
	for i := range n {
		id := strconv.FormatInt(int64(i+1), 16)
		g.noop(id)
		g.join(last, id)
		last = id
	}
	g.join(last, workflows.EndID)
	return g.document(name)
}

func fanout() value.Value {
	var g graph
	var ids []string
	g.noop("ffff")
	for i := range 100 {
		id := strconv.FormatInt(int64(i+1), 16)
		g.noop(id)
		g.join(id, "ffff")
		ids = append(ids, id)
	}
	g.join(workflows.StartID, ids...)
	g.join("ffff", workflows.EndID)
	return g.document("fanout")
}

func child() value.Value {
	var g graph
	elements := make([]value.Value, 100)
	for i := range elements {
		elements[i] = value.Object("i", value.Int(int64(i)))
	}
	g.task("1", "WorkFlowEngine", "childJob", "Application", workflows.Operation, value.Object(
		"task", value.String(""), "workflow", value.String("bench child task"), "variables", value.Object(),
		"data_array", value.Array(elements...), "transformation", value.String(""), "loopType", value.String("parallel"),
	), "job_details")
	g.join(workflows.StartID, "1")
	g.join("1", workflows.EndID)
	return g.document("child")
}
