package jsonquery_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/heddlehq/heddle/workflows/jsonquery"
	"github.com/heddlehq/heddle/workflows/value"
)

// Every query in the corpus parses: those of query and modify tasks, of evaluations and of the
// steps of transformations.
func TestParse_corpus(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("HEDDLE_CORPUS")
	if dir == "" {
		t.Skip("HEDDLE_CORPUS is not set")
	}
	files, err := filepath.Glob(filepath.Join(dir, "projects", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		project, err := value.ParseLast(data)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		collectQueries(project, seen)
	}
	if len(seen) < 50 {
		t.Errorf("found only %d queries", len(seen))
	}
	for query := range seen {
		if _, err := jsonquery.Parse(query); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d distinct queries", len(seen))
}

func collectQueries(v value.Value, seen map[string]bool) {
	add := func(q value.Value) {
		if q.IsString() {
			seen[q.Text()] = true
		}
	}
	switch name := v.Get("name").Text(); {
	case name == "query", name == "modify":
		add(v.Path("variables", "incoming", "query"))
	case v.Get("method").Text() == "query" && v.Get("library").Text() == "WorkFlowEngine":
		add(v.Get("args").At(1))
	case v.Has("operand_1"):
		add(v.Get("query"))
		add(v.Get("rightQuery"))
	}
	for i := range v.Len() {
		collectQueries(v.At(i), seen)
	}
}
