package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	"github.com/heddlehq/heddle/workflows/value"
)

func newImport(c *console) *cobra.Command {
	r := &remote{}
	var conflict string
	var replace bool
	cmd := &cobra.Command{
		Use:   "import FILE...",
		Short: "Import workflows and projects",
		Long: `Import sends workflow and project documents, JSON or YAML, to a server. A project keeps its
id, and its members are registered as "@<id>: <name>".`,
		Example: `  heddle import testdata/workflows/hello.json
  heddle import --replace hello.json
  heddle import --conflict overwrite network.project.json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			var failed []error
			for _, file := range files {
				doc, err := c.readDocument(file)
				if err == nil {
					err = c.importOne(cmd.Context(), r, file, doc, conflict, replace)
				}
				if err != nil {
					failed = append(failed, fmt.Errorf("%s: %w", file, err))
				}
			}
			return errors.Join(failed...)
		},
	}
	r.flags(cmd.Flags())
	cmd.Flags().StringVar(&conflict, "conflict", "", "for a project whose id is taken: `insert-new` or overwrite")
	cmd.Flags().BoolVar(&replace, "replace", false, "replace a workflow of the same name")
	return cmd
}

func (c *console) importOne(ctx context.Context, r *remote, file string, doc value.Value, conflict string, replace bool) error {
	cl := r.client()
	if doc.Get("components").IsArray() {
		body := value.Object("project", doc)
		if conflict != "" {
			body = body.With("conflictMode", value.String(conflict))
		}
		answer, err := cl.post(ctx, "/automation-studio/projects/import", body)
		if err != nil {
			return err
		}
		if r.machine() {
			return r.print(c.out, answer)
		}
		fmt.Fprintf(c.out, "%s: project %q with %d components\n", file, answer.Path("data", "name").Text(), doc.Get("components").Len())
		for _, f := range answer.Path("metadata", "failedComponents").Elements() {
			fmt.Fprintf(c.out, "  not imported: %s: %s\n", f.Get("name").Text(), f.Get("reason").Text())
		}
		return nil
	}
	name := doc.Get("name").Text()
	if replace {
		_, err := cl.call(ctx, http.MethodDelete, "/workflow_builder/workflows/delete/"+url.PathEscape(name), nil, value.Absent)
		if refused, ok := errors.AsType[*refusal](err); err != nil && (!ok || refused.status != http.StatusNotFound) {
			return err
		}
	}
	answer, err := cl.post(ctx, "/automation-studio/automations/import", value.Object("automations", value.Array(doc)))
	if err != nil {
		return err
	}
	if r.machine() {
		return r.print(c.out, answer)
	}
	fmt.Fprintf(c.out, "%s: workflow %q\n", file, name)
	return nil
}

func newExport(c *console) *cobra.Command {
	r := &remote{}
	var out string
	var project bool
	cmd := &cobra.Command{
		Use:   "export NAME",
		Short: "Export a workflow or a project",
		Long:  `Export prints the document of a workflow, or with --project of a project, as another server can import it.`,
		Example: `  heddle export Hello > hello.json
  heddle export --project "Network basics" -o network.project.json`,
		Args: cobra.ExactArgs(1), ValidArgsFunction: r.complete("/automation-studio/workflows", "items", "name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			doc, err := exportOne(cmd.Context(), r.client(), args[0], project)
			if err != nil {
				return err
			}
			text := append(doc.AppendJSON(nil), '\n')
			if out != "" {
				return os.WriteFile(out, text, 0o644)
			}
			_, err = c.out.Write(text)
			return err
		},
	}
	r.connection(cmd.Flags())
	cmd.Flags().StringVarP(&out, "output", "o", "", "write to a `file`")
	cmd.Flags().BoolVar(&project, "project", false, "export a project, by name or id")
	return cmd
}

func exportOne(ctx context.Context, cl *client, name string, project bool) (value.Value, error) {
	if !project {
		return cl.post(ctx, "/workflow_builder/export", value.Object("options", value.Object("name", value.String(name))))
	}
	list, err := cl.get(ctx, "/automation-studio/projects", url.Values{"equals[name]": {name}, "limit": {"1"}})
	if err != nil {
		return value.Absent, err
	}
	id := name
	if list.Get("data").Len() > 0 {
		id = list.Get("data").At(0).Get("_id").Text()
	}
	answer, err := cl.get(ctx, "/automation-studio/projects/"+url.PathEscape(id)+"/export", nil)
	return answer.Get("data"), err
}
