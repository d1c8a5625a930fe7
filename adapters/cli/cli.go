// Package cli is an adapter for the command lines of network devices, over SSH. An instance is an
// inventory of devices:
//
//	{
//	  "knownHosts": "10.0.0.1 ssh-ed25519 AAAAC3Nza...",
//	  "defaults": {"user": "heddle", "password": "$secret.network", "platform": "cisco_iosxe"},
//	  "devices": {
//	    "core-1": {"host": "10.0.0.1", "groups": ["core"]},
//	    "edge-1": {"host": "10.0.0.2", "platform": "juniper_junos", "fingerprint": "SHA256:..."}
//	  }
//	}
//
// A task names devices or groups; each gets its own result. Where the platform has a candidate
// configuration, what is configured is shown as a difference and committed as a whole or not at all.
package cli

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/devices"
	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/engine/builtin"
	"github.com/heddlehq/heddle/workflows/value"
)

// App is how tasks name the adapter.
const App = "Cli"

// port is where SSH is.
const port = 22

// Kind is the adapter.
func Kind() *adapters.Kind {
	return &adapters.Kind{
		App: App, Version: "1.0.0", Summary: "Sends commands and configuration to network devices over SSH.", Config: adapters.SchemaOf[devices.Config](),
		Open: func(_ context.Context, i adapters.Instance) (any, error) { return open(i.Config) },
		Methods: []adapters.Spec{
			adapters.Method("check", check).Says("Logs in to devices and out again.").ReadOnly().MayWarn(),
			adapters.Method("configure", configure).Says("Sends configuration lines to devices; all or nothing where the platform can.").MayWarn(),
			adapters.Method("send", send).Says("Sends commands to devices, one after the other.").MayWarn(),
			adapters.Method("show", show).Says("Reads from devices by show commands.").ReadOnly().MayWarn(),
		},
	}
}

// open checks the configuration of an instance.
func open(config value.Value) (*devices.Network, error) {
	var c devices.Config
	if err := config.Decode(&c); err != nil {
		return nil, network.Wrong("%v", err)
	}
	n, err := devices.Open(c, port)
	if err != nil {
		return nil, err
	}
	check := func(where string, d devices.Device) error {
		if d.Platform != "" && !known(d.Platform) {
			return network.Wrong("%s/platform must be one of %s, not %q", where, strings.Join(Platforms(), ", "), d.Platform)
		}
		if _, err := regexp.Compile(d.Prompt); err != nil {
			return network.Wrong("%s/prompt is not a pattern: %v", where, err)
		}
		return nil
	}
	if err := check("/defaults", c.Defaults); err != nil {
		return nil, err
	}
	for name, d := range c.Devices {
		if err := check("/devices/"+name, d); err != nil {
			return nil, err
		}
		if d.Platform == "" && c.Defaults.Platform == "" {
			return nil, network.Wrong("/devices/%s/platform must be given, there or in /defaults", name)
		}
	}
	return n, nil
}

type targets struct {
	Devices        []string `json:"devices,omitempty" doc:"names of devices, or addresses that the instance allows"`
	Groups         []string `json:"groups,omitempty" doc:"names of groups of devices"`
	TimeoutSeconds int      `json:"timeoutSeconds,omitempty" doc:"of one command; the instance's unless given"`
}

type commands struct {
	targets
	Commands  []string          `json:"commands" doc:"what to send, one command each"`
	Templates map[string]string `json:"templates,omitempty" doc:"TextFSM templates by command, to read its output into records"`
}

// Output is what a device said to a command.
type Output struct {
	Command  string      `json:"command"`
	Output   string      `json:"output"`
	Rejected string      `json:"rejected,omitempty"` // the words by which the device turned the command down
	Records  value.Value `json:"records,omitzero"`   // the output as a template reads it
}

// Answer is the result of one device.
type Answer struct {
	Device  string           `json:"device"`
	Host    string           `json:"host"`
	Success bool             `json:"success"`
	Outputs []Output         `json:"outputs,omitempty"`
	Error   *devices.Problem `json:"error,omitempty"`
}

type answers struct {
	Results []Answer `json:"results"`
}

// on does the work on each device and puts the results together.
func (t *targets) on(ctx context.Context, call *adapters.Call, do func(ctx context.Context, s *session, a *Answer) error) (answers, error) {
	n := adapters.Client[*devices.Network](call)
	found, err := n.Targets(t.Devices, t.Groups)
	if err != nil {
		return answers{}, err
	}
	out := answers{make([]Answer, len(found))}
	errs := n.Each(ctx, call, found, func(ctx context.Context, i int) error {
		return t.one(ctx, n, found[i], func(s *session) error { return do(ctx, s, &out.Results[i]) })
	})
	for i, err := range errs {
		a := &out.Results[i]
		a.Device, a.Host, a.Success, a.Error = found[i].Name, found[i].Host, err == nil, devices.ProblemOf(err)
	}
	return out, devices.Ending(ctx, found, errs, out.Results)
}

func (t *targets) one(ctx context.Context, n *devices.Network, target devices.Target, do func(s *session) error) error {
	s, err := login(ctx, n, target, n.Timeout(t.TimeoutSeconds))
	if err != nil {
		return err
	}
	defer s.close()
	return do(s)
}

func check(ctx context.Context, call *adapters.Call, in targets) (answers, error) {
	return in.on(ctx, call, func(context.Context, *session, *Answer) error { return nil })
}

func show(ctx context.Context, call *adapters.Call, in commands) (answers, error) {
	for i, c := range in.Commands {
		if err := onlyShows(c); err != nil {
			return answers{}, network.Wrong("/commands/%d %v; send takes any command", i, err)
		}
	}
	return in.send(ctx, call)
}

func send(ctx context.Context, call *adapters.Call, in commands) (answers, error) {
	return in.send(ctx, call)
}

// send sends the commands to each device. One that is turned down does not keep the next from being sent.
func (in *commands) send(ctx context.Context, call *adapters.Call) (answers, error) {
	if len(in.Commands) == 0 {
		return answers{}, network.Wrong("/commands must not be empty")
	}
	for i, c := range in.Commands {
		if err := oneLine(c); err != nil {
			return answers{}, network.Wrong("/commands/%d %v", i, err)
		}
	}
	for c, template := range in.Templates {
		if !slices.Contains(in.Commands, c) {
			return answers{}, network.Wrong("/templates names %q, which is no command of /commands", c)
		}
		if _, err := builtin.ReadTextFSM(template, ""); err != nil {
			return answers{}, network.Wrong("/templates/%s: %v", value.EscapePointer(c), err)
		}
	}
	return in.on(ctx, call, func(ctx context.Context, s *session, a *Answer) error {
		var rejected []string
		for _, c := range in.Commands {
			out, err := s.run(ctx, c)
			if err != nil {
				return err
			}
			if out.Rejected != "" {
				rejected = append(rejected, fmt.Sprintf("%q: %s", c, out.Rejected))
			} else if template, ok := in.Templates[c]; ok {
				if out.Records, err = builtin.ReadTextFSM(template, out.Output); err != nil {
					rejected = append(rejected, fmt.Sprintf("the output of %q does not fit the template: %v", c, err))
				}
			}
			a.Outputs = append(a.Outputs, out)
		}
		if rejected != nil {
			return &adapters.Error{Class: adapters.ClassRemote, Text: strings.Join(rejected, "; "), Retryable: new(bool)}
		}
		return nil
	})
}
