package server_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/heddlehq/heddle/workflows/value"
)

// An instance goes through its life in the form of Heddle and in that of existing clients.
func TestAdapters(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for name, body := range map[string]string{
		"own":   `{"name":"own","app":"Http","config":{"url":"https://example.net","auth":{"type":"bearer","token":"$secret.t"}},"limits":{"concurrency":2}}`,
		"older": `{"properties":{"name":"older","model":"@x/adapter-http","type":"Adapter","properties":{"id":"older","type":"Http","brokers":[],"groups":[],"properties":{"url":"https://example.net"}},"loggerProps":{},"virtual":false}}`,
	} {
		made := a.must(t, "POST", "/adapters", body).Get("data")
		if made.Get("name").Text() != name || made.Get("type").Text() != "Adapter" || made.Path("properties", "properties", "url").Text() != "https://example.net" || made.Get("pool").Text() != "default" {
			t.Errorf("%s: created %s", name, made)
		}
		a.refused(t, 409, "POST", "/adapters", body)
		export := a.must(t, "GET", "/adapters/"+name+"/export", "")
		a.must(t, "DELETE", "/adapters/"+name, "")
		a.refused(t, 404, "GET", "/adapters/"+name, "")
		a.must(t, "POST", "/adapters/import", export.String())
	}
	if list := a.must(t, "GET", "/adapters?sort=name", ""); list.Get("total").Float() != 2 || list.Get("results").At(0).Path("data", "name").Text() != "older" {
		t.Errorf("list %s", list)
	}
	a.must(t, "PUT", "/adapters/own/stop", "")
	if h := a.must(t, "GET", "/health/adapters?equals=own&equalsField=id", "").Get("results").At(0); h.Get("state").Text() != "STOPPED" || h.Get("type").Text() != "Adapter" {
		t.Errorf("health %s", h)
	}
	a.must(t, "PUT", "/adapters/own/start", "")
	a.must(t, "PUT", "/adapters/own/restart", "")
	a.must(t, "PUT", "/adapters/own/loglevel", `{"properties":{"transport":"console","level":"debug"}}`)
	got := a.must(t, "GET", "/adapters/own", "")
	if got.Path("data", "restarts").String() != "1" || got.Path("data", "logLevel").Text() != "debug" || !got.Path("metadata", "isActive").Truth() {
		t.Errorf("own is %s", got)
	}
	a.must(t, "PUT", "/adapters/own", `{"app":"Http","config":{"url":"https://example.org"}}`)
	if got := a.must(t, "GET", "/adapters/own", "").Get("data"); got.Path("config", "url").Text() != "https://example.org" || got.Get("restarts").String() != "1" {
		t.Errorf("own is %s", got)
	}
	kinds := a.must(t, "GET", "/heddle/adapters/kinds?limit=100", "").Get("results").Slice()
	if !slices.ContainsFunc(kinds, func(k value.Value) bool { return k.Get("app").Text() == "Http" && k.Has("config") }) {
		t.Errorf("none of %d kinds is Http", len(kinds))
	}
}

func TestAdapters_refusals(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for name, tc := range map[string]struct{ body, pointers string }{
		"nothing":        {`{}`, "/name /app"},
		"unknown app":    {`{"name":"x","app":"Nope"}`, "/app"},
		"unknown member": {`{"name":"x","app":"Http","konfig":{}}`, "/konfig"},
		"unknown option": {`{"name":"x","app":"Http","config":{"urll":"x"}}`, "/config"},
		"wrong type":     {`{"name":"x","app":"Http","config":{"url":5}}`, "/config/url"},
		"older form":     {`{"properties":{"name":"x","properties":{"id":"x","type":"Http","properties":{"url":5}}}}`, "/properties/properties/properties/url"},
		"open secret":    {`{"name":"x","app":"Http","config":{"url":"https://e.net","auth":{"type":"bearer","token":"opensesame"}}}`, "/config/auth/token"},
		"hidden secret":  {`{"name":"x","app":"Cli","config":{"devices":{"r1":{"password":"opensesame"}}}}`, "/config/devices/r1/password"},
		"unknown inside": {`{"name":"x","app":"Cli","config":{"devices":{"r1":{"hostt":"r1"}}}}`, "/config/devices/r1"},
		"limits":         {`{"name":"x","app":"Http","limits":{"concurrency":-1}}`, "/limits/concurrency"},
		"odd limits":     {`{"name":"x","app":"Http","limits":{"perSecnd":1}}`, "/limits"},
		"engine's pool":  {`{"name":"x","app":"Http","pool":"engine"}`, "/pool"},
		"level":          {`{"name":"x","app":"Http","logLevel":"loud"}`, "/logLevel"},
		"slash":          {`{"name":"a/b","app":"Http"}`, "/name"},
	} {
		var pointers []string
		for _, p := range a.refused(t, 400, "POST", "/adapters", tc.body).Path("metadata", "errors").Elements() {
			pointers = append(pointers, p.Get("pointer").Text())
		}
		if got := strings.Join(pointers, " "); got != tc.pointers {
			t.Errorf("%s: problems at %q, want %q", name, got, tc.pointers)
		}
	}
	a.refused(t, 404, "PUT", "/adapters/nobody", `{"app":"Http"}`)
	a.refused(t, 404, "PUT", "/adapters/nobody/restart", "")
}

// Secrets go in and never come out.
func TestSecrets(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	const canary = "opensesame-canary"
	made := a.must(t, "PUT", "/heddle/secrets/t", value.Object("value", value.String(canary)).String())
	list := a.must(t, "GET", "/heddle/secrets", "")
	if list.Get("results").At(0).Get("name").Text() != "t" || strings.Contains(list.String()+made.String()+a.log.String(), canary) {
		t.Errorf("list %s", list)
	}
	if text, err := a.Secrets.Get(t.Context(), "t"); text != canary || err != nil {
		t.Errorf("an adapter reads %q, %v", text, err)
	}
	a.refused(t, 400, "PUT", "/heddle/secrets/a$b", `{"value":"x"}`)
	a.refused(t, 400, "PUT", "/heddle/secrets/t", `{"value":""}`)
	a.must(t, "DELETE", "/heddle/secrets/t", "")
	a.refused(t, 404, "DELETE", "/heddle/secrets/t", "")
}
