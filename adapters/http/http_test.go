package http_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	nethttp "net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/adaptertest"
	"github.com/heddlehq/heddle/adapters/http"
	"github.com/heddlehq/heddle/workflows/value"
)

// ask makes one call of an instance; secret "s" is "opensesame".
func ask(t *testing.T, config, in value.Value) value.Value {
	t.Helper()
	secrets := func(_ context.Context, name string) (string, error) {
		return map[string]string{"s": "opensesame"}[name], nil
	}
	v, err := adaptertest.Call(t.Context(), http.Kind(), adapters.Instance{ID: "x", Config: config}, secrets, "request", in)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(v.String(), "opensesame") {
		t.Errorf("a secret in %s", v)
	}
	return v
}

// config is one that reaches this machine.
func config(base string, more string) value.Value {
	c := value.MustParse(more)
	if base != "" {
		c = c.With("url", value.String(base))
	}
	return c.With("allow", value.Strings("127.0.0.0/8", "::1/128"))
}

func wantError(t *testing.T, v value.Value, class, text string) {
	t.Helper()
	if v.Path("error", "class").Text() != class || !strings.Contains(v.Path("error", "message").Text(), text) {
		t.Errorf("got %s, want %s: %s", v, class, text)
	}
}

// mirror answers with what it was asked.
func mirror(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Seen", "yes")
		headers := map[string]string{}
		for k := range r.Header {
			headers[k] = r.Header.Get(k)
		}
		if err := json.NewEncoder(w).Encode(map[string]any{"method": r.Method, "uri": r.RequestURI, "headers": headers, "body": string(body)}); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func TestRequest(t *testing.T) {
	t.Parallel()
	s := mirror(t)
	v := ask(t, config(s.URL+"/api", `{"headers":{"X-Site":"lab"},"idempotencyHeader":"Idempotency-Key"}`), value.MustParse(`{"method":"POST","path":"/devices/core 1?a=1",
		"query":{"n":2,"tag":["x","y&z"]},"headers":{"X-N":5},"body":{"on":true}}`))
	r := v.Path("outgoing", "response")
	seen := r.Get("body")
	if r.Get("statusCode").String() != "200" || r.Path("headers", "x-seen").Text() != "yes" || seen.Get("method").Text() != "POST" ||
		seen.Get("uri").Text() != "/api/devices/core%201?a=1&n=2&tag=x&tag=y%26z" || seen.Get("body").Text() != `{"on":true}` {
		t.Errorf("got %s", v)
	}
	for name, want := range map[string]string{"X-Site": "lab", "X-N": "5", "Content-Type": "application/json", "Idempotency-Key": v.Get("key").Text()} {
		if got := seen.Path("headers", name).Text(); got != want {
			t.Errorf("header %s is %q, want %q", name, got, want)
		}
	}
}

func TestRequest_logsIn(t *testing.T) {
	t.Parallel()
	s := mirror(t)
	for name, tc := range map[string]struct{ auth, header, want string }{
		"basic":          {`{"type":"basic","user":"ada","password":"pw"}`, "Authorization", "Basic YWRhOnB3"},
		"bearer":         {`{"type":"bearer","token":"tok"}`, "Authorization", "Bearer tok"},
		"key":            {`{"type":"apiKey","key":"k"}`, "X-Api-Key", "k"},
		"key by name":    {`{"type":"apiKey","key":"k","name":"X-Token"}`, "X-Token", "k"},
		"not to replace": {`{"type":"bearer","token":"tok"}`, "Authorization", "Bearer tok"},
	} {
		v := ask(t, config(s.URL, `{"auth":`+tc.auth+`}`), value.MustParse(`{"headers":{"authorization":"mine"}}`))
		if got := v.Path("outgoing", "response", "body", "headers", tc.header).Text(); got != tc.want {
			t.Errorf("%s: %s is %q, want %q: %s", name, tc.header, got, tc.want, v)
		}
	}
	v := ask(t, config(s.URL, `{"auth":{"type":"apiKey","key":"$secret.s","in":"query","name":"key"}}`), value.MustParse(`{"path":"a?b=c"}`))
	if got := v.Path("outgoing", "response", "body", "uri").Text(); got != "/a?b=c&key=***" {
		t.Errorf("asked for %s", got)
	}
}

func TestRequest_oauth2(t *testing.T) {
	t.Parallel()
	var tokens, calls atomic.Int32
	var mu sync.Mutex
	var form url.Values
	mux := nethttp.NewServeMux()
	mux.HandleFunc("POST /token", func(w nethttp.ResponseWriter, r *nethttp.Request) {
		user, password, _ := r.BasicAuth()
		if user != "id" || password != "opensesame" {
			w.WriteHeader(nethttp.StatusUnauthorized)
			fmt.Fprint(w, `{"error":"invalid_client"}`)
			return
		}
		mu.Lock()
		form = r.PostForm
		if err := r.ParseForm(); err == nil {
			form = r.PostForm
		}
		mu.Unlock()
		fmt.Fprintf(w, `{"access_token":"t%d","expires_in":3600}`, tokens.Add(1))
	})
	mux.HandleFunc("/api/", func(w nethttp.ResponseWriter, r *nethttp.Request) {
		calls.Add(1)
		if r.Header.Get("Authorization") != "Bearer t2" { // the first token was revoked
			w.WriteHeader(nethttp.StatusUnauthorized)
		}
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	auth := `{"auth":{"type":"oauth2","tokenUrl":"` + s.URL + `/token","clientId":"id","clientSecret":"%s","scopes":["read","write"]}}`
	v := ask(t, config(s.URL+"/api", fmt.Sprintf(auth, "$secret.s")), value.MustParse(`{"path":"x"}`))
	if v.Get("finishState").Text() != "success" || tokens.Load() != 2 || calls.Load() != 2 {
		t.Errorf("%d tokens, %d calls: %s", tokens.Load(), calls.Load(), v)
	}
	mu.Lock()
	defer mu.Unlock()
	if form.Get("grant_type") != "client_credentials" || form.Get("scope") != "read write" {
		t.Errorf("asked with %v", form)
	}
	wantError(t, ask(t, config(s.URL+"/api", fmt.Sprintf(auth, "wrong")), value.Object()), "auth", "gave no token: 401 invalid_client")
}

func TestRequest_triesAgain(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status      int
		retry, in   string
		times, want int
	}{
		"until it works": {503, `{"limit":5,"delaySeconds":0.001}`, `{}`, 2, 3},
		"up to a limit":  {503, `{"limit":2,"delaySeconds":0.001}`, `{}`, 100, 3},
		"not a post":     {503, `{"limit":2,"delaySeconds":0.001}`, `{"method":"POST"}`, 100, 1},
		"by status":      {418, `{"limit":2,"delaySeconds":0.001,"statuses":[418]}`, `{}`, 100, 3},
		"other status":   {500, `{"limit":2,"delaySeconds":0.001}`, `{}`, 100, 1},
	} {
		var n atomic.Int32
		s := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, _ *nethttp.Request) {
			if int(n.Add(1)) <= tc.times {
				w.WriteHeader(tc.status)
				fmt.Fprint(w, `{"why":"busy"}`)
			}
		}))
		v := ask(t, config(s.URL, `{"retry":`+tc.retry+`}`), value.MustParse(tc.in))
		s.Close()
		if int(n.Load()) != tc.want {
			t.Errorf("%s: %d tries, want %d: %s", name, n.Load(), tc.want, v)
		}
		if tc.times == 100 {
			wantError(t, v, "http", fmt.Sprint("answered ", tc.status))
			if v.Path("error", "response", "why").Text() != "busy" || v.Path("error", "statusCode").String() != fmt.Sprint(tc.status) {
				t.Errorf("%s: %s", name, v)
			}
		}
	}
}

