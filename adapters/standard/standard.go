// Package standard lists the kinds of adapters that Heddle ships.
package standard

import (
	"slices"
	"strings"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/cli"
	"github.com/heddlehq/heddle/adapters/command"
	"github.com/heddlehq/heddle/adapters/git"
	"github.com/heddlehq/heddle/adapters/http"
	"github.com/heddlehq/heddle/adapters/kafka"
	"github.com/heddlehq/heddle/adapters/lab"
	"github.com/heddlehq/heddle/adapters/ldap"
	"github.com/heddlehq/heddle/adapters/mail"
	"github.com/heddlehq/heddle/adapters/mongo"
	"github.com/heddlehq/heddle/adapters/nats"
	"github.com/heddlehq/heddle/adapters/netconf"
	"github.com/heddlehq/heddle/adapters/scim"
	"github.com/heddlehq/heddle/adapters/sql"
	"github.com/heddlehq/heddle/adapters/webhook"
)

// Kinds are the kinds that ship, ordered by app. Each call makes new ones.
func Kinds() []*adapters.Kind {
	kinds := []*adapters.Kind{
		cli.Gateway(),
		cli.Kind(),
		command.Kind(),
		git.Kind(),
		http.Kind(),
		kafka.Kind(),
		lab.Kind(),
		ldap.Kind(),
		mail.Kind(),
		mongo.Kind(),
		nats.Kind(),
		netconf.Kind(),
		scim.Kind(),
		sql.Kind(),
		webhook.Kind(),
	}
	slices.SortFunc(kinds, func(a, b *adapters.Kind) int { return strings.Compare(a.App, b.App) })
	return kinds
}
