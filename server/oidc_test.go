package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/heddlehq/heddle/server"
	"github.com/heddlehq/heddle/server/auth"
)

// idp is an identity provider in this process. What it says of a person, and how it signs it,
// is up to the test.
type idp struct {
	*httptest.Server
	key *ecdsa.PrivateKey

	mu        sync.Mutex
	claims    map[string]any
	sign      func(claims []byte) string
	challenge string // of the login under way
	nonce     string
	codes     map[string]bool // granted and not used yet
}

const clientID, clientSecret, callback = "heddle", "idp-secret", "http://localhost/login/oidc/callback"

func newIDP(t *testing.T) *idp {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &idp{key: key, codes: map[string]bool{}}
	p.sign = p.properly
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(v); err != nil {
			t.Error(err)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{
			"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"ES256"}, "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}})
	})
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("client_id") != clientID || q.Get("redirect_uri") != callback || q.Get("code_challenge_method") != "S256" || q.Get("response_type") != "code" {
			t.Errorf("authorize: %s", r.URL)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.challenge, p.nonce = q.Get("code_challenge"), q.Get("nonce")
		code := rand.Text()
		p.codes[code] = true
		http.Redirect(w, r, callback+"?code="+code+"&state="+url.QueryEscape(q.Get("state")), http.StatusFound)
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		id, secret, _ := r.BasicAuth()
		sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		code := r.FormValue("code")
		if id != clientID || secret != clientSecret || base64.RawURLEncoding.EncodeToString(sum[:]) != p.challenge || !p.codes[code] {
			http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
			return
		}
		delete(p.codes, code)
		claims := map[string]any{"iss": p.URL, "aud": clientID, "sub": "1", "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(), "nonce": p.nonce}
		for k, v := range p.claims {
			claims[k] = v
		}
		text, err := json.Marshal(claims)
		if err != nil {
			t.Error(err)
		}
		answer(w, map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": p.sign(text)})
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

// properly signs as a provider should.
func (p *idp) properly(claims []byte) string { return signed(p.key, claims) }

func signed(key *ecdsa.PrivateKey, claims []byte) string {
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k"}}, nil)
	if err != nil {
		panic(err)
	}
	o, err := s.Sign(claims)
	if err != nil {
		panic(err)
	}
	text, err := o.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return text
}

// begin is a browser's way to the provider and back: the address it comes back to, and the
// cookie it got.
func (p *idp) begin(t *testing.T, a *api, back string) (callback string, cookie *http.Cookie) {
	t.Helper()
	r := a.send(t, httptest.NewRequest("GET", "/login/oidc?return="+url.QueryEscape(back), nil))
	if r.StatusCode != http.StatusFound || len(r.Cookies()) != 1 || !r.Cookies()[0].HttpOnly {
		t.Fatalf("begin: %d %s, cookies %v", r.StatusCode, r.text, r.Cookies())
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(r.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.Header.Get("Location"), r.Cookies()[0]
}

func (a *api) finish(t *testing.T, callback string, cookie *http.Cookie) reply {
	t.Helper()
	r := httptest.NewRequest("GET", strings.TrimPrefix(callback, "http://localhost"), nil)
	if cookie != nil {
		r.AddCookie(cookie)
	}
	return a.send(t, r)
}

func withOIDC(t *testing.T, a *api, p *idp) *api {
	t.Helper()
	o := a.Options
	o.OIDC = &server.OIDC{
		Issuer: p.URL, ClientID: clientID, ClientSecret: clientSecret, Redirect: callback, Roles: map[string]string{"netops": "operator", "root": "admin"},
	}
	s, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	out := *a
	out.Server, out.token = s, ""
	return &out
}

func TestOIDC(t *testing.T) {
	t.Parallel()
	admin := newAPI(t)
	p := newIDP(t)
	a := withOIDC(t, admin, p)
	admin.must(t, "POST", "/authorization/groups", `{"group":{"name":"netops"}}`)
	login := func(claims map[string]any, back string) reply {
		p.mu.Lock()
		p.claims = claims
		p.mu.Unlock()
		to, cookie := p.begin(t, a, back)
		return a.finish(t, to, cookie)
	}
	ada := map[string]any{"sub": "17", "preferred_username": "ada", "email": "ada@example.net", "name": "Ada", "groups": []string{"netops", "unknown"}}
	r := login(ada, "/ui/jobs?x=1")
	if r.StatusCode != http.StatusFound || r.Header.Get("Location") != "/ui/jobs?x=1" {
		t.Fatalf("login: %d %s", r.StatusCode, r.text)
	}
	token := ""
	for _, c := range r.Cookies() {
		if c.Name == "token" {
			token = c.Value
		} else if c.MaxAge >= 0 {
			t.Errorf("cookie %v stays", c)
		}
	}
	person := *a
	person.token = token
	me := person.must(t, "GET", "/whoami", "")
	if me.Get("username").Text() != "ada" || me.Get("provenance").Text() != "OIDC" || me.Get("roles").String() != `["operator"]` || me.Get("groups").Len() != 2 {
		t.Errorf("whoami: %s", me)
	}
	person.refused(t, 403, "POST", "/authorization/accounts", `{}`)

	// What the provider says counts anew at each login; the account is the same even under
	// another name.
	ada["preferred_username"], ada["groups"] = "ada.l", []string{"root"}
	login(ada, "/")
	again := person.must(t, "GET", "/whoami", "")
	if again.Get("_id").Text() != me.Get("_id").Text() || again.Get("username").Text() != "ada.l" || again.Get("roles").String() != `["admin"]` || again.Get("groups").Len() != 0 {
		t.Errorf("after another login: %s", again)
	}
	if r := login(map[string]any{"sub": "18", "preferred_username": "eve", "groups": []string{"guests"}}, "/"); r.StatusCode != 403 {
		t.Errorf("without a role: %d %s", r.StatusCode, r.text)
	}
	if r := login(map[string]any{"sub": "19", "preferred_username": auth.Admin, "groups": []string{"root"}}, "/"); r.StatusCode != 409 {
		t.Errorf("the name of a local account: %d %s", r.StatusCode, r.text)
	}
	admin.must(t, "PATCH", "/authorization/accounts/"+me.Get("_id").Text(), `{"inactive":true}`)
	person.refused(t, 401, "GET", "/whoami", "")
	if r := login(ada, "/"); r.StatusCode != 401 {
		t.Errorf("an inactive account: %d %s", r.StatusCode, r.text)
	}
	for _, back := range []string{"https://evil.test/", "//evil.test/", "/\\evil.test", "javascript:alert(1)", "ui", "/a\r\nSet-Cookie: x=y"} {
		if r := login(map[string]any{"sub": "20", "preferred_username": "bob", "groups": []string{"netops"}}, back); r.Header.Get("Location") != "/" {
			t.Errorf("back to %q leads to %q", back, r.Header.Get("Location"))
		}
	}
	if n := admin.count(t, "/heddle/audit?action=finishOIDC&outcome=302&who=ada"); n != 1 {
		t.Errorf("%d audit entries of a login, want 1", n)
	}
}

// Every forged, stale or misdirected token is refused.
func TestOIDC_attacks(t *testing.T) {
	t.Parallel()
	admin := newAPI(t)
	p := newIDP(t)
	a := withOIDC(t, admin, p)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	good := map[string]any{"sub": "1", "preferred_username": "mallory", "groups": []string{"root"}}
	with := func(k string, v any) map[string]any {
		return map[string]any{"sub": "1", "preferred_username": "mallory", "groups": []string{"root"}, k: v}
	}
	for name, tc := range map[string]struct {
		claims map[string]any
		sign   func([]byte) string
	}{
		"alg none":    {good, func(c []byte) string { return part(`{"alg":"none"}`) + "." + part(string(c)) + "." }},
		"alg None":    {good, func(c []byte) string { return part(`{"alg":"None","kid":"k"}`) + "." + part(string(c)) + ".AAAA" }},
		"HS256":       {good, func(c []byte) string { return part(`{"alg":"HS256","kid":"k"}`) + "." + part(string(c)) + ".AAAA" }},
		"another key": {good, func(c []byte) string { return signed(other, c) }},
		"no signature": {good, func(c []byte) string {
			return strings.TrimRight(p.properly(c), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
		}},
		"changed": {good, func(c []byte) string {
			s := strings.Split(p.properly(c), ".")
			return s[0] + "." + part(`{"sub":"0"}`) + "." + s[2]
		}},
		"nothing":          {good, func([]byte) string { return "" }},
		"garbage":          {good, func([]byte) string { return "a.b.c" }},
		"wrong audience":   {with("aud", "somebody-else"), p.properly},
		"no audience":      {with("aud", nil), p.properly},
		"wrong issuer":     {with("iss", "https://evil.test"), p.properly},
		"expired":          {with("exp", time.Now().Add(-time.Hour).Unix()), p.properly},
		"not yet":          {with("nbf", time.Now().Add(time.Hour).Unix()), p.properly},
		"another login's":  {with("nonce", "x"), p.properly},
		"no nonce":         {with("nonce", ""), p.properly},
		"name with escape": {with("preferred_username", "a\nb"), p.properly},
	} {
		p.mu.Lock()
		p.claims, p.sign = tc.claims, tc.sign
		p.mu.Unlock()
		to, cookie := p.begin(t, a, "/")
		r := a.finish(t, to, cookie)
		if r.StatusCode != 401 && r.StatusCode != 400 {
			t.Errorf("%s: status %d: %s", name, r.StatusCode, r.text)
		}
		for _, c := range r.Cookies() {
			if c.Name == "token" {
				t.Errorf("%s: a session begins", name)
			}
		}
	}
	p.mu.Lock()
	p.claims, p.sign = good, p.properly
	p.mu.Unlock()
	to, cookie := p.begin(t, a, "/")
	for name, tc := range map[string]struct {
		to     string
		cookie *http.Cookie
	}{
		"another state":        {strings.Replace(to, "state=", "state=x", 1), cookie},
		"no state":             {"/login/oidc/callback?code=x", cookie},
		"a made-up cookie":     {"/login/oidc/callback?code=x&state=", &http.Cookie{Name: "heddle-oidc", Value: ""}},
		"a made-up code":       {"/login/oidc/callback?code=x&state=" + strings.Split(cookie.Value, ".")[0], cookie},
		"the provider said no": {"/login/oidc/callback?error=access_denied&state=" + strings.Split(cookie.Value, ".")[0], cookie},
	} {
		if r := a.finish(t, tc.to, tc.cookie); r.StatusCode != 401 {
			t.Errorf("%s: status %d: %s", name, r.StatusCode, r.text)
		}
	}
	if r := a.finish(t, to, nil); r.StatusCode != 401 {
		t.Errorf("another browser: status %d", r.StatusCode)
	}
	if r := a.finish(t, to, cookie); r.StatusCode != 302 {
		t.Errorf("the browser itself: status %d: %s", r.StatusCode, r.text)
	}
	if r := a.finish(t, to, cookie); r.StatusCode != 401 {
		t.Errorf("a replay: status %d: %s", r.StatusCode, r.text)
	}
	admin.refused(t, 404, "GET", "/login/oidc", "")
	admin.refused(t, 404, "GET", "/login/oidc/callback", "")
	p.Close()
	down := withOIDC(t, admin, p)
	down.refused(t, 503, "GET", "/login/oidc", "")
}

func TestOIDC_settings(t *testing.T) {
	t.Parallel()
	good := server.OIDC{Issuer: "https://id.example.net", ClientID: "x", Redirect: "https://heddle.example.net/login/oidc/callback"}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for i, change := range []func(*server.OIDC){
		func(o *server.OIDC) { o.Issuer = "http://id.example.net" },
		func(o *server.OIDC) { o.Issuer = "" },
		func(o *server.OIDC) { o.Redirect = "/login/oidc/callback" },
		func(o *server.OIDC) { o.ClientID = "" },
		func(o *server.OIDC) { o.Roles = map[string]string{"g": "king"} },
		func(o *server.OIDC) { o.Default = "king" },
	} {
		o := good
		change(&o)
		if err := o.Check(); err == nil {
			t.Errorf("%d: %s is taken", i, fmt.Sprintf("%+v", o))
		}
	}
}
