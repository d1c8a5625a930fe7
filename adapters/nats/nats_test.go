package nats_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/adaptertest"
	"github.com/heddlehq/heddle/adapters/nats"
	"github.com/heddlehq/heddle/workflows/value"
)

func call(t *testing.T, config value.Value, method, in string) value.Value {
	t.Helper()
	secrets := func(context.Context, string) (string, error) { return "opensesame", nil }
	v, err := adaptertest.Call(t.Context(), nats.Kind(), adapters.Instance{ID: "n", Config: config}, secrets, method, value.MustParse(in))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(v.String(), "opensesame") {
		t.Errorf("a secret in %s", v)
	}
	return v
}

// started is a server whose user heddle may not use the subject forbidden, a client of it,
// and an instance for it.
func started(t *testing.T, o *server.Options) (*client.Conn, value.Value) {
	t.Helper()
	o.Host, o.Port, o.NoSigs, o.NoLog, o.JetStream, o.StoreDir, o.MaxPayload = "127.0.0.1", -1, true, true, true, t.TempDir(), 1000
	o.Users = []*server.User{
		{Username: "admin", Password: "admin"},
		{Username: "heddle", Password: "opensesame", Permissions: &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{"forbidden"}}}},
	}
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server does not start")
	}
	options := []client.Option{client.UserInfo("admin", "admin")}
	if o.TLSConfig != nil {
		options = append(options, client.Secure(&tls.Config{InsecureSkipVerify: true}))
	}
	c, err := client.Connect(s.ClientURL(), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, value.Object("servers", value.Strings(s.Addr().String()), "user", value.String("heddle"), "password", value.String("$secret.n"),
		"security", value.String("none"), "allow", value.Strings("127.0.0.0/8"), "timeoutSeconds", value.Int(2))
}

func subscribed(t *testing.T, c *client.Conn, subject string) *client.Subscription {
	t.Helper()
	s, err := c.SubscribeSync(subject)
	if err == nil {
		err = c.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPublish(t *testing.T) {
	t.Parallel()
	c, config := started(t, &server.Options{})
	orders := subscribed(t, c, "orders.>")
	for in, want := range map[string]string{
		`{"subject":"orders.new","payload":{"n":1},"headers":{"X-A":["1","2"],"X-N":5}}`: `{"n":1}`,
		`{"subject":"orders.new","payload":"text"}`:                                      "text",
		`{"subject":"orders.new"}`:                                                       "",
	} {
		v := call(t, config, "publish", in)
		m, err := orders.NextMsg(5 * time.Second)
		if err != nil || string(m.Data) != want || v.Get("finishState").Text() != "success" || m.Header.Get("Nats-Msg-Id") != v.Get("key").Text() {
			t.Errorf("%s: %v, %v, %s", in, m, err, v)
		}
		if want == `{"n":1}` && (strings.Join(m.Header["X-A"], ",") != "1,2" || m.Header.Get("X-N") != "5") {
			t.Errorf("headers %v", m.Header)
		}
	}
}

func TestPublish_jetStream(t *testing.T) {
	t.Parallel()
	c, config := started(t, &server.Options{})
	js, err := jetstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"stored"}, Duplicates: time.Minute}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{`{"stream":"S","sequence":1,"duplicate":false}`, `{"stream":"S","sequence":1,"duplicate":true}`} {
		if v := call(t, config, "publish", `{"subject":"stored","payload":1,"jetStream":true,"stream":"S"}`); v.Get("outgoing").String() != want {
			t.Errorf("time %d: %s, want %s", i, v, want)
		}
	}
	wantError(t, call(t, config, "publish", `{"subject":"stored","jetStream":true,"stream":"T"}`), "remote", "expected stream does not match", false)
	wantError(t, call(t, config, "publish", `{"subject":"elsewhere","jetStream":true}`), "remote", "nobody", true)
}

