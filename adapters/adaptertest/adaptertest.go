// Package adaptertest attacks an adapter over the bus, as an unlucky or hostile world would:
// repeated orders, late cancels, lost leases, garbage, oversize, restarts. It knows the adapter by the
// protocol alone, so that it may be written in any language.
package adaptertest

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/schemas"
	"github.com/heddlehq/heddle/workflows/value"
)

// Target is the adapter under attack.
type Target struct {
	App      string
	Instance string // adapter_id of the orders; "" for none
	// Run is the adapter: it works until ctx ends and returns within Patience.
	Run func(ctx context.Context, b bus.Bus) error
	// Signal freezes and kills the adapter, if it is a process of its own; see [Process].
	Signal func(os.Signal) error
	// Quick succeeds at once; Slow takes two seconds or more unless it is canceled.
	Quick, Slow Sample
	// Patience is how long an answer may take, beyond what Slow takes; 0 means 15 seconds, enough for a lease of ten.
	Patience time.Duration
}

// Sample is a call.
type Sample struct {
	Method   string
	Incoming value.Value
}

// Check is one attack and what came of it.
type Check struct {
	Name    string
	Problem string // "" when the adapter stood it
}

// Report is what the attacks found.
type Report []Check

// Problems lists what the adapter did not stand.
func (r Report) Problems() []string {
	var out []string
	for _, c := range r {
		if c.Problem != "" {
			out = append(out, c.Name+": "+c.Problem)
		}
	}
	return out
}

// String is a line for each attack.
func (r Report) String() string {
	var b strings.Builder
	for _, c := range r {
		fmt.Fprintf(&b, "%-24s %s\n", c.Name, cmp.Or(c.Problem, "ok"))
	}
	return b.String()
}

// Run attacks the adapter on a bus that nobody else uses. The error says that the attack itself
// could not be made.
func Run(ctx context.Context, b bus.Bus, t Target) (Report, error) {
	if t.Patience <= 0 {
		t.Patience = 15 * time.Second
	}
	event, err := schemas.Named("event-message")
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	a := &attack{Target: t, ctx: ctx, bus: b, schema: event, heard: make(chan struct{}, 1), results: map[string][]value.Value{}}
	var ear sync.WaitGroup
	var deaf error
	ear.Go(func() { deaf = b.Consume(ctx, bus.Consumer{Stream: bus.Events, Name: "adaptertest"}, a.hear) })
	defer ear.Wait()
	defer stop()
	a.begin()
	defer a.end()
	var report Report
	for _, c := range checks {
		if c.applies != nil && !c.applies(a) {
			continue
		}
		problem := c.attack(a)
		if a.broken != nil {
			return report, a.broken
		}
		report = append(report, Check{c.name, problem})
	}
	stop()
	ear.Wait()
	return append(report, Check{"events conform", a.malformed}), deaf
}

var checks = []struct {
	name    string
	attack  func(*attack) string
	applies func(*attack) bool // nil if it always does
}{
	{"answers", (*attack).answers, nil},
	{"announced", (*attack).announced, (*attack).findable},
	{"repeated order", (*attack).repeated, nil},
	{"repeated while running", (*attack).repeatedWhileRunning, nil},
	{"cancel", (*attack).cancel, nil},
	{"cancel when done", (*attack).cancelLate, nil},
	{"unknown method", (*attack).unknownMethod, nil},
	{"unknown instance", (*attack).unknownInstance, func(a *attack) bool { return a.Instance != "" }},
	{"newer version", (*attack).newerVersion, nil},
	{"deadline passed", (*attack).deadlinePassed, nil},
	{"garbage", (*attack).garbage, nil},
	{"oversize", (*attack).oversize, nil},
	{"flood", (*attack).flood, nil},
	{"lost lease", (*attack).lostLease, (*attack).isProcess},
	{"killed", (*attack).killed, (*attack).isProcess},
	{"restart", (*attack).restart, nil},
}

// attack is a Run call.
type attack struct {
	Target
	ctx    context.Context // of the whole attack
	bus    bus.Bus
	schema *schemas.Schema
	broken error
	n      int

	halt func()
	done chan error

	heard     chan struct{}
	mu        sync.Mutex
	results   map[string][]value.Value // TaskFinished events by key
	malformed string
}

const job = "65f0c0ffee00000000ada970"

