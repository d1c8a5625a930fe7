package cli

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/simulation"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

const jobs = "/operations-manager/jobs"

func newJob(c *console) *cobra.Command {
	r := &remote{}
	cmd := &cobra.Command{Use: "job", Short: "Start, watch and repair jobs on a server"}
	r.flags(cmd.PersistentFlags())
	cmd.AddCommand(
		c.jobStart(r), c.jobList(r), c.jobGet(r), c.jobWatch(r),
		c.jobBulk(r, "pause", "Keep new tasks from starting"),
		c.jobBulk(r, "resume", "Let paused jobs go on"),
		c.jobBulk(r, "cancel", "End jobs"),
		c.jobBatch(r, "archive", "Take jobs that have ended out of the lists"),
		c.jobBatch(r, "unarchive", "Bring archived jobs back into the lists"),
		c.jobBatch(r, "delete", "Delete jobs that have ended, with all that belongs to them"),
		c.jobAct(r, "retry JOB TASK", "Run a failed task again", func(a []string) (string, value.Value) {
			return "/tasks/" + url.PathEscape(a[1]) + "/retry", value.Object()
		}),
		c.jobAct(r, "continue JOB TASK", "Go on from a task with its last finish state", func(a []string) (string, value.Value) {
			return "/continue", value.Object("fromTask", value.String(a[1]))
		}),
		c.jobAct(r, "revert JOB FROM TO", "Jump back from a task to an earlier one", func(a []string) (string, value.Value) {
			return "/revert", value.Object("fromTask", value.String(a[1]), "toTask", value.String(a[2]))
		}),
		c.jobApprove(r), c.jobRepair(r), c.jobFinish(r), c.jobExplain(r), c.jobHistory(r), c.jobLogs(r),
	)
	return cmd
}

