package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// Local is the provenance of accounts and groups that are kept here.
const Local = "Local"

// Machine is the provenance of service accounts.
const Machine = "Service"

// NewAccount describes an account to create.
type NewAccount struct {
	Username  string
	Password  string // unless it is a service account
	Email     string
	FirstName string
	Roles     []string // names
	Groups    []string // ids
	Service   bool     // a machine's: it logs in with its id and a secret
}

// Created is a new account, and its secret when it is a service account. The secret cannot
// be read again.
type Created struct {
	Account value.Value
	Secret  string
}

// CreateAccount stores an account. Errors: *Invalid, *Exists.
func (a *Auth) CreateAccount(ctx context.Context, n NewAccount) (Created, error) {
	if err := checkName("/username", n.Username); err != nil {
		return Created{}, err
	}
	members, err := a.members(ctx, n.Roles, n.Groups)
	if err != nil {
		return Created{}, err
	}
	provenance := Local
	if n.Service {
		provenance = Machine
	}
	var m value.Members
	m.Set("_id", value.String(newID())).Set("username", value.String(n.Username)).Set("firstname", value.String(n.FirstName)).
		Set("email", value.String(n.Email)).Set("provenance", value.String(provenance)).Set("inactive", value.False).
		Set("isServiceAccount", value.Bool(n.Service)).Set("memberOf", members.groups).Set("assignedRoles", members.roles).
		Set("created", value.Time(a.Now()))
	var secret string
	if n.Service {
		secret = randomToken()
		m.Set("secretHash", value.String(digest(secret)))
	} else {
		hash, err := a.newHash(ctx, n.Password)
		if err != nil {
			return Created{}, err
		}
		m.Set("passwordHash", value.String(hash))
	}
	doc := m.Value()
	if err := a.insert(ctx, store.Accounts, "account", n.Username, doc); err != nil {
		return Created{}, err
	}
	return Created{visible(doc), secret}, nil
}

// AccountChange says what to change about an account; nil leaves it as it is.
type AccountChange struct {
	Email     *string
	FirstName *string
	Password  *string
	Inactive  *bool
	Roles     *[]string
	Groups    *[]string
}

// ChangeAccount changes an account. A new password, and making it inactive, end its
// sessions. Errors: ErrNotFound, *Invalid.
func (a *Auth) ChangeAccount(ctx context.Context, id string, c AccountChange) (value.Value, error) {
	stored, err := a.Store.Get(ctx, store.Accounts, id)
	if err != nil {
		return value.Absent, fmt.Errorf("account %q: %w", id, err)
	}
	doc, err := value.ParseLast(stored.Body)
	if err != nil {
		return value.Absent, fmt.Errorf("account %q: %w", id, err)
	}
	for key, text := range map[string]*string{"email": c.Email, "firstname": c.FirstName} {
		if text != nil {
			doc = doc.With(key, value.String(*text))
		}
	}
	if c.Inactive != nil {
		doc = doc.With("inactive", value.Bool(*c.Inactive))
	}
	roles, groups := ids(doc.Get("assignedRoles"), "roleId"), ids(doc.Get("memberOf"), "groupId")
	if c.Roles != nil || c.Groups != nil {
		if c.Roles != nil {
			roles = *c.Roles
		}
		if c.Groups != nil {
			groups = *c.Groups
		}
		m, err := a.members(ctx, roles, groups)
		if err != nil {
			return value.Absent, err
		}
		doc = doc.With("assignedRoles", m.roles).With("memberOf", m.groups)
	}
	if c.Password != nil {
		hash, err := a.newHash(ctx, *c.Password)
		if err != nil {
			return value.Absent, err
		}
		doc = doc.With("passwordHash", value.String(hash))
	}
	if err := a.save(ctx, store.Accounts, doc, stored.Revision); err != nil {
		return value.Absent, fmt.Errorf("change account %q: %w", id, err)
	}
	if c.Password != nil || c.Inactive != nil && *c.Inactive {
		if err := a.LogoutEverywhere(ctx, id); err != nil {
			return value.Absent, err
		}
	}
	return visible(doc), nil
}

