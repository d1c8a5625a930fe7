package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/heddlehq/heddle/workflows/value"
)

func newSecret(c *console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "secret",
		Short: "Keep what adapter instances log in with",
		Long: `A secret is a text that is sealed before it is stored. Configurations of adapter instances
refer to it as $secret.NAME; only adapters ever read it.`,
	}
	cmd.AddCommand(newSecretSet(c), newSecretList(c), newSecretDelete(c))
	return cmd
}

func newSecretSet(c *console) *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:   "set NAME",
		Short: "Store a secret, which is read from standard input",
		Long: `Set reads the secret from standard input, so that it stands in no command line and no history;
an end of line at its end is dropped. Adapter instances notice a changed secret within a minute.`,
		Example: "  heddle secret set tickets < token.txt",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			data, err := io.ReadAll(io.LimitReader(c.in, 1<<20))
			if err != nil {
				return err
			}
			text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
			return c.change(cmd.Context(), &r, http.MethodPut, "/heddle/secrets/"+url.PathEscape(args[0]), value.Object("value", value.String(text)))
		},
	}
	r.flags(cmd.Flags())
	return cmd
}

func newSecretList(c *console) *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the names of the secrets",
		Example: "  heddle secret list",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := r.client().get(cmd.Context(), "/heddle/secrets", url.Values{"limit": {"100"}})
			if err != nil {
				return err
			}
			if r.asJSON {
				fmt.Fprintln(c.out, answer.String())
				return nil
			}
			w := tabwriter.NewWriter(c.out, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "NAME\tCHANGED\tBY")
			for _, s := range answer.Get("results").Elements() {
				fmt.Fprintf(w, "%s\t%s\t%s\n", s.Get("name").Text(), s.Get("lastUpdated").Text(), s.Get("lastUpdatedBy").Text())
			}
			return w.Flush()
		},
	}
	r.flags(cmd.Flags())
	return cmd
}

func newSecretDelete(c *console) *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:     "delete NAME",
		Short:   "Delete a secret",
		Example: "  heddle secret delete tickets",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.change(cmd.Context(), &r, http.MethodDelete, "/heddle/secrets/"+url.PathEscape(args[0]), value.Absent)
		},
	}
	r.flags(cmd.Flags())
	return cmd
}
