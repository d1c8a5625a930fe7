package cli

import (
	"regexp"
	"slices"

	"github.com/scrapli/scrapligo/assets"
	"github.com/scrapli/scrapligo/driver/generic"
	modes "github.com/scrapli/scrapligo/driver/network"
	"github.com/scrapli/scrapligo/driver/options"
	"github.com/scrapli/scrapligo/platform"
	"github.com/scrapli/scrapligo/util"

	"github.com/heddlehq/heddle/adapters/devices"
	"github.com/heddlehq/heddle/adapters/network"
)

// platformGeneric is a device of which nothing but its prompt is known.
const platformGeneric = "generic"

// The modes of a command line that are used.
const (
	modePrivileged = "privilege-exec"
	modeConfig     = "configuration"
)

// unused are modes that are never entered: they only add prompts that output may be taken for.
var unused = []string{"configuration-exclusive", "configuration-private", "root-shell", "run", "shell", "tclsh"}

// dialect is how a platform works on a candidate configuration; the commands are those of its
// configuration mode, except save.
type dialect struct {
	enter   string // instead of the usual command; %s is a name of its own
	diff    string
	commit  string
	discard string
	save    string // keeps the running configuration for the next start
	fails   []string
	above   *regexp.Regexp // what stands on lines of its own above the prompt
}

// edit is where in the configuration one is, and which half of a pair one is on.
var edit = regexp.MustCompile(`\n*(\{\w+(:\w+)?\})?\n*(\[edit[^\]\n]*\])?$`)

var dialects = map[string]dialect{
	"arista_eos":  {enter: "configure session %s", diff: "show session-config diffs", commit: "commit", discard: "abort", save: "write memory"},
	"cisco_asa":   {save: "write memory"},
	"cisco_iosxe": {save: "write memory"},
	"cisco_iosxr": {diff: "show commit changes diff", commit: "commit", discard: "abort", fails: []string{"% Failed to commit"}},
	"cisco_nxos":  {save: "copy running-config startup-config"},
	// Exclusive, so that nobody else's changes are committed, and so that a session that breaks off leaves nothing behind.
	"juniper_junos": {enter: "configure exclusive", diff: "show | compare", commit: "commit", discard: "rollback 0", fails: []string{"error:"}, above: edit},
	"vyatta_vyos":   {diff: "compare", commit: "commit", discard: "discard", fails: []string{"Commit failed"}, above: edit},
}

// ASA is a platform that the library does not describe.
const asa = `---
platform-type: 'cisco_asa'
default:
  driver-type: 'network'
  privilege-levels:
    exec: {name: exec, pattern: '(?im)^[\w.\-@/:]{1,63}>\s?$'}
    privilege-exec:
      name: privilege-exec
      pattern: '(?im)^[\w.\-@/:]{1,63}#\s?$'
      previous-priv: exec
      deescalate: disable
      escalate: enable
      escalate-auth: true
      escalate-prompt: '(?im)^(?:enable\s)?password:\s?$'
    configuration:
      name: configuration
      pattern: '(?im)^[\w.\-@/:]{1,63}\(config[\w.\-@/:+]{0,32}\)#\s?$'
      previous-priv: privilege-exec
      deescalate: end
      escalate: configure terminal
  default-desired-privilege-level: privilege-exec
  failed-when-contains: ['% Ambiguous command', '% Incomplete command', '% Invalid input detected', 'ERROR: %', 'Command not valid']
  network-on-open:
    - operation: acquire-priv
    - operation: driver.send-command
      command: terminal pager 0
`

// Platforms lists the names of the platforms in order.
func Platforms() []string {
	out := []string{"cisco_asa", platformGeneric}
	for _, name := range platform.GetPlatformNames() {
		if _, err := assets.Assets.ReadFile("platforms/" + name + ".yaml"); err == nil { // one has a name and no description
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func known(name string) bool { return slices.Contains(Platforms(), name) }

// drivers builds what talks to a device. There is no network driver for devices of which too
// little is known.
func drivers(t devices.Target, opts ...util.Option) (*generic.Driver, *modes.Driver, error) {
	if t.Platform == platformGeneric {
		if t.Prompt != "" {
			re, err := regexp.Compile("(?m)" + t.Prompt)
			if err != nil {
				return nil, nil, network.Wrong("the prompt of %s is not a pattern: %v", t.Name, err)
			}
			opts = append(opts, options.WithPromptPattern(re))
		}
		d, err := generic.NewDriver(t.Host, opts...)
		return d, nil, err
	}
	if !known(t.Platform) { // the library would take it for the name of a file
		return nil, nil, network.Wrong("platform %q of %s is not known", t.Platform, t.Name)
	}
	var definition any = t.Platform
	if t.Platform == "cisco_asa" {
		definition = []byte(asa)
	}
	p, err := platform.NewPlatform(definition, t.Host, opts...)
	if err != nil {
		return nil, nil, err
	}
	n, err := p.GetNetworkDriver()
	if err != nil {
		d, err := p.GetGenericDriver()
		return d, nil, err
	}
	for _, name := range unused {
		delete(n.PrivilegeLevels, name)
	}
	n.UpdatePrivileges()
	n.OnClose = nil // the connection is closed, which ends the command line
	return n.Driver, n, nil
}