// Account reads an account by id or by name.
func (a *Auth) Account(ctx context.Context, key string) (value.Value, error) {
	doc, err := a.get(ctx, store.Accounts, key)
	if errors.Is(err, store.ErrNotFound) {
		doc, err = a.accountNamed(ctx, key)
	}
	if err != nil {
		return value.Absent, fmt.Errorf("account %q: %w", key, err)
	}
	return visible(doc), nil
}

// Accounts finds accounts; the total counts them exactly.
func (a *Auth) Accounts(ctx context.Context, q store.Query) ([]value.Value, int, error) {
	return a.list(ctx, store.Accounts, q)
}

func (a *Auth) list(ctx context.Context, collection string, q store.Query) ([]value.Value, int, error) {
	page, err := a.Store.Find(ctx, collection, q)
	if err != nil {
		return nil, 0, err
	}
	out := make([]value.Value, 0, len(page.Docs))
	for _, d := range page.Docs {
		v, err := value.ParseLast(d.Body)
		if err != nil {
			return nil, 0, fmt.Errorf("decode %q: %w", d.ID, err)
		}
		out = append(out, visible(v))
	}
	return out, page.Total, nil
}

func (a *Auth) accountNamed(ctx context.Context, username string) (value.Value, error) {
	if !utf8.ValidString(username) {
		return value.Absent, store.ErrNotFound
	}
	page, err := a.Store.Find(ctx, store.Accounts, store.Query{Where: store.Where("username", store.Eq, username), Limit: 1, NoTotal: true})
	if err != nil {
		return value.Absent, err
	}
	if len(page.Docs) == 0 {
		return value.Absent, store.ErrNotFound
	}
	return value.ParseLast(page.Docs[0].Body)
}

// visible is an account as it may leave the server.
func visible(doc value.Value) value.Value { return doc.Without("passwordHash", "secretHash") }

type membership struct{ roles, groups value.Value }

// members checks roles and groups and gives them in their stored form.
func (a *Auth) members(ctx context.Context, roles, groups []string) (membership, error) {
	m := membership{value.Array(), value.Array()}
	for _, r := range roles {
		if _, ok := RoleNamed(r); !ok {
			return m, &Invalid{"/assignedRoles", "unknown-role", fmt.Sprintf("There is no role %q.", r)}
		}
		m.roles = m.roles.Append(value.Object("roleId", value.String(r)))
	}
	for _, g := range groups {
		_, err := a.Store.Get(ctx, store.Groups, g)
		if errors.Is(err, store.ErrNotFound) {
			return m, &Invalid{"/memberOf", "unknown-group", fmt.Sprintf("There is no group with the id %q.", g)}
		}
		if err != nil {
			return m, fmt.Errorf("group %q: %w", g, err)
		}
		m.groups = m.groups.Append(value.Object("groupId", value.String(g), "aaaManaged", value.False))
	}
	return m, nil
}

func (a *Auth) newHash(ctx context.Context, password string) (string, error) {
	if len(password) < minPassword || len(password) > maxPassword {
		return "", &Invalid{"/password", "password", fmt.Sprintf("A password must have %d to %d bytes.", minPassword, maxPassword)}
	}
	return a.hasher.hash(ctx, password)
}

func (a *Auth) insert(ctx context.Context, collection, kind, name string, doc value.Value) error {
	err := a.save(ctx, collection, doc, store.New)
	if errors.Is(err, store.ErrConflict) {
		return &Exists{kind, name}
	}
	if err != nil {
		return fmt.Errorf("create %s %q: %w", kind, name, err)
	}
	return nil
}

func checkName(at, name string) error {
	if name == "" || len(name) > 256 || strings.ContainsFunc(name, unicode.IsControl) || strings.TrimSpace(name) != name {
		return &Invalid{at, "name", "A name must have 1 to 256 bytes, no control characters, and no space at its ends."}
	}
	if name == Pronghorn {
		return &Invalid{at, "name", "The name " + Pronghorn + " is the system's own."}
	}
	return nil
}
