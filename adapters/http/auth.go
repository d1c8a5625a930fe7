package http

import (
	"context"
	"fmt"
	nethttp "net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/workflows/value"
)

// check names what is missing for the way to log in.
func (a *Auth) check(hasBase bool) error {
	missing := ""
	switch a.Type {
	case "", "none":
		return nil
	case "basic":
		if a.User == "" {
			missing = "user"
		}
	case "bearer":
		if a.Token == "" {
			missing = "token"
		}
	case "apiKey":
		if a.Key == "" {
			missing = "key"
		}
	case "oauth2":
		if _, err := parseURL(a.TokenURL); err != nil {
			return wrong("/auth/tokenUrl %v", err)
		}
		if a.ClientID == "" {
			missing = "clientId"
		}
	}
	switch {
	case missing != "":
		return wrong("/auth/%s must be given for type %s", missing, a.Type)
	case !hasBase:
		return wrong("/url must be given, so that credentials have one place to go")
	}
	return nil
}

// logIn adds the credentials to a request. The task's own headers cannot replace them.
func (c *client) logIn(ctx context.Context, r *nethttp.Request) error {
	a := &c.Auth
	switch a.Type {
	case "basic":
		r.SetBasicAuth(a.User, a.Password)
	case "bearer":
		r.Header.Set("Authorization", "Bearer "+a.Token)
	case "apiKey":
		name := a.Name
		if name == "" {
			name = "X-API-Key"
		}
		if a.In == "query" {
			query := r.URL.Query()
			query.Set(name, a.Key)
			r.URL.RawQuery = query.Encode()
			return nil
		}
		r.Header.Set(name, a.Key)
	case "oauth2":
		text, err := c.token.get(ctx, c)
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+text)
	}
	return nil
}

// token is an OAuth2 access token that calls share.
type token struct {
	mu    sync.Mutex
	text  string
	until time.Time
}

func (t *token) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = ""
}

// early is how long before its end a token is renewed.
const early = 30 * time.Second

// get returns the token, asking for one when there is none; others wait for that.
func (t *token) get(ctx context.Context, c *client) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.text != "" && time.Now().Before(t.until) {
		return t.text, nil
	}
	text, lifetime, err := c.askForToken(ctx)
	if err != nil {
		return "", err
	}
	t.text, t.until = text, time.Now().Add(lifetime-early)
	return text, nil
}

// maxToken bounds the answer of a token service.
const maxToken = 1 << 20

func (c *client) askForToken(ctx context.Context) (text string, lifetime time.Duration, err error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if len(c.Auth.Scopes) > 0 {
		form.Set("scope", strings.Join(c.Auth.Scopes, " "))
	}
	r, err := nethttp.NewRequestWithContext(ctx, nethttp.MethodPost, c.Auth.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, wrong("/auth/tokenUrl: %v", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	r.SetBasicAuth(url.QueryEscape(c.Auth.ClientID), url.QueryEscape(c.Auth.ClientSecret))
	asking := *c.http
	asking.CheckRedirect = func(*nethttp.Request, []*nethttp.Request) error { return nethttp.ErrUseLastResponse }
	response, err := asking.Do(r)
	if err != nil {
		return "", 0, unreached(r.URL, err)
	}
	defer response.Body.Close()
	data, err := read(response.Body, maxToken)
	if err != nil {
		return "", 0, unreached(r.URL, err)
	}
	v := value.OfBody(data)
	text = v.Get("access_token").Text()
	if response.StatusCode != nethttp.StatusOK || text == "" {
		return "", 0, &adapters.Error{
			Class: adapters.ClassAuth, Text: fmt.Sprintf("%s gave no token: %d %s", shown(r.URL), response.StatusCode, v.Get("error").Text()),
			Retryable: new(response.StatusCode >= 500), Details: value.Object("statusCode", value.Int(int64(response.StatusCode))),
		}
	}
	lifetime = time.Hour
	if n := v.Get("expires_in").Float(); n > 0 {
		lifetime = time.Duration(min(n, 24*3600) * float64(time.Second))
	}
	return text, lifetime, nil
}
