package devices

import (
	"context"
	"net"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/heddlehq/heddle/adapters/network"
)

// Conn is a connection to a device. It ends with the context it was made with, or by Close.
type Conn struct {
	*ssh.Client
	stop func() bool
}

// Close ends the connection, and with it all that is open on it. What is read or written after
// that fails.
func (c *Conn) Close() {
	c.stop()
	_ = c.Client.Close() // nothing is outstanding on it; that it was closed from the other side is no news
}

// Dial connects to a device and logs in.
func (n *Network) Dial(ctx context.Context, t Target) (*Conn, error) {
	deadline := time.Now().Add(n.ConnectTimeout())
	address := net.JoinHostPort(t.Host, strconv.Itoa(t.Port))
	conn, err := (&net.Dialer{Deadline: deadline}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, network.Unreached(ctx, address, err)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	client, err := n.logIn(conn, address, deadline, t)
	if err != nil {
		stop()
		conn.Close()
		return nil, network.Unreached(ctx, address, err)
	}
	return &Conn{client, stop}, nil
}

func (n *Network) logIn(conn net.Conn, address string, deadline time.Time, t Target) (*ssh.Client, error) {
	if err := conn.SetDeadline(deadline); err != nil {
		return nil, err
	}
	auth, err := t.auth()
	if err != nil {
		return nil, err
	}
	var refused error // the library turns the error of the check into text
	config := &ssh.ClientConfig{
		User: t.User, Auth: auth, HostKeyAlgorithms: n.keys.algorithms(address),
		HostKeyCallback: func(host string, remote net.Addr, key ssh.PublicKey) error {
			refused = n.checkHostKey(t, host, remote, key)
			return refused
		},
	}
	if n.LegacyAlgorithms {
		n.addLegacy(config)
	}
	c, channels, requests, err := ssh.NewClientConn(conn, address, config)
	switch {
	case refused != nil:
		return nil, refused
	case err != nil && strings.Contains(err.Error(), "unable to authenticate"):
		return nil, network.Refused("%s refused the log-in of user %q", address, t.User)
	case err != nil:
		return nil, err
	}
	return ssh.NewClient(c, channels, requests), conn.SetDeadline(time.Time{})
}

func (n *Network) addLegacy(c *ssh.ClientConfig) {
	good, bad := ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms()
	c.KeyExchanges = append(good.KeyExchanges, bad.KeyExchanges...)
	c.Ciphers = append(good.Ciphers, bad.Ciphers...)
	c.MACs = append(good.MACs, bad.MACs...)
	if c.HostKeyAlgorithms == nil {
		c.HostKeyAlgorithms = append(good.HostKeys, bad.HostKeys...)
	}
}

// signer is the device's private key; nil without one.
func (t *Target) signer() (ssh.Signer, error) {
	switch {
	case t.Key == "":
		return nil, nil
	case t.Passphrase != "":
		return ssh.ParsePrivateKeyWithPassphrase([]byte(t.Key), []byte(t.Passphrase))
	}
	return ssh.ParsePrivateKey([]byte(t.Key))
}

func (t *Target) auth() ([]ssh.AuthMethod, error) {
	var out []ssh.AuthMethod
	key, err := t.signer()
	if err != nil {
		return nil, network.Wrong("the private key cannot be read: %v", err)
	}
	if key != nil {
		out = append(out, ssh.PublicKeys(key))
	}
	if t.Password != "" {
		out = append(out, ssh.Password(t.Password), ssh.KeyboardInteractive(func(_, _ string, questions []string, echos []bool) ([]string, error) {
			answers := make([]string, len(questions))
			for i := range answers {
				if !echos[i] { // a question whose answer shows does not ask for a password
					answers[i] = t.Password
				}
			}
			return answers, nil
		}))
	}
	return out, nil
}
