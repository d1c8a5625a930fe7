package server_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/server/auth"
	"github.com/heddlehq/heddle/workflows/value"
)

func TestWire_paths(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for _, tc := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/version", "", 200},
		{"GET", "//version", "", 200},
		{"GET", "/version/", "", 200},
		{"GET", "///health//status//", "", 200},
		{"POST", "//workflow_engine///jobs/search/", `{"options":{}}`, 200},
		{"GET", "/operations_manager/jobs", "", 200},
		{"GET", "/", "", 404},
		{"GET", "/nothing/here", "", 404},
		{"GET", "/operations-manager/jobs/x/y/z", "", 404},
		{"GET", "/version/../whoami", "", 404},
		{"GET", "/operations-manager/jobs/%2e%2e%2f%2e%2e%2fetc", "", 404},
		{"GET", "/operations-manager/jobs/..%00", "", 404},
		{"DELETE", "/version", "", 405},
	} {
		r := a.call(t, tc.method, tc.path, tc.body)
		if r.StatusCode != tc.status {
			t.Errorf("%s %s: status %d, want %d: %s", tc.method, tc.path, r.StatusCode, tc.status, r.text)
		}
		if kind := r.Header.Get("Content-Type"); kind != "application/json" {
			t.Errorf("%s %s: content type %q", tc.method, tc.path, kind)
		}
		if tc.status >= 400 {
			for _, key := range []string{"message", "data", "metadata"} {
				if !r.json.Has(key) {
					t.Errorf("%s %s: no %q in %s", tc.method, tc.path, key, r.text)
				}
			}
		}
	}
}

func TestWire_tails(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for name, path := range map[string]string{
		"My WF/1 é":      "/workflow_builder/workflows/delete/My%20WF/1%20%C3%A9",
		"x@y: a+b":       "/workflow_builder/workflows/delete/x@y:%20a+b",
		"http://x/y":     "/workflow_builder/workflows/delete/http:%2F%2Fx%2Fy",
		"raw//slashes":   "//workflow_builder//workflows/delete/raw//slashes/",
		"100% sure":      "/workflow_builder/workflows/delete/100%25%20sure",
		"../../accounts": "/workflow_builder/workflows/delete/../../accounts",
	} {
		a.add(t, name, picking)
		detail := strings.Replace(strings.TrimLeft(path, "/"), "workflow_builder/workflows/delete", "automation-studio/workflows/detailed", 1)
		detail = strings.Replace(detail, "workflow_builder//workflows/delete", "automation-studio/workflows/detailed", 1)
		if got := a.must(t, "GET", "/"+detail, "").Get("name").Text(); got != name {
			t.Errorf("GET /%s: name %q, want %q", detail, got, name)
		}
		if got := a.must(t, "DELETE", path, "").Get("name").Text(); got != name {
			t.Errorf("DELETE %s: name %q, want %q", path, got, name)
		}
	}
	if got := a.must(t, "GET", "/automation-studio/workflows/detailed/nothing", ""); got.Len() != 0 {
		t.Errorf("detailed of nothing = %s, want {}", got)
	}
}

func TestWire_bodies(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	large := httptest.NewRequest("POST", "/operations-manager/jobs/start", io.LimitReader(endless{}, 65<<20))
	large.Header.Set("Authorization", "Bearer "+a.token)
	if r := a.send(t, large); r.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("65 MiB: status %d, want 413: %.200s", r.StatusCode, r.text)
	}
	stranger := httptest.NewRequest("POST", "/login", io.LimitReader(endless{}, 1<<20))
	if r := a.send(t, stranger); r.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("1 MiB login: status %d, want 413: %.200s", r.StatusCode, r.text)
	}
	for _, body := range []string{"{", "nul", "{\"a\":NaN}", `{"a":1}{}`, "\x00", `{"a":"\ud800"}`, `{"a":1,"a":2}`, `{'a':1}`} {
		got := a.refused(t, 400, "POST", "/automation-studio/automations", body)
		if got.Path("metadata", "errors").At(0).Get("code").Text() != "syntax" {
			t.Errorf("%q: %s, want a syntax error with its place", body, got)
		}
	}
	a.refused(t, 400, "POST", "/automation-studio/automations", `[]`)
	a.refused(t, 400, "POST", "/automation-studio/automations", `{"automation":7}`)
}

