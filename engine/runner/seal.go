package runner

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/sealed"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// Values that decorators of the type "encryption" name are sealed before the machine sees
// them, and so are sealed in the job, its history, its tasks, on the bus, and in everything
// they are passed on to. They are opened where work is done with them: here for built-in tasks,
// by workers for their orders. What a built-in task makes of them is sealed, too; of a worker's
// results, what a secret appears in.

// encryption is the type of decorators that name values to seal.
const encryption = "encryption"

// marks name what of a workflow's values is sealed: JSON pointers into job variables, and into
// the outputs of tasks.
type marks struct {
	variables map[string][]string
	outputs   map[string]map[string][]string
}

// marksOf reads the decorators of a workflow; nil without any of encryption. What a marked
// parameter of a task refers to is marked, and so is the output that a marked variable is
// set from.
func marksOf(w *workflows.Workflow) *marks {
	m := &marks{map[string][]string{}, map[string]map[string][]string{}}
	for _, d := range w.Decorators {
		if d.Type == encryption {
			m.workflow(w, d.Pointer)
		}
	}
	for i := range w.Tasks {
		for _, d := range w.Tasks[i].Decorators {
			if d.Type == encryption {
				m.task(&w.Tasks[i], d.Pointer)
			}
		}
	}
	if len(m.variables) == 0 && len(m.outputs) == 0 {
		return nil
	}
	for i := range w.Tasks {
		t := &w.Tasks[i]
		for name, binding := range t.Outgoing.Members() {
			if variable, ok := workflows.ParseVariable(binding.Text()); ok {
				for _, at := range m.variables[variable] {
					m.output(t.ID, name, at)
				}
			}
		}
	}
	return m
}

// workflow takes the pointer of a workflow's decorator: at a job variable, at a property of a
// schema, which is a variable, or at a task's parameter.
func (m *marks) workflow(w *workflows.Workflow, ptr string) {
	path, err := value.SplitPointer(ptr)
	if err != nil || len(path) == 0 {
		return
	}
	switch {
	case path[0] == "tasks" && len(path) > 3 && path[2] == "variables":
		if t, ok := w.Task(path[1]); ok {
			m.task(t, join(path[3:]))
		}
		return
	case (path[0] == "inputSchema" || path[0] == "outputSchema") && len(path) > 2 && path[1] == "properties":
		path = slices.DeleteFunc(path[2:], func(p string) bool { return p == "properties" })
	case path[0] == "variables" && len(path) > 1:
		path = path[1:]
	}
	m.variables[path[0]] = append(m.variables[path[0]], join(path[1:]))
}

// task takes the pointer of a decorator into a task's incoming or outgoing values.
func (m *marks) task(t *workflows.Task, ptr string) {
	path, err := value.SplitPointer(ptr)
	if err != nil || len(path) < 2 {
		return
	}
	if path[0] == "outgoing" {
		m.output(t.ID, path[1], join(path[2:]))
		return
	}
	at := join(path[1:])
	for _, r := range t.Reads() {
		rest, below := strings.CutPrefix(at, r.At)
		switch {
		case below && (rest == "" || rest[0] == '/'):
		case strings.HasPrefix(r.At, at+"/"):
			rest = ""
		default:
			continue
		}
		if r.Task == workflows.JobTask {
			m.variables[r.Name] = append(m.variables[r.Name], r.Pointer+rest)
		} else {
			m.output(r.Task, r.Name, r.Pointer+rest)
		}
	}
}

func (m *marks) output(task, name, at string) {
	if m.outputs[task] == nil {
		m.outputs[task] = map[string][]string{}
	}
	m.outputs[task][name] = append(m.outputs[task][name], at)
}

func join(path []string) string {
	var b strings.Builder
	for _, p := range path {
		b.WriteByte('/')
		b.WriteString(value.EscapePointer(p))
	}
	return b.String()
}

// ErrNoKeys is the answer when a workflow encrypts values and the server has no keys at all.
var ErrNoKeys = errors.New("the workflow encrypts values, and the server has no encryption keys")

// sealed is the event with what its workflow's decorators name sealed. When there is no key a
// job does not start, and a task whose result may not be stored in clear is blocked.
func (t *turn) sealed(ctx context.Context, ev engine.Event) (engine.Event, error) {
	m := t.entry.marked()
	if m == nil {
		return ev, nil
	}
	err := m.seal(ctx, t.shard.r.Seal, t.place(&ev), &ev)
	if err == nil || ev.Type != engine.TaskFinished && ev.Type != engine.TaskCompleted {
		return ev, err
	}
	t.shard.r.Log.Warn("result not sealed, its task is blocked", "job", t.id, "task", ev.Task, "err", err)
	ev.Outcome = locked(err)
	return ev, nil
}

