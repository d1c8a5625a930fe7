package scim

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

type wanting struct {
	Resource string        `json:"resource" enum:"Groups,Users" doc:"what kind of resources"`
	Entries  []value.Value `json:"entries" doc:"the resources that are wanted, with the attributes they are to have; others stay as they are. Members of groups may be user names in place of {value: id}"`
	Key      string        `json:"key,omitempty" doc:"attribute by which entries are known again; userName of users and displayName of groups unless given"`
	Complete bool          `json:"complete,omitempty" doc:"resources that are not wanted are to be deleted"`
	Filter   string        `json:"filter,omitempty" doc:"the resources that this is about, as a SCIM filter; others are left alone"`
	Where    []condition   `json:"where,omitempty" doc:"the same as conditions that must all hold"`
}

// Attributes with a meaning of their own.
const (
	attrMembers  = "members"
	attrPassword = "password" // never given back by a service: it is set when a user is created
)

// served are attributes that are the service's to say.
var served = []string{"groups", "id", "meta", "schemas"}

// key is the attribute that tells entries apart.
func (in *wanting) key() string {
	switch {
	case in.Key != "":
		return in.Key
	case in.Resource == groups:
		return "displayName"
	}
	return "userName"
}

// keyOf is an entry's key for comparing. What SCIM itself does not tell apart by case is not here.
func (in *wanting) keyOf(v value.Value) string {
	text := attribute(v, in.key()).Text()
	if in.key() == "userName" {
		return strings.ToLower(text)
	}
	return text
}

// check tidies the entries and finds those that cannot be told apart.
func (in *wanting) check() (map[string]value.Value, []string, error) {
	if !attributePath.MatchString(in.key()) || strings.ContainsAny(in.key(), ".:") {
		return nil, nil, network.Wrong("/key must be the name of an attribute, not %q", in.Key)
	}
	if in.Complete && len(in.Entries) == 0 {
		return nil, nil, network.Wrong("/entries must not be empty with /complete, which would delete every one of the %s", in.Resource)
	}
	byKey := make(map[string]value.Value, len(in.Entries))
	var order []string
	for i, e := range in.Entries {
		k := in.keyOf(e)
		switch {
		case !e.IsObject():
			return nil, nil, network.Wrong("/entries/%d must be an object, not %s", i, e.Kind())
		case k == "":
			return nil, nil, network.Wrong("/entries/%d/%s must be a text that is not empty: entries are known by it", i, in.key())
		case !byKey[k].IsAbsent():
			return nil, nil, network.Wrong("/entries/%d: another entry has the %s %q, too", i, in.key(), k)
		}
		byKey[k] = e.Without(served...)
		order = append(order, k)
	}
	return byKey, order, nil
}

// plan compares what is wanted with what is there.
func plan(ctx context.Context, c *adapters.Call, in wanting) (adapters.Changes, error) {
	s := adapters.Client[*service](c)
	wanted, order, err := in.check()
	if err != nil {
		return adapters.Changes{}, err
	}
	filter, err := chosen(in.Filter, in.Where)
	if err != nil {
		return adapters.Changes{}, err
	}
	if err := s.resolveMembers(ctx, c, in, wanted); err != nil {
		return adapters.Changes{}, err
	}
	there, err := s.list(ctx, c, in.Resource, filter, nil, maxList)
	if err != nil {
		return adapters.Changes{}, err
	}
	if there.Total > len(there.Resources) {
		return adapters.Changes{}, network.Remote(false, "the service gives %d of %d %s: no plan is made from a part", len(there.Resources), there.Total, in.Resource)
	}
	present := make(map[string]value.Value, len(there.Resources))
	for _, r := range there.Resources {
		if k := in.keyOf(r); k != "" {
			if !present[k].IsAbsent() {
				return adapters.Changes{}, network.Remote(false, "two of the %s have the %s %q", in.Resource, in.key(), k)
			}
			present[k] = r
		}
	}
	out := adapters.Changes{Present: int64(len(there.Resources))}
	for _, k := range order {
		w, r := wanted[k], present[k]
		if r.IsAbsent() {
			out.List = append(out.List, adapters.Change{Kind: workflows.Create, ID: attribute(w, in.key()).Text(), After: w.Without(attrPassword)})
			continue
		}
		if before, after := difference(r, w, in.key()); after.Len() > 0 {
			out.List = append(out.List, adapters.Change{Kind: workflows.Modify, ID: attribute(w, in.key()).Text(), Before: named(r, before), After: after})
		}
	}
	if !in.Complete {
		return out, nil
	}
	for _, r := range there.Resources {
		if k := in.keyOf(r); wanted[k].IsAbsent() {
			id := attribute(r, in.key()).Text()
			if id == "" {
				id = r.Get("id").Text()
			}
			out.List = append(out.List, adapters.Change{Kind: workflows.Delete, ID: id, Before: named(r, value.Object())})
		}
	}
	return out, nil
}

