package adapters_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/bus/membus"
	"github.com/heddlehq/heddle/schemas"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const job = "65f0c0ffee0000000000abcd"

// place is a bus with an engine's ear on it.
type place struct {
	t   *testing.T
	bus *membus.Bus
	ctx context.Context

	mu     sync.Mutex
	events []value.Value
	heads  []string // trace contexts of the events
}

// settle waits until everybody in the bubble waits.
func settle(d time.Duration) {
	time.Sleep(d) // the bubble's clock
	synctest.Wait()
}

func newPlace(t *testing.T, opts membus.Options) *place {
	t.Helper()
	p := &place{t: t, bus: membus.New(opts)}
	ctx, stop := context.WithCancel(t.Context())
	p.ctx = ctx
	var ear sync.WaitGroup
	ear.Go(func() {
		err := p.bus.Consume(ctx, bus.Consumer{Stream: bus.Events, Name: "engine"}, func(d bus.Delivery) {
			v, err := value.Parse(d.Data())
			if err != nil {
				t.Errorf("event: %v", err)
			}
			conforms(t, "event-message", v)
			p.mu.Lock()
			defer p.mu.Unlock()
			p.events, p.heads = append(p.events, v), append(p.heads, d.Header("traceparent"))
			d.Ack()
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); ear.Wait() })
	return p
}

func conforms(t *testing.T, schema string, v value.Value) {
	t.Helper()
	s, err := schemas.Named(schema)
	if err != nil {
		t.Fatal(err)
	}
	for _, violation := range s.Check(v) {
		t.Errorf("not a %s: %s in %s", schema, violation.Error(), v)
	}
}

// work starts a worker; stop ends it and waits.
func (p *place) work(w adapters.Worker, handle adapters.Handler) (stop func()) {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.ctx)
	w.Name, w.Consumer = "w", "pool-default"
	w.Log = slog.New(slog.NewTextHandler(p.t.Output(), nil))
	var done sync.WaitGroup
	done.Go(func() {
		if err := adapters.Work(ctx, p.bus, w, handle); err != nil {
			p.t.Error(err)
		}
	})
	stop = func() { cancel(); done.Wait() }
	p.t.Cleanup(stop)
	return stop
}

func order(task string) adapters.Order {
	return adapters.Order{
		Key: engine.RunKey(job, task, 1), Job: job, Workflow: "w", Task: task, Iteration: 1, Attempt: 1, App: "Lab", Method: "echo",
		Incoming: value.Object("value", value.Int(7)), LeaseSeconds: 10,
	}
}

func (p *place) order(o adapters.Order) {
	p.t.Helper()
	m := bus.Message{Subject: bus.TaskSubject(adapters.DefaultPool, o.App, o.Method), ID: o.Key, Data: o.JSON()}
	if err := p.bus.Publish(p.ctx, m)[0]; err != nil {
		p.t.Fatal(err)
	}
}

// raw sends anything as an order.

func (p *place) raw(id string, data []byte, header map[string]string) {
	p.t.Helper()
	m := bus.Message{Subject: bus.TaskSubject("default", "Lab", "echo"), ID: id, Data: data, Header: header}
	if err := p.bus.Publish(p.ctx, m)[0]; err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) cancel(key string) {
	p.t.Helper()
	if err := p.bus.Signal(p.ctx, bus.CancelSubject(job), []byte(key)); err != nil {
		p.t.Fatal(err)
	}
}

// heard lists the events as type:task:finishState:class.
func (p *place) heard() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for _, e := range p.events {
		line := e.Get("type").Text() + ":" + e.Get("task").Text() + ":" + e.Get("finishState").Text() + ":" + e.Path("error", "class").Text()
		out = append(out, strings.TrimRight(line, ":"))
	}
	return strings.Join(out, " ")
}

// want compares with what the engine heard, in any order.
func (p *place) want(heard string) {
	p.t.Helper()
	got := p.heard()
	if !slices.Equal(slices.Sorted(strings.FieldsSeq(got)), slices.Sorted(strings.FieldsSeq(heard))) {
		p.t.Errorf("the engine heard %q, want %q", got, heard)
	}
}

