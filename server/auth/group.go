package auth

import (
	"context"
	"errors"
	"fmt"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// NewGroup describes a group to create. Its members get its roles, and those of the groups
// it belongs to.
type NewGroup struct {
	Name        string
	Description string
	Roles       []string // names
	Groups      []string // ids of the groups it belongs to
}

// CreateGroup stores a group. Errors: *Invalid, *Exists.
func (a *Auth) CreateGroup(ctx context.Context, n NewGroup) (value.Value, error) {
	if err := checkName("/name", n.Name); err != nil {
		return value.Absent, err
	}
	members, err := a.members(ctx, n.Roles, n.Groups)
	if err != nil {
		return value.Absent, err
	}
	doc := value.Object(
		"_id", value.String(newID()), "name", value.String(n.Name), "description", value.String(n.Description),
		"provenance", value.String(Local), "memberOf", members.groups, "assignedRoles", members.roles, "inactive", value.False)
	return doc, a.insert(ctx, store.Groups, "group", n.Name, doc)
}

// Group reads a group by id.
func (a *Auth) Group(ctx context.Context, id string) (value.Value, error) {
	doc, err := a.get(ctx, store.Groups, id)
	if err != nil {
		return value.Absent, fmt.Errorf("group %q: %w", id, err)
	}
	return doc, nil
}

// Groups finds groups; the total counts them exactly.
func (a *Auth) Groups(ctx context.Context, q store.Query) ([]value.Value, int, error) {
	return a.list(ctx, store.Groups, q)
}

// DeleteGroup removes a group and returns what it was. Accounts that belonged to it no
// longer do; what is restricted to it is then for administrators only.
func (a *Auth) DeleteGroup(ctx context.Context, id string) (value.Value, error) {
	doc, err := a.Group(ctx, id)
	if err != nil {
		return value.Absent, err
	}
	err = a.Store.Commit(ctx, store.Batch{{Collection: store.Groups, ID: id, Expect: store.Any}})[0]
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return value.Absent, fmt.Errorf("delete group %q: %w", id, err)
	}
	return doc, nil
}
