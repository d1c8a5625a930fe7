package simulation

import (
	"fmt"

	"github.com/heddlehq/heddle/engine/builtin"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/transformation"
	"github.com/heddlehq/heddle/workflows/value"
)

// Library holds the documents that workflows of a simulation name. The zero Library is empty
// and ready to use; it must not change while a simulation runs.
type Library struct {
	catalog         workflows.Catalog
	ordered         []*workflows.Workflow
	workflows       map[string]*workflows.Workflow
	drafts          map[string]error // names of workflows that cannot be run, and why
	transformations map[string]*transformation.Transformation
	broken          map[string]error // keys of transformations that cannot be run, and why
	templates       map[string]builtin.Template
}

// NewLibrary holds the workflows, transformations and templates of a project. What is wrong
// with one of them counts when a job comes to use it.
func NewLibrary(p *workflows.Project, c workflows.Catalog) *Library {
	l := &Library{catalog: c}
	for i := range p.Components {
		l.component(p.ID, &p.Components[i])
	}
	return l
}

// Add makes a workflow known under its name, in the place of another one of that name.
func (l *Library) Add(w *workflows.Workflow) {
	if l.workflows == nil {
		l.workflows = make(map[string]*workflows.Workflow)
	}
	l.workflows[w.Name] = w
	l.ordered = append(l.ordered, w)
	delete(l.drafts, w.Name)
}

// Workflows are those that can be run, in the order of the project.
func (l *Library) Workflows() []*workflows.Workflow { return l.ordered }

// component takes a document under every key that workflows may name it by: its id, its
// plain name and the name under which a server registers it.
func (l *Library) component(project string, c *workflows.Component) {
	keys := []string{c.Name}
	if project != "" {
		keys = append(keys, workflows.PrefixName(project, c.Name))
	}
	switch c.Type {
	case workflows.ComponentWorkflow:
		doc := c.Document
		if project != "" {
			doc = c.Registered(project)
		}
		w, problems := workflows.Load(doc, l.catalog, nil)
		if err := problems.Err(); err != nil {
			l.drafts = with(l.drafts, fmt.Errorf("workflow %q has errors: %w", w.Name, err), keys)
			return
		}
		l.workflows = with(l.workflows, w, keys)
		l.ordered = append(l.ordered, w)
	case workflows.ComponentTransformation:
		keys = append(keys, c.Reference, c.Document.Get("_id").Text())
		t, err := transformation.Parse(c.Document)
		if err != nil {
			l.broken = with(l.broken, err, keys)
			return
		}
		l.transformations = with(l.transformations, t, keys)
	case workflows.ComponentTemplate:
		data := c.Document.Get("data")
		if data.IsString() {
			// Sample data is only shown to people; what is no JSON stays text.
			if v, err := value.Parse([]byte(data.Text())); err == nil {
				data = v
			}
		}
		l.templates = with(l.templates, builtin.Template{
			Name: c.Name, Type: c.Document.Get("type").Text(), Text: c.Document.Get("template").Text(), Data: data,
		}, keys)
	}
}

func with[T any](m map[string]T, v T, keys []string) map[string]T {
	if m == nil {
		m = make(map[string]T)
	}
	for _, k := range keys {
		if k != "" {
			m[k] = v
		}
	}
	return m
}

// Workflow finds the workflow that the workflow called caller means by name: the exact name,
// then the one of the caller's project, then the plain one.
func (l *Library) Workflow(caller, name string) (*workflows.Workflow, error) {
	for _, candidate := range workflows.CandidateNames(caller, name) {
		if w := l.workflows[candidate]; w != nil {
			return w, nil
		}
		if err := l.drafts[candidate]; err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("workflow %q: %w", name, builtin.ErrNotFound)
}

// Transformation implements builtin.Documents.
func (l *Library) Transformation(key string) (*transformation.Transformation, error) {
	if t := l.transformations[key]; t != nil {
		return t, nil
	}
	if err := l.broken[key]; err != nil {
		return nil, fmt.Errorf("transformation %q: %w", key, err)
	}
	return nil, fmt.Errorf("transformation %q: %w", key, builtin.ErrNotFound)
}

// Template implements builtin.Documents.
func (l *Library) Template(name string) (builtin.Template, error) {
	if t, ok := l.templates[name]; ok {
		return t, nil
	}
	return builtin.Template{}, fmt.Errorf("template %q: %w", name, builtin.ErrNotFound)
}
