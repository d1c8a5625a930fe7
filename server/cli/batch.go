package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/heddlehq/heddle/workflows/value"
)

// jobBatch is a command that does something to many jobs in the background of the server, and
// waits for that.
func (c *console) jobBatch(r *remote, act, short string) *cobra.Command {
	var where []string
	cmd := &cobra.Command{
		Use: act + " [JOB...]", Short: short, ValidArgsFunction: r.complete(jobs, "data", "_id"),
		Long: short + `.

Jobs are named by their ids, or by filters as the API takes them. Child jobs go with the job that
called them. The command waits until all is done; the server goes on when it is stopped.`,
		Example: "  heddle job " + act + " 65f1c0ffee65f1c0ffee65f1\n  heddle job " + act + " --where 'equals[status]=complete' --where 'lt[created]=2026-01-01'",
		RunE: func(cmd *cobra.Command, args []string) error {
			body := value.Object("jobIds", value.Strings(args...))
			if len(where) > 0 {
				query, err := filters(where)
				if err != nil {
					return err
				}
				body = value.Object("query", query)
			}
			if (len(args) > 0) == (len(where) > 0) {
				return errors.New("give either the ids of jobs or --where")
			}
			cl := r.client()
			answer, err := cl.post(cmd.Context(), jobs+"/"+act, body)
			if err != nil {
				return err
			}
			b, err := c.settled(cmd.Context(), cl, answer.Get("data"))
			if err != nil {
				return err
			}
			return c.batchEnded(r, act, b)
		},
	}
	cmd.Flags().StringArrayVar(&where, "where", nil, "a `filter` such as 'equals[status]=complete'; may be repeated")
	return cmd
}

// filters reads filters as they stand in a query string.
func filters(where []string) (value.Value, error) {
	var m value.Members
	for _, w := range where {
		key, v, ok := strings.Cut(w, "=")
		if !ok {
			return value.Absent, fmt.Errorf("--where %q must be like 'equals[status]=complete'", w)
		}
		m.Set(key, value.String(v))
	}
	return m.Value(), nil
}

// settled waits until a batch has ended.
func (c *console) settled(ctx context.Context, cl *client, b value.Value) (value.Value, error) {
	for b.Get("status").Text() == "running" {
		select {
		case <-ctx.Done():
			return b, ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
		answer, err := cl.get(ctx, "/operations-manager/batches/"+url.PathEscape(b.Get("_id").Text()), nil)
		if err != nil {
			return b, err
		}
		b = answer.Get("data")
	}
	return b, nil
}

// batchEnded tells what became of a batch; jobs that were left alone are an error.
func (c *console) batchEnded(r *remote, act string, b value.Value) error {
	if r.machine() {
		return r.print(c.out, b)
	}
	done, _ := b.Get("done").Int()
	total, _ := b.Get("total").Int()
	fmt.Fprintf(c.out, "%s: %d of %d jobs\n", act, done, total)
	for _, f := range b.Get("failures").Elements() {
		fmt.Fprintf(c.err, "  left alone: %s: %s\n", f.Get("job").Text(), f.Get("reason").Text())
	}
	if failed, _ := b.Get("failed").Int(); failed > 0 {
		return exit(exitError)
	}
	return nil
}

// complete finds the names, or ids, that begin with what has been typed.
func (r *remote) complete(path, list, field string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if err := fromEnvironment(cmd.Flags(), os.LookupEnv); err != nil { // nobody has done it yet
			return nil, cobra.ShellCompDirectiveError
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), 2*time.Second)
		defer cancel()
		q := url.Values{"limit": {"50"}, "include": {field}}
		if typed != "" {
			q.Set("starts-with["+field+"]", typed)
		}
		answer, err := r.client().get(ctx, path, q)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		var out []string
		for _, e := range answer.Get(list).Elements() {
			out = append(out, e.Get(field).Text())
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}
