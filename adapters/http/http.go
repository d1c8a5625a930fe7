// Package http is an adapter for REST services. An instance names a service, how to log in there
// and what the network allows; credentials go to that service and nowhere else.
package http

import (
	"context"
	"errors"
	"fmt"
	nethttp "net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/builtin"
	"github.com/heddlehq/heddle/workflows/value"
)

// App is how tasks name the adapter.
const App = "Http"

// Config is the configuration of an instance.
type Config struct {
	URL               string            `json:"url,omitempty" doc:"address of the service; calls stay below it. Without one calls give whole addresses and nothing is logged in to"`
	Auth              Auth              `json:"auth,omitzero" doc:"how to log in"`
	Headers           map[string]string `json:"headers,omitempty" doc:"headers of every call"`
	Allow             []string          `json:"allow,omitempty" doc:"address ranges that may be reached although they are not public, such as 10.1.0.0/16"`
	TimeoutSeconds    int               `json:"timeoutSeconds,omitempty" doc:"of one try; 30 unless given, 600 at most"`
	MaxBytes          int64             `json:"maxBytes,omitempty" doc:"largest answer; 1 MiB unless given, 8 MiB at most"`
	Retry             Retry             `json:"retry,omitzero" doc:"when to try again"`
	IdempotencyHeader string            `json:"idempotencyHeader,omitempty" doc:"header that carries the task's idempotency key; with it POST and PATCH may be tried again, too"`
}

// Auth says how to log in.
type Auth struct {
	Type         string   `json:"type" enum:"none,basic,bearer,apiKey,oauth2"`
	User         string   `json:"user,omitempty" doc:"basic"`
	Password     string   `json:"password,omitempty" secret:"true" doc:"basic"`
	Token        string   `json:"token,omitempty" secret:"true" doc:"bearer"`
	Key          string   `json:"key,omitempty" secret:"true" doc:"apiKey"`
	In           string   `json:"in,omitempty" enum:"header,query" doc:"apiKey: where it goes; header unless given"`
	Name         string   `json:"name,omitempty" doc:"apiKey: name of the header or query parameter; X-API-Key unless given"`
	TokenURL     string   `json:"tokenUrl,omitempty" doc:"oauth2: where client credentials give a token"`
	ClientID     string   `json:"clientId,omitempty" doc:"oauth2"`
	ClientSecret string   `json:"clientSecret,omitempty" secret:"true" doc:"oauth2"`
	Scopes       []string `json:"scopes,omitempty" doc:"oauth2"`
}

// Retry says which answers are worth another try.
type Retry struct {
	Statuses     []int   `json:"statuses,omitempty" doc:"429, 502, 503 and 504 unless given"`
	Limit        int     `json:"limit,omitempty" doc:"how many more tries, 10 at most"`
	DelaySeconds float64 `json:"delaySeconds,omitempty" doc:"before the first; doubled each time; 1 unless given. The service's own Retry-After goes first, up to 30"`
}

// Kind is the adapter.
func Kind() *adapters.Kind {
	return &adapters.Kind{
		App: App, Version: "1.0.0", Summary: "Calls REST services.", Config: adapters.SchemaOf[Config](),
		Open:    func(_ context.Context, i adapters.Instance) (any, error) { return open(i.Config) },
		Methods: []adapters.Spec{adapters.Method("request", request).Says("Makes an HTTP request.").MayWarn()},
	}
}

// Bounds of what an instance may set.
const (
	maxTimeout  = 600
	defaultSize = 1 << 20
	maxSize     = 8 << 20
	maxRetries  = 10
	maxWait     = 30 * time.Second
)

// client is what the calls of an instance share.
type client struct {
	Config
	base    *url.URL // nil without Config.URL
	network builtin.Network
	http    *nethttp.Client
	token   token
}

func open(config value.Value) (*client, error) {
	c := &client{}
	if err := config.Decode(&c.Config); err != nil {
		return nil, wrong("%v", err)
	}
	if c.URL != "" {
		u, err := parseURL(c.URL)
		if err != nil {
			return nil, wrong("/url %v", err)
		}
		if u.RawQuery != "" {
			return nil, wrong("/url must not have a query")
		}
		if u.Path == "" {
			u.Path = "/"
		}
		c.base = u
	}
	for i, text := range c.Allow {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, wrong("/allow/%d must be a range such as 10.1.0.0/16, not %q", i, text)
		}
		c.network.Allow = append(c.network.Allow, p)
	}
	for _, b := range []struct {
		name      string
		n, bounds int64
	}{{"timeoutSeconds", int64(c.TimeoutSeconds), maxTimeout}, {"maxBytes", c.MaxBytes, maxSize}, {"retry/limit", int64(c.Retry.Limit), maxRetries}} {
		if b.n < 0 || b.n > b.bounds {
			return nil, wrong("/%s must be from 0 to %d, not %d", b.name, b.bounds, b.n)
		}
	}
	if d := c.Retry.DelaySeconds; d < 0 || d > maxWait.Seconds() {
		return nil, wrong("/retry/delaySeconds must be from 0 to %v, not %v", maxWait.Seconds(), d)
	}
	if c.TimeoutSeconds == 0 {
		c.TimeoutSeconds = 30
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = defaultSize
	}
	if c.Retry.Statuses == nil {
		c.Retry.Statuses = []int{429, 502, 503, 504}
	}
	if c.Retry.DelaySeconds == 0 {
		c.Retry.DelaySeconds = 1
	}
	if err := c.Auth.check(c.base != nil); err != nil {
		return nil, err
	}
	c.http = c.guardedClient()
	return c, nil
}

