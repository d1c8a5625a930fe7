package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/devices"
	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/workflows/value"
)

// AppGateway is how workflows written for Itential Automation Gateway name their device tasks.
const AppGateway = "AGManager"

// Gateway is the adapter for workflows written for Itential Automation Gateway: the same work
// on the same kind of inventory, with the parameters and results that these workflows expect.
// Its tasks name no instance, so that there should be one.
func Gateway() *adapters.Kind {
	return &adapters.Kind{
		App: AppGateway, Version: "1.0.0", Summary: "Device tasks of workflows written for Itential Automation Gateway.",
		Config: adapters.SchemaOf[devices.Config](),
		Open:   func(_ context.Context, i adapters.Instance) (any, error) { return open(i.Config) },
		Methods: []adapters.Spec{
			adapters.Method("itential_cli", gatewayCLI).Says("Sends commands to devices.").MayWarn(),
			adapters.Method("itential_netmiko_set_config", gatewayConfig).Says("Configures devices.").MayWarn(),
		},
	}
}

type gatewayTargets struct {
	Hosts  value.Value `json:"_hosts,omitzero" doc:"names of devices"`
	Groups value.Value `json:"_groups,omitzero" doc:"names of groups of devices"`
}

type gatewayCommands struct {
	gatewayTargets
	Command value.Value `json:"command" doc:"the commands, a text or a list"`
}

type gatewayLines struct {
	gatewayTargets
	Lines        value.Value `json:"lines" doc:"the configuration lines, a text or a list"`
	Parents      value.Value `json:"parents,omitzero" doc:"lines that lead to where the lines belong"`
	SaveCommand  string      `json:"save_command,omitempty" doc:"sent at the end; a commit in the configuration mode, anything else after it"`
	Provider     value.Value `json:"provider,omitzero" doc:"where the device is and how to log in: host, port, username, password, secret, device_type"`
	EndCommand   string      `json:"end_command,omitempty" doc:"not needed: the way out of the configuration mode is known"`
	EnableMode   value.Value `json:"enable_mode,omitzero" doc:"not needed: configuring is done in the privileged mode"`
	Transactions value.Value `json:"transactions,omitzero" doc:"not needed"`
}

// gatewayOutput is what a gateway prints: an object, or a text when nothing was done.
type gatewayOutput struct {
	Stdout value.Value `json:"stdout" doc:"completed: for each device its host and responses, each with a status, SUCCESS or FAILURE"`
}

type completed struct {
	Host     string  `json:"host"`
	Response []reply `json:"response"`
}

type reply struct {
	Status  string  `json:"status"`
	Results results `json:"results"`
	Item    string  `json:"item,omitempty"`
}

type results struct {
	Message string `json:"msg"`
	Changed bool   `json:"changed"`
}

func status(message string, changed bool, err error) reply {
	if err != nil {
		return reply{Status: "FAILURE", Results: results{Message: strings.TrimPrefix(message+"\n"+err.Error(), "\n"), Changed: changed}}
	}
	return reply{Status: "SUCCESS", Results: results{Message: message, Changed: changed}}
}

// texts reads what is a text, a list of texts or nothing.
func texts(name string, v value.Value) ([]string, error) {
	switch {
	case v.IsNothing(), v.IsString() && v.Text() == "":
		return nil, nil
	case v.IsString():
		return []string{v.Text()}, nil
	case !v.IsArray():
		return nil, network.Wrong("/%s must be a text or a list of texts, not %s", name, v.Kind())
	}
	var out []string
	for i, e := range v.Elements() {
		if !e.IsString() {
			return nil, network.Wrong("/%s/%d must be a text, not %s", name, i, e.Kind())
		}
		out = append(out, e.Text())
	}
	return out, nil
}

// on does the work on each device. What fails there is part of what is answered: these
// workflows look for it themselves.
func (g *gatewayTargets) on(ctx context.Context, call *adapters.Call, guest func(n *devices.Network, host string) (devices.Target, error), do func(ctx context.Context, s *session) []reply) (gatewayOutput, error) {
	n := adapters.Client[*devices.Network](call)
	hosts, err := texts("_hosts", g.Hosts)
	if err != nil {
		return gatewayOutput{}, err
	}
	groups, err := texts("_groups", g.Groups)
	if err != nil {
		return gatewayOutput{}, err
	}
	var found []devices.Target
	if guest != nil {
		for _, h := range hosts {
			t, err := guest(n, h)
			if err != nil {
				return gatewayOutput{value.String("Not all devices available: " + err.Error())}, nil
			}
			found = append(found, t)
		}
		hosts = nil
	}
	if found == nil || len(groups) > 0 {
		more, err := n.Targets(hosts, groups)
		if err != nil {
			return gatewayOutput{value.String("Not all devices available: " + err.Error())}, nil
		}
		found = append(found, more...)
	}
	out := make([]completed, len(found))
	errs := n.Each(ctx, call, found, func(ctx context.Context, i int) error {
		s, err := login(ctx, n, found[i], n.Timeout(0))
		if err != nil {
			return err
		}
		defer s.close()
		out[i].Response = do(ctx, s)
		return nil
	})
	if ctx.Err() != nil {
		return gatewayOutput{}, ctx.Err()
	}
	for i := range out {
		out[i].Host = found[i].Name
		if errs[i] != nil {
			out[i].Response = []reply{status("", false, errs[i])}
		}
	}
	return gatewayOutput{value.Object("completed", value.Of(out))}, nil
}

