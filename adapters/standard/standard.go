// Package standard lists the kinds of adapters that Heddle ships.
package standard

import (
	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/http"
	"github.com/heddlehq/heddle/adapters/lab"
	"github.com/heddlehq/heddle/adapters/mail"
)

// Kinds are the kinds that ship, ordered by app. Each call makes new ones.
func Kinds() []*adapters.Kind {
	return []*adapters.Kind{
		mail.Kind(),
		http.Kind(),
		lab.Kind(),
	}
}
