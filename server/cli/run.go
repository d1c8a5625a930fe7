package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/builtin"
	"github.com/heddlehq/heddle/engine/simulation"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// runFlags are the flags of heddle run.
type runFlags struct {
	workflow, project, variables string
	simulate                     bool
	mock, trace                  string
	asJSON                       bool
}

// assignment is what heddle run is to run, read and validated.
type assignment struct {
	workflow  *workflows.Workflow
	project   *workflows.Project // nil without
	variables value.Value
}

func newRun(c *console) *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run FILE",
		Short: "Run one workflow file to its end",
		Long: `Run executes one workflow, JSON or YAML, to its end in this process and shows its tasks.

With --simulate it runs in virtual time, without adapters, people and network: a task takes
its finish state and outputs from the mock file; else adapters and manual tasks succeed
without outputs, and built-in tasks run for real. A mock file:

  {"tasks":     {"a1": [{"finishState": "failure"}, {"outgoing": {"result": 7}, "after": "5s"}]},
   "methods":   {"Servicenow.createTicket": [{"finishState": "error", "error": "no route"}]},
   "workflows": {"Child": {"tasks": {"b2": [{"finishState": "success"}]}}}}

The n-th reply serves the n-th iteration of a task, the last one repeats. "tasks" names tasks
of the workflow itself, and tasks that only child jobs have; "workflows" those of one kind of
child job.

Exit codes: 0 complete, 10 complete with warnings, 20 error, 30 blocked or waiting for what
never comes, 40 canceled, 2 wrong usage or an invalid document.`,
		Example: `  heddle run hello.json --simulate
  heddle run hello.json --simulate --variables '{"name": "Ada"}'
  heddle run order.yaml --simulate --mock order.mock.json --trace trace.jsonl
  heddle run parent.json --simulate --project library.project.json --variables @input.json
  heddle run library.project.json --workflow Parent --simulate --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd.Context(), args[0], f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.workflow, "workflow", "", "when FILE is a project: the `name` of the workflow to run")
	flags.StringVar(&f.project, "project", "", "project `file` with the workflows, transformations and templates that FILE names")
	flags.StringVar(&f.variables, "variables", "", "job variables: a JSON object, or `@file` to read one")
	flags.BoolVar(&f.simulate, "simulate", false, "run in virtual time without adapters and people")
	flags.StringVar(&f.mock, "mock", "", "with --simulate: `file` that says how tasks end")
	flags.StringVar(&f.trace, "trace", "", "with --simulate: write what happened to a `file`, one JSON object a line; - is standard output")
	flags.BoolVar(&f.asJSON, "json", false, "print the end of the job as JSON instead of its tasks")
	return cmd
}

func (c *console) run(ctx context.Context, file string, f runFlags) error {
	if !f.simulate && (f.mock != "" || f.trace != "") {
		return errors.New("--mock and --trace belong to a simulation; add --simulate")
	}
	a, err := c.assignment(file, f)
	if err != nil {
		return err
	}
	if !f.simulate {
		return c.runReal(ctx, a, f)
	}
	return c.runSimulated(ctx, a, f)
}

// assignment reads what the arguments name.
func (c *console) assignment(file string, f runFlags) (*assignment, error) {
	doc, err := c.document(file)
	if err != nil {
		return nil, err
	}
	a := &assignment{}
	if a.variables, err = c.variables(f.variables); err != nil {
		return nil, err
	}
	if f.project != "" {
		p, err := c.document(f.project)
		if err != nil {
			return nil, err
		}
		if a.project, err = c.readProject(f.project, p); err != nil {
			return nil, err
		}
	}
	at := ""
	if isProject(doc) {
		if f.project != "" {
			return nil, fmt.Errorf("%s is a project itself; leave --project out", file)
		}
		if a.project, err = c.readProject(file, doc); err != nil {
			return nil, err
		}
		if doc, at, err = member(file, a.project, f.workflow); err != nil {
			return nil, err
		}
	} else if f.workflow != "" {
		return nil, fmt.Errorf("%s is a workflow, not a project; leave --workflow out", file)
	}
	var others workflows.Resolver
	if a.project != nil {
		others = &together{projects: []*workflows.Project{a.project}, workflows: []string{doc.Get("name").Text()}}
	}
	var problems workflows.Problems
	a.workflow, problems = workflows.Load(doc, builtin.Catalog(), others)
	if errs := problems.Errors(); len(errs) > 0 {
		for i := range errs {
			errs[i].Pointer = at + errs[i].Pointer
		}
		return nil, c.invalid(file, errs)
	}
	return a, nil
}

// document reads a file whose text must be right.
func (c *console) document(file string) (value.Value, error) {
	doc, err := c.readDocument(file)
	if p, ok := syntaxProblem(err); ok {
		return value.Absent, c.invalid(file, workflows.Problems{p})
	}
	return unwrapped(doc), err
}

// invalid says what is wrong with a file and ends the command.
func (c *console) invalid(file string, problems workflows.Problems) error {
	told := &console{out: c.err}
	told.printProblems(file, problems)
	return exit(exitUsage)
}

func (c *console) readProject(file string, doc value.Value) (*workflows.Project, error) {
	p, problems := workflows.ParseProject(doc)
	if errs := problems.Errors(); len(errs) > 0 {
		return nil, c.invalid(file, errs)
	}
	// What tasks mean by ids that nobody has is found as a server finds it at import.
	p, _ = p.Relink(nil)
	return p, nil
}

// member is the workflow of a project to run, and where it stands in the file.
func member(file string, p *workflows.Project, name string) (doc value.Value, at string, err error) {
	var names []string
	for i, e := range p.Doc.Get("components").Elements() {
		if workflows.ComponentType(e.Get("type").Text()) != workflows.ComponentWorkflow {
			continue
		}
		_, plain := workflows.SplitName(e.Path("document", "name").Text())
		names = append(names, fmt.Sprintf("%q", plain))
		if plain == name || name == "" {
			doc, at = e.Get("document"), fmt.Sprintf("/components/%d/document", i)
		}
	}
	switch {
	case len(names) == 0:
		return doc, at, fmt.Errorf("%s has no workflow to run", file)
	case name == "" && len(names) > 1:
		return doc, at, fmt.Errorf("%s is a project; choose one of its workflows with --workflow: %s", file, strings.Join(names, ", "))
	case doc.IsAbsent():
		return doc, at, fmt.Errorf("%s has no workflow %q; it has %s", file, name, strings.Join(names, ", "))
	}
	if p.ID != "" {
		_, plain := workflows.SplitName(doc.Get("name").Text())
		doc = doc.With("name", value.String(workflows.PrefixName(p.ID, plain)))
	}
	return doc, at, nil
}

// variables reads the flag of that name.
func (c *console) variables(flag string) (value.Value, error) {
	if flag == "" {
		return value.Object(), nil
	}
	if file, ok := strings.CutPrefix(flag, "@"); ok {
		doc, err := c.readDocument(file)
		if p, ok := syntaxProblem(err); ok {
			return doc, c.invalid(file, workflows.Problems{p})
		}
		return doc, err
	}
	v, err := value.Parse([]byte(flag))
	if p, ok := syntaxProblem(err); ok {
		return v, c.invalid("--variables", workflows.Problems{p})
	}
	return v, err
}

func (c *console) runSimulated(ctx context.Context, a *assignment, f runFlags) (err error) {
	o := simulation.Options{Workflow: a.workflow, Library: &simulation.Library{}, Variables: a.variables, Partial: f.variables == ""}
	if o.Partial {
		if missing := simulation.CheckInput(a.workflow, builtin.Catalog(), a.variables, false); len(missing) > 0 {
			fmt.Fprintf(c.err, "heddle: simulated without the variables that the workflow asks for; give them with --variables\n")
		}
	}
	if a.project != nil {
		o.Library = simulation.NewLibrary(a.project, builtin.Catalog())
	}
	others := o.Library.Workflows()
	o.Library.Add(a.workflow)
	if f.mock != "" {
		if o.Script, err = c.mock(f.mock, a.workflow, others); err != nil {
			return err
		}
	}
	if f.trace != "" {
		w, done, err := c.create(f.trace)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, done()) }()
		o.Trace = w
	}
	list := &taskList{out: c.out, live: isTerminal(c.out)}
	if !f.asJSON && f.trace != "-" {
		o.Watch = list.show
	}
	result, err := simulation.Run(ctx, o)
	list.close()
	if invalid, ok := errors.AsType[*workflows.Invalid](err); ok {
		return c.invalid("--variables", invalid.Problems)
	}
	if err != nil && !errors.Is(err, simulation.ErrLimit) {
		return err
	}
	switch {
	case f.trace == "-":
	case f.asJSON:
		fmt.Fprintln(c.out, result.Document())
	default:
		c.summary(result)
	}
	if err != nil {
		fmt.Fprintln(c.err, "heddle:", err)
		return exit(exitError)
	}
	return ended(result.Job)
}

func (c *console) mock(file string, root *workflows.Workflow, others []*workflows.Workflow) (simulation.Script, error) {
	doc, err := c.document(file)
	if err != nil {
		return nil, err
	}
	m, problems := simulation.ParseMock(doc, root, others)
	if errs := problems.Errors(); len(errs) > 0 {
		return nil, c.invalid(file, errs)
	}
	told := &console{out: c.err}
	told.printProblems(file, problems)
	return m.Reply, nil
}

// create opens a file for writing, "-" being standard output.
func (c *console) create(file string) (io.Writer, func() error, error) {
	if file == "-" {
		return c.out, func() error { return nil }, nil
	}
	w, err := os.Create(file)
	if err != nil {
		return nil, nil, err
	}
	return w, w.Close, nil
}

// summary says how the job ended.
func (c *console) summary(r simulation.Result) {
	status := string(r.Job.Status.Shown())
	switch {
	case len(r.Waiting) > 0 && r.Job.Status == engine.Running:
		status = "waiting"
	case r.Job.Status == engine.Complete && len(r.Job.Warnings) > 0:
		status = "complete with warnings"
	}
	_, name := workflows.SplitName(r.Job.Name)
	fmt.Fprintf(c.out, "%s: %s after %s\n", name, status, r.Elapsed.Round(time.Millisecond))
	for _, e := range r.Job.Errors {
		fmt.Fprintf(c.out, "  error: %s: %s\n", e.Task, engine.Text(e.Message))
	}
	for _, e := range r.Job.Warnings {
		fmt.Fprintf(c.out, "  warning: %s: %s\n", e.Task, engine.Text(e.Message))
	}
	for _, w := range r.Waiting {
		where := w.Task
		if w.Job != "" {
			where = w.Workflow + ": " + where
		}
		fmt.Fprintf(c.out, "  waits: %s: %s Needed: %s.\n", where, w.Text, w.Unblock)
	}
}

// ended is the exit code that tells how a job ended.
func ended(job *engine.Job) error {
	switch job.Status {
	case engine.Complete:
		if len(job.Warnings) > 0 {
			return exit(exitWarnings)
		}
		return nil
	case engine.Errored:
		return exit(exitError)
	case engine.Canceled, engine.Canceling:
		return exit(exitCanceled)
	}
	return exit(exitBlocked)
}
