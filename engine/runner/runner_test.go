package runner_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

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
)

// boot runs a runner on stores in memory until the test ends.
func boot(t *testing.T, docs ...string) *runner.Runner {
	t.Helper()
	return bootWith(t, payload.Options{}, docs...)
}

func bootWith(t *testing.T, limits payload.Options, docs ...string) *runner.Runner {
	t.Helper()
	s, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := membus.New(membus.Options{})
	lib := library.New(library.Options{Store: s, Catalog: builtin.Catalog()})
	for _, d := range docs {
		if _, err := lib.CreateWorkflow(t.Context(), value.MustParse(d), "test"); err != nil {
			t.Fatal(err)
		}
	}
	r := runner.New(runner.Options{Store: s, Bus: b, Library: lib, Payloads: payload.InStore(s, limits), Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

const oneAdapterTask = `{"name":"One","type":"automation","groups":[],"tasks":{
 "workflow_start":{"name":"workflow_start","groups":[]},
 "a":{"name":"get","canvasName":"get","summary":"","description":"","location":"Adapter","locationType":"Lab","app":"Lab","displayName":"Lab","type":"automatic","actor":"Pronghorn","groups":[],
  "variables":{"incoming":{"adapter_id":"lab"},"outgoing":{"result":"$var.job.r"},"error":"","decorators":[]}},
 "workflow_end":{"name":"workflow_end","groups":[]}},
 "transitions":{"workflow_start":{"a":{"type":"standard","state":"success"}},"a":{"workflow_end":{"type":"standard","state":"success"}},"workflow_end":{}}}`

func begin(t *testing.T, r *runner.Runner, workflow string) string {
	t.Helper()
	st, err := r.Start(t.Context(), runner.Begin{Workflow: workflow, Start: engine.Start{Initiator: "test"}})
	if err != nil {
		t.Fatal(err)
	}
	return st.Job.ID
}

func finish(o engine.Outcome) engine.Event {
	return engine.Event{Type: engine.TaskFinished, Task: "a", Iteration: 1, Outcome: o}
}

func TestRunner_startAndFinish(t *testing.T) {
	r := boot(t, oneAdapterTask)
	id := begin(t, r, "One")
	st, err := r.Act(t.Context(), id, finish(engine.Succeed("result", value.Int(7))))
	if err != nil {
		t.Fatal(err)
	}
	if st.Job.Status != engine.Complete || st.Job.Variables.Get("r").String() != "7" {
		t.Errorf("job is %s with %s", st.Job.Status, st.Job.Variables)
	}
	stored, err := r.Job(t.Context(), id)
	if err != nil || stored.Job.Status != engine.Complete {
		t.Errorf("stored is %+v, %v", stored.Job, err)
	}
	if _, err := r.Act(t.Context(), id, finish(engine.Succeed())); !errors.Is(err, engine.ErrStale) {
		t.Errorf("a second result: %v, want ErrStale", err)
	}
	if _, err := r.Act(t.Context(), id, engine.Event{Type: engine.JobPaused}); err == nil {
		t.Error("a complete job was paused")
	}
}

func TestRunner_unknown(t *testing.T) {
	r := boot(t)
	if _, err := r.Start(t.Context(), runner.Begin{Workflow: "Nope"}); !errors.Is(err, runner.ErrNotFound) {
		t.Errorf("start: %v, want ErrNotFound", err)
	}
	if _, err := r.Act(t.Context(), "000000000000000000000000", engine.Event{Type: engine.JobPaused}); !errors.Is(err, runner.ErrNotFound) {
		t.Errorf("act: %v, want ErrNotFound", err)
	}
}

func TestRunner_jobTooLargeToStore(t *testing.T) {
	large := value.String(strings.Repeat("x", 1<<20))
	for name, tc := range map[string]struct {
		limits payload.Options
		result value.Value
		want   string
	}{
		"a value":            {payload.Options{MaxValue: 1 << 20}, large, "1048576 bytes of JSON, which a value may have"},
		"a family of values": {payload.Options{MaxFamily: 1 << 20}, large, "1048576 bytes they may have"},
	} {
		t.Run(name, func(t *testing.T) {
			r := bootWith(t, tc.limits, oneAdapterTask)
			id := begin(t, r, "One")
			st, err := r.Act(t.Context(), id, finish(engine.Succeed("result", tc.result)))
			if err != nil {
				t.Fatal(err)
			}
			task, _ := st.Machine.Task(st.Job, "a")
			if task.Status != engine.TaskError || task.Error.Get("class").Text() != engine.ClassLimit || !strings.Contains(task.Error.Get("message").Text(), tc.want) {
				t.Errorf("task is %s with %.300s, want an error of class limit: %s", task.Status, task.Error, tc.want)
			}
			_, err = r.Start(t.Context(), runner.Begin{Workflow: "One", Start: engine.Start{Variables: value.Object("v", tc.result)}})
			if !errors.Is(err, store.ErrInvalid) {
				t.Errorf("start with the value as a variable: %v, want ErrInvalid", err)
			}
		})
	}
}

// A large value is stored once, apart from the documents, and comes back whole.
func TestRunner_largeValues(t *testing.T) {
	r := boot(t, oneAdapterTask)
	large := value.Object("config", value.String(strings.Repeat("interface Gi0/1\n", 1<<18)), "$payload", value.String("no reference"))
	st, err := r.Start(t.Context(), runner.Begin{Workflow: "One", Start: engine.Start{Variables: value.Object("input", large)}})
	if err != nil {
		t.Fatal(err)
	}
	id := st.Job.ID
	if _, err := r.Act(t.Context(), id, finish(engine.Succeed("result", large))); err != nil {
		t.Fatal(err)
	}
	st, err = r.Job(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"input", "r"} {
		if !value.Equal(st.Job.Variables.Get(name), large) {
			t.Errorf("variable %q came back as %.200s", name, st.Job.Variables.Get(name))
		}
	}
	for collection, most := range map[string]int{store.Jobs: 4 << 10, store.Tasks: 4 << 10, store.History: 4 << 10} {
		page, err := r.Store.Find(t.Context(), collection, store.Query{})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range page.Docs {
			if len(d.Body) > most {
				t.Errorf("%s %s has %d bytes", collection, d.ID, len(d.Body))
			}
			if collection != store.Jobs {
				continue
			}
			if st, err := r.Outline(t.Context(), d.Body); err != nil || st.Job.Variables.Exceeds(most) {
				t.Errorf("outline with %.200s, %v", st.Job.Variables, err)
			}
		}
	}
	pieces, err := r.Store.Group(t.Context(), store.Payloads, store.Grouping{By: []store.Key{{Field: "job"}}})
	if err != nil || len(pieces) != 1 || pieces[0].Keys[0] != id || pieces[0].Count != 3 {
		t.Errorf("pieces are %+v, %v; want two for the text and one for what it is in", pieces, err)
	}
}

// A job that has ended and told so is looked at no more, also not at the next start.
func TestRunner_endedJobsAreNotLive(t *testing.T) {
	r := boot(t, oneAdapterTask)
	id := begin(t, r, "One")
	if _, err := r.Act(t.Context(), id, finish(engine.Succeed())); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(5 * time.Second)
	for {
		page, err := r.Store.Find(t.Context(), store.Jobs, store.Query{Where: store.Where("live", store.Eq, true)})
		if err != nil {
			t.Fatal(err)
		}
		if page.Total == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("job %s is complete and still live: %s", id, page.Docs[0].Body)
		}
		time.Sleep(10 * time.Millisecond) // what was announced is cleared after it was sent
	}
}

func TestRunner_patchFitsTheSchema(t *testing.T) {
	doc := value.MustParse(oneAdapterTask).With("inputSchema", value.MustParse(`{"type":"object","properties":{"n":{"type":"number"}}}`)).String()
	r := boot(t, doc)
	id := begin(t, r, "One")
	patch := func(v string) error {
		_, err := r.Act(t.Context(), id, engine.Event{Type: engine.VariablesPatched, Variables: value.MustParse(v)})
		return err
	}
	input, ok := errors.AsType[*runner.InputError](patch(`{"n":"seven"}`))
	if !ok || input.Violations[0].InstancePath != "/n" {
		t.Errorf("got %v, want a violation at /n", input)
	}
	if err := patch(`{"n":7,"other":"x"}`); err != nil {
		t.Errorf("a good patch: %v", err)
	}
}

func TestRunner_timersRing(t *testing.T) {
	doc := value.MustParse(oneAdapterTask).
		WithPath([]string{"tasks", "a", "timeouts"}, value.Object("run", value.Int(50))).String()
	r := boot(t, doc)
	id := begin(t, r, "One")
	deadline := time.Now().Add(5 * time.Second)
	for {
		st, err := r.Job(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if st.Job.Status == engine.Errored {
			task, _ := st.Machine.Task(st.Job, "a")
			if c := task.Error.Get("class").Text(); c != engine.ClassRun {
				t.Errorf("class %q, want %q", c, engine.ClassRun)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the time-out did not ring; the job is %s", st.Job.Status)
		}
		time.Sleep(10 * time.Millisecond) // the runner's own clock is at work
	}
}

func TestRunner_draftIsRefused(t *testing.T) {
	doc := value.MustParse(oneAdapterTask).WithPath([]string{"transitions", "a"}, value.Object("zz", value.Object("type", value.String("standard"), "state", value.String("success"))))
	r := boot(t, doc.String())
	_, err := r.Start(t.Context(), runner.Begin{Workflow: "One"})
	invalid, ok := errors.AsType[*workflows.Invalid](err)
	if !ok || invalid.Problems[0].Pointer == "" {
		t.Errorf("got %v, want the problems of the draft with pointers", err)
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A result that refers to what nobody keeps is an error of the task, not a job that waits for ever.
func TestRunner_resultWithLostValues(t *testing.T) {
	r := boot(t, oneAdapterTask)
	id := begin(t, r, "One")
	o := adapters.Order{Key: engine.RunKey(id, "a", 1), Job: id, Root: id, Task: "a", Iteration: 1, Attempt: 1}
	lost := value.MustParse(`{"$payload":"` + strings.Repeat("0a", 32) + `","bytes":7}`)
	data := value.MustParse(string(o.Finished(adapters.Result{State: workflows.Success, Outgoing: value.Object("result", lost)})))
	data = data.With("payloads", value.True).With("root", value.String(id))
	if err := r.Bus.Publish(t.Context(), bus.Message{Subject: bus.EventSubject(engine.Partition(id, r.Partitions), id), Data: data.AppendJSON(nil)})[0]; err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) { // the runner's own clock is at work
		st, err := r.Job(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if task, _ := st.Machine.Task(st.Job, "a"); task.Status == engine.TaskError {
			if c := task.Error.Get("class").Text(); c != engine.ClassProtocol {
				t.Errorf("class %q, want %q", c, engine.ClassProtocol)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the job waits for ever")
		}
	}
}

// Without a word about references, what looks like one is a value.
func TestRunner_resultThatLooksLikeAReference(t *testing.T) {
	r := boot(t, oneAdapterTask)
	id := begin(t, r, "One")
	ref := value.MustParse(`{"$payload":"` + strings.Repeat("0a", 32) + `","bytes":7}`)
	if _, err := r.Act(t.Context(), id, finish(engine.Succeed("result", ref))); err != nil {
		t.Fatal(err)
	}
	st, err := r.Job(t.Context(), id)
	if err != nil || !value.Equal(st.Job.Variables.Get("r"), ref) {
		t.Errorf("came back as %s, %v", st.Job.Variables, err)
	}
}

// More variables than a job may have are refused where they come from: at the start, in a patch, and of a
// task that makes them.
func TestRunner_tooManyVariables(t *testing.T) {
	r := boot(t, oneAdapterTask)
	var many value.Members
	for i := range runner.MaxVariables + 1 {
		many.Set(fmt.Sprintf("v%d", i), value.Int(int64(i)))
	}
	crowd := many.Value()
	broken := func(err error) bool {
		e, ok := errors.AsType[*runner.InputError](err)
		return ok && e.Violations[0].Keyword == "maxProperties"
	}
	if _, err := r.Start(t.Context(), runner.Begin{Workflow: "One", Start: engine.Start{Variables: crowd}}); !broken(err) {
		t.Errorf("start: %v", err)
	}
	id := begin(t, r, "One")
	if _, err := r.Act(t.Context(), id, engine.Event{Type: engine.VariablesPatched, Variables: crowd}); !broken(err) {
		t.Errorf("patch: %v", err)
	}
	o := engine.Succeed()
	for name, v := range crowd.Members() {
		o.Writes = append(o.Writes, engine.Write{Name: name, Value: v})
	}
	st, err := r.Act(t.Context(), id, finish(o))
	if err != nil {
		t.Fatal(err)
	}
	if task, _ := st.Machine.Task(st.Job, "a"); task.Error.Get("class").Text() != engine.ClassLimit {
		t.Errorf("the task ends %s with %s, want class %q", task.Status, task.Error, engine.ClassLimit)
	}
}
