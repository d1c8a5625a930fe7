package simulation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/builtin"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// Options say what to simulate. Only Workflow is required.
type Options struct {
	Workflow  *workflows.Workflow // without errors
	Library   *Library            // what the workflow may refer to; nil = nothing
	Catalog   workflows.Catalog   // nil = the built-in tasks
	Variables value.Value         // an object; it must fit the workflow's input schema
	Partial   bool                // required variables may be missing: they are undefined
	Script    Script              // nil = no answers
	Trace     io.Writer           // takes the trace, one JSON object a line; nil = none
	Watch     func(Line)          // sees each line of the trace but the last; nil = nobody
	Start     time.Time           // when the job starts; zero = 2026-01-01 00:00 UTC
	Initiator string              // who starts it and works its manual tasks; "" = "simulation"
	Limits    Limits              // zero fields take those of DefaultLimits
}

// Limits bound a simulation that would not end by itself.
type Limits struct {
	Events int           // events of all jobs together
	Time   time.Duration // of virtual time
	Engine engine.Limits
}

// DefaultLimits let any reasonable job come to its end.
var DefaultLimits = Limits{Events: 2_000_000, Time: 10 * 365 * 24 * time.Hour, Engine: engine.DefaultLimits}

// ErrLimit is the error of a simulation that was given up. The result shows the job as it
// was then.
var ErrLimit = errors.New("the simulation was given up")

// Script answers for a task's iteration: with its reply, or false to leave it to what would
// happen without a script.
type Script func(Turn) (Reply, bool)

// Turn is an iteration that waits for its reply.
type Turn struct {
	Job       *engine.Job // as it is when the iteration starts
	Workflow  *workflows.Workflow
	Task      *workflows.Task
	Method    workflows.Method // zero when the catalog does not have it
	Iteration int              // from 1
	Child     bool             // the job is a child job
}

// Reply is how an iteration ends. Without a state it is a success.
type Reply struct {
	State    workflows.FinishState
	Outgoing value.Value // object of output name to value; Absent = none
	Error    value.Value // an error object or a text, for the states error and blocked
	After    time.Duration
	Changes  workflows.Counts // what a guarded method would change; the task's guard is asked about it
	Present  int64            // entries in its target
}

// Result is the end of a simulation.
type Result struct {
	Job     *engine.Job   // the root job
	Waiting []Wait        // why the root job has not ended; nil when it ended or is in error
	Elapsed time.Duration // virtual time
	Events  int           // events taken in by all jobs
}

// Wait is a reason why a job is still waiting although nothing more can happen.
type Wait struct {
	Job      string // id of the child job; "" for the root job
	Workflow string
	engine.Reason
}

// Run simulates one job. Its error is a *workflows.Invalid when the variables do not fit the
// input schema or the workflow cannot be run, wraps ErrLimit when the job does not come to an
// end, and is the context's or the trace writer's otherwise.
func Run(ctx context.Context, o Options) (Result, error) {
	o = o.withDefaults()
	if problems := CheckInput(o.Workflow, o.Catalog, o.Variables, false); problems != nil && !o.Partial {
		return Result{}, &workflows.Invalid{Problems: problems}
	}
	w := &world{o: o, jobs: make(map[string]*live), machines: make(map[*workflows.Workflow]*engine.Machine), epoch: o.Start.UnixMilli()}
	w.now = w.epoch
	id := engine.ChildID(o.Workflow.Name, "simulation", 0, -1)
	root, err := w.begin(o.Workflow, engine.Start{ID: id, Variables: o.Variables, Initiator: o.Initiator, User: o.Initiator})
	if err != nil {
		return Result{}, err
	}
	err = w.play(ctx, root)
	result := Result{Job: root.job, Waiting: w.waiting(root), Elapsed: time.Duration(w.now-w.epoch) * time.Millisecond, Events: w.events}
	if w.traced != nil {
		return result, fmt.Errorf("write the trace: %w", w.traced)
	}
	if err != nil {
		return result, err
	}
	if o.Trace != nil {
		if _, err := fmt.Fprintln(o.Trace, value.Object("job", result.Document())); err != nil {
			return result, fmt.Errorf("write the trace: %w", err)
		}
	}
	return result, nil
}

func (o Options) withDefaults() Options {
	if o.Catalog == nil {
		o.Catalog = builtin.Catalog()
	}
	if o.Library == nil {
		o.Library = &Library{}
	}
	if o.Variables.IsAbsent() {
		o.Variables = value.Object()
	}
	if o.Start.IsZero() {
		o.Start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if o.Initiator == "" {
		o.Initiator = "simulation"
	}
	if o.Limits.Events == 0 {
		o.Limits.Events = DefaultLimits.Events
	}
	if o.Limits.Time == 0 {
		o.Limits.Time = DefaultLimits.Time
	}
	if o.Limits.Engine == (engine.Limits{}) {
		o.Limits.Engine = DefaultLimits.Engine
	}
	return o
}

// Document is the end of the job as the last line of a trace has it: {status, error,
// warnings, variables}, and "waiting" when the job has not ended.
func (r Result) Document() value.Value {
	job := value.Object(
		"status", value.String(string(r.Job.Status.Shown())),
		"error", records(r.Job.Errors),
		"warnings", records(r.Job.Warnings),
		"variables", r.Job.Variables,
	)
	if len(r.Waiting) > 0 {
		var list []value.Value
		for _, w := range r.Waiting {
			var m value.Members
			if w.Job != "" {
				m.Set("job", value.String(w.Job))
			}
			m.Set("workflow", value.String(w.Workflow))
			if w.Task != "" {
				m.Set("task", value.String(w.Task))
			}
			list = append(list, m.Set("kind", value.String(w.Kind)).Set("message", value.String(w.Text)).
				Set("unblock", value.String(w.Unblock)).Value())
		}
		job = job.With("waiting", value.Array(list...))
	}
	return job
}

func records(rs []engine.Record) value.Value {
	var list []value.Value
	for _, r := range rs {
		var m value.Members
		m.Set("task", value.String(r.Task))
		if r.Name != "" {
			m.Set("name", value.String(r.Name))
		}
		list = append(list, m.Set("message", r.Message).Set("timestamp", value.Int(r.At)).Value())
	}
	return value.Array(list...)
}
