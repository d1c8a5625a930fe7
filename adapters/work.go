package adapters

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/payload"
	"github.com/heddlehq/heddle/engine/sealed"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// DefaultPartitions is how many partitions the event subjects have unless set otherwise.
const DefaultPartitions = 32

var (
	errStopped  = errors.New("the worker was stopped")
	errCanceled = errors.New("the task was canceled")
)

// Handler does the work of an order. Its context ends when the job is canceled, the order's
// deadline passes or the worker is told to stop.
type Handler func(ctx context.Context, o Order) Result

// Worker describes a loop of work.
type Worker struct {
	Name       string            // shown to people as who works on a task
	Consumer   string            // durable name; workers that share it share the orders
	Filter     []string          // subjects to take, see bus.TaskFilter
	Partitions int               // of the event subjects; 0 means DefaultPartitions
	Parallel   int               // orders at once; 0 means 16
	Lease      time.Duration     // how long after its death others wait for its orders; 0 means DefaultLease
	Grace      time.Duration     // how long orders under way may go on once it is told to stop; 0 cancels them at once
	Own        bool              // it runs in the process of the broker, see bus.Consumer
	Announce   bool              // send TaskStarted as well; worth its cost for slow work
	Payloads   *payload.Payloads // where large values are; nil asks the servers for them over the bus
	Seal       sealed.Box        // opens encrypted values; nil leaves orders that hold some undone
	Log        *slog.Logger      // nil discards
}

func (w Worker) withDefaults() Worker {
	if w.Partitions <= 0 {
		w.Partitions = DefaultPartitions
	}
	if w.Parallel <= 0 {
		w.Parallel = 16
	}
	if w.Lease <= 0 {
		w.Lease = DefaultLease
	}
	if w.Log == nil {
		w.Log = slog.New(slog.DiscardHandler)
	}
	return w
}

// Work takes orders from the bus and answers them until ctx ends. Orders under way then have
// the grace period to finish; what is left gets its context canceled and goes back to the
// queue. An order that comes again while it is under way is not run twice.
func Work(ctx context.Context, b bus.Bus, w Worker, handle Handler) error {
	w = w.withDefaults()
	if w.Payloads == nil {
		w.Payloads = payload.New(NewRemote(b), payload.Options{})
	}
	l := &loop{Worker: w, bus: b, handle: handle, slots: &slots{free: w.Parallel}, stopping: ctx.Done(), flights: newFlights()}
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	// The helpers outlast ctx: what is under way keeps its lease and can be canceled to the end.
	helping, rest := context.WithCancel(context.WithoutCancel(ctx))
	var helpers, running sync.WaitGroup
	helpers.Go(func() { l.flights.prolong(helping, w.Lease/3) })
	helpers.Go(func() {
		if err := b.Listen(helping, cancelPrefix+"*", l.flights.signal); err != nil && helping.Err() == nil {
			w.Log.Warn("cancel signals lost", "err", err)
		}
	})
	err := b.Consume(ctx, bus.Consumer{
		Stream: bus.Tasks, Name: w.Consumer, Filter: w.Filter, AckWait: w.Lease, Own: w.Own,
		// One order waits for each that is worked on. The rest is for other processes, and for whoever
		// comes after one that died: what that held must not use up all there is.
		Prefetch: 2 * w.Parallel, MaxPending: max(4096, 16*w.Parallel),
	}, func(d bus.Delivery) {
		if f := l.take(work, d); f != nil {
			running.Go(func() { l.fly(f) })
		}
	})
	if w.Grace > 0 {
		patience := time.AfterFunc(w.Grace, func() { stop(errStopped) })
		running.Wait()
		patience.Stop()
	}
	stop(errStopped)
	running.Wait()
	rest()
	helpers.Wait()
	return err
}

// loop is a Work call.
type loop struct {
	Worker
	bus      bus.Bus
	handle   Handler
	slots    *slots
	stopping <-chan struct{}
	flights  *flights
}

// take reads a delivery and registers its order as under way; nil when there is nothing to do.
// It never blocks: orders that wait for a slot wait in our hands, where their lease is prolonged.
func (l *loop) take(ctx context.Context, d bus.Delivery) *flight {
	o, err := ParseOrder(d.Data())
	o.Trace = traceContext(d.Header(traceHeader))
	if err != nil {
		l.Log.Error("order refused", "err", err, "subject", d.Subject())
		if o.Addressed() && l.answer(ctx, &o, Fail(engine.ClassProtocol, "the worker refused the order: "+err.Error())) == nil {
			d.Ack()
			return nil
		}
		d.Term("not an order: " + err.Error())
		return nil
	}
	o.LeaseSeconds = int(l.Lease / time.Second)
	return l.flights.add(ctx, o, d)
}

// fly runs an order when there is a slot for it, answers it and settles its deliveries.
func (l *loop) fly(f *flight) {
	defer f.release()
	w := l.slots.ask(int(f.order.Priority))
	select {
	case <-w.turn:
		defer l.slots.release()
	case <-f.ctx.Done():
		l.slots.leave(w)
	case <-l.stopping:
		l.slots.leave(w)
		l.flights.land(f, giveBack)
		return
	}
	r, kept := l.flights.kept(f)
	if !kept {
		var err error
		if r, err = l.run(f); err != nil {
			l.Log.Warn("large values of an order not read, it goes back", "err", err, "job", f.order.Job, "task", f.order.Task)
			l.flights.land(f, func(d bus.Delivery) { d.Nak(time.Second) })
			return
		}
		if r.State == workflows.Failed && errors.Is(context.Cause(f.ctx), errStopped) {
			l.flights.land(f, giveBack)
			return
		}
		if r.again > 0 {
			l.flights.land(f, func(d bus.Delivery) { d.Nak(r.again) })
			return
		}
	}
	folded, err := l.fold(f, r)
	if err == nil {
		err = l.send(f.ctx, &f.order, "finished", f.order.Finished(folded))
	}
	if large, ok := errors.AsType[*bus.ErrTooLarge](err); ok {
		err = l.answer(f.ctx, &f.order, Fail(engine.ClassLimit, fmt.Sprintf("the result has %d bytes, the bus takes %d", large.Size, large.Limit)))
	}
	if err == nil {
		l.flights.land(f, bus.Delivery.Ack)
		return
	}
	l.Log.Warn("result not sent, the order goes back", "err", err, "job", f.order.Job, "task", f.order.Task)
	l.flights.keep(f, r)
	l.flights.land(f, func(d bus.Delivery) { d.Nak(time.Second) })
}

