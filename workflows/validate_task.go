package workflows

import (
	"slices"
	"strings"

	"github.com/heddlehq/heddle/workflows/value"
)

// The places a task's code comes from.
const (
	LocationApplication = "Application"
	LocationAdapter     = "Adapter"
	LocationBroker      = "Broker"
)

// workflowEngine is the application of the control tasks.
const workflowEngine = "WorkFlowEngine"

func (v *validator) task(t *Task) {
	at := pointer("tasks", t.ID)
	if v.w.Doc.Path("tasks", t.ID).Get("description").IsAbsent() {
		v.add("description", at+"/description", "A task should have a description, if only \"\"; Itential Platform demands it.")
	}
	switch t.Type {
	case Automatic, Operation, Manual, "":
	default:
		v.add("enum", at+"/type", "A task's type must be \"automatic\", \"operation\" or \"manual\", not %s.", quote(string(t.Type)))
	}
	switch t.Location {
	case LocationApplication, LocationAdapter, LocationBroker, "":
	default:
		v.add("enum", at+"/location", "A task's location must be \"Application\", \"Adapter\" or \"Broker\", not %s.", quote(t.Location))
	}
	m, known := v.method(t)
	if !known && v.catalog != nil && t.Location == LocationApplication && t.App != "" && t.Name != "" {
		v.add("unknown-task", at+"/name", "The application %s has no task %s.", quote(t.App), quote(t.Name))
	}
	if known {
		v.entry(t, m, at)
	}
	if t.Location == LocationAdapter {
		v.adapter(t, at)
	}
	for i, p := range t.Parents {
		if _, ok := v.w.Task(p); !ok || IsReserved(p) {
			v.add("parents", at+pointer("parents", itoa(i)), "There is no task %s.", quote(p))
		} else if g := v.graph; g.order != nil && !g.mayPrecede(g.index[p], g.index[t.ID]) {
			v.add("parents", at+pointer("parents", itoa(i)), "The parent %s must be a task that comes before this one.", quote(p))
		}
	}
	v.manual(t, at)
	v.actor(t, m, known, at)
	at += "/variables"
	v.incoming(t, m, known, at+"/incoming")
	v.outgoing(t, m, known, at)
	v.references(t, at+"/incoming")
	for i, d := range t.Decorators {
		if v.w.Doc.Path("tasks", t.ID, "variables").Lookup(d.Pointer).IsAbsent() {
			v.add("decorator-target", at+pointer("decorators", itoa(i), "pointer"), "The %s decorator points at %s, where nothing is.", d.Type, quote(d.Pointer))
		}
	}
	if t.App == workflowEngine {
		v.control(t, at+"/incoming")
	}
	v.documents(t, at+"/incoming")
}

func (v *validator) method(t *Task) (*Method, bool) {
	if v.catalog == nil {
		return nil, false
	}
	m, ok := v.catalog.Method(t.App, t.Name)
	return &m, ok
}

// entry compares the task with its catalog entry, parameters aside.
func (v *validator) entry(t *Task, m *Method, at string) {
	if m.CanvasName != "" && t.CanvasName != "" && m.CanvasName != t.CanvasName {
		v.add("canvas-name", at+"/canvasName", "On the canvas %s is called %q, not %s.", t.Name, m.CanvasName, quote(t.CanvasName))
	}
	if t.ContinueOnErr && !m.CanWarn {
		v.add("continue-on-error", at+"/continueOnError", "%s cannot go on after an error: its method does not allow \"continueOnError\".", t.Name)
	}
	if t.Guard.Limits != nil && !m.Guarded {
		v.add("guard", at+"/guard", "%s makes out no change set before it writes, so a guard would never be asked.", t.Name)
	}
}

func (v *validator) adapter(t *Task, at string) {
	id := t.Incoming.Get("adapter_id")
	at += "/variables/incoming/adapter_id"
	if id.Text() == "" {
		v.add("adapter-id", at, "A task of an adapter needs \"adapter_id\": an adapter's name or a reference to it.")
		return
	}
	if _, ref := ParseRef(id.Text()); !ref && !v.exists(ComponentAdapter, id.Text()) {
		v.add("unknown-adapter", at, "There is no adapter called %s.", quote(id.Text()))
	}
}

func (v *validator) manual(t *Task, at string) {
	if t.Type != Manual {
		return
	}
	if t.View == "" {
		v.add("manual", at+"/view", "A manual task needs \"view\", the page that shows it.")
	}
	if t.Actor != "" {
		v.add("actor", at+"/actor", "A manual task has no actor: the person who works it is.")
	}
	if t.App == workflowEngine && t.Name == "ViewData" && !t.Incoming.Has("variables") {
		v.add("manual", at+"/variables/incoming/variables", "ViewData needs \"variables\", if only \"\".")
	}
}

// System is the identity that runs what nobody started in person.
const System = "Pronghorn"

func (v *validator) actor(t *Task, m *Method, known bool, at string) {
	at += "/actor"
	if t.Type == Manual || t.Actor == "" {
		return
	}
	if known && slices.Contains(m.InvalidActors, t.Actor) {
		v.add("actor", at, "The task cannot run as %s.", quote(t.Actor))
		return
	}
	if t.Actor == System || t.Actor == JobTask {
		return
	}
	who, ok := v.w.Task(t.Actor)
	if !ok || who.Type != Manual {
		v.add("actor", at, "The actor must be %q, %q or the id of a manual task, not %s.", System, JobTask, quote(t.Actor))
		return
	}
	if g := v.graph; g.order != nil && !g.mayPrecede(g.index[who.ID], g.index[t.ID]) {
		v.add("actor", at, "The actor %q must be a manual task that comes before this one.", t.Actor)
	}
}

