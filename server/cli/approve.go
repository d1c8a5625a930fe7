package cli

import (
	"net/url"

	"github.com/spf13/cobra"

	"github.com/heddlehq/heddle/workflows/value"
)

// jobApprove accepts what blocked a task and starts nothing.
func (c *console) jobApprove(r *remote) *cobra.Command {
	return c.accepting(r, &cobra.Command{
		Use: "approve JOB TASK", Short: "Accept what blocked a task; resume lets the job go on", Args: cobra.ExactArgs(2),
		Example: `  heddle job approve 65f1c0ffee65f1c0ffee65f1 03 --reason "checked with HR"
  heddle job resume 65f1c0ffee65f1c0ffee65f1`,
	}, func(args []string) string { return "/tasks/" + url.PathEscape(args[1]) + "/approve" })
}

// jobRepair accepts everything that blocks a job and lets it go on.
func (c *console) jobRepair(r *remote) *cobra.Command {
	return c.accepting(r, &cobra.Command{
		Use: "repair JOB", Short: "Accept everything that blocks a job, and let it go on", Args: cobra.ExactArgs(1),
		Example: `  heddle job repair 65f1c0ffee65f1c0ffee65f1 --mode validate --reason "a site was closed"`,
	}, func([]string) string { return "/repair" })
}

func (c *console) accepting(r *remote, cmd *cobra.Command, path func(args []string) string) *cobra.Command {
	var reason, mode string
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		body := value.Object()
		for _, m := range []struct{ key, text string }{{"reason", reason}, {"mode", mode}} {
			if m.text != "" {
				body = body.With(m.key, value.String(m.text))
			}
		}
		answer, err := r.client().post(cmd.Context(), jobs+"/"+url.PathEscape(args[0])+path(args), body)
		if err == nil {
			c.said(r, answer)
		}
		return err
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the job's history")
	cmd.Flags().StringVar(&mode, "mode", "", "`validate` writes the very change set that was blocked, force runs anew without the guard; what suits the task unless given")
	return cmd
}
