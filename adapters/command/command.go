// Package command is an adapter for programs of the machine it runs on. An instance lists the
// programs that may be run; tasks choose one by name and give its arguments as a list. There is
// no shell.
//
//	{
//	  "programs": {
//	    "ping":   {"path": "/usr/bin/ping", "args": ["-c", "3"], "allow": ["[a-z0-9.-]+"]},
//	    "backup": {"path": "/opt/tools/backup", "failureCodes": [3]}
//	  },
//	  "variables": {"BACKUP_TOKEN": "$secret.backup"},
//	  "ansible": {"path": "/usr/bin/ansible-playbook", "folder": "/srv/playbooks"}
//	}
//
// A program has a working folder of its own, which is its HOME, too, and goes away with it, and no
// variables but those that the instance allows. When its time is over or the task is canceled, it
// and all that it started are told to end, and killed if they do not.
package command

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// App is how tasks name the adapter.
const App = "Command"

// ClassExit is the class of errors of programs that end with a code other than 0.
const ClassExit = "exit"

// Config is the configuration of an instance.
type Config struct {
	Programs       map[string]Program `json:"programs,omitempty" doc:"the programs that may be run, by the names that tasks use"`
	Ansible        *Ansible           `json:"ansible,omitempty" doc:"for playbooks"`
	Folder         string             `json:"folder,omitempty" doc:"where working folders are made; the system's folder for temporary files unless given"`
	Environment    []string           `json:"environment,omitempty" doc:"names of variables that programs inherit from Heddle; LANG, LC_ALL, PATH and TZ unless given"`
	Variables      map[string]string  `json:"variables,omitempty" doc:"further variables of all programs"`
	TimeoutSeconds int                `json:"timeoutSeconds,omitempty" doc:"how long a program may run; 600 unless given, 86400 at most"`
	MaxBytes       int                `json:"maxBytes,omitempty" doc:"how much a program may write to each of its outputs; 1 MiB unless given, 16 MiB at most"`
	Parallel       int                `json:"parallel,omitempty" doc:"how many programs run at once; 10 unless given, 200 at most"`
}

// Program is a program that may be run.
type Program struct {
	Path         string   `json:"path" doc:"whole path of the program"`
	Args         []string `json:"args,omitempty" doc:"arguments that go before those of the task"`
	Allow        []string `json:"allow,omitempty" doc:"patterns; each argument of a task must match one as a whole. Without any, all are taken"`
	Variables    []string `json:"variables,omitempty" doc:"names of variables that tasks may set"`
	FailureCodes []int    `json:"failureCodes,omitempty" doc:"codes by which the program says no: the task ends in failure, not in error"`
}

// Kind is the adapter.
func Kind() *adapters.Kind {
	return &adapters.Kind{
		App: App, Version: "1.0.0", Summary: "Runs programs and Ansible playbooks.", Config: adapters.SchemaOf[Config](),
		Open: func(_ context.Context, i adapters.Instance) (any, error) { return open(i.Config) },
		Methods: []adapters.Spec{
			adapters.Method("ansiblePlaybook", ansiblePlaybook).Says("Runs an Ansible playbook.").MayWarn(),
			adapters.Method("run", run).Says("Runs a program.").MayWarn(),
		},
	}
}

// Bounds of what an instance may set and a task may ask for.
const (
	maxTimeout   = 86400
	maxSize      = 16 << 20
	maxParallel  = 200
	maxArguments = 1000
	maxText      = 128 << 10 // of all arguments together
)

// host is what the calls of an instance share.
type host struct {
	Config
	allow map[string][]*regexp.Regexp
	slots chan struct{}
}

func open(config value.Value) (*host, error) {
	h := &host{allow: map[string][]*regexp.Regexp{}}
	if err := config.Decode(&h.Config); err != nil {
		return nil, network.Wrong("%v", err)
	}
	var err error
	if h.MaxBytes, err = network.Bounds("/maxBytes", h.MaxBytes, 1<<20, maxSize); err != nil {
		return nil, err
	}
	if h.Parallel, err = network.Bounds("/parallel", h.Parallel, 10, maxParallel); err != nil {
		return nil, err
	}
	if h.TimeoutSeconds, err = network.Bounds("/timeoutSeconds", h.TimeoutSeconds, 600, maxTimeout); err != nil {
		return nil, err
	}
	if h.Environment == nil {
		h.Environment = []string{"LANG", "LC_ALL", "PATH", "TZ"}
	}
	for _, name := range slices.Sorted(maps.Keys(h.Programs)) {
		p, where := h.Programs[name], "/programs/"+value.EscapePointer(name)
		if err := checkProgram(where+"/path", p.Path); err != nil {
			return nil, err
		}
		for i, text := range p.Allow {
			re, err := regexp.Compile(`\A(?:` + text + `)\z`)
			if err != nil {
				return nil, network.Wrong("%s/allow/%d is not a pattern: %v", where, i, err)
			}
			h.allow[name] = append(h.allow[name], re)
		}
	}
	if h.Ansible != nil {
		if err := h.Ansible.check(); err != nil {
			return nil, err
		}
	}
	h.slots = make(chan struct{}, h.Parallel)
	return h, nil
}

