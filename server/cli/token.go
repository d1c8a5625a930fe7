package cli

import (
	"fmt"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/heddlehq/heddle/workflows/value"
)

const tokens = "/heddle/tokens"

func newToken(c *console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Make, list and revoke API tokens",
		Long:  "An API token lets a script call the API in one's name, with all of one's rights or some of them.",
	}
	cmd.AddCommand(newTokenCreate(c), newTokenList(c), newTokenRevoke(c))
	return cmd
}

func newTokenCreate(c *console) *cobra.Command {
	var r remote
	var scopes []string
	var lasts time.Duration
	var account string
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make an API token and print it, this once",
		Example: `  heddle token create ci --scope jobs:read --scope jobs:start --lasts 720h
  heddle token create robot --account 6b00992e8c51dce6a512b11d`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			body := value.Object("name", value.String(args[0]), "expires", value.String(time.Now().Add(lasts).UTC().Format(time.RFC3339)))
			if len(scopes) > 0 {
				body = body.With("scopes", value.Strings(scopes...))
			}
			if account != "" {
				body = body.With("account", value.String(account))
			}
			answer, err := r.client().post(cmd.Context(), tokens, body)
			if err != nil {
				return err
			}
			if r.asJSON {
				fmt.Fprintln(c.out, answer)
				return nil
			}
			fmt.Fprintln(c.out, answer.Path("data", "token").Text())
			return nil
		},
	}
	flags := cmd.Flags()
	r.flags(flags)
	flags.StringSliceVar(&scopes, "scope", nil, "`permissions` the token carries, such as jobs:read; all of the account's unless given")
	flags.DurationVar(&lasts, "lasts", 90*24*time.Hour, "how long it works")
	flags.StringVar(&account, "account", "", "`id` of another account it is for")
	return cmd
}

func newTokenList(c *console) *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List API tokens: one's own, or everybody's for administrators",
		Example: "  heddle token list",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := r.client().get(cmd.Context(), tokens, url.Values{"limit": {"0"}})
			if err != nil {
				return err
			}
			if r.asJSON {
				fmt.Fprintln(c.out, answer)
				return nil
			}
			t := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(t, "ID\tNAME\tACCOUNT\tEXPIRES\tLAST USED\tSCOPES")
			for _, e := range answer.Get("data").Elements() {
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", e.Get("_id").Text(), shown(e, "name"), shown(e, "username"), shown(e, "expires"), shown(e, "lastUsed"), e.Get("scopes"))
			}
			return t.Flush()
		},
	}
	r.flags(cmd.Flags())
	return cmd
}

func newTokenRevoke(c *console) *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:     "revoke ID...",
		Short:   "End API tokens at once",
		Example: "  heddle token revoke 6b00992e8c51dce6a512b11d",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, id := range args {
				if _, err := r.client().call(cmd.Context(), http.MethodDelete, tokens+"/"+url.PathEscape(id), nil, value.Absent); err != nil {
					return fmt.Errorf("%s: %w", id, err)
				}
				fmt.Fprintln(c.out, id, "revoked")
			}
			return nil
		},
	}
	r.flags(cmd.Flags())
	return cmd
}
