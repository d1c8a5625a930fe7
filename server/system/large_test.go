package system_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

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

// chart draws workflows.
type chart struct{ tasks, links map[string]value.Value }

func draw() *chart {
	c := &chart{map[string]value.Value{}, map[string]value.Value{}}
	for _, id := range []string{workflows.StartID, workflows.EndID} {
		c.tasks[id] = value.Object("name", value.String(id), "groups", value.Array())
		c.links[id] = value.Object()
	}
	return c
}

// task adds a task of the engine ("query") or of an adapter ("Lab.get").
func (c *chart) task(id, method, incoming, outgoing string) *chart {
	app, location, kind := "WorkFlowEngine", "Application", "operation"
	if a, m, ok := strings.Cut(method, "."); ok {
		app, method, location, kind = a, m, "Adapter", "automatic"
	}
	c.tasks[id] = value.Object("name", value.String(method), "canvasName", value.String(method), "summary", value.String(""), "description", value.String(""),
		"location", value.String(location), "locationType", value.String(app), "app", value.String(app), "displayName", value.String(app),
		"type", value.String(kind), "actor", value.String("Pronghorn"), "groups", value.Array(), "variables", value.Object(
			"incoming", value.MustParse(incoming), "outgoing", value.MustParse(outgoing), "error", value.String(""), "decorators", value.Array()))
	c.links[id] = value.Object()
	return c
}

func (c *chart) link(from, to, state string) *chart {
	c.links[from] = c.links[from].With(to, value.Object("type", value.String("standard"), "state", value.String(state)))
	return c
}

// chain links tasks from the start through all ids to the end.
func (c *chart) chain(ids ...string) *chart {
	from := workflows.StartID
	for _, id := range append(ids, workflows.EndID) {
		c.link(from, id, "success")
		from = id
	}
	return c
}

func (c *chart) document(name string) string {
	return value.Object("name", value.String(name), "type", value.String("automation"), "groups", value.Array(),
		"tasks", value.Of(c.tasks), "transitions", value.Of(c.links)).String()
}

// worker answers the orders of an app.
func worker(s *system.System, app string, do func(o adapters.Order) value.Value) {
	s.Work(adapters.Worker{Name: app, Consumer: "pool-default-" + app, Filter: []string{bus.TaskFilter(adapters.DefaultPool, app)}, Parallel: 64},
		func(_ context.Context, o adapters.Order) adapters.Result {
			return adapters.Result{State: workflows.Success, Outgoing: value.Object("result", do(o))}
		})
}