// injected are parameters that the engine fills whatever the document says.
func injected(name string) bool { return name == "job_id" || name == "task" }

func (v *validator) incoming(t *Task, m *Method, known bool, at string) {
	if !known {
		return
	}
	for name, in := range t.Incoming.Members() {
		p, ok := m.Param(name)
		switch {
		case ok:
			v.literal(t, p, in, at+pointer(name))
		case m.Open || injected(name) || name == "adapter_id" && t.Location == LocationAdapter:
		default:
			v.add("unknown-incoming", at+pointer(name), "%s takes no parameter %s; it takes %s.", t.Name, quote(name), listParams(m.Incoming))
		}
	}
	for _, p := range m.Incoming {
		if p.Required && !injected(p.Name) && !t.Incoming.Has(p.Name) {
			v.add("missing-incoming", at+pointer(p.Name), "%s needs the parameter %q.", t.Name, p.Name)
		}
	}
}

func listParams(ps []Param) string {
	if len(ps) == 0 {
		return "none"
	}
	names := make([]string, len(ps))
	for i, p := range ps {
		names[i] = p.Name
	}
	return strings.Join(names, ", ")
}

// literal checks a literal against what the parameter takes. Empty text and null are how the
// canvas writes a field that nobody filled in.
func (v *validator) literal(t *Task, p Param, in value.Value, at string) {
	if in.IsNothing() || in.IsString() && in.Text() == "" {
		return
	}
	if _, ref := ParseRef(in.Text()); ref {
		return
	}
	if types := p.types(); len(types) > 0 && !slices.ContainsFunc(types, func(want string) bool { return fits(in, want) }) {
		v.add("literal-type", at, "%q of %s takes %s, not %s.", p.Name, t.Name, strings.Join(types, " or "), article(in.Kind()))
		return
	}
	if in.IsString() && len(p.Values) > 0 && !slices.Contains(p.Values, in.Text()) {
		v.add("literal-enum", at, "%q of %s must be one of %q, not %s.", p.Name, t.Name, p.Values, quote(in.Text()))
	}
}

// types are the JSON types the parameter takes; none means any.
func (p *Param) types() []string {
	if p.Type != "" && p.Type != "any" {
		return []string{p.Type}
	}
	switch s := p.Schema.Get("type"); {
	case s.IsString():
		return []string{s.Text()}
	case s.IsArray():
		var out []string
		for _, e := range s.Elements() {
			out = append(out, e.Text())
		}
		return out
	}
	return nil
}

// fits tells whether a literal can stand where a type is wanted. A canvas field holds text,
// so text that reads as a number or a boolean fits those.
func fits(in value.Value, want string) bool {
	if in.Kind().String() == want {
		return true
	}
	switch want {
	case "integer":
		if _, ok := in.Int(); ok {
			return true
		}
		return in.IsString() && reads(in, value.KindNumber)
	case "number":
		return in.IsString() && reads(in, value.KindNumber)
	case "boolean":
		return in.IsString() && reads(in, value.KindBool)
	}
	return !slices.Contains([]string{"array", "null", "object", "string"}, want)
}

func reads(text value.Value, want value.Kind) bool {
	got, err := value.Parse([]byte(text.Text()))
	return err == nil && got.Kind() == want
}

func (v *validator) outgoing(t *Task, m *Method, known bool, at string) {
	for name, b := range t.Outgoing.Members() {
		at := at + pointer("outgoing", name)
		if !b.IsNull() && !(b.IsString() && b.Text() == "") {
			if variable, ok := ParseVariable(b.Text()); ok {
				v.written(variable, at)
			} else {
				v.add("binding", at, "An output must be bound to null, \"\" or \"$var.job.<name>\".")
			}
		}
		if !known || m.Open {
			continue
		}
		if _, ok := m.Output(name); !ok {
			v.add("unknown-outgoing", at, "%s gives no output %s; it gives %s.", t.Name, quote(name), listParams(m.Outgoing))
		}
	}
	if t.ErrorVariable != "" {
		v.written(t.ErrorVariable, at+"/error")
	}
}

func (v *validator) exists(kind ComponentType, name string) bool {
	if v.resolver == nil {
		return true
	}
	return slices.ContainsFunc(CandidateNames(v.w.Name, name), func(n string) bool { return v.resolver.Exists(kind, n) })
}

// documentParams names the parameters that hold another document's id or name.
var documentParams = []struct {
	app, name, param string
	kind             ComponentType
	code             string
}{
	{workflowEngine, "childJob", "workflow", ComponentWorkflow, "unknown-workflow"},
	{workflowEngine, "childJob", "transformation", ComponentTransformation, "unknown-transformation"},
	{workflowEngine, "transformation", "tr_id", ComponentTransformation, "unknown-transformation"},
	{"JsonForms", "ShowJsonForm", "form_id", ComponentForm, "unknown-form"},
	{"MOP", "RunCommandTemplate", "template", ComponentCommandTemplate, "unknown-template"},
	{"TemplateBuilder", "renderJinjaTemplate", "name", ComponentTemplate, "unknown-template"},
}

func (v *validator) documents(t *Task, at string) {
	for _, d := range documentParams {
		if t.App != d.app || t.Name != d.name {
			continue
		}
		name := t.Incoming.Get(d.param).Text()
		if _, ref := ParseRef(name); name == "" || ref || v.exists(d.kind, name) {
			continue
		}
		v.add(d.code, at+pointer(d.param), "There is no %s %s.", d.kind, quote(name))
	}
}
