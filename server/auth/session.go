package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// begin stores a new session of an account and returns its token, which is not stored.
func (a *Auth) begin(ctx context.Context, account value.Value) (string, *Identity, error) {
	who, err := a.identify(ctx, account)
	if err != nil {
		return "", nil, err
	}
	token := randomToken()
	now := a.Now()
	s := value.Object(
		"_id", value.String(digest(token)), "account", value.String(who.ID), "created", value.Int(now.UnixMilli()),
		"seen", value.Int(now.UnixMilli()), "expires", value.Int(now.Add(min(a.Idle, a.Absolute)).UnixMilli()),
		"ends", value.Int(now.Add(a.Absolute).UnixMilli()))
	if err := a.save(ctx, store.Sessions, s, store.New); err != nil {
		return "", nil, fmt.Errorf("begin session: %w", err)
	}
	if err := a.noteLogin(ctx, who.ID, now); err != nil {
		return "", nil, fmt.Errorf("begin session: %w", err)
	}
	a.sweep(ctx)
	who.Session = digest(token)
	return token, who, nil
}

// noteLogin stamps the account, unless it is being changed.
func (a *Auth) noteLogin(ctx context.Context, id string, now time.Time) error {
	stored, err := a.Store.Get(ctx, store.Accounts, id)
	if err != nil {
		return err
	}
	doc, err := value.ParseLast(stored.Body)
	if err != nil {
		return err
	}
	err = a.save(ctx, store.Accounts, doc.With("lastLogin", value.Time(now)), stored.Revision)
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	return err
}

// sweep removes some sessions that have ended. What it leaves, a later login removes.
func (a *Auth) sweep(ctx context.Context) {
	page, err := a.Store.Find(ctx, store.Sessions, store.Query{
		Where: store.Where("expires", store.Lt, a.Now().UnixMilli()), Limit: 100, NoTotal: true,
	})
	if err != nil || len(page.Docs) == 0 {
		return
	}
	batches := make([]store.Batch, len(page.Docs))
	for i, d := range page.Docs {
		batches[i] = store.Batch{{Collection: store.Sessions, ID: d.ID, Expect: d.Revision}}
	}
	_ = a.Store.Commit(ctx, batches...) // one that was prolonged meanwhile stays
}

// Identify finds who a token belongs to, a session's or an API token, and prolongs the
// session. The error is ErrNoSession
// for a token that is unknown or whose session or account has ended.
func (a *Auth) Identify(ctx context.Context, token string) (*Identity, error) {
	if token == "" || len(token) > 256 {
		return nil, ErrNoSession
	}
	if strings.HasPrefix(token, tokenPrefix) {
		return a.tokenIdentity(ctx, token)
	}
	id := digest(token)
	doc, err := a.Store.Get(ctx, store.Sessions, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrNoSession
	}
	if err != nil {
		return nil, fmt.Errorf("find session: %w", err)
	}
	s, err := value.ParseLast(doc.Body)
	if err != nil {
		return nil, fmt.Errorf("find session: %w", err)
	}
	now := a.Now().UnixMilli()
	if expires, _ := s.Get("expires").Int(); expires <= now {
		return nil, ErrNoSession
	}
	account, err := a.get(ctx, store.Accounts, s.Get("account").Text())
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrNoSession
	}
	if err != nil {
		return nil, fmt.Errorf("find account: %w", err)
	}
	if account.Get("inactive").Truth() {
		return nil, ErrNoSession
	}
	if err := a.prolong(ctx, s, doc.Revision, now); err != nil {
		return nil, err
	}
	who, err := a.identify(ctx, account)
	if err != nil {
		return nil, err
	}
	who.Session = id
	return who, nil
}

// Named is the identity of an account that did not log in itself, for what is done in its
// name. The system's own name stands for who may see everything. Errors: ErrNoSession for an
// account that is inactive or does not exist.
func (a *Auth) Named(ctx context.Context, username string) (*Identity, error) {
	if username == Pronghorn {
		return newIdentity("", Pronghorn, nil, []string{AdminRole}), nil
	}
	account, err := a.accountNamed(ctx, username)
	if errors.Is(err, store.ErrNotFound) || err == nil && account.Get("inactive").Truth() {
		return nil, ErrNoSession
	}
	if err != nil {
		return nil, fmt.Errorf("find account %q: %w", username, err)
	}
	return a.identify(ctx, account)
}

// prolong notes that a session is used, at most once in a twentieth of the idle time.
func (a *Auth) prolong(ctx context.Context, s value.Value, revision, now int64) error {
	seen, _ := s.Get("seen").Int()
	ends, _ := s.Get("ends").Int()
	if now-seen < a.Idle.Milliseconds()/20 {
		return nil
	}
	s = s.With("seen", value.Int(now)).With("expires", value.Int(min(now+a.Idle.Milliseconds(), ends)))
	err := a.save(ctx, store.Sessions, s, revision)
	if err != nil && !errors.Is(err, store.ErrConflict) { // another call was first
		return fmt.Errorf("prolong session: %w", err)
	}
	return nil
}

// Logout ends one session.
func (a *Auth) Logout(ctx context.Context, session string) error {
	if err := a.Store.Commit(ctx, store.Batch{{Collection: store.Sessions, ID: session, Expect: store.Any}})[0]; err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

// LogoutEverywhere ends all sessions of an account.
func (a *Auth) LogoutEverywhere(ctx context.Context, account string) error {
	page, err := a.Store.Find(ctx, store.Sessions, store.Query{Where: store.Where("account", store.Eq, account), NoTotal: true})
	if err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	var batch store.Batch
	for _, d := range page.Docs {
		batch = append(batch, store.Write{Collection: store.Sessions, ID: d.ID, Expect: store.Any})
	}
	if len(batch) == 0 {
		return nil
	}
	if err := a.Store.Commit(ctx, batch)[0]; err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	return nil
}