// endless is a stream of spaces, which any JSON may begin with.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, bytes.Repeat([]byte(" "), len(p))), nil }

func TestWire_headers(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for _, path := range []string{"/version", "/nothing"} {
		h := a.call(t, "GET", path, "").Header
		for key, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			"Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
		} {
			if got := h.Get(key); got != want {
				t.Errorf("GET %s: %s = %q, want %q", path, key, got, want)
			}
		}
		if len(h.Get("X-Request-Id")) != 16 || h.Get("Set-Cookie") != "" {
			t.Errorf("GET %s: headers %v", path, h)
		}
	}
}

func TestWire_defects(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	broken := *a
	broken.Server = a.withStore(t, crashingStore{a.store})
	r := broken.call(t, "GET", "/operations-manager/automations", "")
	id := r.Header.Get("X-Request-Id")
	if r.StatusCode != 500 || r.json.Path("metadata", "requestId").Text() != id || strings.Contains(r.text, "secret detail") {
		t.Errorf("panic answers %d %s", r.StatusCode, r.text)
	}
	if !strings.Contains(a.log.String(), "secret detail") || !strings.Contains(a.log.String(), id) {
		t.Error("the panic is not in the log under its request's id")
	}
}

// crashingStore panics on lists of automations.
type crashingStore struct{ store.Store }

func (s crashingStore) Find(ctx context.Context, collection string, q store.Query) (store.Page, error) {
	if collection == store.Automations {
		panic("secret detail")
	}
	return s.Store.Find(ctx, collection, q)
}

func TestWire_log(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	anonymous := *a
	anonymous.token = ""
	anonymous.must(t, "GET", "/whoami?token="+a.token, "")
	anonymous.call(t, "POST", "/login", `{"user":{"username":"admin","password":"guess-1234"}}`)
	text := a.log.String()
	for _, secret := range []string{a.token, "guess-1234", adminPassword} {
		if strings.Contains(text, secret) {
			t.Errorf("the log holds a secret:\n%s", text)
		}
	}
	if !strings.Contains(text, "route=/whoami") || !strings.Contains(text, "user=admin") {
		t.Errorf("the log has no line about the call:\n%s", text)
	}
}