func (c *console) jobStart(r *remote) *cobra.Command {
	var variables, description string
	var watch bool
	priority := priorityFlag(-1)
	cmd := &cobra.Command{
		Use:   "start WORKFLOW",
		Short: "Start a job of a workflow", ValidArgsFunction: r.complete("/automation-studio/workflows", "items", "name"),
		Example: `  heddle job start Hello --variables '{"name":"Ada"}' --watch
  heddle job start "@61fe…: Provision" --variables @input.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			vars, err := c.variables(variables)
			if err != nil {
				return err
			}
			options := value.Object("type", value.String("automation"), "variables", vars)
			if description != "" {
				options = options.With("description", value.String(description))
			}
			if priority >= 0 {
				options = options.With("priority", value.Int(int64(priority)))
			}
			cl := r.client()
			answer, err := cl.post(cmd.Context(), jobs+"/start", value.Object("workflow", value.String(args[0]), "options", options))
			if err != nil {
				return err
			}
			id := answer.Path("data", "_id").Text()
			switch {
			case watch:
				return c.watch(cmd.Context(), cl, id)
			case r.machine():
				return r.print(c.out, answer.Get("data"))
			default:
				fmt.Fprintln(c.out, id)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&variables, "variables", "", "job variables: a JSON object, or `@file` to read one")
	cmd.Flags().StringVar(&description, "description", "", "what the job is for")
	cmd.Flags().Var(&priority, "priority", "from 0, the lowest, to 9, the highest; the workflow's unless given, which is 5 unless it says otherwise")
	cmd.Flags().BoolVar(&watch, "watch", false, "show the tasks as they run, and exit as the job ends")
	return cmd
}

func (c *console) jobList(r *remote) *cobra.Command {
	var status, name string
	var limit, skip int
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List jobs, the newest first",
		Example: `  heddle job list --status error --limit 50`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{
				"limit": {strconv.Itoa(limit)}, "skip": {strconv.Itoa(skip)}, "sort": {"metrics.start_time"}, "order": {"-1"},
				"include": {"name,status,description,metrics,priority"},
			}
			if status != "" {
				q.Set("in[status]", status)
			}
			if name != "" {
				q.Set("equals[name]", name)
			}
			answer, err := r.client().get(cmd.Context(), jobs, q)
			if err != nil {
				return err
			}
			if r.machine() {
				return r.print(c.out, answer)
			}
			t := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(t, "ID\tSTATUS\tPRIORITY\tSTARTED\tWORKFLOW")
			for _, j := range answer.Get("data").Elements() {
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", j.Get("_id").Text(), j.Get("status").Text(), j.Get("priority"), when(j.Path("metrics", "start_time")), j.Get("name").Text())
			}
			if err := t.Flush(); err != nil {
				return err
			}
			total, _ := answer.Path("metadata", "total").Int()
			fmt.Fprintf(c.out, "%d of %d\n", answer.Get("data").Len(), total)
			return nil
		},
	}
	cmd.Flags().StringVar(&status, "status", "", "only jobs in one of these `statuses`, separated by commas")
	cmd.Flags().StringVar(&name, "name", "", "only jobs of this workflow")
	cmd.Flags().IntVar(&limit, "limit", 10, "how many")
	cmd.Flags().IntVar(&skip, "skip", 0, "how many to pass over")
	return cmd
}

// when shows a time in milliseconds since 1970.
func when(v value.Value) string {
	ms, ok := v.Int()
	if !ok {
		return "-"
	}
	return time.UnixMilli(ms).Format("2006-01-02 15:04:05")
}

func (c *console) jobGet(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "get JOB", Short: "Print a job's document as JSON", Args: cobra.ExactArgs(1), ValidArgsFunction: r.complete(jobs, "data", "_id"),
		Example: `  heddle job get 65f1c0ffee65f1c0ffee65f1`,
		RunE: func(cmd *cobra.Command, args []string) error {
			answer, err := r.client().get(cmd.Context(), jobs+"/"+url.PathEscape(args[0]), nil)
			if err != nil {
				return err
			}
			return r.print(c.out, answer.Get("data"))
		},
	}
}

func (c *console) jobWatch(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "watch JOB", Short: "Show a job's tasks as they run, and exit as the job ends", Args: cobra.ExactArgs(1),
		Long: `Watch shows what happens in a job until it ends or needs somebody.

Exit codes: 0 complete, 10 complete with warnings, 20 error, 30 blocked, 40 canceled.`,
		Example: `  heddle job watch 65f1c0ffee65f1c0ffee65f1`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.watch(cmd.Context(), r.client(), args[0])
		},
	}
}

func (c *console) jobBulk(r *remote, act, short string) *cobra.Command {
	var graceful bool
	cmd := &cobra.Command{
		Use: act + " JOB...", Short: short, Args: cobra.MinimumNArgs(1), ValidArgsFunction: r.complete(jobs, "data", "_id"),
		Example: "  heddle job " + act + " 65f1c0ffee65f1c0ffee65f1",
		RunE: func(cmd *cobra.Command, args []string) error {
			body := value.Object("jobIds", value.Strings(args...))
			if graceful {
				body = body.With("mode", value.String("graceful"))
			}
			answer, err := r.client().post(cmd.Context(), jobs+"/"+act, body)
			if err != nil {
				return err
			}
			return c.said(r, answer)
		},
	}
	if act == "cancel" {
		cmd.Flags().BoolVar(&graceful, "graceful", false, "let running tasks finish first")
	}
	return cmd
}

// said prints what an act came to.
func (c *console) said(r *remote, answer value.Value) error {
	if r.machine() {
		return r.print(c.out, answer)
	}
	_, err := fmt.Fprintln(c.out, answer.Get("message").Text())
	return err
}

func (c *console) jobAct(r *remote, use, short string, request func(args []string) (path string, body value.Value)) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(strings.Count(use, " ")),
		Example: "  heddle job " + strings.NewReplacer("JOB", "65f1c0ffee65f1c0ffee65f1", "TASK", "a1", "FROM", "b2", "TO", "a1").Replace(use),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, body := request(args)
			answer, err := r.client().post(cmd.Context(), jobs+"/"+url.PathEscape(args[0])+path, body)
			if err != nil {
				return err
			}
			return c.said(r, answer)
		},
	}
}

func (c *console) jobFinish(r *remote) *cobra.Command {
	var state, variables string
	cmd := &cobra.Command{
		Use: "finish JOB TASK", Short: "Finish a manual task", Args: cobra.ExactArgs(2),
		Example: `  heddle job finish 65f1c0ffee65f1c0ffee65f1 a1 --state failure`,
		RunE: func(cmd *cobra.Command, args []string) error {
			vars, err := c.variables(variables)
			if err != nil {
				return err
			}
			answer, err := r.client().post(cmd.Context(), jobs+"/"+url.PathEscape(args[0])+"/tasks/"+url.PathEscape(args[1])+"/finish",
				value.Object("taskData", value.Object("finish_state", value.String(state), "variables", vars)))
			if err != nil {
				return err
			}
			return c.said(r, answer)
		},
	}
	cmd.Flags().StringVar(&state, "state", "success", "success, failure or error")
	cmd.Flags().StringVar(&variables, "variables", "", "outputs: a JSON object, or `@file` to read one")
	return cmd
}

func (c *console) jobExplain(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "explain JOB", Short: "Say why a job has not ended", Args: cobra.ExactArgs(1), ValidArgsFunction: r.complete(jobs, "data", "_id"),
		Example: `  heddle job explain 65f1c0ffee65f1c0ffee65f1`,
		RunE: func(cmd *cobra.Command, args []string) error {
			answer, err := r.client().get(cmd.Context(), jobs+"/"+url.PathEscape(args[0])+"/explain", nil)
			if err != nil {
				return err
			}
			if r.machine() {
				return r.print(c.out, answer.Get("data"))
			}
			reasons := answer.Path("data", "reasons")
			if reasons.Len() == 0 {
				fmt.Fprintln(c.out, answer.Get("message").Text())
			}
			for _, reason := range reasons.Elements() {
				ms, _ := reason.Get("age").Int()
				fmt.Fprintf(c.out, "%s (for %s)\n  would be ended by: %s\n", reason.Get("message").Text(),
					(time.Duration(ms) * time.Millisecond).Round(time.Second), reason.Get("unblock").Text())
			}
			return nil
		},
	}
}

func (c *console) jobHistory(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "history JOB", Short: "List everything that happened to a job", Args: cobra.ExactArgs(1),
		Example: `  heddle job history 65f1c0ffee65f1c0ffee65f1`,
		RunE: func(cmd *cobra.Command, args []string) error {
			answer, err := r.client().get(cmd.Context(), jobs+"/"+url.PathEscape(args[0])+"/history", url.Values{"limit": {"0"}})
			if err != nil {
				return err
			}
			if r.machine() {
				return r.print(c.out, answer.Get("data"))
			}
			t := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
			for _, e := range answer.Get("data").Elements() {
				seq, _ := e.Get("seq").Int()
				fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\n", seq, when(e.Get("at")), e.Get("type").Text(), e.Get("task").Text(), e.Path("outcome", "finishState").Text())
			}
			for _, e := range answer.Path("metadata", "late").Elements() {
				fmt.Fprintf(t, "late\t%s\tresult of iteration %s\t%s\t%s\n", when(e.Get("at")), e.Get("iteration"), e.Get("task").Text(), e.Get("finishState").Text())
			}
			return t.Flush()
		},
	}
}

// watch shows a job's tasks until it ends or needs somebody, and tells its end by the exit
// code.
func (c *console) watch(ctx context.Context, cl *client, id string) error {
	list := &taskList{out: c.out, live: isTerminal(c.out)}
	defer list.close()
	shown := map[string]string{} // what was last shown of each iteration
	var began int64
	told := ""
	for {
		answer, err := cl.get(ctx, jobs+"/"+url.PathEscape(id), nil)
		if err != nil {
			return err
		}
		job := answer.Get("data")
		began, _ = job.Path("metrics", "start_time").Int()
		runs, err := cl.get(ctx, "/operations-manager/tasks", url.Values{
			"equals[job._id]": {id}, "sort": {"metrics.start_time"}, "order": {"1"}, "limit": {"0"},
		})
		if err != nil {
			return err
		}
		manual := ""
		for _, run := range inOrder(runs.Get("data")) {
			if run.Get("type").Text() == "manual" && run.Get("status").Text() == "running" {
				manual = run.Path("job", "task").Text()
			}
			c.showRun(list, shown, run, began)
		}
		switch status := job.Get("status").Text(); status {
		case "complete", "canceled", "error", "blocked":
			list.close()
			return c.ended(job, status)
		}
		if manual != "" && manual != told {
			list.close()
			fmt.Fprintf(c.out, "task %s waits for a person: heddle job finish %s %s --state success\n", manual, id, manual)
		}
		told = manual
		select {
		case <-ctx.Done():
			return exit(exitBlocked)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// inOrder sorts task runs by start; of those that started together, what ended comes first.
func inOrder(runs value.Value) []value.Value {
	out := runs.Slice()
	at := func(run value.Value, key string) int64 {
		ms, ok := run.Path("metrics", key).Int()
		if !ok {
			return math.MaxInt64
		}
		return ms
	}
	slices.SortStableFunc(out, func(a, b value.Value) int {
		return cmp.Or(cmp.Compare(at(a, "start_time"), at(b, "start_time")), cmp.Compare(at(a, "end_time"), at(b, "end_time")))
	})
	return out
}

func (c *console) showRun(list *taskList, shown map[string]string, run value.Value, began int64) {
	id, status := run.Get("_id").Text(), run.Get("status").Text()
	if shown[id] == status {
		return
	}
	iteration, _ := run.Get("iteration").Int()
	line := simulation.Line{
		Task: run.Path("job", "task").Text(), Name: runName(run), Iteration: int(iteration), Mark: simulation.Started,
	}
	at := run.Path("metrics", "start_time")
	if shown[id] == "" && status != "running" {
		t, _ := at.Int()
		line.T = t - began
		list.show(line)
	}
	if status != "running" {
		line.Mark, line.State = simulation.Finished, workflows.FinishState(run.Path("metrics", "finish_state").Text())
		at = run.Path("metrics", "end_time")
	}
	t, _ := at.Int()
	line.T = t - began
	list.show(line)
	shown[id] = status
}

func runName(run value.Value) string {
	if s := run.Get("summary").Text(); s != "" {
		return s
	}
	return run.Get("name").Text()
}

// ended says how a job ended.
func (c *console) ended(job value.Value, status string) error {
	fmt.Fprintln(c.out, status)
	for id, t := range job.Get("tasks").Members() {
		if b := t.Get("blocked"); b.IsObject() {
			fmt.Fprintf(c.out, "  blocked: %s: %s\n", cmp.Or(t.Get("step").Text(), id), engine.Text(b.Get("reason")))
		}
	}
	for _, e := range job.Get("error").Elements() {
		fmt.Fprintf(c.out, "  error: %s: %s\n", e.Get("task").Text(), engine.Text(e.Get("message")))
	}
	for _, w := range job.Get("warnings").Elements() {
		fmt.Fprintf(c.out, "  warning: %s: %s\n", w.Get("task").Text(), engine.Text(w.Get("message")))
	}
	switch {
	case status == "error":
		return exit(exitError)
	case status == "blocked":
		return exit(exitBlocked)
	case status == "canceled":
		return exit(exitCanceled)
	case job.Get("warnings").Len() > 0:
		return exit(exitWarnings)
	}
	return nil
}
