// Package schemas holds the JSON Schemas of every document and message, and checks values
// against them and against the schemas that users write.
//
// Users' schemas come from many tools and years. [Compile] takes what it understands, leaves
// out what only looks like a schema, and refuses what it would have to fetch.
package schemas

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/heddlehq/heddle/workflows/value"
)

//go:embed *.schema.json
var files embed.FS

const suffix = ".schema.json"

// Names lists the schemas that ship, sorted: "workflow", "task" and so on.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // the folder is compiled in
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(e.Name(), suffix)
	}
	slices.Sort(names) // "task" before "task-log", unlike the files
	return names
}

// Raw is the JSON text of a schema that ships.
func Raw(name string) ([]byte, error) {
	data, err := files.ReadFile(name + suffix)
	if err != nil {
		return nil, fmt.Errorf("there is no schema %q", name)
	}
	return data, nil
}

var (
	shippedMu sync.Mutex
	shipped   = make(map[string]*Schema)
)

// Named is a schema that ships, compiled. Shipped schemas refer to each other by file name.
func Named(name string) (*Schema, error) {
	shippedMu.Lock()
	defer shippedMu.Unlock()
	if s := shipped[name]; s != nil {
		return s, nil
	}
	doc, err := document(name)
	if err != nil {
		return nil, err
	}
	s, err := compile(doc, document)
	if err != nil {
		return nil, fmt.Errorf("schema %q: %w", name, err)
	}
	shipped[name] = s
	return s, nil
}

func document(name string) (value.Value, error) {
	data, err := Raw(name)
	if err != nil {
		return value.Absent, err
	}
	doc, err := value.Parse(data)
	if err != nil {
		return value.Absent, fmt.Errorf("schema %q: %w", name, err)
	}
	return doc, nil
}
