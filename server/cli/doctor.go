package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/heddlehq/heddle/adapters/openapi"
	"github.com/heddlehq/heddle/adapters/registry"
	"github.com/heddlehq/heddle/adapters/standard"
	"github.com/heddlehq/heddle/engine/builtin"
	"github.com/heddlehq/heddle/engine/doctor"
	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/sqlitestore"
	"github.com/heddlehq/heddle/server"
	"github.com/heddlehq/heddle/server/system"
	"github.com/heddlehq/heddle/workflows/value"
)

func newDoctor(c *console) *cobra.Command {
	var data, address string
	var fix bool
	var r remote
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check a store against Heddle's promises, and repair it",
		Long: `Doctor reads every job in a store and checks the promises Heddle makes: each job exists once and has something to wait for, its history has no gaps and
replaying it gives the job, each result counted once, nothing started after the end, parents
and children agree, nothing is left behind, statistics equal a recount, no canary is found,
and the audit log is whole. They are listed as INV-1 to INV-11; INV-12, that memory and files
do not grow, is judged by each server itself.

The store is that of the data folder while its server is stopped, or --store while servers
use it, or that of the running server that --server names.

With --fix it repairs what follows from the jobs: index fields and the documents of task
runs are written anew, and what belongs to no job is deleted. What a job says is never
changed. Make a copy of the data folder first.

After a server was killed, news from a child job may still be on the bus; it is reported as
INV-7 and is gone once a server has run again.

Exit codes: 0 nothing is wrong, 20 findings are left, 2 wrong usage or no readable store.`,
		Example: `  heddle doctor
  heddle doctor --data-dir /var/lib/heddle --fix
  heddle doctor --server http://127.0.0.1:3000
  heddle doctor --json | jq '.findings[] | select(.invariant == "INV-2")'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			began := time.Now()
			check := func() (doctor.Report, error) { return c.examine(cmd.Context(), data, address, fix) }
			if cmd.Flags().Changed("server") {
				check = func() (doctor.Report, error) { return examineRemote(cmd.Context(), r.client(), fix) }
			}
			report, err := check()
			if err != nil {
				return err
			}
			return c.reported(report, r.asJSON, time.Since(began))
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&data, "data-dir", "heddle-data", "`folder` of the store")
	flags.StringVar(&address, "store", "", "mongodb:// `address` of the store instead")
	flags.BoolVar(&fix, "fix", false, "repair what can be repaired without guessing")
	r.flags(flags)
	return cmd
}

// examine checks a store that this process opens.
func (c *console) examine(ctx context.Context, data, address string, fix bool) (r doctor.Report, err error) {
	o := doctor.Options{Fix: fix, Progress: c.progress(2 * time.Second)}
	if address == "" {
		o.Store, err = stopped(ctx, data)
	} else {
		o.Store, err = system.OpenStore(ctx, address)
		o.Wait = server.DoctorWait
	}
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, o.Store.Close()) }()
	// Jobs are replayed with the methods that they ran with.
	known, err := registry.New(registry.Options{Store: o.Store, Kinds: standard.Kinds(), Import: openapi.Import, Base: builtin.Catalog(), Idle: true})
	if err != nil {
		return r, err
	}
	if err := known.Read(ctx); err != nil {
		return r, err
	}
	o.Library = library.New(library.Options{Store: o.Store, Catalog: known})
	o.Audit = server.AuditCheck(o.Store)
	return doctor.Check(ctx, o)
}

// examineRemote lets a running server check its store.
func examineRemote(ctx context.Context, api *client, fix bool) (r doctor.Report, err error) {
	var answer value.Value
	if fix {
		answer, err = api.post(ctx, "/heddle/doctor", value.Object())
	} else {
		answer, err = api.get(ctx, "/heddle/doctor", nil)
	}
	if err != nil {
		return r, err
	}
	return r, answer.Get("data").Decode(&r)
}

// reported prints a report and turns findings into the exit code.
func (c *console) reported(report doctor.Report, asJSON bool, took time.Duration) (err error) {
	if asJSON {
		encoder := json.NewEncoder(c.out)
		encoder.SetEscapeHTML(false)
		err = encoder.Encode(report)
	} else {
		c.diagnosis(report, took)
	}
	if err == nil && !report.Clean() {
		err = exit(exitError)
	}
	return err
}

// stopped opens the store of a data folder that no server uses.
func stopped(ctx context.Context, data string) (store.Store, error) {
	file := filepath.Join(data, "heddle.db")
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("--data-dir: there is no store %s", file)
	}
	s, err := sqlitestore.Open(ctx, file, sqlitestore.Options{})
	if errors.Is(err, store.ErrLocked) {
		return nil, fmt.Errorf("--data-dir: a server has the store in %s open; stop it first, or ask it with --server", data)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// progress prints how far a long check is, at most once in an interval.
func (c *console) progress(interval time.Duration) func(string, int, int) {
	last := time.Now()
	return func(stage string, done, total int) {
		if now := time.Now(); now.Sub(last) >= interval {
			last = now
			fmt.Fprintf(c.err, "%s: %d of %d\n", stage, done, total)
		}
	}
}

func (c *console) diagnosis(r doctor.Report, took time.Duration) {
	for _, f := range r.Fixed {
		fmt.Fprintf(c.out, "repaired  %s\n", f)
	}
	fixable := 0
	for _, f := range r.Findings {
		mark := "found    "
		if f.Fixable {
			mark = "fixable  "
			fixable++
		}
		fmt.Fprintf(c.out, "%s %s\n", mark, f)
	}
	if r.More > 0 {
		fmt.Fprintf(c.out, "and %d more\n", r.More)
	}
	fmt.Fprintf(c.out, "%d jobs, %d task runs and %d events checked in %s: ", r.Jobs, r.Tasks, r.Events, took.Round(time.Millisecond))
	left := len(r.Findings) + r.More
	switch {
	case left == 0 && len(r.Fixed) == 0:
		fmt.Fprintln(c.out, "nothing is wrong")
	case left == 0:
		fmt.Fprintf(c.out, "%d repaired, nothing left\n", len(r.Fixed))
	case len(r.Fixed) > 0:
		fmt.Fprintf(c.out, "%d repaired, %d left\n", len(r.Fixed), left)
	case fixable > 0:
		fmt.Fprintf(c.out, "%d wrong, of which --fix repairs %d\n", left, fixable)
	default:
		fmt.Fprintf(c.out, "%d wrong\n", left)
	}
}
