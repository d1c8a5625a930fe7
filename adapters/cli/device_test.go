package cli_test

import (
	"fmt"
	"strings"
	"sync"

	"github.com/heddlehq/heddle/adapters/devices/devicetest"
)

// router is a device that holds a configuration, on one of several platforms.
type router struct {
	mu        sync.Mutex
	running   []string
	candidate []string
	saved     int
	heard     []string
	secret    string // the enable password; "" asks for none
	noCommit  bool   // a commit is turned down
}

func (r *router) lines() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.running, ";")
}

func (r *router) commands() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.heard, ";")
}

// platform is what distinguishes the command lines.
type platform struct {
	prompts   map[string]string
	start     string
	bad       string // what it says to what it does not know
	enter     string // prefix of the command that enters the configuration mode
	exit      string
	diff      string
	commit    string
	stays     bool // in the configuration mode after a commit or a discard
	discard   string
	candidate bool
	save      string
}

var platforms = map[string]platform{
	"cisco_iosxe": {
		prompts: map[string]string{"exec": "core-1>", "enable": "core-1#", "config": "core-1(config)#"}, start: "exec",
		bad: "% Invalid input detected at '^' marker.", enter: "configure terminal", exit: "end", save: "write memory",
	},
	"cisco_asa": {
		prompts: map[string]string{"exec": "fw/act> ", "enable": "fw/act# ", "config": "fw/act(config)# "}, start: "exec",
		bad: "ERROR: % Invalid input detected at '^' marker.", enter: "configure terminal", exit: "end", save: "write memory",
	},
	"cisco_nxos": {
		prompts: map[string]string{"enable": "nx-1# ", "config": "nx-1(config)# "}, start: "enable",
		bad: "% Invalid command at '^' marker.", enter: "configure terminal", exit: "end", save: "copy running-config startup-config",
	},
	"cisco_iosxr": {
		prompts: map[string]string{"enable": "RP/0/RP0/CPU0:xr-1#", "config": "RP/0/RP0/CPU0:xr-1(config)#"}, start: "enable",
		bad: "% Invalid input detected at '^' marker.", enter: "configure terminal", exit: "end", diff: "show commit changes diff",
		commit: "commit", stays: true, discard: "abort", candidate: true,
	},
	"arista_eos": {
		prompts: map[string]string{"enable": "eos-1#", "config": "eos-1(config-s-heddle)#"}, start: "enable",
		bad: "% Invalid input", enter: "configure session heddle-", exit: "end", diff: "show session-config diffs", commit: "commit", discard: "abort",
		candidate: true, save: "write memory",
	},
	"juniper_junos": {
		prompts: map[string]string{"enable": "ada@jun-1> ", "config": "[edit]\nada@jun-1# "}, start: "enable",
		bad: "syntax error, expecting <command>.", enter: "configure exclusive", exit: "exit configuration-mode", diff: "show | compare",
		commit: "commit", stays: true, discard: "rollback 0", candidate: true,
	},
}

// shell is the command line of the router on a platform.
func (r *router) shell(p platform, more func(t *devicetest.Terminal, line string) bool) func(*devicetest.Terminal) {
	c := devicetest.CLI{Start: p.start, Prompts: p.prompts, Answer: func(t *devicetest.Terminal, mode, line string) string {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.heard = append(r.heard, line)
		switch {
		case more != nil && more(t, line):
		case line == "enable" && mode == "exec":
			if r.secret != "" {
				t.Print("Password: ")
				if given, _ := t.Line(false); given != r.secret {
					t.Print("%% Access denied\n")
					return mode
				}
			}
			return "enable"
		case line == "show version":
			t.Print("Version 17.3\nuptime: 3 days\n")
		case line == "show banner": // with a line that looks like a prompt
			t.Print("banner\ncore-2#\nend of banner\n")
		case strings.HasPrefix(line, "terminal "), strings.HasPrefix(line, "set cli "):
		case mode != "config" && strings.HasPrefix(line, p.enter):
			r.candidate = nil
			return "config"
		case mode != "config" && line == p.save:
			r.saved++
		case mode != "config":
			t.Print("%s\n", p.bad)
		case line == p.exit:
			return "enable"
		case strings.HasPrefix(line, "bogus"):
			t.Print("%s\n", p.bad)
		case !p.candidate:
			r.running = append(r.running, strings.TrimSpace(line))
		case line == p.diff:
			t.Print("+ %s\n", strings.Join(r.candidate, "\n+ "))
		case line == p.commit && r.noCommit:
			t.Print("%% Failed to commit one or more configuration items\nerror: commit failed\n%% Cannot commit\n")
		case line == p.commit:
			r.running, r.candidate = append(r.running, r.candidate...), nil
			return r.after(p)
		case line == p.discard:
			r.candidate = nil
			return r.after(p)
		default:
			r.candidate = append(r.candidate, strings.TrimSpace(line))
		}
		return mode
	}}
	return c.Shell
}

func (r *router) after(p platform) string {
	if p.stays {
		return "config"
	}
	return "enable"
}

// interfaces is an output with so many lines.
func interfaces(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "Ethernet%d is up, line protocol is up\n", i)
	}
	return b.String()
}
