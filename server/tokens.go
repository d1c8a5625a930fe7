package server

import (
	"fmt"
	"time"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/server/auth"
	"github.com/heddlehq/heddle/workflows/value"
)

// listTokens lists the API tokens of the caller, or everybody's for those who may change
// accounts.
func listTokens(c *call) (value.Value, error) {
	q, err := c.list(shape{collection: store.Tokens, plain: []string{"account", "name", "username"}, sort: []store.Order{{Field: "created"}}})
	if err != nil {
		return value.Absent, err
	}
	if !c.who.May(auth.WriteAccounts) {
		q.and(store.Where("account", store.Eq, c.who.ID))
	}
	docs, total, err := c.Auth.Tokens(c.Request().Context(), q.Query)
	if err != nil {
		return value.Absent, err
	}
	for i := range docs {
		docs[i] = q.project(docs[i])
	}
	return page{docs, total, q}.operations("Successfully retrieved tokens"), nil
}

// createToken makes an API token: {"name", "scopes", "expires", "account"}. It is shown in
// this answer and never again.
func createToken(c *call) (value.Value, error) {
	body, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	n := auth.NewToken{Account: c.who.ID, By: c.who}
	if n.Name, err = optionalText(body, "name"); err != nil {
		return value.Absent, err
	}
	account, err := optionalText(body, "account")
	if err != nil {
		return value.Absent, err
	}
	if account != "" && account != c.who.ID {
		if !c.who.May(auth.WriteAccounts) {
			return value.Absent, refuse(denied, "%s may make tokens for nobody else", c.who.Username)
		}
		n.Account = account
	}
	if scopes := body.Get("scopes"); !scopes.IsNothing() {
		list, err := texts(scopes, "/scopes")
		if err != nil {
			return value.Absent, err
		}
		for _, s := range list {
			n.Scopes = append(n.Scopes, auth.Permission(s))
		}
	}
	expires, err := optionalText(body, "expires")
	if err != nil {
		return value.Absent, err
	}
	if expires != "" {
		at, err := time.Parse(time.RFC3339, expires)
		if err != nil {
			return value.Absent, badAt("/expires", "format", "\"expires\" must be a time such as 2027-01-31T12:00:00Z.")
		}
		n.Lasts = max(at.Sub(c.Now()), 1)
	}
	for _, key := range body.Keys() {
		switch key {
		case "name", "account", "scopes", "expires", "reason":
		default:
			return value.Absent, badAt("/"+value.EscapePointer(key), "unknown", "A token has name, account, scopes and expires, not %q.", clip(key))
		}
	}
	doc, secret, err := c.Auth.CreateToken(c.Request().Context(), n)
	if err != nil {
		return value.Absent, absent(err, "account", n.Account)
	}
	c.deed.after = doc
	return enveloped("Successfully created token; it is not shown again", doc.With("token", value.String(secret))), nil
}

// revokeToken ends an API token of the caller's, or anybody's for those who may change
// accounts.
func revokeToken(c *call) (value.Value, error) {
	id := c.text("id")
	doc, err := c.Auth.Token(c.Request().Context(), id)
	if err == nil && doc.Get("account").Text() != c.who.ID && !c.who.May(auth.WriteAccounts) {
		err = fmt.Errorf("token %q: %w", id, auth.ErrNotFound)
	}
	if err != nil {
		return value.Absent, absent(err, "token", clip(id))
	}
	c.deed.before = doc
	return enveloped("Successfully revoked token", doc), c.Auth.RevokeToken(c.Request().Context(), id)
}

// rotateSecret gives a service account another client secret.
func rotateSecret(c *call) (value.Value, error) {
	made, err := c.Auth.RotateSecret(c.Request().Context(), c.text("id"))
	if err != nil {
		return value.Absent, absent(err, "account", c.text("id"))
	}
	return enveloped("Successfully rotated client secret; it is not shown again",
		accountDoc(made.Account).With("client_id", made.Account.Get("_id")).With("client_secret", value.String(made.Secret))), nil
}

// endSessions logs an account out everywhere.
func endSessions(c *call) (value.Value, error) {
	account, err := c.Auth.Account(c.Request().Context(), c.text("id"))
	if err != nil {
		return value.Absent, absent(err, "account", c.text("id"))
	}
	return enveloped("Successfully ended sessions", accountDoc(account)), c.Auth.LogoutEverywhere(c.Request().Context(), account.Get("_id").Text())
}
