package mail_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net"
	netmail "net/mail"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/adaptertest"
	"github.com/heddlehq/heddle/adapters/mail"
	"github.com/heddlehq/heddle/workflows/value"
)

// office is an SMTP server that keeps what it is given.
type office struct {
	mu   sync.Mutex
	got  []delivered
	port int
	ca   string
}

type delivered struct {
	from string
	to   []string
	data string
}

type session struct {
	*office
	delivered
	open bool // logged in
}

func (o *office) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{office: o}, nil }

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "heddle" || password != "opensesame" {
			return errors.New("wrong password")
		}
		s.open = true
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	if strings.HasPrefix(from, "nobody") && !s.open {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "log in first"}
	}
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	switch {
	case strings.HasPrefix(to, "gone@"):
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such mailbox"}
	case strings.HasPrefix(to, "busy@"):
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "come again"}
	}
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	s.data = string(data)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, s.delivered)
	return err
}

func (s *session) Reset()        { s.delivered = delivered{} }
func (s *session) Logout() error { return nil }

func (o *office) last(t *testing.T) delivered {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.got) == 0 {
		t.Fatal("nothing was delivered")
	}
	return o.got[len(o.got)-1]
}

// opened starts a server: with STARTTLS, in TLS from the start or without any.
func opened(t *testing.T, security string) *office {
	t.Helper()
	certificate, ca := adaptertest.Certificate(t)
	o := &office{ca: ca}
	s := smtp.NewServer(o)
	s.Domain = "localhost"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.port = l.Addr().(*net.TCPAddr).Port
	settings := &tls.Config{Certificates: []tls.Certificate{certificate}}
	switch security {
	case "starttls":
		s.TLSConfig = settings
	case "tls":
		l = tls.NewListener(l, settings)
	}
	s.ErrorLog = quiet{}
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(l) }) // it ends with an error when it is closed
	t.Cleanup(func() {
		_ = s.Close()
		serving.Wait()
	})
	return o
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

func (o *office) config(security string) value.Value {
	return value.Object(
		"host", value.String("127.0.0.1"), "port", value.Int(int64(o.port)), "security", value.String(security),
		"user", value.String("heddle"), "password", value.String("$secret.smtp"), "from", value.String("Heddle <heddle@example.com>"),
		"allow", value.Strings("127.0.0.0/8"), "tls", value.Object("ca", value.String(o.ca)), "timeoutSeconds", value.Int(5),
	)
}

func call(t *testing.T, config value.Value, method, in string) value.Value {
	t.Helper()
	secrets := func(context.Context, string) (string, error) { return "opensesame", nil }
	v, err := adaptertest.Call(t.Context(), mail.Kind(), adapters.Instance{ID: "smtp", Config: config}, secrets, method, value.MustParse(in))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(v.String(), "opensesame") {
		t.Errorf("a secret in %s", v)
	}
	return v
}

const hello = `{"to":"ada@example.com","subject":"Hello","body":"hi"}`

func TestSecurity(t *testing.T) {
	t.Parallel()
	for _, security := range []string{"starttls", "tls"} {
		o := opened(t, security)
		v := call(t, o.config(security), "mail", hello)
		r := v.Path("outgoing", "response")
		if v.Get("finishState").Text() != "success" || r.Get("accepted").String() != `["ada@example.com"]` || !strings.Contains(o.last(t).data, r.Get("messageId").Text()) {
			t.Errorf("%s: %s", security, v)
		}
		if again := call(t, o.config(security), "mail", hello); !value.Equal(again.Path("outgoing", "response"), r) {
			t.Errorf("%s: a repeated order is another mail: %s", security, again)
		}
		if v := call(t, o.config(security), "verify", `{}`); !v.Path("outgoing", "result").Truth() {
			t.Errorf("%s: %s", security, v)
		}
	}
	plain := opened(t, "none")
	if v := call(t, plain.config("none").Without("user", "password"), "mail", hello); v.Get("finishState").Text() != "success" {
		t.Errorf("without anything: %s", v)
	}
}

func TestMessage(t *testing.T) {
	t.Parallel()
	o := opened(t, "starttls")
	v := call(t, o.config("starttls"), "mailWithOptions", `{"from":"ops@example.com","displayName":"Ops \"Nördlich\"",
		"to":["Ada <ada@example.com>","bob@example.com; \"Kay, C\" <kay@example.com>"],"cc":"cc@example.com","bcc":["bcc@example.com"],"replyTo":"answers@example.com",
		"subject":"Änderung ✓","body":"<p>see <img src='cid:logo'></p>","text":"see",
		"attachments":[{"filename":"réport.txt","content":"one"},{"filename":"b.bin","content":"AAH/","encoding":"base64","contentType":"application/x-b"},{"filename":"l.png","content":"AA==","encoding":"base64","cid":"logo"}]}`)
	if v.Get("finishState").Text() != "success" {
		t.Fatal(v)
	}
	got := o.last(t)
	if want := []string{"ada@example.com", "bob@example.com", "kay@example.com", "cc@example.com", "bcc@example.com"}; !slices.Equal(got.to, want) || got.from != "ops@example.com" {
		t.Errorf("from %s to %v", got.from, got.to)
	}
	m, err := netmail.ReadMessage(strings.NewReader(got.data))
	if err != nil {
		t.Fatal(err)
	}
	decode := func(name string) string {
		text, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get(name))
		if err != nil {
			t.Error(err)
		}
		return text
	}
	if s := decode("Subject"); s != "Änderung ✓" {
		t.Errorf("subject %q", s)
	}
	if from, err := m.Header.AddressList("From"); err != nil || from[0].Name != `Ops "Nördlich"` {
		t.Errorf("from %v, %v", from, err)
	}
	if strings.Contains(got.data, "bcc@") || m.Header.Get("Reply-To") != "<answers@example.com>" {
		t.Errorf("headers %v", m.Header)
	}
	parts := map[string]string{}
	walk(t, m.Header.Get("Content-Type"), m.Body, parts)
	for name, want := range map[string]string{"text/plain": "see", "text/html": "<p>see <img src='cid:logo'></p>", "réport.txt": "b25l", "b.bin": "AAH/", "l.png": "AA=="} {
		if strings.TrimSpace(parts[name]) != want {
			t.Errorf("part %s is %q, want %q", name, parts[name], want)
		}
	}
}

