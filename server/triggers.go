package server

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/server/triggers"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

func listTriggers(c *call) (value.Value, error) {
	q, err := c.list(shape{collection: store.Triggers, plain: []string{"actionId", "actionType", "enabled", "name", "routeName", "type"}, sort: []store.Order{{Field: "name"}}})
	if err != nil {
		return value.Absent, err
	}
	reach, err := c.reachableTriggers()
	if err != nil {
		return value.Absent, err
	}
	q.and(reach)
	p, err := c.find(store.Triggers, q, nil)
	if err != nil {
		return value.Absent, err
	}
	return p.operations("Successfully retrieved triggers"), nil
}

// triggerDefaults completes a trigger's document with the members that clients decode.
func triggerDefaults(doc value.Value) value.Value {
	common := value.Object("description", value.String(""), "enabled", value.True, "actionType", value.String("automations"), "lastExecuted", value.Null)
	for k, v := range common.Members() {
		if !doc.Has(k) {
			doc = doc.With(k, v)
		}
	}
	var own value.Value
	switch workflows.TriggerType(doc.Get("type").Text()) {
	case workflows.TriggerEndpoint:
		own = value.Object("verb", value.String("POST"), "schema", value.Null, "jst", value.Null)
	case workflows.TriggerManual:
		own = value.Object("formId", value.Null, "formData", value.Null, "formSchemaHash", value.Null, "legacyWrapper", value.True)
	case workflows.TriggerEvent:
		own = value.Object("schema", value.Null, "jst", value.Null, "legacyWrapper", value.False)
	}
	for k, v := range own.Members() {
		if !doc.Has(k) {
			doc = doc.With(k, v)
		}
	}
	return doc
}

// trigger checks the document of a trigger that is to take the place of old, Absent for a new
// one, and the automation it belongs to.
func (c *call) trigger(doc, old value.Value) (value.Value, error) {
	doc = triggerDefaults(doc)
	t, problems := workflows.ParseTrigger(doc)
	if err := problems.Err(); err != nil {
		return value.Absent, err
	}
	if t.ActionID == "" {
		return value.Absent, badAt("/actionId", "required", "A trigger needs the id of its automation in \"actionId\".")
	}
	_, _, err := c.stored(store.Automations, "automation", t.ActionID)
	if isMissing(err) {
		return value.Absent, badAt("/actionId", "unknown-automation", "There is no automation %q.", clip(t.ActionID))
	}
	return triggers.Plan(t, old, c.Now()), err
}

// ownFields are what a trigger's document holds for the server's own use.
var ownFields = []string{"disabledReason", "failures", "lastExecuted", "nextRunAt", "recent", "runs"}

func createTrigger(c *call) (value.Value, error) {
	doc, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	doc, err = c.insertTrigger(doc, false)
	if err != nil {
		return value.Absent, err
	}
	return enveloped("Successfully created trigger", doc), nil
}

func (c *call) insertTrigger(doc value.Value, keepID bool) (value.Value, error) {
	full, err := c.trigger(doc.Without(ownFields...), value.Absent)
	if err != nil {
		return value.Absent, err
	}
	id := library.NewID()
	if keepID {
		if id, err = c.freeID(store.Triggers, doc.Get("_id").Text()); err != nil {
			return value.Absent, err
		}
	}
	full = c.stamped(full.With("_id", value.String(id)))
	return full, c.save(store.Triggers, "trigger", full, store.New)
}

func getTrigger(c *call) (value.Value, error) {
	doc, _, err := c.stored(store.Triggers, "trigger", c.text("id"))
	return enveloped("Successfully retrieved trigger", doc), err
}

func patchTrigger(c *call) (value.Value, error) {
	change, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	for {
		old, revision, err := c.stored(store.Triggers, "trigger", c.text("id"))
		if err != nil {
			return value.Absent, err
		}
		doc, err := c.trigger(overlay(old, change.Without("_id", "created", "createdBy").Without(ownFields...)), old)
		if err != nil {
			return value.Absent, err
		}
		doc = c.stamped(doc)
		// It may have fired meanwhile: that is no reason to turn the caller away.
		switch err := c.save(store.Triggers, "trigger", doc, revision); {
		case err == nil:
			return enveloped("Successfully updated trigger", doc), nil
		case !errors.Is(err, store.ErrConflict) || c.Request().Context().Err() != nil:
			return value.Absent, err
		}
	}
}

