// Package ldap is an adapter for directories. An instance names a server and how to log in:
//
//	{
//	  "url": "ldaps://ldap.example.com",
//	  "user": "cn=heddle,ou=services,dc=example,dc=com",
//	  "password": "$secret.directory",
//	  "baseDN": "dc=example,dc=com",
//	  "allow": ["10.1.0.0/16"]
//	}
//
// Calls stay below the base DN. What is searched for is best said by conditions, from which a
// filter is built with every value escaped.
package ldap

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/workflows/value"
)

// App is how tasks name the adapter.
const App = "Ldap"

// Config is the configuration of an instance.
type Config struct {
	URL       string `json:"url" doc:"of the server: ldaps://host[:636] or ldap://host[:389]"`
	StartTLS  bool   `json:"startTLS,omitempty" doc:"with ldap: secure the connection before logging in"`
	PlainText bool   `json:"plainText,omitempty" doc:"with ldap and without startTLS: send passwords and data readable by anyone in between"`
	network.Config
	TLS            network.TLS `json:"tls,omitzero" doc:"how the server proves who it is"`
	User           string      `json:"user,omitempty" doc:"DN to log in with; nobody unless given"`
	Password       string      `json:"password,omitempty" secret:"true"`
	BaseDN         string      `json:"baseDN,omitempty" doc:"where searches begin; all that calls read and write lies below it"`
	TimeoutSeconds int         `json:"timeoutSeconds,omitempty" doc:"to connect, and of each operation; 30 unless given, 600 at most"`
	PageSize       int         `json:"pageSize,omitempty" doc:"how many entries are asked for at once; 500 unless given"`
	MaxEntries     int         `json:"maxEntries,omitempty" doc:"how many entries one search gives; 5000 unless given, 50000 at most"`
}

// Kind is the adapter.
func Kind() *adapters.Kind {
	return &adapters.Kind{
		App: App, Version: "1.0.0", Summary: "Searches and changes directories.", Config: adapters.SchemaOf[Config](),
		Open: func(_ context.Context, i adapters.Instance) (any, error) { return open(i.Config) },
		Methods: []adapters.Spec{
			adapters.Method("add", add).Says("Adds an entry.").MayWarn(),
			adapters.Method("bind", bind).Says("Checks the password of an entry.").ReadOnly().MayWarn(),
			adapters.Method("compare", compare).Says("Tells whether an entry has a value.").ReadOnly().MayWarn(),
			adapters.Method("delete", remove).Says("Deletes an entry.").MayWarn(),
			adapters.Method("modify", modify).Says("Changes an entry.").MayWarn(),
			adapters.Method("rename", rename).Says("Renames or moves an entry.").MayWarn(),
			adapters.Method("search", search).Says("Finds entries.").ReadOnly().MayWarn(),
		},
	}
}

// Bounds of what an instance may set.
const (
	maxTimeout = 600
	maxPage    = 10000
	maxEntries = 50000
)

// directory is what the calls of an instance share.
type directory struct {
	Config
	address string
	guard   *network.Guard
	tls     *tls.Config
	secure  bool // from the first byte
	base    *ldap.DN
}

func open(config value.Value) (*directory, error) {
	d := &directory{}
	if err := config.Decode(&d.Config); err != nil {
		return nil, network.Wrong("%v", err)
	}
	u, err := url.Parse(d.URL)
	ports := map[string]string{"ldap": "389", "ldaps": "636"}
	switch {
	case err != nil || ports[u.Scheme] == "" || u.Hostname() == "" || u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "":
		return nil, network.Wrong("/url must be ldaps://host[:port] or ldap://host[:port], not %q", d.URL)
	case u.Scheme == "ldaps" && d.StartTLS:
		return nil, network.Wrong("/startTLS is for ldap; ldaps is secure from the first byte")
	case u.Scheme == "ldap" && !d.StartTLS && !d.PlainText:
		return nil, network.Wrong("/url: ldap is readable by anyone in between: use ldaps, set /startTLS, or set /plainText if that is meant")
	case (d.User == "") != (d.Password == ""):
		return nil, network.Wrong("/user and /password must be given together")
	}
	port := u.Port()
	if port == "" {
		port = ports[u.Scheme]
	}
	d.address, d.secure = net.JoinHostPort(u.Hostname(), port), u.Scheme == "ldaps"
	if d.guard, err = d.Guard(); err != nil {
		return nil, err
	}
	if d.tls, err = d.TLS.Config("/tls", u.Hostname()); err != nil {
		return nil, err
	}
	if d.BaseDN != "" {
		if d.base, err = ldap.ParseDN(d.BaseDN); err != nil {
			return nil, network.Wrong("/baseDN is not a DN: %v", err)
		}
	}
	if d.MaxEntries, err = network.Bounds("/maxEntries", d.MaxEntries, 5000, maxEntries); err != nil {
		return nil, err
	}
	if d.PageSize, err = network.Bounds("/pageSize", d.PageSize, 500, maxPage); err != nil {
		return nil, err
	}
	if d.TimeoutSeconds, err = network.Bounds("/timeoutSeconds", d.TimeoutSeconds, 30, maxTimeout); err != nil {
		return nil, err
	}
	return d, nil
}

// below checks that a text is a DN below the base.
func (d *directory) below(where, text string) error {
	dn, err := ldap.ParseDN(text)
	switch {
	case err != nil:
		return network.Wrong("%s is not a DN: %v", where, err)
	case text == "":
		return network.Wrong("%s must not be empty", where)
	case d.base != nil && !d.base.EqualFold(dn) && !d.base.AncestorOfFold(dn):
		return network.Wrong("%s must lie below %s, the base DN of the adapter instance", where, d.BaseDN)
	}
	return nil
}

// conn is a connection for one call.
type conn struct {
	*ldap.Conn
	ctx    context.Context
	d      *directory
	cancel func() bool
}

func (c *conn) close() {
	c.cancel()
	_ = c.Conn.Close() // nothing is outstanding
}

// connect connects, secures the connection and logs in.
func (d *directory) connect(ctx context.Context) (*conn, error) {
	timeout := time.Duration(d.TimeoutSeconds) * time.Second
	limited, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	raw, err := d.guard.DialContext(limited, "tcp", d.address)
	if err != nil {
		return nil, network.Unreached(ctx, d.address, err)
	}
	secured := raw
	if d.secure {
		t := tls.Client(raw, d.tls)
		if err := t.HandshakeContext(limited); err != nil {
			raw.Close()
			return nil, network.Unreached(ctx, d.address, err)
		}
		secured = t
	}
	c := &conn{Conn: ldap.NewConn(secured, d.secure), ctx: ctx, d: d, cancel: context.AfterFunc(ctx, func() { raw.Close() })}
	c.SetTimeout(timeout)
	c.Start()
	if d.StartTLS {
		if err := c.Conn.StartTLS(d.tls); err != nil {
			c.close()
			return nil, network.Unreached(ctx, d.address, err)
		}
	}
	if d.User != "" {
		if err := c.Bind(d.User, d.Password); err != nil {
			c.close()
			return nil, c.failed(err, true)
		}
	}
	return c, nil
}
