package server_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/lab"
	"github.com/heddlehq/heddle/workflows/value"
)

// lab has a lab work for a pool until the test is over, or until stop is called.
func (a *api) lab(t *testing.T, pool string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() {
		s := &adapters.Server{Bus: a.bus, Kind: lab.Kind(), Instances: []adapters.Instance{{ID: "lab"}}, Pool: pool, Name: "lab@" + pool, Grace: time.Millisecond, Payloads: a.runner.Payloads}
		if err := s.Run(ctx); err != nil {
			t.Errorf("lab: %v", err)
		}
	})
	stop = sync.OnceFunc(func() { cancel(); serving.Wait() })
	t.Cleanup(stop)
	return stop
}

// sequence stores the steps, written without what they all have in common.
func (a *api) sequence(t *testing.T, name string, steps ...string) {
	t.Helper()
	var list []value.Value
	for _, s := range steps {
		step := value.MustParse("{" + s + "}")
		if !step.Has("app") {
			step = step.With("app", value.String(lab.App)).With("adapter", value.String("lab"))
		}
		list = append(list, step)
	}
	doc := value.Object("name", value.String(name), "steps", value.Array(list...))
	created := a.must(t, "POST", "/automation-studio/automations", value.Object("automation", doc).String()).Get("created")
	if errs := created.Get("errors"); errs.Len() > 0 {
		t.Fatalf("sequence %s: %s", name, errs)
	}
}

// launch starts a job with options.
func (a *api) launch(t *testing.T, workflow, options string) string {
	t.Helper()
	return a.must(t, "POST", "/operations-manager/jobs/start", `{"workflow":"`+workflow+`","options":`+options+`}`).Path("data", "_id").Text()
}

// states writes how the steps of a job stand, in their order: "A complete, B skipped(out-of-range)".
func (a *api) states(t *testing.T, id string) string {
	t.Helper()
	j := a.must(t, "GET", "/operations-manager/jobs/"+id, "").Get("data")
	var out []string
	for _, p := range a.must(t, "GET", "/operations-manager/jobs/"+id+"?include=plan", "").Path("data", "plan").Elements() {
		task := j.Path("tasks", p.Get("task").Text())
		s := p.Get("step").Text() + " " + task.Get("status").Text()
		if r := task.Get("skipReason").Text(); r != "" {
			s += "(" + r + ")"
		}
		if n := task.Get("iterations").Len(); n > 1 {
			s += strings.Repeat("+", n-1)
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

// taskNamed is the task of a step in a job's document.
func taskNamed(t *testing.T, j value.Value, step string) value.Value {
	t.Helper()
	for _, task := range j.Get("tasks").Members() {
		if task.Get("step").Text() == step {
			return task
		}
	}
	t.Fatalf("no step %q in %s", step, j)
	return value.Absent
}

// writes is how often a target of the lab was written to.
func (a *api) writes(t *testing.T, target string) int64 {
	t.Helper()
	const name = "Count the writes"
	if a.call(t, "GET", "/operations-manager/workflows/"+url.PathEscape(name)+"/steps", "").StatusCode != http.StatusOK {
		a.sequence(t, name, `"task":"R","method":"read","incoming":{"target":"$var.job.target"},"outgoing":{"writes":"$var.job.writes"}`)
	}
	n, ok := a.job(t, a.launch(t, name, `{"variables":{"target":"`+target+`"}}`), "complete").Path("variables", "writes").Int()
	if !ok {
		t.Fatal("the target does not tell its writes")
	}
	return n
}