func gatewayCLI(ctx context.Context, call *adapters.Call, in gatewayCommands) (gatewayOutput, error) {
	given, err := texts("command", in.Command)
	if err != nil {
		return gatewayOutput{}, err
	}
	commands, err := configLines(given)
	if err != nil {
		return gatewayOutput{}, network.Wrong("%s", strings.ReplaceAll(err.Error(), "/lines", "/command"))
	}
	return in.on(ctx, call, nil, func(ctx context.Context, s *session) []reply {
		var all []reply
		for _, c := range commands {
			out, err := s.run(ctx, c)
			lost := err != nil
			if out.Rejected != "" {
				err = errors.New("ERROR: " + out.Rejected)
			}
			r := status(out.Output, err == nil && onlyShows(c) != nil, err)
			r.Item = c
			all = append(all, r)
			if lost {
				break
			}
		}
		return all
	})
}

// netmikoPlatforms are platforms under the names that providers give them.
var netmikoPlatforms = map[string]string{
	"arista_eos": "arista_eos", "cisco_asa": "cisco_asa", "cisco_ios": "cisco_iosxe", "cisco_nxos": "cisco_nxos", "cisco_xe": "cisco_iosxe",
	"cisco_xr": "cisco_iosxr", "generic": platformGeneric, "juniper": "juniper_junos", "juniper_junos": "juniper_junos", "paloalto_panos": "paloalto_panos", "vyos": "vyatta_vyos",
}

func (g *gatewayLines) guest(n *devices.Network, host string) (devices.Target, error) {
	p := g.Provider
	text := func(names ...string) string {
		var all []string
		for _, n := range names {
			all = append(all, p.Get(n).Text())
		}
		return cmp.Or(all...)
	}
	port, _ := p.Get("port").Int()
	d := devices.Device{
		Host: text("host", "ip", "hostname"), Port: int(port), User: text("username", "user"), Password: text("password"), Enable: text("secret"),
	}
	if name := text("device_type", "platform"); name != "" {
		d.Platform = cmp.Or(netmikoPlatforms[strings.TrimSuffix(name, "_ssh")], name)
		if !known(d.Platform) {
			return devices.Target{}, network.Wrong("/provider/device_type %q is not known", name)
		}
	}
	t, err := n.Guest(host, d)
	if err == nil && t.Platform == "" {
		err = network.Wrong("/provider/device_type must say what runs on %q", host)
	}
	return t, err
}

func gatewayConfig(ctx context.Context, call *adapters.Call, in gatewayLines) (gatewayOutput, error) {
	parents, err := texts("parents", in.Parents)
	if err != nil {
		return gatewayOutput{}, err
	}
	given, err := texts("lines", in.Lines)
	if err != nil {
		return gatewayOutput{}, err
	}
	lines, err := configLines(append(parents, given...))
	if err != nil {
		return gatewayOutput{}, network.Wrong("%v", err)
	}
	if in.SaveCommand != "" {
		if err := oneLine(in.SaveCommand); err != nil {
			return gatewayOutput{}, network.Wrong("/save_command %v", err)
		}
	}
	var guest func(*devices.Network, string) (devices.Target, error)
	if in.Provider.IsObject() {
		guest = in.guest
	}
	return in.on(ctx, call, guest, func(ctx context.Context, s *session) []reply {
		var said []string
		err := s.setConfig(ctx, lines, in.SaveCommand, &said)
		return []reply{status(strings.Join(said, "\n"), len(said) > 0, err)}
	})
}

// setConfig sends lines in the configuration mode and leaves committing to who sends them.
func (s *session) setConfig(ctx context.Context, lines []string, save string, said *[]string) error {
	if err := s.enter(ctx, dialect{}, ""); err != nil {
		return err
	}
	commits := strings.HasPrefix(save, "commit")
	if commits && lines[len(lines)-1] != save {
		lines = append(lines, save)
	}
	send := func(line string) error {
		out, err := s.run(ctx, line)
		*said = append(*said, strings.TrimSpace(line+"\n"+out.Output))
		if err == nil && out.Rejected != "" {
			err = fmt.Errorf("%q was turned down: %s", line, out.Rejected)
		}
		return err
	}
	for _, line := range lines {
		if err := send(line); err != nil {
			return err
		}
	}
	if err := s.leave(ctx); err != nil || save == "" || commits {
		return err
	}
	return send(save)
}
