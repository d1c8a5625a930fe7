package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/heddlehq/heddle/workflows/value"
)

func newAdapter(c *console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "adapter",
		Short: "Configure adapter instances, look after them, and test adapters",
	}
	cmd.AddCommand(newAdapterList(c), newAdapterKinds(c), newAdapterShow(c), newAdapterApply(c), newAdapterCheck(c),
		newAdapterAct(c, "start", "Let the calls of an instance go on"),
		newAdapterAct(c, "stop", "Let the calls of an instance wait until it is started"),
		newAdapterAct(c, "restart", "Open an instance anew in every server"),
		newAdapterDelete(c), newAdapterCredentials(c), newAdapterTest(c))
	return cmd
}

func adapterPath(name, verb string) string {
	path := "/adapters/" + url.PathEscape(name)
	if verb != "" {
		path += "/" + verb
	}
	return path
}

func newAdapterList(c *console) *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the adapter instances and how they do",
		Long: `List shows each instance with its application, its state in the server that is asked, and
what its limits let through. RUNNING is well, STOPPED waits for heddle adapter start, DEAD tells why.`,
		Example: "  heddle adapter list",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := r.client().get(cmd.Context(), "/health/adapters", url.Values{"limit": {"100"}})
			if err != nil {
				return err
			}
			if r.asJSON {
				fmt.Fprintln(c.out, answer.String())
				return nil
			}
			w := tabwriter.NewWriter(c.out, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "NAME\tKIND\tVERSION\tSTATE\tBREAKER\tRUNNING\tWAITING\tCALLS\tFAILURES\tPROBLEM")
			for _, h := range answer.Get("results").Elements() {
				l := h.Get("limits")
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", h.Get("id").Text(), h.Get("package_id").Text(), h.Get("version").Text(), h.Get("state").Text(),
					l.Get("breaker").Text(), l.Get("running"), l.Get("waiting"), l.Get("calls"), l.Get("failures"), h.Path("connection", "problem").Text())
			}
			return w.Flush()
		},
	}
	r.flags(cmd.Flags())
	return cmd
}

func newAdapterKinds(c *console) *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:   "kinds",
		Short: "List the applications that have an adapter, and their methods",
		Long: `Kinds lists the adapters that ship and those in other processes that are connected. With
--json it prints their manifests, with the JSON Schema of what an instance has to configure.`,
		Example: "  heddle adapter kinds\n  heddle adapter kinds --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := r.client().get(cmd.Context(), "/heddle/adapters/kinds", url.Values{"limit": {"100"}})
			if err != nil {
				return err
			}
			if r.asJSON {
				fmt.Fprintln(c.out, answer.Get("results").String())
				return nil
			}
			w := tabwriter.NewWriter(c.out, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "APP\tVERSION\tMETHODS\tSUMMARY")
			for _, m := range answer.Get("results").Elements() {
				fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", m.Get("app").Text(), m.Get("version").Text(), m.Get("methods").Len(), m.Get("summary").Text())
			}
			return w.Flush()
		},
	}
	r.flags(cmd.Flags())
	return cmd
}

func newAdapterShow(c *console) *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:     "show NAME",
		Short:   "Print an adapter instance as it can be applied again",
		Example: "  heddle adapter show tickets > tickets.json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			answer, err := r.client().get(cmd.Context(), adapterPath(args[0], "export"), nil)
			if err != nil {
				return err
			}
			var out bytes.Buffer
			if err := json.Indent(&out, answer.AppendJSON(nil), "", "  "); err != nil {
				return err
			}
			fmt.Fprintln(c.out, out.String())
			return nil
		},
	}
	r.flags(cmd.Flags())
	return cmd
}

func newAdapterApply(c *console) *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:   "apply FILE...",
		Short: "Store adapter instances from JSON or YAML files, new or over those of the same name",
		Long: `Apply stores what each file says: one instance, or a list of them. Every server that shares
the store takes it up at once. What an instance logs in with is stored with heddle secret set
and named in its configuration as $secret.NAME.

  name: tickets            # tasks say adapter_id: tickets
  app: Http
  config: {url: "https://tickets.example.net", auth: {type: bearer, token: $secret.tickets}}
  limits: {concurrency: 4, perSecond: 10, breaker: {failures: 5, openSeconds: 30}}`,
		Example: "  heddle adapter apply tickets.yaml\n  heddle adapter show tickets | heddle adapter apply -",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api := r.client()
			for _, file := range args {
				doc, err := c.readDocument(file)
				if err != nil {
					return err
				}
				all := []value.Value{doc}
				if doc.IsArray() {
					all = doc.Slice()
				}
				for _, one := range all {
					if err := c.applyAdapter(cmd.Context(), api, one); err != nil {
						return fmt.Errorf("%s: %w", file, err)
					}
				}
			}
			return nil
		},
	}
	r.flags(cmd.Flags())
	return cmd
}

func (c *console) applyAdapter(ctx context.Context, api *client, doc value.Value) error {
	name := doc.Get("name").Text()
	if name == "" {
		name = doc.Path("properties", "name").Text()
	}
	verb := "changed"
	_, err := api.call(ctx, http.MethodPut, adapterPath(name, ""), nil, doc)
	if r, ok := errors.AsType[*refusal](err); name == "" || ok && r.status == http.StatusNotFound {
		verb = "made"
		_, err = api.post(ctx, "/adapters", doc)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s adapter instance %s\n", verb, name)
	return nil
}

func newAdapterCheck(c *console) *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:   "check NAME...",
		Short: "Look whether the outside systems of instances answer",
		Long: `Check opens each instance in the server, with its secrets, and asks its system for something
that changes nothing. The exit code is 20 when one does not work.`,
		Example: "  heddle adapter check tickets",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api := r.client()
			bad := false
			for _, name := range args {
				answer, err := api.post(cmd.Context(), adapterPath(name, "check"), value.Absent)
				if err != nil {
					return err
				}
				if r.asJSON {
					fmt.Fprintln(c.out, answer.Get("data").String())
				} else if answer.Path("data", "works").Truth() {
					fmt.Fprintf(c.out, "%s works\n", name)
				} else {
					fmt.Fprintf(c.out, "%s does not work: %s\n", name, answer.Path("data", "problem").Text())
				}
				bad = bad || !answer.Path("data", "works").Truth()
			}
			if bad {
				return exit(exitError)
			}
			return nil
		},
	}
	r.flags(cmd.Flags())
	return cmd
}

func newAdapterAct(c *console, verb, short string) *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:     verb + " NAME",
		Short:   short,
		Example: "  heddle adapter " + verb + " tickets",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.change(cmd.Context(), &r, http.MethodPut, adapterPath(args[0], verb), value.Absent)
		},
	}
	r.flags(cmd.Flags())
	return cmd
}

func newAdapterDelete(c *console) *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:     "delete NAME",
		Short:   "Delete an adapter instance; its tasks under way end as they began",
		Example: "  heddle adapter delete tickets",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.change(cmd.Context(), &r, http.MethodDelete, adapterPath(args[0], ""), value.Absent)
		},
	}
	r.flags(cmd.Flags())
	return cmd
}

// change makes a call and prints what the server says to it.
func (c *console) change(ctx context.Context, r *remote, method, path string, body value.Value) error {
	answer, err := r.client().call(ctx, method, path, nil, body)
	if err != nil {
		return err
	}
	c.said(r, answer)
	return nil
}
