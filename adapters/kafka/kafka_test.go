package kafka_test

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/adaptertest"
	"github.com/heddlehq/heddle/adapters/kafka"
	"github.com/heddlehq/heddle/workflows/value"
)

func call(t *testing.T, config value.Value, method, in string) value.Value {
	t.Helper()
	secrets := func(context.Context, string) (string, error) { return "opensesame", nil }
	v, err := adaptertest.Call(t.Context(), kafka.Kind(), adapters.Instance{ID: "k", Config: config}, secrets, method, value.MustParse(in))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(v.String(), "opensesame") {
		t.Errorf("a secret in %s", v)
	}
	return v
}

// cluster is an instance for a cluster in this process, with a topic of two partitions.
func cluster(t *testing.T, more ...kfake.Opt) value.Value {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(2, "orders"), kfake.SeedTopics(1, "one")}, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return value.Object("brokers", value.Strings(c.ListenAddrs()...), "security", value.String("none"), "allow", value.Strings("127.0.0.0/8", "::1/128"), "timeoutSeconds", value.Int(5))
}

func TestProduceAndConsume(t *testing.T) {
	t.Parallel()
	config := cluster(t)
	v := call(t, config, "produce", `{"topic":"one","messages":[{"key":"a","value":{"n":1},"headers":{"h":"x"}},{"value":"text"},{"key":"a","value":null}]}`)
	if v.Get("outgoing").String() != `{"offsets":[{"partition":0,"offset":0},{"partition":0,"offset":1},{"partition":0,"offset":2}]}` {
		t.Fatal(v)
	}
	out := call(t, config, "consume", `{"topic":"one","waitSeconds":5}`).Get("outgoing")
	m := out.Get("messages")
	if out.Get("count").Float() != 3 || out.Get("next").String() != `{"0":3}` || m.At(0).Get("value").String() != `{"n":1}` || m.At(0).Get("key").Text() != "a" ||
		m.At(0).Path("headers", "h").Text() != "x" || m.At(1).Path("headers", "heddle-key").Text() != v.Get("key").Text()+"#1" || m.At(1).Get("value").Text() != "text" || !m.At(2).Get("value").IsNull() {
		t.Errorf("got %s", out)
	}
	for in, want := range map[string]string{
		`{"topic":"one","maxMessages":1}`:                      `{"0":1}`,
		`{"topic":"one","offsets":{"0":1},"maxMessages":1}`:    `{"0":2}`,
		`{"topic":"one","offsets":{"0":3},"waitSeconds":0.05}`: `{"0":3}`,
		`{"topic":"one","start":"latest","waitSeconds":0.05}`:  `{"0":3}`,
		`{"topic":"orders","waitSeconds":0.05}`:                `{"0":0,"1":0}`,
		`{"topic":"one","group":"g","maxMessages":2}`:          `{"0":2}`,
	} {
		if v := call(t, config, "consume", in); v.Path("outgoing", "next").String() != want {
			t.Errorf("%s: %s, want %s", in, v, want)
		}
	}
	if v := call(t, config, "commit", `{"topic":"one","group":"g","offsets":{"0":2}}`); !v.Path("outgoing", "result").Truth() {
		t.Error(v)
	}
	if v := call(t, config, "consume", `{"topic":"one","group":"g"}`); v.Path("outgoing", "count").Float() != 1 || v.Path("outgoing", "next").String() != `{"0":3}` {
		t.Errorf("after the commit: %s", v)
	}
	if v := call(t, config.With("maxBytes", value.Int(8)), "consume", `{"topic":"one"}`); v.Path("outgoing", "next").String() != `{"0":1}` {
		t.Errorf("a small batch: %s", v)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	config := cluster(t)
	guarded := cluster(t, kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", "heddle", "opensesame"))
	guarded = guarded.With("sasl", value.String("SCRAM-SHA-256")).With("user", value.String("heddle")).With("password", value.String("$secret.k"))
	if v := call(t, guarded, "produce", `{"topic":"one","messages":[{"value":1}]}`); v.Get("finishState").Text() != "success" {
		t.Error(v)
	}
	closed, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closed.Close)
	closed.ControlKey(int16(kmsg.SASLAuthenticate), func(r kmsg.Request) (kmsg.Response, error, bool) {
		closed.KeepControl()
		answer := r.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		answer.ErrorCode = kerr.SaslAuthenticationFailed.Code
		return answer, nil, true
	})
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	const one = `{"topic":"one","messages":[{"value":1}]}`
	for name, tc := range map[string]struct {
		config      value.Value
		method, in  string
		class, text string
		retryable   bool
	}{
		"password":       {guarded.With("brokers", value.Strings(closed.ListenAddrs()...)), "produce", one, "auth", "SASL_AUTHENTICATION_FAILED", false},
		"nobody there":   {config.With("brokers", value.Strings("127.0.0.1:1")), "produce", one, "network", "cannot be reached", true},
		"guarded":        {config.Without("allow"), "produce", one, "input", "may not be reached", false},
		"silent":         {config.With("brokers", value.Strings(silent.Addr().String())).With("timeoutSeconds", value.Int(1)), "produce", one, "timeout", "did not answer in time", true},
		"no topic":       {config, "produce", `{"topic":"nothing","messages":[{"value":1}]}`, "input", "UNKNOWN_TOPIC", false},
		"no topic there": {config, "consume", `{"topic":"nothing"}`, "input", "UNKNOWN_TOPIC", false},
		"name":           {config, "consume", `{"topic":"a b"}`, "input", "is no name of a topic", false},
		"internal":       {config, "consume", `{"topic":"__consumer_offsets"}`, "input", "is not among the topics", false},
		"not listed":     {config.With("topics", value.Strings("one")), "consume", `{"topic":"orders"}`, "input", "is not among the topics", false},
		"partition":      {config, "consume", `{"topic":"one","offsets":{"x":1}}`, "input", "/offsets/x must be the number of a partition", false},
		"no partition":   {config, "consume", `{"topic":"one","offsets":{"7":1}}`, "input", "/offsets/7: the topic has no such partition", false},
		"out of range":   {config, "consume", `{"topic":"one","offsets":{"0":99}}`, "input", "OFFSET_OUT_OF_RANGE", false},
		"no messages":    {config, "produce", `{"topic":"one","messages":[]}`, "input", "/messages must be from 1 to", false},
		"no group":       {config, "commit", `{"topic":"one","group":"","offsets":{}}`, "input", "/group must be the name of a group", false},
		"no broker":      {config.With("brokers", value.Array()), "produce", one, "input", "/brokers must name a broker", false},
		"broker":         {config.With("brokers", value.Strings("a:b")), "produce", one, "input", "/brokers/0 must be an address", false},
		"no user":        {config.With("sasl", value.String("PLAIN")), "produce", one, "input", "/sasl and /user must be given together", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := call(t, tc.config, tc.method, tc.in).Get("error")
			if e.Get("class").Text() != tc.class || !strings.Contains(e.Get("message").Text(), tc.text) || e.Get("retryable").Truth() != tc.retryable {
				t.Errorf("got %s, want %s: %s, retryable %t", e, tc.class, tc.text, tc.retryable)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	certificate, ca := adaptertest.Certificate(t)
	config := cluster(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{certificate}})).Without("security")
	if v := call(t, config.With("tls", value.Object("ca", value.String(ca))), "produce", `{"topic":"one","messages":[{"value":1}]}`); v.Get("finishState").Text() != "success" {
		t.Error(v)
	}
	if v := call(t, config, "produce", `{"topic":"one","messages":[{"value":1}]}`); !strings.Contains(v.Path("error", "message").Text(), "certificate") {
		t.Errorf("an unknown certificate: %s", v)
	}
}
