package server

import (
	"slices"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/server/auth"
	"github.com/heddlehq/heddle/workflows/value"
)

// whoami tells the caller who they are and what they may do.
func whoami(c *call) (value.Value, error) {
	account, err := c.Auth.Account(c.Request().Context(), c.who.ID)
	if err != nil {
		return value.Absent, err
	}
	var may []string
	for _, p := range c.who.Permissions() {
		may = append(may, string(p))
	}
	return accountDoc(account).With("roles", value.Strings(c.who.Roles...)).With("groups", value.Strings(c.who.Groups...)).
		With("permissions", value.Strings(may...)), nil
}

func userSettings(c *call) (value.Value, error) {
	account, err := c.Auth.Account(c.Request().Context(), c.who.ID)
	return accountDoc(account).With("gitTokens", value.Object()), err
}

// accountDoc is an account with every member that clients decode.
func accountDoc(doc value.Value) value.Value {
	if !doc.Has("_meta") {
		doc = doc.With("_meta", value.Object())
	}
	if !doc.Has("lastLogin") {
		doc = doc.With("lastLogin", value.Null)
	}
	return doc
}

func listAccounts(c *call) (value.Value, error) {
	q, err := c.list(shape{collection: store.Accounts, plain: []string{"inactive", "username", "provenance"},
		options: []string{"isServiceAccount"}, sort: []store.Order{{Field: "username"}}, all: true})
	if err != nil {
		return value.Absent, err
	}
	switch set, machine, err := q.flag("isServiceAccount"); {
	case err != nil:
		return value.Absent, err
	case set && machine:
		q.and(store.Where("provenance", store.Eq, auth.Machine))
	case set:
		q.and(store.Where("provenance", store.Ne, auth.Machine))
	}
	docs, total, err := c.Auth.Accounts(c.Request().Context(), q.Query)
	if err != nil {
		return value.Absent, err
	}
	for i := range docs {
		docs[i] = q.project(accountDoc(docs[i]))
	}
	return page{docs, total, q}.results(), nil
}

func getAccount(c *call) (value.Value, error) {
	account, err := c.Auth.Account(c.Request().Context(), c.text("id"))
	return accountDoc(account), err
}

func createAccount(c *call) (value.Value, error) {
	doc, err := c.member("account", value.KindObject)
	if err != nil {
		return value.Absent, err
	}
	n := auth.NewAccount{Service: doc.Get("isServiceAccount").Truth()}
	for key, field := range map[string]*string{"username": &n.Username, "password": &n.Password, "email": &n.Email, "firstname": &n.FirstName} {
		if *field, err = optionalText(doc, key); err != nil {
			return value.Absent, err
		}
	}
	if n.Roles, err = references(doc, "assignedRoles", "roleId"); err != nil {
		return value.Absent, err
	}
	if n.Groups, err = references(doc, "memberOf", "groupId"); err != nil {
		return value.Absent, err
	}
	made, err := c.Auth.CreateAccount(c.Request().Context(), n)
	if err != nil {
		return value.Absent, err
	}
	data := accountDoc(made.Account)
	if n.Service {
		data = data.With("client_id", made.Account.Get("_id")).With("client_secret", value.String(made.Secret))
	}
	return created("account", data), nil
}

func changeAccount(c *call) (value.Value, error) {
	doc, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	var change auth.AccountChange
	for key, field := range map[string]**string{"password": &change.Password, "email": &change.Email, "firstname": &change.FirstName} {
		text, err := optional(doc, key, value.KindString)
		if err != nil {
			return value.Absent, err
		}
		if !text.IsAbsent() {
			s := text.Text()
			*field = &s
		}
	}
	inactive, err := optional(doc, "inactive", value.KindBool)
	if err != nil {
		return value.Absent, err
	}
	if !inactive.IsAbsent() {
		b := inactive.Truth()
		change.Inactive = &b
	}
	for _, l := range []struct {
		key, id string
		field   **[]string
	}{{"assignedRoles", "roleId", &change.Roles}, {"memberOf", "groupId", &change.Groups}} {
		if doc.Has(l.key) {
			ids, err := references(doc, l.key, l.id)
			if err != nil {
				return value.Absent, err
			}
			*l.field = &ids
		}
	}
	id := c.text("id")
	if id == c.who.ID && (change.Inactive != nil && *change.Inactive || change.Roles != nil && !slices.Contains(*change.Roles, auth.AdminRole)) {
		return value.Absent, refuse(clash, "nobody can take the rights of an administrator from themselves")
	}
	if c.deed.before, err = c.Auth.Account(c.Request().Context(), id); err != nil {
		return value.Absent, err
	}
	account, err := c.Auth.ChangeAccount(c.Request().Context(), id, change)
	c.deed.after = account
	return enveloped("Successfully updated account", accountDoc(account)), err
}

