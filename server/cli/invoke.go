package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/heddlehq/heddle/workflows/value"
)

// launcher is how a program without a person reaches a server: as a client of its own.
type launcher struct {
	remote
	url, client, secret string
}

func (l *launcher) flags(f *pflag.FlagSet) {
	f.StringVar(&l.url, "api-url", "", "`URL` of the server")
	f.StringVar(&l.client, "api-client-id", "", "`id` of the client: that of a service account")
	f.StringVar(&l.secret, "api-secret", "", "the client's `secret`, or @file to read it; better given by HEDDLE_API_SECRET")
	l.remote.flags(f)
}

// login gives a client that has logged in, and does so again when its session ends. Without a
// client id it is whoever used heddle login.
func (l *launcher) login(ctx context.Context) (*client, error) {
	if l.url != "" {
		l.server = l.url
	}
	cl := l.remote.client()
	if l.client == "" {
		if cl.token == "" {
			return nil, errors.New("--api-client-id and --api-secret are required, or a session of heddle login")
		}
		return cl, nil
	}
	secret, err := l.readSecret()
	if err != nil {
		return nil, err
	}
	cl.login = func(ctx context.Context) (string, error) {
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {l.client}, "client_secret": {secret}}
		return cl.grant(ctx, form)
	}
	cl.token, err = cl.login(ctx)
	return cl, err
}

