package rest

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/workflows/value"
)

// guardedClient checks every connection and every redirection.
func guardedClient(guard *network.Guard, settings *tls.Config) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext: guard.DialContext, TLSClientConfig: settings, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second,
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
func checkRedirect(r *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("more than %d redirections", maxRedirects)
	}
	if r.URL.Scheme != "http" && r.URL.Scheme != "https" {
		return network.Wrong("a redirection leads to something other than http or https")
	}
	home := via[0].URL
	left := func(u *url.URL) bool { return !sameOrigin(u, home) || u.User != nil }
	if !left(r.URL) && !slices.ContainsFunc(via, func(v *http.Request) bool { return left(v.URL) }) {
		return nil
	}
	if r.Body != nil && r.Body != http.NoBody {
		return network.Wrong("a redirection would carry the body to another host, %s", r.URL.Host)
	}
	r.URL.User = nil
	for name := range r.Header {
		if !slices.Contains(harmless, name) {
			r.Header.Del(name)
		}
	}
	return nil
}

// Do makes a call, again within the bounds of the configuration when the answer is worth it.
// Any status is an answer; see [Answer.Check].
func (c *Client) Do(ctx context.Context, r Request) (Answer, error) {
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	if r.Logins == nil && c.login != nil {
		r.Logins = []*Login{c.login}
	}
	u, err := c.address(&r)
	if err != nil {
		return Answer{}, err
	}
	return c.try(ctx, u, &r)
}

// Check is the error that a status of 400 or more stands for, unless it is accepted.
func (a *Answer) Check(method, place string, accepted ...int) error {
	if a.StatusCode < 400 || slices.Contains(accepted, a.StatusCode) {
		return nil
	}
	return &adapters.Error{
		Class: adapters.ClassHTTP, Text: fmt.Sprintf("%s %s answered %d %s", method, place, a.StatusCode, http.StatusText(a.StatusCode)),
		Retryable: new(a.StatusCode >= 500 || a.StatusCode == http.StatusTooManyRequests || a.StatusCode == http.StatusRequestTimeout),
		Details:   value.Object("statusCode", value.Int(int64(a.StatusCode)), "response", a.Body),
	}
}

// Place is where a request goes, for people: without its query, which may hold a key.
func (c *Client) Place(r Request) string {
	u, err := c.address(&r)
	if err != nil {
		return "the service"
	}
	return shown(u)
}

func (c *Client) try(ctx context.Context, u *url.URL, r *Request) (Answer, error) {
	retry := &c.config.Retry
	delay := time.Duration(retry.DelaySeconds * float64(time.Second))
	renewed := false
	for n := 0; ; n++ {
		got, wait, err := c.once(ctx, u, r)
		if err == nil && got.StatusCode == http.StatusUnauthorized && !renewed && forgetTokens(r.Logins) {
			renewed = true // it may have been revoked
			got, wait, err = c.once(ctx, u, r)
		}
		if n >= retry.Limit || !c.repeatable(r.Method) || !c.again(got, err) {
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

func forgetTokens(logins []*Login) bool {
	some := false
	for _, l := range logins {
		if l.auth.Type == "oauth2" {
			l.token.forget()
			some = true
		}
	}
	return some
}

// repeatable tells whether a method may be tried again although it may have had its effect.
func (c *Client) repeatable(method string) bool {
	return method != http.MethodPost && method != http.MethodPatch || c.config.IdempotencyHeader != ""
}

func (c *Client) again(got Answer, err error) bool {
	if e, ok := errors.AsType[*adapters.Error](err); ok {
		return e.Class == adapters.ClassNetwork || e.Class == adapters.ClassTimeout
	}
	return err == nil && slices.Contains(c.config.Retry.Statuses, got.StatusCode)
}

// once makes one try; wait is how long the service asks to leave it alone.
func (c *Client) once(ctx context.Context, u *url.URL, r *Request) (got Answer, wait time.Duration, err error) {
	trying, cancel := context.WithTimeout(ctx, time.Duration(c.config.TimeoutSeconds)*time.Second)
	defer cancel()
	request, err := c.build(trying, u, r)
	if err != nil {
		return got, 0, unreached(ctx, u, err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return got, 0, unreached(ctx, u, err)
	}
	defer response.Body.Close()
	data, err := read(response.Body, c.config.MaxBytes)
	if err != nil {
		return got, 0, unreached(ctx, u, err)
	}
	got = Answer{Body: value.OfBody(data), Headers: map[string]string{}, StatusCode: response.StatusCode}
	for name, values := range response.Header {
		got.Headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return got, retryAfter(response.Header.Get("Retry-After"), time.Now()), nil
}

// refused are headers that callers do not set: they decide about the connection and its target.
var refused = []string{"Connection", "Content-Length", "Host", "Keep-Alive", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

func (c *Client) build(ctx context.Context, u *url.URL, r *Request) (*http.Request, error) {
	var body io.Reader
	if r.Body != nil {
		body = bytes.NewReader(r.Body)
	}
	request, err := http.NewRequestWithContext(ctx, r.Method, u.String(), body)
	if err != nil {
		return nil, network.Wrong("the request cannot be made: %v", err)
	}
	request.Header.Set("Accept", "application/json, */*;q=0.5")
	request.Header.Set("User-Agent", "heddle")
	if r.Type != "" {
		request.Header.Set("Content-Type", r.Type)
	}
	for name, v := range c.config.Headers {
		request.Header.Set(name, v)
	}
	for name, values := range r.Header {
		if slices.Contains(refused, http.CanonicalHeaderKey(name)) {
			return nil, network.Wrong("/headers/%s cannot be set", value.EscapePointer(name))
		}
		request.Header.Del(name)
		for _, v := range values {
			request.Header.Add(name, v)
		}
	}
	for _, cookie := range r.Cookies {
		request.AddCookie(cookie)
	}
	if c.config.IdempotencyHeader != "" {
		request.Header.Set(c.config.IdempotencyHeader, r.Key)
	}
	for _, l := range r.Logins {
		if err := l.add(ctx, c, request); err != nil {
			return nil, err
		}
	}
	return request, nil
}

func read(from io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(from, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = network.TooMuch("the answer is larger than %d bytes", limit)
	}
	return data, err
}

// unreached says why there is no answer, without the query and with nothing of the request.
func unreached(ctx context.Context, u *url.URL, err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return network.Unreached(ctx, shown(u), err)
}

// retryAfter is how long the service asks to wait; 0 when it does not say.
func retryAfter(header string, now time.Time) time.Duration {
	if n, err := strconv.Atoi(header); err == nil && n > 0 {
		return min(time.Duration(min(n, 3600))*time.Second, maxWait)
	}
	if at, err := http.ParseTime(header); err == nil {
		return min(max(at.Sub(now), 0), maxWait)
	}
	return 0
}
