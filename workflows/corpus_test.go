package workflows

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/heddlehq/heddle/workflows/value"
)

// corpus reads the JSON files of a folder of real documents, and skips the test without it.
func corpus(t testing.TB, folder string) map[string]value.Value {
	t.Helper()
	root := os.Getenv("HEDDLE_CORPUS")
	if root == "" {
		t.Skip("HEDDLE_CORPUS is not set")
	}
	files, err := filepath.Glob(filepath.Join(root, folder, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no documents in %s: %v", folder, err)
	}
	out := make(map[string]value.Value)
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := value.ParseLast(data)
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		out[filepath.Base(f)] = doc
	}
	return out
}

// corpusWorkflows are the workflow documents of all projects, by file and name.
func corpusWorkflows(t testing.TB) map[string]value.Value {
	t.Helper()
	out := make(map[string]value.Value)
	for file, p := range corpus(t, "projects") {
		for _, c := range p.Get("components").Elements() {
			if c.Get("type").Text() == "workflow" {
				out[file+": "+c.Path("document", "name").Text()] = c.Get("document")
			}
		}
	}
	return out
}

// seenCatalog is a catalog of what documents use: per method the union of the parameters
// and outputs seen.
type seenCatalog map[[2]string]Method

func (c seenCatalog) Method(app, name string) (Method, bool) {
	m, ok := c[[2]string{app, name}]
	return m, ok
}

func (c seenCatalog) Methods() []Method { return nil }

func (c seenCatalog) learn(w *Workflow) {
	for _, t := range w.Tasks {
		if IsReserved(t.ID) || t.Location != LocationApplication {
			continue
		}
		key := [2]string{t.App, t.Name}
		m := c[key]
		m.App, m.Name, m.Type = t.App, t.Name, t.Type
		m.Open = t.App == workflowEngine && t.Name == "transformation"
		for name := range t.Incoming.Members() {
			if _, ok := m.Param(name); !ok {
				m.Incoming = append(m.Incoming, Param{Name: name})
			}
		}
		for name := range t.Outgoing.Members() {
			if _, ok := m.Output(name); !ok {
				m.Outgoing = append(m.Outgoing, Param{Name: name})
			}
		}
		c[key] = m
	}
}

func learned(docs map[string]value.Value) seenCatalog {
	c := make(seenCatalog)
	for _, doc := range docs {
		w, _ := Parse(doc)
		c.learn(w)
	}
	return c
}
