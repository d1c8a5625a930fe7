package adapters

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows"
)

// ClassUnavailable is the class of errors of calls that were not made, because the calls
// before them could not reach the outside system.
const ClassUnavailable = "unavailable"

// Limits bound what the calls of one instance do to its outside system, per process.
type Limits struct {
	Concurrency int     `json:"concurrency,omitempty" doc:"calls at once; 16 unless given"`
	PerSecond   float64 `json:"perSecond,omitempty" doc:"calls a second; no limit unless given"`
	Burst       int     `json:"burst,omitempty" doc:"calls that may come together below perSecond; as many as a second has unless given"`
	Breaker     Breaker `json:"breaker,omitzero" doc:"when to leave a system alone that cannot be reached"`
}

// Breaker says when calls are refused at once because those before failed.
type Breaker struct {
	Failures    int     `json:"failures,omitempty" doc:"calls in a row that could not reach the system; 5 unless given, -1 for never"`
	OpenSeconds float64 `json:"openSeconds,omitempty" doc:"how long calls are refused before one tries again; 30 unless given"`
}

const (
	defaultConcurrency = 16
	defaultFailures    = 5
	defaultOpen        = 30 * time.Second
	maxConcurrency     = 1024
)

// Check names the first limit that makes no sense, by its JSON pointer.
func (l Limits) Check() (pointer, problem string) {
	switch {
	case l.Concurrency < 0 || l.Concurrency > maxConcurrency:
		return "/concurrency", fmt.Sprintf("must be from 1 to %d, not %d", maxConcurrency, l.Concurrency)
	case l.PerSecond < 0 || math.IsNaN(l.PerSecond) || math.IsInf(l.PerSecond, 0):
		return "/perSecond", "must be above 0, or be left out for no limit"
	case l.Burst < 0:
		return "/burst", "must be above 0"
	case l.Burst > 0 && l.PerSecond == 0:
		return "/burst", "needs perSecond"
	case l.Breaker.Failures < -1:
		return "/breaker/failures", "must be above 0, or -1 for never"
	case l.Breaker.OpenSeconds < 0 || l.Breaker.OpenSeconds > 24*3600:
		return "/breaker/openSeconds", "must be from 0 to a day"
	}
	return "", ""
}

// gate is what a call passes before it may reach its outside system.
type gate struct {
	name    string
	limits  Limits
	stopped bool
	life    context.Context // of the gate, which ends when another takes its place
	close   context.CancelFunc
	slots   *semaphore.Weighted
	rate    *rate.Limiter // nil without a limit
	breaker *gobreaker.TwoStepCircuitBreaker[any]
	opened  atomic.Int64 // when the breaker opened, in milliseconds since 1970

	running, waiting, calls, failures atomic.Int64
}

func newGate(i *Instance) *gate {
	l := i.Limits
	g := &gate{name: i.ID, limits: l, stopped: i.Stopped}
	g.life, g.close = context.WithCancel(context.Background())
	if l.Concurrency == 0 {
		l.Concurrency = defaultConcurrency
	}
	g.slots = semaphore.NewWeighted(int64(l.Concurrency))
	if l.PerSecond > 0 {
		if l.Burst == 0 {
			l.Burst = max(1, int(l.PerSecond))
		}
		g.rate = rate.NewLimiter(rate.Limit(l.PerSecond), l.Burst)
	}
	if l.Breaker.Failures < 0 {
		return g
	}
	failures, open := uint32(defaultFailures), defaultOpen
	if l.Breaker.Failures > 0 {
		failures = uint32(l.Breaker.Failures)
	}
	if l.Breaker.OpenSeconds > 0 {
		open = time.Duration(l.Breaker.OpenSeconds * float64(time.Second))
	}
	g.breaker = gobreaker.NewTwoStepCircuitBreaker[any](gobreaker.Settings{
		Timeout:     open,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= failures },
		OnStateChange: func(_ string, _, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				g.opened.Store(time.Now().Add(open).UnixMilli())
			}
		},
	})
	return g
}

// fits tells whether the gate is one for the instance as it is now.
func (g *gate) fits(i *Instance) bool { return g.limits == i.Limits && g.stopped == i.Stopped }

