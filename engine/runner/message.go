package runner

import (
	"errors"
	"fmt"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// errLogLine marks a line of a worker's log, which changes no job.
var errLogLine = errors.New("a log line")

// parseEvent reads an event from the bus: what workers say about their orders, and what jobs
// say to each other.
func parseEvent(v value.Value) (job string, ev engine.Event, err error) {
	if n, ok := v.Get("v").Int(); ok && n > 1 {
		return "", ev, fmt.Errorf("version %d is newer than 1", n)
	}
	job = v.Get("job").Text()
	if job == "" {
		return "", ev, fmt.Errorf("/job must name the job")
	}
	ev = engine.DecodeEvent(v)
	ev.At, ev.By = 0, "" // the engine's own clock counts, and only the API knows who people are
	switch v.Get("type").Text() {
	case "TaskFinished":
		ev.Outcome = engine.DecodeOutcome(v)
		switch ev.Outcome.State {
		case workflows.Success, workflows.Failure, workflows.Failed, workflows.Blocked:
		default:
			ev.Outcome = engine.Fail(engine.ClassProtocol, fmt.Sprintf("the worker answered with /finishState %q; it must be success, failure, error or blocked", ev.Outcome.State))
		}
		// What only built-in tasks may do is not taken from a worker.
		ev.Outcome.Writes, ev.Outcome.Counters, ev.Outcome.Describe, ev.Outcome.Delay = nil, nil, "", 0
	case "TaskProgress":
		ev.Type = engine.TaskProgressed
	case "JobPaused", "JobResumed", "JobCanceled":
		ev.By = engine.System // a parent's order
	case "TaskStarted", "ChildStarted", "ChildFinished", "ChildRefused", "EventReceived":
	case "TaskLog":
		return job, ev, errLogLine
	default:
		return "", ev, fmt.Errorf("/type %q is unknown", v.Get("type").Text())
	}
	return job, ev, nil
}

// byWorker tells whether only a worker may say this, and only about its own tasks.
func byWorker(ev *engine.Event) bool {
	return ev.Type == engine.TaskFinished || ev.Type == engine.TaskStarted || ev.Type == engine.TaskProgressed
}