func (l *launcher) readSecret() (string, error) {
	if l.secret == "" {
		return "", errors.New("--api-secret is required with --api-client-id")
	}
	file, ok := strings.CutPrefix(l.secret, "@")
	if !ok {
		return l.secret, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("--api-secret: %w", err)
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}

// denied tells refusals of who calls, which have an exit code of their own.
func (c *console) denied(err error) error {
	if r, ok := errors.AsType[*refusal](err); ok && (r.status == http.StatusUnauthorized || r.status == http.StatusForbidden) {
		fmt.Fprintln(c.err, "heddle:", err)
		return exit(exitDenied)
	}
	return err
}

// invocation is what heddle invoke is told to do.
type invocation struct {
	job, begin, end              string
	only, firstOfType, contains  string
	force                        int64
	repair, wait                 bool
	reason, variables, described string
}

func newInvoke(c *console) *cobra.Command {
	l, in := &launcher{}, invocation{}
	cmd := &cobra.Command{
		Use:   "invoke -j JOB",
		Short: "Launch a job, or a part of it, or repair a blocked one, from a script",
		Long: `Invoke starts a job of the workflow that -j names and prints its id. With --wait it shows the
tasks as they run and tells by its exit code how the job ended; it goes on waiting while the
server is restarted. With -r nothing is started: the newest blocked job of the workflow is
repaired, by validating what blocked it or by force, as suits the task.

-t, -c and -s choose tasks and exclude each other; -b and -e, both inclusive, apply to what they
choose. -f waives guards: 0 not at all, 1 for any changes, N for at most N changes of a task.

Exit codes: 0 complete or launched, 10 complete with warnings, 20 error, 30 blocked, 40 canceled,
2 wrong usage, nothing to do or no answer, 3 not allowed.`,
		Example: `  heddle invoke -j "Nightly identities" --wait
  heddle invoke -j "Nightly identities" -b Compute -e Export --wait
  heddle invoke -j "Nightly identities" -r --reason "merger of two sites"
  HEDDLE_API_SECRET=... heddle invoke --api-url https://heddle.example.net --api-client-id nightly -j "Nightly identities"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := in.check(cmd.Flags()); err != nil {
				return err
			}
			cl, err := l.login(cmd.Context())
			if err != nil {
				return c.denied(err)
			}
			return c.denied(c.invoke(cmd.Context(), cl, in, l.asJSON))
		},
	}
	l.flags(cmd.Flags())
	f := cmd.Flags()
	f.StringVarP(&in.job, "job-identifier", "j", "", "`name` of the workflow; with -r also the id of a job")
	f.BoolVarP(&in.repair, "repair-job", "r", false, "repair the blocked job and let it go on")
	f.StringVarP(&in.begin, "begin-job-step", "b", "", "start from this `step`")
	f.StringVarP(&in.end, "end-job-step", "e", "", "stop after this `step`")
	f.StringVarP(&in.only, "task-identifier", "t", "", "run only this `step`")
	f.StringVarP(&in.firstOfType, "task-type", "c", "", "run only the first step of this `method`, written METHOD or APP.METHOD")
	f.StringVarP(&in.contains, "task-string-contains", "s", "", "run only the steps whose name contains this `text`")
	f.Int64VarP(&in.force, "force-synchronization-provisioning", "f", 0, "go on although a threshold is reached: 1 for any changes, `N` for at most N")
	f.StringVar(&in.variables, "variables", "", "job variables: a JSON object, or `@file` to read one")
	f.StringVar(&in.described, "description", "", "what the job is for")
	f.StringVar(&in.reason, "reason", "", "why the job is repaired, for its history")
	f.BoolVar(&in.wait, "wait", false, "show the tasks as they run, and exit as the job ends")
	return cmd
}

// check refuses flags that contradict each other, before anything is sent.
func (in *invocation) check(f *pflag.FlagSet) error {
	if in.job == "" {
		return fmt.Errorf("-j or --job-identifier is required: the name of the job to launch\n\n%s", f.FlagUsages())
	}
	set := func(names ...string) (out []string) {
		for _, n := range names {
			if f.Changed(n) {
				out = append(out, "--"+n)
			}
		}
		return out
	}
	if by := set("task-identifier", "task-type", "task-string-contains"); len(by) > 1 {
		return fmt.Errorf("%s exclude each other", strings.Join(by, " and "))
	}
	others := set("begin-job-step", "end-job-step", "task-identifier", "task-type", "task-string-contains", "force-synchronization-provisioning", "variables", "description")
	if in.repair && len(others) > 0 {
		return fmt.Errorf("--repair-job goes on with a job as it was started; it takes no %s", strings.Join(others, ", "))
	}
	if in.force < 0 {
		return fmt.Errorf("--force-synchronization-provisioning must be 0 or more, not %d", in.force)
	}
	return nil
}

func (c *console) invoke(ctx context.Context, cl *client, in invocation, asJSON bool) error {
	if in.wait {
		cl.patient = func(err error) { fmt.Fprintln(c.err, "heddle: still waiting:", err) }
	}
	cl.key = rand.Text() // a start whose answer was lost is not another one
	id, err := c.launched(ctx, cl, in)
	cl.key = ""
	if err != nil {
		return err
	}
	if !in.wait {
		if asJSON {
			fmt.Fprintln(c.out, value.Object("_id", value.String(id)))
			return nil
		}
		fmt.Fprintln(c.out, id)
		return nil
	}
	return c.watch(ctx, cl, id)
}

// launched starts or repairs the job and gives its id.
func (c *console) launched(ctx context.Context, cl *client, in invocation) (string, error) {
	if in.repair {
		id, err := blockedJob(ctx, cl, in.job)
		if err != nil {
			return "", err
		}
		body := value.Object()
		if in.reason != "" {
			body = body.With("reason", value.String(in.reason))
		}
		_, err = cl.post(ctx, jobs+"/"+id+"/repair", body)
		return id, err
	}
	variables, err := c.variables(in.variables)
	if err != nil {
		return "", err
	}
	options := value.Object("variables", variables)
	text := func(to value.Value, key, text string) value.Value {
		if text == "" {
			return to
		}
		return to.With(key, value.String(text))
	}
	if span := text(text(value.Object(), "begin", in.begin), "end", in.end); span.Len() > 0 {
		options = options.With("range", span)
	}
	options = text(text(text(text(options, "only", in.only), "firstOfType", in.firstOfType), "contains", in.contains), "description", in.described)
	if in.force > 0 {
		options = options.With("force", value.Int(in.force))
	}
	answer, err := cl.post(ctx, jobs+"/start", value.Object("workflow", value.String(in.job), "options", options))
	return answer.Path("data", "_id").Text(), err
}

var jobID = regexp.MustCompile(`^[0-9a-f]{24}$`)

// blockedJob is the newest blocked job of a workflow, or the job itself when it is given by id.
func blockedJob(ctx context.Context, cl *client, name string) (string, error) {
	if jobID.MatchString(name) {
		return name, nil
	}
	answer, err := cl.get(ctx, jobs, url.Values{
		"equals[name]": {name}, "in[status]": {"blocked"}, "sort": {"metrics.start_time"}, "order": {"-1"}, "limit": {"1"}, "include": {"name"},
	})
	if err != nil {
		return "", err
	}
	if answer.Get("data").Len() == 0 {
		return "", fmt.Errorf("no job of %q is blocked, so there is nothing to repair", name)
	}
	return answer.Get("data").At(0).Get("_id").Text(), nil
}

func newSteps(c *console) *cobra.Command {
	l := &launcher{}
	var job string
	cmd := &cobra.Command{
		Use:     "steps -j JOB",
		Short:   "List what a job would start, in order, without starting it",
		Long:    `Steps lists the tasks of a workflow in the order in which a job starts them; tasks of one order start together.`,
		Example: `  heddle steps -j "Nightly identities"`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if job == "" {
				return errors.New("-j or --job-identifier is required: the name of the job")
			}
			cl, err := l.login(cmd.Context())
			if err != nil {
				return c.denied(err)
			}
			answer, err := cl.get(cmd.Context(), "/operations-manager/workflows/"+url.PathEscape(job)+"/steps", nil)
			if r, ok := errors.AsType[*refusal](err); ok && r.status == http.StatusNotFound {
				return fmt.Errorf("there is no job %q", job)
			}
			if err != nil {
				return c.denied(err)
			}
			if l.asJSON {
				fmt.Fprintln(c.out, answer.Get("data"))
				return nil
			}
			return c.showSteps(answer.Path("data", "steps"))
		},
	}
	l.flags(cmd.Flags())
	cmd.Flags().StringVarP(&job, "job-identifier", "j", "", "`name` of the workflow")
	return cmd
}

func (c *console) showSteps(steps value.Value) error {
	t := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ORDER\tSTEP\tTYPE\tRUNS ON\tPARENTS")
	for _, s := range steps.Elements() {
		order, _ := s.Get("order").Int()
		var parents []string
		for _, p := range s.Get("parents").Elements() {
			parents = append(parents, p.Text())
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", strconv.FormatInt(order, 10), s.Get("step").Text(), s.Get("type").Text(), s.Get("runOn").Text(), strings.Join(parents, ", "))
	}
	return t.Flush()
}
