package cli

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heddlehq/heddle/workflows/value"
)

// newAPI is the way to every route that no command of its own speaks to.
func newAPI(c *console) *cobra.Command {
	r := &remote{}
	var data string
	var query []string
	cmd := &cobra.Command{
		Use:   "api METHOD PATH",
		Short: "Call any route of a server's API",
		Long:  `Api sends a request and prints the answer. GET /help/openapi describes every route.`,
		Example: `  heddle api GET /operations-manager/jobs -q 'equals[status]=error' -q limit=5
  heddle api PUT /heddle/retention -d '{"rules":[]}'
  heddle api POST /automation-studio/projects/import -d @project.json`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			q := url.Values{}
			for _, p := range query {
				key, v, ok := strings.Cut(p, "=")
				if !ok {
					return fmt.Errorf("--query %q must be like limit=5", p)
				}
				q.Add(key, v)
			}
			body := value.Absent
			if data != "" {
				var err error
				if body, err = c.variables(data); err != nil {
					return err
				}
			}
			answer, err := r.client().call(cmd.Context(), strings.ToUpper(args[0]), args[1], q, body)
			if err != nil {
				return err
			}
			return r.print(c.out, answer)
		},
	}
	r.flags(cmd.Flags())
	cmd.Flags().StringVarP(&data, "data", "d", "", "the body: a JSON object, or `@file` to read one")
	cmd.Flags().StringArrayVarP(&query, "query", "q", nil, "a `parameter` such as limit=5; may be repeated")
	return cmd
}