// tokenOf is what the order of a key proves itself with.
func tokenOf(key string) string { return "token of " + key }

// trace is the trace context of every order.
const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func (a *attack) hear(d bus.Delivery) {
	defer d.Ack()
	v, err := value.Parse(d.Data())
	a.mu.Lock()
	defer a.mu.Unlock()
	switch violations := a.schema.Check(v); {
	case err != nil:
		a.malformed = err.Error()
	case len(violations) > 0:
		a.malformed = fmt.Sprintf("%s in %s", violations[0].Error(), clip(v.String()))
	case d.Subject() != bus.EventSubject(engine.Partition(v.Get("job").Text(), adapters.DefaultPartitions), v.Get("job").Text()):
		a.malformed = "an event on " + d.Subject() + ", which is not its job's subject"
	case d.Header("traceparent") != trace && v.Get("job").Text() == job:
		a.malformed = "an event without its order's traceparent"
	case v.Get("token").Text() != tokenOf(v.Get("key").Text()) && v.Get("job").Text() == job:
		a.malformed = "an event without its order's token"
	}
	if v.Get("type").Text() == "TaskFinished" {
		key := v.Get("key").Text()
		a.results[key] = append(a.results[key], v)
		select {
		case a.heard <- struct{}{}:
		default: // told already
		}
	}
}

func clip(s string) string {
	if len(s) > 200 {
		return s[:200] + "..."
	}
	return s
}

// begin starts the adapter.
func (a *attack) begin() {
	ctx, halt := context.WithCancel(a.ctx)
	a.halt, a.done = halt, make(chan error, 1)
	go func() { a.done <- a.Run(ctx, a.bus) }()
}

// end stops the adapter; "" when it ended well.
func (a *attack) end() string {
	a.halt()
	timer := time.NewTimer(a.Patience)
	defer timer.Stop()
	select {
	case err := <-a.done:
		a.done <- nil // who ends it again finds it ended
		if err != nil {
			return "it ended with " + err.Error()
		}
		return ""
	case <-timer.C:
		return fmt.Sprintf("it did not end within %s", a.Patience)
	}
}

func (a *attack) newOrder(s Sample) adapters.Order {
	a.n++
	task := fmt.Sprintf("%x", a.n)
	in := s.Incoming
	if a.Instance != "" {
		in = in.With("adapter_id", value.String(a.Instance))
	}
	if !in.IsObject() {
		in = value.Object()
	}
	key := engine.RunKey(job, task, 1)
	return adapters.Order{
		Key: key, Token: tokenOf(key), Job: job, Workflow: "adaptertest", Task: task, Iteration: 1, Attempt: 1, App: a.App,
		Method: s.Method, AdapterID: a.Instance, Actor: "Pronghorn", Initiator: "adaptertest", Incoming: in, LeaseSeconds: 10,
	}
}

func (a *attack) order(o adapters.Order) { a.raw(o.Method, o.Key, o.JSON()) }

func (a *attack) raw(method, id string, data []byte) {
	m := bus.Message{
		Subject: bus.TaskSubject(adapters.DefaultPool, a.App, method), ID: id, Data: data, Header: map[string]string{"traceparent": trace},
	}
	if err := a.bus.Publish(a.ctx, m)[0]; err != nil && a.broken == nil {
		a.broken = fmt.Errorf("order: %w", err)
	}
}

func (a *attack) signal(key string) {
	if err := a.bus.Signal(a.ctx, bus.CancelSubject(job), []byte(key)); err != nil && a.broken == nil {
		a.broken = fmt.Errorf("cancel: %w", err)
	}
}

// result waits for the first answer to an order.
func (a *attack) result(key string) (value.Value, string) {
	timer := time.NewTimer(a.Patience)
	defer timer.Stop()
	for {
		a.mu.Lock()
		found := a.results[key]
		a.mu.Unlock()
		if len(found) > 0 {
			return found[0], ""
		}
		select {
		case <-a.heard:
		case <-timer.C:
			return value.Absent, fmt.Sprintf("no answer within %s", a.Patience)
		case err := <-a.done:
			a.done <- err
			return value.Absent, fmt.Sprintf("the adapter ended: %v", err)
		case <-a.ctx.Done():
			return value.Absent, a.ctx.Err().Error()
		}
	}
}

// pause lets the adapter do what it should not.
func (a *attack) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-a.ctx.Done():
	}
}