// named adds what finds a resource again, and its version, to what it has.
func named(r, have value.Value) value.Value {
	have = have.With("id", r.Get("id"))
	if version := r.Path("meta", "version"); version.Text() != "" {
		have = have.WithPath([]string{"meta", "version"}, version)
	}
	return have
}

// difference is what a resource has in place of what is wanted, and what is wanted there. The key
// is the same.
func difference(r, wanted value.Value, key string) (before, after value.Value) {
	before, after = value.Object(), value.Object()
	for name, w := range wanted.Members() {
		p := attribute(r, name)
		if strings.EqualFold(name, key) || name == attrPassword || holds(p, w) {
			continue
		}
		after = after.With(name, w)
		if !p.IsAbsent() {
			before = before.With(name, p)
		}
	}
	return before, after
}

// resolveMembers puts ids in place of the user names of members.
func (s *service) resolveMembers(ctx context.Context, c *adapters.Call, in wanting, wanted map[string]value.Value) error {
	if in.Resource != groups || !slices.ContainsFunc(in.Entries, func(e value.Value) bool {
		return slices.ContainsFunc(attribute(e, attrMembers).Slice(), value.Value.IsString)
	}) {
		return nil
	}
	all, err := s.list(ctx, c, users, "", []string{"id", "userName"}, maxList)
	if err != nil {
		return err
	}
	ids := make(map[string]string, len(all.Resources))
	for _, u := range all.Resources {
		ids[strings.ToLower(attribute(u, "userName").Text())] = u.Get("id").Text()
	}
	var missing []string
	for k, e := range wanted {
		var members []value.Value
		for _, m := range attribute(e, attrMembers).Elements() {
			if m.IsString() {
				id, ok := ids[strings.ToLower(m.Text())]
				if !ok {
					missing = append(missing, fmt.Sprintf("%q", m.Text()))
				}
				m = value.Object("value", value.String(id))
			}
			members = append(members, m)
		}
		if members != nil {
			wanted[k] = e.With(attrMembers, value.Array(members...))
		}
	}
	if missing != nil {
		slices.Sort(missing)
		return network.Wrong("/entries: there is no user %s", strings.Join(slices.Compact(missing), ", "))
	}
	return nil
}

// planning is a change set as the method plan gives it.
type planning struct {
	Present int64         `json:"present" doc:"how many resources there are"`
	Create  int64         `json:"create" doc:"how many would be created"`
	Modify  int64         `json:"modify" doc:"how many would be modified"`
	Delete  int64         `json:"delete" doc:"how many would be deleted"`
	Changes []value.Value `json:"changes" doc:"the changes: kind, id, before and after"`
}

func planned(ctx context.Context, c *adapters.Call, in wanting) (planning, error) {
	changes, err := plan(ctx, c, in)
	if err != nil {
		return planning{}, err
	}
	n := changes.Counts()
	out := planning{Present: changes.Present, Create: n[workflows.Create], Modify: n[workflows.Modify], Delete: n[workflows.Delete], Changes: []value.Value{}}
	for _, change := range changes.List {
		v := value.Object("kind", value.String(string(change.Kind)), "id", value.String(change.ID))
		if !change.Before.IsAbsent() {
			v = v.With("before", change.Before)
		}
		if !change.After.IsAbsent() {
			v = v.With("after", change.After)
		}
		out.Changes = append(out.Changes, v)
	}
	return out, nil
}
