package cli_test

import (
	"strings"
	"testing"

	"github.com/heddlehq/heddle/adapters/cli"
	"github.com/heddlehq/heddle/adapters/devices/devicetest"
	"github.com/heddlehq/heddle/workflows/value"
)

func TestConfigure(t *testing.T) {
	t.Parallel()
	for on, p := range platforms {
		t.Run(on, func(t *testing.T) {
			t.Parallel()
			r := &router{}
			v := call(t, cli.Kind(), start(t, r, on, nil), "configure", `{"devices":["r1"],"lines":["interface Ethernet1\n  mtu 9000\n","ntp server 10.0.0.9"],"save":true}`)
			want(t, v, `"finishState":"success"`, `"committed":true`)
			if r.lines() != "interface Ethernet1;mtu 9000;ntp server 10.0.0.9" {
				t.Errorf("the router runs %q after %s", r.lines(), r.commands())
			}
			if p.candidate {
				want(t, v, `"diff":"+ interface Ethernet1\n+ mtu 9000\n+ ntp server 10.0.0.9"`)
			}
			if p.save != "" {
				want(t, v, `"saved":true`)
				if r.saved != 1 {
					t.Errorf("saved %d times", r.saved)
				}
			}
		})
	}
}

func TestConfigure_dryRun(t *testing.T) {
	t.Parallel()
	for on, p := range platforms {
		t.Run(on, func(t *testing.T) {
			t.Parallel()
			r := &router{}
			v := call(t, cli.Kind(), start(t, r, on, nil), "configure", `{"devices":["r1"],"lines":["mtu 9000"],"dryRun":true}`)
			if p.candidate {
				want(t, v, `"finishState":"success"`, `"diff":"+ mtu 9000","committed":false,"discarded":true`)
			} else {
				want(t, v, `"class":"input"`, "/dryRun: r1 runs "+on)
			}
			if r.lines() != "" || strings.Contains(r.commands(), "mtu") != p.candidate {
				t.Errorf("the router runs %q after %s", r.lines(), r.commands())
			}
		})
	}
}

// A line that is turned down ends the configuration; where the platform can, nothing of it stays.
func TestConfigure_rejected(t *testing.T) {
	t.Parallel()
	for on, p := range platforms {
		t.Run(on, func(t *testing.T) {
			t.Parallel()
			r := &router{}
			v := call(t, cli.Kind(), start(t, r, on, nil), "configure", `{"devices":["r1"],"lines":["mtu 9000","bogus","ntp server 10.0.0.9"]}`)
			want(t, v, `"finishState":"error","error":{"class":"remote"`, `line 2, \"bogus\", was turned down: `, `"retryable":false`, `"committed":false`)
			if p.candidate {
				want(t, v, `"discarded":true`)
				if r.lines() != "" {
					t.Errorf("the router runs %q after %s", r.lines(), r.commands())
				}
			} else {
				want(t, v, "; the 1 before it are in force")
				if r.lines() != "mtu 9000" {
					t.Errorf("the router runs %q after %s", r.lines(), r.commands())
				}
			}
		})
	}
}

func TestConfigure_commitRejected(t *testing.T) {
	t.Parallel()
	for on, p := range platforms {
		if !p.candidate {
			continue
		}
		t.Run(on, func(t *testing.T) {
			t.Parallel()
			r := &router{noCommit: true}
			v := call(t, cli.Kind(), start(t, r, on, nil), "configure", `{"devices":["r1"],"lines":["mtu 9000"]}`)
			want(t, v, `"class":"remote"`, `the commit, was turned down: `, `"discarded":true`)
			if r.lines() != "" || !strings.Contains(r.commands(), p.discard) {
				t.Errorf("the router runs %q after %s", r.lines(), r.commands())
			}
		})
	}
}

// A connection that breaks before the commit leaves nothing behind, so that another try is safe.
func TestConfigure_connectionLost(t *testing.T) {
	t.Parallel()
	for on, retryable := range map[string]string{"cisco_nxos": "false", "cisco_iosxr": "true"} {
		r := &router{}
		config := start(t, r, on, func(t *devicetest.Terminal, line string) bool {
			if line == "ntp server 10.0.0.9" {
				t.HangUp()
			}
			return false
		})
		v := call(t, cli.Kind(), config, "configure", `{"devices":["r1"],"lines":["mtu 9000","ntp server 10.0.0.9"]}`)
		want(t, v, `"class":"network"`, `line 2 of 2: \"ntp server 10.0.0.9\": the connection was lost`, `"retryable":`+retryable)
	}
}

