package devices_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/devices"
	"github.com/heddlehq/heddle/adapters/devices/devicetest"
)

func problem(err error) string {
	if err == nil {
		return "nil"
	}
	e := err.(*adapters.Error)
	return e.Class + ": " + e.Text
}

func TestOpen_refuses(t *testing.T) {
	t.Parallel()
	with := func(d devices.Device) map[string]devices.Device { return map[string]devices.Device{"r1": d} }
	good := devices.Device{User: "u", Password: "p", Fingerprint: "SHA256:" + strings.Repeat("A", 43)}
	changed := func(change func(*devices.Device)) devices.Config {
		d := good
		change(&d)
		return devices.Config{Devices: with(d)}
	}
	for name, tc := range map[string]struct {
		config devices.Config
		want   string
	}{
		"good":             {changed(func(*devices.Device) {}), "nil"},
		"defaults":         {devices.Config{Devices: with(devices.Device{}), Defaults: good}, "nil"},
		"no user":          {changed(func(d *devices.Device) { d.User = "" }), "/devices/r1/user must be given"},
		"no password":      {changed(func(d *devices.Device) { d.Password = "" }), "/devices/r1 needs a password or a key"},
		"no host key":      {changed(func(d *devices.Device) { d.Fingerprint = "" }), "its host key is not known"},
		"insecure":         {devices.Config{Devices: with(devices.Device{User: "u", Password: "p"}), InsecureHostKeys: true}, "nil"},
		"fingerprint":      {changed(func(d *devices.Device) { d.Fingerprint = "MD5:aa" }), "/devices/r1/fingerprint must be as"},
		"port":             {changed(func(d *devices.Device) { d.Port = 70000 }), "/devices/r1/port must be from"},
		"private key":      {changed(func(d *devices.Device) { d.Key = "x" }), "/devices/r1/key cannot be read"},
		"range":            {devices.Config{Addresses: []string{"10.0.0.1"}}, "/addresses/0 must be a range"},
		"known hosts":      {devices.Config{KnownHosts: "r1 ssh-ed25519 x"}, "/knownHosts must be lines"},
		"too many at once": {devices.Config{Parallel: 1000}, "/parallel must be from 0 to 200"},
		"too large":        {devices.Config{MaxBytes: 1 << 40}, "/maxBytes must be from"},
	} {
		if _, err := devices.Open(tc.config, 22); !strings.Contains(problem(err), tc.want) {
			t.Errorf("%s: %s, want %s", name, problem(err), tc.want)
		}
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	n, err := devices.Open(devices.Config{
		Devices:  map[string]devices.Device{"a": {Groups: []string{"core"}, Port: 2222}, "b": {Groups: []string{"core", "edge"}}, "c": {Host: "10.9.9.9"}},
		Defaults: devices.Device{User: "u", Password: "p"}, Addresses: []string{"10.1.0.0/16"}, InsecureHostKeys: true,
	}, 22)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		names, groups []string
		want          string
	}{
		"names":          {[]string{"b", "a", "b"}, nil, "b@b:22 a@a:2222"},
		"group":          {[]string{"b"}, []string{"core"}, "b@b:22 a@a:2222"},
		"host":           {[]string{"c"}, nil, "c@10.9.9.9:22"},
		"address":        {[]string{"10.1.2.3"}, nil, "10.1.2.3@10.1.2.3:22"},
		"address mapped": {[]string{"::ffff:10.1.2.3"}, nil, "::ffff:10.1.2.3@::ffff:10.1.2.3:22"},
		"other address":  {[]string{"10.9.9.9"}, nil, `input: the adapter instance does not know "10.9.9.9"`},
		"other name":     {[]string{"a", "x", "y"}, []string{"z"}, `input: the adapter instance does not know "x", "y", group "z"`},
		"nothing":        {nil, nil, "input: /devices or /groups must name at least one device"},
	} {
		targets, err := n.Targets(tc.names, tc.groups)
		got := problem(err)
		if err == nil {
			var all []string
			for _, t := range targets {
				all = append(all, t.Name+"@"+t.Host+":"+map[int]string{22: "22", 2222: "2222"}[t.Port])
			}
			got = strings.Join(all, " ")
		}
		if got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

func TestDial(t *testing.T) {
	t.Parallel()
	d := devicetest.Start(t, devicetest.Script{})
	other := devicetest.Start(t, devicetest.Script{})
	silent := devicetest.Start(t, devicetest.Script{Silent: true})
	closed := devicetest.Start(t, devicetest.Script{})
	closed.Port = 1 // nothing listens there
	login := func(d *devicetest.Device) devices.Device {
		return devices.Device{Host: d.Host, Port: d.Port, User: devicetest.User, Password: devicetest.Password, Fingerprint: d.Fingerprint}
	}
	with := func(change func(*devices.Config, *devices.Device)) devices.Config {
		c, one := devices.Config{}, login(d)
		change(&c, &one)
		c.Devices = map[string]devices.Device{"r1": one}
		return c
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		config devices.Config
		want   string
	}{
		"fingerprint":  {with(func(*devices.Config, *devices.Device) {}), "nil"},
		"known host":   {with(func(c *devices.Config, d1 *devices.Device) { d1.Fingerprint, c.KnownHosts = "", d.KnownHosts }), "nil"},
		"unknown host": {with(func(c *devices.Config, d1 *devices.Device) { d1.Fingerprint, c.KnownHosts = "", other.KnownHosts }), "is not known: add it to /knownHosts"},
		"changed host": {with(func(c *devices.Config, d1 *devices.Device) {
			d1.Fingerprint, c.KnownHosts = "", strings.Split(d.KnownHosts, " ")[0]+" "+strings.SplitN(other.KnownHosts, " ", 2)[1]
		}), "auth: " + d.Host},
		"other fingerprint": {with(func(_ *devices.Config, d1 *devices.Device) { d1.Fingerprint = other.Fingerprint }), "does not have the device's fingerprint"},
		"any host key":      {with(func(c *devices.Config, d1 *devices.Device) { d1.Fingerprint, c.InsecureHostKeys = "", true }), "nil"},
		"wrong password":    {with(func(_ *devices.Config, d1 *devices.Device) { d1.Password = "wrong" }), `auth: ` + d.Host},
		"unwanted key": {with(func(_ *devices.Config, d1 *devices.Device) {
			d1.Password, d1.Key = "", string(pem.EncodeToMemory(block))
		}), "refused the log-in of user \"ada\""},
		"key and password":    {with(func(_ *devices.Config, d1 *devices.Device) { d1.Key = string(pem.EncodeToMemory(block)) }), "nil"},
		"legacy":              {with(func(c *devices.Config, _ *devices.Device) { c.LegacyAlgorithms = true }), "nil"},
		"nobody there":        {with(func(_ *devices.Config, d1 *devices.Device) { *d1 = login(closed) }), "network: 127.0.0.1:1 cannot be reached"},
		"nobody says a thing": {with(func(c *devices.Config, d1 *devices.Device) { *d1 = login(silent); c.ConnectSeconds = 1 }), "timeout: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, err := devices.Open(tc.config, 22)
			if err != nil {
				t.Fatal(err)
			}
			targets, err := n.Targets([]string{"r1"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			conn, err := n.Dial(t.Context(), targets[0])
			if !strings.Contains(problem(err), tc.want) {
				t.Errorf("%s, want %s", problem(err), tc.want)
			}
			if err == nil {
				conn.Close()
			}
		})
	}
}

func TestDial_endsWithTheContext(t *testing.T) {
	t.Parallel()
	d := devicetest.Start(t, devicetest.Script{Silent: true})
	n, err := devices.Open(devices.Config{Addresses: []string{"127.0.0.0/8"}, InsecureHostKeys: true, Defaults: devices.Device{User: "u", Password: "p", Port: d.Port}}, 22)
	if err != nil {
		t.Fatal(err)
	}
	targets, err := n.Targets([]string{d.Host}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	_, err = n.Dial(ctx, targets[0])
	if _, ours := errors.AsType[*adapters.Error](err); err == nil || ours {
		t.Errorf("got %v, want the end of the context", err)
	}
}
