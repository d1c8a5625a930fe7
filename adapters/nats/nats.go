// Package nats is an adapter that speaks to services over NATS: it publishes messages, also
// into JetStream, and makes requests.
//
//	{"servers": ["nats.example.com:4222"], "user": "heddle", "password": "$secret.nats",
//	 "subjects": ["orders.>"], "allow": ["10.1.0.0/16"]}
package nats

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/network"
)

// App is how tasks name the adapter.
const App = "NATS"

// Config is the configuration of an instance.
type Config struct {
	Servers     []string `json:"servers" doc:"host and port of one server or more of a cluster"`
	User        string   `json:"user,omitempty" doc:"who logs in"`
	Password    string   `json:"password,omitempty" secret:"true" doc:"of the user"`
	Token       string   `json:"token,omitempty" secret:"true" doc:"in place of a user"`
	Credentials string   `json:"credentials,omitempty" secret:"true" doc:"content of a .creds file, in place of a user"`
	NKey        string   `json:"nkey,omitempty" secret:"true" doc:"seed of an nkey, in place of a user"`
	Security    string   `json:"security,omitempty" enum:"tls,none" doc:"tls unless given"`
	network.Config
	TLS            network.TLS `json:"tls,omitzero" doc:"how the servers prove who they are"`
	Subjects       []string    `json:"subjects,omitempty" doc:"subjects that may be used, with * and >; all but those that begin with $ or heddle. unless given"`
	TimeoutSeconds int         `json:"timeoutSeconds,omitempty" doc:"for an answer; 10 unless given, 600 at most"`
}

// Kind is the adapter.
func Kind() *adapters.Kind {
	return &adapters.Kind{
		App: App, Version: "1.0.0", Summary: "Publishes and requests over NATS.", Config: adapters.SchemaOf[Config](),
		Open: func(ctx context.Context, i adapters.Instance) (any, error) { return open(ctx, i) },
		Methods: []adapters.Spec{
			adapters.Method("publish", publish).Says("Publishes a message.").MayWarn(),
			adapters.Method("request", request).Says("Makes a request and waits for its answer.").MayWarn(),
		},
	}
}

// link is what the calls of an instance share.
type link struct {
	Config
	conn    *client.Conn
	stream  jetstream.JetStream
	timeout time.Duration
}

// Close ends the connection.
func (l *link) Close() error {
	l.conn.Close()
	return nil
}

func open(ctx context.Context, i adapters.Instance) (*link, error) {
	l := &link{}
	err := i.Config.Decode(&l.Config)
	if err != nil {
		return nil, network.Wrong("%v", err)
	}
	if l.TimeoutSeconds, err = network.Bounds("/timeoutSeconds", l.TimeoutSeconds, 10, 600); err != nil {
		return nil, err
	}
	l.timeout = time.Duration(l.TimeoutSeconds) * time.Second
	for i, s := range l.Subjects {
		if !valid(s, true) {
			return nil, network.Wrong("/subjects/%d: %q is no subject such as orders.>", i, s)
		}
	}
	options, err := l.options()
	if err != nil {
		return nil, err
	}
	if l.conn, err = options.Connect(); err != nil {
		return nil, l.because(ctx, err)
	}
	if l.stream, err = jetstream.New(l.conn); err != nil {
		l.conn.Close()
		return nil, err
	}
	return l, nil
}

// guarded lets the client reach what the instance may.
type guarded struct{ *net.Dialer }

