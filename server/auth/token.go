package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// tokenPrefix tells API tokens from sessions, and lets scanners of source code find one that
// was left there.
const tokenPrefix = "hdl_"

// How long an API token lasts: unless said, and at most.
const (
	TokenLasts    = 90 * 24 * time.Hour
	MaxTokenLasts = 366 * 24 * time.Hour
)

// maxTokens bounds the tokens of one account.
const maxTokens = 100

// NewToken describes an API token to create.
type NewToken struct {
	Account string        // id
	Name    string        // for people
	Scopes  []Permission  // the rights it carries, of those the account has; all of them unless given
	Lasts   time.Duration // TokenLasts unless set
	By      *Identity     // who asks: nobody gives a token rights they do not have themselves
}

// CreateToken stores an API token: a caller that shows it is its account, with the rights in
// its scopes that the account has at that time. The secret cannot be read again. Errors:
// *Invalid, ErrNotFound for the account.
func (a *Auth) CreateToken(ctx context.Context, n NewToken) (doc value.Value, secret string, err error) {
	if err := checkName("/name", n.Name); err != nil {
		return value.Absent, "", err
	}
	if n.Lasts == 0 {
		n.Lasts = TokenLasts
	}
	if n.Lasts < time.Minute || n.Lasts > MaxTokenLasts {
		return value.Absent, "", &Invalid{"/expires", "expires", fmt.Sprintf("A token lasts from a minute to %d days.", MaxTokenLasts/(24*time.Hour))}
	}
	if len(n.Scopes) == 0 && n.By.Scoped {
		n.Scopes = n.By.Permissions()
	}
	for i, p := range n.Scopes {
		if !slices.Contains(Permissions(), p) {
			return value.Absent, "", &Invalid{fmt.Sprintf("/scopes/%d", i), "unknown-permission", fmt.Sprintf("There is no permission %q.", p)}
		}
		if !n.By.May(p) {
			return value.Absent, "", &Invalid{fmt.Sprintf("/scopes/%d", i), "scope", fmt.Sprintf("You have not the permission %q yourself.", p)}
		}
	}
	account, err := a.get(ctx, store.Accounts, n.Account)
	if err != nil {
		return value.Absent, "", fmt.Errorf("account %q: %w", n.Account, err)
	}
	held, err := a.Store.Find(ctx, store.Tokens, store.Query{Where: store.Where("account", store.Eq, n.Account), Limit: 1})
	if err != nil {
		return value.Absent, "", err
	}
	if held.Total >= maxTokens {
		return value.Absent, "", &Invalid{"", "count", fmt.Sprintf("An account has at most %d tokens; revoke one first.", maxTokens)}
	}
	scopes := make([]string, len(n.Scopes))
	for i, p := range n.Scopes {
		scopes[i] = string(p)
	}
	now := a.Now()
	id, random := newID(), randomToken()
	doc = value.Object("_id", value.String(id), "name", value.String(n.Name), "account", value.String(n.Account),
		"username", account.Get("username"), "scopes", value.Strings(scopes...), "secretHash", value.String(digest(random)),
		"created", value.Time(now), "createdBy", value.String(n.By.Username), "expires", value.Time(now.Add(n.Lasts)), "lastUsed", value.Null)
	if err := a.save(ctx, store.Tokens, doc, store.New); err != nil {
		return value.Absent, "", fmt.Errorf("create token: %w", err)
	}
	return visible(doc), tokenPrefix + id + "_" + random, nil
}

// Tokens finds API tokens; the total counts them exactly.
func (a *Auth) Tokens(ctx context.Context, q store.Query) ([]value.Value, int, error) {
	return a.list(ctx, store.Tokens, q)
}

// Token reads an API token's document by id.
func (a *Auth) Token(ctx context.Context, id string) (value.Value, error) {
	doc, err := a.get(ctx, store.Tokens, id)
	if err != nil {
		return value.Absent, fmt.Errorf("token %q: %w", id, err)
	}
	return visible(doc), nil
}

// RevokeToken ends an API token at once.
func (a *Auth) RevokeToken(ctx context.Context, id string) error {
	err := a.Store.Commit(ctx, store.Batch{{Collection: store.Tokens, ID: id, Expect: store.Any}})[0]
	if err != nil {
		return fmt.Errorf("revoke token %q: %w", id, err)
	}
	return nil
}

// tokenIdentity finds whose API token it is.
func (a *Auth) tokenIdentity(ctx context.Context, token string) (*Identity, error) {
	id, random, ok := strings.Cut(strings.TrimPrefix(token, tokenPrefix), "_")
	if !ok {
		return nil, ErrNoSession
	}
	stored, err := a.Store.Get(ctx, store.Tokens, id)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrInvalid) {
		return nil, ErrNoSession
	}
	if err != nil {
		return nil, fmt.Errorf("find token: %w", err)
	}
	doc, err := value.ParseLast(stored.Body)
	if err != nil {
		return nil, fmt.Errorf("find token: %w", err)
	}
	now := a.Now()
	expires, err := time.Parse(value.TimeLayout, doc.Get("expires").Text())
	if err != nil || !sameDigest(random, doc.Get("secretHash").Text()) || !expires.After(now) {
		return nil, ErrNoSession
	}
	account, err := a.get(ctx, store.Accounts, doc.Get("account").Text())
	if errors.Is(err, store.ErrNotFound) || err == nil && account.Get("inactive").Truth() {
		return nil, ErrNoSession
	}
	if err != nil {
		return nil, fmt.Errorf("find account: %w", err)
	}
	who, err := a.identify(ctx, account)
	if err != nil {
		return nil, err
	}
	if scopes := doc.Get("scopes"); scopes.Len() > 0 {
		who.restrict(scopes)
	}
	if used, err := time.Parse(value.TimeLayout, doc.Get("lastUsed").Text()); err != nil || now.Sub(used) > time.Hour {
		// A note for people; whoever loses the race to write it loses nothing.
		_ = a.save(ctx, store.Tokens, doc.With("lastUsed", value.Time(now)), stored.Revision)
	}
	return who, nil
}

// RotateSecret gives a service account another client secret, which cannot be read again. The
// old one, and the account's sessions, end at once. Errors: ErrNotFound, *Invalid.
func (a *Auth) RotateSecret(ctx context.Context, id string) (Created, error) {
	stored, err := a.Store.Get(ctx, store.Accounts, id)
	if err != nil {
		return Created{}, fmt.Errorf("account %q: %w", id, err)
	}
	doc, err := value.ParseLast(stored.Body)
	if err != nil {
		return Created{}, fmt.Errorf("account %q: %w", id, err)
	}
	if !doc.Get("isServiceAccount").Truth() {
		return Created{}, &Invalid{"", "account", "Only a service account has a client secret."}
	}
	secret := randomToken()
	doc = doc.With("secretHash", value.String(digest(secret)))
	if err := a.save(ctx, store.Accounts, doc, stored.Revision); err != nil {
		return Created{}, fmt.Errorf("change account %q: %w", id, err)
	}
	return Created{visible(doc), secret}, a.LogoutEverywhere(ctx, id)
}

// ClientIdentity is who calls with the id and the secret of a service account, without a
// session. Errors: ErrCredentials, *TooMany.
func (a *Auth) ClientIdentity(ctx context.Context, id, secret, address string) (*Identity, error) {
	account, err := a.client(ctx, id, secret, address)
	if err != nil {
		return nil, err
	}
	return a.identify(ctx, account)
}
