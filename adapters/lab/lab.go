// Package lab is an adapter for tests, demonstrations and training: its methods do what the
// caller scripts, and touch nothing.
package lab

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// App is how tasks name the lab.
const App = "Lab"

// Kind is the lab. Nothing has to be configured.
func Kind() *adapters.Kind {
	return &adapters.Kind{
		App: App, Version: "1.0.0", Summary: "Scripted methods for tests, demonstrations and training.",
		Open: func(context.Context, adapters.Instance) (any, error) {
			return &world{counts: counts{byKey: map[string]int{}}, targets: map[string]*target{}}, nil
		},
		Methods: []adapters.Spec{
			adapters.Method("compute", compute).Says("Gives each of its entries the members to add.").ReadOnly(),
			adapters.Method("echo", echo).Says("Gives back its value.").ReadOnly(),
			adapters.Method("export", export).Says("Lists the entries of a target, or fails as told.").ReadOnly().MayWarn(),
			adapters.Method("fail", fail).Says("Ends as it is told to.").ReadOnly().MayBlock().MayWarn(),
			adapters.Method("flaky", flaky).Says("Fails so many times, then gives back its value.").ReadOnly().MayWarn(),
			adapters.Method("progress", progress).Says("Tells how far it is, step by step, and writes a line for each.").ReadOnly(),
			adapters.Guarded("provision", plan, apply).Replans().Says("Writes entries to a target. Once approved it plans anew."),
			adapters.Method("read", read).Says("Gives what a target holds and how often it was written to.").ReadOnly(),
			adapters.Method("silent", silent).Says("Says nothing until it is canceled or its deadline passes.").ReadOnly(),
			adapters.Method("sleep", sleep).Says("Takes its time, then gives back its value.").ReadOnly(),
			adapters.Guarded("synchronise", plan, apply).Says("Writes entries to a target. Once approved it writes just what was blocked."),
		},
	}
}

type anyValue struct {
	Value value.Value `json:"value,omitzero" doc:"given back as result"`
}

func echo(_ context.Context, _ *adapters.Call, in anyValue) (value.Value, error) {
	return in.Value, nil
}

type ending struct {
	Class string `json:"class,omitempty" doc:"class of the error; lab unless given"`
	Text  string `json:"text,omitempty" doc:"what the error says"`
	State string `json:"state,omitempty" enum:"blocked,error,failure" doc:"finish state; error unless given"`
}

func (e ending) err() error {
	if e.Class == "" {
		e.Class = "lab"
	}
	if e.Text == "" {
		e.Text = "failed as told"
	}
	return &adapters.Error{Class: e.Class, Text: e.Text, State: workflows.FinishState(e.State)}
}

func fail(_ context.Context, _ *adapters.Call, in ending) (value.Value, error) {
	return value.Null, in.err()
}

// world is what the calls of the lab share.
type world struct {
	counts
	targets map[string]*target
}

// counts remembers how often flaky failed.
type counts struct {
	mu    sync.Mutex
	byKey map[string]int
}

// maxKeys bounds what is remembered; beyond it everything starts afresh.
const maxKeys = 10000

type flakyInput struct {
	anyValue
	ending
	Key      string `json:"key,omitempty" doc:"what the failures are counted for; the task of the job unless given"`
	Failures int    `json:"failures" doc:"how often it fails"`
}

func flaky(_ context.Context, c *adapters.Call, in flakyInput) (value.Value, error) {
	key := in.Key
	if key == "" {
		key = c.Order.Job + "/" + c.Order.Task
	}
	n := adapters.Client[*world](c)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.byKey[key] < in.Failures {
		if len(n.byKey) >= maxKeys {
			clear(n.byKey)
		}
		n.byKey[key]++
		return value.Null, in.err()
	}
	delete(n.byKey, key)
	return in.Value, nil
}

type duration struct {
	Seconds float64 `json:"seconds" doc:"how long it takes, up to a day"`
}

const day = 24 * 60 * 60

func (d duration) wait(ctx context.Context) error {
	if d.Seconds < 0 || d.Seconds > day {
		return &adapters.Error{Class: engine.ClassInput, Text: fmt.Sprintf("seconds must be from 0 to %d, not %v", day, d.Seconds)}
	}
	timer := time.NewTimer(time.Duration(d.Seconds * float64(time.Second)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type sleepInput struct {
	anyValue
	duration
}

func sleep(ctx context.Context, _ *adapters.Call, in sleepInput) (value.Value, error) {
	return in.Value, in.wait(ctx)
}

type progressInput struct {
	duration
	Steps int `json:"steps" doc:"how many steps it takes, up to 1000"`
}

func progress(ctx context.Context, c *adapters.Call, in progressInput) (int, error) {
	if in.Steps < 1 || in.Steps > 1000 {
		return 0, &adapters.Error{Class: engine.ClassInput, Text: fmt.Sprintf("steps must be from 1 to 1000, not %d", in.Steps)}
	}
	step := duration{in.Seconds / float64(in.Steps)}
	for i := range in.Steps {
		if err := step.wait(ctx); err != nil {
			return i, err
		}
		text := fmt.Sprintf("step %d of %d", i+1, in.Steps)
		c.Progress(float64(i+1)*100/float64(in.Steps), text)
		c.Log(slog.LevelInfo, text)
	}
	return in.Steps, nil
}

func silent(ctx context.Context, _ *adapters.Call, _ struct{}) (value.Value, error) {
	<-ctx.Done()
	return value.Null, ctx.Err()
}
