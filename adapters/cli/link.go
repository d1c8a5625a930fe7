package cli

import (
	"fmt"
	"io"
	"sync"

	"github.com/scrapli/scrapligo/transport"
	"golang.org/x/crypto/ssh"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/devices"
	"github.com/heddlehq/heddle/engine"
)

// link is a command line over a connection that exists. It ends with it, and after so many bytes.
type link struct {
	conn    *devices.Conn
	session *ssh.Session
	in      io.WriteCloser
	out     io.Reader

	mu    sync.Mutex
	most  int64
	read  int64
	cause error // why it ended, if the device did not end it
}

// width of the terminal, so that devices do not wrap what they echo.
const (
	width  = 511
	height = 24
)

// Open asks the device for a command line.
func (l *link) Open(*transport.Args) error {
	var err error
	if l.session, err = l.conn.NewSession(); err != nil {
		return err
	}
	if l.in, err = l.session.StdinPipe(); err != nil {
		return err
	}
	if l.out, err = l.session.StdoutPipe(); err != nil {
		return err
	}
	if err := l.session.RequestPty("xterm", height, width, ssh.TerminalModes{ssh.ECHO: 1}); err != nil {
		return err
	}
	return l.session.Shell()
}

// Read gives what the device said. Every end looks alike to the reader; why tells them apart.
func (l *link) Read(n int) ([]byte, error) {
	b := make([]byte, n)
	n, err := l.out.Read(b)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.read += int64(n)
	if l.read > l.most {
		l.cause = &adapters.Error{
			Class: engine.ClassLimit, Text: fmt.Sprintf("the device said more than %d bytes, /maxBytes of the adapter instance", l.most), Retryable: new(bool),
		}
		return nil, io.EOF
	}
	if err != nil && n == 0 {
		return nil, io.EOF
	}
	return b[:n], nil
}

// why is the reason for the end, nil if the device ended it.
func (l *link) why() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cause
}

// Write sends to the device.
func (l *link) Write(b []byte) error {
	_, err := l.in.Write(b)
	return err
}

// Close ends the connection.
func (l *link) Close() error {
	l.conn.Close()
	return nil
}

// IsAlive is for the library; whether the link lives shows when it is used.
func (l *link) IsAlive() bool { return l.session != nil }
