package builtin

import (
	"fmt"
	"math"
	"strconv"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// maxWait bounds what a task may wait: ten years, in milliseconds.
const maxWait = 10 * 366 * 24 * 3600 * 1000

// wait is a time parameter in milliseconds, of which one unit has ms.
func wait(in value.Value, param string, ms float64) (int64, error) {
	t := math.Round(in.Get(param).Float() * ms)
	if !(t >= 0 && t <= maxWait) {
		return 0, badInput("the parameter %q must be from 0 to %.0f, not %s", param, maxWait/ms, value.FormatNumber(in.Get(param).Float()))
	}
	return int64(t), nil
}

func delay(c *Call) engine.Outcome {
	ms, err := wait(c.Incoming, "time", 1000)
	if err != nil {
		return failed(err)
	}
	out := engine.Succeed("time_in_milliseconds", value.Int(ms))
	out.Delay = ms
	return out
}

// classStub is the class of the error that a stub ends in when it is told to.
const classStub = "stub"

func stub(c *Call) engine.Outcome {
	ms, err := wait(c.Incoming, "delay", 1000)
	if err != nil {
		return failed(err)
	}
	response := orNull(c.Incoming.Get("response"))
	out := engine.Succeed("response", response)
	if c.Incoming.Get("type").Text() == "error" {
		out = engine.Fail(classStub, text(response))
		out.Error = out.Error.With("response", response)
	}
	out.Delay = ms
	return out
}

// reattempt counts in the job how often it was run with its attemptID.
func reattempt(c *Call) engine.Outcome {
	id, err := name(c.Incoming, "attemptID")
	if err != nil {
		return failed(err)
	}
	ms, err := wait(c.Incoming, "minutes", 60_000)
	if err != nil {
		return failed(err)
	}
	attempts, err := whole(c.Incoming, "attempts", 0, 1<<31)
	if err != nil {
		return failed(err)
	}
	counter := "reattempt/" + id
	n := c.Job.Counter(counter) + 1
	count := []engine.Count{{Name: counter, N: n}}
	if n > attempts {
		out := engine.Fail(engine.ClassLimit, fmt.Sprintf("all %d attempts of %q are used up", attempts, clip(id)))
		out.Counters = count
		return out
	}
	return engine.Outcome{
		State:    workflows.Success,
		Outgoing: value.Object("response", value.String("attempt "+strconv.FormatInt(n, 10)+" of "+strconv.FormatInt(attempts, 10))),
		Counters: count,
		Delay:    ms,
	}
}