// state is the breaker's: closed, half-open or open.
func (g *gate) state() string {
	if g.breaker == nil {
		return gobreaker.StateClosed.String()
	}
	return g.breaker.State().String()
}

var (
	// errCrowded means that so many calls wait for the instance that this one is to come again.
	errCrowded = errors.New("too many calls wait for the adapter instance")
	// errReplaced means that the instance has another gate now.
	errReplaced = errors.New("the adapter instance was changed")
)

// enter waits until the call may begin; leave is to be told how it ended. tell is given what
// is waited for. Above so many waiting calls it gives errCrowded.
func (g *gate) enter(ctx context.Context, crowd int64, tell func(string)) (leave func(Result), err error) {
	if g.waiting.Add(1) > crowd {
		g.waiting.Add(-1)
		tell(g.reason())
		return nil, errCrowded
	}
	defer g.waiting.Add(-1)
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(g.life, stop)()
	switch err := g.wait(waiting, tell); {
	case err != nil && ctx.Err() == nil && g.life.Err() != nil:
		return nil, errReplaced
	case err != nil:
		return nil, err
	}
	done := func(error) {}
	if g.breaker != nil {
		if done, err = g.breaker.Allow(); err != nil {
			g.slots.Release(1)
			return nil, &Error{Class: ClassUnavailable, Retryable: new(true), Text: fmt.Sprintf(
				"adapter instance %q is left alone until %s: the calls before could not reach its system", g.name,
				time.UnixMilli(g.opened.Load()).UTC().Format(time.RFC3339))}
		}
	}
	g.calls.Add(1)
	g.running.Add(1)
	return func(r Result) {
		g.running.Add(-1)
		g.slots.Release(1)
		if r.State == workflows.Failed {
			g.failures.Add(1)
		}
		if unreached(r) {
			done(errUnreached)
			return
		}
		done(nil)
	}, nil
}

// wait takes a slot when the instance is started, has one and its rate allows.
func (g *gate) wait(ctx context.Context, tell func(string)) error {
	if g.stopped {
		defer g.late(tell)()
		<-ctx.Done()
		return ctx.Err()
	}
	if !g.slots.TryAcquire(1) {
		told := g.late(tell)
		err := g.slots.Acquire(ctx, 1)
		told()
		if err != nil {
			return err
		}
	}
	if g.rate == nil || g.rate.Allow() {
		return nil
	}
	defer g.late(tell)()
	if err := g.rate.Wait(ctx); err != nil {
		g.slots.Release(1)
		if ctx.Err() == nil { // the deadline comes before the rate allows
			return &Error{Class: engine.ClassRun, Retryable: new(true), Text: fmt.Sprintf("the deadline comes before the rate limit of adapter instance %q allows the call", g.name)}
		}
		return ctx.Err()
	}
	return nil
}

// patience is how long a call waits before it is told of, so that short waits cost nothing.
const patience = 500 * time.Millisecond

// late tells what is waited for unless the wait ends soon; what it gives ends the wait.
func (g *gate) late(tell func(string)) func() {
	why := g.reason()
	t := time.AfterFunc(patience, func() { tell(why) })
	return func() { t.Stop() }
}

// reason is why a call cannot begin.
func (g *gate) reason() string {
	if g.stopped {
		return fmt.Sprintf("adapter instance %q is stopped", g.name)
	}
	if g.running.Load() >= int64(g.concurrency()) || g.rate == nil {
		return fmt.Sprintf("adapter instance %q makes no more than %d calls at once", g.name, g.concurrency())
	}
	return fmt.Sprintf("adapter instance %q makes no more than %v calls a second", g.name, g.limits.PerSecond)
}

func (g *gate) concurrency() int {
	if g.limits.Concurrency > 0 {
		return g.limits.Concurrency
	}
	return defaultConcurrency
}

var errUnreached = errors.New("not reached")

// unreached tells whether a result says that the outside system is in trouble, as opposed to
// one that answers and says no.
func unreached(r Result) bool {
	if r.State != workflows.Failed {
		return false
	}
	class := r.Error.Get("class").Text()
	return class == ClassNetwork || class == ClassHTTP && r.Error.Get("statusCode").Float() >= 500
}
