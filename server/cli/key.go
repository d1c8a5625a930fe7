package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/heddlehq/heddle/engine/keyring"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/server/system"
	"github.com/heddlehq/heddle/workflows/value"
)

// masterFlags say where keys and secrets are. Without any the master key is in the data folder.
type masterFlags struct {
	file, key, vault, vaultToken, transit string
	folder, prefix                        string // of secrets
}

func (f *masterFlags) flags(flags *pflag.FlagSet) {
	flags.StringVar(&f.file, "master-key-file", "", "`file` of the key that encrypts all other keys, 64 hexadecimal digits; "+system.MasterKeyFile+" in the data folder unless given")
	flags.StringVar(&f.key, "master-key", "", "the master key itself; best given as HEDDLE_MASTER_KEY")
	flags.StringVar(&f.vault, "vault-address", "", "`URL` of a Vault")
	flags.StringVar(&f.vaultToken, "vault-token-file", "", "`file` of the token for Vault; VAULT_TOKEN unless given")
	flags.StringVar(&f.transit, "vault-transit-key", "", "`name` of the key in Vault's transit engine that is the master key; it never leaves Vault")
}

// open finds the master key that the flags name; nil when they name none.
func (f *masterFlags) open() (keyring.Master, error) {
	given := 0
	for _, text := range []string{f.file, f.key, f.transit} {
		if text != "" {
			given++
		}
	}
	switch {
	case given > 1:
		return nil, errors.New("--master-key-file, --master-key and --vault-transit-key exclude each other")
	case f.key != "":
		m, err := keyring.ParseLocal(f.key)
		if err != nil {
			return nil, fmt.Errorf("--master-key: %w", err)
		}
		return m, nil
	case f.file != "":
		m, err := keyring.FromFile(f.file, false)
		if err != nil {
			return nil, fmt.Errorf("--master-key-file: %w", err)
		}
		return m, nil
	case f.transit != "":
		v, err := f.client()
		if err != nil {
			return nil, err
		}
		return keyring.Transit(v, f.transit), nil
	}
	return nil, nil
}

func newKey(c *console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "See and rotate the keys that values are encrypted with",
		Long: `Values that decorators name are encrypted with data keys, which are in the store, each
encrypted with the master key, which is not. Without the master key nothing can be opened:
keep a copy of it in a safe place.`,
	}
	cmd.AddCommand(newKeyList(c), newKeyRotate(c))
	return cmd
}

func newKeyList(c *console) *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the data keys, the newest first",
		Example: "  heddle key list",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := r.client().get(cmd.Context(), "/heddle/keys", nil)
			if err != nil {
				return err
			}
			if r.asJSON {
				fmt.Fprintln(c.out, answer)
				return nil
			}
			t := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(t, "KEY\tCREATED\tMASTER")
			for _, k := range answer.Get("data").Elements() {
				fmt.Fprintf(t, "%s\t%s\t%s\n", k.Get("_id").Text(), k.Get("created").Text(), shown(k, "master"))
			}
			return t.Flush()
		},
	}
	r.flags(cmd.Flags())
	return cmd
}

func newKeyRotate(c *console) *cobra.Command {
	var r remote
	var old masterFlags
	var data, address, file string
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Encrypt with a new key from now on",
		Long: `Rotate makes another data key, which every server encrypts with within ten seconds, and
encrypts stored secrets anew. Values of jobs keep the key they were encrypted with.

With --new-master-key-file it changes the master key instead: all data keys are encrypted with
the one in the file, and the old one opens nothing any more. The servers must be stopped, and
started with the new one. It may be repeated if it did not come to its end.`,
		Example: `  heddle key rotate --server https://heddle.example.net
  heddle key rotate --data-dir /var/lib/heddle --new-master-key-file /etc/heddle/master.key`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				answer, err := r.client().post(cmd.Context(), "/heddle/keys/rotate", value.Object())
				if err != nil {
					return err
				}
				fmt.Fprintln(c.out, "new key:", answer.Path("data", "active").Text())
				return nil
			}
			return c.newMaster(cmd.Context(), &old, data, address, file)
		},
	}
	flags := cmd.Flags()
	r.flags(flags)
	old.flags(flags)
	flags.StringVar(&data, "data-dir", "heddle-data", "`folder` of the store of a stopped server")
	flags.StringVar(&address, "store", "", "mongodb:// `address` of the store instead")
	flags.StringVar(&file, "new-master-key-file", "", "`file` of the new master key; one that is missing is made")
	return cmd
}

// newMaster wraps the keys of a store that no server uses with another master key.
func (c *console) newMaster(ctx context.Context, old *masterFlags, data, address, file string) (err error) {
	master, err := old.open()
	if err != nil {
		return err
	}
	if master == nil {
		if master, err = keyring.FromFile(filepath.Join(data, system.MasterKeyFile), false); err != nil {
			return err
		}
	}
	next, err := keyring.FromFile(file, true)
	if err != nil {
		return fmt.Errorf("--new-master-key-file: %w", err)
	}
	open := func(ctx context.Context) (store.Store, error) { return stopped(ctx, data) }
	if address != "" {
		open = func(ctx context.Context) (store.Store, error) { return system.OpenStore(ctx, address) }
	}
	s, err := open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	keys, err := keyring.New(s, master, nil)
	if err != nil {
		return err
	}
	r, err := keys.Rotate(ctx, next)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%d keys are encrypted with the master key %s; new key: %s\n", r.Rewrapped, next.Name(), r.Active)
	return nil
}
