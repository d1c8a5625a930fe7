package cli_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/adaptertest"
	"github.com/heddlehq/heddle/adapters/cli"
	"github.com/heddlehq/heddle/adapters/devices/devicetest"
	"github.com/heddlehq/heddle/workflows/value"
)

// call makes one call of an instance whose devices have their passwords from a secret.
func call(t *testing.T, k *adapters.Kind, config value.Value, method, in string) value.Value {
	t.Helper()
	return callAndCancel(t, k, config, method, in, nil)
}

func callAndCancel(t *testing.T, k *adapters.Kind, config value.Value, method, in string, cancel <-chan struct{}) value.Value {
	t.Helper()
	secrets := func(context.Context, string) (string, error) { return devicetest.Password, nil }
	for name := range config.Get("devices").Members() {
		if config.Path("devices", name, "password").Text() == devicetest.Password {
			config = config.WithPath([]string{"devices", name, "password"}, value.String("$secret.network"))
		}
	}
	v, err := adaptertest.CallAndCancel(t.Context(), k, adapters.Instance{ID: "x", Config: config}, secrets, method, value.MustParse(in), cancel)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(v.String(), devicetest.Password) {
		t.Errorf("a secret in %s", v)
	}
	return v
}

func want(t *testing.T, v value.Value, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(v.String(), p) {
			t.Errorf("got %s, want %s", v, p)
		}
	}
}

func start(t *testing.T, r *router, on string, more func(*devicetest.Terminal, string) bool) value.Value {
	t.Helper()
	return devicetest.Start(t, devicetest.Script{Shell: r.shell(platforms[on], more)}).Config("r1", on)
}

func TestShow(t *testing.T) {
	t.Parallel()
	template := value.String("Value VERSION (\\S+)\nValue DAYS (\\d+)\n\nStart\n  ^Version ${VERSION}\n  ^uptime: ${DAYS} days -> Record\n").String()
	for on := range platforms {
		t.Run(on, func(t *testing.T) {
			t.Parallel()
			r := &router{secret: "enableme"}
			config := start(t, r, on, nil).WithPath([]string{"devices", "r1", "enable"}, value.String("enableme"))
			v := call(t, cli.Kind(), config, "show", `{"devices":["r1"],"commands":["show version"],"templates":{"show version":`+template+`}}`)
			want(t, v, `"finishState":"success"`, `"device":"r1","host":"127.0.0.1","success":true`,
				`"outputs":[{"command":"show version","output":"Version 17.3\nuptime: 3 days","records":[{"VERSION":"17.3","DAYS":"3"}]}]`)
			v = call(t, cli.Kind(), config, "show", `{"devices":["r1"],"commands":["show nothing","show banner"]}`)
			want(t, v, `"finishState":"error","error":{"class":"remote"`, `"retryable":false`, `\"show nothing\": `+platforms[on].bad[:12], `"output":"banner\ncore-2#\nend of banner"`)
		})
	}
}

func TestShow_generic(t *testing.T) {
	t.Parallel()
	p := platform{prompts: map[string]string{"enable": "box ==> "}, start: "enable", bad: "what?", enter: "none"}
	d := devicetest.Start(t, devicetest.Script{Shell: (&router{}).shell(p, nil)})
	config := d.Config("r1", "generic").WithPath([]string{"devices", "r1", "prompt"}, value.String(`^box ==> $`))
	want(t, call(t, cli.Kind(), config, "show", `{"devices":["r1"],"commands":["show version"]}`), `"output":"Version 17.3\nuptime: 3 days"`)
}

func TestShow_refuses(t *testing.T) {
	t.Parallel()
	config := start(t, &router{}, "cisco_nxos", nil)
	for in, text := range map[string]string{
		`{"devices":["r1"],"commands":["reload"]}`:                                                "/commands/0 must begin with",
		`{"devices":["r1"],"commands":["show run | redirect flash:x"]}`:                           `must not be piped to \"redirect\"`,
		`{"devices":["r1"],"commands":["show run > x"]}`:                                          "must not contain",
		`{"devices":["r1"],"commands":["show version\nreload"]}`:                                  "/commands/0 must be one line",
		`{"devices":["r1"],"commands":[]}`:                                                        "/commands must not be empty",
		`{"devices":["r1","r2"],"commands":["show version"]}`:                                     `does not know \"r2\"`,
		`{"commands":["show version"]}`:                                                           "must name at least one device",
		`{"devices":["r1"],"commands":["show version"],"templates":{"x":""}}`:                     "which is no command of /commands",
		`{"devices":["r1"],"commands":["show version"],"templates":{"show version":"Value X ("}}`: "/templates/show version: the template is broken",
	} {
		want(t, call(t, cli.Kind(), config, "show", in), `"finishState":"error","error":{"class":"input"`, text)
	}
}

func TestSend(t *testing.T) {
	t.Parallel()
	r := &router{}
	v := call(t, cli.Kind(), start(t, r, "cisco_nxos", nil), "send", `{"devices":["r1"],"commands":["copy running-config startup-config"]}`)
	want(t, v, `"finishState":"success"`)
	if r.saved != 1 {
		t.Errorf("heard %s", r.commands())
	}
}

