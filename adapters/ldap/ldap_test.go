package ldap_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	lib "github.com/go-ldap/ldap/v3"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/adaptertest"
	"github.com/heddlehq/heddle/adapters/ldap"
	"github.com/heddlehq/heddle/workflows/value"
)

// config is an instance for a server that is not secured.
func (s *server) config() value.Value {
	return value.Object("url", value.String("ldap://"+s.address), "plainText", value.True, "user", value.String(admin), "password", value.String("$secret.s"),
		"baseDN", value.String("dc=example,dc=com"), "allow", value.Strings("127.0.0.0/8"))
}

func call(t *testing.T, config value.Value, method, in string) value.Value {
	t.Helper()
	secrets := func(context.Context, string) (string, error) { return password, nil }
	v, err := adaptertest.Call(t.Context(), ldap.Kind(), adapters.Instance{ID: "x", Config: config}, secrets, method, value.MustParse(in))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(v.String(), password) {
		t.Errorf("a secret in %s", v)
	}
	return v
}

func want(t *testing.T, v value.Value, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(v.String(), p) {
			t.Errorf("got %s, want %s", v, p)
		}
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	s := start(t, false)
	for name, tc := range map[string]struct{ in, filter, want string }{
		"condition":    {`{"condition":{"attribute":"uid","value":"grace"}}`, `(uid=grace)`, `"entries":[{"dn":"uid=grace,dc=example,dc=com","attributes":{"cn":["Grace"],"mail":["grace@example.com","amazing@example.com"]`},
		"escaped":      {`{"condition":{"attribute":"cn","value":"Ada (Countess) *"}}`, `(cn=Ada \28Countess\29 \2a)`, `"dn":"uid=ada,`},
		"injection":    {`{"condition":{"attribute":"uid","value":"*)(uid=*"}}`, `(uid=\2a\29\28uid=\2a)`, `"entries":[]`},
		"all, any":     {`{"condition":{"all":[{"attribute":"objectClass","value":"person"},{"any":[{"attribute":"cn","op":"contains","value":"(C"},{"attribute":"n","value":7}]}]}}`, `(&(objectClass=person)(|(cn=*\28C*)(n=7)))`, `"dn":"uid=ada,`},
		"not, present": {`{"condition":{"all":[{"attribute":"uid","op":"present"},{"not":{"attribute":"mail","op":"present"}}]}}`, `(&(uid=*)(!(mail=*)))`, `"dn":"uid=ada,`},
		"filter":       {`{"filter":"(uid=ada)"}`, `(uid=ada)`, `"jpegPhoto":[{"base64":"/9j/"}]`},
		"orders": {`{"condition":{"any":[{"attribute":"a","op":"startsWith","value":"x"},{"attribute":"b","op":"endsWith","value":"y"},{"attribute":"c","op":"greaterOrEqual","value":1},{"attribute":"d","op":"lessOrEqual","value":2},{"attribute":"e","op":"approx","value":true}]}}`,
			`(|(a=x*)(b=*y)(c>=1)(d<=2)(e~=TRUE))`, `"entries":[]`},
	} {
		v := call(t, s.config(), "search", tc.in)
		want(t, v, `"finishState":"success"`, tc.want)
		s.mu.Lock()
		if got := s.heard[len(s.heard)-1]; got != tc.filter {
			t.Errorf("%s: the filter is %s, want %s", name, got, tc.filter)
		}
		s.mu.Unlock()
	}
}

func TestSearch_pages(t *testing.T) {
	t.Parallel()
	s := start(t, false)
	for i := range 25 {
		s.entries[fmt.Sprintf("cn=g%02d,dc=example,dc=com", i)] = map[string][]string{"cn": {"g"}}
	}
	config := s.config().With("pageSize", value.Int(10))
	v := call(t, config, "search", `{"filter":"(cn=g)"}`)
	if n := v.Path("outgoing", "entries").Len(); n != 25 || s.pages != 3 || v.Path("outgoing", "truncated").Truth() {
		t.Errorf("%d entries on %d pages: %s", n, s.pages, v)
	}
	v = call(t, config, "search", `{"filter":"(cn=g)","limit":7}`)
	if n := v.Path("outgoing", "entries").Len(); n != 7 || s.pages != 4 || !v.Path("outgoing", "truncated").Truth() {
		t.Errorf("%d entries on %d pages: %s", n, s.pages, v)
	}
}

