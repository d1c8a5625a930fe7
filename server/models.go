package server

import (
	"errors"
	"fmt"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// listModels lists the descriptions of APIs that were imported.
func listModels(c *call) (value.Value, error) {
	q, err := c.list(shape{collection: store.Models, plain: []string{"name"}, sort: []store.Order{{Field: "name"}}, all: true})
	if err != nil {
		return value.Absent, err
	}
	p, err := c.find(store.Models, q, func(v value.Value) (value.Value, error) { return modelDoc(v), nil })
	if err != nil {
		return value.Absent, err
	}
	out := p.results()
	return out.With("integrationModels", out.Get("results")), nil
}

func modelDoc(v value.Value) value.Value {
	return v.With("model", v.Get("name")).With("versionId", v.Get("name")).Without("hash")
}

// description reads the API's description in a body: {"model": document or text}, or the document itself.
func (c *call) description() ([]byte, error) {
	body, err := c.object()
	if err != nil {
		return nil, err
	}
	doc := body
	if m := body.Get("model"); !m.IsNothing() && !body.Has("paths") {
		doc = m
	}
	switch {
	case doc.IsString():
		return []byte(doc.Text()), nil
	case doc.Len() == 0:
		return nil, badAt("/model", "required", "The body needs an OpenAPI or Swagger document as \"model\".")
	}
	return doc.AppendJSON(nil), nil
}

// importModel stores a description of an API: each operation becomes a task.
func importModel(replace bool) func(c *call) (value.Value, error) {
	return func(c *call) (value.Value, error) {
		data, err := c.description()
		if err != nil {
			return value.Absent, err
		}
		doc, problems, err := c.Adapters.AddModel(c.Request().Context(), data, c.stamped(value.Object()), replace)
		if errors.Is(err, store.ErrConflict) {
			return value.Absent, refuse(clash, "%s", err)
		}
		if err != nil {
			return value.Absent, err
		}
		return value.Object("status", value.String("Created"), "message", value.String(fmt.Sprintf("Successfully imported %s", doc.Get("name").Text())),
			"data", modelDoc(doc), "metadata", value.Object("warnings", warningsOf(problems))), nil
	}
}

func warningsOf(problems workflows.Problems) value.Value {
	var out []value.Value
	for _, p := range problems.Warnings() {
		out = append(out, value.Object("pointer", value.String(p.Pointer), "code", value.String(p.Code), "message", value.String(p.Text)))
	}
	return value.Array(out...)
}

// validateModel tells what importing a description would find.
func validateModel(c *call) (value.Value, error) {
	data, err := c.description()
	if err != nil {
		return value.Absent, err
	}
	if c.Adapters.Import == nil {
		return value.Absent, refuse(missing, "this server imports no descriptions of APIs")
	}
	kind, problems := c.Adapters.Import(data)
	if err := problems.Err(); err != nil {
		return value.Absent, err
	}
	return enveloped("The document can be imported", value.Object("model", value.String(kind.App), "methods", value.Int(int64(len(kind.Methods))), "warnings", warningsOf(problems))), nil
}

func getModel(c *call) (value.Value, error) {
	v, _, err := c.stored(store.Models, "integration model", c.text("name"))
	if err != nil {
		return value.Absent, err
	}
	return modelDoc(v), nil
}

// exportModel answers the document that was imported.
func exportModel(c *call) (value.Value, error) {
	text, err := c.Adapters.ModelText(c.Request().Context(), c.text("name"))
	if err != nil {
		return value.Absent, absent(err, "integration model", c.text("name"))
	}
	if v, err := value.Parse([]byte(text)); err == nil {
		return v, nil
	}
	return value.String(text), nil
}

func deleteModel(c *call) (value.Value, error) {
	v, err := c.Adapters.DeleteModel(c.Request().Context(), c.text("name"))
	if err != nil {
		return value.Absent, absent(err, "integration model", c.text("name"))
	}
	return enveloped("Successfully deleted the integration model", modelDoc(v)), nil
}

// listIntegrations lists the adapter instances of imported models.
func listIntegrations(c *call) (value.Value, error) {
	found, err := c.Store.Find(c.Request().Context(), store.Adapters, store.Query{Sort: []store.Order{{Field: "name"}}, NoTotal: true})
	if err != nil {
		return value.Absent, err
	}
	alive := c.alive()
	var out []value.Value
	for _, d := range found.Docs {
		v, err := value.ParseLast(d.Body)
		if err != nil {
			return value.Absent, err
		}
		if c.Adapters.IsModel(v.Get("app").Text()) {
			doc := adapterDoc(v, alive[d.ID])
			out = append(out, doc.WithPath([]string{"data", "virtual"}, value.True).WithPath([]string{"data", "model"}, v.Get("app")))
		}
	}
	return c.constant(out)
}
