package workflows

import (
	"fmt"

	"github.com/heddlehq/heddle/workflows/value"
)

// ChangeKind is what a change does to an entry of its target.
type ChangeKind string

// The kinds of changes.
const (
	Create ChangeKind = "create"
	Modify ChangeKind = "modify"
	Delete ChangeKind = "delete"
)

// ChangeKinds lists the kinds in the order that people are shown them.
func ChangeKinds() []ChangeKind { return []ChangeKind{Create, Modify, Delete} }

// Guard bounds what a method may change in its target. It is asked with the change set before
// the first write. The zero Guard bounds nothing.
type Guard struct {
	Limits map[ChangeKind]Limit
}

// Limit is how many changes of a kind are too many; a bound of 0 is switched off. The bound
// itself counts as too many. Of two bounds the strictest wins.
type Limit struct {
	Max     int64   // changes
	Percent float64 // of what is present in the target; says nothing about an empty one
}

// Counts are the changes of a change set by kind.
type Counts map[ChangeKind]int64

// Total is the number of all changes.
func (c Counts) Total() int64 { return c[Create] + c[Modify] + c[Delete] }

// Breach is a limit that a change set reached.
type Breach struct {
	Kind    ChangeKind
	Count   int64
	Limit   int64   // the fewest changes that are too many
	Percent float64 // the bound it follows from, 0 when that is an absolute one
}

func (b Breach) String() string {
	text := fmt.Sprintf("%d to %s, the limit is %d", b.Count, b.Kind, b.Limit)
	if b.Percent > 0 {
		text += fmt.Sprintf(" (%g %% of what is there)", b.Percent)
	}
	return text
}

// Reached lists the limits that a change set reaches in a target with present entries, one a
// kind at most.
func (g Guard) Reached(counts Counts, present int64) []Breach {
	var out []Breach
	for _, kind := range ChangeKinds() {
		b := Breach{Kind: kind, Count: counts[kind]}
		if b.bound(g.Limits[kind], present) && b.Count > 0 && b.Count >= b.Limit {
			out = append(out, b)
		}
	}
	return out
}

// bound finds the strictest limit; false when there is none.
func (b *Breach) bound(l Limit, present int64) bool {
	b.Limit = l.Max
	if l.Percent > 0 && present > 0 {
		part := l.Percent * float64(present) / 100
		most := int64(part)
		if float64(most) < part {
			most++
		}
		if b.Limit == 0 || most < b.Limit {
			b.Limit, b.Percent = most, l.Percent
		}
	}
	return b.Limit > 0
}

// And is a guard that keeps both: of each bound the stricter one.
func (g Guard) And(other Guard) Guard {
	out := Guard{Limits: map[ChangeKind]Limit{}}
	for _, kind := range ChangeKinds() {
		a, b := g.Limits[kind], other.Limits[kind]
		l := Limit{Max: stricter(a.Max, b.Max), Percent: stricter(a.Percent, b.Percent)}
		if l != (Limit{}) {
			out.Limits[kind] = l
		}
	}
	return out
}

func stricter[N int64 | float64](a, b N) N {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

// Value is the guard as documents write it, Absent for one without limits.
func (g Guard) Value() value.Value {
	out := value.Absent
	for _, kind := range ChangeKinds() {
		l, ok := g.Limits[kind]
		if !ok {
			continue
		}
		var m value.Members
		if l.Max > 0 {
			m.Set("max", value.Int(l.Max))
		}
		if l.Percent > 0 {
			m.Set("percent", value.Number(l.Percent))
		}
		out = out.With(string(kind), m.Value())
	}
	return out
}

// ParseGuard reads {"create": 100, "modify": {"max": 50, "percent": 10}, "delete": ...}: a
// number is an absolute limit, null none.
func ParseGuard(v value.Value) (Guard, Problems) {
	r := &reader{}
	return r.limits(v, ""), r.problems
}

func (r *reader) limits(v value.Value, at string) Guard {
	g := Guard{}
	if v.IsNothing() {
		return g
	}
	if !v.IsObject() {
		r.errorf(at, "type", "A guard must be an object with limits for \"create\", \"modify\" and \"delete\", not %s.", article(v.Kind()))
		return g
	}
	g.Limits = map[ChangeKind]Limit{}
	for key, m := range v.Members() {
		at := at + pointer(key)
		switch kind := ChangeKind(key); kind {
		case Create, Modify, Delete:
			if l := r.limit(m, at); l != (Limit{}) {
				g.Limits[kind] = l
			}
		default:
			r.errorf(at, "guard", "A guard has limits for \"create\", \"modify\" and \"delete\", not for %s.", quote(key))
		}
	}
	return g
}

func (r *reader) limit(v value.Value, at string) Limit {
	if !v.IsObject() && !v.IsNothing() {
		most, ok := v.Int()
		if !ok || most < 0 {
			r.errorf(at, "guard", "A limit must be a whole number of at least 0, or an object with \"max\" and \"percent\".")
			return Limit{}
		}
		return Limit{Max: most}
	}
	for _, key := range v.Keys() {
		if key != "max" && key != "percent" {
			r.errorf(at+pointer(key), "guard", "A limit has \"max\" and \"percent\", not %s.", quote(key))
		}
	}
	return Limit{Max: r.whole(v, at, "max"), Percent: r.factor(v, at, "percent", 10_000)}
}
