package auth

import (
	"context"
	"errors"
	"fmt"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// External is a person that an identity provider vouches for.
type External struct {
	Provider string // where the account comes from, shown as its provenance
	Subject  string // never changes, unique within all providers
	Username string
	Email    string
	Name     string
	Roles    []string // names of roles; what the provider says counts at each login
	Groups   []string // names of groups; those that do not exist here are left out
}

// ErrTaken: the name belongs to an account that another provider, or nobody, vouches for.
var ErrTaken = errors.New("the user name belongs to another account; an administrator must rename one")

// LoginExternal begins a session of a person that a provider has authenticated. Their account
// is made at the first login; its roles and groups follow the provider's. Errors:
// ErrCredentials for an account that is inactive here, ErrTaken, *Invalid.
func (a *Auth) LoginExternal(ctx context.Context, u External) (token string, _ *Identity, err error) {
	if u.Subject == "" {
		return "", nil, ErrCredentials
	}
	if err := checkName("/username", u.Username); err != nil {
		return "", nil, err
	}
	groups, err := a.groupsNamed(ctx, u.Groups)
	if err != nil {
		return "", nil, fmt.Errorf("log in: %w", err)
	}
	m, err := a.members(ctx, u.Roles, groups)
	if err != nil {
		return "", nil, err
	}
	for try := 0; ; try++ {
		page, err := a.Store.Find(ctx, store.Accounts, store.Query{Where: store.Where("subject", store.Eq, u.Subject), Limit: 1, NoTotal: true})
		if err != nil {
			return "", nil, fmt.Errorf("log in: %w", err)
		}
		doc := value.Object("_id", value.String(newID()), "inactive", value.False, "isServiceAccount", value.False, "created", value.Time(a.Now()))
		expect := int64(store.New)
		if len(page.Docs) > 0 {
			if doc, err = value.ParseLast(page.Docs[0].Body); err != nil {
				return "", nil, fmt.Errorf("log in: %w", err)
			}
			expect = page.Docs[0].Revision
		}
		if doc.Get("inactive").Truth() {
			return "", nil, ErrCredentials
		}
		doc = doc.With("subject", value.String(u.Subject)).With("username", value.String(u.Username)).With("provenance", value.String(u.Provider)).
			With("email", value.String(u.Email)).With("firstname", value.String(u.Name)).With("assignedRoles", m.roles).With("memberOf", managed(m.groups))
		err = a.save(ctx, store.Accounts, doc, expect)
		conflict, isConflict := errors.AsType[*store.Conflict](err)
		switch {
		case err == nil:
			return a.begin(ctx, doc)
		case isConflict && conflict.Reason == store.NotUnique && conflict.Field == "username":
			return "", nil, ErrTaken
		case errors.Is(err, store.ErrConflict) && try < 3: // the same person elsewhere at the same time
		default:
			return "", nil, fmt.Errorf("log in: %w", err)
		}
	}
}

// managed marks memberships as the provider's.
func managed(groups value.Value) value.Value {
	list := groups.Slice()
	for i := range list {
		list[i] = list[i].With("aaaManaged", value.True)
	}
	return value.Array(list...)
}

// groupsNamed finds the ids of the groups that exist under the names.
func (a *Auth) groupsNamed(ctx context.Context, names []string) ([]string, error) {
	if len(names) == 0 {
		return nil, nil
	}
	page, err := a.Store.Find(ctx, store.Groups, store.Query{Where: store.Where("name", store.In, names), Sort: []store.Order{{Field: "name"}}, NoTotal: true})
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(page.Docs))
	for i, d := range page.Docs {
		ids[i] = d.ID
	}
	return ids, nil
}
