package simulation_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/builtin"
	"github.com/heddlehq/heddle/engine/simulation"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

var update = flag.Bool("update", false, "rewrite the golden traces")

// examples is the folder of the worked examples.
const examples = "../../testdata/workflows"

func read(t *testing.T, file string) value.Value {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(examples, file))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := value.Parse(data)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return doc
}

func load(t *testing.T, doc value.Value) *workflows.Workflow {
	t.Helper()
	w, problems := workflows.Load(doc, builtin.Catalog(), nil)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return w
}

// example gives the options to simulate an example: a workflow file, or a member of a project.
func example(t *testing.T, file, member, mock, variables string) simulation.Options {
	t.Helper()
	o := simulation.Options{Variables: value.MustParse(variables)}
	doc := read(t, file)
	if member == "" {
		o.Workflow = load(t, doc)
	} else {
		p, problems := workflows.ParseProject(doc)
		if err := problems.Err(); err != nil {
			t.Fatal(err)
		}
		o.Library = simulation.NewLibrary(p, builtin.Catalog())
		var err error
		if o.Workflow, err = o.Library.Workflow("", member); err != nil {
			t.Fatal(err)
		}
	}
	if mock != "" {
		o.Script = scriptOf(t, o, read(t, mock))
	}
	return o
}

func scriptOf(t *testing.T, o simulation.Options, doc value.Value) simulation.Script {
	t.Helper()
	var others []*workflows.Workflow
	if o.Library != nil {
		others = o.Library.Workflows()
	}
	m, problems := simulation.ParseMock(doc, o.Workflow, others)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return m.Reply
}

func TestRun_examples(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ file, member, mock, variables string }{
		"hello":           {"hello.json", "", "", `{"name": "Ada"}`},
		"branch":          {"branch.json", "", "", `{"device": {"name": "r1", "facts": {"tier": "gold"}}}`},
		"branch-unknown":  {"branch.json", "", "", `{"device": {"name": "r2"}}`},
		"retry":           {"retry.json", "", "retry.mock.json", `{"ticket": {"short": "Replace the fan"}}`},
		"for-each":        {"for-each.json", "", "", `{"devices": [{"name": "r1", "version": 15}, {"name": "r2", "version": 17}, {"name": "r3"}]}`},
		"for-each-none":   {"for-each.json", "", "", `{"devices": []}`},
		"approval":        {"approval.json", "", "approval.mock.json", `{"port": "ge-0/0/1", "text": "uplink"}`},
		"onboard":         {"onboard.project.json", "Onboard Site", "onboard.mock.json", `{"site": "oslo", "devices": [{"serial": "A1"}, {}, {"serial": "B2"}]}`},
		"badge":           {"badge.project.json", "Write a Badge", "", `{"person": {"first": "Grace", "last": "Hopper"}}`},
		"error-handler":   {"error-handler.project.json", "Rotate a Key", "error-handler.mock.json", `{"device": "r1"}`},
		"no-error-at-all": {"error-handler.project.json", "Rotate a Key", "", `{"device": "r1"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := example(t, tc.file, tc.member, tc.mock, tc.variables)
			var got, again bytes.Buffer
			o.Trace = &got
			if _, err := simulation.Run(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			o.Trace = &again
			if _, err := simulation.Run(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(got.String(), again.String()); diff != "" {
				t.Errorf("the second simulation differs (-first +second):\n%s", diff)
			}
			golden := filepath.Join("testdata", name+".jsonl")
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(got.String(), string(want)); diff != "" {
				t.Errorf("trace (-got +want):\n%s", diff)
			}
		})
	}
}

// with replaces a part of an example's document.
func with(t *testing.T, file, pointer, replacement string) *workflows.Workflow {
	t.Helper()
	tokens, err := value.SplitPointer(pointer)
	if err != nil {
		t.Fatal(err)
	}
	return load(t, read(t, file).WithPath(tokens, value.MustParse(replacement)))
}

func TestRun_waits(t *testing.T) {
	t.Parallel()
	listener := with(t, "hello.json", "/tasks/a1", `{"name": "eventListenerJob", "summary": "", "description": "", "location": "Application",
		"app": "WorkFlowEngine", "displayName": "WorkFlowEngine", "type": "operation", "actor": "job", "groups": [],
		"variables": {"incoming": {"source": "plant", "topic": "alarm", "schema": {}}, "outgoing": {"result": null}, "error": "", "decorators": []}}`)
	variables := value.MustParse(`{"name": "Ada", "ticket": {}}`)
	for name, tc := range map[string]struct {
		options simulation.Options
		mock    string
		status  engine.Status
		kinds   string // of the reasons to wait
	}{
		"for an event that never comes": {simulation.Options{Workflow: listener}, `{}`, engine.Running, "event"},
		"not for an event that a mock has": {
			simulation.Options{Workflow: listener}, `{"tasks": {"a1": [{"outgoing": {"result": {"level": 3}}, "after": "1m"}]}}`, engine.Complete, ""},
		"for approval, after the last retry": {
			simulation.Options{Workflow: with(t, "retry.json", "/tasks/a1/retrySettings/exhausted", `"block"`)},
			`{"tasks": {"a1": [{"finishState": "error"}]}}`, engine.BlockedJ, "guard"},
		"for the pause to end, after the last retry": {
			simulation.Options{Workflow: with(t, "retry.json", "/tasks/a1/retrySettings/exhausted", `"pause"`)},
			`{"tasks": {"a1": [{"finishState": "error"}]}}`, engine.Paused, "pause"},
		"for a child job in error": {
			example(t, "onboard.project.json", "Onboard Site", "", `{"site": "oslo", "devices": [{"serial": "A1"}]}`),
			`{"methods": {"Ipam.reserveAddress": [{"finishState": "error"}]}}`, engine.Running, "child error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := tc.options
			if o.Variables.IsAbsent() {
				o.Variables = variables
			}
			o.Script = scriptOf(t, o, value.MustParse(tc.mock))
			r, err := simulation.Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			var kinds []string
			for _, w := range r.Waiting {
				kinds = append(kinds, w.Kind)
			}
			if got := strings.Join(slices.Compact(kinds), " "); r.Job.Status != tc.status || got != tc.kinds {
				t.Errorf("status %q, waiting for %q; want %q, %q", r.Job.Status, got, tc.status, tc.kinds)
			}
		})
	}
}

func TestRun_timeouts(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		timeouts, after string
		want            string // class of the task's error
	}{
		"in time":                      {`{"run": 5000}`, "5s", ""},
		"too late":                     {`{"run": 5000}`, "5001ms", engine.ClassRun},
		"a simulated worker is there":  {`{"queue": 10}`, "5s", ""},
		"a simulated worker is alive":  {`{"heartbeat": 1000}`, "5s", ""},
		"alive, but too late all over": {`{"heartbeat": 1000, "run": 3000}`, "5s", engine.ClassRun},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := with(t, "hello.json", "/tasks/a1/timeouts", tc.timeouts)
			o := simulation.Options{Workflow: w, Variables: value.MustParse(`{"name": "Ada"}`)}
			o.Script = scriptOf(t, o, value.MustParse(`{"tasks": {"a1": [{"after": "`+tc.after+`"}]}}`))
			r, err := simulation.Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if len(r.Job.Errors) > 0 {
				got = r.Job.Errors[0].Message.Get("class").Text()
			}
			if got != tc.want {
				t.Errorf("error class %q, want %q", got, tc.want)
			}
		})
	}
}

func TestRun_children(t *testing.T) {
	t.Parallel()
	one := `{"site": "oslo", "devices": [{"serial": "A1"}]}`
	for name, tc := range map[string]struct {
		variables, mock string
		missing         bool // the child's workflow
		want            string
	}{
		"refused: no such workflow": {one, `{}`, true, `Onboard Device": not found`},
		"refused: variables":        {`{"site": "oslo", "devices": [{}]}`, `{}`, false, `serial`},
		"refused by a mock":         {one, `{"tasks": {"a1": [{"finishState": "error", "error": "no room"}]}}`, false, "no room"},
		"answered by a mock":        {one, `{"tasks": {"a1": [{"outgoing": {"job_details": {"loop": [{"address": "192.0.2.7"}]}}}]}}`, false, `["192.0.2.7"]`},
		"the child's task alone":    {one, `{"tasks": {"a3": [{"after": "1s"}]}, "workflows": {"Onboard Device": {"tasks": {"a1": [{"outgoing": {"result": {"address": "192.0.2.8"}}}]}}}}`, false, `["192.0.2.8"]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := example(t, "onboard.project.json", "Onboard Site", "", tc.variables)
			o.Script = scriptOf(t, o, value.MustParse(tc.mock))
			if tc.missing {
				o.Library = nil
			}
			var trace bytes.Buffer
			o.Trace = &trace
			r, err := simulation.Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			details, _ := taskOf(r.Job, o.Workflow, "a1")
			if got := r.Document().String() + details; !strings.Contains(got, tc.want) && !strings.Contains(got, strings.ReplaceAll(tc.want, `"`, `\"`)) {
				t.Errorf("%s\nin the end: %s\nwant %s", trace.String(), got, tc.want)
			}
		})
	}
}

