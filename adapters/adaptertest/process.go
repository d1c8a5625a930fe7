package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/heddlehq/heddle/engine/bus"
)

// Process is an adapter that is a program. Its methods are the Run and Signal of a [Target].
type Process struct {
	Command []string // "{url}" in an argument becomes URL
	URL     string   // of the bus; the program also finds it as HEDDLE_BUS_URL
	Output  io.Writer

	mu  sync.Mutex
	cmd *exec.Cmd
}

// ending is how long a program may take to end after it was told to.
const ending = 12 * time.Second

// Run starts the program and, once ctx ends, tells it to end by SIGTERM, as service managers do.
func (p *Process) Run(ctx context.Context, _ bus.Bus) error {
	if len(p.Command) == 0 {
		return errors.New("there is no command to run")
	}
	args := make([]string, len(p.Command))
	for i, a := range p.Command {
		args[i] = strings.ReplaceAll(a, "{url}", p.URL)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "HEDDLE_BUS_URL="+p.URL)
	cmd.Stdout, cmd.Stderr = p.Output, p.Output
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = ending
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the adapter: %w", err)
	}
	p.mu.Lock()
	p.cmd = cmd
	p.mu.Unlock()
	err := cmd.Wait()
	if ctx.Err() != nil && cmd.ProcessState.Success() {
		return nil // it was told to end and did so well
	}
	if err == nil && ctx.Err() == nil {
		return errors.New("the adapter ended by itself")
	}
	return err
}

// Signal sends a signal to the program.
func (p *Process) Signal(s os.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return errors.New("the adapter does not run")
	}
	return p.cmd.Process.Signal(s)
}
