package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/server/triggers"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

func listAutomations(c *call) (value.Value, error) {
	q, err := c.list(shape{collection: store.Automations, plain: []string{"name", "componentType", "componentId", "componentName"}, sort: []store.Order{{Field: "name"}}})
	if err != nil {
		return value.Absent, err
	}
	q.and(c.reachableAutomations())
	p, err := c.find(store.Automations, q, nil)
	if err != nil {
		return value.Absent, err
	}
	return p.operations("Successfully retrieved automations"), nil
}

// stored reads a document of a collection by id, with its revision. An automation, and what
// belongs to one, must be within the caller's reach.
func (c *call) stored(collection, kind, id string) (value.Value, int64, error) {
	d, err := c.Store.Get(c.Request().Context(), collection, id)
	if err != nil {
		return value.Absent, 0, absent(err, kind, id)
	}
	v, err := value.ParseLast(d.Body)
	if err != nil {
		return value.Absent, 0, err
	}
	return v, d.Revision, c.allowed(collection, kind, id, v)
}

// write prepares storing a document under its id.
func (s *Server) write(collection string, doc value.Value, expect int64) (store.Write, error) {
	c, err := s.schema.Collection(collection)
	if err != nil {
		return store.Write{}, err
	}
	return store.Write{Collection: collection, ID: doc.Get("_id").Text(), Expect: expect, Body: doc.AppendJSON(nil), Index: c.IndexOf(doc)}, nil
}

// commit stores writes together; a name or route that is taken is a clash.
func (s *Server) commit(ctx context.Context, kind string, doc value.Value, writes ...store.Write) error {
	err := s.Store.Commit(ctx, store.Batch(writes))[0]
	if conflict, ok := errors.AsType[*store.Conflict](err); ok && conflict.Reason == store.NotUnique {
		return refuse(clash, "%s with %s %q already exists", kind, conflict.Field, doc.Get(conflict.Field).Text())
	}
	return err
}

func (c *call) save(collection, kind string, doc value.Value, expect int64) error {
	w, err := c.write(collection, doc, expect)
	if err != nil {
		return err
	}
	return c.commit(c.Request().Context(), kind, doc, w)
}

// stamped sets who made and changed a document, by name: clients decode these as texts.
func (c *call) stamped(doc value.Value) value.Value {
	now := value.Time(c.Now())
	if !doc.Get("created").IsString() {
		doc = doc.With("created", now)
	}
	if !doc.Get("createdBy").IsString() {
		doc = doc.With("createdBy", value.String(c.who.Username))
	}
	return doc.With("lastUpdated", now).With("lastUpdatedBy", value.String(c.who.Username))
}

// automation checks an automation's document and completes it: the id and the name of its
// workflow belong together.
func (c *call) automation(doc value.Value) (value.Value, error) {
	a, problems := workflows.ParseAutomation(doc)
	if err := problems.Err(); err != nil {
		return value.Absent, err
	}
	ctx := c.Request().Context()
	for _, d := range []struct {
		key string
		v   value.Value
	}{
		{"description", value.String("")}, {"componentType", value.String("workflows")},
		{"gbac", value.Object("read", value.Array(), "write", value.Array())},
	} {
		if doc.Get(d.key).IsNothing() {
			doc = doc.With(d.key, d.v)
		}
	}
	if a.ComponentID != "" {
		s, err := c.Library.Workflow(ctx, a.ComponentID)
		if errors.Is(err, store.ErrNotFound) {
			return value.Absent, badAt("/componentId", "unknown-workflow", "There is no workflow with the id %q.", clip(a.ComponentID))
		}
		if err != nil {
			return value.Absent, err
		}
		return doc.With("componentName", value.String(s.Name())), nil
	}
	if a.ComponentName == "" {
		return doc, nil
	}
	s, err := c.Library.Workflow(ctx, a.ComponentName)
	if errors.Is(err, store.ErrNotFound) {
		return doc, nil // it may be imported later
	}
	return doc.With("componentId", value.String(s.ID())), err
}

func createAutomation(c *call) (value.Value, error) {
	doc, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	doc, err = c.automation(doc.Without("_id", "triggers"))
	if err != nil {
		return value.Absent, err
	}
	doc = c.stamped(overlay(value.Object("_id", value.String(library.NewID())), doc))
	if err := c.save(store.Automations, "automation", doc, store.New); err != nil {
		return value.Absent, err
	}
	return enveloped("Successfully created automation", doc), nil
}

func getAutomation(c *call) (value.Value, error) {
	doc, _, err := c.stored(store.Automations, "automation", c.text("id"))
	return enveloped("Successfully retrieved automation", doc), err
}

