package cli

import (
	"context"
	"fmt"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/heddlehq/heddle/workflows/value"
)

func newServer(c *console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "server",
		Short: "See the servers that share the work, and take one out",
	}
	cmd.AddCommand(newServerList(c), newServerDrain(c))
	return cmd
}

func newServerList(c *console) *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the servers on the store, with their last signs of life",
		Example: "  heddle server list --server http://127.0.0.1:3000",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := r.client().get(cmd.Context(), "/heddle/servers", nil)
			if err != nil {
				return err
			}
			if r.machine() {
				return r.print(c.out, answer)
			}
			w := tabwriter.NewWriter(c.out, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "NAME\tSTATE\tPARTITIONS\tSEEN")
			for _, s := range answer.Get("data").Elements() {
				seen, _ := s.Get("seen").Int()
				owned, _ := s.Get("partitions").Int()
				fmt.Fprintf(w, "%s\t%s\t%d\t%s ago\n", s.Get("name").Text(), s.Get("state").Text(), owned, time.Since(time.UnixMilli(seen)).Round(time.Second))
			}
			return w.Flush()
		},
	}
	r.flags(cmd.Flags())
	return cmd
}

func newServerDrain(c *console) *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:   "drain",
		Short: "Let a server give its work to the others, so that it can be stopped",
		Long: `Drain tells the server to start no more jobs, to fire no more triggers and to give its partitions
to the other servers on the store. It returns when they have taken them; then the server can be stopped without
anybody noticing. A server that is alone keeps running the jobs it has.`,
		Example: "  heddle server drain --server http://10.0.0.7:3000",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.drain(cmd.Context(), r.client()) },
	}
	r.flags(cmd.Flags())
	return cmd
}

func (c *console) drain(ctx context.Context, api *client) error {
	answer, err := api.post(ctx, "/heddle/server/drain", value.Object())
	for err == nil {
		s := answer.Get("data")
		owned, _ := s.Get("partitions").Int()
		if owned == 0 || s.Get("alone").Truth() {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
		answer, err = api.post(ctx, "/heddle/server/drain", value.Object())
	}
	if err != nil {
		return err
	}
	s := answer.Get("data")
	if s.Get("alone").Truth() {
		fmt.Fprintf(c.out, "%s starts no more jobs; nobody else is there to take over those it runs\n", s.Get("name").Text())
		return nil
	}
	fmt.Fprintf(c.out, "%s is drained and can be stopped\n", s.Get("name").Text())
	return nil
}

func newQuarantine(c *console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "quarantine",
		Short: "See events that crashed the engine, and play them again",
		Long: `An event that makes the engine crash several times is kept aside with all there is to know of
it, so that its job's other events and all other jobs go on. After an update, or once the
cause is gone, it can be played again.`,
	}
	cmd.AddCommand(newQuarantineList(c), newQuarantineReplay(c))
	return cmd
}

func newQuarantineList(c *console) *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the events kept aside, newest first",
		Example: "  heddle quarantine list",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := r.client().get(cmd.Context(), "/heddle/quarantine", nil)
			if err != nil {
				return err
			}
			if r.machine() {
				return r.print(c.out, answer)
			}
			w := tabwriter.NewWriter(c.out, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "ID\tJOB\tTASK\tEVENT\tTRIES\tERROR")
			for _, e := range answer.Get("data").Elements() {
				tries, _ := e.Get("tries").Int()
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\n", e.Get("_id").Text(), e.Get("job").Text(), e.Get("task").Text(), e.Get("type").Text(), tries, e.Get("error").Text())
			}
			return w.Flush()
		},
	}
	r.flags(cmd.Flags())
	return cmd
}

func newQuarantineReplay(c *console) *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:     "replay ID...",
		Short:   "Give events kept aside to their jobs once more",
		Example: "  heddle quarantine replay 6b0076b0d2da135b56b54a39",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, id := range args {
				if _, err := r.client().post(cmd.Context(), "/heddle/quarantine/"+url.PathEscape(id)+"/replay", value.Object()); err != nil {
					return fmt.Errorf("%s: %w", id, err)
				}
				fmt.Fprintln(c.out, id, "replayed")
			}
			return nil
		},
	}
	r.flags(cmd.Flags())
	return cmd
}
