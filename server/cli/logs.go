package cli

import (
	"fmt"
	"net/url"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func (c *console) jobLogs(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "logs JOB [TASK]", Short: "Print the lines that adapters wrote about a job's tasks", Args: cobra.RangeArgs(1, 2),
		Example: "  heddle job logs 65f1c0ffee65f1c0ffee65f1\n  heddle job logs 65f1c0ffee65f1c0ffee65f1 a1 --json",
		RunE: func(cmd *cobra.Command, args []string) error {
			query := url.Values{"equals[job._id]": {args[0]}, "sort": {"metrics.start_time"}, "order": {"1"}, "limit": {"0"}, "include": {"name,iteration,job"}}
			if len(args) > 1 {
				query.Set("equals[job.task]", args[1])
			}
			cl := r.client()
			runs, err := cl.get(cmd.Context(), "/operations-manager/tasks", query)
			if err != nil {
				return err
			}
			t := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
			for _, run := range runs.Get("data").Elements() {
				answer, err := cl.get(cmd.Context(), "/operations-manager/tasks/"+url.PathEscape(run.Get("_id").Text())+"/logs", url.Values{"limit": {"0"}})
				if err != nil {
					return err
				}
				if dropped, _ := answer.Path("metadata", "dropped").Int(); dropped > 0 && !r.asJSON {
					fmt.Fprintf(c.err, "%d older lines of task %s are not kept\n", dropped, run.Path("job", "task").Text())
				}
				for _, line := range answer.Get("data").Elements() {
					if r.asJSON {
						fmt.Fprintln(c.out, line.With("task", run.Path("job", "task")).With("iteration", run.Get("iteration")))
						continue
					}
					fields := ""
					if line.Get("fields").Len() > 0 {
						fields = line.Get("fields").String()
					}
					fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", when(line.Get("at")), run.Path("job", "task").Text(), line.Get("level").Text(), line.Get("text").Text(), fields)
				}
			}
			return t.Flush()
		},
	}
}
