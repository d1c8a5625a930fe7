package adapters

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/heddlehq/heddle/engine/bus"
)

const cancelPrefix = "heddle.cancel."

// flight is an order under way, from the moment it was taken.
type flight struct {
	order      Order
	ctx        context.Context // of this one piece of work, which is why it is kept
	cancel     context.CancelCauseFunc
	release    context.CancelFunc // frees ctx
	deliveries []bus.Delivery     // the order may have come more than once
}

// flights are the orders under way, by job and key, and the answers the bus did not take.
type flights struct {
	mu      sync.Mutex
	byJob   map[string]map[string]*flight
	answers map[string]Result
}

// maxAnswers bounds the answers kept for orders that went back.
const maxAnswers = 256

func newFlights() *flights {
	return &flights{byJob: map[string]map[string]*flight{}, answers: map[string]Result{}}
}

// add registers an order; nil when it is under way already. The delivery of such a repeat is
// settled together with the first one.
func (s *flights) add(ctx context.Context, o Order, d bus.Delivery) *flight {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.byJob[o.Job][o.Key]; f != nil {
		f.join(d)
		return nil
	}
	f := &flight{order: o, deliveries: []bus.Delivery{d}}
	ctx, f.cancel = context.WithCancelCause(ctx)
	f.ctx, f.release = ctx, func() { f.cancel(nil) }
	if o.Deadline > 0 {
		var timer context.CancelFunc
		f.ctx, timer = context.WithDeadline(ctx, time.UnixMilli(o.Deadline))
		f.release = func() { timer(); f.cancel(nil) }
	}
	if s.byJob[o.Job] == nil {
		s.byJob[o.Job] = map[string]*flight{}
	}
	s.byJob[o.Job][o.Key] = f
	return f
}

// join adds a repeat. Another delivery of the same message takes the place of the one before,
// which lost its lease.
func (f *flight) join(d bus.Delivery) {
	for i, have := range f.deliveries {
		if have.ID() == d.ID() && have.ID() != "" && have.Deliveries() < d.Deliveries() {
			f.deliveries[i] = d
			return
		}
	}
	f.deliveries = append(f.deliveries, d)
}

// land ends a flight and settles every delivery of its order.
func (s *flights) land(f *flight, settle func(bus.Delivery)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byJob[f.order.Job], f.order.Key)
	if len(s.byJob[f.order.Job]) == 0 {
		delete(s.byJob, f.order.Job)
	}
	for _, d := range f.deliveries {
		settle(d)
	}
}

// keep remembers an answer that could not be sent, so that the work is not done again when
// its order comes back.
func (s *flights) keep(f *flight, answer Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.answers) >= maxAnswers {
		for key := range s.answers {
			delete(s.answers, key) // any one: its work is merely done twice
			break
		}
	}
	s.answers[f.order.Key] = answer
}

// kept returns the answer kept for the order, if there is one, and forgets it.
func (s *flights) kept(f *flight) (Result, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer, ok := s.answers[f.order.Key]
	delete(s.answers, f.order.Key)
	return answer, ok
}

// prolong renews the lease on every order under way.
func (s *flights) prolong(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.mu.Lock()
		for _, job := range s.byJob {
			for _, f := range job {
				for _, d := range f.deliveries {
					d.Working()
				}
			}
		}
		s.mu.Unlock()
	}
}

// signal takes heddle.cancel.<job> with the key of the order to stop, or "" for all.
func (s *flights) signal(subject string, data []byte) {
	job, err := bus.Untoken(strings.TrimPrefix(subject, cancelPrefix))
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, f := range s.byJob[job] {
		if len(data) == 0 || string(data) == key {
			f.cancel(errCanceled)
		}
	}
}