func TestRequest(t *testing.T) {
	t.Parallel()
	c, config := started(t, &server.Options{})
	_, err := c.Subscribe("ask.*", func(m *client.Msg) {
		answer := client.NewMsg(m.Reply)
		switch m.Subject {
		case "ask.nothing":
			return
		case "ask.fail":
			answer.Header.Set("Nats-Service-Error", "no such device")
			answer.Header.Set("Nats-Service-Error-Code", "404")
		}
		answer.Header.Set("X-Seen", "yes")
		answer.Data = fmt.Appendf(nil, `{"got":%s}`, m.Data)
		_ = m.RespondMsg(answer) // the caller notices
	})
	if err == nil {
		err = c.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	if v := call(t, config, "request", `{"subject":"ask.it","payload":[1]}`); v.Get("outgoing").String() != `{"payload":{"got":[1]},"headers":{"X-Seen":["yes"]}}` {
		t.Errorf("got %s", v)
	}
	v := call(t, config, "request", `{"subject":"ask.fail","payload":1}`)
	wantError(t, v, "remote", "no such device", false)
	if v.Path("error", "code").Text() != "404" {
		t.Errorf("got %s", v)
	}
	wantError(t, call(t, config, "request", `{"subject":"ask.nothing","timeoutSeconds":0.1}`), "timeout", "did not answer in time", true)
	wantError(t, call(t, config, "request", `{"subject":"nobody"}`), "remote", "nobody", true)
}

func wantError(t *testing.T, v value.Value, class, text string, retryable bool) {
	t.Helper()
	e := v.Get("error")
	if e.Get("class").Text() != class || !strings.Contains(e.Get("message").Text(), text) || e.Get("retryable").Truth() != retryable {
		t.Errorf("got %s, want %s: %s, retryable %t", v, class, text, retryable)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	_, config := started(t, &server.Options{})
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	const in = `{"subject":"a","payload":1}`
	for name, tc := range map[string]struct {
		config      value.Value
		in          string
		class, text string
		retryable   bool
	}{
		"forbidden":     {config, `{"subject":"forbidden"}`, "auth", "ermissions", false},
		"large":         {config, `{"subject":"a","payload":"` + strings.Repeat("x", 2000) + `"}`, "limit", "larger than the 1000 bytes", false},
		"password":      {config.With("password", value.String("wrong")), in, "auth", "uthorization", false},
		"nobody there":  {config.With("servers", value.Strings("127.0.0.1:1")), in, "network", "cannot be reached", true},
		"silent":        {config.With("servers", value.Strings(silent.Addr().String())), in, "timeout", "did not answer in time", true},
		"guarded":       {config.Without("allow"), in, "input", "may not be reached", false},
		"no tls":        {config.Without("security"), in, "network", "cannot be reached", true},
		"no server":     {config.With("servers", value.Array()), in, "input", "/servers must name a server", false},
		"server":        {config.With("servers", value.Strings("a:b")), in, "input", "/servers/0 must be an address", false},
		"credentials":   {config.With("credentials", value.String("x")), in, "input", "the credentials cannot be read", false},
		"nkey":          {config.With("nkey", value.String("x")), in, "input", "the credentials cannot be read", false},
		"system":        {config, `{"subject":"$JS.API.STREAM.DELETE.S"}`, "input", "is not among the subjects", false},
		"our own":       {config, `{"subject":"heddle.event.0.x"}`, "input", "is not among the subjects", false},
		"not listed":    {config.With("subjects", value.Strings("orders.*")), `{"subject":"orders.a.b"}`, "input", "is not among the subjects", false},
		"a wildcard":    {config, `{"subject":"orders.*"}`, "input", "is no subject", false},
		"a space":       {config, `{"subject":"a b"}`, "input", "is no subject", false},
		"bad pattern":   {config.With("subjects", value.Strings("a.>.b")), in, "input", "/subjects/0", false},
		"header":        {config, `{"subject":"a","headers":{"a:b":"c"}}`, "input", "is no name of a header", false},
		"header's line": {config, `{"subject":"a","headers":{"a":"b\r\nc: d"}}`, "input", "/headers/a must be one line", false},
	} {
		wantError(t, call(t, tc.config, "publish", tc.in), tc.class, tc.text, tc.retryable)
		if t.Failed() {
			t.Fatalf("that was %s", name)
		}
	}
	if v := call(t, config.With("subjects", value.Strings("orders.*", "x.>")), "publish", `{"subject":"x.y.z"}`); v.Get("finishState").Text() != "success" {
		t.Errorf("a listed subject: %s", v)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	certificate, ca := adaptertest.Certificate(t)
	_, config := started(t, &server.Options{TLS: true, TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}}})
	config = config.Without("security")
	if v := call(t, config.With("tls", value.Object("ca", value.String(ca))), "publish", `{"subject":"a"}`); v.Get("finishState").Text() != "success" {
		t.Error(v)
	}
	wantError(t, call(t, config, "publish", `{"subject":"a"}`), "network", "certificate", false)
}
