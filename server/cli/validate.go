package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heddlehq/heddle/engine/builtin"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/transformation"
	"github.com/heddlehq/heddle/workflows/value"
)

func newValidate(c *console) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "validate FILE...",
		Short: "Report every problem of workflow and project files",
		Long: `Validate reads workflow and project documents, JSON or YAML, and reports every
problem with its place, a JSON pointer. An error keeps a workflow from being started, a
warning does not. What a problem is about is shown as a path of task ids where that helps.

The workflows of a project know each other and its transformations, templates and forms.
Files given together know each other, too. References of a workflow file are only checked
when a project is given along with it.

Exit codes: 0 no errors, 20 a document has errors, 2 wrong usage or unreadable file.`,
		Example: `  heddle validate hello.json
  heddle validate --json project.json | jq '.[] | select(.level == "error")'
  heddle validate flow.yaml library.project.json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, files []string) error { return c.validate(files, asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print an array of problems")
	return cmd
}

// finding is a problem in a file.
type finding struct {
	File string `json:"file"`
	workflows.Problem
}

func (c *console) validate(files []string, asJSON bool) error {
	docs := make([]value.Value, len(files))
	broken := make([]workflows.Problems, len(files))
	together := &together{}
	for i, file := range files {
		doc, err := c.readDocument(file)
		if p, ok := syntaxProblem(err); ok {
			broken[i] = workflows.Problems{p}
			continue
		}
		if err != nil {
			return err
		}
		docs[i] = unwrapped(doc)
		together.add(docs[i])
	}
	found := []finding{}
	for i, file := range files {
		problems := broken[i]
		if problems == nil {
			problems = check(docs[i], together)
		}
		for _, p := range problems {
			found = append(found, finding{file, p})
		}
		if !asJSON {
			c.printProblems(file, problems)
			fmt.Fprintf(c.out, "%s: %s\n", file, verdict(problems))
		}
	}
	if asJSON {
		out := json.NewEncoder(c.out)
		out.SetEscapeHTML(false)
		out.SetIndent("", "  ")
		if err := out.Encode(found); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(found, func(f finding) bool { return f.Level == workflows.Error }) {
		return exit(exitError)
	}
	return nil
}

// printProblems writes the problems of a file, one a line.
func (c *console) printProblems(file string, problems workflows.Problems) {
	for _, p := range problems {
		at := file
		if p.Pointer != "" {
			at += ":" + p.Pointer
		}
		fmt.Fprintf(c.out, "%s: %s: %s (%s)\n", at, p.Level, p.Text, p.Code)
		if len(p.Witness) > 0 {
			fmt.Fprintf(c.out, "    path: %s\n", strings.Join(p.Witness, " → "))
		}
	}
}

func verdict(problems workflows.Problems) string {
	errs, warnings := len(problems.Errors()), len(problems.Warnings())
	out := "valid"
	if errs > 0 {
		out = plural(errs, "error")
	}
	if warnings > 0 {
		out += ", " + plural(warnings, "warning")
	}
	return out
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// check lists the problems of a workflow or a project.
func check(doc value.Value, others *together) workflows.Problems {
	if !isProject(doc) {
		_, problems := workflows.Load(doc, builtin.Catalog(), others.resolver())
		return problems
	}
	p, problems := workflows.ParseProject(doc)
	// What an import mends is told as mended, not as missing.
	_, mended := p.Relink(others.resolver())
	found := slices.DeleteFunc(p.Validate(builtin.Catalog(), others.resolver()), func(f workflows.Problem) bool {
		return slices.ContainsFunc(mended, func(m workflows.Problem) bool { return m.Pointer == f.Pointer })
	})
	problems = append(append(problems, mended...), found...)
	for i, c := range doc.Get("components").Elements() {
		if workflows.ComponentType(c.Get("type").Text()) != workflows.ComponentTransformation {
			continue
		}
		_, err := transformation.Parse(c.Get("document"))
		broken, _ := errors.AsType[transformation.Problems](err)
		for _, b := range broken {
			problems = append(problems, workflows.Problem{
				Level: workflows.Error, Pointer: fmt.Sprintf("/components/%d/document%s", i, b.Pointer), Code: b.Code, Text: b.Text,
			})
		}
	}
	return problems
}

// together are the documents that were given on one command line.
type together struct {
	projects  []*workflows.Project
	workflows []string
}

func (t *together) add(doc value.Value) {
	if isProject(doc) {
		p, _ := workflows.ParseProject(doc)
		t.projects = append(t.projects, p)
		return
	}
	t.workflows = append(t.workflows, doc.Get("name").Text())
}

// resolver answers for the documents given; nil without a project, when it is not known what
// else there is.
func (t *together) resolver() workflows.Resolver {
	if len(t.projects) == 0 {
		return nil
	}
	return t
}

// Exists implements workflows.Resolver. No file carries adapters, so every one may be there.
func (t *together) Exists(kind workflows.ComponentType, idOrName string) bool {
	if kind == workflows.ComponentAdapter {
		return true
	}
	if kind == workflows.ComponentWorkflow && slices.Contains(t.workflows, idOrName) {
		return true
	}
	return slices.ContainsFunc(t.projects, func(p *workflows.Project) bool { return p.Exists(kind, idOrName) })
}
