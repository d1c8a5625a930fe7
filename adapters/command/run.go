package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows/value"
)

// folder is the working folder of a program.
type folder string

// newFolder makes a working folder with files in it.
func (h *host) newFolder(files map[string]string) (folder, error) {
	for name := range files {
		if name != filepath.Base(name) || !filepath.IsLocal(name) {
			return "", network.Wrong("/files/%s must be the name of a file, without a path", value.EscapePointer(name))
		}
	}
	dir, err := os.MkdirTemp(h.Folder, "heddle-")
	if err != nil {
		return "", &adapters.Error{Class: engine.ClassInternal, Text: "make a working folder: " + err.Error(), Retryable: new(true)}
	}
	f := folder(dir)
	for name, text := range files {
		if err := f.write(name, []byte(text)); err != nil {
			return "", errors.Join(err, os.RemoveAll(dir))
		}
	}
	return f, nil
}

func (f folder) path(name string) string { return filepath.Join(string(f), name) }

func (f folder) write(name string, data []byte) error {
	if err := os.WriteFile(f.path(name), data, 0o600); err != nil {
		return &adapters.Error{Class: engine.ClassInternal, Text: "write to the working folder: " + err.Error(), Retryable: new(true)}
	}
	return nil
}

func (f folder) remove(call *adapters.Call) {
	if err := os.RemoveAll(string(f)); err != nil {
		call.Log(slog.LevelWarn, "the working folder stays behind", "err", err.Error())
	}
}

// job is a program to run.
type job struct {
	path      string
	args      []string
	stdin     string
	variables map[string]string
	folder    folder
	seconds   int
}

// ending is how a program ended.
type ending struct {
	code           int
	stdout, stderr string
}

// shown is how much of an output an error carries.
const shown = 4096

func (e ending) details() value.Value {
	tail := func(s string) value.Value { return value.String(s[max(0, len(s)-shown):]) }
	return value.Object("exitCode", value.Int(int64(e.code)), "stdout", tail(e.stdout), "stderr", tail(e.stderr))
}

// grace is how long a program that is told to end may take.
const grace = 3 * time.Second

var errTooMuch = errors.New("the program writes too much")

// start runs a program to its end. The error says that it did not come to one by itself.
func (h *host) start(ctx context.Context, call *adapters.Call, j job) (ending, error) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return ending{}, ctx.Err()
	}
	seconds := h.TimeoutSeconds
	if j.seconds > 0 {
		seconds = min(seconds, j.seconds)
	}
	limited, stop := context.WithTimeout(ctx, time.Duration(seconds)*time.Second)
	defer stop()
	limited, tooMuch := context.WithCancelCause(limited)
	defer tooMuch(nil)
	stdout, stderr := &lines{call: call, most: h.MaxBytes, over: tooMuch}, &lines{call: call, most: h.MaxBytes, over: tooMuch}
	cmd := exec.CommandContext(limited, j.path, j.args...)
	cmd.Dir, cmd.Env = string(j.folder), h.environment(call, j)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(j.stdin), stdout, stderr
	cmd.WaitDelay = grace
	alone(cmd)
	if err := cmd.Start(); err != nil {
		return ending{}, &adapters.Error{Class: engine.ClassInternal, Text: "start the program: " + err.Error(), Retryable: new(bool)}
	}
	err := cmd.Wait()
	killAll(cmd) // what it has started and left behind
	end := ending{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
	_, exited := errors.AsType[*exec.ExitError](err)
	switch {
	case ctx.Err() != nil:
		return end, ctx.Err()
	case context.Cause(limited) == errTooMuch:
		return end, &adapters.Error{
			Class: engine.ClassLimit, Text: fmt.Sprintf("%s wrote more than %d bytes, /maxBytes of the adapter instance", filepath.Base(j.path), h.MaxBytes),
			Retryable: new(bool), Details: end.details(),
		}
	case limited.Err() != nil:
		return end, &adapters.Error{Class: engine.ClassRun, Text: fmt.Sprintf("%s took longer than %d s", filepath.Base(j.path), seconds), Details: end.details()}
	case err != nil && end.code < 0:
		return end, &adapters.Error{Class: ClassExit, Text: fmt.Sprintf("%s was ended: %s", filepath.Base(j.path), cmd.ProcessState), Details: end.details()}
	case err != nil && !exited && !errors.Is(err, exec.ErrWaitDelay):
		return end, &adapters.Error{Class: engine.ClassInternal, Text: "run the program: " + err.Error(), Details: end.details()}
	}
	return end, nil
}

// environment is all that a program knows of the world, with the task it works for.
func (h *host) environment(call *adapters.Call, j job) []string {
	all := map[string]string{}
	for _, name := range h.Environment {
		if text, ok := os.LookupEnv(name); ok {
			all[name] = text
		}
	}
	for name, text := range h.Variables {
		all[name] = text
	}
	for name, text := range j.variables {
		all[name] = text
	}
	all["HOME"], all["TMPDIR"] = string(j.folder), string(j.folder)
	all["HEDDLE_JOB"], all["HEDDLE_TASK"], all["HEDDLE_KEY"] = call.Order.Job, call.Order.Task, call.Order.Key
	var out []string
	for name, text := range all {
		out = append(out, name+"="+text)
	}
	slices.Sort(out)
	return out
}

// lines is an output of a program: its lines show how far it is.
type lines struct {
	call *adapters.Call
	most int
	over context.CancelCauseFunc
	all  []byte
	seen int // where the line begins that is not complete
}

// Write takes a part of the output.
func (l *lines) Write(p []byte) (int, error) {
	if room := l.most - len(l.all); len(p) > room {
		l.all = append(l.all, p[:room]...)
		l.over(errTooMuch)
		return room, errTooMuch
	}
	l.all = append(l.all, p...)
	if end := strings.LastIndexByte(string(p), '\n'); end >= 0 {
		end += len(l.all) - len(p)
		text := strings.TrimRight(string(l.all[l.seen:end]), "\r\n")
		l.seen = end + 1
		line := text[strings.LastIndexByte(text, '\n')+1:]
		l.call.Progress(percent(line), line)
	}
	return len(p), nil
}

// String is the output so far, with what is no text replaced.
func (l *lines) String() string { return strings.ToValidUTF8(string(l.all), "\uFFFD") }

// percent is the last percentage a line names; 0 without one.
func percent(line string) float64 {
	end := strings.LastIndexByte(line, '%')
	if end < 1 {
		return 0
	}
	from := end
	for from > 0 && (line[from-1] >= '0' && line[from-1] <= '9' || line[from-1] == '.') {
		from--
	}
	n, err := strconv.ParseFloat(line[from:end], 64)
	if err != nil {
		return 0
	}
	return n
}
