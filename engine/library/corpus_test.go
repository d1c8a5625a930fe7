package library_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heddlehq/heddle/engine/builtin"
	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/store/memstore"
	"github.com/heddlehq/heddle/workflows/value"
)

func open(t *testing.T) *library.Library {
	t.Helper()
	s, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return library.New(library.Options{Store: s, Catalog: builtin.Catalog()})
}

func corpus(t *testing.T, pattern string) map[string]value.Value {
	t.Helper()
	dir := os.Getenv("HEDDLE_CORPUS")
	if dir == "" {
		t.Skip("HEDDLE_CORPUS names no folder of exported projects")
	}
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files %s in %s: %v", pattern, dir, err)
	}
	out := map[string]value.Value{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		v, err := value.Parse(data)
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		out[filepath.Base(f)] = v
	}
	return out
}

// server strips what only the server that exported a document could say.
func server(project value.Value) value.Value {
	parts := project.Get("components").Slice()
	for i, c := range parts {
		doc := c.Get("document").Without("encodingVersion", "errors", "warnings", "namespace")
		if c.Get("type").Text() == "workflow" {
			doc = doc.Without("_id")
		}
		parts[i] = c.With("document", doc)
	}
	return project.With("components", value.Array(parts...))
}

func TestImportProject_corpusExportsEqual(t *testing.T) {
	for name, doc := range corpus(t, "projects/*.json") {
		t.Run(name, func(t *testing.T) {
			l := open(t)
			in, err := l.ImportProject(t.Context(), doc, library.Refuse, false, "tester")
			if err != nil {
				t.Fatal(err)
			}
			if len(in.Failed) > 0 || len(in.Drafts) > 0 {
				t.Errorf("failed %v, drafts %v", in.Failed, in.Drafts)
			}
			out, err := l.ExportProject(t.Context(), in.Project.ID())
			if err != nil {
				t.Fatal(err)
			}
			if want := server(doc); !value.Equal(out, want) {
				t.Errorf("export differs (-imported +exported):\n%s", cmp.Diff(want.Any(), out.Any()))
			}
			again, err := l.ImportProject(t.Context(), out, library.Overwrite, false, "tester")
			if err != nil {
				t.Fatalf("import of the export: %v", err)
			}
			if again.Project.ID() != in.Project.ID() {
				t.Errorf("overwritten project has id %s, want %s", again.Project.ID(), in.Project.ID())
			}
		})
	}
}

func TestImportWorkflow_corpusExportsEqual(t *testing.T) {
	for file, project := range corpus(t, "projects/*.json") {
		l := open(t)
		for _, c := range project.Get("components").Elements() {
			if c.Get("type").Text() != "workflow" {
				continue
			}
			doc := c.Get("document")
			stored, err := l.CreateWorkflow(t.Context(), doc, "tester")
			if err != nil {
				t.Errorf("%s: %s: %v", file, doc.Get("name"), err)
				continue
			}
			out, err := l.ExportWorkflow(t.Context(), stored.ID())
			if err != nil {
				t.Errorf("%s: %s: %v", file, doc.Get("name"), err)
				continue
			}
			drop := []string{"_id", "encodingVersion", "errors", "warnings", "namespace", "created", "created_by", "last_updated", "last_updated_by"}
			if got, want := out.Without(drop...), doc.Without(drop...); !value.Equal(got, want) {
				t.Errorf("%s: %s differs:\n%s", file, doc.Get("name"), cmp.Diff(want.Any(), got.Any()))
			}
		}
	}
}
