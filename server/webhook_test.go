package server_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/workflows/value"
)

// A webhook is taken once, however often it is sent, and only from who knows the secret;
// everybody else is told the same, whether there is such a webhook or not.
func TestWebhook(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.must(t, "PUT", "/heddle/secrets/hook", `{"value":"opensesame"}`)
	a.must(t, "POST", "/adapters", `{"name":"git","app":"WebhookReceiver","config":{"secret":"$secret.hook","topic":"pushed"}}`)
	a.must(t, "POST", "/adapters", `{"name":"off","app":"WebhookReceiver","config":{"secret":"$secret.hook"},"enabled":false}`)
	a.must(t, "POST", "/adapters", `{"name":"other","app":"Http","config":{}}`)

	ctx, stop := context.WithCancel(t.Context())
	var tailing sync.WaitGroup
	var mu sync.Mutex
	var heard []value.Value
	tailing.Go(func() {
		err := a.bus.Tail(ctx, bus.Feed, "heddle.feed.platform.git.>", 1, func(_ uint64, m bus.Message) {
			mu.Lock()
			defer mu.Unlock()
			heard = append(heard, value.MustParse(string(m.Data)))
		})
		if err != nil {
			t.Error(err)
		}
	})
	send := func(name, key, body string, at time.Time) reply {
		t.Helper()
		mac := hmac.New(sha256.New, []byte(key))
		fmt.Fprintf(mac, "%d.%s", at.Unix(), body)
		r := httptest.NewRequest("POST", "/webhooks/"+name, strings.NewReader(body))
		r.Header.Set("X-Heddle-Timestamp", fmt.Sprint(at.Unix()))
		r.Header.Set("X-Heddle-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
		return a.send(t, r)
	}
	now := time.Now()
	for range 3 {
		if r := send("git", "opensesame", `{"branch":"main"}`, now); r.StatusCode != 200 {
			t.Fatalf("signed: status %d: %s", r.StatusCode, r.text)
		}
	}
	if r := send("git", "opensesame", "plain text", now); r.StatusCode != 200 {
		t.Errorf("a text: status %d: %s", r.StatusCode, r.text)
	}
	same := send("nobody", "opensesame", "{}", now).json.Get("message").Text()
	for what, r := range map[string]reply{
		"wrong key":   send("git", "swordfish", `{}`, now),
		"old":         send("git", "opensesame", `{}`, now.Add(-time.Hour)),
		"stopped":     send("off", "opensesame", `{}`, now),
		"no receiver": send("other", "opensesame", `{}`, now),
		"its default": send("nobody", "nobody's", `{}`, now),
	} {
		if r.StatusCode != 404 || r.json.Get("message").Text() != same {
			t.Errorf("%s: status %d: %s", what, r.StatusCode, r.text)
		}
	}
	if r := send("git", "opensesame", strings.Repeat("x", 600<<10), now); r.StatusCode != 413 {
		t.Errorf("too large: status %d", r.StatusCode)
	}
	deadline := time.Now().Add(5 * time.Second)
	for {
		mu.Lock()
		n := len(heard)
		mu.Unlock()
		if n >= 2 || time.Now().After(deadline) {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	stop()
	tailing.Wait()
	if len(heard) != 2 || heard[0].Get("source").Text() != "git" || heard[0].Get("topic").Text() != "pushed" || heard[0].Path("body", "branch").Text() != "main" ||
		heard[1].Get("body").Text() != "plain text" {
		t.Errorf("heard %v", heard)
	}
	if strings.Contains(a.log.String(), "opensesame") {
		t.Error("the log shows the secret")
	}
}
