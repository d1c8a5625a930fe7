package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/registry"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// listAdapters lists the stored adapter instances.
func listAdapters(c *call) (value.Value, error) {
	q, err := c.list(shape{collection: store.Adapters, plain: []string{"name", "app", "pool"}, sort: []store.Order{{Field: "name"}}, all: true})
	if err != nil {
		return value.Absent, err
	}
	alive := c.alive()
	p, err := c.find(store.Adapters, q, func(v value.Value) (value.Value, error) { return adapterDoc(v, alive[v.Get("name").Text()]), nil })
	if err != nil {
		return value.Absent, err
	}
	return p.results(), nil
}

// alive is how the instances do, by name.
func (c *call) alive() map[string]adapters.Health {
	out := map[string]adapters.Health{}
	for _, h := range c.Adapters.Health() {
		out[h.ID] = h
	}
	return out
}

// adapterDoc is a stored instance as clients of Itential Platform read it, with its own form beside.
func adapterDoc(v value.Value, h adapters.Health) value.Value {
	name, app := v.Get("name"), v.Get("app")
	level := value.String(orText(v.Get("logLevel").Text(), "info"))
	data := v.With("model", value.String("@heddle/adapter-"+strings.ToLower(app.Text()))).With("type", value.String("Adapter")).
		With("properties", value.Object("id", name, "type", app, "properties", v.Get("config"))).
		With("isEncrypted", value.False).With("virtual", value.False).
		With("loggerProps", value.Object("console_level", level, "log_level", level))
	return value.Object("data", data, "metadata", value.Object("isActive", v.Get("enabled"), "activeSync", value.True, "isAlive", value.Bool(h.State == adapters.StateRunning)))
}

func getAdapter(c *call) (value.Value, error) {
	i, err := c.adapter()
	if err != nil {
		return value.Absent, err
	}
	return adapterDoc(i.Doc, c.alive()[i.ID]), nil
}

// adapter reads the instance in the path.
func (c *call) adapter() (registry.Instance, error) {
	name := c.text("name")
	i, err := c.Adapters.Get(c.Request().Context(), name)
	return i, absent(err, "adapter instance", name)
}

// given reads the instance in a body: its own form, or {"properties": {name, model,
// properties: {id, type, properties}}} as clients of Itential Platform write it.
func (c *call) given() (doc value.Value, at string, err error) {
	body, err := c.object()
	if err != nil {
		return value.Absent, "", err
	}
	outer, at := body.Get("properties"), "/config"
	if !outer.IsObject() {
		return body.Without("data"), at, nil
	}
	inner := outer.Get("properties")
	if !inner.IsObject() || outer.Has("config") {
		return outer, at, nil
	}
	app := inner.Get("type")
	if model := outer.Get("model").Text(); c.Adapters.IsModel(model) {
		app = outer.Get("model")
	}
	doc = value.Object("name", value.String(orText(outer.Get("name").Text(), inner.Get("id").Text())), "app", app, "config", inner.Get("properties"))
	for _, key := range []string{"description", "enabled", "limits", "logLevel", "pool"} {
		doc = doc.With(key, outer.Get(key))
	}
	return doc, "/properties/properties/properties", nil
}

func createAdapter(c *call) (value.Value, error) {
	doc, at, err := c.given()
	if err != nil {
		return value.Absent, err
	}
	doc, err = c.Adapters.Fit(doc, at)
	if err != nil {
		return value.Absent, err
	}
	doc = c.stamped(doc)
	err = c.Adapters.Save(c.Request().Context(), doc, store.New)
	if errors.Is(err, store.ErrConflict) {
		return value.Absent, refuse(clash, "adapter instance with name %q already exists", doc.Get("name").Text())
	}
	return c.wrote("Successfully created the adapter", doc, err)
}

// wrote is the answer to a change of an adapter.
func (c *call) wrote(message string, doc value.Value, err error) (value.Value, error) {
	if err != nil {
		return value.Absent, err
	}
	return value.Object("status", value.String("OK"), "message", value.String(message),
		"data", adapterDoc(doc, c.alive()[doc.Get("name").Text()]).Get("data"), "metadata", value.Object()), nil
}

func updateAdapter(c *call) (value.Value, error) {
	old, err := c.adapter()
	if err != nil {
		return value.Absent, err
	}
	doc, at, err := c.given()
	if err != nil {
		return value.Absent, err
	}
	if name := doc.Get("name").Text(); name != "" && name != old.ID {
		return value.Absent, badAt("/name", "name", "An adapter instance keeps its name; tasks refer to it. This one is %q.", old.ID)
	}
	doc = doc.With("name", value.String(old.ID))
	for _, key := range []string{"created", "createdBy", "restarts"} {
		doc = doc.With(key, old.Doc.Get(key))
	}
	if doc, err = c.Adapters.Fit(doc, at); err != nil {
		return value.Absent, err
	}
	doc = c.stamped(doc)
	return c.wrote("Successfully updated the adapter", doc, c.Adapters.Save(c.Request().Context(), doc, old.Revision))
}

