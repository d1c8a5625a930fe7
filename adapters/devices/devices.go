// Package devices is what the kinds of adapters for network devices share: the inventory of an
// instance, the way in by SSH and the work on several devices at once.
//
// A host key is always checked, against known_hosts lines or a device's fingerprint, unless the
// instance says in so many words that it is not to be.
package devices

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/engine"
)

// Config is the part of an instance's configuration that the kinds share.
type Config struct {
	Devices          map[string]Device `json:"devices,omitempty" doc:"the devices by name"`
	Defaults         Device            `json:"defaults,omitzero" doc:"what holds where a device says nothing else"`
	Addresses        []string          `json:"addresses,omitempty" doc:"ranges of addresses, such as 10.1.0.0/16, by which tasks may name further devices"`
	KnownHosts       string            `json:"knownHosts,omitempty" doc:"the host keys, as lines of an OpenSSH known_hosts file"`
	InsecureHostKeys bool              `json:"insecureHostKeys,omitempty" doc:"take any host key, so that whoever is in between can read and change everything; for laboratories"`
	LegacyAlgorithms bool              `json:"legacyAlgorithms,omitempty" doc:"also offer algorithms that are broken, for devices that know no others"`
	Parallel         int               `json:"parallel,omitempty" doc:"how many devices are worked on at once, by all calls together; 10 unless given, 200 at most"`
	ConnectSeconds   int               `json:"connectSeconds,omitempty" doc:"to connect and log in; 15 unless given, 300 at most"`
	TimeoutSeconds   int               `json:"timeoutSeconds,omitempty" doc:"of one command; 60 unless given, 3600 at most"`
	MaxBytes         int64             `json:"maxBytes,omitempty" doc:"of what one device says in one call; 2 MiB unless given, 32 MiB at most"`
}

// Device says where a device is and how to log in there.
type Device struct {
	Host        string   `json:"host,omitempty" doc:"name or address; the device's name unless given"`
	Port        int      `json:"port,omitempty" doc:"22 unless given, for NETCONF 830"`
	Platform    string   `json:"platform,omitempty" doc:"what runs on it, such as cisco_iosxe; not needed for NETCONF"`
	Prompt      string   `json:"prompt,omitempty" doc:"pattern of the prompt of a device of platform generic"`
	User        string   `json:"user,omitempty"`
	Password    string   `json:"password,omitempty" secret:"true"`
	Key         string   `json:"key,omitempty" secret:"true" doc:"private key in PEM form"`
	Passphrase  string   `json:"passphrase,omitempty" secret:"true" doc:"of the private key"`
	Enable      string   `json:"enable,omitempty" secret:"true" doc:"password of the privileged mode"`
	Fingerprint string   `json:"fingerprint,omitempty" doc:"of the host key, as in SHA256:..."`
	Groups      []string `json:"groups,omitempty" doc:"groups the device is in"`
}

// Target is a device with everything it needs to be reached.
type Target struct {
	Name string
	Device
}

// Network is the devices of an instance.
type Network struct {
	Config
	addresses []netip.Prefix
	keys      hostKeys
	slots     chan struct{}
	port      int
}

// Bounds of what an instance may set.
const (
	maxParallel = 200
	maxConnect  = 300
	maxTimeout  = 3600
	maxBytes    = 32 << 20
	defaultSize = 2 << 20
)

// Open checks a configuration. Devices that name no port are reached at the one given.
func Open(c Config, port int) (*Network, error) {
	n := &Network{Config: c, port: port}
	var err error
	if n.ConnectSeconds, err = network.Bounds("/connectSeconds", n.ConnectSeconds, 15, maxConnect); err != nil {
		return nil, err
	}
	if n.MaxBytes, err = network.Bounds("/maxBytes", n.MaxBytes, defaultSize, maxBytes); err != nil {
		return nil, err
	}
	if n.Parallel, err = network.Bounds("/parallel", n.Parallel, 10, maxParallel); err != nil {
		return nil, err
	}
	if n.TimeoutSeconds, err = network.Bounds("/timeoutSeconds", n.TimeoutSeconds, 60, maxTimeout); err != nil {
		return nil, err
	}
	for i, text := range c.Addresses {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, network.Wrong("/addresses/%d must be a range such as 10.1.0.0/16, not %q", i, text)
		}
		n.addresses = append(n.addresses, p)
	}
	if n.keys, err = readKnownHosts(c.KnownHosts); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(c.Devices)) {
		if err := n.check(n.target(name, c.Devices[name])); err != nil {
			return nil, err
		}
	}
	n.slots = make(chan struct{}, n.Parallel)
	return n, nil
}

func (n *Network) check(t Target) error {
	where := "/devices/" + t.Name
	switch {
	case t.User == "":
		return network.Wrong("%s/user must be given, there or in /defaults", where)
	case t.Password == "" && t.Key == "":
		return network.Wrong("%s needs a password or a key, there or in /defaults", where)
	case t.Port < 1 || t.Port > 65535:
		return network.Wrong("%s/port must be from 1 to 65535, not %d", where, t.Port)
	case t.Fingerprint == "" && n.KnownHosts == "" && !n.InsecureHostKeys:
		return network.Wrong("%s: its host key is not known: give a fingerprint there, or /knownHosts, or set /insecureHostKeys in a laboratory", where)
	}
	if err := checkFingerprint(t.Fingerprint); err != nil {
		return network.Wrong("%s/fingerprint %v", where, err)
	}
	if _, err := t.signer(); err != nil {
		return network.Wrong("%s/key cannot be read: %v", where, err)
	}
	return nil
}

