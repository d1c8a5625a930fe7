// Package tracing sends what jobs do to an OpenTelemetry collector, when the standard OTEL_*
// environment names one.
//
// A job and all its relatives are one trace, whose id derives from the first of them. A job is
// a span from its start to its end; an iteration of a task is a span below its job's, and a
// child job's span is below that of the task that called it. Spans are sent when they have
// ended, by the server that stored the end, so that a trace is whole whichever servers worked
// on it. Orders to workers carry the task's span as their parent.
package tracing

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/runner"
)

// Wanted tells whether the environment asks for traces.
func Wanted(lookup func(string) (string, bool)) bool {
	get := func(name string) string { v, _ := lookup(name); return strings.ToLower(strings.TrimSpace(v)) }
	if get("OTEL_SDK_DISABLED") == "true" || get("OTEL_TRACES_EXPORTER") == "none" {
		return false
	}
	return get("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != "" || get("OTEL_TRACES_EXPORTER") == "otlp"
}

// Tracing observes a runner: see [runner.Observer].
type Tracing struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// Open prepares sending to the collector that the environment names. Nothing waits for it: what
// it does not take is dropped.
func Open(ctx context.Context, version string) (*Tracing, error) {
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	return to(ctx, version, sdk.WithBatcher(exporter))
}

func to(ctx context.Context, version string, out sdk.TracerProviderOption) (*Tracing, error) {
	about := []attribute.KeyValue{attribute.String("service.version", version)}
	if os.Getenv("OTEL_SERVICE_NAME") == "" {
		about = append(about, attribute.String("service.name", "heddle"))
	}
	res, err := resource.New(ctx, resource.WithAttributes(about...), resource.WithFromEnv(), resource.WithTelemetrySDK())
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	p := sdk.NewTracerProvider(out, sdk.WithResource(res), sdk.WithIDGenerator(derived{}))
	return &Tracing{p, p.Tracer("github.com/heddlehq/heddle")}, nil
}

// Close sends what is left.
func (t *Tracing) Close(ctx context.Context) error { return t.provider.Shutdown(ctx) }

// Committed implements [runner.Observer].
func (t *Tracing) Committed(int, time.Duration, error) {}

// Swept implements [runner.Observer].
func (t *Tracing) Swept(int) {}

// Turned implements [runner.Observer].
func (t *Tracing) Turned(turned runner.Turned) {
	job := turned.Job
	id := trace.TraceID(runner.TraceID(job))
	for _, run := range turned.Ended {
		task, ok := turned.Workflow.Task(run.Task)
		if !ok {
			continue
		}
		failed := ""
		if run.Status == engine.TaskError {
			failed = run.Error.Get("message").Text()
		}
		t.send(span{
			trace: id, id: runner.SpanID(job.ID, run.Task, run.Iteration), parent: runner.SpanID(job.ID, "", 0),
			name: task.App + "." + task.Name, from: run.StartedAt, to: run.EndedAt, failed: run.Status == engine.TaskError, why: failed,
			attributes: []attribute.KeyValue{
				attribute.String("heddle.job", job.ID), attribute.String("heddle.task", run.Task), attribute.Int("heddle.iteration", run.Iteration),
				attribute.Int("heddle.attempt", run.Attempt), attribute.String("heddle.finish_state", string(run.Finish)), attribute.String("heddle.worker", run.Worker),
			},
		})
	}
	if !job.Status.Final() || job.EndedAt != job.UpdatedAt {
		return // it did not end in this turn
	}
	s := span{
		trace: id, id: runner.SpanID(job.ID, "", 0), name: job.Name, from: job.StartedAt, to: job.EndedAt, failed: job.Status == engine.Canceled, why: string(job.Status),
		attributes: []attribute.KeyValue{
			attribute.String("heddle.job", job.ID), attribute.String("heddle.workflow", job.Name), attribute.String("heddle.status", string(job.Status)),
			attribute.String("enduser.id", job.Initiator),
		},
	}
	if p := job.Parent; p != nil {
		s.parent = runner.SpanID(p.Job, p.Task, p.Iteration)
	}
	t.send(s)
}

// span is one that has ended.
type span struct {
	trace      trace.TraceID
	id, parent [8]byte
	name       string
	from, to   int64 // milliseconds since 1970
	failed     bool
	why        string
	attributes []attribute.KeyValue
}

func (t *Tracing) send(s span) {
	ctx := context.WithValue(context.Background(), idsKey{}, s)
	if s.parent != [8]byte{} {
		ctx = trace.ContextWithRemoteSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: s.trace, SpanID: s.parent, TraceFlags: trace.FlagsSampled, Remote: true,
		}))
	}
	_, out := t.tracer.Start(ctx, s.name, trace.WithTimestamp(time.UnixMilli(s.from)), trace.WithAttributes(s.attributes...))
	if s.failed {
		out.SetStatus(codes.Error, s.why)
	}
	out.End(trace.WithTimestamp(time.UnixMilli(s.to)))
}

type idsKey struct{}

// derived gives spans the ids that were worked out for them.
type derived struct{}

// NewIDs implements sdk.IDGenerator.
func (derived) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	s, _ := ctx.Value(idsKey{}).(span)
	return s.trace, s.id
}

// NewSpanID implements sdk.IDGenerator.
func (derived) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	s, _ := ctx.Value(idsKey{}).(span)
	return s.id
}
