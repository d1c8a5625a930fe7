package engine

import (
	"fmt"
	"slices"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// beginChildren starts the child jobs of a childJob task: one, or one per element.
func (s *stepper) beginChildren(i int) {
	t := s.edit(i)
	in := t.Incoming
	if in.Get("workflow").Text() == "" {
		s.end(i, Fail(ClassInput, "workflow must be the name of the workflow to start"))
		return
	}
	if vars := in.Get("variables"); !vars.IsNothing() && !vars.IsObject() && !(vars.IsString() && vars.Text() == "") {
		s.end(i, Fail(ClassInput, fmt.Sprintf("variables must be an object, not %s", vars.Kind())))
		return
	}
	if limit := s.m.limits.Depth; limit > 0 && len(s.job.Ancestors) >= limit {
		s.end(i, Fail(ClassLimit, fmt.Sprintf("child jobs are nested %d deep; a workflow that starts itself?", limit)))
		return
	}
	mode := in.Get("loopType").Text()
	if mode == "" {
		t.Loop = &Loop{Total: 1}
		s.dispatch(i)
		return
	}
	data := in.Get("data_array")
	switch {
	case mode != "parallel" && mode != "sequential":
		s.end(i, Fail(ClassInput, fmt.Sprintf("loopType %q must be \"\", \"parallel\" or \"sequential\"", mode)))
		return
	case !data.IsArray():
		s.end(i, Fail(ClassInput, fmt.Sprintf("data_array must be an array of objects, not %s", data.Kind())))
		return
	case s.m.limits.Elements > 0 && data.Len() > s.m.limits.Elements:
		s.end(i, Fail(ClassLimit, fmt.Sprintf("data_array has %d elements; at most %d are allowed", data.Len(), s.m.limits.Elements)))
		return
	}
	if in.Get("transformation").Text() == "" {
		for k, e := range data.Elements() {
			if !e.IsObject() {
				s.end(i, Fail(ClassInput, fmt.Sprintf("element %d of data_array must be an object of variables, not %s", k, e.Kind())))
				return
			}
		}
	}
	t.Loop = &Loop{Total: data.Len()}
	s.dispatch(i)
}

// dispatch starts as many children as the cap allows, none while the job is held, and ends
// the task after the last. A canceled job starts none any more.
func (s *stepper) dispatch(i int) {
	t := s.edit(i)
	loop := *t.Loop
	loop.Kids = slices.Clip(loop.Kids)
	if s.job.Status == Canceling {
		loop.Total = loop.Done + loop.Live
	}
	single := t.Incoming.Get("loopType").Text() == ""
	limit := loop.Total
	switch {
	case t.Incoming.Get("loopType").Text() == "sequential":
		limit = 1
	case s.m.places[i].task.Children.Concurrency > 0:
		limit = s.m.places[i].task.Children.Concurrency
	}
	var done map[int]bool // in an earlier attempt
	for _, k := range loop.Kids {
		if k.Iteration != t.Iteration && k.Element >= loop.Next {
			if done == nil {
				done = map[int]bool{}
			}
			done[k.Element] = true
		}
	}
	for s.job.Status == Running && loop.Next < loop.Total && loop.Live < limit {
		e := loop.Next
		loop.Next++
		if done[e] {
			continue
		}
		if single {
			e = -1
		}
		kid := Kid{ID: ChildID(s.job.ID, s.id(i), t.Iteration, e), Iteration: t.Iteration, Element: e, Status: Running}
		loop.Kids = append(loop.Kids, kid)
		loop.Live++
		s.emit(s.m.startChild(s.job, i, kid))
	}
	t.Loop = &loop
	if loop.Done == loop.Total {
		s.endChildren(i)
	}
}

// startChild is the order to start one child job.
func (m *Machine) startChild(job *Job, i int, kid Kid) Effect {
	task, t := m.places[i].task, job.Tasks[i]
	e := Effect{
		Type: StartChild, Key: kid.ID + "/start", Task: task.ID, Iteration: t.Iteration, Element: kid.Element, Child: kid.ID,
		Workflow: t.Incoming.Get("workflow").Text(), Variables: t.Incoming.Get("variables"),
	}
	if !e.Variables.IsObject() {
		e.Variables = value.Object()
	}
	if kid.Element < 0 {
		return e
	}
	e.Current = t.Incoming.Get("data_array").At(kid.Element)
	e.Transformation = t.Incoming.Get("transformation").Text()
	if e.Transformation == "" {
		e.Variables = Merged(e.Variables, e.Current)
	}
	return e
}

// Merged is an object with the members of both; those of over win.
func Merged(under, over value.Value) value.Value {
	var m value.Members
	for k, v := range under.Members() {
		m.Set(k, v)
	}
	for k, v := range over.Members() {
		m.Set(k, v)
	}
	return m.Value()
}

// startChildren are the orders for every child that has no result yet.
func (m *Machine) startChildren(job *Job, i int) []Effect {
	var out []Effect
	if loop := job.Tasks[i].Loop; loop != nil {
		for _, k := range loop.Kids {
			if !k.Done {
				if m.places[i].kind == kindPlain {
					out = append(out, m.startRepair(job, i, k))
					continue
				}
				out = append(out, m.startChild(job, i, k))
			}
		}
	}
	return out
}

// child takes news of a child job.
func (s *stepper) child(i int) error {
	if s.m.kindAt(i, s.job.Tasks[i]) != kindChildJob {
		if s.m.places[i].method.CanBlock {
			return ErrStale // of a repair that is over
		}
		return conflict("task %q starts no child jobs", s.id(i))
	}
	t, err := s.current(i, TaskRunning)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(t.Loop.Kids, func(k Kid) bool { return k.Element == s.ev.Element && !k.Done })
	if at < 0 || s.ev.Child != "" && s.ev.Child != t.Loop.Kids[at].ID {
		return ErrStale
	}
	t = s.edit(i)
	loop := *t.Loop
	loop.Kids = slices.Clone(loop.Kids)
	t.Loop = &loop
	kid := &loop.Kids[at]
	switch s.ev.Type {
	case ChildStarted:
		if kid.Started {
			return ErrStale
		}
		kid.Started = true
		s.note(i)
		return nil
	case ChildRefused:
		kid.Status, kid.Output = Errored, s.ev.Outcome.Error
	case ChildFinished:
		repair := s.m.places[i].kind == kindPlain
		wait := s.ev.Status == Errored && s.m.places[i].task.Children.OnError != "error" && !repair
		switch {
		case s.ev.Status == Running, wait:
			// A child in error can be repaired, and then says that it runs again.
			if kid.Status == s.ev.Status {
				return ErrStale
			}
			kid.Status, kid.Started = s.ev.Status, true
			return nil
		case s.ev.Status != Errored && !s.ev.Status.Final():
			return conflict("a child job cannot end as %q", s.ev.Status)
		}
		kid.Status, kid.Output, kid.Started = s.ev.Status, s.ev.Variables, true
		if s.ev.Status == Errored {
			if !repair {
				kid.Output = Problem(ClassChild, fmt.Sprintf("child job %s is in error", kid.ID))
			}
			s.send(Effect{Type: ControlChild, Child: kid.ID, Act: "cancel"})
		}
	}
	kid.Done = true
	loop.Live--
	loop.Done++
	loop.Any = loop.Any || kid.Status == Complete
	if s.m.places[i].kind == kindPlain {
		s.endRepair(i)
		return nil
	}
	s.dispatch(i)
	return nil
}

// endChildren gives a childJob its outcome once every child has one.
func (s *stepper) endChildren(i int) {
	t := s.job.Tasks[i]
	loop := t.Loop
	if t.Incoming.Get("loopType").Text() == "" {
		switch kid := loop.Kids[0]; kid.Status {
		case Complete:
			s.end(i, Succeed("job_details", kid.Output.With("status", value.String(string(Complete)))))
		case Canceled:
			s.end(i, Fail(ClassChild, fmt.Sprintf("child job %s was canceled", kid.ID)))
		default:
			s.end(i, Outcome{State: workflows.Failed, Error: kid.Output})
		}
		return
	}
	kids := slices.Clone(loop.Kids)
	slices.SortFunc(kids, func(a, b Kid) int { return a.Element - b.Element })
	failed := 0
	entries := make([]value.Value, 0, len(kids))
	for _, k := range kids {
		e := k.Output
		switch k.Status {
		case Errored:
			e = value.Object("error", k.Output)
			failed++
		case Canceled:
			failed++
		}
		entries = append(entries, e.With("status", value.String(string(k.Status))).With("childJobLoopIndex", value.Int(int64(k.Element))))
	}
	details := value.Object("loop", value.Array(entries...))
	var bad bool
	switch s.m.places[i].task.Children.Fail {
	case "any":
		bad = failed > 0
	case "never":
	default:
		bad = loop.Total > 0 && !loop.Any
	}
	if bad {
		err := Problem(ClassChild, fmt.Sprintf("%d of %d child jobs did not complete", failed, loop.Total)).With("job_details", details)
		s.end(i, Outcome{State: workflows.Failed, Error: err})
		return
	}
	s.end(i, Succeed("job_details", details))
}

// retryElements runs only those elements of a loop again that did not complete, with the
// parameters they had.
func (s *stepper) retryElements(i int) {
	t := s.edit(i)
	t.Loop = t.Loop.again()
	s.dispatch(i)
	if s.job.Tasks[i].Status == TaskRunning {
		s.note(i)
	}
}

// again prepares a failed loop of child jobs for another attempt: what completed stays.
func (l *Loop) again() *Loop {
	out := &Loop{Total: l.Total, Any: l.Any}
	for _, k := range l.Kids {
		if k.Status == Complete && k.Done {
			out.Kids = append(out.Kids, k)
			out.Done++
		}
	}
	return out
}

// handle starts the error handler of the workflow, if it has one that was not used yet.
func (s *stepper) handle() bool {
	if s.m.workflow.ErrorHandler == "" || s.job.Handled {
		return false
	}
	s.job.Handling, s.job.Handled = true, true
	s.emit(s.m.startHandler(s.job))
	return true
}

func (m *Machine) startHandler(job *Job) Effect {
	last := value.Null
	if n := len(job.Errors); n > 0 {
		last = job.Errors[n-1].Message
		for _, e := range job.Errors {
			if e.Task != "job" {
				last = e.Message
			}
		}
	}
	id := ChildID(job.ID, workflows.ErrorHandlerID, 1, -1)
	return Effect{
		Type: StartChild, Key: id + "/start", Task: workflows.ErrorHandlerID, Iteration: 1, Element: -1, Child: id,
		Workflow:  m.workflow.ErrorHandler,
		Variables: value.Object("job_id", value.String(job.ID), "error", last, "workflow", value.String(job.Name)),
	}
}

// handler takes news of the error handler's child job.
func (s *stepper) handler() error {
	id := ChildID(s.job.ID, workflows.ErrorHandlerID, 1, -1)
	switch {
	case !s.job.Handling, s.ev.Iteration != 1, s.ev.Child != "" && s.ev.Child != id:
		return ErrStale
	case s.ev.Type == ChildFinished && s.ev.Status == Complete:
		s.job.Handling = false
		s.warn("job", "", fmt.Sprintf("The job could not reach its end; the error handler %q dealt with it.", s.m.workflow.ErrorHandler))
		s.finish(Complete, "jobComplete")
	case s.ev.Type == ChildFinished && s.ev.Status == Canceled, s.ev.Type == ChildRefused:
		s.job.Handling = false
		text := "The error handler was canceled."
		if s.ev.Type == ChildRefused {
			text = "The error handler could not be started: " + Text(s.ev.Outcome.Error)
		}
		s.fail("job", "", value.String(text))
		s.broken()
	default:
		return ErrStale
	}
	return nil
}
