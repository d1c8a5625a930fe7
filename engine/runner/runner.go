// Package runner is the shell around the pure machine: it takes events from the bus, steps
// jobs, commits them with the orders they give, and only then sends the orders.
//
// The store is the truth and the bus a doorbell. Whatever is due is also found by looking at
// the store, so a lost message costs time, never a job. See DESIGN.md.
package runner

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/payload"
	"github.com/heddlehq/heddle/engine/sealed"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/schemas"
	"github.com/heddlehq/heddle/workflows/value"
)

// Options are what a runner works with. Store, Bus and Library are required.
type Options struct {
	Store      store.Store
	Bus        bus.Bus
	Library    *library.Library
	Log        *slog.Logger
	Now        func() time.Time  // the wall clock unless a test gives another
	Partitions int               // of the event subjects; 32 unless set, the same for all servers
	Shards     int               // jobs stepped at the same time; twice the processors unless set
	Batch      int               // turns committed together by one shard at most; 64 unless set
	Cached     int               // jobs kept in memory by one shard; 1024 unless set
	Sweep      time.Duration     // how often the store is searched for what is due; 1 s unless set
	Payloads   *payload.Payloads // of the store; made with the usual limits unless set
	Name       string            // shown to people as the server that does something
	Observer   Observer          // told what the runner does; nil for none
	Trace      bool              // orders to workers carry a W3C trace context
	Seal       sealed.Box        // seals the values that decorators name; without it their workflows do not start
	// Key signs orders, the same for all servers on the store. With one, only what comes from
	// whoever got an order, or from a server, is taken as an event.
	Key []byte
	// Pool chooses where the order for an adapter goes by its app and instance; nil is the default pool.
	Pool func(app, instance string) string
	// Shared says that other processes may work on the same store. They share the partitions,
	// and one that falls silent is replaced by the others.
	Shared bool
}

// Runner runs jobs. Its methods may be called while Run is at work; they wait until it is.
type Runner struct {
	Options
	shards   []*shard
	seed     maphash.Seed
	timers   *timers
	endings  endings
	members  members
	activity activity
	logs     logs
	search   search
	ready    chan struct{} // closed once Run takes work
}

// New builds a runner.
func New(o Options) *Runner {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	for _, d := range []struct {
		field *int
		value int
	}{{&o.Partitions, 32}, {&o.Shards, 2 * runtime.GOMAXPROCS(0)}, {&o.Batch, 64}, {&o.Cached, 1024}} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	if o.Sweep <= 0 {
		o.Sweep = time.Second
	}
	if o.Payloads == nil {
		o.Payloads = payload.InStore(o.Store, payload.Options{})
	}
	r := &Runner{Options: o, seed: maphash.MakeSeed(), timers: newTimers(), ready: make(chan struct{})}
	r.members.init()
	r.logs.waiting, r.logs.bell = map[string]*lines{}, make(chan struct{}, 1)
	r.activity.wake = make(chan struct{}, 1)
	for range o.Shards {
		r.shards = append(r.shards, newShard(r))
	}
	return r
}