func TestRequest_acceptsStatus(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(nethttp.NotFoundHandler())
	defer s.Close()
	v := ask(t, config(s.URL, `{}`), value.MustParse(`{"acceptStatus":[404]}`))
	if v.Path("outgoing", "response", "statusCode").String() != "404" {
		t.Errorf("got %s", v)
	}
}

// Addresses that must not be reached, in every spelling.
func TestRequest_guard(t *testing.T) {
	t.Parallel()
	s := mirror(t)
	port := s.URL[strings.LastIndex(s.URL, ":"):]
	for _, host := range []string{
		"127.0.0.1" + port, "localhost" + port, "[::1]" + port, "[::ffff:127.0.0.1]" + port, "[::ffff:7f00:1]" + port, "0.0.0.0" + port,
		"169.254.169.254", "10.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "[fe80::1]", "[fd00::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "224.0.0.1",
	} {
		v := ask(t, value.Object(), value.Object("url", value.String("http://"+host+"/")))
		wantError(t, v, "input", "may not be reached")
	}
	for _, address := range []string{"http://2130706433" + port, "http://0x7f000001" + port, "http://017700000001" + port} {
		if v := ask(t, config("", `{"timeoutSeconds":2}`).Without("allow"), value.Object("url", value.String(address))); v.Get("finishState").Text() != "error" {
			t.Errorf("%s was reached: %s", address, v)
		}
	}
}

func TestRequest_addresses(t *testing.T) {
	t.Parallel()
	s := mirror(t)
	for in, text := range map[string]string{
		`{"url":"file:///etc/passwd"}`:                                       "/url must be an http or https address",
		`{"url":"gopher://127.0.0.1"}`:                                       "/url must be an http or https address",
		`{"url":"http://"}`:                                                  "/url must be an http or https address",
		`{"url":"http://good@127.0.0.1/"}`:                                   "/url must not hold a user",
		`{"url":"http://elsewhere.example/api"}`:                             "must lie below",
		`{"url":"` + s.URL + `/other"}`:                                      "must lie below",
		`{"url":"` + s.URL + `/api/../other"}`:                               "must lie below",
		`{"url":"` + s.URL + `/apiary"}`:                                     "must lie below",
		`{"url":"` + strings.Replace(s.URL, "http:", "https:", 1) + `/api"}`: "must lie below",
		`{"path":"../other"}`:                                                "must not lead upwards",
		`{"path":"a/%2e%2e/%2E%2e/other"}`:                                   "must not lead upwards",
		`{"path":"a/%252e%252e/other"}`:                                      "must not lead upwards",
		`{"path":"..;/other"}`:                                               "must not lead upwards",
		`{"path":"a\\..\\..\\other"}`:                                        "must not lead upwards",
		`{"path":"%zz"}`:                                                     "/path is not a path",
		`{"path":"a","url":"http://b"}`:                                      "either /url or /path",
		`{"headers":{"Host":"metadata"}}`:                                    "/headers/Host cannot be set",
		`{"headers":{"transfer-encoding":"chunked"}}`:                        "/headers/transfer-encoding cannot be set",
		`{"method":"TRACE"}`:                                                 "/method must be equal to one of",
	} {
		wantError(t, ask(t, config(s.URL+"/api", `{}`), value.MustParse(in)), "input", text)
	}
	for in, want := range map[string]string{
		`{"path":"//elsewhere.example/x"}`: "/api/elsewhere.example/x",
		`{"path":"http://elsewhere/x"}`:    "/api/http:/elsewhere/x",
		`{"path":"@elsewhere"}`:            "/api/@elsewhere",
		`{"path":"a#b"}`:                   "/api/a%23b",
		`{}`:                               "/api",
	} {
		if got := ask(t, config(s.URL+"/api", `{}`), value.MustParse(in)).Path("outgoing", "response", "body", "uri").Text(); got != want {
			t.Errorf("%s asked for %q, want %q", in, got, want)
		}
	}
	if v := ask(t, config(s.URL, `{}`), value.MustParse(`{"headers":{"X":"a\r\nY: b"}}`)); v.Get("finishState").Text() != "error" {
		t.Errorf("a header with a line break was sent: %s", v)
	}
}

func TestRequest_redirects(t *testing.T) {
	t.Parallel()
	other := mirror(t)
	var here *httptest.Server
	here = httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		to, status := other.URL+"/landed", nethttp.StatusFound
		switch r.URL.Path {
		case "/home":
			fmt.Fprintf(w, "%q", r.Header.Get("Authorization")+r.Header.Get("X-Site"))
			return
		case "/inside":
			to = "/home"
		case "/keep":
			status = nethttp.StatusTemporaryRedirect
		case "/user":
			to = strings.Replace(here.URL, "http://", "http://evil:pw@", 1) + "/home"
		case "/file":
			to = "file:///etc/passwd"
		case "/loop":
			to = "/loop"
		case "/metadata":
			to = "http://169.254.169.254/latest"
		}
		w.Header().Set("Location", to)
		w.WriteHeader(status)
	}))
	defer here.Close()
	conf := config(here.URL, `{"headers":{"X-Site":"site"},"auth":{"type":"bearer","token":"tok"}}`)
	get := func(path string) value.Value { return ask(t, conf, value.Object("path", value.String(path))) }

	seen := get("away").Path("outgoing", "response", "body")
	if seen.Get("uri").Text() != "/landed" {
		t.Fatalf("got %s", seen)
	}
	for name := range seen.Get("headers").Members() {
		if name != "Accept" && name != "Accept-Encoding" && name != "User-Agent" {
			t.Errorf("header %s went to another host", name)
		}
	}
	if got := get("inside").Path("outgoing", "response", "body").Text(); got != "Bearer toksite" {
		t.Errorf("inside the host %q arrived", got)
	}
	if got := get("user").Path("outgoing", "response", "body").Text(); got != "" {
		t.Errorf("with a foreign user %q arrived", got)
	}
	wantError(t, ask(t, conf, value.MustParse(`{"method":"POST","path":"keep","body":{"secret":1}}`)), "input", "would carry the body to another host")
	wantError(t, get("file"), "input", "something other than http or https")
	wantError(t, get("loop"), "network", "more than 5 redirections")
	wantError(t, get("metadata"), "input", "169.254.169.254 may not be reached")
}

