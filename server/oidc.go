package server

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/heddlehq/heddle/server/auth"
	"github.com/heddlehq/heddle/workflows/value"
)

// OIDC lets people log in at an OpenID Connect provider, by the authorization code flow with
// PKCE.
type OIDC struct {
	Issuer       string
	ClientID     string
	ClientSecret string            // "" for a public client
	Redirect     string            // the URL of /login/oidc/callback as browsers reach it
	Claim        string            // names the claim that lists a person's groups; "groups" unless set
	Roles        map[string]string // what role the members of a provider's group have
	Default      string            // role of those without any; without it they may not log in
}

// Check reports a setting that cannot work.
func (o *OIDC) Check() error {
	for name, text := range map[string]string{"issuer": o.Issuer, "redirect": o.Redirect} {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Hostname() != "127.0.0.1" && u.Hostname() != "localhost" {
			return fmt.Errorf("the %s %q must be an https URL", name, text)
		}
	}
	if o.ClientID == "" {
		return errors.New("the client id is missing")
	}
	for _, group := range slices.Sorted(maps.Keys(o.Roles)) {
		if _, ok := auth.RoleNamed(o.Roles[group]); !ok {
			return fmt.Errorf("group %q is given the role %q, which does not exist", group, o.Roles[group])
		}
	}
	if _, ok := auth.RoleNamed(o.Default); !ok && o.Default != "" {
		return fmt.Errorf("the default role %q does not exist", o.Default)
	}
	return nil
}

// provider is an OIDC once its own description has been read.
type provider struct {
	*OIDC
	mu       sync.Mutex
	config   *oauth2.Config
	verifier *oidc.IDTokenVerifier
}

// errProvider: the identity provider cannot be asked now.
var errProvider = errors.New("the identity provider does not answer")

// providerPatience is how long a provider may take to answer a call.
const providerPatience = 10 * time.Second

// ready reads the provider's description once it can; what it says about its keys is cached
// and read again when a token has a key that is not known.
func (p *provider) ready(ctx context.Context, now func() time.Time) (*oauth2.Config, *oidc.IDTokenVerifier, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.config != nil {
		return p.config, p.verifier, nil
	}
	ctx = oidc.ClientContext(context.WithoutCancel(ctx), &http.Client{Timeout: providerPatience})
	found, err := oidc.NewProvider(ctx, p.Issuer)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errProvider, err)
	}
	p.config = &oauth2.Config{
		ClientID: p.ClientID, ClientSecret: p.ClientSecret, Endpoint: found.Endpoint(), RedirectURL: p.Redirect,
		Scopes: []string{oidc.ScopeOpenID, "profile", "email"},
	}
	p.verifier = found.VerifierContext(ctx, &oidc.Config{ClientID: p.ClientID, Now: now})
	return p.config, p.verifier, nil
}

// oidcCookie binds a login to the browser that began it. Only browsers come here; programs,
// some of which keep one cookie at a time, log in elsewhere.
const (
	oidcCookie = "heddle-oidc"
	oidcPath   = "/login/oidc"
	oidcLasts  = 10 * time.Minute
)

func (c *call) oidcCookie(text string, lasts time.Duration) {
	c.SetCookie(&http.Cookie{
		Name: oidcCookie, Value: text, Path: oidcPath, MaxAge: int(lasts.Seconds()), HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: c.Request().TLS != nil || strings.HasPrefix(c.oidc.Redirect, "https:"),
	})
}

// beginOIDC sends a browser to the provider: /login/oidc?return=/ui/jobs.
func beginOIDC(c *call) (value.Value, error) {
	if c.oidc == nil {
		return value.Absent, refuse(missing, "no identity provider is set up")
	}
	config, _, err := c.oidc.ready(c.Request().Context(), c.Now)
	if err != nil {
		return value.Absent, err
	}
	state, nonce, verifier := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	back := url.QueryEscape(ownPath(c.QueryParam("return")))
	c.oidcCookie(strings.Join([]string{state, nonce, verifier, back}, "."), oidcLasts)
	return value.Absent, c.Redirect(http.StatusFound, config.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)))
}

// ownPath is a path of this server to go back to, whatever the caller asks for.
func ownPath(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n") {
		return "/"
	}
	return path
}

