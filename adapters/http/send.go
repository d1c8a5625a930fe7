package http

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows/value"
)

// guardedClient checks the address of every connection after its name was resolved, and every
// redirection.
func (c *client) guardedClient() *nethttp.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("address %q: %w", address, err)
		}
		if !c.network.Allows(at.Addr()) {
			return wrong("the address %s may not be reached: it is neither public nor allowed to this adapter instance", at.Addr())
		}
		return nil
	}}
	return &nethttp.Client{
		Transport: &nethttp.Transport{
			DialContext: dialer.DialContext, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second,
			MaxResponseHeaderBytes: 1 << 20, MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second,
		},
		CheckRedirect: checkRedirect,
	}
}

const maxRedirects = 5

// harmless headers go along to another host; all others may be credentials.
var harmless = []string{"Accept", "Accept-Language", "User-Agent"}

// checkRedirect leaves credentials behind once a redirection leads to another host, even if
// a later one leads back.
func checkRedirect(r *nethttp.Request, via []*nethttp.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("more than %d redirections", maxRedirects)
	}
	if r.URL.Scheme != "http" && r.URL.Scheme != "https" {
		return wrong("a redirection leads to something other than http or https")
	}
	home := via[0].URL
	left := func(u *url.URL) bool { return !sameOrigin(u, home) || u.User != nil }
	if !left(r.URL) && !slices.ContainsFunc(via, func(v *nethttp.Request) bool { return left(v.URL) }) {
		return nil
	}
	if r.Body != nil && r.Body != nethttp.NoBody {
		return wrong("a redirection would carry the body to another host, %s", r.URL.Host)
	}
	r.URL.User = nil
	for name := range r.Header {
		if !slices.Contains(harmless, name) {
			r.Header.Del(name)
		}
	}
	return nil
}

// try makes the call, again within bounds when the answer is worth it.
func (c *client) try(ctx context.Context, key string, u *url.URL, in input) (answer, error) {
	delay := time.Duration(c.Retry.DelaySeconds * float64(time.Second))
	renewed := false
	for n := 0; ; n++ {
		got, wait, err := c.once(ctx, key, u, in)
		if err == nil && got.StatusCode == nethttp.StatusUnauthorized && c.Auth.Type == "oauth2" && !renewed {
			renewed = true
			c.token.forget() // it may have been revoked
			got, wait, err = c.once(ctx, key, u, in)
		}
		if n >= c.Retry.Limit || !c.repeatable(in.Method) || !c.again(got, err) {
			return got, err
		}
		if wait == 0 {
			wait, delay = delay, min(2*delay, maxWait)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return got, err
		}
	}
}

// repeatable tells whether a method may be tried again although it may have had its effect.
func (c *client) repeatable(method string) bool {
	return method != nethttp.MethodPost && method != nethttp.MethodPatch || c.IdempotencyHeader != ""
}

func (c *client) again(got answer, err error) bool {
	if e, ok := errors.AsType[*adapters.Error](err); ok {
		return e.Class == adapters.ClassNetwork
	}
	return err == nil && slices.Contains(c.Retry.Statuses, got.StatusCode)
}

// once makes one try; wait is how long the service asks to leave it alone.
func (c *client) once(ctx context.Context, key string, u *url.URL, in input) (got answer, wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(c.TimeoutSeconds)*time.Second)
	defer cancel()
	r, err := c.build(ctx, key, u, in)
	if err != nil {
		return got, 0, err
	}
	response, err := c.http.Do(r)
	if err != nil {
		return got, 0, unreached(u, err)
	}
	defer response.Body.Close()
	data, err := read(response.Body, c.MaxBytes)
	if err != nil {
		return got, 0, unreached(u, err)
	}
	got = answer{Body: value.OfBody(data), Headers: map[string]string{}, StatusCode: response.StatusCode}
	for name, values := range response.Header {
		got.Headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return got, retryAfter(response.Header.Get("Retry-After"), time.Now()), nil
}

// refused are headers that callers do not set: they decide about the connection and its target.
var refused = []string{"Connection", "Content-Length", "Host", "Keep-Alive", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

func (c *client) build(ctx context.Context, key string, u *url.URL, in input) (*nethttp.Request, error) {
	var body io.Reader
	kind := ""
	switch {
	case in.Body.IsNothing():
	case in.Body.IsString():
		body = strings.NewReader(in.Body.Text())
	default:
		body, kind = bytes.NewReader(in.Body.AppendJSON(nil)), "application/json"
	}
	target := *u
	r, err := nethttp.NewRequestWithContext(ctx, in.Method, target.String(), body)
	if err != nil {
		return nil, wrong("the request cannot be made: %v", err)
	}
	r.Header.Set("Accept", "application/json, */*;q=0.5")
	r.Header.Set("User-Agent", "heddle")
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for name, v := range c.Headers {
		r.Header.Set(name, v)
	}
	for name, v := range in.Headers {
		if slices.Contains(refused, nethttp.CanonicalHeaderKey(name)) {
			return nil, wrong("/headers/%s cannot be set", value.EscapePointer(name))
		}
		r.Header.Set(name, plain(v))
	}
	if c.IdempotencyHeader != "" {
		r.Header.Set(c.IdempotencyHeader, key)
	}
	return r, c.logIn(ctx, r)
}

func read(from io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(from, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = &adapters.Error{Class: engine.ClassLimit, Text: fmt.Sprintf("the answer is larger than %d bytes", limit), Retryable: new(bool)}
	}
	return data, err
}

// unreached says why there is no answer, without the query and with nothing of the request.
func unreached(u *url.URL, err error) error {
	if e, ok := errors.AsType[*adapters.Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &adapters.Error{Class: adapters.ClassNetwork, Text: fmt.Sprintf("%s cannot be reached: %v", shown(u), err), Retryable: new(true)}
}
