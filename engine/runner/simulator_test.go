package runner

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/builtin"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/bus/membus"
	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/payload"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/memstore"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
	"github.com/heddlehq/heddle/workflows/workflowtest"
)

var (
	simSeed  = flag.Uint64("sim.seed", 0, "replay this one seed of the simulator")
	simDay   = flag.Bool("sim.day", false, "let the simulator live through a whole day")
	simSeeds = flag.Int("sim.seeds", 0, "how many seeds the simulator tries; 0 = 500, or 100 in short mode")
)

// TestSimulator runs two servers on one store and one bus, all in one goroutine and in an
// order that a seed chooses. Servers crash between any two steps, messages are lost, doubled,
// late and out of order, the bus loses everything, commits fail or succeed without an answer.
// Every job must end as its workflow says, each result counted once.
func TestSimulator(t *testing.T) {
	if *simSeed != 0 {
		simulate(t, *simSeed)
		return
	}
	n := *simSeeds
	if n == 0 {
		n = 500
		if testing.Short() {
			n = 100
		}
	}
	for seed := uint64(1); seed <= uint64(n) && !t.Failed(); seed++ {
		simulate(t, seed)
	}
}

type sim struct {
	t       *testing.T
	seed    uint64
	rng     *rand.Rand
	now     time.Time
	store   *memstore.Store
	bus     *membus.Bus
	wire    bus.Bus // through which servers reach the bus; the bus itself unless set
	servers []*server
	clocks  [2]clock                          // of the servers
	chaos   func(membus.Attempt) membus.Fault // what the bus does wrong in place of the usual
	faulty  bool
	calm    bool // no server crashes and the bus is not wiped
	above   int  // how long values are at most that are not folded
	started []string
	held    []func()        // answers of workers that are still on their way
	drawn   int             // faults considered so far
	patient int             // seconds without anything happening after which nothing is expected any more; 12 unless set
	ends    map[string]bool // jobs whose end was announced
}

// server is a runner whose goroutines the simulator plays itself.
type server struct {
	r      *Runner
	inbox  []*item
	unsent [][]*turn
	detach func()
	epoch  string
}

// simulate plays a seed and returns what came of it.
func simulate(t *testing.T, seed uint64) string {
	t.Helper()
	s := &sim{t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 1)), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), faulty: true}
	defer func() {
		if p := recover(); p != nil {
			panic(fmt.Sprintf("seed %d: %v (replay with -sim.seed=%d)", seed, p, seed))
		}
		if t.Failed() {
			t.Logf("seed %d failed; replay with: go test ./engine/runner -run TestSimulator -sim.seed=%d", seed, seed)
		}
	}()
	s.above = []int{40, 100, 1000, 0}[s.rng.IntN(4)]
	s.build()
	for range 300 + s.rng.IntN(500) {
		s.step()
	}
	s.faulty = false
	s.finish()
	s.check()
	return fmt.Sprintf("%s%d faults considered, ended at %s, next draw %d", s.describe(), s.drawn, s.now, s.rng.Uint64())
}

// TestSimulator_replays checks that a seed decides everything: what cannot be replayed cannot
// be mended.
func TestSimulator_replays(t *testing.T) {
	for seed := uint64(1); seed <= 30; seed++ {
		first, second := simulate(t, seed), simulate(t, seed)
		if first != second {
			t.Errorf("seed %d went two ways:\n%s\nand\n%s", seed, first, second)
		}
	}
}

