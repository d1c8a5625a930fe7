package engine_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

var update = flag.Bool("update", false, "rewrite the expected traces in testdata")

// TestJobs plays every script of testdata/jobs and compares what happened with its trace.
// A file holds a workflow (see parseWorkflow), a script (see player.play) and the trace.
func TestJobs(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/jobs/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in testdata/jobs: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			section := func(name string) *txtar.File {
				i := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == name })
				if i < 0 {
					archive.Files = append(archive.Files, txtar.File{Name: name})
					i = len(archive.Files) - 1
				}
				return &archive.Files[i]
			}
			got := play(t, string(section("workflow").Data), string(section("script").Data))
			want := section("trace")
			if *update {
				want.Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(want.Data), got); diff != "" {
				t.Errorf("trace of %s (-want +got):\n%s", file, diff)
			}
		})
	}
}

// player plays a script and writes down what happens.
type player struct {
	t      testing.TB
	m      *engine.Machine
	job    *engine.Job
	now    int64
	out    strings.Builder
	events []engine.Event
}

const epoch = 1_700_000_000_000

func play(t testing.TB, workflow, script string) string {
	t.Helper()
	m, err := engine.Compile(parseWorkflow(t, workflow), catalog, "r1", engine.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	p := &player{t: t, m: m, now: epoch}
	for line := range strings.SplitSeq(strings.TrimSpace(script), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		fmt.Fprintf(&p.out, "> %s\n", line)
		p.play(line)
	}
	p.replay()
	return p.out.String()
}

// play carries out one line of a script. Besides the events there are
//
//	wait MS         lets time pass and rings the timers that came due
//	explain, vars, outstanding, errors
//
// A task is written a, a#2 for its second iteration, or a[0] for element 0 of its loop. What
// is left out is taken from the job as it is.
func (p *player) play(line string) {
	verb, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	ev := engine.Event{At: p.now, By: "ann"}
	name, arg, _ := strings.Cut(rest, " ")
	arg = strings.TrimSpace(arg)
	p.target(&ev, name)
	switch verb {
	case "start":
		ev = engine.Event{Type: engine.JobStarted, At: p.now, Start: &engine.Start{ID: "job", Initiator: "ann", User: "u1", Variables: p.json(rest)}}
	case "child-start":
		ev = engine.Event{Type: engine.JobStarted, At: p.now, Start: &engine.Start{
			ID: "job", Initiator: "ann", User: "u1", Ancestors: []string{"root"},
			Parent: &engine.Parent{Job: "root", Task: "c", Iteration: 1, Element: -1},
		}}
	case "reached", "changed":
		ev.Type, ev.By = engine.TaskFinished, ""
		ev.Outcome = engine.Outcome{State: workflows.Success}
		if verb == "reached" {
			ev.Outcome = p.outcome("block", "threshold: too many changes")
		}
		ev.Outcome.Changes = p.json(arg)
	case "start-only":
		ev = engine.Event{Type: engine.JobStarted, At: p.now, Start: &engine.Start{ID: "job", Initiator: "ann", User: "u1", Only: strings.Fields(rest)}}
	case "start-force":
		force, _ := strconv.ParseInt(rest, 10, 64)
		ev = engine.Event{Type: engine.JobStarted, At: p.now, Start: &engine.Start{ID: "job", Initiator: "ann", User: "u1", Force: force}}
	case "ok", "fail", "error", "block", "junk":
		ev.Type, ev.By = engine.TaskFinished, ""
		ev.Outcome = p.outcome(verb, arg)
	case "answer":
		ev.Type = engine.TaskFinished
		state, out, _ := strings.Cut(arg, " ")
		ev.Outcome = p.outcome(state, out)
	case "delayed":
		ev.Type, ev.By = engine.TaskFinished, ""
		ms, out, _ := strings.Cut(arg, " ")
		ev.Outcome = p.outcome("ok", out)
		ev.Outcome.Delay, _ = strconv.ParseInt(ms, 10, 64)
	case "started":
		ev.Type, ev.Worker, ev.By = engine.TaskStarted, arg, ""
	case "progress":
		ev.Type, ev.By = engine.TaskProgressed, ""
		percent, text, _ := strings.Cut(arg, " ")
		ev.Percent, _ = strconv.ParseFloat(percent, 64)
		ev.Text = text
	case "claim":
		ev.Type = engine.TaskClaimed
		if arg != "" {
			ev.By = arg
		}
	case "assign":
		ev.Type, ev.Owner = engine.TaskAssigned, arg
	case "release":
		ev.Type = engine.TaskReleased
	case "pause":
		ev.Type = engine.JobPaused
	case "resume":
		ev.Type = engine.JobResumed
	case "cancel":
		ev.Type, ev.Task, ev.Graceful = engine.JobCanceled, "", rest == "graceful"
	case "retry":
		ev.Type, ev.Variables = engine.TaskRetried, p.json(arg)
	case "skip":
		ev.Type = engine.TaskSkipped
	case "complete":
		ev.Type = engine.TaskCompleted
		state, out, _ := strings.Cut(arg, " ")
		ev.Outcome = p.outcome(state, out)
	case "continue":
		ev.Type = engine.JobContinued
	case "revert":
		ev.Type, ev.To = engine.JobReverted, arg
	case "approve":
		ev.Type, ev.Mode = engine.TaskApproved, arg
	case "repair":
		ev.Type, ev.Mode = engine.TaskRepaired, arg
	case "patch":
		ev = engine.Event{Type: engine.VariablesPatched, At: p.now, By: "ann", Variables: p.json(rest)}
	case "access":
		ev = engine.Event{Type: engine.AccessChanged, At: p.now, By: "ann", Groups: strings.Fields(rest)}
	case "child":
		ev.By = ""
		state, out, _ := strings.Cut(arg, " ")
		switch state {
		case "started":
			ev.Type = engine.ChildStarted
		case "refused":
			ev.Type, ev.Outcome = engine.ChildRefused, engine.Fail(engine.ClassDocument, out)
		default:
			ev.Type, ev.Status, ev.Variables = engine.ChildFinished, engine.Status(state), p.json(out)
		}
	case "event":
		ev.Type, ev.By, ev.Variables = engine.EventReceived, "", p.json(arg)
	case "wait":
		ms, err := strconv.ParseInt(rest, 10, 64)
		if err != nil {
			p.t.Fatal(err)
		}
		p.now += ms
		if due := p.job.Due(); due == 0 || due > p.now {
			return
		}
		ev = engine.Event{Type: engine.TimersDue, At: p.now}
	case "ring":
		ev = engine.Event{Type: engine.TimersDue, At: p.now}
	case "again":
		ev = p.events[len(p.events)-1]
	case "explain":
		p.explain()
		return
	case "vars":
		fmt.Fprintf(&p.out, "  %s\n", p.job.Variables.Without("_id", "initiator"))
		return
	case "outstanding":
		for _, e := range p.m.Outstanding(p.job) {
			p.effect(e)
		}
		return
	default:
		p.t.Fatalf("unknown verb in %q", line)
	}
	p.step(ev)
}

// target fills in the task an event speaks of.
func (p *player) target(ev *engine.Event, name string) {
	if p.job == nil {
		return
	}
	ev.Element = -1
	if head, element, ok := strings.Cut(name, "["); ok {
		name = head
		ev.Element, _ = strconv.Atoi(strings.TrimSuffix(element, "]"))
	}
	id, iteration, given := strings.Cut(name, "#")
	ev.Task = id
	if given {
		ev.Iteration, _ = strconv.Atoi(iteration)
	} else if t, ok := p.m.Task(p.job, id); ok {
		ev.Iteration = t.Iteration
	} else {
		ev.Iteration = 1
	}
}

func (p *player) json(text string) value.Value {
	if text == "" {
		return value.Absent
	}
	v, err := value.Parse([]byte(text))
	if err != nil {
		p.t.Fatalf("%s: %v", text, err)
	}
	return v
}

func (p *player) outcome(verb, arg string) engine.Outcome {
	switch verb {
	case "ok", "success":
		return engine.Outcome{State: workflows.Success, Outgoing: p.json(arg)}
	case "fail", "failure":
		return engine.Outcome{State: workflows.Failure, Outgoing: p.json(arg)}
	case "junk":
		return engine.Outcome{State: workflows.FinishState(arg)}
	}
	state := workflows.Failed
	if verb == "block" || verb == "blocked" {
		state = workflows.Blocked
	}
	class, text, ok := strings.Cut(arg, ": ")
	if !ok {
		class, text = "device", arg
	}
	return engine.Outcome{State: state, Error: engine.Problem(class, text)}
}

// step takes one event in, then runs the built-in tasks it ordered, as a runner does.
func (p *player) step(ev engine.Event) {
	p.t.Helper()
	before := p.encode(p.job)
	next, effects, err := p.m.Step(p.job, ev)
	if after := p.encode(p.job); !bytes.Equal(before, after) {
		p.t.Errorf("Step changed its input from %s to %s", before, after)
	}
	if err != nil {
		if next != nil || effects != nil {
			p.t.Errorf("an error came with a job or effects")
		}
		switch {
		case errors.Is(err, engine.ErrStale):
			fmt.Fprintf(&p.out, "  stale\n")
		case errors.As(err, new(*engine.Conflict)):
			fmt.Fprintf(&p.out, "  conflict: %v\n", err)
		case errors.As(err, new(*engine.Unknown)):
			fmt.Fprintf(&p.out, "  unknown: %v\n", err)
		default:
			p.t.Errorf("untyped error %v", err)
		}
		return
	}
	p.events = append(p.events, ev)
	p.changes(p.job, next)
	p.job = next
	p.roundTrip()
	for _, e := range effects {
		p.effect(e)
	}
	for _, e := range effects {
		if e.Type != engine.RunTask {
			continue
		}
		if run, ok := pure(e); ok {
			if t, _ := p.m.Task(p.job, e.Task); t.Iteration != e.Iteration || t.Status != engine.TaskRunning {
				continue // another one's result has ended it
			}
			fmt.Fprintf(&p.out, "  . %s\n", e.Task)
			p.step(engine.Event{Type: engine.TaskFinished, At: p.now, Task: e.Task, Iteration: e.Iteration, Outcome: run(p.job)})
		}
	}
}

func (p *player) encode(job *engine.Job) []byte {
	if job == nil {
		return nil
	}
	return p.m.Append(nil, job)
}

// roundTrip checks that the stored form of the job loses nothing.
func (p *player) roundTrip() {
	p.t.Helper()
	stored := p.encode(p.job)
	v, err := value.Parse(stored)
	if err != nil {
		p.t.Fatalf("stored form %s: %v", stored, err)
	}
	back, err := p.m.Decode(v)
	if err != nil {
		p.t.Fatal(err)
	}
	if again := p.encode(back); !bytes.Equal(stored, again) {
		p.t.Errorf("stored form\n%s\nreads as\n%s", stored, again)
	}
}

// replay checks that the same events give the same job.
func (p *player) replay() {
	p.t.Helper()
	var job *engine.Job
	for _, ev := range p.events {
		next, _, err := p.m.Step(job, ev)
		if err != nil {
			p.t.Fatalf("replay of %s: %v", engine.AppendEvent(nil, &ev), err)
		}
		job = next
	}
	if want, got := p.encode(p.job), p.encode(job); !bytes.Equal(want, got) {
		p.t.Errorf("replay gave\n%s\nwant\n%s", got, want)
	}
}
