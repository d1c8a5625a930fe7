package cli

import (
	"fmt"
	"net/url"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/heddlehq/heddle/workflows/value"
)

func newTask(c *console) *cobra.Command {
	r := &remote{}
	cmd := &cobra.Command{Use: "task", Short: "See and work the manual tasks that wait"}
	r.flags(cmd.PersistentFlags())
	cmd.AddCommand(c.taskList(r),
		c.taskAct(r, "claim", "Make a task your own"), c.taskAct(r, "release", "Give a task back"))
	return cmd
}

func (c *console) taskList(r *remote) *cobra.Command {
	var mine, overdue bool
	cmd := &cobra.Command{
		Use: "list", Short: "List the manual tasks that wait, the one that waits longest first", Args: cobra.NoArgs,
		Example: "  heddle task list --mine",
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{"limit": {"100"}}
			if mine {
				q.Set("owner", "me")
			}
			if overdue {
				q.Set("overdue", "true")
			}
			answer, err := r.client().get(cmd.Context(), "/operations-manager/worklist", q)
			if err != nil {
				return err
			}
			if r.machine() {
				return r.print(c.out, answer)
			}
			t := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(t, "ID\tSINCE\tDUE\tJOB\tTASK\tWORKFLOW\tSUMMARY")
			for _, w := range answer.Get("data").Elements() {
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", w.Get("_id").Text(), when(w.Path("metrics", "start_time")), when(w.Path("metrics", "due_time")),
					w.Path("job", "_id").Text(), w.Path("job", "task").Text(), w.Path("job", "name").Text(), w.Get("summary").Text())
			}
			return t.Flush()
		},
	}
	cmd.Flags().BoolVar(&mine, "mine", false, "only your own")
	cmd.Flags().BoolVar(&overdue, "overdue", false, "only those whose time is over")
	return cmd
}

func (c *console) taskAct(r *remote, act, short string) *cobra.Command {
	return &cobra.Command{
		Use: act + " ID", Short: short, Args: cobra.ExactArgs(1), ValidArgsFunction: r.complete("/operations-manager/worklist", "data", "_id"),
		Example: "  heddle task " + act + " 6b009d48-8224-8e1c-b719-a55b90b12e89",
		RunE: func(cmd *cobra.Command, args []string) error {
			answer, err := r.client().post(cmd.Context(), "/operations-manager/tasks/"+url.PathEscape(args[0])+"/"+act, value.Object())
			if err != nil {
				return err
			}
			return c.said(r, answer)
		},
	}
}
