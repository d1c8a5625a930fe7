package netconf_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/adaptertest"
	"github.com/heddlehq/heddle/adapters/devices/devicetest"
	"github.com/heddlehq/heddle/adapters/netconf"
	"github.com/heddlehq/heddle/workflows/value"
)

func call(t *testing.T, config value.Value, method, in string) value.Value {
	t.Helper()
	secrets := func(context.Context, string) (string, error) { return devicetest.Password, nil }
	config = config.WithPath([]string{"devices", "r1", "password"}, value.String("$secret.network"))
	v, err := adaptertest.Call(t.Context(), netconf.Kind(), adapters.Instance{ID: "x", Config: config}, secrets, method, value.MustParse(in))
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

func TestGetConfig(t *testing.T) {
	t.Parallel()
	for _, old := range []bool{true, false} {
		d := &device{old: old, running: `<interfaces xmlns="urn:x"><interface><name>e1</name><mtu unit="byte">9000</mtu></interface><interface><name>e2</name></interface><empty/></interfaces>` + "\r\n"}
		v := call(t, d.start(t).Config("r1", ""), "getConfig", `{"devices":["r1"],"filter":"<interfaces/>"}`)
		want(t, v, `"finishState":"success"`, `"xml":"<interfaces xmlns=\"urn:x\">`,
			`"data":{"interfaces":{"interface":[{"name":"e1","mtu":{"@unit":"byte","#text":"9000"}},{"name":"e2"}],"empty":""}}`)
		if d.operations() != "get-config close-session" {
			t.Errorf("it heard %s", d.operations())
		}
	}
}

func TestGet_filters(t *testing.T) {
	t.Parallel()
	d := &device{answer: func(operation string) (string, bool) {
		return "<data><heard><![CDATA[" + operation + "]]></heard></data>", strings.HasPrefix(operation, "<get>")
	}}
	config := d.start(t).Config("r1", "")
	want(t, call(t, config, "get", `{"devices":["r1"],"xpath":"/a[b=\"<\"]"}`), `"heard":"<get><filter type=\"xpath\" select=\"/a[b=&#34;&lt;&#34;]\"/></get>"`)
	want(t, call(t, config, "get", `{"devices":["r1"]}`), `"heard":"<get></get>"`)
}

func TestRPC(t *testing.T) {
	t.Parallel()
	d := &device{answer: func(operation string) (string, bool) {
		return `<rpc-error><error-severity>warning</error-severity><error-message>soon</error-message></rpc-error><uptime>3</uptime>`, strings.HasPrefix(operation, "<get-uptime")
	}}
	want(t, call(t, d.start(t).Config("r1", ""), "rpc", `{"devices":["r1"],"rpc":"<get-uptime xmlns=\"urn:x\"/>"}`), `"finishState":"success"`, `"uptime":"3"`, `"warnings":["soon"]`)
}

func TestCapabilities(t *testing.T) {
	t.Parallel()
	want(t, call(t, (&device{capabilities: []string{"candidate:1.0"}}).start(t).Config("r1", ""), "capabilities", `{"devices":["r1"]}`),
		`"capabilities":["urn:ietf:params:netconf:base:1.0","urn:ietf:params:netconf:base:1.1","urn:ietf:params:netconf:capability:candidate:1.0"]`)
}

func TestEditConfig(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		device              *device
		in                  string
		operations, configs string
		want                []string
	}{
		"candidate": {
			&device{capabilities: []string{"candidate:1.0", "validate:1.1"}}, `{"config":"<mtu>9000</mtu>"}`,
			"lock edit-config validate commit unlock close-session", "<mtu>9000</mtu>|", []string{`"finishState":"success"`, `"committed":true`},
		},
		"running": {
			&device{old: true}, `{"config":"<mtu>9000</mtu>","defaultOperation":"replace"}`,
			"lock edit-config unlock close-session", "<mtu>9000</mtu>|", []string{`"finishState":"success"`, `"committed":true`},
		},
		"dry run": {
			&device{capabilities: []string{"candidate:1.0", "validate:1.1"}}, `{"config":"<mtu>9000</mtu>","dryRun":true}`,
			"lock edit-config validate discard-changes unlock close-session", "|", []string{`"finishState":"success"`, `"discarded":true`},
		},
		"kept": {
			&device{capabilities: []string{"candidate:1.0"}}, `{"config":"<mtu>9000</mtu>","keepCandidate":true}`,
			"lock edit-config unlock close-session", "|<mtu>9000</mtu>", []string{`"finishState":"success"`},
		},
		"no candidate": {
			&device{}, `{"config":"<mtu>9000</mtu>","dryRun":true}`, "close-session", "|", []string{`"class":"input"`, `no candidate configuration`},
		},
		"refused": {
			&device{capabilities: []string{"candidate:1.0"}}, `{"config":"<bogus/>"}`, "lock edit-config discard-changes unlock close-session", "|",
			[]string{`"class":"remote"`, `no such thing (invalid-value) at /bogus`, `"retryable":false`, `"discarded":true`},
		},
		"commit refused": {
			&device{capabilities: []string{"candidate:1.0"}, answer: refuse("commit", "operation-failed")}, `{"config":"<mtu>9000</mtu>"}`,
			"lock edit-config commit discard-changes unlock close-session", "|", []string{`"class":"remote"`, `(operation-failed)`, `"discarded":true`},
		},
		"locked": {
			&device{capabilities: []string{"candidate:1.0"}, answer: refuse("lock", "lock-denied")}, `{"config":"<mtu>9000</mtu>"}`,
			"lock close-session", "|", []string{`"class":"remote"`, `(lock-denied)`, `"retryable":true`},
		},
		"forbidden": {
			&device{answer: refuse("edit-config", "access-denied")}, `{"config":"<mtu>9000</mtu>"}`,
			"lock edit-config unlock close-session", "|", []string{`"class":"auth"`, `"retryable":false`},
		},
		"lost while committing": {
			&device{capabilities: []string{"candidate:1.0"}, hangUp: "commit"}, `{"config":"<mtu>9000</mtu>"}`,
			"lock edit-config commit", "|<mtu>9000</mtu>", []string{`"class":"network"`, `commit: the connection was lost`, `"retryable":false`},
		},
		"lost while editing": {
			&device{capabilities: []string{"candidate:1.0"}, hangUp: "edit-config"}, `{"config":"<mtu>9000</mtu>"}`,
			"lock edit-config", "|", []string{`"class":"network"`, `edit-config: the connection was lost`, `"retryable":true`},
		},
		"silent": {
			&device{capabilities: []string{"candidate:1.0"}, silent: "commit"}, `{"config":"<mtu>9000</mtu>","timeoutSeconds":1}`,
			"lock edit-config commit", "|<mtu>9000</mtu>", []string{`"class":"timeout"`, `commit: no answer within 1s`, `"retryable":false`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := call(t, tc.device.start(t).Config("r1", ""), "editConfig", value.MustParse(tc.in).With("devices", value.Strings("r1")).String())
			want(t, v, tc.want...)
			if tc.device.operations() != tc.operations || tc.device.state() != tc.configs {
				t.Errorf("%s, then it has %s; want %s and %s", tc.device.operations(), tc.device.state(), tc.operations, tc.configs)
			}
		})
	}
}

