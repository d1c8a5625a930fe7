// Package webhook is an adapter that tells others what happened: HTTP calls whose signature
// shows who made them, when, and that nothing was changed on the way.
//
//	{"url": "https://chat.example.com/hooks/42", "secrets": ["$secret.chat"], "retry": {"limit": 5}}
//
// A receiver checks calls with [Verify] or any library for the scheme of its choice.
package webhook

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/adapters/rest"
	"github.com/heddlehq/heddle/workflows/value"
)

// App is how tasks name the adapter.
const App = "Webhook"

// Config is the configuration of an instance.
type Config struct {
	rest.Config
	Secrets []string `json:"secrets,omitempty" secret:"true" doc:"what calls are signed with; a second one while receivers change over. Texts that begin with whsec_ hold base64"`
	Scheme  Scheme   `json:"scheme,omitempty" enum:"standard,timestamped,body" doc:"standard: Standard Webhooks; timestamped: t=...,v1=... in one header; body: sha256=... of the body alone. standard unless given"`
	Header  string   `json:"header,omitempty" doc:"name of the signature's header in place of the scheme's own"`
}

// Kind is the adapter.
func Kind() *adapters.Kind {
	return &adapters.Kind{
		App: App, Version: "1.0.0", Summary: "Makes signed calls to webhooks.", Config: adapters.SchemaOf[Config](),
		Open: func(_ context.Context, i adapters.Instance) (any, error) { return open(i.Config) },
		Methods: []adapters.Spec{
			adapters.Method("send", send).Says("Makes a signed call.").MayWarn(),
		},
	}
}

// client is what the calls of an instance share.
type client struct {
	Config
	service *rest.Client
	now     func() time.Time
}

// reserved are headers that the signature's receiver relies on.
var reserved = []string{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"}

func open(config value.Value) (*client, error) {
	c := &client{now: time.Now}
	if err := config.Decode(&c.Config); err != nil {
		return nil, network.Wrong("%v", err)
	}
	if c.URL == "" {
		return nil, network.Wrong("/url must be given")
	}
	if c.Scheme == "" {
		c.Scheme = Standard
	}
	for i, s := range c.Secrets {
		if _, err := keyOf(s); err != nil {
			return nil, network.Wrong("/secrets/%d %v", i, err)
		}
	}
	if c.IdempotencyHeader == "" {
		c.IdempotencyHeader = reserved[0] // each try has the same one, so all may be tried again
	}
	var err error
	c.service, err = rest.Open(c.Config.Config)
	return c, err
}

type input struct {
	Path         string                 `json:"path,omitempty" doc:"below the address of the instance"`
	Payload      value.Value            `json:"payload" doc:"sent as JSON"`
	Headers      map[string]value.Value `json:"headers,omitempty" doc:"more headers by name"`
	AcceptStatus []int                  `json:"acceptStatus,omitempty" doc:"statuses of 400 or more that are no error"`
}

type output struct {
	ID       string      `json:"id" doc:"of the call, the same for every try of the task"`
	Response rest.Answer `json:"response" doc:"what the receiver answered"`
}

func send(ctx context.Context, call *adapters.Call, in input) (output, error) {
	c := adapters.Client[*client](call)
	sum := sha256.Sum256([]byte(call.Order.Key))
	id := "msg_" + hex.EncodeToString(sum[:16])
	r := rest.Request{Method: http.MethodPost, Path: in.Path, Body: in.Payload.AppendJSON(nil), Type: "application/json", Key: id, Header: http.Header{}}
	for name, v := range in.Headers {
		canonical := http.CanonicalHeaderKey(name)
		if slices.Contains(reserved, canonical) || canonical == http.CanonicalHeaderKey(c.signatureHeader()) {
			return output{}, network.Wrong("/headers/%s cannot be set: it is the signature's", value.EscapePointer(name))
		}
		r.Header.Set(name, rest.Plain(v))
	}
	signed, err := Sign(c.Scheme, c.Secrets, id, c.now(), r.Body)
	if err != nil {
		return output{}, network.Wrong("/secrets: %v", err)
	}
	for name, values := range signed {
		if name == c.Scheme.header() {
			name = c.signatureHeader()
		}
		r.Header[name] = values
	}
	got, err := c.service.Do(ctx, r)
	if err == nil {
		err = got.Check(r.Method, c.service.Place(r), in.AcceptStatus...)
	}
	return output{id, got}, err
}

func (c *client) signatureHeader() string {
	if c.Header != "" {
		return http.CanonicalHeaderKey(c.Header)
	}
	return c.Scheme.header()
}
