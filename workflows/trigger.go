package workflows

import (
	"errors"
	"net/url"

	"github.com/heddlehq/heddle/schemas"
	"github.com/heddlehq/heddle/workflows/schedule"
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

	Dedupe    int64  // eventSystem: milliseconds in which events that are the same fire once; 0 = each fires
	DedupeKey string // eventSystem: JSON pointer to what makes events the same; "" = all of them
	PerMinute int64  // eventSystem: firing more often disables the trigger

	FirstRunAt      int64              // schedule: milliseconds since 1970
	NextRunAt       int64              // schedule: milliseconds since 1970; 0 = not known
	RepeatUnit      string             // schedule: "second" to "year"; "" = by the interval alone
	RepeatFrequency int64              // schedule: how many units
	RepeatInterval  int64              // schedule: milliseconds; 0 = by unit and frequency
	Cron            string             // schedule: instead of the repeats
	Timezone        string             // schedule: IANA name; "" = UTC
	Holidays        []string           // schedule: local days without runs
	ProcessMissed   string             // schedule: "none", "last" or "all"
	Due             *schedule.Schedule // schedule: when it is; nil when the document has a problem

	Overlap     Overlap // schedule, eventSystem
	MaxFailures int64   // schedule, eventSystem: so many failures in a row disable the trigger; 0 = never
}

// Overlap says what becomes of a run while an earlier one of the same trigger is at work.
type Overlap string

// The policies of overlapping runs.
const (
	OverlapAllow          Overlap = "allow"          // it runs beside the earlier one
	OverlapSkip           Overlap = "skip"           // it does not take place
	OverlapQueue          Overlap = "queue"          // it waits for its turn
	OverlapCancelPrevious Overlap = "cancelPrevious" // the earlier one is canceled
)

// DefaultPerMinute is how often an event trigger may fire in a minute unless it says otherwise.
const DefaultPerMinute = 1000

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
		// A form's wrapper is the rule for people; events are wrapped when the document says so.
		t.LegacyWrapper = doc.Get("legacyWrapper").Truth()
		r.stream(t, at)
		r.guard(t, at)
	case TriggerManual:
		r.form(t, at)
	case TriggerSchedule:
		r.form(t, at)
		r.schedule(t, at)
		r.guard(t, at)
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

// stream reads what keeps an event trigger from firing too often.
func (r *reader) stream(t *Trigger, at string) {
	t.Dedupe = r.whole(t.Doc, at, "dedupeWindow")
	t.DedupeKey = r.text(t.Doc, at, "dedupeKey", false)
	if _, err := value.SplitPointer(t.DedupeKey); err != nil {
		r.errorf(at+"/dedupeKey", "pointer", "%s is not a JSON pointer such as \"/device/name\".", quote(t.DedupeKey))
	}
	if t.PerMinute = r.whole(t.Doc, at, "maxPerMinute"); t.PerMinute == 0 {
		t.PerMinute = DefaultPerMinute
	}
}

// guard reads how the runs of a trigger that fires by itself get along.
func (r *reader) guard(t *Trigger, at string) {
	t.Overlap = Overlap(r.oneOf(t.Doc, at, "overlap", string(OverlapAllow), string(OverlapSkip), string(OverlapQueue), string(OverlapCancelPrevious)))
	if t.Overlap == "" {
		t.Overlap = OverlapAllow
	}
	t.MaxFailures = r.whole(t.Doc, at, "maxFailures")
}

func (r *reader) schedule(t *Trigger, at string) {
	before := len(r.problems)
	t.FirstRunAt = r.whole(t.Doc, at, "firstRunAt")
	t.Cron = r.text(t.Doc, at, "cron", false)
	if t.Cron == "" && t.Doc.Get("firstRunAt").IsNothing() {
		r.errorf(at+"/firstRunAt", "required", "A schedule needs \"firstRunAt\", in milliseconds since 1970, or \"cron\".")
	}
	t.NextRunAt = r.whole(t.Doc, at, "nextRunAt")
	t.RepeatUnit = r.oneOf(t.Doc, at, "repeatUnit", "second", "minute", "hour", "day", "week", "month", "year")
	t.RepeatFrequency = r.whole(t.Doc, at, "repeatFrequency")
	t.RepeatInterval = r.whole(t.Doc, at, "repeatInterval")
	repeats := t.RepeatFrequency > 0 || t.RepeatInterval > 0
	switch {
	case t.Cron != "" && (t.RepeatUnit != "" || repeats):
		r.errorf(at+"/cron", "conflict", "A schedule repeats by \"cron\" or by \"repeatUnit\", \"repeatFrequency\" and \"repeatInterval\", not by both.")
	case t.RepeatUnit != "" && !repeats:
		r.errorf(at+"/repeatFrequency", "required", "A schedule that repeats needs \"repeatFrequency\" or \"repeatInterval\", at least 1.")
	}
	if t.ProcessMissed = r.oneOf(t.Doc, at, "processMissedRuns", "none", "last", "all"); t.ProcessMissed == "" {
		t.ProcessMissed = "none"
	}
	t.Timezone = r.text(t.Doc, at, "timezone", false)
	t.Holidays = r.texts(t.Doc, at, "holidays")
	if len(r.problems) > before {
		return
	}
	due, err := schedule.New(schedule.Spec{
		First: t.FirstRunAt, Unit: schedule.Unit(t.RepeatUnit), Frequency: t.RepeatFrequency, Interval: t.RepeatInterval,
		Cron: t.Cron, Zone: t.Timezone, Holidays: t.Holidays,
	})
	if p, ok := errors.AsType[*schedule.Problem](err); ok {
		place := at + pointer(p.Field)
		if p.Index >= 0 {
			place = at + pointer(p.Field, itoa(p.Index))
		}
		r.errorf(place, "schedule", "%s", p.Text)
		return
	}
	t.Due = due
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
