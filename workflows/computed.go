package workflows

import (
	"maps"
	"slices"

	"github.com/heddlehq/heddle/workflows/value"
)

// anyType is how documents write "a value of any type".
var anyType = value.Object("type", value.Strings("array", "boolean", "null", "number", "object", "string"))

// ComputeSchemas derives the input and output schema of a workflow whose document does not
// supply them.
//
// An input is a job variable that a task reads and that no task can have set by then; all
// inputs are required. Outputs are the inputs and everything that tasks write. A variable's
// schema is that of the parameter that reads it or of the output bound to it, as far as the
// catalog tells; the catalog may be nil. Variables that the engine sets are never inputs and
// always outputs.
func ComputeSchemas(w *Workflow, c Catalog) (input, output value.Value) {
	s := variableSchemas{catalog: c, in: make(map[string]value.Value), out: make(map[string]value.Value)}
	g := newGraph(w)
	var d *definitions
	if g.order != nil && g.start >= 0 && len(g.cross) == 0 && len(w.Tasks) <= provable {
		d = newDefinitions(newFlow(g))
	}
	written := make(map[string]bool)
	for i := range w.Tasks {
		t := &w.Tasks[i]
		m := s.method(t)
		for name, b := range t.Outgoing.Members() {
			if variable, ok := ParseVariable(b.Text()); ok {
				out, _ := m.Output(name)
				s.merge(s.out, variable, schemaOf(out))
				written[variable] = true
			}
		}
		for _, name := range []string{t.ErrorVariable, t.newVariable()} {
			if name != "" {
				s.merge(s.out, name, value.Absent)
				written[name] = true
			}
		}
	}
	for i := range w.Tasks {
		t := &w.Tasks[i]
		m := s.method(t)
		for _, r := range variableReads(t) {
			switch {
			case IsBuiltIn(r.Name):
			case d == nil && written[r.Name]:
			case d != nil && (g.home[i] == unreached || d.possible(r.Name, i)):
			default:
				p, _ := m.Param(r.At[1:])
				if r.Pointer != "" || r.At == "/job_variable" {
					p = Param{}
				}
				s.merge(s.in, r.Name, schemaOf(p))
			}
		}
	}
	for name, schema := range s.in {
		s.merge(s.out, name, schema)
	}
	s.out["_id"] = value.Object("type", value.String("string"), "pattern", value.String("^[0-9a-f]{24}$"))
	s.out["initiator"] = value.Object("type", value.String("string"))
	return objectSchema(s.in, slices.Sorted(maps.Keys(s.in))), objectSchema(s.out, nil)
}

type variableSchemas struct {
	catalog Catalog
	in, out map[string]value.Value
}

func (s *variableSchemas) method(t *Task) *Method {
	if s.catalog == nil {
		return &Method{}
	}
	m, _ := s.catalog.Method(t.App, t.Name)
	return &m
}

// merge keeps a variable's schema when all places that tell one agree, and otherwise lets it
// be anything. Absent tells nothing.
func (s *variableSchemas) merge(into map[string]value.Value, name string, schema value.Value) {
	old := into[name]
	switch {
	case old.IsAbsent():
		into[name] = schema
	case !schema.IsAbsent() && !value.Equal(old, schema):
		into[name] = anyType
	}
}

func schemaOf(p Param) value.Value {
	switch {
	case p.Schema.Len() > 0:
		return p.Schema
	case p.Type != "" && p.Type != "any":
		return value.Object("type", value.String(p.Type))
	}
	return value.Absent
}

// objectSchema gives the schema of an object; a property without schema may be anything.
func objectSchema(properties map[string]value.Value, required []string) value.Value {
	var members value.Members
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if p := properties[name]; p.IsAbsent() {
			members.Set(name, anyType)
		} else {
			members.Set(name, p)
		}
	}
	out := new(value.Members).Set("type", value.String("object")).Set("properties", members.Value())
	if required != nil {
		out.Set("required", value.Strings(required...))
	}
	return out.Value()
}
