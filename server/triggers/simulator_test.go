package triggers

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/builtin"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/bus/membus"
	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/memstore"
	"github.com/heddlehq/heddle/server/auth"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
	"github.com/heddlehq/heddle/workflows/workflowtest"
)

var (
	simSeed  = flag.Uint64("sim.seed", 0, "replay one seed of TestSimulator")
	simSeeds = flag.Int("sim.seeds", 300, "how many seeds TestSimulator plays")
)

// TestSimulator plays two servers over one store under many seeds: they crash between any two
// steps, commits fail or succeed without an answer, reads fail, the clock jumps. No run may be
// lost or happen twice, and runs overlap only as their trigger says.
func TestSimulator(t *testing.T) {
	if *simSeed != 0 {
		simulate(t, *simSeed)
		return
	}
	n := *simSeeds
	if testing.Short() {
		n = min(n, 100)
	}
	for seed := uint64(1); seed <= uint64(n) && !t.Failed(); seed++ {
		simulate(t, seed)
	}
}

// crash is the panic by which a server dies in the middle of a step.
type crash struct{}

var errStumble = errors.New("the store stumbles")

type sim struct {
	t        *testing.T
	seed     uint64
	rng      *rand.Rand
	now      time.Time
	began    time.Time
	faulty   bool
	jumps    bool // the clock is set wrong now and then
	store    *memstore.Store
	bus      *membus.Bus
	servers  [2]*server
	schedule *workflows.Trigger
	events   []event // of the stream, by sequence from 1
	emitted  []time.Time
	wanted   int // events the trigger wants
	starts   map[string]int
	fires    map[string]value.Value // as they were last seen: old ones are forgotten
	acting   int                    // the server at work
	within   bool                   // the other one acts in the middle of its step
	calls    int64
}

// server is a Triggers whose goroutines the simulator plays itself.
type server struct {
	*Triggers
	planned bool
	reading bool
	at      position
	seen    time.Time
}

func simulate(t *testing.T, seed uint64) {
	t.Helper()
	s := &sim{
		t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 7)), now: time.Date(2026, 3, 28, 23, 50, 0, 0, time.UTC), starts: map[string]int{}, fires: map[string]value.Value{},
	}
	s.jumps = s.rng.IntN(3) == 0
	s.build()
	s.began, s.faulty = s.now, true
	for range 60 + s.rng.IntN(150) {
		s.step()
		s.look()
	}
	s.faulty = false
	s.finish()
	s.check()
	if t.Failed() {
		t.Logf("replay with: go test ./server/triggers -run TestSimulator -sim.seed=%d", seed)
	}
}

// fault makes a step fail, or its server die.
func (s *sim) fault() error {
	if !s.faulty {
		return nil
	}
	switch s.rng.IntN(90) {
	case 0, 1:
		panic(crash{})
	case 2:
		return errStumble
	case 3, 4, 5:
		if i := s.acting; !s.within {
			s.within = true
			if s.rng.IntN(2) == 0 {
				s.beat(1 - i)
			} else {
				s.read(1 - i)
			}
			s.within, s.acting = false, i
		}
	}
	return nil
}

func (s *sim) build() {
	var err error
	s.store, err = memstore.New(memstore.Options{
		Before: func(store.Batch) error { return s.fault() },
		After:  func(store.Batch) error { return s.fault() },
		Read:   func(string) error { return s.fault() },
	})
	s.must(err)
	s.bus = membus.New(membus.Options{Now: func() time.Time { return s.now }, Manual: true})
	lib := s.library()
	doc := workflowtest.Document(s.rng.IntN, workflowtest.Options{Tasks: 1}).With("name", value.String("W")).Without("inputSchema")
	_, err = lib.CreateWorkflow(context.Background(), doc, "test")
	s.must(err)
	s.servers = [2]*server{s.boot(), s.boot()}
	s.save(store.Automations, `{"_id":"a","name":"A","componentName":"W","lastUpdatedBy":"Pronghorn"}`)
	pick := func(of ...string) string { return of[s.rng.IntN(len(of))] }
	schedule := value.MustParse(`{"_id":"s","name":"S","type":"schedule","enabled":true,"actionId":"a","lastUpdatedBy":"Pronghorn"}`).
		With("overlap", value.String(pick("allow", "skip", "queue", "cancelPrevious"))).With("processMissedRuns", value.String(pick("none", "last", "all")))
	switch s.rng.IntN(3) {
	case 0:
		schedule = schedule.With("cron", value.String(pick("*/5 * * * *", "0,30 2 * * *", "*/20 1-3 * * *"))).With("timezone", value.String("Europe/Berlin"))
	default:
		schedule = schedule.With("firstRunAt", value.Int(s.now.UnixMilli()+int64(s.rng.IntN(100_000)))).With("repeatInterval", value.Int(120_000+int64(s.rng.IntN(600_000))))
	}
	var problems workflows.Problems
	s.schedule, problems = workflows.ParseTrigger(schedule)
	s.must(problems.Err())
	s.save(store.Triggers, Plan(s.schedule, value.Absent, s.now).String())
	s.save(store.Triggers, `{"_id":"e","name":"E","type":"eventSystem","source":"x","topic":"y","enabled":true,"actionId":"a","lastUpdatedBy":"Pronghorn",
		"schema":{"required":["wanted"]},"overlap":"`+pick("allow", "queue", "skip")+`"}`)
}

