package cli

import (
	"testing"

	"github.com/scrapli/scrapligo/driver/options"

	"github.com/heddlehq/heddle/adapters/devices"
)

// Every platform can be talked to, and every way of theirs from mode to mode is known.
func TestDrivers(t *testing.T) {
	t.Parallel()
	for _, name := range Platforms() {
		d, n, err := drivers(devices.Target{Name: "r1", Device: devices.Device{Host: "r1", Platform: name}}, options.WithCustomTransport(&link{}))
		if err != nil || d == nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if n == nil {
			continue
		}
		for mode, level := range n.PrivilegeLevels {
			if level.PreviousPriv == "" && mode != n.DefaultDesiredPriv && mode != "exec" && mode != "linux" {
				t.Errorf("%s: nothing leads to the mode %s", name, mode)
			}
			if level.PreviousPriv != "" && n.PrivilegeLevels[level.PreviousPriv] == nil {
				t.Errorf("%s: the mode %s is entered from %s, which was left out", name, mode, level.PreviousPriv)
			}
		}
	}
	for name := range dialects {
		if !known(name) {
			t.Errorf("there is no platform %s", name)
		}
	}
}