func wrong(format string, args ...any) error {
	return &adapters.Error{Class: engine.ClassInput, Text: fmt.Sprintf(format, args...), Retryable: new(bool)}
}

func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("must be an address such as https://api.example.com/v1")
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return nil, errors.New("must be an http or https address")
	case u.User != nil:
		return nil, errors.New("must not hold a user; an instance's auth does")
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

type input struct {
	Method       string                 `json:"method,omitempty" enum:"DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT" doc:"GET unless given"`
	URL          string                 `json:"url,omitempty" doc:"whole address; with an instance that has one it must lie below that"`
	Path         string                 `json:"path,omitempty" doc:"below the address of the instance"`
	Query        map[string]value.Value `json:"query,omitempty" doc:"query parameters; a list gives one for each element"`
	Headers      map[string]value.Value `json:"headers,omitempty" doc:"headers by name"`
	Body         value.Value            `json:"body,omitzero" doc:"sent as JSON unless it is a text"`
	AcceptStatus []int                  `json:"acceptStatus,omitempty" doc:"statuses of 400 or more that are no error"`
}

type output struct {
	Response answer `json:"response" doc:"what the service answered"`
}

type answer struct {
	Body       value.Value       `json:"body"`
	Headers    map[string]string `json:"headers"`
	StatusCode int               `json:"statusCode"`
}

func request(ctx context.Context, call *adapters.Call, in input) (output, error) {
	c := adapters.Client[*client](call)
	if in.Method == "" {
		in.Method = nethttp.MethodGet
	}
	u, err := c.address(in)
	if err != nil {
		return output{}, err
	}
	got, err := c.try(ctx, call.Order.Key, u, in)
	if err != nil {
		return output{}, err
	}
	if got.StatusCode >= 400 && !slices.Contains(in.AcceptStatus, got.StatusCode) {
		return output{}, &adapters.Error{
			Class: adapters.ClassHTTP, Text: fmt.Sprintf("%s %s answered %d %s", in.Method, shown(u), got.StatusCode, nethttp.StatusText(got.StatusCode)),
			Retryable: new(got.StatusCode >= 500 || got.StatusCode == 429 || got.StatusCode == 408),
			Details:   value.Object("statusCode", value.Int(int64(got.StatusCode)), "response", got.Body),
		}
	}
	return output{got}, nil
}

// shown is an address without its query, which may hold a key.
func shown(u *url.URL) string { return u.Scheme + "://" + u.Host + u.EscapedPath() }

// address is where a call goes: below the instance's address, if it has one.
func (c *client) address(in input) (*url.URL, error) {
	var u *url.URL
	switch {
	case in.URL != "" && in.Path != "":
		return nil, wrong("give either /url or /path")
	case in.URL != "":
		var err error
		if u, err = parseURL(in.URL); err != nil {
			return nil, wrong("/url %v", err)
		}
	case c.base == nil:
		return nil, wrong("/url must be given: the adapter instance has no address of its own")
	default:
		path, query, _ := strings.Cut(in.Path, "?")
		if _, err := url.PathUnescape(path); err != nil {
			return nil, wrong("/path is not a path: %v", err)
		}
		if dots(path) {
			return nil, wrong("/path must not lead upwards")
		}
		u = c.base
		if path != "" {
			u = c.base.JoinPath(path)
		}
		u = &url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath, RawQuery: query}
	}
	if c.base != nil && (!sameOrigin(u, c.base) || !below(u, c.base)) {
		return nil, wrong("/url must lie below %s, the address of the adapter instance", shown(c.base))
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, wrong("the query is not one: %v", err)
	}
	for name, v := range in.Query {
		query.Del(name)
		if !v.IsArray() {
			v = value.Array(v)
		}
		for _, e := range v.Elements() {
			query.Add(name, plain(e))
		}
	}
	u.RawQuery = query.Encode()
	return u, nil
}

// below tells whether a path leads into the base's, however it is spelled.
func below(u, base *url.URL) bool {
	if dots(u.EscapedPath()) {
		return false
	}
	root := strings.TrimSuffix(base.EscapedPath(), "/")
	return u.EscapedPath() == root || strings.HasPrefix(u.EscapedPath(), root+"/")
}

// dots tells whether some server may read the path as one that leads upwards, also one that
// unescapes it twice.
func dots(path string) bool {
	for range 3 {
		for segment := range strings.SplitSeq(strings.ReplaceAll(path, `\`, "/"), "/") {
			name, _, _ := strings.Cut(segment, ";")
			if name == "." || name == ".." {
				return true
			}
		}
		decoded, err := url.PathUnescape(path)
		if err != nil {
			return false
		}
		path = decoded
	}
	return false
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}

// plain is a value as text in a query or a header.
func plain(v value.Value) string {
	switch {
	case v.IsString():
		return v.Text()
	case v.IsNothing():
		return ""
	}
	return v.String()
}

// retryAfter is how long the service asks to wait; 0 when it does not say.
func retryAfter(header string, now time.Time) time.Duration {
	if n, err := strconv.Atoi(header); err == nil && n > 0 {
		return min(time.Duration(min(n, 3600))*time.Second, maxWait)
	}
	if at, err := nethttp.ParseTime(header); err == nil {
		return min(max(at.Sub(now), 0), maxWait)
	}
	return 0
}
