package workflows

import (
	"slices"

	"github.com/heddlehq/heddle/workflows/value"
)

// Automation is a named, access-controlled pointer to a workflow, with the triggers that
// start it.
type Automation struct {
	Doc           value.Value
	ID            string
	Name          string
	Description   string
	ComponentType string // "workflows"
	ComponentID   string // the workflow's id; exports leave it out
	ComponentName string // the workflow's registered name; "" while no workflow is chosen
	Read          []string
	Write         []string
	Triggers      []Trigger
}

// ParseAutomation reads an automation's document, with the triggers that an export embeds.
func ParseAutomation(doc value.Value) (*Automation, Problems) {
	r := &reader{}
	return r.automation(doc, ""), r.problems
}

// ParseAutomations reads the body of an import, {"automations": [...]}.
func ParseAutomations(body value.Value) ([]Automation, Problems) {
	r := &reader{}
	var out []Automation
	for i, doc := range r.list(body, "automations").Elements() {
		out = append(out, *r.automation(doc, pointer("automations", itoa(i))))
	}
	return out, r.problems
}

// list is a required array of an import's body.
func (r *reader) list(body value.Value, key string) value.Value {
	if body.Get(key).IsNothing() {
		r.errorf(pointer(key), "required", "The body must be an object with an array %q.", key)
	}
	return r.kind(body, "", key, value.KindArray)
}

func (r *reader) automation(doc value.Value, at string) *Automation {
	a := &Automation{Doc: doc}
	if !doc.IsObject() {
		r.errorf(at, "type", "An automation must be a JSON object, not %s.", article(doc.Kind()))
		return a
	}
	a.ID = r.text(doc, at, "_id", false)
	a.Name = r.text(doc, at, "name", true)
	a.Description = r.text(doc, at, "description", false)
	a.ComponentType = r.oneOf(doc, at, "componentType", "workflows")
	a.ComponentID = r.text(doc, at, "componentId", false)
	a.ComponentName = r.text(doc, at, "componentName", false)
	if gbac := r.kind(doc, at, "gbac", value.KindObject); !gbac.IsAbsent() {
		a.Read = r.texts(gbac, at+"/gbac", "read")
		a.Write = r.texts(gbac, at+"/gbac", "write")
		if len(a.Read) > 0 && len(a.Write) == 0 {
			r.errorf(at+"/gbac/write", "required", "An automation with groups that may read it needs a group that may write it.")
		}
	}
	for i, t := range r.kind(doc, at, "triggers", value.KindArray).Elements() {
		a.Triggers = append(a.Triggers, *r.trigger(t, at+pointer("triggers", itoa(i))))
	}
	return a
}

// Export gives the automation's document with its triggers, without the id of its workflow:
// another server finds that by name.
func (a *Automation) Export() value.Value {
	doc := a.Doc.Without("componentId")
	if len(a.Triggers) == 0 && !doc.Has("triggers") {
		return doc
	}
	out := make([]value.Value, len(a.Triggers))
	for i := range a.Triggers {
		out[i] = a.Triggers[i].Doc
	}
	return doc.With("triggers", value.Array(out...))
}

// Validate reports the documents that the automation and its triggers name and that do not
// exist, as warnings: they may be imported later.
func (a *Automation) Validate(r Resolver) Problems {
	var out Problems
	if a.ComponentName != "" && r != nil && !r.Exists(ComponentWorkflow, a.ComponentName) {
		out = append(out, Problem{Level: Warning, Pointer: "/componentName", Code: "unknown-workflow", Text: "There is no workflow " + quote(a.ComponentName) + "."})
	}
	for i := range a.Triggers {
		out = append(out, a.Triggers[i].validate(r, pointer("triggers", itoa(i)))...)
	}
	var routes []string
	for i := range a.Triggers {
		t := &a.Triggers[i]
		if t.Type != TriggerEndpoint || !t.Enabled || t.RouteName == "" {
			continue
		}
		if slices.Contains(routes, t.RouteName) {
			out = append(out, Problem{Level: Error, Pointer: pointer("triggers", itoa(i), "routeName"), Code: "duplicate",
				Text: "Another enabled trigger has the route " + quote(t.RouteName) + "."})
		}
		routes = append(routes, t.RouteName)
	}
	return out
}