// TestSimulator_day lives through a day, an hour unless -sim.day is given: a job is started
// every minute and something goes wrong several times a minute. Nothing may pile up.
func TestSimulator_day(t *testing.T) {
	span := time.Hour
	if *simDay {
		span = 24 * time.Hour
	}
	s := &sim{t: t, seed: 1, rng: rand.New(rand.NewPCG(1, 1)), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), faulty: true}
	s.build()
	begin := s.now
	for minute := time.Duration(0); minute < span; minute += time.Minute {
		s.start(fmt.Sprintf("%024x", 0xdddd00000000+len(s.started)), fmt.Sprintf("flow %d", len(s.started)%2))
		s.faulty = true
		for range 40 {
			s.step()
		}
		if next := begin.Add(minute + time.Minute); s.now.Before(next) {
			s.now = next
		}
	}
	s.faulty = false
	s.finish()
	s.check()
	for i, srv := range s.servers {
		r := srv.r
		if n := len(r.shards[0].cache); n > r.Cached {
			t.Errorf("server %d remembers %d jobs, more than the %d it may", i, n, r.Cached)
		}
		if !r.endings.none() || len(r.shards[0].late) > 0 || len(r.timers.queue) > len(s.started) {
			t.Errorf("server %d keeps %d ends, %d pictures and %d timers", i, len(r.endings.open), len(r.shards[0].late), len(r.timers.queue))
		}
	}
	t.Logf("%d jobs started in %s, %d faults considered", len(s.started), s.now.Sub(begin), s.drawn)
}

// clock is a server's, which may be wrong.
type clock struct {
	off    time.Duration
	frozen time.Time
}

func (c clock) shows(now time.Time) time.Time {
	if !c.frozen.IsZero() {
		return c.frozen
	}
	return now.Add(c.off)
}

func (s *sim) clock() time.Time { return s.now }

func (s *sim) chance(n int) bool {
	if !s.faulty {
		return false
	}
	s.drawn++
	return s.rng.IntN(n) == 0
}

// heard notes what is announced.
func (s *sim) heard(m bus.Message) {
	v, err := value.ParseLast(m.Data)
	if err != nil {
		s.t.Errorf("seed %d: announcement: %v", s.seed, err)
	}
	switch v.Get("topic").Text() {
	case "jobComplete", "jobCancel":
		s.ends[v.Path("job", "_id").Text()] = true
	}
}