// launch opens a system with its workers and runs it until the test ends.
func launch(t *testing.T, c system.Config, work func(s *system.System), docs ...string) *system.System {
	t.Helper()
	s, err := system.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	work(s)
	for _, d := range docs {
		if _, err := s.Library.CreateWorkflow(t.Context(), value.MustParse(d), "test"); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// most is how large the document of a job may become, in bytes.
const most = 256 << 10

// complete starts a job, watches its document until it ends, and returns its end.
func complete(t *testing.T, s *system.System, workflow string, variables value.Value) runner.State {
	t.Helper()
	id, began := library.NewID(), time.Now()
	if _, err := s.Runner.Start(t.Context(), runner.Begin{Workflow: workflow, Start: engine.Start{ID: id, Initiator: "test", Variables: variables}}); err != nil {
		t.Fatal(err)
	}
	largest := 0
	for deadline := began.Add(58 * time.Second); ; time.Sleep(5 * time.Millisecond) { // the system is at work on its own clock
		doc, err := s.Store.Get(t.Context(), store.Jobs, id)
		if err != nil {
			t.Fatal(err)
		}
		largest = max(largest, len(doc.Body))
		st, err := s.Runner.Outline(t.Context(), doc.Body)
		if err != nil {
			t.Fatal(err)
		}
		if st.Job.Status != engine.Running {
			t.Logf("%s after %v; document of at most %d bytes; %s", st.Job.Status, time.Since(began).Round(time.Millisecond), largest, memory())
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the job still runs, with %d events: %.500v", st.Job.Seq, st.Machine.Explain(st.Job))
		}
	}
	if largest > most {
		t.Errorf("the document of the job had up to %d bytes, want at most %d", largest, most)
	}
	st, err := s.Runner.Job(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if st.Job.Status != engine.Complete {
		t.Fatalf("job is %s: %.500v", st.Job.Status, st.Job.Errors)
	}
	return st
}

func memory() string {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	peak := "unknown"
	status, err := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok && err == nil {
			peak = strings.TrimSpace(rest)
		}
	}
	return fmt.Sprintf("heap of %d MiB, peak of resident memory %s", m.HeapAlloc>>20, peak)
}

func digest(v value.Value) string {
	sum := sha256.Sum256(v.AppendJSON(nil))
	return hex.EncodeToString(sum[:])
}

// A value of forty megabytes goes from a worker through built-in tasks to another worker, which
// knows nothing but the bus, and that takes one megabyte.
func TestSystem_largeValue(t *testing.T) {
	if testing.Short() {
		t.Skip("moves 40 MB")
	}
	devices := make([]value.Value, 40)
	for i := range devices {
		lines := make([]value.Value, 1000)
		for k := range lines {
			lines[k] = value.Object("line", value.Int(int64(k)), "text", value.String(fmt.Sprintf("interface Gi%d/%d \"%s\"", i, k, strings.Repeat("é!", 320))))
		}
		devices[i] = value.Object("name", value.String(fmt.Sprintf("device %d", i)), "config", value.Array(lines...))
	}
	devices = append(devices[:20], value.String(strings.Repeat("one text \\ \"é\" ", 1<<20)))
	sent := value.Array(devices...)
	size := len(sent.AppendJSON(nil))
	want := digest(value.Object("devices", sent, "count", value.Int(21)))
	doc := draw().
		task("a1", "Source.get", `{"adapter_id":"x"}`, `{"result":"$var.job.answer"}`).
		task("a2", "query", `{"pass_on_null":false,"query":"devices","obj":"$var.a1.result"}`, `{"return_data":null}`).
		task("a3", "newVariable", `{"name":"kept","value":"$var.a2.return_data"}`, `{"value":null}`).
		task("a4", "merge", `{"data_to_merge":[{"key":"devices","value":{"task":"a3","variable":"value"}},{"key":"count","value":{"task":"static","variable":21}}]}`, `{"merged_object":"$var.job.merged"}`).
		task("a5", "Target.put", `{"adapter_id":"x","data":"$var.a4.merged_object"}`, `{"result":"$var.job.outside"}`).
		chain("a1", "a2", "a3", "a4", "a5").document("Large")
	s := launch(t, system.Config{Data: t.TempDir()}, func(s *system.System) {
		worker(s, "Source", func(adapters.Order) value.Value { return value.Object("devices", sent) })
	}, doc)
	ctx, cancel := context.WithCancel(t.Context())
	var outside sync.WaitGroup
	defer outside.Wait()
	defer cancel()
	outside.Go(func() {
		w := adapters.Worker{Name: "Target", Consumer: "pool-default-Target", Filter: []string{bus.TaskFilter(adapters.DefaultPool, "Target")}}
		err := adapters.Work(ctx, s.Bus, w, func(_ context.Context, o adapters.Order) adapters.Result {
			return adapters.Result{State: workflows.Success, Outgoing: value.Object("result", value.Object("digest", value.String(digest(o.Incoming.Get("data"))), "echo", o.Incoming.Get("data").Get("devices").At(20)))}
		})
		if err != nil {
			t.Errorf("worker outside: %v", err)
		}
	})
	t.Logf("a value of %d bytes; %s", size, memory())
	st := complete(t, s, "Large", value.Object())
	if got := st.Job.Variables.Path("outside", "digest").Text(); got != want {
		t.Errorf("the worker at the end got %s, want %s", got, want)
	}
	if got := digest(st.Job.Variables.Get("merged")); got != want {
		t.Errorf("the job read back holds %s, want %s", got, want)
	}
	if !value.Equal(st.Job.Variables.Path("outside", "echo"), devices[20]) {
		t.Error("what the worker sent back is not what it got")
	}
	pieces, err := s.Store.Group(t.Context(), store.Payloads, store.Grouping{Measure: []store.Measure{{Of: store.Sum, Field: "bytes"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d pieces with %.0f bytes", pieces[0].Count, pieces[0].Measures[0])
	if kept := pieces[0].Measures[0].(float64); kept > 1.1*float64(size) {
		t.Errorf("%.0f bytes are stored for a value of %d", kept, size)
	}
}

func elements(n int) value.Value {
	out := make([]value.Value, n)
	for i := range out {
		out[i] = value.Object("i", value.Int(int64(i)), "name", value.String(fmt.Sprintf("device %d", i)))
	}
	return value.Object("list", value.Array(out...))
}

// Ten thousand child jobs, fifty at a time.
func TestSystem_manyChildren(t *testing.T) {
	if testing.Short() {
		t.Skip("runs 10,000 jobs")
	}
	child := draw().task("a", "newVariable", `{"name":"out","value":"$var.job.i"}`, `{"value":null}`).chain("a").document("Child")
	parent := draw().task("c", "childJob",
		`{"task":"","workflow":"Child","variables":{},"data_array":"$var.job.list","transformation":"","loopType":"parallel"}`, `{"job_details":"$var.job.done"}`)
	parent.tasks["c"] = parent.tasks["c"].With("children", value.Object("concurrency", value.Int(50)))
	s := launch(t, system.Config{Data: t.TempDir()}, func(*system.System) {}, child, parent.chain("c").document("Parent"))
	st := complete(t, s, "Parent", elements(10_000))
	done := st.Job.Variables.Get("done")
	if outputs := done.Path("loop"); done.Len() == 0 || outputs.IsAbsent() && !strings.Contains(done.At(done.Len()-1).String(), "9999") {
		t.Errorf("the job ended with %.300s", done)
	}
}

// Ten thousand elements one after the other.
func TestSystem_manyElements(t *testing.T) {
	if testing.Short() {
		t.Skip("runs 10,000 tasks")
	}
	c := draw().task("a", "forEach", `{"data_array":"$var.job.list"}`, `{"current_item":null}`).
		task("b", "query", `{"pass_on_null":false,"query":"i","obj":"$var.a.current_item"}`, `{"return_data":"$var.job.last"}`).
		chain("a").link("a", "b", "loop")
	s := launch(t, system.Config{Data: t.TempDir()}, func(*system.System) {}, c.document("Loop"))
	st := complete(t, s, "Loop", elements(10_000))
	if last, _ := st.Job.Variables.Get("last").Int(); last != 9999 {
		t.Errorf("the last element was %d", last)
	}
}

// A list grows with each element of a loop. It is in every event, but not stored with each.
func TestSystem_growingList(t *testing.T) {
	if testing.Short() {
		t.Skip("runs 3,000 tasks")
	}
	const n = 3000
	c := draw().task("a", "forEach", `{"data_array":"$var.job.list"}`, `{"current_item":null}`).
		task("b", "push", `{"job_variable":"seen","item_to_push":"$var.a.current_item"}`, `{"job_variable_value":null}`).
		chain("a").link("a", "b", "loop")
	s := launch(t, system.Config{Data: t.TempDir()}, func(*system.System) {}, c.document("Loop"))
	st := complete(t, s, "Loop", elements(n).With("seen", value.Array()))
	if want := elements(n).Get("list"); !value.Equal(st.Job.Variables.Get("seen"), want) {
		t.Errorf("the list has %d elements, want %d", st.Job.Variables.Get("seen").Len(), want.Len())
	}
	kept, err := s.Store.Group(t.Context(), store.Payloads, store.Grouping{Measure: []store.Measure{{Of: store.Sum, Field: "bytes"}}})
	if err != nil {
		t.Fatal(err)
	}
	size := len(st.Job.Variables.Get("seen").AppendJSON(nil))
	t.Logf("%d pieces with %.0f bytes for a list that grew to %d", kept[0].Count, kept[0].Measures[0], size)
	if most := n * size / 10; kept[0].Measures[0].(float64) > float64(most) {
		t.Errorf("%.0f bytes are stored, want at most %d", kept[0].Measures[0], most)
	}
}

// A graph of five thousand tasks, a hundred in a row and fifty side by side.
func TestSystem_manyTasks(t *testing.T) {
	if testing.Short() {
		t.Skip("runs 5,000 tasks")
	}
	c := draw()
	for lane := range 50 {
		from := workflows.StartID
		for i := range 100 {
			id := fmt.Sprintf("%x", 0x1000+100*lane+i)
			c.task(id, "Lab.get", `{"adapter_id":"lab","command":"show version"}`, `{"result":null}`).link(from, id, "success")
			from = id
		}
		c.link(from, workflows.EndID, "success")
	}
	s := launch(t, system.Config{Data: t.TempDir()}, func(s *system.System) {
		worker(s, "Lab", func(o adapters.Order) value.Value { return value.String("answer to " + o.Task) })
	}, c.document("Graph"))
	st := complete(t, s, "Graph", value.Object())
	for i, task := range st.Machine.Workflow().Tasks {
		if s := st.Job.Tasks[i]; task.App == "Lab" && s.Outgoing.Get("result").Text() != "answer to "+task.ID {
			t.Fatalf("task %s has %s", task.ID, s.Outgoing)
		}
	}
}
