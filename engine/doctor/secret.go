package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// secrets looks for the canaries in every document there is.
func (c *checker) secrets(ctx context.Context) error {
	if len(c.Canaries) == 0 {
		return nil
	}
	wanted := make([]canary, len(c.Canaries))
	for i, secret := range c.Canaries {
		if secret == "" {
			return fmt.Errorf("canary %d is empty: every document holds that", i+1)
		}
		wanted[i] = newCanary(secret)
	}
	for _, kind := range schema.All() {
		err := c.all(ctx, "canaries in "+kind.Name, kind.Name, func(docs []store.Doc) error {
			var first []suspect
			var again []string
			for _, d := range docs {
				if found := told(wanted, kind.Name, d); len(found) > 0 {
					first, again = append(first, found...), append(again, d.ID)
				}
			}
			return c.settle(ctx, first, func() ([]suspect, error) {
				var second []suspect
				for _, id := range again {
					d, err := c.Store.Get(ctx, kind.Name, id)
					if errors.Is(err, store.ErrNotFound) {
						continue
					}
					if err != nil {
						return nil, fmt.Errorf("read %s %q: %w", kind.Name, hide(wanted, id), err)
					}
					second = append(second, told(wanted, kind.Name, d)...)
				}
				return second, nil
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// canary is a secret in the forms in which a document may hold it.
type canary struct {
	secret string
	forms  []string
}

// newCanary writes a secret as it is, as text of JSON, and as text of JSON within such a text,
// as when an answer is kept as received.
func newCanary(secret string) canary {
	forms := []string{secret}
	for range 2 {
		for _, f := range forms {
			forms = append(forms, inner(value.AppendString(nil, f)))
			if html, err := json.Marshal(f); err == nil { // \u003c and the like, as many write it
				forms = append(forms, inner(html))
			}
		}
	}
	slices.Sort(forms)
	return canary{secret, slices.Compact(forms)}
}

func inner(quoted []byte) string { return string(quoted[1 : len(quoted)-1]) }

func (c canary) in(text []byte) bool {
	for _, f := range c.forms {
		if bytes.Contains(text, []byte(f)) {
			return true
		}
	}
	return false
}

// told lists a document once if it holds canaries.
func told(wanted []canary, collection string, d store.Doc) []suspect {
	var numbers []string
	for i, w := range wanted {
		if w.in(d.Body) || w.in([]byte(d.ID)) {
			numbers = append(numbers, fmt.Sprint(i+1))
		}
	}
	if len(numbers) == 0 {
		return nil
	}
	return []suspect{finding(Secret, collection, hide(wanted, d.ID), "It holds canary %s in plain text.", strings.Join(numbers, " and "))}
}

// hide keeps an identifier from telling a secret.
func hide(wanted []canary, id string) string {
	for _, w := range wanted {
		id = strings.ReplaceAll(id, w.secret, "***")
	}
	return id
}