func (s *sim) build() {
	s.ends = map[string]bool{}
	broken := errors.New("the store stumbles")
	var err error
	s.store, err = memstore.New(memstore.Options{
		Before: func(store.Batch) error {
			if s.chance(40) {
				return broken
			}
			return nil
		},
		After: func(store.Batch) error {
			if s.chance(40) {
				return broken
			}
			return nil
		},
		Read: func(string) error {
			if s.chance(60) {
				return broken
			}
			return nil
		},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.bus = membus.New(membus.Options{
		Now: s.clock, Manual: true, Pick: s.rng.IntN,
		Fault: func(a membus.Attempt) membus.Fault {
			var f membus.Fault
			if s.chaos != nil {
				f = s.chaos(a)
				if a.Stage == membus.Publishing && a.Stream == bus.Feed && !f.Drop {
					s.heard(a.Message)
				}
				return f
			}
			if a.Stage == membus.Publishing {
				// What the bus took it keeps, unless it loses everything (Wipe).
				f.Drop = s.chance(20)
				if f.Drop || s.chance(30) {
					f.Err = bus.ErrUnavailable
				}
				if !f.Drop && a.Stream == bus.Feed {
					s.heard(a.Message)
				}
				return f
			}
			if s.chance(20) {
				f.Drop = true
			}
			if s.chance(20) {
				f.Copies = 1
			}
			if s.chance(10) {
				f.Delay = time.Duration(s.rng.IntN(5000)) * time.Millisecond
			}
			return f
		},
	})
	if _, err := s.bus.Attach(bus.Consumer{Stream: bus.Tasks, Name: "workers", AckWait: 20 * time.Second}, s.work); err != nil {
		s.t.Fatal(err)
	}
	s.servers = []*server{s.boot(0), s.boot(1)}
	s.faulty = false
	lib := s.servers[0].r.Library
	children := []string{}
	for i := range 2 {
		s.save(lib, fmt.Sprintf("child %d", i), workflowtest.Options{Tasks: 1 + s.rng.IntN(4)})
		children = append(children, fmt.Sprintf("child %d", i))
	}
	for i := range 2 {
		s.save(lib, fmt.Sprintf("flow %d", i), workflowtest.Options{Tasks: 1 + s.rng.IntN(10), Children: children})
	}
	s.faulty = true
	for i := range 1 + s.rng.IntN(4) {
		s.start(fmt.Sprintf("%024x", i+1), fmt.Sprintf("flow %d", i%2))
	}
}

func (s *sim) save(lib *library.Library, name string, o workflowtest.Options) {
	doc := workflowtest.Document(s.rng.IntN, o).With("name", value.String(name))
	if _, err := lib.CreateWorkflow(context.Background(), doc, "test"); err != nil {
		s.t.Fatalf("seed %d: %v", s.seed, err)
	}
}

func (s *sim) boot(i int) *server {
	clock := func() time.Time { return s.clocks[i].shows(s.now) }
	limits := engine.DefaultLimits
	limits.Reverts = 25 // generated workflows may jump back for ever
	wire := s.wire
	if wire == nil {
		wire = s.bus
	}
	r := New(Options{
		Library:  library.New(library.Options{Store: s.store, Catalog: builtin.Catalog(), Now: clock, Limits: limits}),
		Payloads: payload.InStore(s.store, payload.Options{Above: s.above}), Store: s.store, Bus: wire, Log: slog.New(slog.DiscardHandler), Now: clock,
		Shards: 1, Batch: 1024, Cached: 4, Shared: true,
	})
	srv := &server{r: r}
	var err error
	srv.detach, err = s.bus.Attach(bus.Consumer{Stream: bus.Events, Name: "engine", AckWait: time.Minute, MaxPending: 4096}, func(d bus.Delivery) {
		if it := r.accept(d); it != nil {
			srv.inbox = append(srv.inbox, it)
		}
	})
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() {
		if p := recover(); p != nil { // it died while it started
			srv.detach()
			panic(p)
		}
	}()
	for r.sign(context.Background()) != nil {
	}
	s.sweep(srv)
	return srv
}

// sweep does what Runner.sweep does in one beat.
func (s *sim) sweep(srv *server) {
	ctx := context.Background()
	epoch, err := s.bus.Epoch(ctx)
	if err == nil && epoch != srv.epoch && srv.r.recoverAll(ctx) == nil {
		srv.epoch = epoch
	}
	_ = srv.r.ringDue(ctx) // the next beat tries again
	if srv.r.search.now() {
		_ = srv.r.searchLost(ctx) // likewise
	}
	_ = srv.r.beat(ctx) // likewise
	srv.r.shards[0].flush(ctx)
	s.collect(srv)
}

// collect moves what waits in the runner's channels to the simulator's lists.
func (s *sim) collect(srv *server) {
	sh := srv.r.shards[0]
	mine, _ := sh.own.pop(1 << 20)
	for _, it := range mine {
		if it != nil {
			srv.inbox = append(srv.inbox, it)
		}
	}
	for {
		select {
		case it := <-sh.in:
			srv.inbox = append(srv.inbox, it)
		case turns := <-sh.out:
			srv.unsent = append(srv.unsent, turns)
		default:
			return
		}
	}
}

// start starts a job and does not let go until it is accepted.
func (s *sim) start(id, workflow string) {
	ctx := context.Background()
	for try := range 200 {
		srv := s.servers[s.rng.IntN(2)]
		m, start, err := srv.r.prepare(ctx, Begin{Workflow: workflow, Start: engine.Start{ID: id, Variables: workflowtest.Inputs(), Initiator: "sim"}})
		if err != nil {
			continue
		}
		if s.do(srv, &item{job: id, machine: m, event: engine.Event{Type: engine.JobStarted, Start: start}}) == nil {
			s.started = append(s.started, id)
			return
		}
		if doc, err := s.store.Get(ctx, store.Jobs, id); err == nil && doc.Revision > 0 {
			s.started = append(s.started, id) // stored, only the answer was lost
			return
		}
		if try > 100 {
			s.faulty = false
		}
	}
	s.t.Fatalf("seed %d: job %s cannot be started", s.seed, id)
}

// do makes one turn for an act and returns what its caller would get.
func (s *sim) do(srv *server, it *item) error {
	it.reply = make(chan answer, 1)
	srv.r.shards[0].round(context.Background(), []*item{it})
	s.collect(srv)
	select {
	case a := <-it.reply:
		return a.err
	default:
		return errors.New("taken again")
	}
}

// step does one thing.
func (s *sim) step() {
	i := s.rng.IntN(2)
	srv := s.servers[i]
	switch n := s.rng.IntN(100); {
	case n < 45:
		if !s.bus.Step() {
			s.advance()
		}
	case n < 65:
		s.round(srv)
	case n < 82:
		s.send(srv)
	case n < 88:
		s.sweep(srv)
	case n < 91:
		s.answerLate()
	case n < 94:
		s.people(srv)
	case n < 96:
		s.operate(srv)
	case s.calm:
	case n < 99:
		s.crash(i)
	default:
		if s.rng.IntN(3) == 0 {
			s.bus.Wipe()
		}
	}
	s.collect(srv)
}

func (s *sim) round(srv *server) {
	if len(srv.inbox) == 0 {
		return
	}
	n := 1 + s.rng.IntN(len(srv.inbox))
	batch := slices.Clone(srv.inbox[:n])
	srv.inbox = slices.Clone(srv.inbox[n:])
	srv.r.shards[0].round(context.Background(), batch)
	s.collect(srv)
}

func (s *sim) send(srv *server) {
	if len(srv.unsent) == 0 {
		return
	}
	left := srv.r.shards[0].send(context.Background(), srv.unsent[0])
	if len(left) > 0 {
		srv.unsent[0] = left
		return
	}
	srv.unsent = srv.unsent[1:]
	s.collect(srv)
}

// crash loses everything a server had in memory.
func (s *sim) crash(i int) {
	s.servers[i].detach()
	s.servers[i] = s.boot(i)
}

// work answers an order: at once, later, twice, or never.
func (s *sim) work(d bus.Delivery) {
	o, err := adapters.ParseOrder(d.Data())
	if err != nil {
		s.t.Errorf("seed %d: order: %v", s.seed, err)
		d.Term("bad")
		return
	}
	r := adapters.Result{State: workflows.Success, Outgoing: value.Object("result", value.String(o.Key))}
	if s.rng.IntN(6) == 0 {
		r = adapters.Fail("test", "worker says no")
	}
	if s.above > 0 && s.rng.IntN(2) == 0 {
		r.Outgoing = r.Outgoing.With(payload.Key, value.String(strings.Repeat("x", s.rng.IntN(2*s.above))))
	}
	answer := func() {
		err := s.bus.Publish(context.Background(), bus.Message{
			Subject: bus.EventSubject(engine.Partition(o.Job, 32), o.Job), ID: o.Key + "/finished", Data: o.Finished(r),
		})[0]
		if err != nil {
			d.Nak(time.Second)
			return
		}
		d.Ack()
	}
	switch {
	case s.chance(10): // the worker dies
	case s.chance(4):
		s.held = append(s.held, answer)
	default:
		answer()
	}
}

func (s *sim) answerLate() {
	if len(s.held) > 0 {
		s.held[0]()
		s.held = s.held[1:]
	}
}

// people finish manual tasks.
func (s *sim) people(srv *server) {
	page, err := s.store.Find(context.Background(), store.Tasks, store.Query{Where: store.And{
		store.Where("type", store.Eq, "manual"), store.Where("status", store.Eq, "running"),
	}, Sort: []store.Order{{Field: store.ID}}})
	if err != nil || len(page.Docs) == 0 {
		return
	}
	doc, err := value.ParseLast(page.Docs[s.rng.IntN(len(page.Docs))].Body)
	if err != nil {
		s.t.Fatal(err)
	}
	o := engine.Succeed()
	if s.rng.IntN(3) == 0 {
		o = engine.Outcome{State: workflows.Failure}
	}
	n, _ := doc.Get("iteration").Int()
	_ = s.do(srv, &item{job: doc.Path("job", "_id").Text(), event: engine.Event{
		Type: engine.TaskFinished, Task: doc.Path("job", "task").Text(), Iteration: int(n), Outcome: o, By: "person",
	}}) // a person whose click is refused clicks again
}

// operate pauses, resumes or cancels a job.
func (s *sim) operate(srv *server) {
	if len(s.started) == 0 {
		return
	}
	ev := engine.Event{Type: engine.JobPaused, By: "operator"}
	switch s.rng.IntN(8) {
	case 0, 1, 2, 3:
		ev.Type = engine.JobResumed
	case 4:
		if s.rng.IntN(4) == 0 {
			ev.Type, ev.Graceful = engine.JobCanceled, s.rng.IntN(2) == 0
		}
	}
	_ = s.do(srv, &item{job: s.started[s.rng.IntN(len(s.started))], event: ev}) // a refusal is an answer, too
}

// advance moves the clock to the next thing that happens by itself.
func (s *sim) advance() bool {
	next, ok := s.bus.Due()
	for _, srv := range s.servers {
		srv.r.timers.mu.Lock()
		if q := srv.r.timers.queue; len(q) > 0 {
			// What its clock shows as due is so much away.
			if due := s.now.Add(time.UnixMilli(q[0].due).Sub(srv.r.Now())); !ok || due.Before(next) {
				next, ok = due, true
			}
		}
		srv.r.timers.mu.Unlock()
	}
	if ok && next.After(s.now) {
		s.now = next
	}
	s.now = s.now.Add(time.Duration(s.rng.IntN(20)) * time.Millisecond)
	for _, srv := range s.servers {
		ready, _ := srv.r.timers.due(srv.r.Now().UnixMilli())
		for _, d := range ready {
			srv.r.ring(context.Background(), d)
		}
		s.collect(srv)
	}
	return ok
}

// finish lets everything run to its end without faults.
func (s *sim) finish() {
	ctx := context.Background()
	idle := 0
	for n := 0; idle < max(s.patient, 12); n++ {
		if n > 60_000 {
			s.t.Fatalf("seed %d: no end in sight:\n%s", s.seed, s.describe())
		}
		busy := false
		for len(s.held) > 0 {
			s.answerLate()
			busy = true
		}
		for s.bus.Step() {
			busy = true
		}
		for _, srv := range s.servers {
			s.collect(srv)
			for len(srv.inbox) > 0 || len(srv.unsent) > 0 {
				s.round(srv)
				s.send(srv)
				s.collect(srv)
				busy = true
			}
			s.sweep(srv)
		}
		if busy {
			idle = 0
			continue
		}
		idle++
		s.now = s.now.Add(time.Second)
		s.advance()
		s.people(s.servers[0])
		for _, st := range s.jobs(ctx) {
			switch {
			case st.Job.Status == engine.Paused || st.Job.Status == engine.BlockedJ:
				_ = s.do(s.servers[0], &item{job: st.Job.ID, event: engine.Event{Type: engine.JobResumed, By: "operator"}})
				idle = 0
			case st.Job.Status == engine.Errored && st.Job.Parent != nil:
				_ = s.do(s.servers[0], &item{job: st.Job.ID, event: engine.Event{Type: engine.JobCanceled, By: "operator"}})
				idle = 0
			}
		}
	}
}

func (s *sim) jobs(ctx context.Context) []State {
	page, err := s.store.Find(ctx, store.Jobs, store.Query{Sort: []store.Order{{Field: store.ID}}})
	if err != nil {
		s.t.Fatal(err)
	}
	var out []State
	for _, d := range page.Docs {
		st, err := s.servers[0].r.Decode(ctx, d.Body)
		if err != nil {
			s.t.Fatalf("seed %d: %v", s.seed, err)
		}
		out = append(out, st)
	}
	return out
}

func (s *sim) describe() string {
	var b strings.Builder
	for _, st := range s.jobs(context.Background()) {
		fmt.Fprintf(&b, "job %s of %s: %s\n", st.Job.ID, st.Job.Name, st.Job.Status)
		for _, r := range st.Machine.Explain(st.Job) {
			fmt.Fprintf(&b, "  %s %s: %s\n", r.Kind, r.Task, r.Text)
		}
	}
	return b.String()
}

func (s *sim) check() {
	ctx := context.Background()
	found := map[string]bool{}
	for _, st := range s.jobs(ctx) {
		found[st.Job.ID] = true
		if st.Job.Status.Final() && !s.ends[st.Job.ID] {
			s.t.Errorf("seed %d: job %s is %s and nobody was told", s.seed, st.Job.ID, st.Job.Status)
		}
		if !st.Job.Status.Final() {
			ok := st.Job.Status == engine.Errored && slices.ContainsFunc(st.Job.Errors, func(r engine.Record) bool {
				text := r.Message.Text()
				return r.Task == "job" && !r.Resolved && (strings.Contains(text, "no available transitions") || strings.Contains(text, "reverts in one job"))
			})
			if !ok {
				s.t.Errorf("seed %d: job %s of %s is %s:\n%s", s.seed, st.Job.ID, st.Job.Name, st.Job.Status, s.describe())
				return
			}
		}
		s.replay(ctx, st)
	}
	for _, id := range s.started {
		if !found[id] {
			s.t.Errorf("seed %d: accepted job %s is lost", s.seed, id)
		}
	}
}

// replay checks that the history has no gaps, that each result counted once, and that
// stepping through it gives the stored job.
func (s *sim) replay(ctx context.Context, st State) {
	page, err := s.store.Find(ctx, store.History, store.Query{
		Where: store.Where("job", store.Eq, st.Job.ID), Sort: []store.Order{{Field: "seq"}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	var job *engine.Job
	var seq int64
	results, accepted := map[string]int{}, map[string]string{}
	for _, d := range page.Docs {
		v, err := s.servers[0].r.WholeHistory(ctx, st.Job, d.Body)
		if err != nil {
			s.t.Fatal(err)
		}
		if first, _ := v.Get("seq").Int(); first != seq+1 {
			s.t.Errorf("seed %d: history of job %s goes from %d to %d", s.seed, st.Job.ID, seq, first)
		}
		for _, e := range v.Get("events").Elements() {
			seq++
			ev := engine.DecodeEvent(e)
			if ev.Type == engine.TaskFinished {
				accepted[fmt.Sprintf("%s/%d", ev.Task, ev.Iteration)] = string(ev.Outcome.State) + ev.Outcome.Outgoing.String() + ev.Outcome.Error.String()
				key := engine.RunKey("", ev.Task, ev.Iteration)
				if results[key]++; results[key] > 1 {
					s.t.Errorf("seed %d: job %s took two results for %s", s.seed, st.Job.ID, key)
				}
			}
			if job, _, err = st.Machine.Step(job, ev); err != nil {
				s.t.Errorf("seed %d: history of job %s, event %d (%s %s): %v", s.seed, st.Job.ID, seq, ev.Type, ev.Task, err)
				return
			}
		}
	}
	if job == nil {
		s.t.Errorf("seed %d: job %s has no history", s.seed, st.Job.ID)
		return
	}
	late, err := s.servers[0].r.LateResults(ctx, st.Job.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, l := range late {
		if n, _ := l.Get("iteration").Int(); accepted[fmt.Sprintf("%s/%d", l.Get("task").Text(), n)] == l.Get("finishState").Text()+l.Get("outgoing").String()+l.Get("error").String() {
			s.t.Errorf("seed %d: job %s keeps as late what it took in: %s", s.seed, st.Job.ID, l)
		}
	}
	got, want := *job, *st.Job
	got.Outbox, want.Outbox = nil, nil
	if g, w := string(st.Machine.Append(nil, &got)), string(st.Machine.Append(nil, &want)); g != w {
		s.t.Errorf("seed %d: replaying the history of job %s gives\n%s\nbut stored is\n%s", s.seed, st.Job.ID, g, w)
	}
}
