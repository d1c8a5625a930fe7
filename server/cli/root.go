// Package cli is the command line of Heddle: one file a command, registered in a table.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The exit codes. How a job ended is told by the first five.
const (
	exitComplete = 0
	exitWarnings = 10 // complete, with warnings
	exitError    = 20
	exitBlocked  = 30 // blocked, or waiting for what does not come
	exitCanceled = 40
	exitDenied   = 3 // the server does not know the caller, or refuses the right
	exitUsage    = 2 // the command line or a document cannot be used
)

// console is what a command reads and writes.
type console struct {
	in       io.Reader
	out, err io.Writer
}

// commands are the constructors of all commands, in the order that help lists them.
var commands = []func(*console) *cobra.Command{
	newServe,
	newRun,
	newValidate,
	newLogin,
	newImport,
	newExport,
	newJob,
	newTask,
	newApply,
	newAPI,
	newInvoke,
	newSteps,
	newAdapter,
	newSecret,
	newServer,
	newQuarantine,
	newAudit,
	newKey,
	newToken,
	newDoctor,
	newBench,
}

func init() { cobra.EnableCommandSorting = false }

// exit is an error that only carries an exit code; what there is to say has been said.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// Main runs the command line that args, without the program's name, say, and gives the exit
// code. It returns early when the process is told to stop.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot(&console{in: stdin, out: stdout, err: stderr})
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if code, ok := errors.AsType[exit](err); ok {
		return int(code)
	}
	if err != nil {
		fmt.Fprintln(stderr, "heddle:", err)
		return exitUsage
	}
	return exitComplete
}

func newRoot(c *console) *cobra.Command {
	root := &cobra.Command{
		Use:   "heddle",
		Short: "Run workflows of network, IT and identity automation",
		Long: `Heddle runs workflows: JSON graphs of tasks joined by success, failure and error
transitions. Every flag can also be set by an environment variable: --data-dir by
HEDDLE_DATA_DIR, and so on; the command line wins.`,
		SilenceUsage:      true,
		SilenceErrors:     true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return fromEnvironment(cmd.Flags(), os.LookupEnv) },
	}
	root.SetIn(c.in)
	root.SetOut(c.out)
	root.SetErr(c.err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; %s --help tells more", err, cmd.CommandPath())
	})
	for _, command := range commands {
		root.AddCommand(command(c))
	}
	return root
}

// fromEnvironment sets every flag that the command line leaves alone and the environment
// knows, and reports all values that cannot be.
func fromEnvironment(flags *pflag.FlagSet, lookup func(string) (string, bool)) error {
	var wrong []error
	flags.VisitAll(func(f *pflag.Flag) {
		name := "HEDDLE_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		v, ok := lookup(name)
		if !ok || f.Changed || f.Name == "help" {
			return
		}
		if err := flags.Set(f.Name, v); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
		}
	})
	return errors.Join(wrong...)
}
