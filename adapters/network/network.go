// Package network is how the kinds of adapters reach outside systems: one guard for every
// connection, TLS settings, and errors that say the same for every protocol.
package network

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"time"

	"github.com/heddlehq/heddle/engine/builtin"
)

// Config is the part of an instance's configuration that says what may be reached.
type Config struct {
	Allow []string `json:"allow,omitempty" doc:"address ranges that may be reached although they are not public, such as 10.1.0.0/16"`
}

// Guard lets connections through to addresses that are public or allowed. It looks at the
// address that is really connected to, after every name was resolved.
type Guard struct{ network builtin.Network }

// Guard reads the ranges.
func (c Config) Guard() (*Guard, error) {
	g := &Guard{}
	for i, text := range c.Allow {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, Wrong("/allow/%d must be a range such as 10.1.0.0/16, not %q", i, text)
		}
		g.network.Allow = append(g.network.Allow, p)
	}
	return g, nil
}

// connectTime bounds how long a connection may take to come about.
const connectTime = 10 * time.Second

// Dialer makes guarded connections. It reaches IP addresses only, no local sockets.
func (g *Guard) Dialer() *net.Dialer {
	return &net.Dialer{Timeout: connectTime, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return Wrong("the address %q may not be reached: it is no IP address", address)
		}
		if !g.network.Allows(at.Addr()) {
			return Wrong("the address %s may not be reached: it is neither public nor allowed to this adapter instance", at.Addr())
		}
		return nil
	}}
}

// DialContext makes one guarded connection.
func (g *Guard) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return g.Dialer().DialContext(ctx, network, address)
}

// TLS is the part of an instance's configuration that says how a server proves who it is.
type TLS struct {
	CA          string `json:"ca,omitempty" doc:"certificates to trust instead of the system's, in PEM"`
	Certificate string `json:"certificate,omitempty" doc:"certificate to show to the server, in PEM"`
	Key         string `json:"key,omitempty" secret:"true" doc:"private key of the certificate, in PEM"`
	ServerName  string `json:"serverName,omitempty" doc:"name the server's certificate must have; the host's unless given"`
	Insecure    bool   `json:"insecure,omitempty" doc:"take any certificate of the server: for laboratories only"`
}

// Config is the TLS configuration for a host; place is the pointer to the settings for errors.
func (t TLS) Config(place, host string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName, InsecureSkipVerify: t.Insecure}
	if c.ServerName == "" {
		c.ServerName = host
	}
	if t.CA != "" {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM([]byte(t.CA)) {
			return nil, Wrong("%s/ca must hold certificates in PEM", place)
		}
	}
	if t.Certificate != "" || t.Key != "" {
		pair, err := tls.X509KeyPair([]byte(t.Certificate), []byte(t.Key))
		if err != nil {
			return nil, Wrong("%s/certificate and %s/key must be a pair in PEM: %v", place, place, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// Bounds checks a number of a configuration at a place, and gives what stands for 0.
func Bounds[N int | int64 | float64](place string, n, otherwise, most N) (N, error) {
	switch {
	case n < 0 || n > most:
		return 0, Wrong("%s must be from 0 to %v, not %v", place, most, n)
	case n == 0:
		return otherwise, nil
	}
	return n, nil
}

// Address checks that a text is a host with a port, which may be left out when there is a usual one.
func Address(place, text string, port int) (string, error) {
	host, p, err := net.SplitHostPort(text)
	if err != nil && port > 0 {
		host, p, err = net.SplitHostPort(net.JoinHostPort(text, strconv.Itoa(port)))
	}
	if n, numeric := strconv.Atoi(p); err != nil || host == "" || numeric != nil || n < 1 || n > 65535 {
		return "", Wrong("%s must be an address such as %s, not %q", place, fmt.Sprintf("db.example.com:%d", max(port, 1)), text)
	}
	return net.JoinHostPort(host, p), nil
}
