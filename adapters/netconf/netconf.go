// Package netconf is an adapter for network devices that speak NETCONF over SSH (RFC 6241, 6242).
// An instance is an inventory of devices, as that of package cli:
//
//	{
//	  "defaults": {"user": "heddle", "password": "$secret.network"},
//	  "devices": {"core-1": {"host": "10.0.0.1", "fingerprint": "SHA256:..."}}
//	}
//
// A task names devices or groups; each gets its own result. Where a device has a candidate
// configuration, an edit is made there under a lock and committed as a whole or discarded.
package netconf

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/devices"
	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/workflows/value"
)

// App is how tasks name the adapter.
const App = "Netconf"

// port is where NETCONF is.
const port = 830

// Kind is the adapter.
func Kind() *adapters.Kind {
	return &adapters.Kind{
		App: App, Version: "1.0.0", Summary: "Reads and configures network devices over NETCONF.", Config: adapters.SchemaOf[devices.Config](),
		Open: func(_ context.Context, i adapters.Instance) (any, error) {
			var c devices.Config
			if err := i.Config.Decode(&c); err != nil {
				return nil, network.Wrong("%v", err)
			}
			return devices.Open(c, port)
		},
		Methods: []adapters.Spec{
			adapters.Method("capabilities", capabilities).Says("Asks devices what they can do.").ReadOnly().MayWarn(),
			adapters.Method("commit", commit).Says("Puts the candidate configuration in force.").MayWarn(),
			adapters.Method("discard", discard).Says("Discards the candidate configuration.").MayWarn(),
			adapters.Method("editConfig", editConfig).Says("Changes the configuration of devices.").MayWarn(),
			adapters.Method("get", get).Says("Reads state and configuration of devices.").ReadOnly().MayWarn(),
			adapters.Method("getConfig", getConfig).Says("Reads a configuration of devices.").ReadOnly().MayWarn(),
			adapters.Method("rpc", rpc).Says("Sends any operation to devices.").MayWarn(),
		},
	}
}

type targets struct {
	Devices        []string `json:"devices,omitempty" doc:"names of devices, or addresses that the instance allows"`
	Groups         []string `json:"groups,omitempty" doc:"names of groups of devices"`
	TimeoutSeconds int      `json:"timeoutSeconds,omitempty" doc:"of one operation; the instance's unless given"`
}

// Answer is the result of one device.
type Answer struct {
	Device       string           `json:"device"`
	Host         string           `json:"host"`
	Success      bool             `json:"success"`
	XML          string           `json:"xml,omitempty"`          // what the device answered
	Data         value.Value      `json:"data,omitzero"`          // the same by element names
	Warnings     []string         `json:"warnings,omitempty"`     // of the device
	Capabilities []string         `json:"capabilities,omitempty"` // of the method capabilities
	Committed    bool             `json:"committed,omitempty"`    // the change is in force
	Discarded    bool             `json:"discarded,omitempty"`    // nothing of the change stayed
	Error        *devices.Problem `json:"error,omitempty"`
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
		s, err := open(ctx, n, found[i], n.Timeout(t.TimeoutSeconds))
		if err != nil {
			return err
		}
		defer s.close()
		return do(ctx, s, &out.Results[i])
	})
	for i, err := range errs {
		a := &out.Results[i]
		a.Device, a.Host, a.Success, a.Error = found[i].Name, found[i].Host, err == nil, devices.ProblemOf(err)
	}
	return out, devices.Ending(ctx, found, errs, out.Results)
}

// read does one operation whose answer is the result.
func (t *targets) read(ctx context.Context, call *adapters.Call, operation string) (answers, error) {
	return t.on(ctx, call, func(ctx context.Context, s *session, a *Answer) error {
		r, err := s.do(ctx, operation, true)
		if err != nil {
			return err
		}
		a.XML, a.Warnings = r.content(), r.warnings()
		a.Data, err = toValue(a.XML)
		return err
	})
}

func capabilities(ctx context.Context, call *adapters.Call, in targets) (answers, error) {
	return in.on(ctx, call, func(_ context.Context, s *session, a *Answer) error {
		a.Capabilities = s.capabilities
		return nil
	})
}

type reading struct {
	targets
	Filter string `json:"filter,omitempty" doc:"subtree filter, as XML: what to read; everything unless given"`
	XPath  string `json:"xpath,omitempty" doc:"filter as an XPath expression, for devices that know it"`
}

// filter is the element that chooses what is read.
func (r *reading) filter() (string, error) {
	switch {
	case r.Filter != "" && r.XPath != "":
		return "", network.Wrong("give either /filter or /xpath")
	case r.XPath != "":
		return `<filter type="xpath" select="` + escape(r.XPath) + `"/>`, nil
	case r.Filter != "":
		if err := wellFormed(r.Filter); err != nil {
			return "", network.Wrong("/filter %v", err)
		}
		return `<filter type="subtree">` + r.Filter + `</filter>`, nil
	}
	return "", nil
}

func get(ctx context.Context, call *adapters.Call, in reading) (answers, error) {
	filter, err := in.filter()
	if err != nil {
		return answers{}, err
	}
	return in.read(ctx, call, "<get>"+filter+"</get>")
}

type readingConfig struct {
	reading
	Source string `json:"source,omitempty" enum:"candidate,running,startup" doc:"running unless given"`
}

func getConfig(ctx context.Context, call *adapters.Call, in readingConfig) (answers, error) {
	filter, err := in.filter()
	if err != nil {
		return answers{}, err
	}
	return in.read(ctx, call, "<get-config><source><"+cmp.Or(in.Source, running)+"/></source>"+filter+"</get-config>")
}

