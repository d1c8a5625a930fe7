// Package rest is how adapters talk to HTTP services: one client for an instance, which logs in,
// tries again, follows pages and stays where the network guard lets it. The kinds http and
// openapi are made of it; so is any other kind whose outside system has a REST interface.
package rest

import (
	"net/http"
	"net/url"
	"time"

	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/workflows/value"
)

// Config is what an instance says about a service.
type Config struct {
	URL     string            `json:"url,omitempty" doc:"address of the service; calls stay below it. Without one calls give whole addresses and nothing is logged in to"`
	Auth    Auth              `json:"auth,omitzero" doc:"how to log in"`
	Headers map[string]string `json:"headers,omitempty" doc:"headers of every call"`
	network.Config
	TLS               network.TLS `json:"tls,omitzero" doc:"how the service proves who it is"`
	TimeoutSeconds    int         `json:"timeoutSeconds,omitempty" doc:"of one try; 30 unless given, 600 at most"`
	MaxBytes          int64       `json:"maxBytes,omitempty" doc:"largest answer; 1 MiB unless given, 8 MiB at most"`
	Retry             Retry       `json:"retry,omitzero" doc:"when to try again"`
	IdempotencyHeader string      `json:"idempotencyHeader,omitempty" doc:"header that carries the task's idempotency key; with it POST and PATCH may be tried again, too"`
}

// Retry says which answers are worth another try.
type Retry struct {
	Statuses     []int   `json:"statuses,omitempty" doc:"429, 502, 503 and 504 unless given"`
	Limit        int     `json:"limit,omitempty" doc:"how many more tries, 10 at most"`
	DelaySeconds float64 `json:"delaySeconds,omitempty" doc:"before the first; doubled each time; 1 unless given. The service's own Retry-After goes first, up to 30"`
}

// Bounds of what an instance may set.
const (
	maxTimeout  = 600
	defaultSize = 1 << 20
	maxSize     = 8 << 20
	maxRetries  = 10
	maxWait     = 30 * time.Second
)

// Client is what the calls of an instance share. It is safe for concurrent use.
type Client struct {
	config Config
	base   *url.URL // nil without Config.URL
	http   *http.Client
	login  *Login // nil when nothing is logged in to
}

// Open checks a configuration and makes its client.
func Open(config Config) (*Client, error) {
	c := &Client{config: config}
	if c.config.URL != "" {
		u, err := parseURL(c.config.URL)
		if err != nil {
			return nil, network.Wrong("/url %v", err)
		}
		if u.RawQuery != "" {
			return nil, network.Wrong("/url must not have a query")
		}
		if u.Path == "" {
			u.Path = "/"
		}
		c.base = u
	}
	guard, err := c.config.Guard()
	if err != nil {
		return nil, err
	}
	if c.config.TimeoutSeconds, err = network.Bounds("/timeoutSeconds", c.config.TimeoutSeconds, 30, maxTimeout); err != nil {
		return nil, err
	}
	if c.config.MaxBytes, err = network.Bounds("/maxBytes", c.config.MaxBytes, defaultSize, maxSize); err != nil {
		return nil, err
	}
	if c.config.Retry.Limit, err = network.Bounds("/retry/limit", c.config.Retry.Limit, 0, maxRetries); err != nil {
		return nil, err
	}
	if c.config.Retry.DelaySeconds, err = network.Bounds("/retry/delaySeconds", c.config.Retry.DelaySeconds, 1, maxWait.Seconds()); err != nil {
		return nil, err
	}
	if c.config.Retry.Statuses == nil {
		c.config.Retry.Statuses = []int{429, 502, 503, 504}
	}
	settings, err := c.config.TLS.Config("/tls", "")
	if err != nil {
		return nil, err
	}
	c.http = guardedClient(guard, settings)
	if c.login, err = c.NewLogin("/auth", c.config.Auth); err != nil {
		return nil, err
	}
	return c, nil
}

// Close lets go of the connections that wait for more calls.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// Request is one call of a service.
type Request struct {
	Method  string // "" is GET
	URL     string // a whole address; with a client that has one it must lie below that
	Path    string // below the client's address, escaped; give either URL or Path
	Query   url.Values
	Header  http.Header
	Cookies []*http.Cookie
	Body    []byte
	Type    string   // of the body; "" sends no Content-Type
	Key     string   // the order's idempotency key, see Config.IdempotencyHeader
	Logins  []*Login // in place of the client's own; empty but not nil for none
}

// Answer is what a service answers: the envelope of the kinds made of this package.
type Answer struct {
	Body       value.Value       `json:"body"`
	Headers    map[string]string `json:"headers"`
	StatusCode int               `json:"statusCode"`
}