// wantEmpty checks that no order is left: a second consumer would find it once the lease ends.
func (p *place) wantEmpty() {
	p.t.Helper()
	var left atomic.Int32
	stop := p.work(adapters.Worker{}, func(context.Context, adapters.Order) adapters.Result {
		left.Add(1)
		return adapters.Result{State: workflows.Success}
	})
	settle(time.Minute)
	stop()
	if n := left.Load(); n > 0 {
		p.t.Errorf("%d orders were left on the bus", n)
	}
}

func ok(context.Context, adapters.Order) adapters.Result {
	return adapters.Result{State: workflows.Success, Outgoing: value.Object("result", value.Int(1))}
}

func untilCanceled(ctx context.Context, _ adapters.Order) adapters.Result {
	<-ctx.Done()
	return adapters.Fail(adapters.ClassCanceled, context.Cause(ctx).Error())
}

// A worker that holds all it may, as one does that was killed until its leases end, leaves the
// other orders to the next.
func TestWork_leavesOrdersToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, membus.Options{})
		stuck := make(chan struct{})
		p.work(adapters.Worker{Parallel: 1}, func(ctx context.Context, o adapters.Order) adapters.Result {
			<-stuck
			return ok(ctx, o)
		})
		for i := range 6 {
			p.order(order(fmt.Sprintf("a%d", i)))
		}
		settle(time.Second)
		p.work(adapters.Worker{Parallel: 1}, ok)
		settle(time.Second)
		p.want("TaskFinished:a2:success TaskFinished:a3:success TaskFinished:a4:success TaskFinished:a5:success")
		close(stuck)
		settle(time.Second)
	})
}

func TestWork_answersAnOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, membus.Options{})
		const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
		var got adapters.Order
		stop := p.work(adapters.Worker{Announce: true}, func(ctx context.Context, o adapters.Order) adapters.Result {
			got = o
			return ok(ctx, o)
		})
		o := order("a1")
		p.raw(o.Key, o.JSON(), map[string]string{"traceparent": trace})
		settle(time.Second)
		stop()
		p.want("TaskStarted:a1 TaskFinished:a1:success")
		if got.Key != o.Key || got.Incoming.String() != `{"value":7}` || got.LeaseSeconds != 10 || got.Trace != trace {
			t.Errorf("the handler got %+v", got)
		}
		if out := p.events[1].Path("outgoing", "result"); out.String() != "1" || p.heads[1] != trace {
			t.Errorf("result %s with trace %q", out, p.heads[1])
		}
		p.wantEmpty()
	})
}

func TestWork_failures(t *testing.T) {
	for name, tc := range map[string]struct {
		handle adapters.Handler
		change func(*adapters.Order)
		act    func(*place)
		want   string
	}{
		"panic": {
			handle: func(context.Context, adapters.Order) adapters.Result { panic("oh") },
			want:   "TaskFinished:a1:error:internal",
		},
		"error without a reason": {
			handle: func(context.Context, adapters.Order) adapters.Result {
				return adapters.Result{State: workflows.Failed}
			},
			want: "TaskFinished:a1:error:internal",
		},
		"deadline": {
			handle: func(ctx context.Context, _ adapters.Order) adapters.Result {
				<-ctx.Done()
				return adapters.Fail("late", "")
			},
			change: func(o *adapters.Order) { o.Deadline = time.Now().Add(time.Second).UnixMilli() },
			want:   "TaskFinished:a1:error:late",
		},
		"deadline passed before": {
			handle: ok,
			change: func(o *adapters.Order) { o.Deadline = time.Now().Add(-time.Second).UnixMilli() },
			want:   "TaskFinished:a1:error:run-timeout",
		},
		"cancel by key": {
			handle: untilCanceled,
			act:    func(p *place) { p.cancel(order("b2").Key); settle(time.Second); p.want(""); p.cancel(order("a1").Key) },
			want:   "TaskFinished:a1:error:canceled",
		},
		"cancel by job": {
			handle: untilCanceled,
			act:    func(p *place) { p.cancel("") },
			want:   "TaskFinished:a1:error:canceled",
		},
		"result too large": {
			handle: func(context.Context, adapters.Order) adapters.Result {
				return adapters.Result{State: workflows.Success, Outgoing: value.Object("result", value.String(strings.Repeat("x", 2<<20)))}
			},
			want: "TaskFinished:a1:error:limit",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlace(t, membus.Options{})
				stop := p.work(adapters.Worker{}, tc.handle)
				o := order("a1")
				if tc.change != nil {
					tc.change(&o)
				}
				p.order(o)
				settle(10 * time.Millisecond)
				if tc.act != nil {
					tc.act(p)
				}
				settle(5 * time.Second)
				p.want(tc.want)
				stop()
				p.wantEmpty()
			})
		})
	}
}

func TestWork_stoppedInTheMiddleGivesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, membus.Options{})
		stop := p.work(adapters.Worker{Parallel: 1}, untilCanceled)
		p.order(order("a1"))
		p.order(order("b2")) // waits for the slot
		settle(time.Second)
		stop()
		p.want("")
		began := time.Now()
		p.work(adapters.Worker{Parallel: 1}, ok)
		settle(0)
		p.want("TaskFinished:a1:success TaskFinished:b2:success")
		if waited := time.Since(began); waited > time.Second {
			t.Errorf("the orders waited %s for their lease", waited)
		}
	})
}

func TestWork_graceLetsFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, membus.Options{})
		slow := func(d time.Duration) adapters.Handler {
			return func(ctx context.Context, o adapters.Order) adapters.Result {
				if o.Task == "b2" {
					return untilCanceled(ctx, o)
				}
				time.Sleep(d)
				return ok(ctx, o)
			}
		}
		stop := p.work(adapters.Worker{Grace: time.Minute, Lease: 3 * time.Second}, slow(30*time.Second))
		p.order(order("a1"))
		p.order(order("b2"))
		settle(time.Second)
		began := time.Now()
		stop()
		if took := time.Since(began); took != time.Minute {
			t.Errorf("stopping took %s, want the grace period", took)
		}
		p.want("TaskFinished:a1:success")
		p.work(adapters.Worker{}, ok)
		settle(0)
		p.want("TaskFinished:a1:success TaskFinished:b2:success")
	})
}

func TestWork_prolongsLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, membus.Options{})
		var runs atomic.Int32
		handle := func(ctx context.Context, o adapters.Order) adapters.Result {
			runs.Add(1)
			time.Sleep(time.Minute)
			return ok(ctx, o)
		}
		p.work(adapters.Worker{Parallel: 1, Lease: 3 * time.Second}, handle)
		p.work(adapters.Worker{Parallel: 1, Lease: 3 * time.Second}, handle)
		for i := range 4 { // two run, two wait longer than their lease
			p.order(order(fmt.Sprint("a", i)))
		}
		settle(5 * time.Minute)
		if n := runs.Load(); n != 4 {
			t.Errorf("4 orders were run %d times", n)
		}
	})
}

func TestWork_garbage(t *testing.T) {
	for name, tc := range map[string]struct{ data, want string }{
		"not JSON":        {"\x00hello", ""},
		"a number":        {"5", ""},
		"empty":           {"", ""},
		"nobody's":        {`{"v":1}`, ""},
		"newer version":   {strings.Replace(string(newOrderJSON()), `"v":1`, `"v":2`, 1), "TaskFinished:a1:error:protocol"},
		"no method":       {strings.Replace(string(newOrderJSON()), `"method":"echo"`, `"method":""`, 1), "TaskFinished:a1:error:protocol"},
		"list of inputs":  {strings.Replace(string(newOrderJSON()), `{"value":7}`, `[7]`, 1), "TaskFinished:a1:error:protocol"},
		"iteration 0":     {strings.Replace(string(newOrderJSON()), `"iteration":1`, `"iteration":0`, 1), ""},
		"bottomless":      {strings.Repeat("[", 100000), ""},
		"a key of a kind": {strings.Replace(string(newOrderJSON()), `"key":"`, `"key":5,"x":"`, 1), ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlace(t, membus.Options{})
				stop := p.work(adapters.Worker{}, func(context.Context, adapters.Order) adapters.Result {
					t.Error("it was run")
					return adapters.Result{}
				})
				p.raw("", []byte(tc.data), nil)
				settle(time.Minute)
				p.want(tc.want)
				stop()
				p.wantEmpty()
			})
		})
	}
}

