package cli_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heddlehq/heddle/adapters/cli"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// The gateway's methods take what real workflows give them and have the outputs they use.
func TestGateway_corpus(t *testing.T) {
	dir := os.Getenv("HEDDLE_CORPUS")
	if dir == "" {
		t.Skip("HEDDLE_CORPUS names no folder of exported projects")
	}
	methods := map[string]workflows.Method{}
	for _, m := range cli.Gateway().Catalog() {
		methods[m.Name] = m
	}
	has := func(params []workflows.Param, name string) bool {
		for _, p := range params {
			if p.Name == name {
				return true
			}
		}
		return false
	}
	tasks := 0
	var look func(file string, v value.Value)
	look = func(file string, v value.Value) {
		if v.Get("app").Text() == cli.AppGateway && v.Get("variables").IsObject() {
			tasks++
			m, ok := methods[v.Get("name").Text()]
			if !ok {
				t.Errorf("%s: there is no method %s", file, v.Get("name"))
			}
			for name := range v.Path("variables", "incoming").Members() {
				if !has(m.Incoming, name) {
					t.Errorf("%s: %s has no parameter %s", file, m.Name, name)
				}
			}
			for name := range v.Path("variables", "outgoing").Members() {
				if !has(m.Outgoing, name) {
					t.Errorf("%s: %s has no output %s", file, m.Name, name)
				}
			}
		}
		for _, m := range v.Members() {
			look(file, m)
		}
		for _, e := range v.Elements() {
			look(file, e)
		}
	}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".json") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		v, err := value.Parse(data)
		if err != nil {
			return err
		}
		look(path, v)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if tasks == 0 {
		t.Errorf("no task of %s in %s", cli.AppGateway, dir)
	}
}
