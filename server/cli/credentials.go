package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/server/system"
)

func newAdapterCredentials(c *console) *cobra.Command {
	var data, pool string
	var apps []string
	var config bool
	cmd := &cobra.Command{
		Use:   "credentials",
		Short: "Print how the adapters of one pool log in to the bus",
		Long: `Credentials prints the URL of the embedded bus for adapters of one pool: with it they take the
orders of the given apps in that pool, answer them, and publish platform events under the apps'
names as source; everything else is refused by the bus. Without --app it is for one adapter that takes
every order of the pool, through the consumer pool-NAME.

Whoever may read bus.url in the data folder may print credentials. Nothing is stored: they follow
from that file, and deleting it before a start takes all of them back.

For a NATS cluster, --config prints the user with the same permissions for its configuration; the
password is to be set there. Heddle makes the consumers of pools that adapter instances name.`,
		Example: `  heddle adapter credentials --pool dmz --app Tickets
  heddle adapter credentials --pool dmz --app Tickets --config >> nats-server.conf`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if pool == adapters.EnginePool {
				return fmt.Errorf("--pool %s: this pool is the engine's own", pool)
			}
			if pool == "" || slices.Contains(apps, "") {
				return errors.New("--pool and --app must not be empty")
			}
			if config {
				user, publish, listen := system.WorkerPermissions(pool, apps)
				fmt.Fprintf(c.out, "{ user: %q, password: \"...\", permissions: {\n  publish: [%s]\n  subscribe: [%s]\n  allow_responses: { max: 1, expires: \"10s\" }\n} }\n",
					user, quoted(publish), quoted(listen))
				return nil
			}
			file := filepath.Join(data, "bus.url")
			text, err := os.ReadFile(file)
			if err != nil {
				return fmt.Errorf("%w; it is made when heddle serve first starts with a bus that listens", err)
			}
			address, err := system.WorkerURL(string(text), pool, apps)
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			fmt.Fprintln(c.out, address)
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&data, "data-dir", "heddle-data", "`folder` of the server's store and bus")
	flags.StringVar(&pool, "pool", adapters.DefaultPool, "`name` of the pool")
	flags.StringArrayVar(&apps, "app", nil, "`name` of an application whose orders may be taken; may be repeated")
	flags.BoolVar(&config, "config", false, "print a user for the configuration of a NATS cluster")
	return cmd
}

func quoted(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = fmt.Sprintf("%q", s)
	}
	return strings.Join(out, ", ")
}