func TestServe(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Serve(ctx, l) }()
	client := &http.Client{Timeout: 10 * time.Second}
	res, err := client.Get("http://" + l.Addr().String() + "/version")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	flood, _ := http.NewRequest("GET", "http://"+l.Addr().String()+"/version", nil)
	for range 200 {
		flood.Header.Add("X-Flood", strings.Repeat("x", 1000))
	}
	if res, err = client.Do(flood); err == nil {
		res.Body.Close()
		if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("200 kB of headers: status %d, want 431", res.StatusCode)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.token = ""
	for _, tc := range []struct{ path, body string }{
		{"/login", `{"user":{"username":"admin","password":"` + adminPassword + `"}}`},
		{"/login/", `{"username":"admin","password":"` + adminPassword + `"}`},
	} {
		r := a.call(t, "POST", tc.path, tc.body)
		if r.StatusCode != 200 || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain") {
			t.Fatalf("POST %s: %d %s", tc.path, r.StatusCode, r.text)
		}
		if strings.Trim(r.text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Errorf("token %q is not fit for an address", r.text)
		}
		cookies := r.Cookies()
		if len(cookies) != 1 || cookies[0].Name != "token" || cookies[0].Value != r.text || cookies[0].Path != "/" || cookies[0].Secure || !cookies[0].HttpOnly {
			t.Errorf("cookies = %v", cookies)
		}
		for name, with := range map[string]func(*http.Request){
			"cookie": func(q *http.Request) { q.AddCookie(cookies[0]) },
			"bearer": func(q *http.Request) { q.Header.Set("Authorization", "bearer "+r.text) },
			"query":  func(q *http.Request) { q.URL.RawQuery = "token=" + r.text },
		} {
			q := httptest.NewRequest("GET", "/whoami", nil)
			with(q)
			if got := a.send(t, q); got.json.Get("username").Text() != "admin" {
				t.Errorf("whoami by %s: %d %s", name, got.StatusCode, got.text)
			}
		}
	}
	for _, body := range []string{
		`{"user":{"username":"admin","password":"wrong"}}`, `{"username":"nobody","password":"wrong"}`, `{"username":"Pronghorn","password":""}`,
	} {
		if got := a.refused(t, 401, "POST", "/login", body); got.Get("message").Text() != auth.ErrCredentials.Error() {
			t.Errorf("%s: %s", body, got)
		}
	}
	for _, body := range []string{``, `{}`, `[]`, `{"user":"admin"}`, `{"username":"admin","password":{"$ne":""}}`, `{"username":["admin"],"password":"x"}`} {
		a.refused(t, 400, "POST", "/login", body)
	}
	for range 10 {
		a.call(t, "POST", "/login", `{"username":"eve","password":"wrong"}`)
	}
	r := a.call(t, "POST", "/login", `{"username":"eve","password":"wrong"}`)
	if r.StatusCode != 429 || r.Header.Get("Retry-After") == "" {
		t.Errorf("after ten failures: %d %s", r.StatusCode, r.text)
	}
	if r := a.call(t, "POST", "/login", `{"username":"admin","password":"`+adminPassword+`"}`); r.StatusCode != 200 {
		t.Errorf("somebody else's failures lock out admin: %d %s", r.StatusCode, r.text)
	}
}

