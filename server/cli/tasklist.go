package cli

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/heddlehq/heddle/engine/simulation"
	"github.com/heddlehq/heddle/workflows"
)

// taskList shows the tasks of a job: on a terminal a line for each that ended and below them
// what is at work now, elsewhere a line for everything that happened.
type taskList struct {
	out  io.Writer
	live bool
	busy []busyTask
	last bool // the line of what is at work stands
}

type busyTask struct{ job, task, name string }

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// Control sequences of terminals.
const (
	eraseLine = "\r\x1b[2K"
	dim       = "\x1b[2m"
	green     = "\x1b[32m"
	yellow    = "\x1b[33m"
	red       = "\x1b[31m"
	plain     = "\x1b[0m"
)

func (l *taskList) show(line simulation.Line) {
	what, color := string(line.Mark), dim
	switch line.State {
	case workflows.Success:
		color = green
	case workflows.Failure, workflows.Blocked:
		color = yellow
	case workflows.Failed:
		color = red
	}
	if line.State != "" {
		what = string(line.State)
	}
	name := line.Task + " " + line.Name
	if line.Iteration > 1 {
		name += fmt.Sprintf(" (%d)", line.Iteration)
	}
	if line.Job != "" {
		name = "└ " + name
	}
	at := (time.Duration(line.T) * time.Millisecond).String()
	if !l.live {
		fmt.Fprintf(l.out, "%10s  %-8s %s\n", at, what, name)
		return
	}
	l.busy = slices.DeleteFunc(l.busy, func(b busyTask) bool { return b.job == line.Job && b.task == line.Task })
	if line.Mark == simulation.Started {
		l.busy = append(l.busy, busyTask{line.Job, line.Task, name})
	} else {
		l.erase()
		fmt.Fprintf(l.out, "%s%10s%s  %s%-8s%s %s\n", dim, at, plain, color, what, plain, name)
	}
	l.footer()
}

// footer names what is at work, as far as a line holds it.
func (l *taskList) footer() {
	l.erase()
	if len(l.busy) == 0 {
		return
	}
	names := make([]string, len(l.busy))
	for i, b := range l.busy {
		names[i] = b.name
	}
	text := []rune("at work: " + strings.Join(names, ", "))
	fmt.Fprint(l.out, dim, string(text[:min(len(text), 79)]), plain)
	l.last = true
}

func (l *taskList) erase() {
	if l.last {
		fmt.Fprint(l.out, eraseLine)
		l.last = false
	}
}

// close leaves the terminal as it should be.
func (l *taskList) close() { l.erase() }
