package transformation_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/heddlehq/heddle/workflows/transformation"
	"github.com/heddlehq/heddle/workflows/value"
)

// corpus gives the transformations of all projects, by file and name.
func corpus(tb testing.TB) map[string]map[string]value.Value {
	tb.Helper()
	dir := os.Getenv("HEDDLE_CORPUS")
	if dir == "" {
		tb.Skip("HEDDLE_CORPUS is not set")
	}
	files, err := filepath.Glob(filepath.Join(dir, "projects", "*.json"))
	if err != nil || len(files) == 0 {
		tb.Fatalf("no projects in the corpus (%v)", err)
	}
	out := map[string]map[string]value.Value{}
	for _, file := range files {
		project := readJSON(tb, file)
		name := filepath.Base(file)
		out[name] = map[string]value.Value{}
		for _, c := range project.Get("components").Elements() {
			if c.Get("type").Text() == "transformation" {
				doc := c.Get("document")
				_, plain, _ := strings.Cut(doc.Get("name").Text(), ": ")
				if plain == "" {
					plain = doc.Get("name").Text()
				}
				out[name][plain] = doc
			}
		}
	}
	return out
}

func readJSON(tb testing.TB, file string) value.Value {
	tb.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	v, err := value.ParseLast(data)
	if err != nil {
		tb.Fatalf("%s: %v", file, err)
	}
	return v
}

func TestCorpus_examples(t *testing.T) {
	t.Parallel()
	docs := corpus(t)["Itential Platform Data Manipulation.project.json"]
	examples := readJSON(t, filepath.Join(os.Getenv("HEDDLE_CORPUS"), "transformation-examples.json"))
	if examples.Len() == 0 {
		t.Fatal("no examples")
	}
	for name, list := range examples.Members() {
		tr, err := transformation.Parse(docs[name])
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, e := range list.Elements() {
			got, err := tr.Run(e.Get("input"), transformation.Options{ExtractOutput: true})
			if err != nil {
				t.Errorf("%s, example %d: %v", name, i, err)
				continue
			}
			if want := e.Get("output"); !value.Equal(got, want) {
				t.Errorf("%s, example %d: got %s, want %s", name, i, got, want)
			}
		}
	}
}

// sample makes a value that fits the schema, of one of several tastes.
func sample(schema value.Value, taste, depth int) value.Value {
	if ex := schema.Get("examples"); ex.Len() > 0 && taste%3 != 2 {
		return ex.At(taste % ex.Len())
	}
	types := schema.Get("type").Slice()
	if t := schema.Get("type"); t.IsString() {
		types = []value.Value{t}
	}
	name := "object"
	if len(types) > 0 {
		name = types[taste%len(types)].Text()
	}
	switch name {
	case "array":
		var out []value.Value
		for i := range taste % 4 {
			out = append(out, sample(schema.Get("items"), taste+i, depth+1))
		}
		return value.Array(out...)
	case "boolean":
		return value.Bool(taste%2 == 0)
	case "integer":
		return value.Int(int64(taste))
	case "null":
		return value.Null
	case "number":
		return value.Number(float64(taste) * 1.5)
	case "string":
		return value.String([]string{"", "abc", "/a/g", "1,2\n3,4", "2024-03-05T10:00:00Z"}[taste%5])
	}
	var m value.Members
	if depth < 6 {
		for k, s := range schema.Get("properties").Members() {
			m.Set(k, sample(s, taste+len(k), depth+1))
		}
	}
	return m.Value()
}

func TestCorpus_runs(t *testing.T) {
	t.Parallel()
	runs, thrown := 0, 0
	kinds := map[string]int{}
	for file, docs := range corpus(t) {
		for name, doc := range docs {
			tr, err := transformation.Parse(doc)
			if err != nil {
				t.Errorf("%s, %s: %v", file, name, err)
				continue
			}
			for taste := range 12 {
				var in value.Members
				for _, s := range tr.Incoming {
					in.Set(s.Get("$id").Text(), sample(s, taste, 0))
				}
				o := transformation.Options{Now: time.Unix(1_700_000_000, 0)}
				given := in.Value()
				got, err := tr.Run(given, o)
				runs++
				if err != nil {
					e, ok := err.(*transformation.Error)
					if !ok {
						t.Fatalf("%s, %s: %T %v", file, name, err, err)
					}
					// Odd inputs may make a function throw; nothing else is allowed.
					thrown++
					kinds[e.Kind]++
					if e.Step == "" || e.Kind == "Limit" || e.Kind == "Incoming" {
						t.Errorf("%s, %s, input %s: %v", file, name, given, err)
					}
					continue
				}
				again, err := tr.Run(given, o)
				if err != nil || !value.Equal(got, again) {
					t.Errorf("%s, %s: a second run gave %s (%v), the first %s", file, name, again, err, got)
				}
				if _, err := value.Parse(got.AppendJSON(nil)); err != nil {
					t.Errorf("%s, %s: the result is no JSON: %v", file, name, err)
				}
			}
		}
	}
	t.Logf("%d runs, of which %d threw: %v", runs, thrown, kinds)
}
