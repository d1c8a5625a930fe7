package runner

import (
	"errors"
	"fmt"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows/value"
)

// errLogLine marks a line of a worker's log, which changes no job.
var errLogLine = errors.New("a log line")

// parseEvent reads an event from the bus: what workers say about their orders, and what jobs
// say to each other.
func parseEvent(data []byte) (job string, ev engine.Event, err error) {
	v, err := value.ParseLast(data)
	if err != nil {
		return "", ev, err
	}
	if n, ok := v.Get("v").Int(); ok && n > 1 {
		return "", ev, fmt.Errorf("version %d is newer than 1", n)
	}
	job = v.Get("job").Text()
	if job == "" {
		return "", ev, fmt.Errorf("/job must name the job")
	}
	ev = engine.DecodeEvent(v)
	ev.At = 0 // the engine's own clock counts
	switch v.Get("type").Text() {
	case "TaskFinished":
		ev.Outcome = engine.DecodeOutcome(v)
		// What only built-in tasks may do is not taken from a worker.
		ev.Outcome.Writes, ev.Outcome.Counters, ev.Outcome.Describe, ev.Outcome.Delay = nil, nil, "", 0
	case "TaskProgress":
		ev.Type = engine.TaskProgressed
	case "TaskStarted", "JobPaused", "JobResumed", "JobCanceled", "ChildStarted", "ChildFinished", "ChildRefused", "EventReceived":
	case "TaskLog":
		return job, ev, errLogLine
	default:
		return "", ev, fmt.Errorf("/type %q is unknown", v.Get("type").Text())
	}
	return job, ev, nil
}