// canSeal tells why the values that a workflow's decorators name could not be sealed now.
func (r *Runner) canSeal(ctx context.Context, w *workflows.Workflow) error {
	if marksOf(w) == nil {
		return nil
	}
	if r.Seal == nil {
		return ErrNoKeys
	}
	_, err := r.Seal.Seal(ctx, "", nil)
	return err
}

// locked is the outcome of work that cannot be done, or kept, without a key.
func locked(err error) engine.Outcome {
	return engine.Outcome{State: workflows.Blocked, Error: engine.Problem(engine.ClassKey, err.Error())}
}

// place is what sealed values of the turn's job are bound to: its family.
func (t *turn) place(ev *engine.Event) string {
	if job := t.current(); job != nil {
		return family(job)
	}
	return familyOfStart(ev.Start)
}

func familyOfStart(s *engine.Start) string {
	if len(s.Ancestors) > 0 {
		return s.Ancestors[0]
	}
	return s.ID
}

// seal seals what an event brings. It leaves what others hold of the event as it is.
func (m *marks) seal(ctx context.Context, b sealed.Box, place string, ev *engine.Event) error {
	if b == nil {
		return ErrNoKeys
	}
	var err error
	switch ev.Type {
	case engine.JobStarted:
		start := *ev.Start
		start.Variables, err = sealMembers(ctx, b, place, start.Variables, m.variables)
		ev.Start = &start
	case engine.VariablesPatched, engine.TaskRetried:
		ev.Variables, err = sealMembers(ctx, b, place, ev.Variables, m.variables)
	case engine.TaskFinished, engine.TaskCompleted:
		if ev.Outcome.Outgoing, err = sealMembers(ctx, b, place, ev.Outcome.Outgoing, m.outputs[ev.Task]); err != nil {
			return err
		}
		ev.Outcome.Writes = slices.Clone(ev.Outcome.Writes)
		for i, w := range ev.Outcome.Writes {
			if ev.Outcome.Writes[i].Value, err = sealAt(ctx, b, place, w.Value, m.variables[w.Name]); err != nil {
				return err
			}
		}
	case engine.EventReceived:
		if len(m.outputs[ev.Task]) > 0 {
			ev.Variables, err = sealed.Seal(ctx, b, place, ev.Variables)
		}
	}
	return err
}

func sealMembers(ctx context.Context, b sealed.Box, place string, v value.Value, marked map[string][]string) (value.Value, error) {
	for name, at := range marked {
		if !v.Has(name) {
			continue
		}
		e, err := sealAt(ctx, b, place, v.Get(name), at)
		if err != nil {
			return value.Absent, err
		}
		v = v.With(name, e)
	}
	return v, nil
}

// sealAt seals what is at the pointers into v. What is not there cannot be found out.
func sealAt(ctx context.Context, b sealed.Box, place string, v value.Value, pointers []string) (value.Value, error) {
	for _, at := range pointers {
		inner := v.Lookup(at)
		if inner.IsNothing() {
			continue
		}
		s, err := sealed.Seal(ctx, b, place, inner)
		if err != nil {
			return value.Absent, err
		}
		path, err := value.SplitPointer(at)
		if err != nil {
			return value.Absent, err
		}
		v = v.WithPath(path, s)
	}
	return v, nil
}

// opened is a value as those may see it who work with it.
func (r *Runner) opened(ctx context.Context, place string, v value.Value) (value.Value, sealed.Secrets, error) {
	if !sealed.Holds(v) {
		return v, nil, nil
	}
	if r.Seal == nil {
		return value.Absent, nil, ErrNoKeys
	}
	return sealed.OpenSecrets(ctx, r.Seal, place, v)
}

// kept is the outcome of a built-in task that worked with secrets: whatever it made of them
// may tell them, so all of it is sealed but what says yes or no.
func (r *Runner) kept(ctx context.Context, place string, o engine.Outcome, secrets sealed.Secrets) engine.Outcome {
	var m value.Members
	for name, v := range o.Outgoing.Members() {
		s, err := r.hold(ctx, place, v)
		if err != nil {
			return locked(err)
		}
		m.Set(name, s)
	}
	if o.Outgoing.IsObject() {
		o.Outgoing = m.Value()
	}
	for i, w := range o.Writes {
		s, err := r.hold(ctx, place, w.Value)
		if err != nil {
			return locked(err)
		}
		o.Writes[i].Value = s
	}
	o.Error = secrets.Hide(o.Error)
	o.Describe = secrets.Hide(value.String(o.Describe)).Text()
	return o
}

func (r *Runner) hold(ctx context.Context, place string, v value.Value) (value.Value, error) {
	if v.Kind() == value.KindBool {
		return v, nil
	}
	return sealed.Seal(ctx, r.Seal, place, v)
}