// giveBack leaves an order to another worker.
func giveBack(d bus.Delivery) { d.Nak(0) }

// run calls the handler, unless it is too late for that. An error means that the order cannot
// be read for now.
func (l *loop) run(f *flight) (Result, error) {
	switch cause := context.Cause(f.ctx); {
	case cause == nil:
	case errors.Is(cause, context.DeadlineExceeded):
		return Fail(engine.ClassRun, "the deadline passed before a worker had time for the task"), nil
	default:
		return Fail(ClassCanceled, cause.Error()), nil
	}
	order := f.order
	if order.Payloads {
		var err error
		if order.Incoming, err = l.Payloads.Unfold(f.ctx, order.Root, order.Incoming); err == nil {
			order.Changes, err = l.Payloads.Unfold(f.ctx, order.Root, order.Changes)
		}
		switch {
		case payload.Lost(err):
			return Fail(engine.ClassProtocol, "the order refers to what nobody keeps: "+err.Error()), nil
		case err != nil && context.Cause(f.ctx) == nil:
			return Result{}, err
		case err != nil:
			return Fail(ClassCanceled, context.Cause(f.ctx).Error()), nil
		}
		order.Payloads = false
	}
	if l.Announce {
		if err := l.send(f.ctx, &f.order, "started", f.order.Started(l.Name)); err != nil {
			l.Log.Warn("start not announced", "err", err, "job", f.order.Job, "task", f.order.Task)
		}
	}
	return l.unsealed(f.ctx, order), nil
}

// unsealed runs an order with its encrypted values opened. What a secret of theirs appears in
// is encrypted before it leaves the process; in an error it is hidden. Without the key the task
// is blocked and says why.
func (l *loop) unsealed(ctx context.Context, o Order) Result {
	if !sealed.Holds(o.Incoming) {
		return guard(ctx, o, l.handle)
	}
	if l.Seal == nil {
		return blocked("the task's parameters are encrypted, and the worker has no key to open them")
	}
	incoming, secrets, err := sealed.OpenSecrets(ctx, l.Seal, o.Root, o.Incoming)
	if err != nil {
		return blocked(err.Error())
	}
	o.Incoming = incoming
	r := guard(ctx, o, l.handle)
	// The result is kept even when the context has ended meanwhile.
	ctx = context.WithoutCancel(ctx)
	if r.Outgoing, err = secrets.Contain(ctx, l.Seal, o.Root, r.Outgoing); err != nil {
		return blocked("the task is done, but its result holds secrets and cannot be encrypted: " + err.Error())
	}
	r.Error, r.Changes = secrets.Hide(r.Error), secrets.Hide(r.Changes)
	return r
}

func blocked(text string) Result {
	return Result{State: workflows.Blocked, Error: engine.Problem(engine.ClassKey, text)}
}

// fold stores the large values of a result, when it has any, and puts references in their
// place. One beyond the limits becomes an error that says so.
func (l *loop) fold(f *flight, r Result) (Result, error) {
	whole := value.Array(r.Outgoing, r.Error, r.Changes)
	if !whole.Exceeds(l.Payloads.Above) || f.order.Root == "" {
		return r, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(f.ctx), sendTimeout)
	defer cancel()
	for _, v := range []*value.Value{&r.Outgoing, &r.Error, &r.Changes} {
		out, err := l.Payloads.Fold(ctx, f.order.Root, *v)
		if limit, ok := errors.AsType[*payload.LimitError](err); ok {
			return Fail(engine.ClassLimit, limit.Error()), nil
		}
		if err != nil {
			return r, err
		}
		*v = out
	}
	r.folded = true
	return r, nil
}

// guard turns a panic of the handler into a failed task.
func guard(ctx context.Context, o Order, handle Handler) (r Result) {
	defer func() {
		if p := recover(); p != nil {
			r = Fail(engine.ClassInternal, fmt.Sprintf("the worker panicked: %v\n%s", p, debug.Stack()))
		}
	}()
	return handle(ctx, o)
}

func (l *loop) answer(ctx context.Context, o *Order, r Result) error {
	return l.send(ctx, o, "finished", o.Finished(r))
}

// send publishes an event about the order, as itself once however often it is sent.
func (l *loop) send(ctx context.Context, o *Order, kind string, data []byte) error {
	return publish(ctx, l.bus, l.Partitions, o, o.Key+"/"+kind, data)
}

// sendTimeout bounds the publishing of an event, which goes on although the work was canceled.
const sendTimeout = 10 * time.Second

// publish sends an event about the order; id "" means that it is never a repeat.
func publish(ctx context.Context, b bus.Bus, partitions int, o *Order, id string, data []byte) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTimeout)
	defer cancel()
	m := bus.Message{Subject: bus.EventSubject(engine.Partition(o.Job, partitions), o.Job), ID: id, Data: data}
	if o.Trace != "" {
		m.Header = map[string]string{traceHeader: o.Trace}
	}
	return b.Publish(ctx, m)[0]
}