// walk collects the parts of a mail by file name or media type.
func walk(t *testing.T, contentType string, body io.Reader, into map[string]string) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(kind, "multipart/") {
		data, _ := io.ReadAll(body)
		into[kind] = string(data)
		return
	}
	for r := multipart.NewReader(body, params["boundary"]); ; {
		p, err := r.NextPart()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if name := p.FileName(); name != "" {
			data, _ := io.ReadAll(p)
			if decoded, err := new(mime.WordDecoder).DecodeHeader(name); err == nil {
				name = decoded
			}
			into[name] = string(data)
			continue
		}
		walk(t, p.Header.Get("Content-Type"), p, into)
	}
}

// The parameters that real workflows give, with "" for what is left open.
func TestMessage_canvas(t *testing.T) {
	t.Parallel()
	o := opened(t, "starttls")
	for body, kind := range map[string]string{"plain a < b > c": "text/plain", "<p>x</p>": "text/html", "line<br>": "text/html"} {
		in := value.MustParse(`{"from":"a@example.com","to":["b@example.com",""],"subject":"s","displayName":"","cc":"","bcc":"","attachments":""}`).With("body", value.String(body))
		v := call(t, o.config("starttls"), "mailWithOptions", in.String())
		if v.Get("finishState").Text() != "success" || !strings.Contains(o.last(t).data, "Content-Type: "+kind) {
			t.Errorf("%q: %s, %s", body, v, o.last(t).data)
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	o, plain := opened(t, "starttls"), opened(t, "none")
	config := o.config("starttls")
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	for name, tc := range map[string]struct {
		config    value.Value
		in, class string
		text      string
		retryable bool
	}{
		"gone":           {config, `{"to":"gone@example.com","subject":"","body":""}`, "remote", "no such mailbox", false},
		"one is gone":    {config, `{"to":"ada@example.com,gone@example.com","subject":"","body":""}`, "remote", "gone@example.com", false},
		"busy":           {config, `{"to":"busy@example.com","subject":"","body":""}`, "remote", "come again", true},
		"password":       {config.With("password", value.String("wrong")), hello, "auth", "does not let the adapter instance in", false},
		"nobody":         {config.Without("user", "password").With("from", value.String("nobody@example.com")), hello, "auth", "log in first", false},
		"no mechanism":   {config.With("auth", value.String("LOGIN")), hello, "auth", "LOGIN", false},
		"no starttls":    {plain.config("starttls"), hello, "network", "STARTTLS", true},
		"no trust":       {config.Without("tls"), hello, "network", "certificate", false},
		"guarded":        {config.Without("allow"), hello, "input", "127.0.0.1 may not be reached", false},
		"nobody there":   {config.With("port", value.Int(1)), hello, "network", "cannot be reached", true},
		"says nothing":   {config.With("port", value.Int(int64(silent.Addr().(*net.TCPAddr).Port))).With("timeoutSeconds", value.Int(1)), hello, "timeout", "did not answer in time", true},
		"port":           {config.With("port", value.Int(70000)), hello, "input", "/port must be from 0 to 65535", false},
		"no sender":      {config.Without("from"), hello, "input", "/from must be given", false},
		"address":        {config, `{"to":"nobody","subject":"","body":""}`, "input", `/to: "nobody" is no mail address`, false},
		"smuggled":       {config, `{"to":"a@example.com\r\nRCPT TO:<b@example.com>","subject":"","body":""}`, "input", "is no mail address", false},
		"no one":         {config, `{"to":"","subject":"","body":""}`, "input", "/to must name somebody", false},
		"header":         {config, `{"to":"a@example.com","subject":"a\nBcc: b@example.com","body":""}`, "input", "/subject must be one line", false},
		"a file of ours": {config, `{"to":"a@example.com","subject":"","body":"","attachments":[{"filename":"x","path":"/etc/passwd"}]}`, "input", "/attachments/0/content must be a text", false},
		"no base64":      {config, `{"to":"a@example.com","subject":"","body":"","attachments":[{"filename":"x","content":"*","encoding":"base64"}]}`, "input", "/attachments/0/content is no base64", false},
		"large":          {config.With("maxBytes", value.Int(100)), hello, "limit", "more than the 100", false},
		"many":           {config.With("maxRecipients", value.Int(1)), `{"to":"a@example.com,b@example.com","subject":"","body":""}`, "limit", "2 recipients are more than the 1", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := call(t, tc.config, "mailWithOptions", tc.in)
			e := v.Get("error")
			if e.Get("class").Text() != tc.class || !strings.Contains(e.Get("message").Text(), tc.text) || e.Get("retryable").Truth() != tc.retryable {
				t.Errorf("got %s, want %s: %s, retryable %t", v, tc.class, tc.text, tc.retryable)
			}
		})
	}
}