func newOrderJSON() []byte { o := order("a1"); return o.JSON() }

func TestWork_duplicatesRunOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Every delivery comes twice, and the engine rings again under another id.
		p := newPlace(t, membus.Options{Fault: func(a membus.Attempt) (f membus.Fault) {
			if a.Stage == membus.Delivering && a.Stream == bus.Tasks {
				f.Copies = 1
			}
			return f
		}})
		var runs atomic.Int32
		stop := p.work(adapters.Worker{Lease: 3 * time.Second}, func(ctx context.Context, o adapters.Order) adapters.Result {
			runs.Add(1)
			time.Sleep(20 * time.Second)
			return ok(ctx, o)
		})
		o := order("a1")
		p.order(o)
		settle(5 * time.Second)
		p.raw(o.Key+"/again", o.JSON(), nil)
		settle(time.Minute)
		if n := runs.Load(); n != 1 {
			t.Errorf("run %d times", n)
		}
		p.want("TaskFinished:a1:success")
		stop()
		p.wantEmpty()
	})
}

func TestWork_busRefusesTheResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		down.Store(true)
		p := newPlace(t, membus.Options{Fault: func(a membus.Attempt) (f membus.Fault) {
			if a.Stage == membus.Publishing && a.Stream == bus.Events && down.Load() {
				f = membus.Fault{Drop: true, Err: errors.New("no")}
			}
			return f
		}})
		var runs atomic.Int32
		stop := p.work(adapters.Worker{}, func(ctx context.Context, o adapters.Order) adapters.Result {
			runs.Add(1)
			return ok(ctx, o)
		})
		p.order(order("a1"))
		settle(5 * time.Second)
		p.want("")
		down.Store(false)
		settle(2 * time.Second)
		p.want("TaskFinished:a1:success")
		if n := runs.Load(); n != 1 {
			t.Errorf("run %d times, although the result was there", n)
		}
		stop()
		p.wantEmpty()
	})
}

func TestWork_endsWhenItCannotWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := membus.New(membus.Options{})
		err := adapters.Work(t.Context(), b, adapters.Worker{Consumer: "not a name"}, ok)
		if !errors.Is(err, bus.ErrConsumer) {
			t.Errorf("got %v, want %v", err, bus.ErrConsumer)
		}
	})
}

func TestOrder_roundTrip(t *testing.T) {
	t.Parallel()
	o := order("a1")
	o.AdapterID, o.Actor, o.Initiator, o.Deadline, o.Mode = "x", "Pronghorn", "ada", 1700000000000, "validate"
	v, err := value.Parse(o.JSON())
	if err != nil {
		t.Fatal(err)
	}
	conforms(t, "task-message", v)
	back, err := adapters.ParseOrder(o.JSON())
	if err != nil || string(back.JSON()) != string(o.JSON()) {
		t.Errorf("%v, %s, want %s", err, back.JSON(), o.JSON())
	}
}

func FuzzParseOrder(f *testing.F) {
	f.Add(newOrderJSON())
	f.Add([]byte(`{"v":1,"iteration":1e99,"incoming":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := adapters.ParseOrder(data)
		if err == nil && !o.Addressed() {
			t.Errorf("an order that nobody can answer: %q", data)
		}
		if o.Addressed() {
			if _, err := value.Parse(o.Finished(adapters.Fail("x", "y"))); err != nil {
				t.Error(err)
			}
		}
	})
}
