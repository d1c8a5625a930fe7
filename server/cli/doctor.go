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

	"github.com/heddlehq/heddle/engine/builtin"
	"github.com/heddlehq/heddle/engine/doctor"
	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/sqlitestore"
)

func newDoctor(c *console) *cobra.Command {
	var data string
	var fix, asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check the store of a stopped server, and repair it",
		Long: `Doctor reads every job in the store of a stopped server and checks the promises Heddle
makes: each job exists once and has something to wait for, its history has no gaps and
replaying it gives the job, each result counted once, nothing started after the end, parents
and children agree, nothing is left behind, and statistics equal a recount. They are listed
as INV-1 to INV-9.

With --fix it repairs what follows from the jobs: index fields and the documents of task
runs are written anew, and what belongs to no job is deleted. What a job says is never
changed. Make a copy of the data folder first.

After a server was killed, news from a child job may still be on the bus; it is reported as
INV-7 and is gone once a server has run again.

Exit codes: 0 nothing is wrong, 20 findings are left, 2 wrong usage or no readable store.`,
		Example: `  heddle doctor
  heddle doctor --data-dir /var/lib/heddle --fix
  heddle doctor --json | jq '.findings[] | select(.invariant == "INV-2")'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.doctor(cmd.Context(), data, fix, asJSON) },
	}
	flags := cmd.Flags()
	flags.StringVar(&data, "data-dir", "heddle-data", "`folder` of the store")
	flags.BoolVar(&fix, "fix", false, "repair what can be repaired without guessing")
	flags.BoolVar(&asJSON, "json", false, "print a JSON report")
	return cmd
}

func (c *console) doctor(ctx context.Context, data string, fix, asJSON bool) (err error) {
	began := time.Now()
	s, err := stopped(ctx, data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	report, err := doctor.Check(ctx, doctor.Options{
		Store: s, Library: library.New(library.Options{Store: s, Catalog: builtin.Catalog()}), Fix: fix, Progress: c.progress(2 * time.Second),
	})
	if err != nil {
		return err
	}
	if asJSON {
		encoder := json.NewEncoder(c.out)
		encoder.SetEscapeHTML(false)
		err = encoder.Encode(report)
	} else {
		c.diagnosis(report, time.Since(began))
	}
	if err == nil && !report.Clean() {
		err = exit(exitError)
	}
	return err
}

// stopped opens the store of a data folder that no server uses.
func stopped(ctx context.Context, data string) (*sqlitestore.Store, error) {
	file := filepath.Join(data, "heddle.db")
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("--data-dir: there is no store %s", file)
	}
	s, err := sqlitestore.Open(ctx, file, sqlitestore.Options{})
	if errors.Is(err, store.ErrLocked) {
		return nil, fmt.Errorf("--data-dir: a server has the store in %s open; stop it first", data)
	}
	return s, err
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
