package rest

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/workflows/value"
)

// Auth says how to log in.
type Auth struct {
	Type         string            `json:"type" enum:"none,basic,bearer,apiKey,oauth2"`
	User         string            `json:"user,omitempty" doc:"basic"`
	Password     string            `json:"password,omitempty" secret:"true" doc:"basic"`
	Token        string            `json:"token,omitempty" secret:"true" doc:"bearer"`
	Key          string            `json:"key,omitempty" secret:"true" doc:"apiKey"`
	In           string            `json:"in,omitempty" enum:"header,query,cookie" doc:"apiKey: where it goes; header unless given"`
	Name         string            `json:"name,omitempty" doc:"apiKey: name of the header, query parameter or cookie; X-API-Key unless given"`
	TokenURL     string            `json:"tokenUrl,omitempty" doc:"oauth2: where client credentials give a token"`
	ClientID     string            `json:"clientId,omitempty" doc:"oauth2"`
	ClientSecret string            `json:"clientSecret,omitempty" secret:"true" doc:"oauth2"`
	ClientAuth   string            `json:"clientAuth,omitempty" enum:"header,body" doc:"oauth2: where the client's secret goes; header unless given"`
	Scopes       []string          `json:"scopes,omitempty" doc:"oauth2"`
	Parameters   map[string]string `json:"parameters,omitempty" doc:"oauth2: what else the token service wants, such as audience or resource"`
}

// Login is a way to log in with what it remembers, such as an OAuth2 token.
type Login struct {
	auth  Auth
	token token
}

// NewLogin checks what is given for a way to log in; place is the pointer to it in the
// configuration. It is nil when there is nothing to log in to.
func (c *Client) NewLogin(place string, a Auth) (*Login, error) {
	missing := ""
	switch a.Type {
	case "", "none":
		return nil, nil
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
		if a.Name == "" {
			a.Name = "X-API-Key"
		}
	case "oauth2":
		if _, err := parseURL(a.TokenURL); err != nil {
			return nil, network.Wrong("%s/tokenUrl %v", place, err)
		}
		if a.ClientID == "" {
			missing = "clientId"
		}
	default:
		return nil, network.Wrong("%s/type must be one of none, basic, bearer, apiKey and oauth2, not %q", place, a.Type)
	}
	switch {
	case missing != "":
		return nil, network.Wrong("%s/%s must be given for type %s", place, missing, a.Type)
	case c.base == nil:
		return nil, network.Wrong("/url must be given, so that credentials have one place to go")
	}
	return &Login{auth: a}, nil
}

// add puts the credentials into a request, in place of what the task itself put there.
func (l *Login) add(ctx context.Context, c *Client, r *http.Request) error {
	a := &l.auth
	switch a.Type {
	case "basic":
		r.SetBasicAuth(a.User, a.Password)
	case "bearer":
		r.Header.Set("Authorization", "Bearer "+a.Token)
	case "apiKey":
		switch a.In {
		case "query":
			query := r.URL.Query()
			query.Set(a.Name, a.Key)
			r.URL.RawQuery = query.Encode()
		case "cookie":
			r.AddCookie(&http.Cookie{Name: a.Name, Value: a.Key})
		default:
			r.Header.Set(a.Name, a.Key)
		}
	case "oauth2":
		text, err := l.token.get(ctx, c, a)
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
func (t *token) get(ctx context.Context, c *Client, a *Auth) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.text != "" && time.Now().Before(t.until) {
		return t.text, nil
	}
	text, lifetime, err := c.askForToken(ctx, a)
	if err != nil {
		return "", err
	}
	t.text, t.until = text, time.Now().Add(lifetime-early)
	return text, nil
}

// maxToken bounds the answer of a token service.
const maxToken = 1 << 20

func (c *Client) askForToken(ctx context.Context, a *Auth) (text string, lifetime time.Duration, err error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if len(a.Scopes) > 0 {
		form.Set("scope", strings.Join(a.Scopes, " "))
	}
	for name, v := range a.Parameters {
		form.Set(name, v)
	}
	if a.ClientAuth == "body" {
		form.Set("client_id", a.ClientID)
		form.Set("client_secret", a.ClientSecret)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, network.Wrong("/auth/tokenUrl: %v", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	if a.ClientAuth != "body" {
		r.SetBasicAuth(url.QueryEscape(a.ClientID), url.QueryEscape(a.ClientSecret))
	}
	asking := *c.http
	asking.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := asking.Do(r)
	if err != nil {
		return "", 0, err
	}
	defer response.Body.Close()
	data, err := read(response.Body, maxToken)
	if err != nil {
		return "", 0, err
	}
	v := value.OfBody(data)
	text = v.Get("access_token").Text()
	if response.StatusCode != http.StatusOK || text == "" {
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