func deleteAdapter(c *call) (value.Value, error) {
	i, err := c.adapter()
	if err != nil {
		return value.Absent, err
	}
	return c.wrote("Successfully deleted the adapter", i.Doc, c.Adapters.Delete(c.Request().Context(), i))
}

// changeAdapter changes a member of a stored instance.
func changeAdapter(message string, change func(c *call, doc value.Value) (value.Value, error)) func(c *call) (value.Value, error) {
	return func(c *call) (value.Value, error) {
		i, err := c.adapter()
		if err != nil {
			return value.Absent, err
		}
		doc, err := change(c, i.Doc)
		if err != nil {
			return value.Absent, err
		}
		doc = c.stamped(doc)
		return c.wrote(message, doc, c.Adapters.Save(c.Request().Context(), doc, i.Revision))
	}
}

func enable(on bool) func(*call, value.Value) (value.Value, error) {
	return func(_ *call, doc value.Value) (value.Value, error) { return doc.With("enabled", value.Bool(on)), nil }
}

// renew counts restarts: each number opens the instance anew in every server.
func renew(_ *call, doc value.Value) (value.Value, error) {
	n, _ := doc.Get("restarts").Int()
	return doc.With("restarts", value.Int(n+1)), nil
}

// changeLevel reads {"properties": {"transport", "level"}} or {"level"}.
func changeLevel(c *call, doc value.Value) (value.Value, error) {
	body, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	if inner := body.Get("properties"); inner.IsObject() {
		body = inner
	}
	level, err := need(body, "level", value.KindString)
	if err != nil {
		return value.Absent, err
	}
	return c.Adapters.Fit(doc.With("logLevel", level), "/config")
}

// checkPatience is how long a check may take.
const checkPatience = 20 * time.Second

// checkAdapter opens the instance and looks whether its system answers.
func checkAdapter(c *call) (value.Value, error) {
	i, err := c.adapter()
	if err != nil {
		return value.Absent, err
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), checkPatience)
	defer cancel()
	err = c.Adapters.Check(ctx, i.ID)
	if errors.Is(err, registry.ErrNotServed) {
		h := c.alive()[i.ID]
		return enveloped(fmt.Sprintf("The adapter in the pool %s is %s", i.Pool, h.State), value.Object("works", value.Bool(h.State == adapters.StateRunning), "problem", value.String(h.Problem))), nil
	}
	if err != nil {
		return enveloped("The adapter does not work", value.Object("works", value.False, "problem", value.String(err.Error()))), nil
	}
	return enveloped("The adapter works", value.Object("works", value.True, "problem", value.String(""))), nil
}

// exportAdapter answers the instance as it would be given to create it.
func exportAdapter(c *call) (value.Value, error) {
	i, err := c.adapter()
	if err != nil {
		return value.Absent, err
	}
	doc := i.Doc
	for _, key := range []string{"_id", "created", "createdBy", "lastUpdated", "lastUpdatedBy", "restarts"} {
		doc = doc.Without(key)
	}
	return doc, nil
}

// listKinds lists the manifests of all adapters, which tell what an instance has to configure.
func listKinds(c *call) (value.Value, error) { return c.constant(c.Adapters.Manifests()) }

// healthAdapters tells how the adapter instances do.
func healthAdapters(c *call) (value.Value, error) {
	now := c.Now()
	var all []value.Value
	for _, h := range c.Adapters.Health() {
		uptime := 0.0
		if !h.Since.IsZero() && h.State == adapters.StateRunning {
			uptime = max(0, now.Sub(h.Since).Seconds())
		}
		connection := "ONLINE"
		if h.State != adapters.StateRunning {
			connection = "OFFLINE"
		}
		all = append(all, value.Object("id", value.String(h.ID), "package_id", value.String("@heddle/adapter-"+strings.ToLower(h.App)),
			"version", value.String(h.Version), "type", value.String("Adapter"), "description", value.String("Adapter instance of "+h.App), "routePrefix", value.String(h.ID),
			"state", value.String(h.State), "connection", value.Object("state", value.String(connection), "problem", value.String(h.Problem)),
			"uptime", value.Number(uptime), "memoryUsage", memoryUsage(), "cpuUsage", cpuUsage(), "pid", value.Int(int64(os.Getpid())),
			"logger", value.Object("console", value.String("info"), "file", value.String("off"), "syslog", value.String("off")),
			"timestamp", value.Int(now.UnixMilli()), "prevUptime", value.Int(0),
			"limits", value.Object("breaker", value.String(h.Breaker), "running", value.Int(h.Running), "waiting", value.Int(h.Waiting),
				"calls", value.Int(h.Calls), "failures", value.Int(h.Failures), "configured", value.Of(h.Limits))))
	}
	return c.healthList(all)
}