func refuse(operation, tag string) func(string) (string, bool) {
	return func(given string) (string, bool) {
		return "<rpc-error><error-tag>" + tag + "</error-tag><error-severity>error</error-severity></rpc-error>", strings.HasPrefix(given, "<"+operation)
	}
}

func TestCommit_discard(t *testing.T) {
	t.Parallel()
	d := &device{candidate: "<a/>"}
	config := d.start(t).Config("r1", "")
	want(t, call(t, config, "commit", `{"devices":["r1"]}`), `"committed":true`)
	d.mu.Lock()
	d.candidate = "<b/>"
	d.mu.Unlock()
	want(t, call(t, config, "discard", `{"devices":["r1"]}`), `"discarded":true`)
	if d.state() != "<a/>|" {
		t.Errorf("it has %s", d.state())
	}
}

func TestKind_refuses(t *testing.T) {
	t.Parallel()
	d := &device{}
	config := d.start(t).Config("r1", "")
	for _, tc := range []struct{ method, in, text string }{
		{"get", `{"devices":["r1"],"filter":"<a>"}`, "/filter is not well-formed XML"},
		{"get", `{"devices":["r1"],"filter":"</filter></get><kill-session/>"}`, "/filter is not well-formed XML"},
		{"get", `{"devices":["r1"],"filter":"<a/>","xpath":"/a"}`, "either /filter or /xpath"},
		{"get", `{"devices":["r1"],"filter":"interfaces"}`, "must be XML elements, not text"},
		{"rpc", `{"devices":["r1"],"rpc":"<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a/>"}`, "must not have processing instructions or a document type"},
		{"rpc", `{"devices":["r1"],"rpc":"` + strings.Repeat("<a>", 300) + strings.Repeat("</a>", 300) + `"}`, "more than 200 deep"},
		{"editConfig", `{"devices":["r1"],"config":"<a/>","dryRun":true,"target":"running"}`, "/target must be candidate"},
		{"editConfig", `{"devices":["r1"],"config":"<a/>","dryRun":true,"keepCandidate":true}`, "either /dryRun or /keepCandidate"},
		{"getConfig", `{"devices":["r1"],"source":"<x/>"}`, "/source"},
	} {
		want(t, call(t, config, tc.method, tc.in), `"class":"input"`, tc.text)
	}
	if d.operations() != "" {
		t.Errorf("it heard %s", d.operations())
	}
}

