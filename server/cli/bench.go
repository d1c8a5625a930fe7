package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime/pprof"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heddlehq/heddle/server/bench"
	"github.com/heddlehq/heddle/server/system"
)

func newBench(c *console) *cobra.Command {
	var o bench.Options
	var nats []string
	var memory bool
	var store, profile string
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure how fast this machine runs jobs",
		Long: `Bench starts a whole Heddle in this process, with a throw-away store, a bus and a worker
that does nothing, runs jobs on it and prints one line of JSON. Tasks go over the bus.

  linear   10 tasks in a row
  fanout   100 tasks at once, and a join
  child    100 child jobs of 3 tasks each, at once
  start    accepted starts of jobs of one task; the worker begins after the last one`,
		Example: `  heddle bench --workload linear --n 1000 --concurrency 64
  heddle bench --workload linear --n 100 --concurrency 1
  heddle bench --workload linear --finished 1000000 --waiting 10000    # on a store that has seen years
  heddle bench --store mongodb://127.0.0.1/bench --nats nats://127.0.0.1:4222`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Finished < 0 || o.Waiting < 0 {
				return fmt.Errorf("--finished and --waiting must not be negative")
			}
			if o.N < 1 || o.Concurrency < 1 {
				return fmt.Errorf("--n and --concurrency must be at least 1")
			}
			return c.bench(cmd.Context(), o, store, nats, memory, profile)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Workload, "workload", "linear", "what to measure: "+strings.Join(bench.Workloads, ", "))
	flags.IntVar(&o.N, "n", 1000, "jobs to run")
	flags.IntVar(&o.Concurrency, "concurrency", 64, "jobs under way at once")
	flags.IntVar(&o.Finished, "finished", 0, "finished jobs that are in the store before")
	flags.IntVar(&o.Waiting, "waiting", 0, "jobs that wait for timers and people all the while")
	flags.StringVar(&store, "store", "", "mongodb:// `address` instead of the embedded store; a database to throw away. Needs --nats")
	flags.StringSliceVar(&nats, "nats", nil, "`URLs` of a NATS cluster instead of the bus in the process")
	flags.BoolVar(&memory, "memory", false, "keep everything in memory: fast, but nothing survives")
	flags.StringVar(&profile, "cpuprofile", "", "write a CPU profile to a `file`")
	return cmd
}

func (c *console) bench(ctx context.Context, o bench.Options, store string, nats []string, memory bool, profile string) error {
	tuneMemory()
	config := system.Config{Store: store, NATS: nats, BusListen: "off"}
	if !memory {
		dir, err := os.MkdirTemp("", "heddle-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		config.Data = dir
	}
	s, err := system.Open(ctx, config)
	if err != nil {
		return err
	}
	defer s.Close()
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	report, err := bench.Run(ctx, s, o)
	if err != nil {
		return err
	}
	return json.NewEncoder(c.out).Encode(report)
}
