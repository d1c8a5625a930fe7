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
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// Version is the version of the messages.
const Version = 1

// DefaultLease is how long a worker may be silent before its order is given to another.
const DefaultLease = bus.PoolLease

// DefaultPool is where tasks go that name no other.
const DefaultPool = "default"

// EnginePool is where the engine's own tasks go that reach outside the process.
const EnginePool = "engine"

// Order asks a worker to run one iteration of a task. Key is the same each time the order
// is repeated, and makes a good idempotency key for outside systems.
type Order struct {
	Key          string
	Job          string
	Root         string // the first of the job's ancestors, or itself: under it large values are kept
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
	Payloads     bool  // Incoming and Changes have references in place of large values, see package payload
	Deadline     int64 // milliseconds since 1970; 0 = none
	LeaseSeconds int
	Mode         string          // "", engine.ModeValidate or engine.ModeForce
	Priority     engine.Priority // of the job; orders that wait in the hands of a worker wait by it
	ResumeOf     string          // the iteration that was blocked, when a repair of it is ordered
	Guard        value.Value     // the limits of the task, see workflows.ParseGuard; Absent = none
	Accept       int64           // as many changes may be made although a guard says no
	Changes      value.Value     // the change set to write, for engine.ModeValidate
	Token        string          // proves that whoever sends an event about the order was given it
	Trace        string          // the W3C trace context that came with the order as a header; "" = none
}

// JSON is the message of the order.
func (o *Order) JSON() []byte {
	w := value.Writer{Buf: make([]byte, 0, 1<<10)}
	w.Open("", '{')
	w.Int("v", Version)
	w.OptText("key", o.Key)
	w.OptText("job", o.Job)
	w.OptText("root", o.Root)
	w.OptText("workflow", o.Workflow)
	w.OptText("task", o.Task)
	w.Int("iteration", int64(o.Iteration))
	w.Int("attempt", int64(o.Attempt))
	w.OptText("app", o.App)
	w.OptText("method", o.Method)
	w.OptText("adapterId", o.AdapterID)
	w.OptText("actor", o.Actor)
	w.OptText("initiator", o.Initiator)
	w.OptValue("incoming", o.Incoming)
	w.OptTrue("payloads", o.Payloads)
	w.OptInt("deadline", max(o.Deadline, 0))
	w.Int("leaseSeconds", int64(o.LeaseSeconds))
	w.OptText("mode", o.Mode)
	if o.Priority != 0 {
		w.Int("priority", int64(o.Priority.Level()))
	}
	w.OptText("resumeOf", o.ResumeOf)
	w.OptValue("guard", o.Guard)
	w.OptInt("accept", max(o.Accept, 0))
	w.OptValue("changes", o.Changes)
	w.OptText("token", o.Token)
	w.Close('}')
	return w.Buf
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
		Key: v.Get("key").Text(), Job: v.Get("job").Text(), Root: v.Get("root").Text(), Payloads: v.Get("payloads").Truth(), Workflow: v.Get("workflow").Text(), Task: v.Get("task").Text(),
		Iteration: n("iteration"), Attempt: n("attempt"), App: v.Get("app").Text(), Method: v.Get("method").Text(),
		AdapterID: v.Get("adapterId").Text(), Actor: v.Get("actor").Text(), Initiator: v.Get("initiator").Text(),
		Incoming: v.Get("incoming"), Deadline: deadline, LeaseSeconds: n("leaseSeconds"), Mode: v.Get("mode").Text(), Token: v.Get("token").Text(),
		ResumeOf: v.Get("resumeOf").Text(), Guard: v.Get("guard"), Changes: v.Get("changes"),
	}
	o.Accept, _ = v.Get("accept").Int()
	if n, ok := v.Get("priority").Int(); ok {
		o.Priority = engine.PriorityOf(int(n))
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

	folded bool          // references stand for large values
	again  time.Duration // above 0 there is no result: the order goes back for so long
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
	return o.event("TaskFinished", func(w *value.Writer) {
		if r.folded {
			w.OptTrue("payloads", true)
			w.Text("root", o.Root)
		}
		w.Text("finishState", string(r.State))
		w.OptValue("outgoing", r.Outgoing)
		w.OptValue("error", r.Error)
		w.OptValue("changes", r.Changes)
	})
}

// Progressed is the event that tells how far the work is, from 0 to 100.
func (o *Order) Progressed(worker string, percent float64, text string) []byte {
	return o.event("TaskProgress", func(w *value.Writer) {
		w.Text("worker", worker)
		w.Value("percent", value.Number(min(max(percent, 0), 100)))
		w.Text("text", text)
	})
}

// Started is the event that tells who took the order.
func (o *Order) Started(worker string) []byte {
	return o.event("TaskStarted", func(w *value.Writer) { w.Text("worker", worker) })
}

// Logged is the event that carries a line people should see; level is debug, info, warn or error.
func (o *Order) Logged(worker, level, text string, at time.Time, fields value.Value) []byte {
	return o.event("TaskLog", func(w *value.Writer) {
		w.Text("worker", worker)
		w.Text("level", level)
		w.Text("text", text)
		w.Int("at", at.UnixMilli())
		w.OptValue("fields", fields)
	})
}

// event is a message about the order.
func (o *Order) event(kind string, more func(*value.Writer)) []byte {
	w := value.Writer{Buf: make([]byte, 0, 512)}
	w.Open("", '{')
	w.Int("v", Version)
	w.Text("type", kind)
	w.Text("key", o.Key)
	w.Text("job", o.Job)
	w.Text("task", o.Task)
	w.Int("iteration", int64(o.Iteration))
	w.Int("attempt", int64(o.Attempt))
	w.OptText("token", o.Token)
	more(&w)
	w.Close('}')
	return w.Buf
}