func TestConfigure_refuses(t *testing.T) {
	t.Parallel()
	config := start(t, &router{}, "cisco_nxos", nil)
	for in, text := range map[string]string{
		`{"devices":["r1"],"lines":[]}`:              "/lines must not be empty",
		`{"devices":["r1"],"lines":["a","b\u001a"]}`: "/lines/1 must be one line without control characters",
	} {
		want(t, call(t, cli.Kind(), config, "configure", in), `"class":"input"`, text)
	}
}

func TestGateway_cli(t *testing.T) {
	t.Parallel()
	r := &router{}
	config := start(t, r, "cisco_asa", nil)
	v := call(t, cli.Gateway(), config, "itential_cli", `{"_hosts":["r1"],"_groups":"","command":["show version","configure terminal","access-list a","bogus"]}`)
	want(t, v, `"finishState":"success"`, `"stdout":{"completed":[{"host":"r1","response":[{"status":"SUCCESS","results":{"msg":"Version 17.3\nuptime: 3 days","changed":false},"item":"show version"},`,
		`{"status":"SUCCESS","results":{"msg":"","changed":true},"item":"access-list a"},{"status":"FAILURE","results":{"msg":"ERROR: % Invalid`)
	if r.lines() != "access-list a" {
		t.Errorf("the router runs %q after %s", r.lines(), r.commands())
	}
	want(t, call(t, cli.Gateway(), config, "itential_cli", `{"_hosts":["r1","r9"],"command":"show version"}`), `"finishState":"success"`, `"stdout":"Not all devices available: `)
	want(t, call(t, cli.Gateway(), config, "itential_cli", `{"_hosts":["r1"],"command":7}`), `"class":"input"`, `/command must be a text or a list of texts, not number`)
	config = config.WithPath([]string{"devices", "r1", "password"}, value.String("wrong"))
	want(t, call(t, cli.Gateway(), config, "itential_cli", `{"_hosts":["r1"],"command":"show version"}`), `"finishState":"success"`, `"host":"r1","response":[{"status":"FAILURE","results":{"msg":"127.0.0.1`)
}

func TestGateway_setConfig(t *testing.T) {
	t.Parallel()
	r := &router{}
	config := start(t, r, "cisco_nxos", nil)
	v := call(t, cli.Gateway(), config, "itential_netmiko_set_config",
		`{"_hosts":["r1"],"_groups":[],"provider":"","parents":["interface Ethernet1"],"lines":["mtu 9000\nno shutdown"],"save_command":"copy running-config startup-config","enable_mode":true,"end_command":"exit","transactions":""}`)
	want(t, v, `"stdout":{"completed":[{"host":"r1","response":[{"status":"SUCCESS","results":{"msg":"interface Ethernet1\nmtu 9000`)
	if r.lines() != "interface Ethernet1;mtu 9000;no shutdown" || r.saved != 1 {
		t.Errorf("the router runs %q after %s", r.lines(), r.commands())
	}
	v = call(t, cli.Gateway(), config, "itential_netmiko_set_config", `{"_hosts":["r1"],"lines":"bogus"}`)
	want(t, v, `"finishState":"success"`, `"status":"FAILURE"`, `\"bogus\" was turned down`)
}

// A task may bring its own log-in data, but only to addresses that the instance allows.
func TestGateway_provider(t *testing.T) {
	t.Parallel()
	r := &router{}
	d := devicetest.Start(t, devicetest.Script{Shell: r.shell(platforms["cisco_iosxr"], nil)})
	config := value.Object("addresses", value.Strings("127.0.0.0/8"), "knownHosts", value.String(d.KnownHosts))
	provider := value.Object("host", value.String(d.Host), "port", value.Int(int64(d.Port)), "username", value.String(devicetest.User),
		"password", value.String(devicetest.Password), "device_type", value.String("cisco_xr"))
	in := value.Object("_hosts", value.Strings("fw1"), "lines", value.Strings("mtu 9000"), "save_command", value.String("commit"), "provider", provider)
	want(t, call(t, cli.Gateway(), config, "itential_netmiko_set_config", in.String()), `"host":"fw1"`, `"status":"SUCCESS"`)
	if r.lines() != "mtu 9000" {
		t.Errorf("the router runs %q after %s", r.lines(), r.commands())
	}
	in = in.With("provider", provider.With("host", value.String("192.0.2.1")))
	want(t, call(t, cli.Gateway(), config, "itential_netmiko_set_config", in.String()), `Not all devices available: `)
	in = in.With("provider", provider.With("device_type", value.String("abacus")))
	want(t, call(t, cli.Gateway(), config, "itential_netmiko_set_config", in.String()), `/provider/device_type \"abacus\" is not known`)
}