func (s *sim) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("seed %d: %v", s.seed, err)
	}
}

func (s *sim) save(collection, doc string) {
	v := value.MustParse(doc)
	w, err := s.servers[0].write(collection, v.Get("_id").Text(), store.Any, v)
	s.must(err)
	s.must(s.store.Commit(context.Background(), store.Batch{w})[0])
}

func (s *sim) library() *library.Library {
	return library.New(library.Options{Store: s.store, Catalog: builtin.Catalog(), Now: func() time.Time { return s.now }})
}

func (s *sim) boot() *server {
	who, err := auth.New(auth.Options{Store: s.store})
	s.must(err)
	r, err := New(Options{Store: s.store, Bus: s.bus, Library: s.library(), Engine: s, Auth: who, Now: func() time.Time { return s.now }})
	s.must(err)
	return &server{Triggers: r}
}

// Start stores a job, as the runner does, and sees that the trigger's policy is kept.
func (s *sim) Start(ctx context.Context, b runner.Begin) (runner.State, error) {
	id := b.Start.ID
	s.calls++
	trigger := b.Start.Triggers[len(b.Start.Triggers)-1]
	doc := value.Object("_id", value.String(id), "status", value.String("running"), "name", value.String(b.Workflow), "description", value.String(trigger), "call", value.Int(s.calls))
	w, err := s.servers[0].write(store.Jobs, id, store.New, doc)
	s.must(err)
	faulty := s.faulty
	s.faulty = false
	others := s.running(trigger)
	overlap := workflows.Overlap(s.doc(store.Triggers, trigger).Get("overlap").Text())
	_, err = s.store.Get(ctx, store.Jobs, id)
	s.faulty = faulty
	if err == nil {
		return runner.State{}, engine.ErrStale
	}
	if overlap != workflows.OverlapAllow && len(others) > 0 {
		s.t.Errorf("seed %d: job %s of trigger %s with overlap %s starts beside %v", s.seed, id, trigger, overlap, others)
	}
	defer func() { // also when the server dies over it
		faulty := s.faulty
		s.faulty = false
		if d, err := s.servers[0].get(ctx, store.Jobs, id); err == nil && value.Equal(d.doc.Get("call"), doc.Get("call")) {
			s.starts[id]++
		}
		s.faulty = faulty
	}()
	return runner.State{}, s.store.Commit(ctx, store.Batch{w})[0]
}

// Act cancels a job.
func (s *sim) Act(_ context.Context, job string, _ engine.Event) (runner.State, error) {
	if err := s.fault(); err != nil {
		return runner.State{}, err
	}
	return runner.State{}, s.end(job, "canceled")
}

// end gives a running job a final status.
func (s *sim) end(job, status string) error {
	faulty := s.faulty
	s.faulty = false
	defer func() { s.faulty = faulty }()
	doc := s.doc(store.Jobs, job)
	if doc.Get("status").Text() != "running" {
		return &engine.Conflict{Reason: "it has ended"}
	}
	s.save(store.Jobs, doc.With("status", value.String(status)).String())
	return nil
}

func (s *sim) doc(collection, id string) value.Value {
	d, err := s.servers[0].get(context.Background(), collection, id)
	s.must(err)
	return d.doc
}