func deleteTrigger(c *call) (value.Value, error) {
	doc, _, err := c.stored(store.Triggers, "trigger", c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	err = c.commit(c.Request().Context(), "trigger", doc, store.Write{Collection: store.Triggers, ID: c.text("id"), Expect: store.Any})
	return enveloped("Successfully deleted trigger", doc), err
}

// deleteTriggersOf removes the triggers of an automation.
func deleteTriggersOf(c *call) (value.Value, error) {
	var found []value.Value
	_, _, err := c.stored(store.Automations, "automation", c.text("action"))
	if err == nil || isMissing(err) && c.who.IsAdmin() {
		found, err = c.triggersOf(c.text("action"))
	}
	if err != nil && !isMissing(err) {
		return value.Absent, err
	}
	writes := make([]store.Write, len(found))
	for i, t := range found {
		writes[i] = store.Write{Collection: store.Triggers, ID: t.Get("_id").Text(), Expect: store.Any}
	}
	if len(writes) > 0 {
		if err := c.commit(c.Request().Context(), "trigger", value.Absent, writes...); err != nil {
			return value.Absent, err
		}
	}
	return enveloped(fmt.Sprintf("Successfully deleted %d triggers", len(found)),
		value.Object("deletedCount", value.Int(int64(len(found))))), nil
}

func exportTrigger(c *call) (value.Value, error) {
	doc, _, err := c.stored(store.Triggers, "trigger", c.text("id"))
	return enveloped("Successfully exported trigger", doc), err
}

// runEndpoint starts the automation of an endpoint trigger. A payload that does not fit is
// refused before a job exists.
func runEndpoint(c *call) (value.Value, error) {
	route := c.tail(3)
	p, err := c.find(store.Triggers, query{Query: store.Query{Where: store.And{
		store.Where("routeName", store.Eq, route), store.Where("type", store.Eq, string(workflows.TriggerEndpoint)), store.Where("enabled", store.Eq, true),
	}, Limit: 1, NoTotal: true}}, nil)
	if err != nil {
		return value.Absent, err
	}
	if len(p.docs) == 0 {
		return value.Absent, refuse(missing, "there is no enabled endpoint trigger with the route %q", clip(route))
	}
	body, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	if err := c.allowed(store.Triggers, "trigger", route, p.docs[0]); err != nil {
		return value.Absent, refuse(missing, "there is no enabled endpoint trigger with the route %q", clip(route))
	}
	t, _ := workflows.ParseTrigger(p.docs[0])
	return c.fire(t, body)
}

// runManual starts the automation of a manual trigger with what its form was filled with.
func runManual(c *call) (value.Value, error) {
	body, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	form, err := optional(body, "formData", value.KindObject)
	if err != nil {
		return value.Absent, err
	}
	doc, _, err := c.stored(store.Triggers, "trigger", c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	t, _ := workflows.ParseTrigger(doc)
	switch {
	case t.Type != workflows.TriggerManual:
		return value.Absent, refuse(clash, "trigger %q is not a manual trigger", t.Name)
	case !t.Enabled:
		return value.Absent, refuse(clash, "trigger %q is disabled", t.Name)
	}
	return c.fire(t, form)
}

// fire starts the job of a trigger that somebody called, and notes when.
func (c *call) fire(t *workflows.Trigger, payload value.Value) (value.Value, error) {
	ctx := c.Request().Context()
	b, _, err := c.orders.Make(ctx, t, payload)
	if err != nil {
		return value.Absent, err
	}
	st, err := c.begin(b, startOptions{})
	if err != nil {
		return value.Absent, err
	}
	// The job is stored; a note that is lost to somebody's change is no harm.
	if stored, revision, err := c.stored(store.Triggers, "trigger", t.ID); err == nil {
		err = c.save(store.Triggers, "trigger", stored.With("lastExecuted", value.Int(c.Now().UnixMilli())), revision)
		if err != nil {
			c.Log.DebugContext(ctx, "trigger not stamped", "trigger", t.ID, "err", err)
		}
	}
	return enveloped("Successfully started job", jobDoc(st, &query{})), nil
}

// nextRuns lists when a schedule runs next.
func nextRuns(c *call) (value.Value, error) {
	n := 10
	if text := c.QueryParam("limit"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 || n > 1000 {
			return value.Absent, badAt("", "limit", "\"limit\" must be a number from 1 to 1000, not %q.", clip(text))
		}
	}
	doc, _, err := c.stored(store.Triggers, "trigger", c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	t, problems := workflows.ParseTrigger(doc)
	if err := problems.Err(); err != nil {
		return value.Absent, err
	}
	if t.Type != workflows.TriggerSchedule {
		return value.Absent, refuse(clash, "trigger %q is not a schedule", t.Name)
	}
	out := []value.Value{}
	for _, at := range triggers.Next(t, c.Now(), n) {
		out = append(out, value.Object("at", value.Int(at.UnixMilli()), "local", value.String(at.Format(time.RFC3339))))
	}
	return enveloped("Successfully retrieved next runs", value.Array(out...)), nil
}