func TestChanges(t *testing.T) {
	t.Parallel()
	s := start(t, false)
	config := s.config()
	want(t, call(t, config, "add", `{"dn":"uid=lin,dc=example,dc=com","attributes":{"uid":"lin","mail":["a@x","b@x"],"photo":{"base64":"/9j/"},"age":7,"none":null}}`), `"outgoing":{"dn":"uid=lin,dc=example,dc=com"}`)
	want(t, call(t, config, "add", `{"dn":"uid=lin,dc=example,dc=com","attributes":{"uid":"lin"}}`), `"class":"remote"`, `"code":68`, `"retryable":false`)
	want(t, call(t, config, "modify", `{"dn":"uid=lin,dc=example,dc=com","changes":[{"op":"add","attribute":"mail","values":"c@x"},{"op":"delete","attribute":"mail","values":["a@x"]},{"op":"replace","attribute":"age","values":8}]}`), `"finishState":"success"`)
	want(t, call(t, config, "compare", `{"dn":"uid=lin,dc=example,dc=com","attribute":"mail","value":"c@x"}`), `"outgoing":{"result":true}`)
	want(t, call(t, config, "compare", `{"dn":"uid=lin,dc=example,dc=com","attribute":"mail","value":"a@x"}`), `"outgoing":{"result":false}`)
	want(t, call(t, config, "rename", `{"dn":"uid=lin,dc=example,dc=com","newRDN":"uid=lynn","newParent":"ou=new,dc=example,dc=com"}`), `"outgoing":{"dn":"uid=lynn,ou=new,dc=example,dc=com"}`)
	want(t, call(t, config, "search", `{"filter":"(uid=lin)"}`), `"dn":"uid=lynn,ou=new,dc=example,dc=com","attributes":{"age":["8"],"mail":["b@x","c@x"],"photo":[{"base64":"/9j/"}],"uid":["lin"]}`)
	want(t, call(t, config, "delete", `{"dn":"uid=lynn,ou=new,dc=example,dc=com"}`), `"finishState":"success"`)
	want(t, call(t, config, "delete", `{"dn":"uid=lynn,ou=new,dc=example,dc=com"}`), `"code":32`)
	want(t, call(t, config, "delete", `{"dn":"uid=lynn,ou=new,dc=example,dc=com","mayBeGone":true}`), `"finishState":"success"`)
}

func TestBind(t *testing.T) {
	t.Parallel()
	s := start(t, false)
	for in, result := range map[string]string{
		`{"dn":"uid=ada,dc=example,dc=com","password":"engine"}`: "true",
		`{"dn":"uid=ada,dc=example,dc=com","password":"wrong"}`:  "false",
		`{"dn":"uid=ada,dc=example,dc=com","password":""}`:       "false",
		`{"dn":"uid=nobody,dc=example,dc=com","password":"x"}`:   "false",
	} {
		want(t, call(t, s.config(), "bind", in), `"outgoing":{"result":`+result+`}`)
	}
}

func TestSecured(t *testing.T) {
	t.Parallel()
	s, plain := start(t, true), start(t, false)
	secured := s.config().Without("plainText").With("url", value.String("ldaps://"+s.address))
	started := plain.config().Without("plainText").With("startTLS", value.True)
	for name, tc := range map[string]struct {
		config value.Value
		want   string
	}{
		"ldaps":            {secured.With("tls", value.Object("ca", value.String(s.ca))), `"dn":"uid=ada,`},
		"ldaps, unknown":   {secured, `"class":"network"`},
		"ldaps, other CA":  {secured.With("tls", value.Object("ca", value.String(plain.ca))), `certificate`},
		"startTLS":         {started.With("tls", value.Object("ca", value.String(plain.ca))), `"dn":"uid=ada,`},
		"startTLS unknown": {started, `certificate`},
	} {
		t.Run(name, func(t *testing.T) {
			want(t, call(t, tc.config, "search", `{"filter":"(uid=ada)"}`), tc.want)
		})
	}
}