func (s *sim) all(collection string) (out []value.Value) {
	docs, err := s.servers[0].find(context.Background(), collection, 0, nil, store.ID)
	s.must(err)
	for _, d := range docs {
		out = append(out, d.doc)
	}
	return out
}

// running lists the jobs of a trigger that have not ended, or of all triggers for "".
func (s *sim) running(trigger string) (out []string) {
	for _, j := range s.all(store.Jobs) {
		if j.Get("status").Text() == "running" && (trigger == "" || j.Get("description").Text() == trigger) {
			out = append(out, j.Get("_id").Text())
		}
	}
	return out
}

// do lets a server do something, and replaces it when it dies over it.
func (s *sim) do(i int, what func(r *server) error) {
	s.acting = i
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(crash); !ok {
				panic(p)
			}
			faulty := s.faulty
			s.faulty = false
			s.servers[i] = s.boot()
			s.faulty = faulty
		}
	}()
	_ = what(s.servers[i]) // what failed is tried again by and by
}

func (s *sim) step() {
	i := s.rng.IntN(2)
	switch n := s.rng.IntN(100); {
	case n < 40:
		s.beat(i)
	case n < 55:
		s.read(i)
	case n < 70:
		s.now = s.now.Add(time.Duration(s.rng.IntN(120_000)) * time.Millisecond)
	case n < 73:
		// Exactly when the next run is due. Old events leave the stream before old fires are forgotten.
		if due := time.UnixMilli(s.due()); due.Sub(s.began) < memory/3 {
			s.now = due
		}
	case n < 78:
		s.now = s.now.Add(time.Duration(s.rng.IntN(20)) * time.Minute) // nobody was there
	case n < 88:
		s.emit()
	case n < 97:
		s.endOne()
	case n < 99:
		s.servers[i] = s.rebooted()
	case s.jumps:
		jump := []time.Duration{time.Hour, -time.Hour, 24 * time.Hour, -24 * time.Hour}[s.rng.IntN(4)]
		s.now = s.now.Add(jump)
	}
}

func (s *sim) rebooted() *server {
	defer func(f bool) { s.faulty = f }(s.faulty)
	s.faulty = false
	return s.boot()
}

// due is when the schedule runs next, or now.
func (s *sim) due() int64 {
	defer func(f bool) { s.faulty = f }(s.faulty)
	s.faulty = false
	at, _ := s.doc(store.Triggers, "s").Get("nextRunAt").Int()
	return max(at, s.now.UnixMilli())
}

// beat does what Triggers.clock does in one turn.
func (s *sim) beat(i int) {
	s.do(i, func(r *server) error {
		if !r.planned || s.now.Before(r.seen.Add(-grace)) {
			r.planned = r.replan(context.Background()) == nil
		}
		r.seen = s.now
		_, err := r.beat(context.Background())
		return err
	})
}

// read does what Triggers.feed does with some events.
func (s *sim) read(i int) {
	s.do(i, func(r *server) (err error) {
		ctx := context.Background()
		if !r.reading {
			if r.at, _, err = r.position(ctx); err != nil {
				return err
			}
			r.reading = true
		}
		rest := s.events[min(int(r.at.seq), len(s.events)):]
		if len(rest) == 0 {
			return nil
		}
		batch := slices.Clone(rest[:1+s.rng.IntN(len(rest))])
		last := batch[len(batch)-1].seq
		if s.jumps { // to the stream, too, events of yesterday are old
			batch = slices.DeleteFunc(batch, func(e event) bool { return s.now.Sub(s.emitted[e.seq-1]).Abs() > time.Hour })
		}
		if err := r.handle(ctx, batch); err != nil {
			return err
		}
		r.at.seq = last
		if s.rng.IntN(3) == 0 {
			return r.note(ctx, r.at)
		}
		return nil
	})
}