func TestOAuth(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	made := a.must(t, "POST", "/authorization/accounts", `{"account":{"username":"robot","isServiceAccount":true,"assignedRoles":["apiread"]}}`).Get("data")
	id, secret := made.Get("client_id").Text(), made.Get("client_secret").Text()
	if accounts := a.must(t, "GET", "/authorization/accounts", ""); strings.Contains(accounts.String(), secret) || strings.Contains(accounts.String(), "Hash") {
		t.Errorf("secrets can be read: %s", accounts)
	}
	form := func(body, kind string) reply {
		r := httptest.NewRequest("POST", "/oauth/token", strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		return a.send(t, r)
	}
	const urlencoded = "application/x-www-form-urlencoded; charset=utf-8"
	r := form("grant_type=client_credentials&client_id="+id+"&client_secret="+secret, urlencoded)
	if r.StatusCode != 200 || r.json.Get("token_type").Text() != "Bearer" || !r.json.Get("expires_in").IsNumber() || r.Header.Get("Set-Cookie") != "" {
		t.Fatalf("token: %d %s", r.StatusCode, r.text)
	}
	robot := *a
	robot.token = r.json.Get("access_token").Text()
	if got := robot.must(t, "GET", "/whoami", "").Get("username").Text(); got != "robot" {
		t.Errorf("whoami = %q, want robot", got)
	}
	robot.refused(t, 403, "POST", "/operations-manager/jobs/start", `{"workflow":"x","options":{}}`)
	for want, call := range map[int][2]string{
		415: {`{"grant_type":"client_credentials"}`, "application/json"},
		401: {"grant_type=client_credentials&client_id=" + id + "&client_secret=wrong", urlencoded},
		400: {"grant_type=password&username=admin&password=x", urlencoded},
	} {
		if r := form(call[0], call[1]); r.StatusCode != want || r.json.Get("message").Text() == "" {
			t.Errorf("%s: %d %s, want %d", call[0], r.StatusCode, r.text, want)
		}
	}
	a.refused(t, 401, "POST", "/login", `{"username":"robot","password":"`+secret+`"}`)
}

func TestCookie_otherSites(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for name, tc := range map[string]struct {
		headers map[string]string
		body    string
		want    int
	}{
		"client with JSON":     {map[string]string{"Content-Type": "application/json"}, `{"options":{}}`, 200},
		"client without body":  {nil, "", 200},
		"own page":             {map[string]string{"Content-Type": "application/json", "Origin": "http://example.com", "Sec-Fetch-Site": "same-origin"}, `{"options":{}}`, 200},
		"own page, own header": {map[string]string{"X-Requested-With": "x", "Origin": "http://example.com"}, `{}`, 200},
		"form":                 {map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, "a=b", 415},
		"text":                 {map[string]string{"Content-Type": "text/plain"}, `{"options":{}}`, 415},
		"other page":           {map[string]string{"Content-Type": "application/json", "Origin": "http://evil.test"}, `{"options":{}}`, 403},
		"other page, no body":  {map[string]string{"Origin": "http://evil.test"}, "", 403},
		"opaque page":          {map[string]string{"Content-Type": "application/json", "Origin": "null"}, `{"options":{}}`, 403},
		"fetch metadata":       {map[string]string{"Content-Type": "application/json", "Sec-Fetch-Site": "cross-site"}, `{"options":{}}`, 403},
	} {
		r := httptest.NewRequest("POST", "/workflow_engine/jobs/search", strings.NewReader(tc.body))
		r.AddCookie(&http.Cookie{Name: "token", Value: a.token})
		for k, v := range tc.headers {
			r.Header.Set(k, v)
		}
		if got := a.send(t, r); got.StatusCode != tc.want {
			t.Errorf("%s: status %d, want %d: %s", name, got.StatusCode, tc.want, got.text)
		}
	}
}

func TestSessions_end(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	bob := a.as(t, "bob", []string{"viewer"})
	id := bob.must(t, "GET", "/whoami", "").Get("_id").Text()
	second := *bob
	second.token = a.login(t, "bob", adminPassword)
	bob.must(t, "POST", "/logout", "")
	bob.refused(t, 401, "GET", "/whoami", "")
	second.must(t, "GET", "/whoami", "")
	a.must(t, "PATCH", "/authorization/accounts/"+id, `{"inactive":true}`)
	second.refused(t, 401, "GET", "/whoami", "")
	a.refused(t, 401, "POST", "/login", `{"username":"bob","password":"`+adminPassword+`"}`)
	a.refused(t, 409, "PATCH", "/authorization/accounts/"+a.must(t, "GET", "/whoami", "").Get("_id").Text(), `{"inactive":true}`)
}

func TestHealth(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	server := a.must(t, "GET", "/health/server", "")
	if got := server.Get("release").Text(); got != "2023.2.9" {
		t.Errorf("release = %q", got)
	}
	for _, part := range []string{"node", "v8", "zlib", "uv", "undici"} {
		if !server.Path("versions", part).IsString() {
			t.Errorf("versions lacks %q", part)
		}
	}
	for _, key := range []string{"rss", "heapTotal", "heapUsed", "external", "arrayBuffers"} {
		if n, ok := server.Path("memoryUsage", key).Int(); !ok || n < 0 || n > 1<<31-1 {
			t.Errorf("memoryUsage.%s = %s, want an int32", key, server.Path("memoryUsage", key))
		}
	}
	apps := a.must(t, "GET", "/health/applications?limit=2", "")
	first := apps.Get("results").At(0)
	if apps.Get("results").Len() != 2 || apps.Get("total").Float() < 5 || first.Get("type").Text() != "Application" || first.Get("state").Text() != "RUNNING" {
		t.Errorf("applications: %s", apps)
	}
	status := a.must(t, "GET", "/health/status", "")
	for _, s := range status.Get("services").Elements() {
		if s.Get("status").Text() != "running" {
			t.Errorf("services: %s", status)
		}
	}
	if v := a.must(t, "GET", "/version", ""); !value.Equal(v, value.String("2023.2.9")) {
		t.Errorf("version = %s", v)
	}
	a.must(t, "GET", "/health/adapters?limit=1", "")
	a.must(t, "GET", "/health/system", "")
	a.must(t, "GET", "/health/adapters?equals=x&equalsField=id", "")
}
