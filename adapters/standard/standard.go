// Package standard lists the kinds of adapters that Heddle ships.
package standard

import (
	"slices"
	"strings"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/cli"
	"github.com/heddlehq/heddle/adapters/http"
	"github.com/heddlehq/heddle/adapters/lab"
	"github.com/heddlehq/heddle/adapters/mail"
	"github.com/heddlehq/heddle/adapters/netconf"
	"github.com/heddlehq/heddle/adapters/receiver"
)

// Kinds are the kinds that ship, ordered by app. Each call makes new ones.
func Kinds() []*adapters.Kind {
	kinds := []*adapters.Kind{
		cli.Gateway(),
		cli.Kind(),
		http.Kind(),
		lab.Kind(),
		mail.Kind(),
		netconf.Kind(),
		receiver.Kind(),
	}
	slices.SortFunc(kinds, func(a, b *adapters.Kind) int { return strings.Compare(a.App, b.App) })
	return kinds
}
