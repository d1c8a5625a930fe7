package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
	"github.com/heddlehq/heddle/workflows/yaml"
)

// readDocument reads a JSON or YAML file, "-" being standard input. A *value.SyntaxError
// tells what is wrong with its text.
func (c *console) readDocument(file string) (value.Value, error) {
	var data []byte
	var err error
	if file == "-" {
		data, err = io.ReadAll(c.in)
	} else {
		data, err = os.ReadFile(file)
	}
	if err != nil {
		return value.Absent, err
	}
	doc, err := parseDocument(file, data)
	if err != nil {
		return value.Absent, fmt.Errorf("%s: %w", file, err)
	}
	return doc, nil
}

// parseDocument reads YAML when the name or, without a telling name, the text says so.
func parseDocument(file string, data []byte) (value.Value, error) {
	switch strings.ToLower(filepath.Ext(file)) {
	case ".yaml", ".yml":
		return yaml.Parse(data)
	case ".json":
		return value.Parse(data)
	}
	if text := bytes.TrimSpace(data); len(text) > 0 && !bytes.ContainsAny(text[:1], `{["`) {
		return yaml.Parse(data)
	}
	return value.Parse(data)
}

// isProject tells a project file from a workflow.
func isProject(doc value.Value) bool {
	return doc.Has("components") && !doc.Has("tasks")
}

// unwrapped is the document in the body of an import request, or doc itself.
func unwrapped(doc value.Value) value.Value {
	for _, key := range []string{"project", "automation", "workflow"} {
		if inner := doc.Get(key); inner.IsObject() && !doc.Has("tasks") && !doc.Has("components") {
			return inner
		}
	}
	return doc
}

// syntaxProblem is a text's error as a finding about the document.
func syntaxProblem(err error) (workflows.Problem, bool) {
	syntax, ok := errors.AsType[*value.SyntaxError](err)
	if !ok {
		return workflows.Problem{}, false
	}
	return workflows.Problem{
		Level: workflows.Error, Pointer: syntax.Pointer, Code: "syntax",
		Text: fmt.Sprintf("Line %d, column %d: %s.", syntax.Line, syntax.Column, syntax.Reason),
	}, true
}
