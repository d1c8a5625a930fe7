package webhook_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/adaptertest"
	"github.com/heddlehq/heddle/adapters/webhook"
	"github.com/heddlehq/heddle/workflows/value"
)

func call(t *testing.T, config value.Value, in string) value.Value {
	t.Helper()
	secrets := func(context.Context, string) (string, error) { return "opensesame", nil }
	v, err := adaptertest.Call(t.Context(), webhook.Kind(), adapters.Instance{ID: "hook", Config: config}, secrets, "send", value.MustParse(in))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(v.String(), "opensesame") {
		t.Errorf("a secret in %s", v)
	}
	return v
}

// receiver checks calls with a secret and counts those that it takes.
func receiver(t *testing.T, scheme webhook.Scheme, secret string) (*httptest.Server, *atomic.Int32) {
	t.Helper()
	var taken atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if h := r.Header.Get("X-Mine"); h != "" {
			r.Header.Set("X-Signature", h)
		}
		if err := webhook.Verify(scheme, []string{secret}, r.Header, time.Now(), time.Minute, body); err != nil {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, "%q", err.Error())
			return
		}
		taken.Add(1)
		fmt.Fprintf(w, `{"id":%q,"body":%q,"path":%q,"site":%q}`, r.Header.Get("Webhook-Id"), body, r.URL.Path, r.Header.Get("X-Site"))
	}))
	t.Cleanup(s.Close)
	return s, &taken
}

func TestSend(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		scheme         webhook.Scheme
		secret, config string
	}{
		"standard":        {webhook.Standard, "opensesame", `{"secrets":["$secret.hook"]}`},
		"standard base64": {webhook.Standard, "whsec_b3BlbnNlc2FtZQ==", `{"secrets":["$secret.hook"]}`},
		"two secrets":     {webhook.Standard, "older", `{"secrets":["$secret.hook","older"]}`},
		"timestamped":     {webhook.Timestamped, "opensesame", `{"secrets":["$secret.hook"],"scheme":"timestamped"}`},
		"own header":      {webhook.Timestamped, "older", `{"secrets":["$secret.hook","older"],"scheme":"timestamped","header":"x-mine"}`},
		"body":            {webhook.Body, "opensesame", `{"secrets":["$secret.hook"],"scheme":"body"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, taken := receiver(t, tc.scheme, tc.secret)
			config := value.MustParse(tc.config).With("url", value.String(s.URL+"/in")).With("allow", value.Strings("127.0.0.0/8"))
			v := call(t, config, `{"path":"42","payload":{"state":"done"},"headers":{"X-Site":"lab"}}`)
			out := v.Get("outgoing")
			got := out.Path("response", "body")
			if taken.Load() != 1 || got.Get("body").Text() != `{"state":"done"}` || got.Get("path").Text() != "/in/42" || got.Get("site").Text() != "lab" ||
				got.Get("id").Text() != out.Get("id").Text() || !strings.HasPrefix(out.Get("id").Text(), "msg_") {
				t.Errorf("got %s", v)
			}
			wrong := call(t, config.With("secrets", value.Strings("wrong")), `{"payload":1}`)
			if wrong.Path("error", "class").Text() != "http" || wrong.Path("error", "statusCode").Float() != 403 {
				t.Errorf("with a wrong secret: %s", wrong)
			}
		})
	}
}

func TestSend_triesAgain(t *testing.T) {
	t.Parallel()
	ids := map[string]int{}
	n := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ids[r.Header.Get("Webhook-Id")]++
		if n++; n < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer s.Close()
	config := value.MustParse(`{"allow":["127.0.0.0/8"],"retry":{"limit":3,"delaySeconds":0.001}}`).With("url", value.String(s.URL))
	v := call(t, config, `{"payload":null}`)
	s.Close()
	if v.Get("finishState").Text() != "success" || n != 3 || len(ids) != 1 {
		t.Errorf("%d tries with ids %v: %s", n, ids, v)
	}
}

func TestSend_refuses(t *testing.T) {
	t.Parallel()
	for in, tc := range map[string]struct{ config, text string }{
		`{"payload":1}`: {`{}`, "/url must be given"},
		`{"payload":2}`: {`{"url":"http://127.0.0.1:1/"}`, "may not be reached"},
		`{"payload":3}`: {`{"url":"http://127.0.0.1:1/","secrets":["whsec_*"]}`, "/secrets/0 must be base64 after whsec_"},
		`{"payload":4}`: {`{"url":"http://127.0.0.1:1/","secrets":[""]}`, "/secrets/0 must not be empty"},
		`{"payload":5}`: {`{"url":"http://127.0.0.1:1/","scheme":"magic"}`, "/scheme must be equal to one of"},
		`{"payload":6,"headers":{"webhook-id":"x"}}`: {`{"url":"http://127.0.0.1:1/"}`, "/headers/webhook-id cannot be set"},
		`{"payload":7,"headers":{"x-mine":"x"}}`:     {`{"url":"http://127.0.0.1:1/","header":"X-Mine"}`, "/headers/x-mine cannot be set"},
	} {
		if v := call(t, value.MustParse(tc.config), in); v.Path("error", "class").Text() != "input" || !strings.Contains(v.Path("error", "message").Text(), tc.text) {
			t.Errorf("%s with %s: %s, want %s", in, tc.config, v, tc.text)
		}
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_700_000_000, 0)
	for _, scheme := range []webhook.Scheme{webhook.Standard, webhook.Timestamped, webhook.Body} {
		h, err := webhook.Sign(scheme, []string{"key"}, "msg_1", at, []byte("body"))
		if err != nil {
			t.Fatal(err)
		}
		verify := func(now time.Time, body string, secrets ...string) error {
			return webhook.Verify(scheme, secrets, h, now, time.Minute, []byte(body))
		}
		if err := verify(at.Add(time.Minute), "body", "other", "key"); err != nil {
			t.Errorf("%s: %v", scheme, err)
		}
		if err := verify(at, "bodY", "key"); err != webhook.ErrSignature {
			t.Errorf("%s: another body: %v", scheme, err)
		}
		if err := verify(at, "body", "other"); err != webhook.ErrSignature {
			t.Errorf("%s: another key: %v", scheme, err)
		}
		if err := verify(at, "body"); err != webhook.ErrSignature {
			t.Errorf("%s: no key: %v", scheme, err)
		}
		for _, now := range []time.Time{at.Add(61 * time.Second), at.Add(-61 * time.Second)} {
			if err := verify(now, "body", "key"); err != webhook.ErrTime && scheme != webhook.Body {
				t.Errorf("%s: at %v: %v", scheme, now, err)
			}
		}
		for name := range h {
			other := h.Clone()
			other.Set(name, other.Get(name)+"0")
			if scheme == webhook.Timestamped || scheme == webhook.Body {
				other.Set(name, "t=,v1=")
			}
			if err := webhook.Verify(scheme, []string{"key"}, other, at, time.Minute, []byte("body")); err == nil {
				t.Errorf("%s: a changed %s is taken", scheme, name)
			}
		}
	}
	// The example of the Standard Webhooks specification's reference libraries.
	h, err := webhook.Sign(webhook.Standard, []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if err != nil || h.Get("Webhook-Signature") != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("signed %v, %v", h, err)
	}
}