// checkProgram checks that a path leads to a program.
func checkProgram(where, path string) error {
	if !filepath.IsAbs(path) {
		return network.Wrong("%s must be a whole path, not %q", where, path)
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return network.Wrong("%s: %v", where, err)
	case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
		return network.Wrong("%s: %s is not a program", where, path)
	}
	return nil
}

type input struct {
	Program        string            `json:"program" doc:"name of the program, as the instance calls it"`
	Args           []string          `json:"args,omitempty" doc:"its arguments"`
	Stdin          string            `json:"stdin,omitempty" doc:"what it reads from its input"`
	Variables      map[string]string `json:"variables,omitempty" doc:"variables that the instance lets tasks set"`
	Files          map[string]string `json:"files,omitempty" doc:"files of its working folder, by name"`
	JSON           bool              `json:"json,omitempty" doc:"read what it writes to its output as JSON"`
	TimeoutSeconds int               `json:"timeoutSeconds,omitempty" doc:"how long it may run, up to what the instance allows"`
}

type output struct {
	ExitCode int         `json:"exitCode"`
	Stdout   string      `json:"stdout" doc:"what the program wrote to its output"`
	Stderr   string      `json:"stderr" doc:"what it wrote to its error output"`
	Value    value.Value `json:"value,omitzero" doc:"its output, read as JSON"`
}

func run(ctx context.Context, call *adapters.Call, in input) (output, error) {
	h := adapters.Client[*host](call)
	p, ok := h.Programs[in.Program]
	if !ok {
		return output{}, network.Wrong("/program must be one of %s, not %q", strings.Join(slices.Sorted(maps.Keys(h.Programs)), ", "), in.Program)
	}
	if err := h.checkArguments(in); err != nil {
		return output{}, err
	}
	variables := map[string]string{}
	for name, text := range in.Variables {
		if !slices.Contains(p.Variables, name) {
			return output{}, network.Wrong("/variables/%s may not be set by tasks", value.EscapePointer(name))
		}
		variables[name] = text
	}
	folder, err := h.newFolder(in.Files)
	if err != nil {
		return output{}, err
	}
	defer folder.remove(call)
	end, err := h.start(ctx, call, job{
		path: p.Path, args: slices.Concat(p.Args, in.Args), stdin: in.Stdin, variables: variables, folder: folder, seconds: in.TimeoutSeconds,
	})
	if err != nil {
		return output{}, err
	}
	out := output{ExitCode: end.code, Stdout: end.stdout, Stderr: end.stderr}
	if end.code != 0 {
		e := &adapters.Error{Class: ClassExit, Text: fmt.Sprintf("%s ended with code %d: %s", in.Program, end.code, lastLine(end)), Details: end.details()}
		if slices.Contains(p.FailureCodes, end.code) {
			e.State = workflows.Failure
		}
		return out, e
	}
	if in.JSON {
		if out.Value, err = value.Parse([]byte(end.stdout)); err != nil {
			return out, &adapters.Error{Text: fmt.Sprintf("the output of %s is not JSON: %v", in.Program, err), Retryable: new(bool), Details: end.details()}
		}
	}
	return out, nil
}

func (h *host) checkArguments(in input) error {
	if len(in.Args) > maxArguments {
		return network.Wrong("/args must not be more than %d, not %d", maxArguments, len(in.Args))
	}
	size := 0
	for i, a := range in.Args {
		size += len(a)
		allowed := h.allow[in.Program]
		switch {
		case strings.ContainsRune(a, 0):
			return network.Wrong("/args/%d must not contain a zero byte", i)
		case size > maxText:
			return network.Wrong("/args must not be longer than %d bytes", maxText)
		case allowed != nil && !slices.ContainsFunc(allowed, func(re *regexp.Regexp) bool { return re.MatchString(a) }):
			return network.Wrong("/args/%d, %q, is not allowed for %s", i, a, in.Program)
		}
	}
	return nil
}

// lastLine is the last thing a program said, its error output first.
func lastLine(e ending) string {
	for _, text := range []string{e.stderr, e.stdout} {
		if text = strings.TrimSpace(text); text != "" {
			return text[strings.LastIndexByte(text, '\n')+1:]
		}
	}
	return "it said nothing"
}
