package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/simulation"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/server/system"
	"github.com/heddlehq/heddle/workflows/value"
)

// runReal runs the assignment in this process, with a store and a bus that are thrown away.
func (c *console) runReal(ctx context.Context, a *assignment, f runFlags) error {
	s, err := system.Open(ctx, system.Config{})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var g errgroup.Group
	g.Go(func() error { return s.Run(ctx) })
	defer func() {
		cancel()
		_ = g.Wait() // canceled is how it ends
		_ = s.Close()
	}()
	if a.project != nil {
		if _, err := s.Library.ImportProject(ctx, a.project.Export(), library.Refuse, false, "cli"); err != nil {
			return err
		}
	}
	if _, err := s.Library.Workflow(ctx, a.workflow.Name); errors.Is(err, store.ErrNotFound) {
		if _, err := s.Library.CreateWorkflow(ctx, a.workflow.Doc, "cli"); err != nil {
			return err
		}
	}
	st, err := s.Runner.Start(ctx, runner.Begin{Workflow: a.workflow.Name, Start: engine.Start{Variables: a.variables, Initiator: "cli"}})
	if input, ok := errors.AsType[*runner.InputError](err); ok {
		fmt.Fprintln(c.err, "heddle:", input)
		return exit(exitUsage)
	}
	if err != nil {
		return err
	}
	job, err := c.follow(ctx, s, st.Job.ID, f)
	if err != nil {
		return err
	}
	return c.realEnd(job, f)
}

// follow shows a job's tasks until it ends or needs somebody who is not there.
func (c *console) follow(ctx context.Context, s *system.System, id string, f runFlags) (*engine.Job, error) {
	list := &taskList{out: c.out, live: isTerminal(c.out)}
	defer list.close()
	shown := map[string]string{}
	told := ""
	for {
		st, err := s.Runner.Job(ctx, id)
		if err != nil {
			return nil, err
		}
		page, err := s.Store.Find(ctx, store.Tasks, store.Query{
			Where: store.Where("job._id", store.Eq, id), Sort: []store.Order{{Field: "metrics.start_time"}}, NoTotal: true,
		})
		if err != nil {
			return nil, err
		}
		for _, d := range page.Docs {
			run, err := value.ParseLast(d.Body)
			if err != nil {
				return nil, err
			}
			if !f.asJSON {
				c.showRun(list, shown, run, st.Job.StartedAt)
			}
		}
		if st.Job.Status != engine.Running && st.Job.Status != engine.Canceling {
			return st.Job, nil
		}
		for _, r := range st.Machine.Explain(st.Job) {
			if line := r.Task + ": " + r.Text; (r.Kind == "worker" || r.Kind == "person") && line != told {
				told = line
				list.close()
				fmt.Fprintf(c.err, "%s It would be ended by: %s.\n", r.Text, r.Unblock)
			}
		}
		select {
		case <-ctx.Done():
			return st.Job, nil
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// realEnd says how the job ended, by its words and the exit code.
func (c *console) realEnd(job *engine.Job, f runFlags) error {
	if f.asJSON {
		fmt.Fprintln(c.out, simulation.Result{Job: job}.Document())
	} else {
		fmt.Fprintln(c.out, job.Status)
		for _, e := range job.Errors {
			fmt.Fprintf(c.out, "  error: %s: %s\n", e.Task, engine.Text(e.Message))
		}
		for _, w := range job.Warnings {
			fmt.Fprintf(c.out, "  warning: %s: %s\n", w.Task, engine.Text(w.Message))
		}
	}
	return ended(job)
}
