package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/textproto"
	"strconv"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/network"
)

type receipt struct {
	MessageID string   `json:"messageId" doc:"the same for every try of the task, so that copies can be told"`
	Accepted  []string `json:"accepted" doc:"addresses the server took the mail for"`
}

type output struct {
	Response receipt `json:"response" doc:"what became of the mail"`
}

func send(ctx context.Context, c *adapters.Call, in message) (output, error) {
	return sendWithOptions(ctx, c, fullMessage{message: in})
}

func sendWithOptions(ctx context.Context, c *adapters.Call, in fullMessage) (output, error) {
	s := adapters.Client[*server](c)
	m, to, err := s.compose(&in, c.Order.Key)
	if err != nil {
		return output{}, err
	}
	err = s.connected(ctx, func(mails *gomail.Client, wire *smtp.Client) error { return mails.SendWithSMTPClient(wire, m) })
	return output{receipt{m.GetMessageID(), to}}, err
}

func verify(ctx context.Context, c *adapters.Call, _ struct{}) (bool, error) {
	err := adapters.Client[*server](c).check(ctx)
	return err == nil, err
}

func (s *server) check(ctx context.Context) error {
	return s.connected(ctx, func(*gomail.Client, *smtp.Client) error { return nil })
}

// connected logs in and does something. A connection that ends badly afterwards is no error.
func (s *server) connected(ctx context.Context, do func(*gomail.Client, *smtp.Client) error) error {
	where := net.JoinHostPort(s.Host, strconv.Itoa(s.Port))
	bounded, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	release := func() {} // closes the connection for good, once there is one
	dial := func(dialing context.Context, _, address string) (net.Conn, error) {
		conn, err := s.guard.DialContext(dialing, "tcp", address)
		if err != nil {
			return nil, err
		}
		stop := context.AfterFunc(bounded, func() { _ = conn.Close() }) // the library waits for answers without a context
		release = func() { stop(); _ = conn.Close() }
		if s.Security != "tls" {
			return conn, nil
		}
		settings, err := s.TLS.Config("/tls", s.Host)
		if err != nil {
			return nil, err
		}
		secured := tls.Client(conn, settings)
		return secured, secured.HandshakeContext(dialing)
	}
	defer func() { release() }()
	mails, err := gomail.NewClient(s.Host, append(s.options[:len(s.options):len(s.options)], gomail.WithDialContextFunc(dial))...)
	if err != nil {
		return network.Wrong("%v", err)
	}
	wire, err := mails.DialToSMTPClientWithContext(bounded)
	if err == nil {
		err = do(mails, wire)
	}
	if err != nil {
		if bounded.Err() != nil {
			err = bounded.Err()
		}
		return s.because(ctx, where, err)
	}
	_ = mails.CloseWithSMTPClient(wire) // what was handed over is handed over
	return nil
}

// because classifies what a server or the way to it objects to.
func (s *server) because(ctx context.Context, where string, err error) error {
	code := 0
	if e, ok := errors.AsType[*textproto.Error](err); ok {
		code = e.Code
	}
	if e, ok := errors.AsType[*gomail.SendError](err); ok && e.ErrorCode() != 0 {
		code = e.ErrorCode()
	}
	switch {
	case ctx.Err() != nil:
		return err
	case code == 530 || code == 534 || code == 535 || code == 538 || code == 454 && s.User != "", authless(err):
		return network.Refused("%s does not let the adapter instance in: %v", where, err)
	case code >= 400:
		return network.Remote(code < 500, "%s did not take the mail: %v", where, err)
	}
	return network.Unreached(ctx, where, err)
}

// authless tells whether the server and we have no way to log in in common, or none that is safe.
func authless(err error) bool {
	for _, e := range []error{
		gomail.ErrPlainAuthNotSupported, gomail.ErrLoginAuthNotSupported, gomail.ErrCramMD5AuthNotSupported, gomail.ErrXOauth2AuthNotSupported,
		gomail.ErrSCRAMSHA256AuthNotSupported, gomail.ErrNoSupportedAuthDiscovered, smtp.ErrUnencrypted,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
