package builtin

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

var loopback = &Network{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}, Timeout: 5 * time.Second, Size: 1000}

func rest(t *testing.T, network *Network, pairs ...any) engine.Outcome {
	t.Helper()
	return lookup(t, "restCall").Run(&Call{Context: t.Context(), Incoming: value.Object(pairs...), Network: network})
}

func TestRestCall(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/echo":
			body, _ := io.ReadAll(r.Body) // a broken body shows in the answer
			user, password, _ := r.BasicAuth()
			w.Header().Set("X-Kind", "echo")
			w.Write(value.Object("verb", value.String(r.Method), "body", value.String(string(body)), "user", value.String(user+":"+password), "h", value.String(r.Header.Get("X-A"))).AppendJSON(nil))
		case "/text":
			io.WriteString(w, "plain")
		case "/large":
			io.WriteString(w, strings.Repeat("x", 2000))
		case "/away":
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusFound)
		case "/round":
			http.Redirect(w, r, "/round", http.StatusFound)
		case "/slow":
			<-r.Context().Done()
		default:
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, `{"no":1}`)
		}
	}))
	t.Cleanup(server.Close)
	uri := func(path string) value.Value { return value.String(server.URL + path) }

	got := rest(t, loopback, "uri", uri("/echo"), "verb", value.String("POST"), "user", value.String("u"), "password", value.String("p"),
		"headers", value.MustParse(`{"X-A":1}`), "body", value.MustParse(`{"a":1}`), "responseHeaders", value.True)
	response := got.Outgoing.Get("response")
	if want := `{"verb":"POST","body":"{\"a\":1}","user":"u:p","h":"1"}`; response.Get("body").String() != want {
		t.Errorf("answer %s %s, want %s", got.Outgoing, got.Error, want)
	}
	if response.Path("headers", "x-kind").Text() != "echo" || response.Get("statusCode").String() != "200" {
		t.Errorf("headers %s", response)
	}
	if got := rest(t, loopback, "uri", uri("/text")); got.Outgoing.Get("response").Text() != "plain" {
		t.Errorf("text: %s %s", got.Outgoing, got.Error)
	}

	fast := &Network{Allow: loopback.Allow, Timeout: 50 * time.Millisecond}
	for name, tc := range map[string]struct {
		network *Network
		uri     value.Value
		class   string
		text    string
	}{
		"not found":  {loopback, uri("/nothing"), "http", "404"},
		"too large":  {loopback, uri("/large"), engine.ClassLimit, "1000 bytes"},
		"forbidden":  {&Network{}, uri("/text"), engine.ClassInput, "may not be reached"},
		"default":    {nil, uri("/text"), engine.ClassInput, "may not be reached"},
		"redirected": {loopback, uri("/away"), engine.ClassInput, "169.254.169.254 may not be reached"},
		"circle":     {loopback, uri("/round"), "network", "redirections"},
		"slow":       {fast, uri("/slow"), "network", "cannot be reached"},
		"scheme":     {loopback, value.String("file:///etc/passwd"), engine.ClassInput, "http or https"},
	} {
		got := rest(t, tc.network, "uri", tc.uri)
		if got.State != workflows.Failed || got.Error.Get("class").Text() != tc.class || !strings.Contains(got.Error.Get("message").Text(), tc.text) {
			t.Errorf("%s: %q with %s, want class %q and %q", name, got.State, got.Error, tc.class, tc.text)
		}
	}
	if got := rest(t, loopback, "uri", uri("/nothing")); got.Error.Get("response").String() != `{"no":1}` {
		t.Errorf("the error lacks the answer: %s", got.Error)
	}
}

func TestNetwork_Allows(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]bool{
		"8.8.8.8": true, "2606:4700::1111": true, "127.0.0.1": false, "::1": false, "10.1.2.3": false, "172.16.0.1": false,
		"192.168.1.1": false, "169.254.169.254": false, "fe80::1": false, "fd00::1": false, "0.0.0.0": false, "::": false,
		"100.64.0.1": false, "224.0.0.1": false, "255.255.255.255": false, "::ffff:127.0.0.1": false, "64:ff9b::7f00:1": false,
		"2002:7f00:1::": false, "198.18.0.1": false,
	} {
		if got := (&Network{}).Allows(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v, want %v", addr, got, want)
		}
	}
	if n := (&Network{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}); !n.Allows(netip.MustParseAddr("::ffff:10.1.1.1")) {
		t.Error("an allowed range is refused")
	}
}
