package server_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/heddlehq/heddle/server"
)

func TestCORS(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	o := a.Options
	const portal, evil = "https://portal.example.net", "https://portal.example.net.evil.test"
	o.Origins = []string{portal}
	s, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	listed := *a
	listed.Server = s
	for name, tc := range map[string]struct {
		on             *api
		method, origin string
		headers        map[string]string
		status         int
		allowed        bool
	}{
		"preflight":             {&listed, "OPTIONS", portal, map[string]string{"Access-Control-Request-Method": "POST"}, 204, true},
		"preflight, other page": {&listed, "OPTIONS", evil, map[string]string{"Access-Control-Request-Method": "POST"}, 204, false},
		"preflight, no list":    {a, "OPTIONS", portal, map[string]string{"Access-Control-Request-Method": "POST"}, 204, false},
		"call":                  {&listed, "POST", portal, map[string]string{"Authorization": "Bearer " + a.token, "Content-Type": "application/json", "Sec-Fetch-Site": "cross-site"}, 200, true},
		"call, no token":        {&listed, "POST", portal, map[string]string{"Content-Type": "application/json"}, 401, true},
		"call, other page":      {&listed, "POST", evil, map[string]string{"Cookie": "token=" + a.token, "Content-Type": "application/json"}, 403, false},
		"null":                  {&listed, "POST", "null", map[string]string{"Cookie": "token=" + a.token, "Content-Type": "application/json"}, 403, false},
	} {
		r := httptest.NewRequest(tc.method, "/workflow_engine/jobs/search", strings.NewReader("{}"))
		r.Header.Set("Origin", tc.origin)
		for k, v := range tc.headers {
			r.Header.Set(k, v)
		}
		got := tc.on.send(t, r)
		allow := got.Header.Get("Access-Control-Allow-Origin")
		if got.StatusCode != tc.status || (allow == tc.origin) != tc.allowed || got.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: status %d, want %d; allowed %q: %s", name, got.StatusCode, tc.status, allow, got.text)
		}
	}
	for _, wrong := range []string{"*", "null", "portal.example.net", "https://", "https://a.test/", "ftp://a.test"} {
		o.Origins = []string{wrong}
		if _, err := server.New(o); err == nil {
			t.Errorf("origin %q is taken", wrong)
		}
	}
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.refused(t, 404, "GET", "/heddle/pprof/goroutine", "")
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/vars"} {
		a.refused(t, 404, "GET", path, "")
	}
	o := a.Options
	o.Profiles = true
	s, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	on := *a
	on.Server = s
	if got := on.call(t, "GET", "/heddle/pprof/goroutine?debug=1", ""); got.StatusCode != http.StatusOK || !strings.Contains(got.text, "goroutine profile") {
		t.Errorf("profile: %d %.80s", got.StatusCode, got.text)
	}
	on.refused(t, 404, "GET", "/heddle/pprof/cmdline", "")
	viewer := on.as(t, "eve", []string{"operator"})
	viewer.refused(t, 403, "GET", "/heddle/pprof/goroutine", "")
	viewer.token = ""
	viewer.refused(t, 401, "GET", "/heddle/pprof/goroutine", "")
}