// What a device says against the rules ends the call, and nothing else.
func TestGet_badDevices(t *testing.T) {
	t.Parallel()
	const hello = `<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities><capability>urn:ietf:params:netconf:base:1.1</capability></capabilities></hello>` + end
	for name, tc := range map[string]struct {
		says string
		want []string
	}{
		"no hello":    {"SSH-2.0 what?" + end, []string{`"class":"remote"`, "its hello cannot be read"}},
		"no chunk":    {hello + "<rpc-reply/>\n", []string{`"class":"remote"`, "is no chunk"}},
		"zero chunk":  {hello + "\n#0\n", []string{`"class":"remote"`, "is no chunk"}},
		"minus chunk": {hello + "\n#-5\n", []string{`"class":"remote"`, "is no chunk"}},
		"huge chunk":  {hello + "\n#4294967295\n", []string{`"class":"limit"`, "said more than"}},
		"cut chunk":   {hello + "\n#500\n<rpc-reply", []string{`"class":"network"`, "the connection was lost"}},
		"garbage":     {hello + "\n#4\n<<<<\n##\n", []string{`"class":"remote"`, "its answer cannot be read"}},
		"endless":     {strings.Repeat("x", 3<<20), []string{`"class":"limit"`, "said more than"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := devicetest.Start(t, devicetest.Script{Subsystem: func(string) devicetest.Part {
				return func(channel io.ReadWriteCloser) {
					fmt.Fprint(channel, tc.says)
					var heard []byte
					part := make([]byte, 4096)
					for !strings.Contains(string(heard), "<get>") {
						n, err := channel.Read(part)
						if err != nil {
							return
						}
						heard = append(heard, part[:n]...)
					}
				}
			}})
			want(t, call(t, d.Config("r1", ""), "get", `{"devices":["r1"]}`), tc.want...)
		})
	}
	d := devicetest.Start(t, devicetest.Script{})
	want(t, call(t, d.Config("r1", ""), "get", `{"devices":["r1"]}`), `"class":"remote"`, "does not offer NETCONF")
}

func TestGet_large(t *testing.T) {
	t.Parallel()
	d := &device{running: strings.Repeat("<interface><name>Ethernet</name></interface>", 14000)}
	v := call(t, d.start(t).Config("r1", ""), "getConfig", `{"devices":["r1"]}`)
	if n := v.Path("outgoing", "results").At(0).Path("data", "interface").Len(); n != 14000 {
		t.Errorf("%d interfaces in %.300s", n, v)
	}
}
