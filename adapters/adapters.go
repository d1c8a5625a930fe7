// Package adapters is the contract between the engine and whoever does work outside of it.
//
// The engine publishes an [Order] for each task; a worker takes it from the bus, does the
// work and answers with an event that carries the result. Both are JSON, described by the
// schemas task-message and event-message, so that a worker may be written in any language;
// [Work] is the loop of one written in Go.
package adapters

import (
	"errors"
	"fmt"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// Version is the version of the messages.
const Version = 1

// DefaultLease is how long a worker may be silent before its order is given to another.
const DefaultLease = 10 * time.Second

// DefaultPool is where tasks go that name no other.
const DefaultPool = "default"

// EnginePool is where the engine's own tasks go that reach outside the process.
const EnginePool = "engine"

// Order asks a worker to run one iteration of a task. Key is the same each time the order
// is repeated, and makes a good idempotency key for outside systems.
type Order struct {
	Key          string
	Job          string
	Workflow     string
	Task         string
	Iteration    int
	Attempt      int
	App          string
	Method       string
	AdapterID    string // the adapter instance, from incoming.adapter_id
	Actor        string // user name the call runs as
	Initiator    string // user name that started the job
	Incoming     value.Value
	Deadline     int64 // milliseconds since 1970; 0 = none
	LeaseSeconds int
	Mode         string // "", "validate" or "force"
	Trace        string // the W3C trace context that came with the order as a header; "" = none
}

// JSON is the message of the order.
func (o *Order) JSON() []byte {
	var m value.Members
	text := func(key, s string) {
		if s != "" {
			m.Set(key, value.String(s))
		}
	}
	m.Set("v", value.Int(Version))
	text("key", o.Key)
	text("job", o.Job)
	text("workflow", o.Workflow)
	text("task", o.Task)
	m.Set("iteration", value.Int(int64(o.Iteration)))
	m.Set("attempt", value.Int(int64(o.Attempt)))
	text("app", o.App)
	text("method", o.Method)
	text("adapterId", o.AdapterID)
	text("actor", o.Actor)
	text("initiator", o.Initiator)
	m.Set("incoming", o.Incoming)
	if o.Deadline > 0 {
		m.Set("deadline", value.Int(o.Deadline))
	}
	m.Set("leaseSeconds", value.Int(int64(o.LeaseSeconds)))
	text("mode", o.Mode)
	return m.Value().AppendJSON(nil)
}

// ParseOrder reads the message of an order. What could be read is returned beside an error,
// so that an order that says at least whose it is can be answered; see [Order.Addressed].
func ParseOrder(data []byte) (Order, error) {
	v, err := value.ParseLast(data)
	if err != nil {
		return Order{}, err
	}
	if !v.IsObject() {
		return Order{}, fmt.Errorf("an order must be an object, not %s", v.Kind())
	}
	n := func(key string) int { i, _ := v.Get(key).Int(); return int(i) }
	deadline, _ := v.Get("deadline").Int()
	o := Order{
		Key: v.Get("key").Text(), Job: v.Get("job").Text(), Workflow: v.Get("workflow").Text(), Task: v.Get("task").Text(),
		Iteration: n("iteration"), Attempt: n("attempt"), App: v.Get("app").Text(), Method: v.Get("method").Text(),
		AdapterID: v.Get("adapterId").Text(), Actor: v.Get("actor").Text(), Initiator: v.Get("initiator").Text(),
		Incoming: v.Get("incoming"), Deadline: deadline, LeaseSeconds: n("leaseSeconds"), Mode: v.Get("mode").Text(),
	}
	return o, check(v)
}

// check names the first thing that keeps a message from being an order of this version.
func check(v value.Value) error {
	if n, ok := v.Get("v").Int(); !ok || n < 1 {
		return errors.New("/v must be the version of the message, 1")
	} else if n > Version {
		return fmt.Errorf("/v: version %d is newer than %d, the newest this worker knows", n, Version)
	}
	for _, name := range []string{"key", "job", "task", "app", "method"} {
		if v.Get(name).Text() == "" {
			return fmt.Errorf("/%s must be a text that is not empty", name)
		}
	}
	for _, name := range []string{"iteration", "attempt"} {
		if n, ok := v.Get(name).Int(); !ok || n < 1 {
			return fmt.Errorf("/%s must be a whole number from 1 on", name)
		}
	}
	if in := v.Get("incoming"); !in.IsObject() && !in.IsNothing() {
		return fmt.Errorf("/incoming must be an object, not %s", in.Kind())
	}
	return nil
}

// Addressed tells whether the order says whose it is, so that an answer finds its task.
func (o *Order) Addressed() bool {
	return o.Key != "" && o.Job != "" && o.Task != "" && o.Iteration > 0 && o.Attempt > 0
}

// Result is what a worker answers.
type Result struct {
	State    workflows.FinishState // success, failure, error or blocked
	Outgoing value.Value           // object of output name to value; Absent = none
	Error    value.Value
	Changes  value.Value // the change set of a guarded method
}

// Fail is the result of work that failed.
func Fail(class, text string) Result {
	return Result{State: workflows.Failed, Error: engine.Problem(class, text)}
}

// Finished is the event that answers an order with a result. An error or a block that does
// not say why gets a text that says so.
func (o *Order) Finished(r Result) []byte {
	if r.Error.IsNothing() && (r.State == workflows.Failed || r.State == workflows.Blocked) {
		r.Error = engine.Problem(engine.ClassInternal, "the worker did not say why")
	}
	var m value.Members
	o.address(&m, "TaskFinished")
	m.Set("finishState", value.String(string(r.State)))
	m.Set("outgoing", r.Outgoing)
	m.Set("error", r.Error)
	m.Set("changes", r.Changes)
	return m.Value().AppendJSON(nil)
}

// Progressed is the event that tells how far the work is, from 0 to 100.
func (o *Order) Progressed(worker string, percent float64, text string) []byte {
	var m value.Members
	o.address(&m, "TaskProgress")
	m.Set("worker", value.String(worker))
	m.Set("percent", value.Number(min(max(percent, 0), 100)))
	m.Set("text", value.String(text))
	return m.Value().AppendJSON(nil)
}

// Started is the event that tells who took the order.
func (o *Order) Started(worker string) []byte {
	var m value.Members
	o.address(&m, "TaskStarted")
	m.Set("worker", value.String(worker))
	return m.Value().AppendJSON(nil)
}

// Logged is the event that carries a line people should see; level is debug, info, warn or error.
func (o *Order) Logged(worker, level, text string, at time.Time, fields value.Value) []byte {
	var m value.Members
	o.address(&m, "TaskLog")
	m.Set("worker", value.String(worker))
	m.Set("level", value.String(level))
	m.Set("text", value.String(text))
	m.Set("at", value.Int(at.UnixMilli()))
	m.Set("fields", fields)
	return m.Value().AppendJSON(nil)
}

func (o *Order) address(m *value.Members, kind string) {
	m.Set("v", value.Int(Version)).
		Set("type", value.String(kind)).
		Set("key", value.String(o.Key)).
		Set("job", value.String(o.Job)).
		Set("task", value.String(o.Task)).
		Set("iteration", value.Int(int64(o.Iteration))).
		Set("attempt", value.Int(int64(o.Attempt)))
}
