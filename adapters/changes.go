package adapters

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// Changes is what a guarded method would do to its target.
type Changes struct {
	Present int64 // entries there are in the target; relative limits refer to it
	List    []Change
}

// Change is what would become of one entry. Before and After are for people to judge it by and
// for the method to write it from: a validated change set is all that apply gets.
type Change struct {
	Kind   workflows.ChangeKind
	ID     string
	Before value.Value
	After  value.Value
}

// Counts are the changes by kind.
func (c Changes) Counts() workflows.Counts {
	n := workflows.Counts{}
	for _, change := range c.List {
		n[change.Kind]++
	}
	return n
}

// sampled is how many changes are shown to who has to judge a change set.
const sampled = 20

// summary is {present, total, counts, digest}.
func (c Changes) summary() value.Value {
	counts := c.Counts()
	var by value.Members
	for _, kind := range workflows.ChangeKinds() {
		by.Set(string(kind), value.Int(counts[kind]))
	}
	return value.Object("present", value.Int(c.Present), "total", value.Int(int64(len(c.List))), "counts", by.Value(), "digest", value.String(c.digest()))
}

// value is the summary with all changes.
func (c Changes) value() value.Value { return c.summary().With("list", c.list(len(c.List))) }

func (c Changes) list(most int) value.Value {
	out := make([]value.Value, 0, min(most, len(c.List)))
	for _, change := range c.List[:min(most, len(c.List))] {
		var m value.Members
		m.Set("kind", value.String(string(change.Kind))).Set("id", value.String(change.ID))
		if !change.Before.IsAbsent() {
			m.Set("before", change.Before)
		}
		if !change.After.IsAbsent() {
			m.Set("after", change.After)
		}
		out = append(out, m.Value())
	}
	return value.Array(out...)
}

// digest tells one change set from another: the SHA-256 of its changes.
func (c Changes) digest() string {
	sum := sha256.Sum256(c.list(len(c.List)).AppendJSON(nil))
	return hex.EncodeToString(sum[:])
}

// check refuses what a guard could not count.
func (c Changes) check() error {
	for i, change := range c.List {
		switch change.Kind {
		case workflows.Create, workflows.Modify, workflows.Delete:
		default:
			return fmt.Errorf("change %d of %q is of the kind %q; it must be create, modify or delete", i, change.ID, change.Kind)
		}
	}
	return nil
}

// parseChanges reads a change set that was blocked, and refuses one that has been altered since.
func parseChanges(v value.Value) (Changes, error) {
	var c Changes
	if !v.Get("list").IsArray() {
		return c, fmt.Errorf("the order has no change set to validate")
	}
	c.Present, _ = v.Get("present").Int()
	for _, e := range v.Get("list").Elements() {
		c.List = append(c.List, Change{
			Kind: workflows.ChangeKind(e.Get("kind").Text()), ID: e.Get("id").Text(), Before: e.Get("before"), After: e.Get("after"),
		})
	}
	if c.digest() != v.Get("digest").Text() {
		return c, fmt.Errorf("the change set to validate is not the one that was blocked: its digest is %s, not %s", c.digest(), v.Get("digest").Text())
	}
	return c, c.check()
}
