// Package devicetest plays network devices for tests: an SSH server in the process, with a
// scripted command line and whatever stands behind its subsystems.
package devicetest

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/heddlehq/heddle/workflows/value"
)

// User and Password are what a device lets in.
const (
	User     = "ada"
	Password = "opensesame"
)

// Script is what a device does. The parts may be called for several connections at once.
type Script struct {
	Shell     func(t *Terminal)      // plays the command line; nil refuses it
	Subsystem func(name string) Part // nil, or a nil part, refuses the subsystem
	Silent    bool                   // takes connections and says nothing
}

// Part plays what is behind a channel until the channel ends.
type Part func(channel io.ReadWriteCloser)

// Device is a device that plays.
type Device struct {
	Host        string
	Port        int
	Fingerprint string
	KnownHosts  string // line for its address

}

// Start starts a device on this machine; it ends with the test.
func Start(t testing.TB, s Script) *Device {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := listener.Addr().(*net.TCPAddr)
	d := &Device{
		Host: at.IP.String(), Port: at.Port, Fingerprint: ssh.FingerprintSHA256(key.PublicKey()),
		KnownHosts: knownhosts.Line([]string{at.String()}, key.PublicKey()),
	}
	config := &ssh.ServerConfig{PasswordCallback: func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
		if c.User() != User || string(password) != Password {
			return nil, errors.New("not let in")
		}
		return nil, nil
	}}
	config.AddHostKey(key)
	var all sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	all.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			if !s.Silent {
				all.Go(func() { s.serve(c, config) })
			}
		}
	})
	t.Cleanup(func() {
		listener.Close()
		mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return d
}

// Entry is the device in the inventory of an instance.
func (d *Device) Entry(platform string) value.Value {
	return value.Object("host", value.String(d.Host), "port", value.Int(int64(d.Port)), "platform", value.String(platform),
		"user", value.String(User), "password", value.String(Password), "fingerprint", value.String(d.Fingerprint))
}

// Config is the configuration of an instance that has the device under a name.
func (d *Device) Config(name, platform string) value.Value {
	return value.Object("devices", value.Object(name, d.Entry(platform)))
}

func (s *Script) serve(c net.Conn, config *ssh.ServerConfig) {
	defer c.Close()
	conn, channels, requests, err := ssh.NewServerConn(c, config)
	if err != nil {
		return
	}
	var parts sync.WaitGroup
	defer parts.Wait()
	parts.Go(func() { ssh.DiscardRequests(requests) })
	for n := range channels {
		channel, requests, err := n.Accept()
		if err != nil {
			return
		}
		parts.Go(func() {
			defer channel.Close()
			for r := range requests {
				part := s.part(r, conn)
				if r.WantReply {
					if r.Reply(part != nil || r.Type == "pty-req", nil) != nil {
						return
					}
				}
				if part != nil {
					parts.Go(func() { ssh.DiscardRequests(requests) })
					part(channel)
					return
				}
			}
		})
	}
}

// part finds what a request asks for.
func (s *Script) part(r *ssh.Request, conn io.Closer) Part {
	switch {
	case r.Type == "shell" && s.Shell != nil:
		return func(channel io.ReadWriteCloser) { s.Shell(&Terminal{channel: channel, conn: conn}) }
	case r.Type == "subsystem" && s.Subsystem != nil && len(r.Payload) >= 4:
		if n := binary.BigEndian.Uint32(r.Payload); int(n) == len(r.Payload)-4 {
			return s.Subsystem(string(r.Payload[4:]))
		}
	}
	return nil
}

// Terminal is the device's end of a command line.
type Terminal struct {
	channel io.ReadWriter
	conn    io.Closer
}

// Print sends text; \n becomes \r\n, as devices write it.
func (t *Terminal) Print(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	var out []byte
	for _, b := range []byte(text) {
		if b == '\n' {
			out = append(out, '\r')
		}
		out = append(out, b)
	}
	_, _ = t.channel.Write(out) // who is gone hears nothing
}

// Line reads a line; what comes in is echoed if wanted. It is false once the other side is gone.
func (t *Terminal) Line(echo bool) (string, bool) {
	var line []byte
	one := make([]byte, 1)
	for {
		if _, err := t.channel.Read(one); err != nil {
			return "", false
		}
		switch b := one[0]; {
		case b == '\n' || b == '\r':
			t.Print("\n")
			return string(line), true
		default:
			line = append(line, b)
			if echo {
				t.Print("%s", one)
			}
		}
	}
}

// Wait says nothing more until the other side is gone.
func (t *Terminal) Wait() { _, _ = io.Copy(io.Discard, t.channel) }

// HangUp cuts the connection.
func (t *Terminal) HangUp() { t.conn.Close() }

// CLI is a command line with modes, each with a prompt.
type CLI struct {
	Start   string            // the first mode
	Prompts map[string]string // by mode
	// Answer prints what a line gives and returns the next mode; "" ends the session.
	Answer func(t *Terminal, mode, line string) string
}

// Shell plays the command line.
func (c *CLI) Shell(t *Terminal) {
	for mode := c.Start; mode != ""; {
		t.Print("%s", c.Prompts[mode])
		line, ok := t.Line(true)
		if !ok {
			return
		}
		if line != "" {
			mode = c.Answer(t, mode, line)
		}
	}
}
