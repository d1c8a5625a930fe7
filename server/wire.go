package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// rawPathKey is where a request's path is kept as it was sent.
const rawPathKey = "heddle.path"

// Bounds on what one request may send.
const (
	maxBody       = 64 << 20
	maxPublicBody = 64 << 10 // before the caller is known
	maxHeader     = 64 << 10
)

// normalise lets paths that differ only in repeated slashes and a slash at the end be the
// same route, without a redirect: clients do not repeat a POST.
func normalise(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		u := c.Request().URL
		raw := u.EscapedPath()
		c.Set(rawPathKey, raw)
		path := collapse(raw)
		plain, err := url.PathUnescape(path)
		if err != nil {
			return refuse(malformed, "the path is not escaped as it should be")
		}
		u.Path, u.RawPath = plain, path
		return next(c)
	}
}

func collapse(path string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(path, "/") {
		if part != "" {
			b.WriteByte('/')
			b.WriteString(part)
		}
	}
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}

// secure sets the headers that keep browsers from doing harm with what is answered.
func secure(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set(echo.HeaderXContentTypeOptions, "nosniff")
		h.Set(echo.HeaderXFrameOptions, "DENY")
		h.Set(echo.HeaderContentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'")
		h.Set(echo.HeaderReferrerPolicy, "no-referrer")
		h.Set(echo.HeaderCacheControl, "no-store")
		if c.Request().TLS != nil {
			h.Set(echo.HeaderStrictTransportSecurity, "max-age=31536000")
		}
		return next(c)
	}
}

// log gives each request an id and writes a line about it: no query, no body, no token.
func (s *Server) log(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		var random [8]byte
		rand.Read(random[:])
		id := hex.EncodeToString(random[:])
		c.Response().Header().Set(echo.HeaderXRequestID, id)
		began := time.Now()
		if err := next(c); err != nil {
			s.fail(err, c)
		}
		user := ""
		if who := identityOf(c); who != nil {
			user = who.Username
		}
		s.Log.Log(c.Request().Context(), s.AccessLevel, "request answered",
			"request", id, "method", c.Request().Method, "route", c.Path(), "status", c.Response().Status,
			"bytes", c.Response().Size, "took", time.Since(began), "user", user, "address", address(c.Request()))
		return nil
	}
}

// recovering turns a panic into an answer that tells nothing but the request's id.
func (s *Server) recovering(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				s.Log.Error("call panicked", "request", c.Response().Header().Get(echo.HeaderXRequestID),
					"route", c.Path(), "panic", p, "stack", string(debug.Stack()))
				err = fmt.Errorf("panic in %s", c.Path())
			}
		}()
		return next(c)
	}
}

// bounded limits a body's size and the time a call may take.
func bounded(c echo.Context, limit int64, patience time.Duration) context.CancelFunc {
	r := c.Request()
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	r = r.WithContext(ctx)
	r.Body = http.MaxBytesReader(c.Response(), r.Body, limit)
	c.SetRequest(r)
	return cancel
}

// address is where a request comes from, without the port.
func address(r *http.Request) string {
	host := r.RemoteAddr
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	return strings.Trim(host, "[]")
}
