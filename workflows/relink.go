package workflows

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/heddlehq/heddle/workflows/value"
)

// Relink mends tasks that run a transformation under an id nobody has. Project files in
// circulation carry such ids where their transformations were once given new ones. The task
// still tells which it means: it names every incoming and outgoing value, so when exactly
// one transformation of the project takes and gives those, that one is meant; among several
// the task's summary decides. Each mended task is reported as a warning; what stays open is
// left as it is. The resolver may know transformations outside of the project; nil knows none.
func (p *Project) Relink(outer Resolver) (*Project, Problems) {
	out := *p
	out.Components = slices.Clone(p.Components)
	var problems Problems
	for i := range out.Components {
		c := &out.Components[i]
		if c.Type != ComponentWorkflow {
			continue
		}
		for id, t := range c.Document.Get("tasks").Members() {
			if t.Get("app").Text() != workflowEngine || t.Get("name").Text() != "transformation" {
				continue
			}
			old := t.Path("variables", "incoming", "tr_id").Text()
			if old == "" || p.Exists(ComponentTransformation, old) || outer != nil && outer.Exists(ComponentTransformation, old) {
				continue
			}
			meant, ok := p.meant(t)
			if !ok {
				continue
			}
			path := []string{"tasks", id, "variables", "incoming", "tr_id"}
			c.Document = c.Document.WithPath(path, value.String(meant.Reference))
			problems = append(problems, Problem{
				Level: Warning, Code: "relinked", Task: id, Name: "transformation",
				Pointer: pointer(append([]string{"components", itoa(i), "document"}, path...)...),
				Text:    fmt.Sprintf("There is no transformation %s; %s has the same incoming and outgoing values and takes its place.", quote(old), quote(meant.Name)),
			})
		}
	}
	return &out, problems
}

// meant finds the transformation that takes and gives what a task passes and expects.
func (p *Project) meant(task value.Value) (*Component, bool) {
	var found []*Component
	for i := range p.Components {
		c := &p.Components[i]
		if c.Type == ComponentTransformation &&
			maps.Equal(identifiers(c.Document.Get("incoming")), keySet(task.Path("variables", "incoming", "variableMap"))) &&
			maps.Equal(identifiers(c.Document.Get("outgoing")), keySet(task.Path("variables", "outgoing"))) {
			found = append(found, c)
		}
	}
	if len(found) > 1 {
		summary := task.Get("summary").Text()
		found = slices.DeleteFunc(found, func(c *Component) bool { return !strings.EqualFold(c.Name, summary) })
	}
	if len(found) != 1 || found[0].Reference == "" {
		return nil, false
	}
	return found[0], true
}

// identifiers are the $id of a transformation's incoming or outgoing schemas.
func identifiers(schemas value.Value) map[string]bool {
	out := make(map[string]bool)
	for _, s := range schemas.Elements() {
		out[s.Get("$id").Text()] = true
	}
	return out
}

func keySet(v value.Value) map[string]bool {
	out := make(map[string]bool)
	for _, k := range v.Keys() {
		out[k] = true
	}
	return out
}
