package server

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/heddlehq/heddle/server/auth"
	"github.com/heddlehq/heddle/workflows/value"
)

// call is one request on its way through a handler.
type call struct {
	echo.Context
	*Server
	who     *auth.Identity // nil on public routes
	deed    deed           // what the audit log is to say of the call
	claimed *claim         // on the call's idempotency key; nil without one
}

// text is a path parameter, unescaped.
func (c *call) text(name string) string {
	raw := c.Param(name)
	if s, err := url.PathUnescape(raw); err == nil {
		return s
	}
	return raw
}

// tail is all of the path behind its first n segments, unescaped: a name that may hold
// slashes.
func (c *call) tail(n int) string {
	raw, _ := c.Get(rawPathKey).(string)
	for range n {
		raw = strings.TrimLeft(raw, "/")
		_, raw, _ = strings.Cut(raw, "/")
	}
	raw = strings.TrimSuffix(strings.TrimLeft(raw, "/"), "/")
	if s, err := url.PathUnescape(raw); err == nil {
		return s
	}
	return raw
}

// bytes reads the body, within the route's limit.
func (c *call) bytes() ([]byte, error) {
	data, err := io.ReadAll(c.Request().Body)
	if err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			return nil, err
		}
		return nil, refuse(malformed, "the body could not be read: %v", err)
	}
	return data, nil
}

// json reads the body as strict JSON.
func (c *call) json() (value.Value, error) {
	data, err := c.bytes()
	if err != nil {
		return value.Absent, err
	}
	v, err := value.Parse(data)
	if err != nil {
		return value.Absent, fmt.Errorf("the body is not JSON: %w", err)
	}
	return v, nil
}

// object reads the body as a JSON object; an empty body is an empty object.
func (c *call) object() (value.Value, error) {
	data, err := c.bytes()
	if err != nil {
		return value.Absent, err
	}
	if len(data) == 0 {
		return value.Object(), nil
	}
	v, err := value.Parse(data)
	if err != nil {
		return value.Absent, fmt.Errorf("the body is not JSON: %w", err)
	}
	if !v.IsObject() {
		return value.Absent, badAt("", "type", "The body must be a JSON object, not %s.", v.Kind())
	}
	if c.deed.reason == "" {
		c.deed.reason = v.Get("reason").Text()
	}
	return v, nil
}

// member reads the body's required member of a kind.
func (c *call) member(key string, kind value.Kind) (value.Value, error) {
	body, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	return need(body, key, kind)
}

// need is an object's required member of a kind.
func need(v value.Value, key string, kind value.Kind) (value.Value, error) {
	m := v.Get(key)
	if m.Kind() != kind {
		return value.Absent, badAt("/"+value.EscapePointer(key), "required", "The body needs %q, and it must be of the type %s, not %s.", key, kind, m.Kind())
	}
	return m, nil
}

// optional is an object's member of a kind, or Absent when it is missing or null.
func optional(v value.Value, key string, kind value.Kind) (value.Value, error) {
	m := v.Get(key)
	if m.IsNothing() {
		return value.Absent, nil
	}
	if m.Kind() != kind {
		return value.Absent, badAt("/"+value.EscapePointer(key), "type", "%q must be of the type %s, not %s.", key, kind, m.Kind())
	}
	return m, nil
}

// optionalText is an object's text member, "" when it is missing or null.
func optionalText(v value.Value, key string) (string, error) {
	m, err := optional(v, key, value.KindString)
	return m.Text(), err
}

// texts reads a list of texts.
func texts(v value.Value, pointer string) ([]string, error) {
	if !v.IsArray() {
		return nil, badAt(pointer, "type", "A list of texts is expected here, not %s.", v.Kind())
	}
	out := make([]string, 0, v.Len())
	for i, e := range v.Elements() {
		if !e.IsString() {
			return nil, badAt(fmt.Sprintf("%s/%d", pointer, i), "type", "A text is expected here, not %s.", e.Kind())
		}
		out = append(out, e.Text())
	}
	return out, nil
}

// enveloped is the envelope of success.
func enveloped(message string, data value.Value) value.Value {
	return value.Object("message", value.String(message), "data", orNull(data), "metadata", value.Object())
}

func orNull(v value.Value) value.Value {
	if v.IsAbsent() {
		return value.Null
	}
	return v
}

func writeJSON(c echo.Context, status int, v value.Value) error {
	return c.Blob(status, echo.MIMEApplicationJSON, v.AppendJSON(nil))
}

// isJSON tells whether the body is declared to be JSON.
func isJSON(r *http.Request) bool {
	kind, _, _ := strings.Cut(r.Header.Get(echo.HeaderContentType), ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	return kind == echo.MIMEApplicationJSON || strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json")
}
