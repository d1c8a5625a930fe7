package auth

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// Options are what authentication works with. Store is required.
type Options struct {
	Store store.Store
	Now   func() time.Time // the wall clock unless a test gives another
	// Idle ends a session that is not used; 2 hours unless set.
	Idle time.Duration
	// Absolute ends any session; 24 hours unless set.
	Absolute time.Duration
}

// Auth answers who a caller is. It is safe for concurrent use.
type Auth struct {
	Options
	hasher  hasher
	limiter *limiter
	schema  *store.Schema
}

// New builds an Auth over a store.
func New(o Options) (*Auth, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Idle <= 0 {
		o.Idle = 2 * time.Hour
	}
	if o.Absolute <= 0 {
		o.Absolute = 24 * time.Hour
	}
	schema, err := store.NewSchema(store.Collections)
	if err != nil {
		return nil, fmt.Errorf("new auth: %w", err)
	}
	return &Auth{Options: o, hasher: newHasher(max(2, runtime.GOMAXPROCS(0))), limiter: newLimiter(o.Now), schema: schema}, nil
}

// Admin is the name of the account that the first start creates.
const Admin = "admin"

// Bootstrap makes sure that somebody can log in. On a store without accounts it creates the
// account [Admin] with the given password, or with a random one, which it returns: it is
// shown once and cannot be read again. Otherwise it does nothing and returns "".
func (a *Auth) Bootstrap(ctx context.Context, password string) (secret string, err error) {
	page, err := a.Store.Find(ctx, store.Accounts, store.Query{Limit: 1, NoTotal: true})
	if err != nil {
		return "", fmt.Errorf("look for accounts: %w", err)
	}
	if len(page.Docs) > 0 {
		return "", nil
	}
	given := password
	if given == "" {
		var b [20]byte
		rand.Read(b[:])
		secret = strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
		given = secret
	}
	_, err = a.CreateAccount(ctx, NewAccount{Username: Admin, Password: given, Roles: []string{AdminRole}})
	if _, taken := errors.AsType[*Exists](err); taken {
		return "", nil // another server was first
	}
	if err != nil {
		return "", fmt.Errorf("create account %q: %w", Admin, err)
	}
	return secret, nil
}

// Login checks a user's password and begins a session. The address is where the call comes
// from. Errors: ErrCredentials, *TooMany.
func (a *Auth) Login(ctx context.Context, username, password, address string) (token string, _ *Identity, err error) {
	if wait := a.limiter.wait(username, address); wait > 0 {
		return "", nil, &TooMany{wait}
	}
	doc, err := a.accountNamed(ctx, username)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return "", nil, fmt.Errorf("log in: %w", err)
	}
	ok, err := a.hasher.matches(ctx, password, doc.Get("passwordHash").Text())
	if err != nil {
		return "", nil, fmt.Errorf("log in: %w", err)
	}
	if !ok || doc.Get("inactive").Truth() || doc.Get("isServiceAccount").Truth() {
		a.limiter.failed(username, address)
		return "", nil, ErrCredentials
	}
	a.limiter.succeeded(username, address)
	return a.begin(ctx, doc)
}

// ClientLogin is the OAuth 2 client-credentials grant of a service account. It also tells how
// long the session lasts at most.
func (a *Auth) ClientLogin(ctx context.Context, id, secret, address string) (token string, lasts time.Duration, err error) {
	account, err := a.client(ctx, id, secret, address)
	if err != nil {
		return "", 0, err
	}
	token, _, err = a.begin(ctx, account)
	return token, min(a.Idle, a.Absolute), err
}

// client finds the service account with an id and a secret.
func (a *Auth) client(ctx context.Context, id, secret, address string) (value.Value, error) {
	if wait := a.limiter.wait(id, address); wait > 0 {
		return value.Absent, &TooMany{wait}
	}
	doc, err := a.get(ctx, store.Accounts, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrInvalid) {
		return value.Absent, fmt.Errorf("log in: %w", err)
	}
	if err != nil || !sameDigest(secret, doc.Get("secretHash").Text()) || doc.Get("inactive").Truth() {
		a.limiter.failed(id, address)
		return value.Absent, ErrCredentials
	}
	a.limiter.succeeded(id, address)
	return doc, nil
}

// identify makes the identity of a stored account with all its groups.
func (a *Auth) identify(ctx context.Context, account value.Value) (*Identity, error) {
	roles := ids(account.Get("assignedRoles"), "roleId")
	var groups []string
	seen := map[string]bool{}
	for open := ids(account.Get("memberOf"), "groupId"); len(open) > 0; {
		id := open[0]
		open = open[1:]
		if seen[id] {
			continue
		}
		seen[id] = true
		g, err := a.get(ctx, store.Groups, id)
		if errors.Is(err, store.ErrNotFound) {
			continue // deleted since
		}
		if err != nil {
			return nil, fmt.Errorf("groups of account %q: %w", account.Get("username").Text(), err)
		}
		if g.Get("inactive").Truth() {
			continue
		}
		groups = append(groups, id, g.Get("name").Text())
		roles = append(roles, ids(g.Get("assignedRoles"), "roleId")...)
		open = append(open, ids(g.Get("memberOf"), "groupId")...)
	}
	return newIdentity(account.Get("_id").Text(), account.Get("username").Text(), groups, roles), nil
}

// ids reads a list of {key: id} objects or plain ids.
func ids(list value.Value, key string) []string {
	var out []string
	for _, e := range list.Elements() {
		id := e.Text()
		if e.IsObject() {
			id = e.Get(key).Text()
		}
		if id != "" {
			out = append(out, id)
		}
	}
	return out
}

func (a *Auth) get(ctx context.Context, collection, id string) (value.Value, error) {
	doc, err := a.Store.Get(ctx, collection, id)
	if err != nil {
		return value.Absent, err
	}
	return value.ParseLast(doc.Body)
}

// write stores a document whatever was there, or only where nothing was.
func (a *Auth) write(collection string, doc value.Value, expect int64) (store.Write, error) {
	c, err := a.schema.Collection(collection)
	if err != nil {
		return store.Write{}, err
	}
	return store.Write{Collection: collection, ID: doc.Get("_id").Text(), Expect: expect, Body: doc.AppendJSON(nil), Index: c.IndexOf(doc)}, nil
}

func (a *Auth) save(ctx context.Context, collection string, doc value.Value, expect int64) error {
	w, err := a.write(collection, doc, expect)
	if err != nil {
		return err
	}
	return a.Store.Commit(ctx, store.Batch{w})[0]
}
