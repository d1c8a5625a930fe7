package engine_test

import (
	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// decorate gives a workflow what the generator leaves out: retries of every kind, time-outs,
// loops of child jobs, error handlers, event listeners and parameters that cannot be
// resolved.
func (tr *trial) decorate(w *workflows.Workflow) {
	c := tr.chance
	if c.IntN(5) == 0 {
		w.SLA = int64(1 + c.IntN(5000))
	}
	if c.IntN(10) == 0 {
		w.Timeout = int64(1 + c.IntN(20_000))
	}
	if c.IntN(4) == 0 {
		w.ErrorHandler = "Handler"
	}
	for i := range w.Tasks {
		t := &w.Tasks[i]
		if workflows.IsReserved(t.ID) {
			continue
		}
		switch t.Name {
		case "childJob":
			loop := pick(c, "", "parallel", "sequential")
			var data []value.Value
			for k := range c.IntN(4) {
				data = append(data, value.Object("n", value.Int(int64(k))))
			}
			t.Incoming = t.Incoming.With("loopType", value.String(loop)).With("data_array", value.Array(data...))
			t.Children = workflows.Children{Concurrency: c.IntN(3), OnError: pick(c, "wait", "error"), Fail: pick(c, "all", "any", "never")}
		case "forEach":
			t.Incoming = value.Object("data_array", pick(c, value.Array(), value.Array(value.Int(1)), value.Array(value.Int(1), value.Int(2)), value.String("none")))
		case "delay", "merge":
			if c.IntN(3) == 0 {
				t.Name, t.App = "eventListenerJob", "WorkFlowEngine"
			}
		default:
			if c.IntN(20) == 0 {
				t.Incoming = t.Incoming.With("gone", value.String("$var.job.object#/nope"))
			}
		}
		if c.IntN(4) == 0 {
			t.Retry = &workflows.Retry{
				Auto: c.IntN(8) > 0, States: pick(c, []workflows.FinishState{workflows.Failed}, []workflows.FinishState{workflows.Failed, workflows.Failure}, []workflows.FinishState{workflows.Success}),
				Limit: c.IntN(3), Delay: int64(c.IntN(1000)), Backoff: pick(c, 0, 1, 2.5), MaxDelay: pick[int64](c, 0, 1500), Jitter: pick(c, 0, 0.3),
				Budget: pick[int64](c, 0, 0, 2000), Classes: pick(c, nil, nil, []string{"device", "net"}), NotClasses: pick(c, nil, nil, []string{"net"}),
				Exhausted: pick(c, "", workflows.ExhaustedFail, workflows.ExhaustedBlock, workflows.ExhaustedPause),
			}
		}
		if c.IntN(4) == 0 {
			t.Timeouts = workflows.Timeouts{Queue: pick[int64](c, 0, 500), Run: pick[int64](c, 0, 2000), Heartbeat: pick[int64](c, 0, 700)}
		}
		t.ContinueOnErr = c.IntN(12) == 0
		if c.IntN(15) == 0 && t.Type != workflows.Manual {
			t.Actor = pick(c, "job", w.Tasks[c.IntN(len(w.Tasks))].ID)
		}
	}
}

// chaos plays everything that can happen.
func (tr *trial) chaos(w *workflows.Workflow) {
	tr.decorate(w)
	limits := engine.DefaultLimits
	if tr.chance.IntN(3) == 0 {
		limits.Reverts = tr.chance.IntN(4)
		limits.Elements = 2
	}
	if limits.Reverts == 0 {
		limits.Reverts = 1 // none would be no limit
	}
	if !tr.begin(w, limits) {
		return
	}
	for range 60 {
		tr.now += int64(tr.chance.IntN(300))
		tr.take(tr.anything())
		tr.late()
		if tr.job.Status.Final() {
			break
		}
	}
	if tr.job.Status.Final() {
		for range 5 {
			tr.take(tr.nonsense())
			tr.take(tr.act())
		}
	}
	tr.replay()
}

func (tr *trial) anything() engine.Event {
	tasks := tr.running()
	switch n := tr.chance.IntN(100); {
	case n < 8:
		return tr.nonsense()
	case n < 26:
		return tr.act()
	case n < 34:
		return engine.Event{Type: engine.JobResumed, By: "ann"}
	case n < 46:
		if due := tr.job.Due(); due > 0 {
			tr.now = max(tr.now, due)
		}
		return engine.Event{Type: engine.TimersDue}
	case tr.job.Handling && n < 70:
		ev := engine.Event{Type: engine.ChildFinished, Task: workflows.ErrorHandlerID, Iteration: 1, Element: -1, Status: pick(tr.chance, engine.Complete, engine.Canceled, engine.Errored)}
		if tr.chance.IntN(4) == 0 {
			ev.Type, ev.Outcome = engine.ChildRefused, engine.Fail(engine.ClassDocument, "no such workflow")
		}
		return ev
	case len(tasks) == 0:
		return tr.act()
	case n < 58:
		return tr.sign(pick(tr.chance, tasks...))
	default:
		task := pick(tr.chance, tasks...)
		ev := tr.result(task, tr.finish(task))
		if ev.Type == engine.TaskFinished {
			switch tr.chance.IntN(12) {
			case 0:
				ev.Outcome.Delay = int64(tr.chance.IntN(500))
			case 1:
				ev.Outcome.State = workflows.Blocked
			case 2:
				ev.Outcome.Writes = []engine.Write{{Name: "number", Value: value.Int(int64(tr.chance.IntN(9)))}, {Name: "_id", Value: value.Null}}
				ev.Outcome.Counters = []engine.Count{{Name: "n", N: int64(tr.chance.IntN(9))}}
				ev.Outcome.Describe = "changed"
			}
		}
		return ev
	}
}

// sign is news of work that goes on.
func (tr *trial) sign(task string) engine.Event {
	t, _ := tr.m.Task(tr.job, task)
	ev := engine.Event{Task: task, Iteration: t.Iteration, At: tr.now - int64(tr.chance.IntN(50))}
	switch ev.Type = pick(tr.chance, engine.TaskStarted, engine.TaskProgressed, engine.TaskClaimed, engine.TaskAssigned, engine.TaskReleased, engine.ChildStarted, engine.ChildFinished); ev.Type {
	case engine.TaskStarted:
		ev.Worker = pick(tr.chance, "", "w1", "w2")
	case engine.TaskProgressed:
		ev.Percent, ev.Text = float64(tr.chance.IntN(100)), "on it"
	case engine.TaskClaimed, engine.TaskReleased:
		ev.By = pick(tr.chance, "ann", "bob")
	case engine.TaskAssigned:
		ev.By, ev.Owner = "ann", pick(tr.chance, "ann", "bob")
	case engine.ChildStarted, engine.ChildFinished:
		ev.Element = tr.chance.IntN(4) - 1
		ev.Status = pick(tr.chance, engine.Errored, engine.Running)
	}
	return ev
}

// act is what an operator may do, sensible or not.
func (tr *trial) act() engine.Event {
	task := func() string { return tr.w.Tasks[tr.chance.IntN(len(tr.w.Tasks))].ID }
	ev := engine.Event{By: "ann", Task: task()}
	switch ev.Type = pick(tr.chance,
		engine.JobPaused, engine.JobPaused, engine.JobCanceled, engine.JobContinued, engine.JobReverted, engine.JobReverted,
		engine.VariablesPatched, engine.AccessChanged, engine.JobArchived, engine.JobRestored, engine.TaskRetried, engine.TaskRetried, engine.TaskSkipped, engine.TaskCompleted,
		engine.TaskApproved, engine.TaskRepaired); ev.Type {
	case engine.JobCanceled:
		ev.Graceful = true
		if tr.chance.IntN(4) == 0 {
			ev.Graceful = false
		} else if tr.chance.IntN(2) == 0 {
			ev.Type = engine.JobPaused // cancel rarely
		}
	case engine.JobReverted:
		ev.To = task()
	case engine.VariablesPatched:
		ev.Variables = value.Object("number", value.Int(int64(tr.chance.IntN(5))))
	case engine.AccessChanged:
		ev.Groups = []string{pick(tr.chance, "g1", "g2")}
	case engine.TaskCompleted:
		ev.Outcome = engine.Succeed("result", value.True)
		ev.Outcome.State = pick(tr.chance, workflows.Success, workflows.Failure, workflows.Failed, workflows.Blocked, "odd")
	}
	// Half of the time it meets a task that something can be done about.
	if tr.chance.IntN(2) == 0 {
		for i, t := range tr.job.Tasks {
			if t.Status == engine.TaskError || t.Status == engine.TaskBlocked {
				ev.Task = tr.w.Tasks[i].ID
			}
		}
	}
	return ev
}

// nonsense is an event that nobody should send.
func (tr *trial) nonsense() engine.Event {
	return engine.Event{
		Type: pick(tr.chance,
			engine.JobStarted, engine.TaskFinished, engine.TaskStarted, engine.TaskProgressed, engine.TaskClaimed, engine.ChildStarted,
			engine.ChildFinished, engine.ChildRefused, engine.EventReceived, engine.TimersDue, engine.VariablesPatched, engine.JobContinued, "Nothing", ""),
		At:        pick(tr.chance, 0, -5, tr.now-100_000, tr.now+5),
		Task:      pick(tr.chance, "", "nope", workflows.StartID, workflows.EndID, workflows.ErrorHandlerID, tr.w.Tasks[tr.chance.IntN(len(tr.w.Tasks))].ID),
		Iteration: tr.chance.IntN(5) - 1,
		Element:   tr.chance.IntN(5) - 2,
		Child:     pick(tr.chance, "", "other"),
		Status:    pick(tr.chance, "", engine.Paused, engine.Complete, "odd"),
		Outcome:   engine.Outcome{State: pick(tr.chance, "", workflows.Loop, workflows.Success), Delay: pick[int64](tr.chance, -1, 0, 1<<62)},
		Variables: pick(tr.chance, value.Absent, value.Null, value.Array(), value.Object("x", value.Absent)),
		Percent:   pick(tr.chance, -1, 0, 1e300),
	}
}
