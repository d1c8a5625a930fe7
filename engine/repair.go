package engine

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// The repair of a task that a worker blocked is a job of its own: a virtual one, whose workflow
// nobody stored, with the task as its only work. It belongs to the next iteration of the task,
// as a child job belongs to a childJob's, and its end is that iteration's.

// Repair says what a virtual job is for.
type Repair struct {
	Mode    string      // ModeValidate or ModeForce
	Of      string      // the iteration that was blocked
	Changes value.Value // the change set to write, for ModeValidate
}

// The types of virtual jobs.
const (
	VirtualValidation = "virtual:validation"
	VirtualForce      = "virtual:force"
)

// Type is the type of the virtual job.
func (r *Repair) Type() string {
	if r.Mode == ModeValidate {
		return VirtualValidation
	}
	return VirtualForce
}

// kindAt is the kind of task i as it is now: while it is being repaired, it waits for a child job.
func (m *Machine) kindAt(i int, t *TaskState) kind {
	if k := m.places[i].kind; k != kindPlain || t.Loop == nil {
		return k
	}
	return kindChildJob
}

// repair starts the virtual job for a blocked task that was approved.
func (s *stepper) repair(i int) {
	t := s.edit(i)
	t.Status = TaskRunning
	t.Iteration++
	t.FirstAt, t.StartedAt, t.EndedAt, t.ClaimedAt, t.AliveAt, t.ReportedAt = s.at, s.at, 0, 0, s.at, 0
	t.Owner, t.Worker, t.Text, t.Percent = "", "", "", 0
	t.Retries, t.Exhausted, t.Pending = 0, false, nil
	t.Outgoing, t.Error = value.Absent, value.Absent
	incoming, problem := s.resolve(i)
	if problem.IsAbsent() {
		_, problem = s.actor(i)
	}
	t.Incoming = incoming
	if !problem.IsAbsent() {
		s.end(i, Outcome{State: workflows.Failed, Error: problem})
		return
	}
	kid := Kid{ID: ChildID(s.job.ID, s.id(i), t.Iteration, -1), Iteration: t.Iteration, Element: -1, Status: Running}
	t.Loop = &Loop{Total: 1, Next: 1, Live: 1, Kids: []Kid{kid}}
	s.emit(s.m.startRepair(s.job, i, kid))
	s.note(i)
}

// startRepair is the order to start the virtual job.
func (m *Machine) startRepair(job *Job, i int, kid Kid) Effect {
	task, t := m.places[i].task, job.Tasks[i]
	r := &Repair{Mode: t.Mode, Of: IterationID(job.ID, task.ID, t.Iteration-1)}
	if t.Mode == ModeValidate {
		r.Changes = t.Changes
	}
	actor, _ := (&stepper{m: m, job: job}).actor(i)
	return Effect{
		Type: StartChild, Key: kid.ID + "/start", Task: task.ID, Iteration: t.Iteration, Element: kid.Element, Child: kid.ID,
		Variables: t.Incoming, Actor: actor, Repair: r,
	}
}

// endRepair ends the iteration of task i as its virtual job ended.
func (s *stepper) endRepair(i int) {
	kid := s.job.Tasks[i].Loop.Kids[0]
	o := DecodeOutcome(kid.Output)
	switch {
	case kid.Status == Canceled:
		o = Fail(ClassChild, fmt.Sprintf("the repair, job %s, was canceled", kid.ID))
	case o.State == "":
		o = Outcome{State: workflows.Failed, Error: kid.Output} // it could not be started
	}
	s.end(i, o)
}

// Result is what a job gives its parent: its variables, or for a virtual job the outcome of its task.
func (m *Machine) Result(job *Job) value.Value {
	if job.Repair == nil {
		return job.Variables
	}
	for i, t := range job.Tasks {
		if m.places[i].kind != kindPlain || !t.Status.Finished() {
			continue
		}
		w := write(nil, nil)
		w.outcome("", &Outcome{State: finishState(t), Outgoing: t.Outgoing, Error: t.Error, Changes: t.Changes})
		if v, err := value.ParseLast(w.Buf); err == nil {
			return v
		}
	}
	return value.Object()
}

// Virtual is the document of the workflow that a virtual job runs: the task alone, with the
// job's variables as its parameters.
func (m *Machine) Virtual(e *Effect) value.Value {
	task, _ := m.workflow.Task(e.Task)
	doc := m.workflow.Doc.Path("tasks", e.Task).Without("parents", "join", "order", "retrySettings", "continueOnError")
	incoming := value.Object()
	for name, v := range e.Variables.Members() {
		if !workflows.IsBuiltIn(name) && name != "" && !strings.ContainsAny(name, ".#") {
			v = value.String("$var.job." + name)
		}
		incoming = incoming.With(name, v)
	}
	outgoing := value.Object()
	for name := range task.Outgoing.Members() {
		outgoing = outgoing.With(name, value.Null)
	}
	actor := "job"
	if slices.Contains([]string{"", System}, task.Actor) {
		actor = System
	}
	doc = doc.With("actor", value.String(actor)).
		With("variables", value.Object("incoming", incoming, "outgoing", outgoing, "error", value.String(""), "decorators", value.Array()))
	end := func(id string) value.Value { return value.Object("name", value.String(id), "groups", value.Array()) }
	edge := func(to string) value.Value {
		return value.Object(to, value.Object("type", value.String(string(workflows.Standard)), "state", value.String(string(workflows.Success))))
	}
	return value.Object(
		"name", value.String(m.workflow.Name), "description", value.String(cmp.Or(task.Summary, task.Name)+": "+e.Repair.Mode),
		"type", value.String(e.Repair.Type()), "groups", value.Array(),
		"tasks", value.Object(workflows.StartID, end(workflows.StartID), e.Task, doc, workflows.EndID, end(workflows.EndID)),
		"transitions", value.Object(workflows.StartID, edge(e.Task), e.Task, edge(workflows.EndID), workflows.EndID, value.Object()))
}

func (w *writer) repair(r *Repair) {
	if r == nil {
		return
	}
	w.Open("repair", '{')
	w.OptText("mode", r.Mode)
	w.OptText("of", r.Of)
	w.OptValue("changes", r.Changes)
	w.Close('}')
}

func repairOf(v value.Value) *Repair {
	if !v.IsObject() {
		return nil
	}
	return &Repair{Mode: v.Get("mode").Text(), Of: v.Get("of").Text(), Changes: v.Get("changes")}
}