// Run takes events and timers until ctx ends, finishes the turns at hand, and returns. It
// may be called once.
func (r *Runner) Run(ctx context.Context) error {
	if err := r.join(ctx); err != nil {
		return nil // told to stop before it began
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, s := range r.shards {
		g.Go(func() error { return s.run(ctx) })
		g.Go(func() error { return s.publish(ctx) })
	}
	close(r.ready)
	g.Go(func() error { return r.consume(ctx) })
	g.Go(func() error { return r.listen(ctx) })
	g.Go(func() error { return r.timers.run(ctx, r.Now, r.ring) })
	g.Go(func() error { return r.sweep(ctx) })
	g.Go(func() error { return r.attend(ctx) })
	g.Go(func() error { return r.keepLogs(ctx) })
	err := g.Wait()
	for _, s := range r.shards {
		s.handBack()
	}
	r.leave(ctx)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// accept reads an event from the bus; nil when it is none and was given up.
func (r *Runner) accept(d bus.Delivery) *item {
	v, err := value.ParseLast(d.Data())
	if err == nil {
		err = r.genuine(v)
	}
	if err == nil && v.Get("payloads").Truth() {
		whole, err := r.unfolded(v)
		if err != nil {
			r.Log.Warn("event is taken again: its large values cannot be read", "err", err, "subject", d.Subject())
			d.Nak(time.Second)
			return nil
		}
		v = whole
	}
	var job string
	var ev engine.Event
	if err == nil {
		job, ev, err = parseEvent(v)
	}
	if errors.Is(err, errLogLine) {
		r.logs.add(job, v, d)
		return nil
	}
	if err != nil {
		r.Log.Warn("event refused", "err", err, "subject", d.Subject())
		d.Term("not an event: " + err.Error())
		return nil
	}
	return &item{job: job, event: ev, delivery: d}
}

func (r *Runner) shard(job string) *shard {
	return r.shards[maphash.String(r.seed, job)%uint64(len(r.shards))]
}

// put hands an item to its job's shard, waiting while that is busy.
func (r *Runner) put(ctx context.Context, it *item) bool {
	select {
	case r.shard(it.job).in <- it:
		return true
	case <-ctx.Done():
		return false
	}
}

// ring lets a job look at its timers, or take again what failed for the moment.
func (r *Runner) ring(ctx context.Context, d dueJob) {
	switch {
	case d.item != nil:
		r.shard(d.job).own.push(d.item)
	case d.recover:
		r.put(ctx, &item{job: d.job, recover: true})
	default:
		r.put(ctx, &item{job: d.job, event: engine.Event{Type: engine.TimersDue}})
	}
}

// State is a job as it is stored, with the machine that knows its workflow.
type State struct {
	Job     *engine.Job
	Machine *engine.Machine
}

// begunWithin is how long a caller waits for the turn it asked for to begin. A turn that began is waited
// for: what becomes of it is not open.
const begunWithin = 5 * time.Second

// ErrBusy is the answer when the engine has more work than it may take in.
var ErrBusy = errors.New("the engine is busy")

// Begin describes a job to start.
type Begin struct {
	Workflow string // exact name
	Start    engine.Start
}

// Start starts a job of a stored workflow. It returns once the job is stored; from then on it
// cannot be lost. Errors: ErrNotFound without such a workflow, *workflows.Invalid for a
// draft, *InputError for variables that do not fit, ErrBusy, ErrDraining, ErrInactive.
func (r *Runner) Start(ctx context.Context, b Begin) (State, error) {
	if r.members.isDraining() {
		return State{}, ErrDraining
	}
	if r.activity.noJobs.Load() {
		return State{}, ErrInactive
	}
	m, start, err := r.prepare(ctx, b)
	if err != nil {
		return State{}, err
	}
	return r.ask(ctx, &item{job: start.ID, machine: m, event: engine.Event{Type: engine.JobStarted, Start: start}})
}

// prepare finds the workflow and checks the variables.
func (r *Runner) prepare(ctx context.Context, b Begin) (*engine.Machine, *engine.Start, error) {
	m, err := r.Library.Machine(ctx, b.Workflow)
	if err != nil {
		return nil, nil, err
	}
	start := b.Start
	if !start.Variables.IsObject() {
		start.Variables = value.Object()
	}
	if start.ID == "" {
		start.ID = library.NewID()
	}
	if err := tooMany(m.Workflow().Name, start.Variables.Len()); err != nil {
		return nil, nil, err
	}
	if err := r.canSeal(ctx, m.Workflow()); err != nil {
		return nil, nil, fmt.Errorf("start workflow %q: %w", m.Workflow().Name, err)
	}
	if start.Parent == nil && sealed.Holds(start.Variables) {
		// Nothing was encrypted yet for a job that begins a family.
		return nil, nil, &InputError{m.Workflow().Name, []schemas.Violation{{Keyword: "sealed", Message: "must not hold what looks like an encrypted value"}}}
	}
	clear, _, err := r.opened(ctx, familyOfStart(&start), start.Variables)
	if err != nil {
		return nil, nil, fmt.Errorf("variables of the job: %w", err)
	}
	broken, err := m.Workflow().CheckInput(clear, start.Parent != nil)
	if err != nil {
		return nil, nil, err
	}
	if len(broken) > 0 {
		return nil, nil, &InputError{m.Workflow().Name, broken}
	}
	return m, &start, nil
}

// Act applies an operator's act to a job and returns the job as it is afterwards. Changed
// variables must fit the workflow's input schema as far as it speaks of them. Errors:
// ErrNotFound, *engine.Conflict, *engine.Unknown, *InputError, ErrBusy.
func (r *Runner) Act(ctx context.Context, job string, ev engine.Event) (State, error) {
	if ev.Variables.Len() > 0 && (ev.Type == engine.VariablesPatched || ev.Type == engine.TaskRetried) {
		st, err := r.Job(ctx, job)
		if err != nil {
			return State{}, err
		}
		if err := r.checkPatch(ctx, st, ev.Variables); err != nil {
			return State{}, err
		}
	}
	return r.ask(ctx, &item{job: job, event: ev})
}

func (r *Runner) ask(ctx context.Context, it *item) (State, error) {
	select {
	case <-r.ready:
	case <-ctx.Done():
		return State{}, ctx.Err()
	}
	it.reply = make(chan answer, 1)
	select {
	case r.shard(it.job).in <- it:
	default:
		// Full: wait a little before turning the caller away.
		patience := time.NewTimer(2 * time.Second)
		defer patience.Stop()
		select {
		case r.shard(it.job).in <- it:
		case <-patience.C:
			return State{}, ErrBusy
		case <-ctx.Done():
			return State{}, ctx.Err()
		}
	}
	late := time.NewTimer(begunWithin)
	defer late.Stop()
	for {
		select {
		case a := <-it.reply:
			return a.state, a.err
		case <-late.C:
			if it.withdraw() {
				return State{}, ErrBusy
			}
		case <-ctx.Done():
			it.withdraw()
			return State{}, ctx.Err()
		case <-r.shard(it.job).done:
			select {
			case a := <-it.reply:
				return a.state, a.err
			default:
				return State{}, fmt.Errorf("the engine is stopping: %w", ErrBusy)
			}
		}
	}
}

// Job reads a job from the store.
func (r *Runner) Job(ctx context.Context, id string) (State, error) {
	doc, err := r.Store.Get(ctx, store.Jobs, id)
	if err != nil {
		return State{}, fmt.Errorf("load job %q: %w", id, err)
	}
	return r.Decode(ctx, doc.Body)
}

// Decode reads the stored form of a job.
func (r *Runner) Decode(ctx context.Context, body []byte) (State, error) {
	v, err := r.whole(ctx, body, familyOfJob)
	if err != nil {
		return State{}, fmt.Errorf("decode job: %w", err)
	}
	return r.decode(ctx, v, (*engine.Machine).Decode)
}

// Outline reads the stored form of a job and leaves references in place of its large values.
// It is for lists: the job can be shown, not stepped.
func (r *Runner) Outline(ctx context.Context, body []byte) (State, error) {
	v, err := value.ParseLast(body)
	if err != nil {
		return State{}, fmt.Errorf("decode job: %w", err)
	}
	if s := v.Get("settled"); s.Len() > 0 && payload.Holds(body) { // the states of tasks
		if s, err = r.Payloads.Unfold(ctx, familyOfJob(v), s); err != nil {
			return State{}, fmt.Errorf("decode job: %w", err)
		}
		v = v.With("settled", s)
	}
	return r.decode(ctx, v, (*engine.Machine).Outline)
}

func (r *Runner) decode(ctx context.Context, v value.Value, read func(*engine.Machine, value.Value) (*engine.Job, error)) (State, error) {
	m, err := r.Library.Revision(ctx, engine.Revision(v))
	if err != nil {
		return State{}, fmt.Errorf("decode job %q: %w", v.Get("_id").Text(), err)
	}
	job, err := read(m, v)
	return State{Job: job, Machine: m}, err
}
