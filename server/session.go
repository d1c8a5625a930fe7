package server

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/heddlehq/heddle/server/auth"
	"github.com/heddlehq/heddle/workflows/value"
)

// cookieName is the cookie clients look for by name. It is set at login and nowhere else:
// some clients drop all others when one is set.
const cookieName = "token"

const identityKey = "heddle.identity"

func identityOf(c echo.Context) *auth.Identity {
	who, _ := c.Get(identityKey).(*auth.Identity)
	return who
}

// admit finds out who calls and whether the route's permission is theirs.
func (s *Server) admit(c *call, r route) error {
	if r.may == auth.Public {
		if unsafe(c.Request().Method) {
			return s.sameOrigin(c.Request())
		}
		return nil
	}
	if r.name == scrape && fromHere(c.Request()) {
		return nil
	}
	token, byCookie := tokenOf(c.Request())
	who, err := s.identify(c.Request(), token)
	if err != nil {
		return err
	}
	c.who = who
	c.Set(identityKey, who)
	if byCookie && unsafe(c.Request().Method) {
		if err := s.guardCookie(c.Request()); err != nil {
			return err
		}
	}
	if !who.May(r.may) {
		return refuse(denied, "%s has no role with the permission %q", who.Username, r.may)
	}
	return nil
}

// identify finds who a request's token or, where that is allowed, client secret belongs to.
func (s *Server) identify(r *http.Request, token string) (*auth.Identity, error) {
	if id, secret, ok := r.BasicAuth(); ok && token == "" && s.Basic && r.TLS != nil {
		return s.Auth.ClientIdentity(r.Context(), id, secret, address(r))
	}
	return s.Auth.Identify(r.Context(), token)
}

// tokenOf finds a request's session token: a bearer header, the query, or the cookie, in
// this order.
func tokenOf(r *http.Request) (token string, byCookie bool) {
	if scheme, rest, ok := strings.Cut(r.Header.Get(echo.HeaderAuthorization), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(rest), false
	}
	if t := r.URL.Query().Get("token"); t != "" {
		return t, false
	}
	if cookie, err := r.Cookie(cookieName); err == nil {
		return cookie.Value, true
	}
	return "", false
}

func unsafe(method string) bool {
	return method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions
}

// guardCookie keeps other sites from acting through a browser that is logged in: what such a
// site can send without being asked first is a form, which is not JSON and has no header of
// its own.
func (s *Server) guardCookie(r *http.Request) error {
	if err := s.sameOrigin(r); err != nil {
		return err
	}
	hasBody := r.ContentLength != 0
	if r.Method == http.MethodPost && hasBody && !isJSON(r) && r.Header.Get("X-Requested-With") == "" {
		return refuse(media, "a call with the session cookie must have the content type application/json or a header X-Requested-With")
	}
	return nil
}

// sameOrigin refuses what a browser sends on behalf of a site that is neither this one nor on
// the list.
func (s *Server) sameOrigin(r *http.Request) error {
	if slices.Contains(s.Origins, r.Header.Get(echo.HeaderOrigin)) {
		return nil
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return refuse(denied, "calls from other sites are refused")
	}
	origin := r.Header.Get(echo.HeaderOrigin)
	if origin == "" {
		return nil
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || !strings.EqualFold(u.Host, r.Host) {
		return refuse(denied, "calls from other sites are refused")
	}
	return nil
}

// login takes {"user": {"username", "password"}} or the two alone and answers the bare token.
func login(c *call) (value.Value, error) {
	body, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	if u := body.Get("user"); u.IsObject() {
		body = u
	}
	name, password := body.Get("username"), body.Get("password")
	if !name.IsString() || !password.IsString() {
		return value.Absent, badAt("/user", "required", "A login needs a \"user\" with the texts \"username\" and \"password\".")
	}
	c.deed.claimed = name.Text()
	token, _, err := c.Auth.Login(c.Request().Context(), name.Text(), password.Text(), address(c.Request()))
	if err != nil {
		if errors.Is(err, auth.ErrCredentials) {
			c.Log.Info("login refused", "user", clip(name.Text()), "address", address(c.Request()))
		}
		return value.Absent, err
	}
	c.sessionCookie(token)
	return value.Absent, c.String(http.StatusOK, token)
}

func (c *call) sessionCookie(token string) {
	c.SetCookie(&http.Cookie{
		Name: cookieName, Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: c.Request().TLS != nil,
	})
}

// clip keeps a caller's text from filling the log.
func clip(s string) string {
	if len(s) > 80 {
		return s[:77] + "..."
	}
	return s
}

// oauthToken is the client-credentials grant of OAuth 2.
func oauthToken(c *call) (value.Value, error) {
	kind, _, _ := strings.Cut(c.Request().Header.Get(echo.HeaderContentType), ";")
	if !strings.EqualFold(strings.TrimSpace(kind), echo.MIMEApplicationForm) {
		return value.Absent, refuse(media, "the body must be of the type %s", echo.MIMEApplicationForm)
	}
	data, err := c.bytes()
	if err != nil {
		return value.Absent, err
	}
	form, err := url.ParseQuery(string(data))
	if err != nil {
		return value.Absent, refuse(malformed, "the form cannot be read")
	}
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if user, pass, ok := c.Request().BasicAuth(); ok && id == "" {
		id, secret = user, pass
	}
	if form.Get("grant_type") != "client_credentials" || id == "" {
		return value.Absent, badAt("/grant_type", "required", "The form needs grant_type=client_credentials, client_id and client_secret.")
	}
	c.deed.claimed = id
	token, lasts, err := c.Auth.ClientLogin(c.Request().Context(), id, secret, address(c.Request()))
	if err != nil {
		return value.Absent, err
	}
	return value.Object("access_token", value.String(token), "token_type", value.String("Bearer"), "expires_in", value.Int(int64(lasts.Seconds()))), nil
}

// logout ends the caller's session, or all of them with {"everywhere": true}.
func logout(c *call) (value.Value, error) {
	body, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	switch {
	case body.Get("everywhere").Truth():
		err = c.Auth.LogoutEverywhere(c.Request().Context(), c.who.ID)
	case c.who.Session == "":
		return value.Absent, refuse(clash, "this call has no session that could end; revoke an API token instead")
	default:
		err = c.Auth.Logout(c.Request().Context(), c.who.Session)
	}
	return enveloped("Successfully logged out", value.Absent), err
}
