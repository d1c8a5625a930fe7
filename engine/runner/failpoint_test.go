package runner

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/bus/membus"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/memstore"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
	"github.com/heddlehq/heddle/workflows/workflowtest"
)

// play is a scripted scenario in the simulator: nothing in it is left to chance, so that its
// points, the moments before and after each write and each message, can be counted, and
// something can happen at each of them.
type play struct {
	*sim
	lead    *server
	script  []scene
	passed  []string // the points so far
	at      []int    // at which of them strike is called, in order, counted from 1
	strike  func(point string)
	nested  bool    // points are not counted, because strike is at work or the scenario has ended
	workers bool    // what workers say passes points, too
	lose    bool    // the bus takes the next message and loses it
	thawed  *server // it goes on where it was frozen, for as long as it believes to have something to do
}

// scene is a step of the script. It is played, again if need be, until the store shows it.
type scene struct {
	play func()
	done func() bool
}

var simTwice = flag.Bool("sim.twice", false, "let the server die at every two points of the scenario, not only at every one")

// death is the panic by which a server dies.
type death struct{}

// point is passed by a server.
func (p *play) point(name string) {
	if p.nested {
		return
	}
	p.passed = append(p.passed, name)
	if len(p.at) > 0 && len(p.passed) == p.at[0] {
		p.at = p.at[1:]
		p.strike(name)
	}
}

// tripwire is the bus with a point before and after each message.
type tripwire struct {
	*membus.Bus
	play *play
}

func (b tripwire) Publish(ctx context.Context, msgs ...bus.Message) []error {
	out := make([]error, len(msgs))
	for i, m := range msgs {
		b.play.point(beforeMessage + m.Subject)
		if b.play.lose {
			b.play.lose = false
			continue
		}
		out[i] = b.Bus.Publish(ctx, m)[0]
		b.play.point("after message " + m.Subject)
	}
	return out
}

const beforeMessage = "before message "

func (b tripwire) Signal(ctx context.Context, subject string, data []byte) error {
	b.play.point("before signal " + subject)
	defer b.play.point("after signal " + subject)
	return b.Bus.Signal(ctx, subject, data)
}

func named(b store.Batch) string {
	var names []string
	for _, w := range b {
		names = append(names, w.Collection+" "+w.ID)
	}
	return strings.Join(names, ", ")
}