func TestTroubles(t *testing.T) {
	t.Parallel()
	const searching, adding = `{"filter":"(uid=ada)"}`, `{"dn":"uid=x,dc=example,dc=com","attributes":{"uid":"x"}}`
	for name, tc := range map[string]struct {
		change     func(s *server, config value.Value) value.Value
		method, in string
		want       []string
	}{
		"not to be reached": {func(_ *server, c value.Value) value.Value { return c.Without("allow") }, "search", searching, []string{`"class":"input"`, `may not be reached`}},
		"wrong password":    {func(_ *server, c value.Value) value.Value { return c.With("password", value.String("nonsense")) }, "search", searching, []string{`"class":"auth"`, `"retryable":false`}},
		"not allowed": {func(s *server, c value.Value) value.Value {
			s.result = func(op ber.Tag) (uint16, bool) {
				return lib.LDAPResultInsufficientAccessRights, op == lib.ApplicationAddRequest
			}
			return c
		}, "add", adding, []string{`"class":"auth"`, `"code":50`}},
		"busy": {func(s *server, c value.Value) value.Value {
			s.result = func(op ber.Tag) (uint16, bool) { return lib.LDAPResultBusy, op == lib.ApplicationAddRequest }
			return c
		}, "add", adding, []string{`"class":"remote"`, `"retryable":true`}},
		"silent": {func(s *server, c value.Value) value.Value {
			s.silent = lib.ApplicationSearchRequest
			return c.With("timeoutSeconds", value.Int(1))
		}, "search", searching, []string{`"class":"timeout"`, `did not answer within 1 s`, `"retryable":true`}},
		"cut while reading": {func(s *server, c value.Value) value.Value { s.drop = lib.ApplicationSearchRequest; return c }, "search", searching, []string{`"class":"network"`, `"retryable":true`}},
		"cut while writing": {func(s *server, c value.Value) value.Value { s.drop = lib.ApplicationAddRequest; return c }, "add", adding, []string{`"class":"network"`, `"retryable":false`}},
		"nobody there":      {func(_ *server, c value.Value) value.Value { return c.With("url", value.String("ldap://127.0.0.1:1")) }, "search", searching, []string{`"class":"network"`, `cannot be reached`, `"retryable":true`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, false)
			config := tc.change(s, s.config())
			want(t, call(t, config, tc.method, tc.in), tc.want...)
		})
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	s := start(t, false)
	for _, tc := range []struct{ method, in, text string }{
		{"search", `{"filter":"(uid=ada"}`, "/filter is not an LDAP filter"},
		{"search", `{"filter":"(uid=ada)","condition":{"attribute":"a","value":"b"}}`, "either /filter or /condition"},
		{"search", `{"base":"dc=other","filter":"(uid=ada)"}`, "/base must lie below dc=example,dc=com"},
		{"search", `{"base":"uid","filter":"(uid=ada)"}`, "/base is not a DN"},
		{"search", `{"condition":{"attribute":"uid)(","value":"x"}}`, "/condition/attribute must be the name"},
		{"search", `{"condition":{"all":[{"attribute":"a","value":"x"},{"attribute":"b"}]}}`, "/condition/all/1/value must be a text"},
		{"search", `{"condition":{"all":[{"attribute":"a","value":"x","op":"like"}]}}`, `/condition/all/0/op`},
		{"search", `{"condition":{"all":[]}}`, "/condition/all must not be empty"},
		{"search", `{"condition":` + strings.Repeat(`{"not":`, 40) + `{"attribute":"a","value":"x"}` + strings.Repeat(`}`, 40) + `}`, "more than 30 deep"},
		{"search", `{"attributes":["a b"]}`, "/attributes/0 must be the name"},
		{"add", `{"dn":"uid=x,dc=elsewhere","attributes":{"uid":"x"}}`, "/dn must lie below"},
		{"add", `{"dn":"uid=x,dc=example,dc=com","attributes":{"uid":{"x":1}}}`, "/attributes/uid must be a text"},
		{"add", `{"dn":"uid=x,dc=example,dc=com","attributes":{}}`, "/attributes must be an object"},
		{"modify", `{"dn":"uid=x,dc=example,dc=com","changes":[{"op":"add","attribute":"a"}]}`, "/changes/0/values must not be empty"},
		{"modify", `{"dn":"uid=x,dc=example,dc=com","changes":[]}`, "/changes must not be empty"},
		{"rename", `{"dn":"uid=x,dc=example,dc=com","newRDN":"uid=a,dc=b"}`, "/newRDN must be one name"},
		{"rename", `{"dn":"uid=x,dc=example,dc=com","newRDN":"uid=a","newParent":"dc=b"}`, "/newParent must lie below"},
		{"delete", `{"dn":""}`, "/dn must not be empty"},
	} {
		want(t, call(t, s.config(), tc.method, tc.in), `"class":"input"`, tc.text)
	}
	for config, text := range map[string]string{
		`{"url":"ldap://a"}`:                       "readable by anyone in between",
		`{"url":"http://a"}`:                       "/url must be ldaps",
		`{"url":"ldaps://a","startTLS":true}`:      "/startTLS is for ldap",
		`{"url":"ldaps://a","user":"x"}`:           "given together",
		`{"url":"ldaps://a","tls":{"ca":"x"}}`:     "/tls/ca must hold certificates",
		`{"url":"ldaps://a","baseDN":"x"}`:         "/baseDN is not a DN",
		`{"url":"ldaps://a","maxEntries":1000000}`: "/maxEntries must be from 0",
	} {
		want(t, call(t, value.MustParse(config), "search", `{}`), `"class":"input"`, text)
	}
}
