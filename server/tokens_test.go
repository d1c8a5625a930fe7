package server_test

import (
	"crypto/tls"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/server"
	"github.com/heddlehq/heddle/server/auth"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.add(t, "Ask", asking)
	bob, eve := a.as(t, "bob", []string{"operator"}), a.as(t, "eve", []string{"viewer"})
	const path = "/heddle/tokens"
	made := bob.must(t, "POST", path, `{"name":"ci","scopes":["jobs:read","jobs:start"]}`).Get("data")
	id, secret := made.Get("_id").Text(), made.Get("token").Text()
	if !strings.HasPrefix(secret, "hdl_") || strings.Contains(made.String(), "Hash") {
		t.Fatalf("made %s", made)
	}
	robot := *bob
	robot.token = secret
	robot.must(t, "GET", jobsPath, "")
	robot.must(t, "GET", jobsPath+"?token="+secret, "")
	job := robot.must(t, "POST", startPath, `{"workflow":"Ask","options":{}}`).Path("data", "_id").Text()
	if got := robot.refused(t, 403, "POST", jobsPath+"/pause", `{"jobIds":["`+job+`"]}`).Get("message").Text(); !strings.Contains(got, "jobs:operate") {
		t.Errorf("beyond its scope: %q", got)
	}
	bob.must(t, "POST", jobsPath+"/pause", `{"jobIds":["`+job+`"]}`)
	robot.refused(t, 409, "POST", "/logout", "")
	robot.refused(t, 400, "POST", path, `{"name":"more","scopes":["jobs:operate"]}`)
	if narrow := robot.must(t, "POST", path, `{"name":"same"}`).Path("data", "scopes").String(); narrow != `["jobs:read","jobs:start"]` {
		t.Errorf("a token makes one with the scopes %s", narrow)
	}

	for who, want := range map[*api]int64{bob: 2, eve: 0, a: 2} {
		list := who.must(t, "GET", path, "")
		if n, _ := list.Path("metadata", "total").Int(); n != want || strings.Contains(list.String(), secret) || strings.Contains(list.String(), "Hash") {
			t.Errorf("list: %s", list)
		}
	}
	if used := bob.must(t, "GET", path+"?name=ci", "").Get("data").At(0).Get("lastUsed"); !used.IsString() {
		t.Errorf("last used: %s", used)
	}
	for body, status := range map[string]int{
		`{}`: 400, `{"name":"x","expires":"tomorrow"}`: 400, `{"name":"x","expires":"2001-01-01T00:00:00Z"}`: 400, `{"name":"x","expires":"2999-01-01T00:00:00Z"}`: 400,
		`{"name":"x","scopes":["root"]}`: 400, `{"name":"x","scopes":["accounts:write"]}`: 400, `{"name":"x","secretHash":"y"}`: 400, `{"name":"x","scopes":"all"}`: 400,
		`{"name":"x","account":"` + a.must(t, "GET", "/whoami", "").Get("_id").Text() + `"}`: 403,
	} {
		eve.refused(t, status, "POST", path, body)
	}
	eve.refused(t, 404, "DELETE", path+"/"+id, "")
	eve.refused(t, 404, "DELETE", path+"/none", "")
	page, err := a.store.Find(t.Context(), store.Tokens, store.Query{})
	if err != nil {
		t.Fatal(err)
	}
	_, random, _ := strings.Cut(strings.TrimPrefix(secret, "hdl_"), "_")
	for _, d := range page.Docs {
		if strings.Contains(string(d.Body), random) {
			t.Error("the store holds the token")
		}
	}
	for _, wrong := range []string{secret[:len(secret)-1], secret + "x", "hdl_" + id + "_", "hdl_" + id, "hdl_", "hdl__" + random, strings.Replace(secret, id, "000000000000000000000000", 1)} {
		robot.token = wrong
		robot.refused(t, 401, "GET", "/whoami", "")
	}
	robot.token = secret
	bob.must(t, "DELETE", path+"/"+id, "")
	robot.refused(t, 401, "GET", jobsPath, "")

	// An account that is not active has no tokens that work, and what a role loses, they do.
	again := bob.must(t, "POST", path, `{"name":"again","expires":"`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}`).Path("data", "token").Text()
	robot.token = again
	account := bob.must(t, "GET", "/whoami", "").Get("_id").Text()
	a.must(t, "PATCH", "/authorization/accounts/"+account, `{"assignedRoles":["viewer"]}`)
	robot.refused(t, 403, "POST", startPath, `{"workflow":"Ask","options":{}}`)
	a.must(t, "PATCH", "/authorization/accounts/"+account, `{"inactive":true}`)
	robot.refused(t, 401, "GET", jobsPath, "")

	later, err := auth.New(auth.Options{Store: a.store, Now: func() time.Time { return time.Now().Add(100 * 24 * time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	old := a.must(t, "POST", path, `{"name":"old"}`).Path("data", "token").Text()
	if _, err := a.auth.Identify(t.Context(), old); err != nil {
		t.Errorf("a new token: %v", err)
	}
	if _, err := later.Identify(t.Context(), old); err == nil {
		t.Error("a token of 90 days works after 100")
	}
}

func TestServiceAccounts(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	made := a.must(t, "POST", "/authorization/accounts", `{"account":{"username":"robot","isServiceAccount":true,"assignedRoles":["apiread"]}}`).Get("data")
	id, secret := made.Get("client_id").Text(), made.Get("client_secret").Text()
	basic := func(s *server.Server, secret string, overTLS bool) int {
		r := httptest.NewRequest("GET", jobsPath, nil)
		r.SetBasicAuth(id, secret)
		if overTLS {
			r.TLS = &tls.ConnectionState{}
		}
		who := *a
		who.Server = s
		return who.send(t, r).StatusCode
	}
	o := a.Options
	o.Basic = true
	allowed, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		server  *server.Server
		secret  string
		overTLS bool
		want    int
	}{
		"not allowed": {a.Server, secret, true, 401}, "no TLS": {allowed, secret, false, 401},
		"allowed": {allowed, secret, true, 200}, "wrong secret": {allowed, "wrong", true, 401}, "no secret": {allowed, "", true, 401},
	} {
		if got := basic(tc.server, tc.secret, tc.overTLS); got != tc.want {
			t.Errorf("%s: status %d, want %d", name, got, tc.want)
		}
	}
	person := httptest.NewRequest("GET", jobsPath, nil)
	person.SetBasicAuth(auth.Admin, adminPassword)
	person.TLS = &tls.ConnectionState{}
	who := *a
	who.Server = allowed
	if got := who.send(t, person); got.StatusCode != 401 {
		t.Errorf("a person by Basic: status %d, want 401", got.StatusCode)
	}

	token, _, err := a.auth.ClientLogin(t.Context(), id, secret, "192.0.2.9")
	if err != nil {
		t.Fatal(err)
	}
	robot := *a
	robot.token = token
	robot.must(t, "GET", jobsPath, "")
	rotated := a.must(t, "POST", "/authorization/accounts/"+id+"/secret", "").Path("data", "client_secret").Text()
	robot.refused(t, 401, "GET", jobsPath, "")
	if basic(allowed, secret, true) != 401 || basic(allowed, rotated, true) != 200 {
		t.Error("the old secret works, or the new one does not")
	}
	admin := a.must(t, "GET", "/whoami", "").Get("_id").Text()
	a.refused(t, 400, "POST", "/authorization/accounts/"+admin+"/secret", "")
	a.refused(t, 404, "POST", "/authorization/accounts/none/secret", "")

	bob := a.as(t, "bob", []string{"viewer"})
	a.must(t, "DELETE", "/authorization/accounts/"+bob.must(t, "GET", "/whoami", "").Get("_id").Text()+"/sessions", "")
	bob.refused(t, 401, "GET", "/whoami", "")
}

// Who calls too often is told when to come back, and nobody else is.
func TestLimits(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.add(t, "Ask", asking)
	a.must(t, "POST", "/operations-manager/automations", `{"name":"A","componentName":"Ask"}`)
	automation := a.must(t, "GET", "/operations-manager/automations", "").Get("data").At(0).Get("_id").Text()
	a.must(t, "POST", "/operations-manager/triggers", `{"name":"T","type":"endpoint","routeName":"hook","actionType":"automations","actionId":"`+automation+`"}`)
	bob := a.as(t, "bob", []string{"operator"})
	o := a.Options
	now := time.Now()
	o.Now = func() time.Time { return now }
	o.Limits = server.Limits{"start": 2, "query": 3, "preview": 1, "endpoint": 1, "login": 1, "token": 1}
	s, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	tight, other := *a, *bob
	tight.Server, other.Server = s, s
	for name, tc := range map[string]struct {
		method, path, body string
		atOnce             int
		othersToo          bool // the limit is not the caller's own
	}{
		"start":    {"POST", startPath, `{"workflow":"Ask","options":{}}`, 4, false},
		"query":    {"GET", jobsPath, "", 6, false},
		"preview":  {"POST", "/workflow_engine/query", `{"obj":{},"query":"a","pass_on_null":true}`, 2, false},
		"endpoint": {"POST", "/operations-manager/triggers/endpoint/hook", `{}`, 2, true},
		"login":    {"POST", "/login", `{"username":"admin","password":"` + adminPassword + `"}`, 2, true},
		"token":    {"POST", "/oauth/token", `grant_type=client_credentials`, 2, true},
	} {
		for i := range tc.atOnce {
			if got := tight.call(t, tc.method, tc.path, tc.body); got.StatusCode == 429 {
				t.Errorf("%s: call %d is too many", name, i+1)
			}
		}
		got := tight.call(t, tc.method, tc.path, tc.body)
		if got.StatusCode != 429 || got.Header.Get("Retry-After") != "1" {
			t.Errorf("%s: status %d, Retry-After %q: %s", name, got.StatusCode, got.Header.Get("Retry-After"), got.text)
		}
		if got := other.call(t, tc.method, tc.path, tc.body).StatusCode; (got == 429) != tc.othersToo {
			t.Errorf("%s: somebody else gets %d", name, got)
		}
	}
	now = now.Add(time.Second)
	tight.must(t, "GET", jobsPath, "")
	o.Limits = server.Limits{"starts": 1}
	if _, err := server.New(o); err == nil || !strings.Contains(err.Error(), "starts") {
		t.Errorf("an unknown limit: %v", err)
	}
}

// A storm of webhooks is turned away and leaves neither jobs nor audit entries without bound.
func TestLimits_storm(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.add(t, "Ask", asking)
	id := a.must(t, "POST", "/operations-manager/automations", `{"name":"A","componentName":"Ask"}`).Path("data", "_id").Text()
	a.must(t, "POST", "/operations-manager/triggers", `{"name":"T","type":"endpoint","routeName":"hook","actionType":"automations","actionId":"`+id+`"}`)
	o := a.Options
	o.Limits = server.Limits{"endpoint": 10}
	now := time.Now()
	o.Now = func() time.Time { return now }
	s, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	hook := *a
	hook.Server = s
	statuses := map[int]int{}
	for range 2000 {
		statuses[hook.call(t, "POST", "/operations-manager/triggers/endpoint/hook", `{}`).StatusCode]++
	}
	if statuses[200] != 20 || statuses[429] != 1980 {
		t.Errorf("answers: %v", statuses)
	}
	if jobs, entries := a.count(t, jobsPath), a.count(t, "/heddle/audit?action=runEndpointTrigger"); jobs != 20 || entries > 60 {
		t.Errorf("%d jobs and %d entries", jobs, entries)
	}
}