// emit publishes an event. The first server ever must have begun to read.
func (s *sim) emit() {
	if !s.servers[0].reading && !s.servers[1].reading && len(s.events) == 0 {
		return
	}
	e := event{seq: uint64(len(s.events) + 1), doc: value.MustParse(`{"source":"x","topic":"y","wanted":true}`)}
	switch s.rng.IntN(4) {
	case 0:
		e.doc = e.doc.Without("wanted")
	case 1:
		e.id = fmt.Sprint("m", e.seq)
		fallthrough
	default:
		s.wanted++
	}
	s.must(s.bus.Publish(context.Background(), bus.Message{Subject: bus.PlatformFeedSubject("x", "y"), ID: e.id, Data: e.doc.AppendJSON(nil)})[0])
	s.events, s.emitted = append(s.events, e), append(s.emitted, s.now)
}

func (s *sim) endOne() {
	defer func(f bool) { s.faulty = f }(s.faulty)
	s.faulty = false
	if live := s.running(""); len(live) > 0 {
		s.must(s.end(live[s.rng.IntN(len(live))], []string{"complete", "error", "canceled"}[s.rng.IntN(3)]))
	}
}

// finish lets everything come to its end without faults.
func (s *sim) finish() {
	ctx := context.Background()
	for n := 0; ; n++ {
		if n > 3000 {
			s.t.Fatalf("seed %d: no end in sight: %v", s.seed, s.all(store.Fires))
		}
		if n == 40 {
			// Nothing new from here on.
			d := s.doc(store.Triggers, "s")
			s.save(store.Triggers, d.With("enabled", value.False).With("nextRunAt", value.Null).String())
		}
		for i := range s.servers {
			s.beat(i)
			s.read(i)
		}
		for range 3 {
			s.endOne()
		}
		live, err := s.store.Find(ctx, store.Fires, store.Query{Where: store.Where("live", store.Exists, true)})
		s.must(err)
		if n > 40 && live.Total == 0 {
			return
		}
		s.look()
		s.now = s.now.Add(time.Second)
	}
}

func (s *sim) look() {
	defer func(f bool) { s.faulty = f }(s.faulty)
	s.faulty = false
	for _, f := range s.all(store.Fires) {
		s.fires[f.Get("_id").Text()] = f
	}
}

func (s *sim) check() {
	fired := map[string][]value.Value{}
	byJob := map[string]bool{}
	s.look()
	for _, f := range s.fires {
		trigger := f.Get("trigger").Text()
		fired[trigger] = append(fired[trigger], f)
		id, outcome := f.Get("job").Text(), f.Get("outcome").Text()
		if byJob[id] {
			s.t.Errorf("seed %d: two fires for job %s", s.seed, id)
		}
		byJob[id] = true
		if want := btoi(outcome != skipped); s.starts[id] != want {
			s.t.Errorf("seed %d: job of fire %s started %d times, want %d", s.seed, f, s.starts[id], want)
		}
	}
	for id := range s.starts {
		if s.starts[id] > 0 && !byJob[id] {
			s.t.Errorf("seed %d: job %s has no fire", s.seed, id)
		}
	}
	s.checkSchedule(fired["s"])
	if len(fired["e"]) != s.wanted && !s.jumps {
		s.t.Errorf("seed %d: %d fires for %d events", s.seed, len(fired["e"]), s.wanted)
	}
	for _, id := range []string{"s", "e"} {
		if n, _ := s.doc(store.Triggers, id).Get("runs").Int(); int(n) != len(fired[id]) && !s.jumps {
			s.t.Errorf("seed %d: trigger %s counts %d runs, has %d", s.seed, id, n, len(fired[id]))
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// checkSchedule compares what was fired with what was due.
func (s *sim) checkSchedule(fires []value.Value) {
	stopped := s.now.UnixMilli()
	var got []int64
	for _, f := range fires {
		due, _ := f.Get("due").Int()
		got = append(got, due)
	}
	if s.jumps {
		return // at most once is all that a wrong clock leaves to promise
	}
	want := s.schedule.Due.Missed(s.began.UnixMilli(), stopped, 100_000)
	for _, due := range got {
		if !slices.Contains(want, due) {
			s.t.Errorf("seed %d: fired at %d, when nothing was due", s.seed, due)
		}
	}
	if s.schedule.ProcessMissed != "all" {
		return
	}
	// The last second's run may have been switched off before it was due.
	last := slices.MaxFunc(append(got, 0), func(a, b int64) int { return int(a - b) })
	for _, due := range want {
		if due <= last && !slices.Contains(got, due) {
			s.t.Errorf("seed %d: the run due at %d was lost", s.seed, due)
		}
	}
}