// target completes what is said of a device with the defaults.
func (n *Network) target(name string, d Device) Target {
	if d.Password == "" && d.Key == "" {
		d.Password, d.Key, d.Passphrase = n.Defaults.Password, n.Defaults.Key, n.Defaults.Passphrase
	}
	d.Host = cmp.Or(d.Host, name)
	d.Platform = cmp.Or(d.Platform, n.Defaults.Platform)
	d.Prompt = cmp.Or(d.Prompt, n.Defaults.Prompt)
	d.User = cmp.Or(d.User, n.Defaults.User)
	d.Enable = cmp.Or(d.Enable, n.Defaults.Enable)
	d.Fingerprint = cmp.Or(d.Fingerprint, n.Defaults.Fingerprint)
	d.Port = cmp.Or(d.Port, n.Defaults.Port, n.port)
	d.Groups = append(slices.Clone(d.Groups), n.Defaults.Groups...)
	return Target{name, d}
}

// Targets finds devices by name or allowed address, and those of groups, each once, in the
// order asked for. The error names all that are missing.
func (n *Network) Targets(names, groups []string) ([]Target, error) {
	var out []Target
	var missing []string
	add := func(t Target) {
		if !slices.ContainsFunc(out, func(o Target) bool { return o.Name == t.Name }) {
			out = append(out, t)
		}
	}
	for _, name := range names {
		t, ok := n.find(name)
		if !ok {
			missing = append(missing, fmt.Sprintf("%q", name))
			continue
		}
		if err := n.check(t); err != nil {
			return nil, err
		}
		add(t)
	}
	for _, g := range groups {
		found := false
		for _, name := range slices.Sorted(maps.Keys(n.Devices)) {
			if t := n.target(name, n.Devices[name]); slices.Contains(t.Groups, g) {
				add(t)
				found = true
			}
		}
		if !found {
			missing = append(missing, fmt.Sprintf("group %q", g))
		}
	}
	switch {
	case missing != nil:
		return nil, network.Wrong("the adapter instance does not know %s", strings.Join(missing, ", "))
	case out == nil:
		return nil, network.Wrong("/devices or /groups must name at least one device")
	}
	return out, nil
}

// find finds a device by name or allowed address.
func (n *Network) find(name string) (Target, bool) {
	if d, ok := n.Devices[name]; ok {
		return n.target(name, d), true
	}
	addr, err := netip.ParseAddr(name)
	if err != nil || !slices.ContainsFunc(n.addresses, func(p netip.Prefix) bool { return p.Contains(addr.Unmap()) }) {
		return Target{}, false
	}
	return n.target(name, Device{}), true
}

// Guest is a device as a task describes it: one of the inventory, with log-in data of its own, or one
// at an allowed address.
func (n *Network) Guest(name string, d Device) (Target, error) {
	t, ok := n.find(name)
	if !ok && d.Host != "" {
		t, ok = n.find(d.Host)
		t.Name = name
	}
	if !ok {
		return t, network.Wrong("the adapter instance does not know %q", name)
	}
	d.Host, d.Fingerprint, d.Groups = t.Host, t.Fingerprint, t.Groups // these are not for a task to say
	if d.User == "" {
		d.User, d.Password, d.Key, d.Passphrase = t.User, t.Password, t.Key, t.Passphrase
	}
	d.Port, d.Platform, d.Prompt, d.Enable = cmp.Or(d.Port, t.Port), cmp.Or(d.Platform, t.Platform), t.Prompt, cmp.Or(d.Enable, t.Enable)
	t.Device = d
	return t, n.check(t)
}

// ConnectTimeout is how long connecting and logging in may take.
func (n *Network) ConnectTimeout() time.Duration {
	return time.Duration(n.ConnectSeconds) * time.Second
}

// Timeout is how long one command may take: what a call asks for, else what the instance says.
func (n *Network) Timeout(seconds int) time.Duration {
	if seconds <= 0 {
		seconds = n.TimeoutSeconds
	}
	return time.Duration(min(seconds, maxTimeout)) * time.Second
}

// Each does the work for all devices, some at once, and tells the call how far it is. It returns
// when all are done or the context has ended, with the errors in the order of the devices.
func (n *Network) Each(ctx context.Context, call *adapters.Call, targets []Target, do func(ctx context.Context, i int) error) []error {
	errs := make([]error, len(targets))
	done := make(chan int)
	for i := range targets {
		go func() {
			defer func() { done <- i }()
			select {
			case n.slots <- struct{}{}:
				defer func() { <-n.slots }()
				errs[i] = guarded(func() error { return do(ctx, i) })
			case <-ctx.Done():
				errs[i] = ctx.Err()
			}
		}()
	}
	for k := range targets {
		i := <-done
		call.Progress(float64(k+1)*100/float64(len(targets)), fmt.Sprintf("%s: %d of %d devices", targets[i].Name, k+1, len(targets)))
	}
	return errs
}

// guarded turns a panic, which what a device says must not cause, into the error of that device.
func guarded(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &adapters.Error{Class: engine.ClassInternal, Text: fmt.Sprintf("the adapter panicked: %v", p), Retryable: new(bool)}
		}
	}()
	return do()
}