// Each device has its own result, and what fails on one does not harm the others.
func TestShow_manyDevices(t *testing.T) {
	t.Parallel()
	var now, most atomic.Int32
	r := &router{}
	shell := r.shell(platforms["cisco_nxos"], nil)
	d := devicetest.Start(t, devicetest.Script{Shell: func(t *devicetest.Terminal) {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		shell(t)
		now.Add(-1)
	}})
	config := value.Object("parallel", value.Int(3))
	for i := range 12 {
		entry := d.Entry("cisco_nxos").With("groups", value.Strings("all"))
		if i == 5 {
			entry = entry.With("password", value.String("wrong"))
		}
		config = config.WithPath([]string{"devices", fmt.Sprintf("r%02d", i)}, entry)
	}
	v := call(t, cli.Kind(), config, "show", `{"groups":["all"],"commands":["show version"]}`)
	want(t, v, `"finishState":"failure"`, `"class":"auth"`, `1 of 12 devices: r05: `, `"device":"r05","host":"127.0.0.1","success":false,"error":{"class":"auth"`)
	if n := strings.Count(v.String(), `"success":true`); n != 11 {
		t.Errorf("%d devices answered", n)
	}
	if most.Load() > 3 {
		t.Errorf("%d at once", most.Load())
	}
}

func TestShow_troubles(t *testing.T) {
	t.Parallel()
	good := platforms["cisco_nxos"]
	for name, tc := range map[string]struct {
		more   func(*devicetest.Terminal, string) bool
		config string // more of it
		want   []string
	}{
		"hangs": {func(t *devicetest.Terminal, line string) bool {
			if line == "show interfaces" {
				t.Print("Ethernet1 is")
				t.Wait()
			}
			return false
		}, `{"timeoutSeconds":1}`, []string{`"class":"timeout"`, `no prompt within 1s`, `"retryable":true`}},
		"connection lost": {func(t *devicetest.Terminal, line string) bool {
			if line == "show interfaces" {
				t.Print("Ethernet1 is")
				t.HangUp()
			}
			return false
		}, `{}`, []string{`"class":"network"`, `\"show interfaces\": the connection was lost`, `"retryable":true`}},
		"lost at login": {func(t *devicetest.Terminal, line string) bool { t.HangUp(); return true }, `{}`,
			[]string{`"class":"network"`, `logging in: the connection was lost`}},
		"huge": {func(t *devicetest.Terminal, line string) bool {
			if line == "show interfaces" {
				t.Print("%s", interfaces(40000))
			}
			return line == "show interfaces"
		}, `{"maxBytes":1000000}`, []string{`"class":"limit"`, `said more than 1000000 bytes`, `"retryable":false`}},
		"large": {func(t *devicetest.Terminal, line string) bool {
			if line == "show interfaces" {
				t.Print("%s", interfaces(10000))
			}
			return line == "show interfaces"
		}, `{}`, []string{`"finishState":"success"`, `Ethernet0 is up`, `Ethernet9999 is up, line protocol is up"`}},
		"password": {nil, `{"devices":{"r1":{"password":"wrong"}}}`, []string{`"class":"auth"`, `refused the log-in of user \"ada\"`, `"retryable":false`}},
		"host key": {nil, `{"devices":{"r1":{"fingerprint":"SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}}`, []string{`"class":"auth"`, `someone may be in between`}},
		"no prompt": {func(t *devicetest.Terminal, _ string) bool { t.Wait(); return true }, `{"connectSeconds":1}`,
			[]string{`"class":"timeout"`, `logging in: no prompt within 1s`}},
		"other platform": {nil, `{"devices":{"r1":{"platform":"juniper_junos"}}}`, []string{`"class":"remote"`, `logging in: failed to acquire target privilege level 'exec'`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := start(t, &router{}, "cisco_nxos", nil)
			if tc.more != nil {
				config = devicetest.Start(t, devicetest.Script{Shell: (&router{}).shell(good, tc.more)}).Config("r1", "cisco_nxos")
			}
			for key, m := range value.MustParse(tc.config).Members() {
				if key != "devices" {
					config = config.With(key, m)
				}
			}
			for key, m := range value.MustParse(tc.config).Path("devices", "r1").Members() {
				config = config.WithPath([]string{"devices", "r1", key}, m)
			}
			want(t, call(t, cli.Kind(), config, "show", `{"devices":["r1"],"commands":["show interfaces"]}`), tc.want...)
		})
	}
}

func TestShow_canceled(t *testing.T) {
	t.Parallel()
	hung := make(chan struct{})
	config := start(t, &router{}, "cisco_nxos", func(t *devicetest.Terminal, line string) bool {
		if line == "show version" {
			close(hung)
			t.Wait()
		}
		return false
	})
	want(t, callAndCancel(t, cli.Kind(), config, "show", `{"devices":["r1"],"commands":["show version"]}`, hung), `"finishState":"error","error":{"class":"canceled"`)
}

func TestCheck(t *testing.T) {
	t.Parallel()
	want(t, call(t, cli.Kind(), start(t, &router{}, "juniper_junos", nil), "check", `{"devices":["r1"]}`), `"finishState":"success"`, `"success":true`)
}

func TestKind_refusesConfigurations(t *testing.T) {
	t.Parallel()
	for config, text := range map[string]string{
		`{"devices":{"r1":{"user":"u","password":"p"}},"insecureHostKeys":true}`:                                   "/devices/r1/platform must be given",
		`{"devices":{"r1":{"user":"u","password":"p","platform":"../x.yaml"}},"insecureHostKeys":true}`:            "/devices/r1/platform must be one of arista_eos",
		`{"devices":{"r1":{"user":"u","password":"p","platform":"generic","prompt":"("}},"insecureHostKeys":true}`: "/devices/r1/prompt is not a pattern",
		`{"devices":{"r1":{"user":"u","password":"p","platform":"generic"}}}`:                                      "its host key is not known",
	} {
		want(t, call(t, cli.Kind(), value.MustParse(config), "check", `{"devices":["r1"]}`), `"class":"input"`, text)
	}
}
