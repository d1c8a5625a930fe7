package standard_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/heddlehq/heddle/adapters/standard"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// Tasks of real workflows that call one of our apps fit its methods, parameters and outputs.
func TestKinds_fitRealWorkflows(t *testing.T) {
	t.Parallel()
	folder := os.Getenv("HEDDLE_CORPUS")
	if folder == "" {
		t.Skip("HEDDLE_CORPUS names no folder of projects")
	}
	methods := map[string]workflows.Method{}
	apps := map[string]bool{}
	for _, k := range standard.Kinds() {
		apps[k.App] = true
		for _, m := range k.Catalog() {
			methods[k.App+"."+m.Name] = m
		}
	}
	calls := map[string]int{}
	var walk func(file string, v value.Value)
	walk = func(file string, v value.Value) {
		app := v.Get("app").Text()
		if v.Get("location").Text() == "Adapter" && apps[app] {
			name := app + "." + v.Get("name").Text()
			calls[name]++
			m, ok := methods[name]
			if !ok {
				t.Errorf("%s calls %s, which there is not", file, name)
			}
			for direction, params := range map[string][]workflows.Param{"incoming": m.Incoming, "outgoing": m.Outgoing} {
				for _, p := range v.Path("variables", direction).Keys() {
					if ok && !slices.ContainsFunc(params, func(q workflows.Param) bool { return q.Name == p }) {
						t.Errorf("%s: %s has no %s parameter %s", file, name, direction, p)
					}
				}
			}
		}
		for _, m := range v.Members() {
			walk(file, m)
		}
		for _, e := range v.Elements() {
			walk(file, e)
		}
	}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".json") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		v, err := value.ParseLast(data)
		if err != nil {
			return err
		}
		walk(filepath.Base(path), v)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(calls) == 0 {
		t.Error("no task calls any of our apps")
	}
	t.Logf("%v", calls)
}