func TestRequest_limits(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		switch r.URL.Path {
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			chunk := make([]byte, 1<<16)
			for range 1000 {
				if _, err := z.Write(chunk); err != nil {
					return
				}
			}
			_ = z.Close() // the client has left by now
		case "/slow":
			<-r.Context().Done()
		case "/text":
			fmt.Fprint(w, "plain {")
		case "/cut":
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "short")
		}
	}))
	defer s.Close()
	get := func(path, more string) value.Value {
		return ask(t, config(s.URL, more), value.Object("path", value.String(path)))
	}
	wantError(t, get("bomb", `{"maxBytes":100000}`), "limit", "larger than 100000 bytes")
	wantError(t, get("slow", `{"timeoutSeconds":1}`), "timeout", "deadline exceeded")
	wantError(t, get("cut", `{}`), "network", "unexpected EOF")
	if got := get("text", `{}`).Path("outgoing", "response", "body"); got.Text() != "plain {" {
		t.Errorf("got %s", got)
	}
}

func TestKind_configuration(t *testing.T) {
	t.Parallel()
	for in, text := range map[string]string{
		`{"url":"ftp://x"}`:                                 "/url must be an http or https address",
		`{"url":"http://x?a=b"}`:                            "/url must not have a query",
		`{"url":"http://u:opensesame2@x"}`:                  "/url must not hold a user",
		`{"allow":["10.0.0.0"]}`:                            "/allow/0 must be a range",
		`{"maxBytes":99999999}`:                             "/maxBytes must be from 0 to",
		`{"timeoutSeconds":-1}`:                             "/timeoutSeconds must be from 0 to 600",
		`{"retry":{"limit":11}}`:                            "/retry/limit must be from 0 to 10",
		`{"retry":{"delaySeconds":31}}`:                     "/retry/delaySeconds must be",
		`{"auth":{}}`:                                       "must have required property 'type'",
		`{"auth":{"type":"magic"}}`:                         "/auth/type must be equal to one of",
		`{"url":"http://x","auth":{"type":"basic"}}`:        "/auth/user must be given",
		`{"url":"http://x","auth":{"type":"bearer"}}`:       "/auth/token must be given",
		`{"url":"http://x","auth":{"type":"apiKey"}}`:       "/auth/key must be given",
		`{"url":"http://x","auth":{"type":"oauth2"}}`:       "/auth/tokenUrl must be",
		`{"auth":{"type":"bearer","token":"t"}}`:            "so that credentials have one place to go",
		`{"auth":{"type":"oauth2","tokenUrl":"http://x/"}}`: "/auth/clientId must be given",
	} {
		wantError(t, ask(t, value.MustParse(in), value.MustParse(`{"url":"http://127.0.0.1/"}`)), "input", text)
	}
}