func (l *link) options() (*client.Options, error) {
	o := client.GetDefaultOptions()
	scheme := "tls://"
	if l.Security == "none" {
		scheme = "nats://"
	}
	if len(l.Servers) == 0 {
		return nil, network.Wrong("/servers must name a server")
	}
	for i, s := range l.Servers {
		where, err := network.Address(fmt.Sprintf("/servers/%d", i), s, 4222)
		if err != nil {
			return nil, err
		}
		o.Servers = append(o.Servers, scheme+where)
	}
	guard, err := l.Guard()
	if err != nil {
		return nil, err
	}
	o.CustomDialer = guarded{guard.Dialer()}
	if l.Security != "none" {
		var settings *tls.Config
		if settings, err = l.TLS.Config("/tls", ""); err != nil {
			return nil, err
		}
		o.Secure, o.TLSConfig = true, settings
	}
	o.Name, o.Timeout, o.MaxReconnect, o.ReconnectBufSize = "heddle", min(l.timeout, 10*time.Second), -1, -1
	o.AsyncErrorCB = func(*client.Conn, *client.Subscription, error) {} // see denied; the client's own way is to print
	o.User, o.Password, o.Token = l.User, l.Password, l.Token
	switch {
	case l.Credentials != "":
		if _, err = nkeys.ParseDecoratedUserNKey([]byte(l.Credentials)); err == nil {
			err = client.UserCredentialBytes([]byte(l.Credentials))(&o)
		}
	case l.NKey != "":
		err = withSeed(&o, l.NKey)
	}
	if err != nil {
		return nil, network.Wrong("the credentials cannot be read")
	}
	return &o, nil
}

func withSeed(o *client.Options, seed string) error {
	pair, err := nkeys.FromSeed([]byte(strings.TrimSpace(seed)))
	if err != nil {
		return err
	}
	public, err := pair.PublicKey()
	if err != nil {
		return err
	}
	return client.Nkey(public, pair.Sign)(o)
}

// permit refuses subjects that the instance may not use.
func (l *link) permit(subject string) error {
	if !valid(subject, false) {
		return network.Wrong("/subject: %q is no subject such as orders.new", subject)
	}
	if len(l.Subjects) == 0 && (strings.HasPrefix(subject, "$") || strings.HasPrefix(subject, "heddle.")) ||
		len(l.Subjects) > 0 && !slices.ContainsFunc(l.Subjects, func(pattern string) bool { return matches(pattern, subject) }) {
		return network.Wrong("/subject: %s is not among the subjects of the adapter instance", subject)
	}
	return nil
}

// valid tells whether text is a subject, one with wildcards if those are wanted.
func valid(text string, wild bool) bool {
	tokens := strings.Split(text, ".")
	for i, t := range tokens {
		switch {
		case t == "" || strings.ContainsFunc(t, func(r rune) bool { return r <= ' ' || r == 0x7f }):
			return false
		case t == "*" && wild, t == ">" && wild && i == len(tokens)-1:
		case strings.ContainsAny(t, "*>"):
			return false
		}
	}
	return true
}

func matches(pattern, subject string) bool {
	want, got := strings.Split(pattern, "."), strings.Split(subject, ".")
	for i, w := range want {
		switch {
		case w == ">":
			return len(got) > i
		case i >= len(got) || w != "*" && w != got[i]:
			return false
		}
	}
	return len(want) == len(got)
}

// because classifies an error of the client.
func (l *link) because(ctx context.Context, err error) error {
	where := strings.Join(l.Servers, ", ")
	switch {
	case ctx.Err() != nil:
		return err
	case errors.Is(err, client.ErrAuthorization), errors.Is(err, client.ErrAuthExpired), errors.Is(err, client.ErrAuthRevoked),
		errors.Is(err, client.ErrAccountAuthExpired), errors.Is(err, client.ErrNkeysNotSupported), errors.Is(err, client.ErrPermissionViolation):
		return network.Refused("%s does not let the adapter instance do that: %v", where, err)
	case errors.Is(err, client.ErrMaxPayload):
		return network.TooMuch("the message is larger than the %d bytes the server takes", l.conn.MaxPayload())
	case errors.Is(err, client.ErrNoResponders), errors.Is(err, jetstream.ErrNoStreamResponse):
		return network.Remote(true, "nobody at %s takes messages of this subject", where)
	case errors.Is(err, client.ErrTimeout):
		return network.Unreached(ctx, where, context.DeadlineExceeded)
	}
	if e, ok := errors.AsType[jetstream.JetStreamError](err); ok && e.APIError() != nil {
		return network.Remote(e.APIError().Code >= 500, "%s: %s", where, e.APIError().Description)
	}
	return network.Unreached(ctx, where, err)
}