// perform plays the scenario and returns the fates of its jobs and the points it passed.
func perform(t *testing.T, strike func(*play) func(point string), at ...int) (fates string, passed []string) {
	t.Helper()
	p := &play{sim: &sim{t: t, rng: rand.New(rand.NewPCG(1, 1)), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), above: 100, ends: map[string]bool{}}, at: at}
	p.strike = strike(p)
	var err error
	p.store, err = memstore.New(memstore.Options{
		Before: func(b store.Batch) error { p.point("before write " + named(b)); return nil },
		After:  func(b store.Batch) error { p.point("after write " + named(b)); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	p.bus = membus.New(membus.Options{Now: p.clock, Manual: true, Fault: func(a membus.Attempt) membus.Fault {
		if a.Stage == membus.Publishing && a.Stream == bus.Feed {
			p.heard(a.Message)
		}
		return membus.Fault{}
	}})
	p.wire = tripwire{p.bus, p}
	if _, err := p.bus.Attach(bus.Consumer{Stream: bus.Tasks, Name: "workers", AckWait: 20 * time.Second}, p.work); err != nil {
		t.Fatal(err)
	}
	p.nested = true
	p.enter()
	for _, doc := range cast() {
		if _, err := p.lead.r.Library.CreateWorkflow(context.Background(), doc, "test"); err != nil {
			t.Fatal(err)
		}
	}
	p.nested = false
	p.write()
	p.run()
	p.judge()
	return p.fates(), p.passed
}

// enter gives the lead to a new server.
func (p *play) enter() {
	p.lead = nil
	for p.lead == nil {
		p.alive(func() { p.lead = p.boot(0) })
	}
	p.servers = []*server{p.lead}
}

// alive does something, and reports false when the server died of it.
func (p *play) alive(do func()) (ok bool) {
	defer func() {
		if v := recover(); v != nil {
			if _, dead := v.(death); !dead {
				panic(v)
			}
			ok = false
		}
	}()
	do()
	return true
}

// run plays the script until nothing happens any more.
func (p *play) run() {
	for idle, n := 0, 0; idle < max(p.patient, 12); n++ {
		if n > 20_000 {
			p.t.Fatalf("no end in sight:\n%s", p.describe())
		}
		worked := false
		ok := p.alive(func() {
			switch {
			case p.turn():
				worked = true
			case len(p.script) > 0 && p.script[0].done():
				p.script, worked = p.script[1:], true
			case len(p.script) > 0:
				p.script[0].play()
				p.collect(p.lead)
				p.pass()
			default:
				p.pass()
			}
		})
		if !ok {
			p.lead.detach()
			p.enter()
		}
		if idle++; worked || !ok || len(p.script) > 0 {
			idle = 0
		}
	}
}

// pass lets a second go by, or as long as it takes until something happens by itself.
func (p *play) pass() {
	p.now = p.now.Add(time.Second)
	p.advance()
	p.sweep(p.lead)
}

// turn does one thing that is to be done.
func (p *play) turn() bool {
	if p.thawed != nil && p.busy(p.thawed) {
		return true
	}
	return p.busy(p.lead) || p.bus.Step()
}

// busy does one thing that a server has to do.
func (p *play) busy(srv *server) bool {
	p.collect(srv)
	switch {
	case len(srv.unsent) > 0:
		p.send(srv)
	case len(srv.inbox) > 0:
		batch := srv.inbox
		srv.inbox = nil
		srv.r.shards[0].round(context.Background(), batch)
	default:
		return false
	}
	p.collect(srv)
	return true
}

// work answers orders by their method.
func (p *play) work(d bus.Delivery) {
	o, err := adapters.ParseOrder(d.Data())
	if err != nil {
		p.t.Errorf("order: %v", err)
		return
	}
	r := adapters.Result{State: workflows.Success, Outgoing: value.Object("result", value.String(o.Key))}
	switch {
	case o.Method == "mute":
		d.Ack()
		return
	case o.Method == "big":
		r.Outgoing = value.Object("result", value.String(strings.Repeat("x", 300)))
	case o.Method == "sour" && o.Iteration == 1:
		r = adapters.Fail("test", "not the first time")
	}
	wire := bus.Bus(p.bus)
	if p.workers {
		wire = p.wire
	}
	_ = wire.Publish(context.Background(), bus.Message{
		Subject: bus.EventSubject(engine.Partition(o.Job, 32), o.Job), ID: o.Key + "/finished", Data: o.Finished(r),
	})[0] // this bus takes everything
	d.Ack()
}

// cast are the workflows of the scenario.
func cast() []value.Value {
	adapter := func(id, method, extra string) workflowtest.Step {
		return workflowtest.Task(id, method, "Adapter", "Lab", "automatic", "Pronghorn", `{"adapter_id":"lab"}`, `{"result":"$var.job.`+id+`"}`, extra)
	}
	child := func(id, workflow, items, loop string) workflowtest.Step {
		return workflowtest.Operation(id, "childJob",
			`{"task":"","workflow":"`+workflow+`","variables":{},"data_array":`+items+`,"transformation":"","loopType":"`+loop+`"}`, `{"job_details":null}`)
	}
	return []value.Value{
		workflowtest.Draw("Child", "start>a1 a1>end", adapter("a1", "echo", "")),
		workflowtest.Draw("Mute", "start>a1 a1>end", adapter("a1", "mute", "")),
		workflowtest.Draw("Sour", "start>a1 a1>end", adapter("a1", "sour", "")),
		workflowtest.Draw("Whole", "start>a1 start>a2 a1>b1 a2>b1 b1>c1 c1>d1 d1>e1 e1>f1 f1>end",
			adapter("a1", "big", ""),
			adapter("a2", "sour", `"retrySettings":{"autoRetry":true,"state":["error"],"limit":3,"delay":500}`),
			workflowtest.Operation("b1", "newVariable", `{"name":"joined","value":true}`, `{"value":null}`),
			child("c1", "Child", `[{"i":1},{"i":2}]`, "parallel"),
			workflowtest.Operation("d1", "delay", `{"time":2}`, `{"time_in_milliseconds":null}`),
			workflowtest.Person("e1"), adapter("f1", "echo", "")),
		workflowtest.Draw("Family", "start>a1 a1>end", child("a1", "Mute", `""`, "")),
	}
}

// write writes the script: jobs run through, are paused, resumed, canceled, retried, and a
// person works on one.
func (p *play) write() {
	ids := map[string]string{}
	job := func(workflow string) *engine.Job {
		doc, err := p.store.Get(context.Background(), store.Jobs, ids[workflow])
		if err != nil {
			return nil
		}
		st, err := p.lead.r.Decode(context.Background(), doc.Body)
		if err != nil {
			p.t.Fatal(err)
		}
		return st.Job
	}
	tell := func(id string, ev engine.Event) { _ = p.do(p.lead, &item{job: id, event: ev}) } // done says whether it was heard
	act := func(workflow string, ev engine.Event, done func(*engine.Job) bool) {
		p.script = append(p.script, scene{
			play: func() { tell(ids[workflow], ev) },
			done: func() bool { return done(job(workflow)) },
		})
	}
	is := func(s engine.Status) func(*engine.Job) bool {
		return func(j *engine.Job) bool { return j.Status == s }
	}
	for i, name := range []string{"Whole", "Mute", "Family", "Sour"} {
		ids[name] = fmt.Sprintf("%024x", i+1)
		p.started = append(p.started, ids[name])
		p.script = append(p.script, scene{
			play: func() {
				m, start, err := p.lead.r.prepare(context.Background(), Begin{Workflow: name, Start: engine.Start{ID: ids[name], Initiator: "test"}})
				if err != nil {
					p.t.Fatal(err)
				}
				_ = p.do(p.lead, &item{job: ids[name], machine: m, event: engine.Event{Type: engine.JobStarted, Start: start}}) // likewise
			},
			done: func() bool { return job(name) != nil },
		})
	}
	act("Mute", engine.Event{Type: engine.JobPaused, By: "operator"}, is(engine.Paused))
	act("Mute", engine.Event{Type: engine.VariablesPatched, By: "operator", Variables: value.Object("note", value.Int(1))}, func(j *engine.Job) bool { return j.Variables.Has("note") })
	act("Mute", engine.Event{Type: engine.JobResumed, By: "operator"}, is(engine.Running))
	act("Mute", engine.Event{Type: engine.JobCanceled, By: "operator"}, is(engine.Canceled))
	act("Family", engine.Event{Type: engine.JobCanceled, By: "operator"}, is(engine.Canceled))
	p.script = append(p.script, scene{play: func() {}, done: func() bool { return job("Sour").Status == engine.Errored }})
	act("Sour", engine.Event{Type: engine.TaskRetried, By: "operator", Task: "a1"}, is(engine.Complete))
	p.script = append(p.script, scene{
		play: func() {
			tell(ids["Whole"], engine.Event{Type: engine.TaskFinished, Task: "e1", Iteration: 1, Outcome: engine.Succeed(), By: "person"})
		},
		done: func() bool { return job("Whole").Status == engine.Complete },
	})
}

// judge checks what must hold however the scenario went.
func (p *play) judge() {
	p.t.Helper()
	p.nested = true // reading passes no points, and neither does the doctor
	p.check()
	Examine(p.t, p.store, p.lead.r.Library)
}

// fates tells how each job and each of its tasks ended.
func (p *play) fates() string {
	var lines []string
	for _, st := range p.jobs(context.Background()) {
		line := fmt.Sprintf("%s %s:", st.Job.Name, st.Job.Status)
		for i, task := range st.Machine.Workflow().Tasks {
			if state := st.Job.Tasks[i]; state.Iteration > 0 {
				line += fmt.Sprintf(" %s/%d %s", task.ID, state.Iteration, state.Status)
			}
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// TestFT02_everyPoint kills the server before and after each write and each message of the
// scenario: replaced at once, replaced after two minutes, and with -sim.twice a second time any number of
// points later. However it dies, every job comes to the same end as without.
func TestFT02_everyPoint(t *testing.T) {
	dies := func(*play) func(string) { return func(string) { panic(death{}) } }
	t.Run("replaced at once", func(t *testing.T) { everywhere(t, dies) })
	if testing.Short() {
		return
	}
	t.Run("away for minutes", func(t *testing.T) {
		everywhere(t, func(p *play) func(string) {
			return func(string) { p.now = p.now.Add(2 * time.Minute); panic(death{}) }
		})
	})
	if !*simTwice {
		return
	}
	_, points := perform(t, dies)
	for later := range len(points) {
		t.Run(fmt.Sprintf("dies again %d points later", later+1), func(t *testing.T) { everywhere(t, dies, later+1) })
	}
}

// TestFT21_twoOwners freezes the server before and after each write and each message while another one, which
// holds it for dead, does all there is to do, and lets it go on with what it believes to own:
// jobs, timers, children to start, ends to tell. Nothing may come of that.
func TestFT21_twoOwners(t *testing.T) {
	if testing.Short() {
		t.Skip("one scenario for each point")
	}
	everywhere(t, func(p *play) func(string) {
		return func(string) {
			frozen := p.lead
			frozen.detach()
			p.nested = true
			p.now = p.now.Add(time.Minute)
			p.enter()
			p.run()
			p.nested = false
			p.servers = append(p.servers, frozen)
			p.thawed = frozen
		}
	})
}

// TestFT19_everyMessageLost loses each message of the scenario in turn, of which the bus has said that
// it holds it. The server goes on without a restart and misses it by itself.
func TestFT19_everyMessageLost(t *testing.T) {
	if testing.Short() {
		t.Skip("one scenario for each point")
	}
	everywhere(t, func(p *play) func(string) {
		p.patient, p.workers = 2*(searchAge+searchEvery), true
		return func(point string) {
			p.lose = strings.HasPrefix(point, beforeMessage+"heddle.event") || strings.HasPrefix(point, beforeMessage+"heddle.task")
		}
	})
}

// everywhere performs the scenario once for each point, lets something happen there, and, if
// later is given, so many points later again. The jobs have to end as they do without.
func everywhere(t *testing.T, strike func(*play) func(string), later ...int) {
	t.Helper()
	want, points := perform(t, strike)
	if len(points) < 100 {
		t.Fatalf("only %d points", len(points))
	}
	for i, point := range points {
		at := []int{i + 1}
		for _, n := range later {
			at = append(at, i+1+n)
		}
		if got, _ := perform(t, strike, at...); got != want {
			t.Errorf("the jobs are\n%s\nand without anything happening\n%s", got, want)
		}
		if t.Failed() {
			t.Fatalf("it happened at point %d, %s", i+1, point)
		}
	}
	t.Logf("%d points, the jobs:\n%s", len(points), want)
}