// references reads a list of texts or of objects that hold an id.
func references(doc value.Value, key, id string) ([]string, error) {
	list, err := optional(doc, key, value.KindArray)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range list.Elements() {
		text := e
		if e.IsObject() {
			text = e.Get(id)
		}
		if !text.IsString() {
			return nil, badAt("/"+key, "type", "%q must list texts, or objects with a text %q.", key, id)
		}
		out = append(out, text.Text())
	}
	return out, nil
}

// created is the answer to a new account or group.
func created(kind string, doc value.Value) value.Value {
	return value.Object("status", value.String("OK"), "message", value.String("Successfully created "+kind), "data", doc, "metadata", value.Object())
}

func listGroups(c *call) (value.Value, error) {
	q, err := c.list(shape{collection: store.Groups, plain: []string{"inactive", "name", "provenance"}, sort: []store.Order{{Field: "name"}}, all: true})
	if err != nil {
		return value.Absent, err
	}
	docs, total, err := c.Auth.Groups(c.Request().Context(), q.Query)
	if err != nil {
		return value.Absent, err
	}
	for i := range docs {
		docs[i] = q.project(docs[i])
	}
	return page{docs, total, q}.results(), nil
}

func getGroup(c *call) (value.Value, error) {
	return c.Auth.Group(c.Request().Context(), c.text("id"))
}

func createGroup(c *call) (value.Value, error) {
	doc, err := c.member("group", value.KindObject)
	if err != nil {
		return value.Absent, err
	}
	var n auth.NewGroup
	if n.Name, err = optionalText(doc, "name"); err != nil {
		return value.Absent, err
	}
	if n.Description, err = optionalText(doc, "description"); err != nil {
		return value.Absent, err
	}
	if n.Roles, err = references(doc, "assignedRoles", "roleId"); err != nil {
		return value.Absent, err
	}
	if n.Groups, err = references(doc, "memberOf", "groupId"); err != nil {
		return value.Absent, err
	}
	g, err := c.Auth.CreateGroup(c.Request().Context(), n)
	return created("group", g), err
}

func deleteGroup(c *call) (value.Value, error) {
	g, err := c.Auth.DeleteGroup(c.Request().Context(), c.text("id"))
	return created("group", g).With("message", value.String("Successfully deleted group")), err
}

func listRoles(c *call) (value.Value, error) {
	var all []value.Value
	for _, r := range auth.Roles() {
		var methods []value.Value
		for _, m := range apiMethods(r.Grants) {
			methods = append(methods, value.Object("name", m.Get("name"), "provenance", m.Get("provenance")))
		}
		all = append(all, value.Object("_id", value.String(r.Name), "name", value.String(r.Name), "description", value.String(r.Description),
			"provenance", value.String(provenance), "allowedMethods", value.Array(methods...), "allowedViews", value.Array()))
	}
	return c.constant(all)
}

func listMethods(c *call) (value.Value, error) { return c.constant(apiMethods(auth.Permissions())) }

// provenance is where routes and roles come from.
const provenance = "Heddle"

// apiMethods lists the routes that the permissions open.
func apiMethods(grants []auth.Permission) []value.Value {
	var out []value.Value
	for _, r := range routes() {
		if slices.Contains(grants, r.may) {
			out = append(out, value.Object("name", value.String(r.name), "provenance", value.String(provenance), "route", value.String(r.path),
				"verb", value.String(r.method), "permission", value.String(string(r.may))))
		}
	}
	return out
}

// listViews answers the pages that rights can be given to one by one: there are none.
func listViews(c *call) (value.Value, error) { return c.constant(nil) }

// constant answers a list that is not in the store, by limit and skip.
func (c *call) constant(all []value.Value) (value.Value, error) {
	q, err := c.list(shape{collection: store.Settings, all: true})
	return listed(all, q).results(), err
}
