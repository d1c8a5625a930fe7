// Package mail is an adapter that sends mail over SMTP.
//
//	{"host": "smtp.example.com", "security": "starttls", "user": "heddle", "password": "$secret.smtp",
//	 "from": "Heddle <heddle@example.com>", "allow": ["10.1.0.0/16"]}
package mail

import (
	"context"
	"net"
	"slices"
	"strconv"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/network"
)

// App is how tasks name the adapter.
const App = "EmailOpensource"

// Config is the configuration of an instance.
type Config struct {
	Host     string `json:"host" doc:"name or address of the SMTP server"`
	Port     int    `json:"port,omitempty" doc:"587 with starttls, 465 with tls and 25 with none unless given"`
	Security string `json:"security,omitempty" enum:"starttls,tls,none" doc:"starttls unless given: a server that does not offer it is not used"`
	User     string `json:"user,omitempty" doc:"who logs in; nobody unless given"`
	Password string `json:"password,omitempty" secret:"true" doc:"of the user, or its access token for XOAUTH2"`
	Auth     string `json:"auth,omitempty" enum:"SCRAM-SHA-256,PLAIN,LOGIN,CRAM-MD5,XOAUTH2" doc:"how to log in; the best that the server offers unless given"`
	From     string `json:"from,omitempty" doc:"sender of mails that name none"`
	Domain   string `json:"domain,omitempty" doc:"name to greet the server with"`
	network.Config
	TLS            network.TLS `json:"tls,omitzero" doc:"how the server proves who it is"`
	TimeoutSeconds int         `json:"timeoutSeconds,omitempty" doc:"to reach the server and hand a mail over; 30 unless given, 600 at most"`
	MaxBytes       int64       `json:"maxBytes,omitempty" doc:"largest mail; 16 MiB unless given, 64 MiB at most"`
	MaxRecipients  int         `json:"maxRecipients,omitempty" doc:"most recipients of one mail; 100 unless given, 1000 at most"`
}

// Kind is the adapter.
func Kind() *adapters.Kind {
	return &adapters.Kind{
		App: App, Name: "mail", Version: "1.0.0", Summary: "Sends mail over SMTP.", Config: adapters.SchemaOf[Config](),
		Open:  func(_ context.Context, i adapters.Instance) (any, error) { return open(i) },
		Check: func(ctx context.Context, _ adapters.Instance, client any) error { return client.(*server).check(ctx) },
		Methods: []adapters.Spec{
			adapters.Method("mail", send).Says("Sends a mail.").MayWarn(),
			adapters.Method("mailWithOptions", sendWithOptions).Says("Sends a mail with copies and attachments.").MayWarn(),
			adapters.Method("verify", verify).Says("Logs in to the server without sending anything.").ReadOnly().MayWarn(),
		},
	}
}

// server is what the calls of an instance share. Each call has its own connection.
type server struct {
	Config
	options []gomail.Option
	guard   *network.Guard
	timeout time.Duration
}

// mechanisms are the ways to log in that are tried unless one is named, the best first.
var mechanisms = []gomail.SMTPAuthType{
	gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin, gomail.SMTPAuthCramMD5,
}

func open(i adapters.Instance) (*server, error) {
	s := &server{}
	err := i.Config.Decode(&s.Config)
	if err != nil {
		return nil, network.Wrong("%v", err)
	}
	if s.Security == "" {
		s.Security = "starttls"
	}
	usual := map[string]int{"starttls": 587, "tls": 465, "none": 25}[s.Security]
	if s.Port, err = network.Bounds("/port", s.Port, usual, 65535); err != nil {
		return nil, err
	}
	if _, err := network.Address("/host", net.JoinHostPort(s.Host, strconv.Itoa(s.Port)), 0); err != nil {
		return nil, err
	}
	if s.TimeoutSeconds, err = network.Bounds("/timeoutSeconds", s.TimeoutSeconds, 30, 600); err != nil {
		return nil, err
	}
	if s.MaxBytes, err = network.Bounds("/maxBytes", s.MaxBytes, 16<<20, 64<<20); err != nil {
		return nil, err
	}
	if s.MaxRecipients, err = network.Bounds("/maxRecipients", s.MaxRecipients, 100, 1000); err != nil {
		return nil, err
	}
	if s.guard, err = s.Guard(); err != nil {
		return nil, err
	}
	if s.From != "" {
		if _, err := addresses("/from", []string{s.From}); err != nil {
			return nil, err
		}
	}
	s.timeout = time.Duration(s.TimeoutSeconds) * time.Second
	return s, s.secure()
}

// secure settles the options of connections.
func (s *server) secure() error {
	settings, err := s.TLS.Config("/tls", s.Host)
	if err != nil {
		return err
	}
	policy := gomail.NoTLS
	if s.Security == "starttls" {
		policy = gomail.TLSMandatory
	}
	s.options = []gomail.Option{gomail.WithPort(s.Port), gomail.WithTimeout(s.timeout), gomail.WithTLSConfig(settings), gomail.WithTLSPolicy(policy)}
	if s.Domain != "" {
		s.options = append(s.options, gomail.WithHELO(s.Domain))
	}
	switch {
	case s.User == "" && s.Auth != "":
		return network.Wrong("/user must be given with /auth")
	case s.User == "":
	case s.Auth != "":
		s.options = append(s.options, gomail.WithSMTPAuth(gomail.SMTPAuthType(s.Auth)))
	default:
		s.options = append(s.options, gomail.WithOpportunisticSMTPAuth(slices.Clone(mechanisms)...))
	}
	s.options = append(s.options, gomail.WithUsername(s.User), gomail.WithPassword(s.Password))
	return nil
}
