package auth

import (
	"slices"

	"github.com/heddlehq/heddle/workflows/value"
)

// Identity is a known caller.
type Identity struct {
	ID       string // of the account
	Username string
	Session  string // id of the session; "" for an identity that is not logged in
	Scoped   bool   // the rights are narrower than the roles'
	Groups   []string
	Roles    []string
	grants   map[Permission]bool
}

// Pronghorn is the system's own name in documents.
const Pronghorn = "Pronghorn"

func newIdentity(id, username string, groups, roles []string) *Identity {
	i := &Identity{ID: id, Username: username, Groups: groups, Roles: roles, grants: map[Permission]bool{Public: true, Known: true}}
	for _, name := range roles {
		role, _ := RoleNamed(name)
		for _, p := range role.Grants {
			i.grants[p] = true
		}
	}
	return i
}

// restrict leaves the caller only the permissions in a list.
func (i *Identity) restrict(scopes value.Value) {
	kept := map[Permission]bool{Public: true, Known: true}
	for _, s := range scopes.Elements() {
		if p := Permission(s.Text()); i.grants[p] {
			kept[p] = true
		}
	}
	i.grants, i.Scoped = kept, true
}

// May tells whether the caller has a permission.
func (i *Identity) May(p Permission) bool { return i != nil && i.grants[p] }

// IsAdmin tells whether groups do not bind the caller.
func (i *Identity) IsAdmin() bool { return i != nil && slices.Contains(i.Roles, AdminRole) }

// Reaches tells whether the caller may see what is restricted to the groups, named by id or
// by name. Without groups nothing is restricted.
func (i *Identity) Reaches(groups []string) bool {
	if len(groups) == 0 || i.IsAdmin() {
		return true
	}
	return i != nil && slices.ContainsFunc(groups, func(g string) bool { return slices.Contains(i.Groups, g) })
}

// Permissions lists what the caller's roles give, sorted.
func (i *Identity) Permissions() []Permission {
	var out []Permission
	for _, p := range Permissions() {
		if i.May(p) {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}