func patchAutomation(c *call) (value.Value, error) {
	change, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	old, revision, err := c.stored(store.Automations, "automation", c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	if change.Has("componentName") && !change.Has("componentId") {
		old = old.Without("componentId")
	}
	doc, err := c.automation(overlay(old, change.Without("_id", "triggers", "created", "createdBy")))
	if err != nil {
		return value.Absent, err
	}
	doc = c.stamped(doc)
	if err := c.save(store.Automations, "automation", doc, revision); err != nil {
		return value.Absent, err
	}
	return enveloped("Successfully updated automation", doc), nil
}

// overlay sets the members of change in doc.
func overlay(doc, change value.Value) value.Value {
	for k, v := range change.Members() {
		doc = doc.With(k, v)
	}
	return doc
}

func deleteAutomation(c *call) (value.Value, error) {
	doc, revision, err := c.stored(store.Automations, "automation", c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	triggers, err := c.triggersOf(c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	batch := store.Batch{{Collection: store.Automations, ID: c.text("id"), Expect: revision}}
	for _, t := range triggers {
		batch = append(batch, store.Write{Collection: store.Triggers, ID: t.Get("_id").Text(), Expect: store.Any})
	}
	if err := c.commit(c.Request().Context(), "automation", doc, batch...); err != nil {
		return value.Absent, err
	}
	return enveloped("Successfully deleted automation", doc), nil
}

func (c *call) triggersOf(automation string) ([]value.Value, error) {
	p, err := c.find(store.Triggers, query{Query: store.Query{
		Where: store.Where("actionId", store.Eq, automation), Sort: []store.Order{{Field: "created"}}, NoTotal: true,
	}}, nil)
	return p.docs, err
}

func exportAutomation(c *call) (value.Value, error) {
	doc, _, err := c.stored(store.Automations, "automation", c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	triggers, err := c.triggersOf(c.text("id"))
	return enveloped("Successfully exported automation", doc.Without("componentId").With("triggers", value.Array(triggers...))), err
}

// importAutomations stores {"automations": [documents with their triggers]} and tells of each.
func importAutomations(c *call) (value.Value, error) {
	return c.importEach("automations", c.importAutomation)
}

func importTriggers(c *call) (value.Value, error) {
	return c.importEach("triggers", func(doc value.Value) (value.Value, error) { return c.insertTrigger(doc, true) })
}

// importEach imports the documents of a list one by one.
func (c *call) importEach(key string, one func(value.Value) (value.Value, error)) (value.Value, error) {
	list, err := c.member(key, value.KindArray)
	if err != nil {
		return value.Absent, err
	}
	done := 0
	out := make([]value.Value, 0, list.Len())
	var problems []problem
	var last error
	for i, doc := range list.Elements() {
		made, err := one(doc)
		if err != nil {
			if a := decide(err); a.status >= 500 {
				return value.Absent, err
			}
			last = err
			problems = append(problems, problem{fmt.Sprintf("/%s/%d", key, i), "not-imported", err.Error()})
			out = append(out, value.Object("success", value.False, "message", value.String(err.Error()), "data", doc))
			continue
		}
		done++
		out = append(out, value.Object("success", value.True, "data", made))
	}
	if done == 0 {
		reason := malformed
		if r, ok := errors.AsType[*refusal](last); ok {
			reason = r.reason
		}
		return value.Absent, &refusal{reason: reason, text: "Failed to import " + key, problems: problems, data: value.Array(out...)}
	}
	return enveloped(fmt.Sprintf("Successfully imported %d of %d %s", done, list.Len(), key), value.Array(out...)), nil
}

func (c *call) importAutomation(doc value.Value) (value.Value, error) {
	full, err := c.automation(doc.Without("componentId"))
	if err != nil {
		return value.Absent, err
	}
	id, err := c.freeID(store.Automations, doc.Get("_id").Text())
	if err != nil {
		return value.Absent, err
	}
	full = c.stamped(full.With("_id", value.String(id)).Without("triggers"))
	w, err := c.write(store.Automations, full, store.New)
	if err != nil {
		return value.Absent, err
	}
	writes := []store.Write{w}
	var made []value.Value
	for _, t := range doc.Get("triggers").Elements() {
		tid, err := c.freeID(store.Triggers, t.Get("_id").Text())
		if err != nil {
			return value.Absent, err
		}
		parsed, problems := workflows.ParseTrigger(triggerDefaults(t.Without(ownFields...).With("_id", value.String(tid)).With("actionId", value.String(id))))
		if err := problems.Err(); err != nil {
			return value.Absent, err
		}
		t = c.stamped(triggers.Plan(parsed, value.Absent, c.Now()))
		w, err := c.write(store.Triggers, t, store.New)
		if err != nil {
			return value.Absent, err
		}
		writes = append(writes, w)
		made = append(made, t)
	}
	err = c.Store.Commit(c.Request().Context(), store.Batch(writes))[0]
	if conflict, ok := errors.AsType[*store.Conflict](err); ok && conflict.Reason == store.NotUnique {
		if conflict.Collection == store.Triggers {
			return value.Absent, refuse(clash, "a trigger with this route already exists")
		}
		return value.Absent, refuse(clash, "automation with name %q already exists", full.Get("name").Text())
	}
	return full.With("triggers", value.Array(made...)), err
}

// freeID keeps the id a document was exported with if nothing has it here.
func (c *call) freeID(collection, id string) (string, error) {
	if len(id) != 24 {
		return library.NewID(), nil
	}
	_, err := c.Store.Get(c.Request().Context(), collection, id)
	if errors.Is(err, store.ErrNotFound) {
		return id, nil
	}
	return library.NewID(), err
}