func taskOf(job *engine.Job, w *workflows.Workflow, id string) (outgoing, problem string) {
	for i := range w.Tasks {
		if w.Tasks[i].ID == id {
			return job.Tasks[i].Outgoing.String(), job.Tasks[i].Error.String()
		}
	}
	return "", ""
}

func TestRun_limits(t *testing.T) {
	t.Parallel()
	o := example(t, "approval.json", "", "", `{"port": "1", "text": "x"}`)
	o.Script = scriptOf(t, o, value.MustParse(`{"tasks": {"a2": [{"finishState": "failure", "after": "1h"}]}}`))
	for name, limits := range map[string]simulation.Limits{
		"events": {Events: 100},
		"time":   {Time: 100 * time.Hour},
	} {
		o.Limits = limits
		if r, err := simulation.Run(t.Context(), o); !errors.Is(err, simulation.ErrLimit) || r.Job.Status != engine.Running {
			t.Errorf("%s: error %v with a job that is %q, want ErrLimit and a running job", name, err, r.Job.Status)
		}
	}
	o.Limits = simulation.Limits{}
	ctx, cancel := context.WithCancel(t.Context())
	o.Watch = func(simulation.Line) { cancel() }
	if _, err := simulation.Run(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("a canceled simulation: %v, want the context's error", err)
	}
}

func TestRun_input(t *testing.T) {
	t.Parallel()
	for variables, want := range map[string]string{
		`{}`:          "name",
		`{"name": 7}`: "/name",
		`[]`:          "must be an object",
	} {
		o := simulation.Options{Workflow: load(t, read(t, "hello.json")), Variables: value.MustParse(variables)}
		_, err := simulation.Run(t.Context(), o)
		invalid, ok := errors.AsType[*workflows.Invalid](err)
		if !ok || !strings.Contains(invalid.Error(), want) {
			t.Errorf("variables %s: %v, want a problem with %q", variables, err, want)
		}
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestRun_trace_fails(t *testing.T) {
	t.Parallel()
	o := example(t, "hello.json", "", "", `{"name": "Ada"}`)
	o.Trace = brokenWriter{}
	if _, err := simulation.Run(t.Context(), o); !errors.Is(err, os.ErrClosed) {
		t.Errorf("error %v, want the writer's", err)
	}
}