type operation struct {
	targets
	RPC string `json:"rpc" doc:"the operation, as XML"`
}

func rpc(ctx context.Context, call *adapters.Call, in operation) (answers, error) {
	if err := wellFormed(in.RPC); err != nil {
		return answers{}, network.Wrong("/rpc %v", err)
	}
	return in.on(ctx, call, func(ctx context.Context, s *session, a *Answer) error {
		r, err := s.do(ctx, in.RPC, false)
		if err != nil {
			return err
		}
		a.XML, a.Warnings = r.content(), r.warnings()
		a.Data, err = toValue(a.XML)
		return err
	})
}

func commit(ctx context.Context, call *adapters.Call, in targets) (answers, error) {
	return in.on(ctx, call, func(ctx context.Context, s *session, a *Answer) error {
		r, err := s.do(ctx, "<commit/>", false)
		if err == nil {
			a.Committed, a.Warnings = true, r.warnings()
		}
		return err
	})
}

func discard(ctx context.Context, call *adapters.Call, in targets) (answers, error) {
	return in.on(ctx, call, func(ctx context.Context, s *session, a *Answer) error {
		_, err := s.do(ctx, "<discard-changes/>", true)
		a.Discarded = err == nil
		return err
	})
}

// The stores of configuration.
const (
	candidate = "candidate"
	running   = "running"
)

type editing struct {
	targets
	Config           string `json:"config" doc:"the content of the config element, as XML"`
	Target           string `json:"target,omitempty" enum:"candidate,running,startup" doc:"the candidate configuration unless given, or running where a device has none"`
	DefaultOperation string `json:"defaultOperation,omitempty" enum:"merge,none,replace" doc:"merge unless given"`
	DryRun           bool   `json:"dryRun,omitempty" doc:"edit and validate the candidate configuration, then discard it"`
	KeepCandidate    bool   `json:"keepCandidate,omitempty" doc:"leave the change in the candidate configuration, for commit or discard"`
}

func editConfig(ctx context.Context, call *adapters.Call, in editing) (answers, error) {
	if err := wellFormed(in.Config); err != nil {
		return answers{}, network.Wrong("/config %v", err)
	}
	if (in.DryRun || in.KeepCandidate) && in.Target != "" && in.Target != candidate {
		return answers{}, network.Wrong("/target must be candidate for /dryRun and /keepCandidate, not %s", in.Target)
	}
	if in.DryRun && in.KeepCandidate {
		return answers{}, network.Wrong("give either /dryRun or /keepCandidate")
	}
	return in.on(ctx, call, in.edit)
}

// edit changes the configuration of one device.
func (in *editing) edit(ctx context.Context, s *session, a *Answer) error {
	target := in.Target
	if target == "" {
		target = running
		if s.can("candidate") {
			target = candidate
		}
	}
	if target != candidate && (in.DryRun || in.KeepCandidate) {
		return network.Wrong("the device has no candidate configuration")
	}
	if _, err := s.do(ctx, "<lock><target><"+target+"/></target></lock>", true); err != nil {
		return err
	}
	element := "<edit-config><target><" + target + "/></target>"
	if in.DefaultOperation != "" {
		element += "<default-operation>" + in.DefaultOperation + "</default-operation>"
	}
	if s.can("rollback-on-error") {
		element += "<error-option>rollback-on-error</error-option>"
	}
	element += "<config>" + in.Config + "</config></edit-config>"
	r, err := s.do(ctx, element, target == candidate)
	if err == nil && target == candidate {
		a.Warnings = r.warnings()
		err = in.finish(ctx, s, a)
	} else if err == nil {
		a.Warnings, a.Committed = r.warnings(), true
	}
	if err != nil && target == candidate {
		err = s.undo(ctx, a, err)
	}
	if _, unlock := s.do(ctx, "<unlock><target><"+target+"/></target></unlock>", true); unlock != nil && err == nil {
		a.Warnings = append(a.Warnings, "the lock could not be given back: "+unlock.Error()) // it ends with the session
	}
	return err
}

// finish validates an edited candidate configuration and does with it what is wanted.
func (in *editing) finish(ctx context.Context, s *session, a *Answer) error {
	if s.can("validate") {
		if _, err := s.do(ctx, "<validate><source><candidate/></source></validate>", true); err != nil {
			return err
		}
	}
	switch {
	case in.DryRun:
		_, err := s.do(ctx, "<discard-changes/>", true)
		a.Discarded = err == nil
		return err
	case in.KeepCandidate:
		return nil
	}
	r, err := s.do(ctx, "<commit/>", false)
	if err == nil {
		a.Committed, a.Warnings = true, append(a.Warnings, r.warnings()...)
	}
	return err
}

// undo discards a candidate configuration that could not be put in force.
func (s *session) undo(ctx context.Context, a *Answer, why error) error {
	if s.broken != nil {
		return why // the device discards it with the lock
	}
	if _, err := s.do(ctx, "<discard-changes/>", true); err != nil {
		return fmt.Errorf("%w; the candidate configuration could not be discarded: %w", why, err)
	}
	a.Discarded = true
	return why
}

// can tells whether the device has a capability of the base standard, of any version.
func (s *session) can(name string) bool {
	return slices.ContainsFunc(s.capabilities, func(c string) bool {
		return strings.HasPrefix(c, "urn:ietf:params:netconf:capability:"+name+":")
	})
}
