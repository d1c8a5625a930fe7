package tracing

import (
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// A child job's span is below the task that called it, in the trace of the first job.
func TestTurned(t *testing.T) {
	t.Parallel()
	out := tracetest.NewInMemoryExporter()
	tr, err := to(t.Context(), "test", sdk.WithSyncer(out))
	if err != nil {
		t.Fatal(err)
	}
	w := &workflows.Workflow{Name: "W", Tasks: []workflows.Task{{ID: "a1", App: "Lab", Name: "echo"}}}
	root := &engine.Job{ID: "r", Name: "W", Status: engine.Running, Ancestors: []string{"r"}, StartedAt: 1000, UpdatedAt: 2000}
	tr.Turned(runner.Turned{Job: root, Workflow: w, Ended: []*engine.Run{{
		Task: "a1", Iteration: 1, Status: engine.TaskError, StartedAt: 1000, EndedAt: 2000, Error: value.Object("message", value.String("no")),
	}}})
	child := &engine.Job{ID: "c", Name: "C", Status: engine.Complete, Ancestors: []string{"r", "c"}, Parent: &engine.Parent{Job: "r", Task: "a1", Iteration: 1}, StartedAt: 1100, EndedAt: 1900, UpdatedAt: 1900}
	tr.Turned(runner.Turned{Job: child, Workflow: w})
	spans := out.GetSpans()
	if len(spans) != 2 {
		t.Fatalf("%d spans, want 2", len(spans))
	}
	task, below := spans[0], spans[1]
	if task.Name != "Lab.echo" || task.Status.Description != "no" || task.EndTime.Sub(task.StartTime).Milliseconds() != 1000 {
		t.Errorf("span of the task = %+v", task)
	}
	if task.Parent.SpanID() != trace.SpanID(runner.SpanID("r", "", 0)) || below.Parent.SpanID() != task.SpanContext.SpanID() {
		t.Errorf("parents: %s of the task, %s of the child", task.Parent.SpanID(), below.Parent.SpanID())
	}
	if task.SpanContext.TraceID() != below.SpanContext.TraceID() || task.SpanContext.TraceID() != trace.TraceID(runner.TraceID(root)) {
		t.Error("a family is not one trace")
	}
}

func TestWanted(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		env  map[string]string
		want bool
	}{
		"nothing":   {nil, false},
		"endpoint":  {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, true},
		"traces":    {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, true},
		"exporter":  {map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, true},
		"no traces": {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}, false},
		"disabled":  {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "true"}, false},
	} {
		if got := Wanted(func(k string) (string, bool) { v, ok := tc.env[k]; return v, ok }); got != tc.want {
			t.Errorf("%s: %t, want %t", name, got, tc.want)
		}
	}
}
