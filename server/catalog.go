package server

import (
	"github.com/heddlehq/heddle/engine/builtin"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// listTaskTypes lists every task type a workflow may use.
func listTaskTypes(c *call) (value.Value, error) {
	methods := c.Library.Catalog().Methods()
	out := make([]value.Value, len(methods))
	for i := range methods {
		out[i] = methodDoc(&methods[i])
	}
	return value.Array(out...), nil
}

// listApps lists the applications and adapters that task types belong to.
func listApps(c *call) (value.Value, error) {
	var out []value.Value
	var last string
	for _, m := range c.Library.Catalog().Methods() {
		if m.App == last {
			continue
		}
		last = m.App
		out = append(out, value.Object("name", value.String(m.App), "app", value.String(m.App), "displayName", value.String(m.App),
			"location", value.String(m.Location), "type", value.String(m.Location)))
	}
	return value.Array(out...), nil
}

// taskDetails answers {"inputsArray": [{location, pckg, method}]}, in order.
func taskDetails(c *call) (value.Value, error) {
	list, err := c.member("inputsArray", value.KindArray)
	if err != nil {
		return value.Absent, err
	}
	out := make([]value.Value, 0, list.Len())
	for _, in := range list.Elements() {
		m, ok := c.Library.Catalog().Method(in.Get("pckg").Text(), in.Get("method").Text())
		if !ok {
			out = append(out, value.Null)
			continue
		}
		out = append(out, methodDoc(&m))
	}
	return value.Array(out...), nil
}

// taskDetail answers one task type's schema.
func taskDetail(c *call) (value.Value, error) {
	app, name := c.text("package"), c.text("method")
	m, ok := c.Library.Catalog().Method(app, name)
	if !ok {
		return value.Absent, refuse(missing, "there is no task type %q of %q", name, app)
	}
	return methodDoc(&m), nil
}

// methodDoc is a catalog entry as the canvas reads it.
func methodDoc(m *workflows.Method) value.Value {
	var d value.Members
	d.Set("name", value.String(m.Name)).Set("canvasName", value.String(orText(m.CanvasName, m.Name))).Set("app", value.String(m.App)).
		Set("location", value.String(m.Location)).Set("locationType", value.Null).Set("type", value.String(string(m.Type))).
		Set("displayName", value.String(orText(m.DisplayName, m.App))).Set("summary", value.String(m.Summary)).
		Set("description", value.String(m.Description))
	if m.LocationType != "" {
		d.Set("locationType", value.String(m.LocationType))
	}
	if m.View != "" {
		d.Set("view", value.String(m.View))
	}
	if len(m.InvalidActors) > 0 {
		d.Set("invalidTaskActors", value.Strings(m.InvalidActors...))
	}
	return d.Set("variables", value.Object("incoming", paramDocs(m.Incoming), "outgoing", paramDocs(m.Outgoing))).Value()
}

func paramDocs(ps []workflows.Param) value.Value {
	var m value.Members
	for _, p := range ps {
		kind := orText(p.Type, "any")
		schema := p.Schema
		if schema.IsAbsent() {
			schema = value.Object()
			if p.Type != "" && p.Type != "any" {
				schema = value.Object("type", value.String(p.Type))
			}
			if len(p.Values) > 0 {
				schema = schema.With("enum", value.Strings(p.Values...))
			}
		}
		m.Set(p.Name, value.Object("type", value.String(kind), "required", value.Bool(p.Required), "description", value.String(p.Description), "schema", schema))
	}
	return m.Value()
}

func orText(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// tryTask runs a pure built-in task on the body as its parameters, as canvas editors do to
// try a query or an evaluation. Otherwise is the answer when it ends in failure.
func tryTask(app, name string, otherwise value.Value, incoming func(value.Value) value.Value) func(c *call) (value.Value, error) {
	task, ok := builtin.Lookup(app, name)
	if !ok || task.Run == nil || task.Outside {
		panic("no pure task " + app + "." + name)
	}
	return func(c *call) (value.Value, error) {
		body, err := c.object()
		if err != nil {
			return value.Absent, err
		}
		t := workflows.Task{Name: name, App: app, Incoming: incoming(body)}
		in := t.MapRefs(func(_ string, r workflows.Ref) value.Value { return r.Static })
		outcome := task.Run(&builtin.Call{Incoming: in, Now: c.Now(), Documents: c.Library.Documents(c.Request().Context())})
		switch outcome.State {
		case workflows.Failed:
			text := outcome.Error.Get("message").Text()
			return value.Absent, badAt("", "input", "%s", orText(text, outcome.Error.String()))
		case workflows.Failure:
			return otherwise, nil
		}
		return orNull(outcome.Outgoing.At(0)), nil
	}
}

func asIs(body value.Value) value.Value { return body }

// oneGroup makes evaluation parameters of a single group.
func oneGroup(body value.Value) value.Value {
	group := body.Get("evaluation_group")
	if group.IsArray() {
		group = value.Object("evaluations", group, "all_true_flag", body.Get("all_true_flag"))
	}
	return value.Object("all_true_flag", value.True, "evaluation_groups", value.Array(group))
}
