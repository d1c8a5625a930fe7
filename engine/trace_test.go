package engine_test

import (
	"fmt"
	"strings"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows/value"
)

// changes writes down what differs between two states of a job.
func (p *player) changes(old, job *engine.Job) {
	if old == nil {
		old = &engine.Job{Variables: value.Object("_id", job.Variables.Get("_id"), "initiator", job.Variables.Get("initiator"))}
	}
	for i := range job.Tasks {
		id := p.m.Workflow().Tasks[i].ID
		before := &engine.TaskState{}
		if len(old.Tasks) > 0 {
			before = old.Tasks[i]
		}
		if was, is := taskState(before), taskState(job.Tasks[i]); was != is && id != "workflow_start" {
			fmt.Fprintf(&p.out, "  %s: %s\n", strings.TrimPrefix(id, "workflow_"), is)
		}
	}
	if old.Status != job.Status {
		fmt.Fprintf(&p.out, "  job: %s\n", job.Status)
	}
	if (old.EndedAt != 0) != (job.EndedAt != 0) {
		fmt.Fprintf(&p.out, "  ended\n")
	}
	if old.HeldBy != job.HeldBy && job.HeldBy != "" {
		fmt.Fprintf(&p.out, "  held: %s\n", job.HeldBy)
	}
	p.records("error", old.Errors, job.Errors)
	p.records("warning", old.Warnings, job.Warnings)
	for name, v := range job.Variables.Members() {
		if !value.Equal(v, old.Variables.Get(name)) {
			fmt.Fprintf(&p.out, "  %s = %s\n", name, v)
		}
	}
	for _, t := range job.Timers {
		known := false
		for _, o := range old.Timers {
			known = known || o == t
		}
		if !known {
			fmt.Fprintf(&p.out, "  timer %s %s +%d\n", t.Kind, t.Task, t.Due-p.now)
		}
	}
}

func taskState(t *engine.TaskState) string {
	out := string(t.Status)
	switch {
	case t.Never:
		out = "never"
	case t.Skip && t.Status == engine.TaskIdle:
		out = "to be skipped"
	case t.Status == engine.TaskIdle:
		out = "idle"
	}
	if t.Skipped != "" {
		out += " " + t.Skipped
	}
	if t.Iteration > 1 {
		out += fmt.Sprintf(" #%d", t.Iteration)
	}
	if t.Retries > 0 && t.Status.Active() {
		out += fmt.Sprintf(" retry %d", t.Retries)
	}
	if t.Pending != nil {
		out += " delayed"
	}
	if t.Owner != "" && t.Status == engine.TaskRunning {
		out += " by " + t.Owner
	}
	if t.Worker != "" && t.Status == engine.TaskRunning {
		out += " on " + t.Worker
	}
	if t.Approved != "" {
		out += " approved by " + t.Approved
	}
	if !t.Changes.IsAbsent() {
		out += " changes " + t.Changes.String()
	}
	if l := t.Loop; l != nil && t.Status.Active() && l.Total != 1 {
		out += fmt.Sprintf(" %d+%d/%d", l.Done, l.Next-l.Done, l.Total)
	}
	return out
}

func (p *player) records(what string, old, now []engine.Record) {
	for i, r := range now {
		switch {
		case i >= len(old):
			fmt.Fprintf(&p.out, "  %s %s: %s\n", what, r.Task, engine.Text(r.Message))
		case r.Resolved && !old[i].Resolved:
			fmt.Fprintf(&p.out, "  %s %s resolved: %s\n", what, r.Task, engine.Text(r.Message))
		}
	}
}

func (p *player) effect(e engine.Effect) {
	switch e.Type {
	case engine.RunTask:
		fmt.Fprintf(&p.out, "  -> run %s#%d %s.%s %s", e.Task, e.Iteration, e.App, e.Method, e.Incoming)
		if e.Pool != "" {
			fmt.Fprintf(&p.out, " in %s", e.Pool)
		}
		if e.Attempt > 1 {
			fmt.Fprintf(&p.out, " attempt %d", e.Attempt)
		}
		if e.Actor != "Pronghorn" {
			fmt.Fprintf(&p.out, " as %s", e.Actor)
		}
		if e.Mode != "" {
			fmt.Fprintf(&p.out, " mode %s", e.Mode)
		}
		if !e.Guard.IsAbsent() {
			fmt.Fprintf(&p.out, " guard %s", e.Guard)
		}
		if e.Accept > 0 {
			fmt.Fprintf(&p.out, " accept %d", e.Accept)
		}
		if !e.Changes.IsAbsent() {
			fmt.Fprintf(&p.out, " changes %s", e.Changes)
		}
		if e.Deadline != 0 {
			fmt.Fprintf(&p.out, " until +%d", e.Deadline-p.now)
		}
		p.out.WriteByte('\n')
	case engine.StopTask:
		fmt.Fprintf(&p.out, "  -> stop %s#%d\n", e.Task, e.Iteration)
	case engine.StartChild:
		if e.Repair != nil {
			fmt.Fprintf(&p.out, "  -> %s job for %s#%d %s", e.Repair.Type(), e.Task, e.Iteration, e.Variables)
			if !e.Repair.Changes.IsAbsent() {
				fmt.Fprintf(&p.out, " changes %s", e.Repair.Changes)
			}
			p.out.WriteByte('\n')
			break
		}
		fmt.Fprintf(&p.out, "  -> child %s#%d[%d] %q %s", e.Task, e.Iteration, e.Element, e.Workflow, e.Variables)
		if e.Transformation != "" {
			fmt.Fprintf(&p.out, " through %s of %s", e.Transformation, e.Current)
		}
		p.out.WriteByte('\n')
	case engine.ControlChild:
		fmt.Fprintf(&p.out, "  -> %s child %s\n", e.Act, p.kid(e.Child))
	case engine.NotifyParent:
		fmt.Fprintf(&p.out, "  -> parent %s/%s: %s\n", e.Parent.Job, e.Parent.Task, e.Status)
	case engine.Announce:
		fmt.Fprintf(&p.out, "  -> %s\n", e.Topic)
	}
}

// kid writes a child's id as the task and element it belongs to.
func (p *player) kid(id string) string {
	for i := range p.m.Workflow().Tasks {
		task := p.m.Workflow().Tasks[i].ID
		for iteration := 1; iteration < 5; iteration++ {
			for element := -1; element < 10; element++ {
				if engine.ChildID("job", task, iteration, element) == id {
					return fmt.Sprintf("%s#%d[%d]", task, iteration, element)
				}
			}
		}
	}
	if id == engine.ChildID("job", "error_handler", 1, -1) {
		return "error_handler"
	}
	return id
}

func (p *player) explain() {
	for _, r := range p.m.Explain(p.job) {
		fmt.Fprintf(&p.out, "  %s", r.Kind)
		if r.Task != "" {
			fmt.Fprintf(&p.out, " %s", r.Task)
		}
		if r.Until != 0 {
			fmt.Fprintf(&p.out, " until +%d", r.Until-p.now)
		}
		fmt.Fprintf(&p.out, ": %s To end it: %s.\n", r.Text, r.Unblock)
	}
}
