package standard_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/standard"
	"github.com/heddlehq/heddle/schemas"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// The worked examples call the kinds that ship as these want to be called.
func TestKinds_examples(t *testing.T) {
	t.Parallel()
	methods := map[string]workflows.Method{}
	for _, k := range standard.Kinds() {
		for _, m := range k.Catalog() {
			methods[m.App+"."+m.Name] = m
		}
	}
	files, err := filepath.Glob("../../testdata/workflows/*.json")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		v, err := value.Parse(data)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for id, task := range v.Get("tasks").Members() {
			m, ok := methods[task.Get("app").Text()+"."+task.Get("name").Text()]
			if !ok {
				continue
			}
			checked++
			incoming := task.Path("variables", "incoming")
			for name := range incoming.Members() {
				if !slices.ContainsFunc(m.Incoming, func(p workflows.Param) bool { return p.Name == name }) {
					t.Errorf("%s: task %s: %s.%s has no parameter %q", file, id, m.App, m.Name, name)
				}
			}
			for _, p := range m.Incoming {
				if p.Required && p.Name != "adapter_id" && !incoming.Has(p.Name) {
					t.Errorf("%s: task %s: %s.%s needs the parameter %q", file, id, m.App, m.Name, p.Name)
				}
			}
			for name := range task.Path("variables", "outgoing").Members() {
				if !slices.ContainsFunc(m.Outgoing, func(p workflows.Param) bool { return p.Name == name }) {
					t.Errorf("%s: task %s: %s.%s has no output %q", file, id, m.App, m.Name, name)
				}
			}
		}
	}
	if checked == 0 {
		t.Error("no example calls a kind that ships")
	}
}

// page is a heading of the kinds' pages, and configuration one of their examples.
var (
	page          = regexp.MustCompile("(?m)^## `(\\w+)`")
	configuration = regexp.MustCompile("(?s)```json instance\n(.*?)```")
)

// What the pages say of a kind is so: its methods are all there, its configurations fit, its
// example exists.
func TestKinds_pages(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	heads := page.FindAllStringSubmatchIndex(text, -1)
	for i, head := range heads {
		app, end := text[head[2]:head[3]], len(text)
		if i+1 < len(heads) {
			end = heads[i+1][0]
		}
		body := text[head[1]:end]
		kinds := standard.Kinds()
		at := slices.IndexFunc(kinds, func(k *adapters.Kind) bool { return k.App == app })
		if at < 0 {
			t.Errorf("there is no kind %s", app)
			continue
		}
		for _, m := range kinds[at].Catalog() {
			if !strings.Contains(body, "`"+m.Name+"`") {
				t.Errorf("the page of %s does not tell of the method %s", app, m.Name)
			}
		}
		schema, err := schemas.Compile(kinds[at].Config)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range configuration.FindAllStringSubmatch(body, -1) {
			v, err := value.Parse([]byte(c[1]))
			if err != nil {
				t.Errorf("%s: %v in %s", app, err, c[1])
				continue
			}
			for _, violation := range schema.Check(v) {
				t.Errorf("%s: %s in %s", app, violation.Error(), c[1])
			}
		}
		for _, link := range regexp.MustCompile(`\]\((\.\./testdata/[^)]*)\)`).FindAllStringSubmatch(body, -1) {
			if _, err := os.Stat(filepath.Join("..", link[1])); err != nil {
				t.Errorf("%s: %v", app, err)
			}
		}
	}
	if heads == nil {
		t.Error("there are no pages")
	}
}
