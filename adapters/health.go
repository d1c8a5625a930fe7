package adapters

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/heddlehq/heddle/engine"
)

// States of instances, in the words of the API.
const (
	StateRunning = "RUNNING"
	StateStopped = "STOPPED"
	StateDead    = "DEAD" // it cannot be opened, does not pass its check, or its system is left alone
)

// Health is how an instance does in this process.
type Health struct {
	ID       string
	App      string
	Version  string
	State    string
	Problem  string    // why it is dead, as far as it is known
	Since    time.Time // when this process took the instance up
	Checked  time.Time // of the last check or use that told; zero when there was none
	Breaker  string    // closed, half-open or open
	Limits   Limits
	Running  int64 // calls under way
	Waiting  int64 // calls that wait for a limit
	Calls    int64 // since the limits were set
	Failures int64 // calls that ended in error
}

// health is what was found out about an instance.
type health struct {
	mu      sync.Mutex
	since   time.Time
	problem string
	checked time.Time
}

func (h *health) begin() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.since.IsZero() {
		h.since = time.Now()
	}
}

func (h *health) failed(err error) { h.found(err.Error()) }
func (h *health) worked()          { h.found("") }

func (h *health) found(problem string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.problem, h.checked = problem, time.Now()
}

// Health tells how each instance does.
func (s *Server) Health() ([]Health, error) {
	known, err := s.instances()
	if err != nil {
		return nil, err
	}
	var out []Health
	for _, e := range known.all() {
		e.health.mu.Lock()
		h := Health{
			ID: e.instance.ID, App: s.Kind.App, Version: s.Kind.Version, State: StateRunning, Problem: e.health.problem, Since: e.health.since,
			Checked: e.health.checked, Breaker: e.gate.state(), Limits: e.instance.Limits, Running: e.gate.running.Load(),
			Waiting: e.gate.waiting.Load(), Calls: e.gate.calls.Load(), Failures: e.gate.failures.Load(),
		}
		e.health.mu.Unlock()
		switch {
		case e.instance.Stopped:
			h.State = StateStopped
		case h.Breaker == "open" && h.Problem == "":
			h.State, h.Problem = StateDead, "the last calls could not reach the system"
		case h.Problem != "" || h.Breaker == "open":
			h.State = StateDead
		}
		out = append(out, h)
	}
	return out, nil
}

// Check opens an instance and has the kind look whether it works. The error says what does not.
func (s *Server) Check(ctx context.Context, id string) error {
	known, err := s.instances()
	if err != nil {
		return err
	}
	e, err := known.find(id)
	if err != nil {
		return err
	}
	return s.check(ctx, known, e)
}

// Try is Check by itself: it needs no bus, opens the instance for this once, and closes it.
func (s *Server) Try(ctx context.Context, id string) error {
	known, err := s.instances()
	if err != nil {
		return err
	}
	e, err := known.find(id)
	if err != nil {
		return err
	}
	return errors.Join(s.check(ctx, known, e), known.set(nil))
}

// checkTimeout bounds one check.
const checkTimeout = 15 * time.Second

func (s *Server) check(ctx context.Context, known *instances, e *entry) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	o, err := known.get(ctx, e)
	if err != nil {
		return err
	}
	defer o.release()
	if s.Kind.Check != nil {
		if err := s.Kind.Check(ctx, o.Instance, o.client); err != nil {
			err = o.named(err)
			e.health.failed(err)
			return err
		}
	}
	e.health.worked()
	return nil
}

// checkEvery is how often instances are looked at that nobody calls.
const checkEvery = 30 * time.Second

// watch checks the instances of a kind that can be checked until ctx ends.
func (s *Server) watch(ctx context.Context, known *instances) {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for {
		for _, e := range known.all() {
			e.health.begin()
			if s.Kind.Check == nil || e.instance.Stopped {
				continue
			}
			if err := s.check(ctx, known, e); err != nil && ctx.Err() == nil && !errors.Is(err, errReplaced) {
				s.log().Warn("adapter instance does not work", "adapter", e.instance.ID, "app", s.Kind.App, "err", err)
			}
		}
		select {
		case <-tick.C:
		case <-s.changed:
		case <-ctx.Done():
			return
		}
	}
}

// learn takes over what a call tells about its instance.
func (h *health) learn(r Result) {
	switch {
	case unreached(r):
		h.found(engine.Text(r.Error))
	case h.bad():
		h.worked()
	}
}

func (h *health) bad() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.problem != ""
}
