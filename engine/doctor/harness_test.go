package doctor

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/builtin"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/bus/membus"
	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/payload"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/memstore"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
	"github.com/heddlehq/heddle/workflows/workflowtest"
)

// plant is a whole engine, its bus in memory.
type plant struct {
	t      testing.TB
	store  store.Store
	runner *runner.Runner
	lib    *library.Library
}

var limits = engine.Limits{Reverts: 25, Elements: 10_000, Depth: 50} // generated workflows may jump back for ever

// play lets do work with engines on one store in memory and in virtual time, and returns the
// store once they have stopped.
func play(t *testing.T, servers int, do func(*plant)) *memstore.Store {
	t.Helper()
	var s *memstore.Store
	synctest.Test(t, func(t *testing.T) {
		var err error
		if s, err = memstore.New(memstore.Options{}); err != nil {
			t.Fatal(err)
		}
		operate(t, s, servers, do)
	})
	return s
}

// operate lets do work with engines on a store and stops them.
func operate(t testing.TB, s store.Store, servers int, do func(*plant)) {
	t.Helper()
	p := &plant{t: t, store: s, lib: openLibrary(s)}
	b := membus.New(membus.Options{})
	ctx, stop := context.WithCancel(context.Background())
	var g errgroup.Group
	var limits payload.Options
	if servers > 1 {
		limits.Above = 60 // nearly every value is kept apart
	}
	for range servers {
		r := runner.New(runner.Options{Store: s, Bus: b, Library: openLibrary(s), Payloads: payload.InStore(s, limits), Shards: 2})
		p.runner = r
		g.Go(func() error { return r.Run(ctx) })
	}
	g.Go(func() error {
		return adapters.Work(ctx, b, adapters.Worker{Name: "lab", Consumer: "lab", Filter: []string{bus.TaskFilter(adapters.DefaultPool, "")}, Parallel: 8, Payloads: payload.InStore(s, limits)}, work)
	})
	defer func() {
		stop()
		if err := errors.Join(g.Wait(), b.Close()); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}()
	do(p)
}

// work takes a second for some orders and fails others, always the same.
func work(ctx context.Context, o adapters.Order) adapters.Result {
	switch sum := len(o.Task) + int(o.Job[len(o.Job)-1]) + o.Iteration; {
	case o.Method == "slow", o.App != "Lab" && sum%5 == 0:
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return adapters.Fail("canceled", "the task was canceled")
		}
	case sum%7 == 0 && o.App != "Lab":
		return adapters.Fail("test", "the worker says no")
	}
	return adapters.Result{State: workflows.Success, Outgoing: value.Object("result", value.String(o.Key))}
}

func openLibrary(s store.Store) *library.Library {
	return library.New(library.Options{Store: s, Catalog: builtin.Catalog(), Limits: limits})
}

func (p *plant) save(doc value.Value) {
	p.t.Helper()
	if _, err := p.lib.CreateWorkflow(p.t.Context(), doc, "test"); err != nil {
		p.t.Fatal(err)
	}
}

// start starts a job whose id ends in n and gives the id.
func (p *plant) start(n int, workflow string) string {
	p.t.Helper()
	id := fmt.Sprintf("%024x", n)
	_, err := p.runner.Start(p.t.Context(), runner.Begin{Workflow: workflow, Start: engine.Start{
		ID: id, Variables: workflowtest.Inputs(), Initiator: "ann", User: "u1", Groups: []string{"g1"},
	}})
	if err != nil {
		p.t.Fatal(err)
	}
	return id
}

func (p *plant) act(job string, ev engine.Event) {
	p.t.Helper()
	if _, err := p.runner.Act(p.t.Context(), job, ev); err != nil {
		p.t.Fatalf("%s: %v", ev.Type, err)
	}
}

// pass lets time go by.
func (p *plant) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// task writes a task of a workflow document; next are its targets on success.
func task(id, app, name, kind, incoming string, next ...string) (string, string) {
	location, adapter := "Adapter", app
	if app == "WorkFlowEngine" {
		location, adapter = "Application", ""
	}
	actor := `"actor":"Pronghorn"`
	if kind == "manual" {
		actor = `"view":"/workflow_engine/task/ViewData"`
	}
	var to []string
	for _, n := range next {
		to = append(to, fmt.Sprintf(`%q:{"type":"standard","state":"success"}`, n))
	}
	return fmt.Sprintf(`%q:{"name":%q,"canvasName":%q,"summary":"S","description":"","location":%q,"locationType":%q,"app":%q,"displayName":%q,
		"type":%q,%s,"groups":[],"variables":{"incoming":%s,"outgoing":{},"error":"","decorators":[]}}`, id, name, name, location, adapter, app, app, kind, actor, incoming),
		fmt.Sprintf(`%q:{%s}`, id, strings.Join(to, ","))
}

type parts struct{ tasks, transitions []string }

func (p *parts) add(task, transition string) *parts {
	p.tasks, p.transitions = append(p.tasks, task), append(p.transitions, transition)
	return p
}

func (p *parts) workflow(name string, first ...string) value.Value {
	start := make([]string, len(first))
	for i, f := range first {
		start[i] = fmt.Sprintf(`%q:{"type":"standard","state":"success"}`, f)
	}
	return value.MustParse(fmt.Sprintf(`{"name":%q,"type":"automation","canvasVersion":3,"groups":[],
		"tasks":{"workflow_start":{"name":"workflow_start","groups":[]},"workflow_end":{"name":"workflow_end","groups":[]},%s},
		"transitions":{"workflow_start":{%s},"workflow_end":{},%s}}`,
		name, strings.Join(p.tasks, ","), strings.Join(start, ","), strings.Join(p.transitions, ",")))
}