// finishOIDC is where the provider sends the browser back to.
func finishOIDC(c *call) (value.Value, error) {
	if c.oidc == nil {
		return value.Absent, refuse(missing, "no identity provider is set up")
	}
	cookie, err := c.Cookie(oidcCookie)
	if err != nil {
		return value.Absent, fmt.Errorf("%w: this browser did not begin a login", auth.ErrCredentials)
	}
	c.oidcCookie("", -time.Second)
	parts := strings.Split(cookie.Value, ".")
	if len(parts) != 4 || subtle.ConstantTimeCompare([]byte(parts[0]), []byte(c.QueryParam("state"))) != 1 {
		return value.Absent, fmt.Errorf("%w: this browser did not begin this login", auth.ErrCredentials)
	}
	if c.QueryParam("error") != "" || c.QueryParam("code") == "" {
		return value.Absent, fmt.Errorf("%w: the identity provider did not let them in", auth.ErrCredentials)
	}
	u, err := c.oidc.person(c.Request().Context(), c.Now, c.QueryParam("code"), parts[1], parts[2])
	if err != nil {
		return value.Absent, err
	}
	c.deed.claimed = u.Username
	token, who, err := c.Auth.LoginExternal(c.Request().Context(), u)
	if err != nil {
		return value.Absent, err
	}
	c.who = who
	c.sessionCookie(token)
	back, err := url.QueryUnescape(parts[3])
	if err != nil {
		back = "/"
	}
	return value.Absent, c.Redirect(http.StatusFound, ownPath(back))
}

// person exchanges a code for what the provider says of somebody.
func (p *provider) person(ctx context.Context, now func() time.Time, code, nonce, verifier string) (auth.External, error) {
	var u auth.External
	config, tokens, err := p.ready(ctx, now)
	if err != nil {
		return u, err
	}
	ctx = oidc.ClientContext(ctx, &http.Client{Timeout: providerPatience})
	granted, err := config.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		if _, refused := errors.AsType[*oauth2.RetrieveError](err); refused {
			return u, fmt.Errorf("%w: the identity provider does not take the code", auth.ErrCredentials)
		}
		return u, fmt.Errorf("%w: %w", errProvider, err)
	}
	raw, _ := granted.Extra("id_token").(string)
	id, err := tokens.Verify(ctx, raw)
	if err != nil {
		return u, fmt.Errorf("%w: the identity token is not valid: %w", auth.ErrCredentials, err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(nonce)) != 1 {
		return u, fmt.Errorf("%w: the identity token belongs to another login", auth.ErrCredentials)
	}
	var text []byte
	if err := id.Claims((*rawClaims)(&text)); err != nil {
		return u, fmt.Errorf("%w: the identity token cannot be read", auth.ErrCredentials)
	}
	claims, err := value.ParseLast(text)
	if err != nil {
		return u, fmt.Errorf("%w: the identity token cannot be read", auth.ErrCredentials)
	}
	return p.external(id.Issuer, id.Subject, claims)
}

// rawClaims takes claims as they are.
type rawClaims []byte

// UnmarshalJSON implements json.Unmarshaler.
func (r *rawClaims) UnmarshalJSON(data []byte) error {
	*r = slices.Clone(data)
	return nil
}

// external reads claims.
func (p *provider) external(issuer, subject string, claims value.Value) (auth.External, error) {
	u := auth.External{Provider: "OIDC", Subject: issuer + "#" + subject, Email: claims.Get("email").Text(), Name: claims.Get("name").Text()}
	for _, key := range []string{"preferred_username", "email", "sub"} {
		if u.Username == "" {
			u.Username = claims.Get(key).Text()
		}
	}
	claim := p.Claim
	if claim == "" {
		claim = "groups"
	}
	for _, g := range claims.Get(claim).Elements() {
		name := g.Text()
		u.Groups = append(u.Groups, name)
		if role, ok := p.Roles[name]; ok && !slices.Contains(u.Roles, role) {
			u.Roles = append(u.Roles, role)
		}
	}
	if len(u.Roles) == 0 {
		if p.Default == "" {
			return u, refuse(denied, "%s belongs to no group that may log in here", clip(u.Username))
		}
		u.Roles = []string{p.Default}
	}
	return u, nil
}
