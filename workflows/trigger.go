package workflows

import (
	"net/url"

	"github.com/heddlehq/heddle/schemas"
	"github.com/heddlehq/heddle/workflows/value"
)

// TriggerType tells what starts an automation.
type TriggerType string

// The types of triggers.
const (
	TriggerEndpoint TriggerType = "endpoint"    // a call of its route
	TriggerEvent    TriggerType = "eventSystem" // an event of the platform or an adapter
	TriggerManual   TriggerType = "manual"      // a person
	TriggerSchedule TriggerType = "schedule"    // the clock
)

// Trigger is one way to start an automation. Which fields count depends on the type.
type Trigger struct {
	Doc         value.Value
	ID          string
	Name        string
	Description string
	Type        TriggerType
	Enabled     bool
	ActionType  string // "automations"
	ActionID    string // the automation's id

	Verb      string      // endpoint: "POST"
	RouteName string      // endpoint: unique among enabled triggers
	Schema    value.Value // endpoint, eventSystem: JSON Schema of the payload; Absent = any
	JST       string      // endpoint, eventSystem: transformation that makes the variables; "" = none

	Source string // eventSystem
	Topic  string // eventSystem

	FormID         string      // manual, schedule: the form's id or name; "" = none
	FormData       value.Value // manual, schedule: an object, or Absent
	FormSchemaHash string
	LegacyWrapper  bool // everything arrives under one variable instead of one variable each

	FirstRunAt      int64  // schedule: milliseconds since 1970
	NextRunAt       int64  // schedule: milliseconds since 1970; 0 = not known
	RepeatUnit      string // schedule: "minute" to "year"; "" = never again
	RepeatFrequency int64  // schedule: how many units
	RepeatInterval  int64  // schedule: milliseconds; 0 = by unit and frequency
	ProcessMissed   string // schedule: "none" or "last"
}

// ParseTrigger reads a trigger's document.
func ParseTrigger(doc value.Value) (*Trigger, Problems) {
	r := &reader{}
	return r.trigger(doc, ""), r.problems
}

// ParseTriggers reads the body of an import, {"triggers": [...]}.
func ParseTriggers(body value.Value) ([]Trigger, Problems) {
	r := &reader{}
	var out []Trigger
	for i, doc := range r.list(body, "triggers").Elements() {
		out = append(out, *r.trigger(doc, pointer("triggers", itoa(i))))
	}
	return out, r.problems
}

func (r *reader) trigger(doc value.Value, at string) *Trigger {
	t := &Trigger{Doc: doc}
	if !doc.IsObject() {
		r.errorf(at, "type", "A trigger must be a JSON object, not %s.", article(doc.Kind()))
		return t
	}
	t.ID = r.text(doc, at, "_id", false)
	t.Name = r.text(doc, at, "name", true)
	t.Description = r.text(doc, at, "description", false)
	t.Enabled = r.kind(doc, at, "enabled", value.KindBool).Truth() || doc.Get("enabled").IsNothing()
	t.ActionType = r.oneOf(doc, at, "actionType", "automations")
	t.ActionID = r.text(doc, at, "actionId", false)
	t.Type = TriggerType(r.oneOf(doc, at, "type", "endpoint", "eventSystem", "manual", "schedule"))
	switch t.Type {
	case TriggerEndpoint:
		r.endpoint(t, at)
	case TriggerEvent:
		t.Source = r.text(doc, at, "source", true)
		t.Topic = r.text(doc, at, "topic", true)
		r.payload(t, at)
		r.form(t, at)
	case TriggerManual:
		r.form(t, at)
	case TriggerSchedule:
		r.form(t, at)
		r.schedule(t, at)
	default:
		if doc.Get("type").Text() == "" {
			r.errorf(at+"/type", "required", "A trigger needs a \"type\": \"endpoint\", \"eventSystem\", \"manual\" or \"schedule\".")
		}
	}
	return t
}

func (r *reader) endpoint(t *Trigger, at string) {
	t.Verb = r.oneOf(t.Doc, at, "verb", "POST")
	t.RouteName = r.text(t.Doc, at, "routeName", true)
	if t.RouteName != "" && url.PathEscape(t.RouteName) != t.RouteName {
		r.errorf(at+"/routeName", "route", "A route's name stands in an address: use letters, digits, '-', '_' and '.', not %s.", quote(t.RouteName))
	}
	r.payload(t, at)
}

func (r *reader) payload(t *Trigger, at string) {
	t.Schema = r.kind(t.Doc, at, "schema", value.KindObject)
	if !t.Schema.IsAbsent() {
		if _, err := schemas.Compile(t.Schema); err != nil {
			r.errorf(at+"/schema", "schema", "The schema cannot be used: %v.", err)
		}
	}
	t.JST = r.text(t.Doc, at, "jst", false)
}

func (r *reader) form(t *Trigger, at string) {
	t.FormID = r.text(t.Doc, at, "formId", false)
	t.FormData = r.kind(t.Doc, at, "formData", value.KindObject)
	t.FormSchemaHash = r.text(t.Doc, at, "formSchemaHash", false)
	t.LegacyWrapper = r.kind(t.Doc, at, "legacyWrapper", value.KindBool).Truth() || t.Doc.Get("legacyWrapper").IsNothing()
}

func (r *reader) schedule(t *Trigger, at string) {
	t.FirstRunAt = r.whole(t.Doc, at, "firstRunAt")
	if t.Doc.Get("firstRunAt").IsNothing() {
		r.errorf(at+"/firstRunAt", "required", "A schedule needs \"firstRunAt\", in milliseconds since 1970.")
	}
	t.NextRunAt = r.whole(t.Doc, at, "nextRunAt")
	t.RepeatUnit = r.oneOf(t.Doc, at, "repeatUnit", "second", "minute", "hour", "day", "week", "month", "year")
	t.RepeatFrequency = r.whole(t.Doc, at, "repeatFrequency")
	t.RepeatInterval = r.whole(t.Doc, at, "repeatInterval")
	if t.RepeatUnit != "" && t.RepeatFrequency == 0 && t.RepeatInterval == 0 {
		r.errorf(at+"/repeatFrequency", "required", "A schedule that repeats needs \"repeatFrequency\" or \"repeatInterval\", at least 1.")
	}
	if t.ProcessMissed = r.oneOf(t.Doc, at, "processMissedRuns", "none", "last"); t.ProcessMissed == "" {
		t.ProcessMissed = "none"
	}
}

// Validate reports the documents that the trigger names and that do not exist, as warnings.
func (t *Trigger) Validate(r Resolver) Problems { return t.validate(r, "") }

func (t *Trigger) validate(r Resolver, at string) Problems {
	var out Problems
	for _, d := range []struct {
		key, name, code string
		kind            ComponentType
	}{
		{"formId", t.FormID, "unknown-form", ComponentForm},
		{"jst", t.JST, "unknown-transformation", ComponentTransformation},
	} {
		if d.name != "" && r != nil && !r.Exists(d.kind, d.name) {
			out = append(out, Problem{Level: Warning, Pointer: at + pointer(d.key), Code: d.code, Text: "There is no " + string(d.kind) + " " + quote(d.name) + "."})
		}
	}
	return out
}