// The jobs of the small store that tests damage.
const (
	joined   = 1 // complete: two workers' tasks and a join
	waiting  = 2 // running: waits for a person
	parent   = 3 // complete: two child jobs
	paused   = 4 // paused by an operator
	canceled = 5 // canceled while a worker was busy
	delayed  = 6 // running: waits for its time
	busy     = 7 // running: waits for a child job that waits for a person
)

func id(n int) string { return fmt.Sprintf("%024x", n) }

// small makes a store with one job of each kind.
func small(t *testing.T) *memstore.Store {
	t.Helper()
	return play(t, 1, func(p *plant) {
		p.saveAll()
		for n, name := range map[int]string{joined: "Join", waiting: "Ask", parent: "Parent", paused: "Join", canceled: "Join", delayed: "Delay", busy: "Busy"} {
			p.start(n, name)
		}
		p.pass(500 * time.Millisecond)
		p.act(id(paused), engine.Event{Type: engine.JobPaused, By: "bob"})
		p.act(id(canceled), engine.Event{Type: engine.JobCanceled, By: "bob"})
		p.pass(time.Minute)
	})
}

// saveAll saves the workflows of the small store.
func (p *plant) saveAll() {
	p.t.Helper()
	join := new(parts).add(task("a", "Lab", "quick", "automatic", `{"adapter_id":"lab"}`, "c")).
		add(task("b", "Lab", "slow", "automatic", `{"adapter_id":"lab"}`, "c")).
		add(task("c", "Lab", "quick", "automatic", `{"adapter_id":"lab"}`, "workflow_end"))
	p.save(join.workflow("Join", "a", "b"))
	p.save(new(parts).add(task("a", "WorkFlowEngine", "ViewData", "manual", `{"header":"h","message":"m","body":"b","variables":{},"btn_success":"ok","btn_failure":"no"}`, "workflow_end")).workflow("Ask", "a"))
	child := func(of, loop, data string) string {
		return fmt.Sprintf(`{"task":"","workflow":%q,"variables":{},"data_array":%s,"transformation":"","loopType":%q}`, of, data, loop)
	}
	p.save(new(parts).add(task("a", "WorkFlowEngine", "childJob", "operation", child("Join", "parallel", `[{"i":1},{"i":2}]`), "workflow_end")).workflow("Parent", "a"))
	p.save(new(parts).add(task("a", "WorkFlowEngine", "childJob", "operation", child("Ask", "", `""`), "workflow_end")).workflow("Busy", "a"))
	p.save(new(parts).add(task("a", "WorkFlowEngine", "delay", "operation", `{"time":3600}`, "workflow_end")).workflow("Delay", "a"))
}

// generated makes a store from random workflows, some with children, left alone or disturbed.
func generated(t *testing.T, seed uint64, servers int) *memstore.Store {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	return play(t, servers, func(p *plant) {
		children := []string{"child 0", "child 1"}
		for _, name := range children {
			p.save(workflowtest.Document(rng.IntN, workflowtest.Options{Tasks: 1 + rng.IntN(4)}).With("name", value.String(name)))
		}
		var ids []string
		for i := range 4 {
			name := fmt.Sprintf("flow %d", i)
			p.save(workflowtest.Document(rng.IntN, workflowtest.Options{Tasks: 1 + rng.IntN(12), Children: children}).With("name", value.String(name)))
			ids = append(ids, p.start(i+1, name))
		}
		for range 20 {
			p.pass(time.Duration(rng.IntN(3000)) * time.Millisecond)
			ev := engine.Event{Type: engine.JobPaused, By: "bob"}
			switch rng.IntN(10) {
			case 0:
				ev.Type, ev.Graceful = engine.JobCanceled, rng.IntN(2) == 0
			case 1, 2, 3:
				ev.Type = engine.JobResumed
			case 4:
			default:
				p.people(rng)
				continue
			}
			_, _ = p.runner.Act(p.t.Context(), ids[rng.IntN(len(ids))], ev) // a refusal is an answer, too
		}
		p.pass(time.Hour)
	})
}

// people finish some of the manual tasks that wait.
func (p *plant) people(rng *rand.Rand) {
	page, err := p.store.Find(p.t.Context(), store.Tasks, store.Query{Where: store.And{
		store.Where("type", store.Eq, "manual"), store.Where("status", store.Eq, "running"),
	}, Sort: []store.Order{{Field: store.ID}}})
	if err != nil {
		p.t.Fatal(err)
	}
	for _, d := range page.Docs {
		if rng.IntN(3) == 0 {
			continue
		}
		v := value.MustParse(string(d.Body))
		n, _ := v.Get("iteration").Int()
		_, _ = p.runner.Act(p.t.Context(), v.Path("job", "_id").Text(), engine.Event{
			Type: engine.TaskFinished, Task: v.Path("job", "task").Text(), Iteration: int(n), Outcome: engine.Succeed(), By: "ann",
		}) // refused when the job is paused
	}
}

// examined checks a store that can be read.
func examined(t testing.TB, s store.Store, o Options) Report {
	t.Helper()
	o.Store, o.Library = s, openLibrary(s)
	r, err := Check(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
