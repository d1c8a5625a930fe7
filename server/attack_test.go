package server_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/heddlehq/heddle/server"
	"github.com/heddlehq/heddle/server/auth"
	"github.com/heddlehq/heddle/workflows/value"
)

// unharmed checks that an answer to an attack is neither a defect nor tells of the inside.
func unharmed(t *testing.T, what string, r reply) {
	t.Helper()
	if r.StatusCode >= 500 && r.json.Get("message").Text() != "Failed to cancel all jobs" {
		t.Errorf("%s: status %d: %.300s", what, r.StatusCode, r.text)
	}
	for _, inside := range []string{"goroutine ", ".go:", "panic", "sqlite", "SQLITE", "SQL logic", "mongo", "/usr/", "/home/"} {
		if r.StatusCode >= 400 && strings.Contains(r.text, inside) {
			t.Errorf("%s: the answer tells of the inside: %.300s", what, r.text)
		}
	}
}

// skipped are routes that would end the test's own session or server.
func skipped(path string) bool {
	return path == "/logout" || path == "/heddle/server/drain" || strings.Contains(path, "activate") || strings.HasPrefix(path, "/operations_manager")
}

// parameter is a part of a route's path that callers fill in.
var parameter = regexp.MustCompile(`:\w+|\*`)

// Every route is called with identifiers that are paths, operators and nonsense.
func TestAttack_identifiers(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for _, id := range []string{
		"..%2f..%2f..%2fetc%2fpasswd", "%2e%2e%2f%2e%2e%2f", "..;/..;/", "%00", "a%00b", "%ff%fe", "%F0%9F%92%A9", "$ne", "%7B%22$gt%22:%22%22%7D", "'%20OR%201=1--",
		"%22;%20DROP%20TABLE%20jobs;--", "-1", "0", "null", "undefined", "NaN", "__proto__", "constructor", "*", "?", "%25s%25n", "%0d%0aSet-Cookie:x=y",
		strings.Repeat("a", 8000), strings.Repeat("%2f", 500), "000000000000000000000000",
	} {
		for _, r := range server.Routes() {
			if skipped(r[1]) || !strings.ContainsAny(r[1], ":*") {
				continue
			}
			path := parameter.ReplaceAllLiteralString(r[1], id)
			q, err := http.ReadRequest(bufio.NewReader(strings.NewReader(r[0] + " " + path + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + a.token + "\r\n\r\n")))
			if err != nil {
				continue // net/http refuses it before anybody sees it
			}
			q.RemoteAddr = "192.0.2.1:1"
			got := a.send(t, q)
			unharmed(t, r[0]+" "+path[:min(len(path), 120)], got)
			if got.Header.Get("Set-Cookie") != "" {
				t.Errorf("%s %.120s sets a cookie", r[0], path)
			}
		}
	}
}

// Every route that reads a body is given bodies that are bombs, of wrong kinds, and polluted.
func TestAttack_bodies(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	bodies := map[string]string{
		"deep array":      strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000),
		"deep object":     strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000),
		"huge number":     `{"workflow":1e999999999,"options":{}}`,
		"long number":     `{"limit":` + strings.Repeat("9", 5000) + `}`,
		"same key":        `{"username":"a","username":"b"}`,
		"not UTF-8":       "{\"name\":\"\xff\xfe\"}",
		"lone surrogate":  `{"name":"\ud800"}`,
		"byte order mark": "\ufeff{}",
		"null":            `null`, "number": `7`, "text": `"x"`, "list": `[]`, "list of lists": `[[[]]]`,
		"prototype":      `{"__proto__":{"admin":true},"constructor":{"prototype":{}}}`,
		"operators":      `{"user":{"username":{"$gt":""},"password":{"$gt":""}},"options":{"query":{"$where":"sleep(1000)","name":{"$regex":"^(a+)+$"}}}}`,
		"wrong kinds":    `{"account":[],"group":"x","options":7,"jobIds":{"a":1},"variables":[],"taskData":"x","automation":[],"automations":{},"project":1,"workflow":{},"reason":[],"triggers":1,"formData":[],"name":{},"fromTask":1,"toTask":{},"userId":[],"groups":7,"scopes":{},"expires":1}`,
		"nothing inside": `{"account":{},"group":{},"options":{},"jobIds":[],"variables":{},"taskData":{},"automation":{},"automations":[{}],"project":{},"workflow":"","triggers":[{}],"forms":[{}]}`,
		"bidi":           `{"name":"\u202eexe.\u0000","workflow":"\u0000","options":{}}`,
		"sealed":         `{"workflow":"Ask","options":{"variables":{"x":{"$sealed":"000000000000.AAAA"}}}}`,
	}
	a.add(t, "Ask", asking)
	for _, r := range server.Routes() {
		if skipped(r[1]) || r[0] == "GET" && !strings.HasSuffix(r[1], "s") {
			continue
		}
		path := parameter.ReplaceAllLiteralString(r[1], "x")
		for name, body := range bodies {
			unharmed(t, name+" to "+r[0]+" "+path, a.call(t, r[0], path, body))
		}
	}
	zip := httptest.NewRequest("POST", startPath, strings.NewReader("\x1f\x8b\x08\x00\x00"))
	zip.Header.Set("Content-Encoding", "gzip")
	zip.Header.Set("Authorization", "Bearer "+a.token)
	if got := a.send(t, zip); got.StatusCode != 400 {
		t.Errorf("a compressed body: %d", got.StatusCode)
	}
	if got := a.refused(t, 400, "POST", startPath, strings.Replace(bodies["sealed"], "000000000000.AAAA", "x", 1)); !strings.Contains(got.Get("message").Text(), "encrypted") {
		t.Errorf("a forged encrypted value: %s", got)
	}
}

// Filters are fields and operators from a list; what looks like a query of a database is none.
func TestAttack_queries(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.add(t, "Ask", asking)
	lists := []string{}
	for _, r := range server.Routes() {
		if r[0] == "GET" && !strings.ContainsAny(r[1], ":*") && strings.HasSuffix(r[1], "s") && !skipped(r[1]) {
			lists = append(lists, r[1])
		}
	}
	for _, query := range []string{
		"equals[$where]=1", "equals[name][$ne]=x", "$where=1", "name[$ne]=x", "equals[passwordHash]=x", "starts-with[passwordHash]=$argon2", "gt[secretHash]=a", "sort=passwordHash",
		"equals=x&equalsField=passwordHash", "equals=x&equalsField=$where", "contains[name]=" + url.QueryEscape("(a+)+$"), "in[name]=" + strings.Repeat("a,", 20_000),
		"limit=-1", "limit=99999999999999999999", "skip=-1", "skip=9223372036854775807", "limit=1e9", "order=x", "sort=__proto__", "include=__proto__.x", "exclude=" + strings.Repeat("a.", 5000),
		"equals[name]=" + url.QueryEscape("' OR '1'='1"), "equals[name]=%00", "equals[name]=%ff", "limit=1&limit=2", "equals[name]=a&equals[name]=b", "dereference=accounts.__proto__", "a=" + strings.Repeat("b", 50_000),
	} {
		for _, path := range lists {
			got := a.call(t, "GET", path+"?"+query, "")
			unharmed(t, path+"?"+query[:min(len(query), 80)], got)
			if secretive := strings.Contains(query, "Hash") || strings.Contains(query, "$"); secretive && got.StatusCode == 200 && strings.Contains(path, "accounts") && !strings.HasPrefix(query, "contains[name]") {
				t.Errorf("%s?%s: status 200", path, query)
			}
		}
	}
	for _, body := range []string{
		`{"options":{"query":{"$where":"1"}}}`, `{"options":{"query":{"name":{"$ne":null}}}}`, `{"options":{"query":{"$or":[{},{}]}}}`, `{"options":{"sort":{"$natural":1}}}`,
		`{"options":{"query":{"name":{"$regex":".*"}}}}`, `{"options":{"fields":{"$where":1}}}`, `{"options":{"limit":{"$gt":0}}}`,
	} {
		for _, path := range []string{"/workflow_engine/jobs/search", "/workflow_engine/workflows/search"} {
			got := a.call(t, "POST", path, body)
			unharmed(t, path+" "+body, got)
			if strings.Contains(body, `"query":{"$`) && got.StatusCode != 400 {
				t.Errorf("%s %s: status %d", path, body, got.StatusCode)
			}
		}
	}
}

// What a caller may not set they do not set by sending it along.
func TestAttack_massAssignment(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	admin := a.must(t, "GET", "/whoami", "").Get("_id").Text()
	made := a.must(t, "POST", "/authorization/accounts", `{"account":{"_id":"`+admin+`","username":"bob","password":"correct horse","passwordHash":"x","secretHash":"y","provenance":"OIDC",
		"subject":"https://id#1","inactive":true,"created":"1970","lastLogin":"1970","roles":["admin"],"isAdmin":true,"permissions":["accounts:write"]}}`).Get("data")
	id := made.Get("_id").Text()
	if id == admin || made.Get("provenance").Text() != "Local" || made.Get("inactive").Truth() || made.Has("subject") || made.Has("isAdmin") || made.Get("assignedRoles").Len() != 0 {
		t.Errorf("made %s", made)
	}
	bob := *a
	bob.token = a.login(t, "bob", "correct horse")
	bob.refused(t, 403, "PATCH", "/authorization/accounts/"+id, `{"assignedRoles":["admin"]}`)
	bob.refused(t, 403, "POST", "/authorization/groups", `{"group":{"name":"g","assignedRoles":["admin"]}}`)
	changed := a.must(t, "PATCH", "/authorization/accounts/"+id, `{"_id":"`+admin+`","username":"admin","passwordHash":"x","isServiceAccount":true,"provenance":"x","subject":"s"}`).Get("data")
	for _, key := range []string{"_id", "username", "isServiceAccount", "provenance", "subject"} {
		if !value.Equal(changed.Get(key), made.Get(key)) {
			t.Errorf("%s became %s", key, changed.Get(key))
		}
	}
	designer := a.as(t, "dora", []string{"designer"})
	flow := designer.must(t, "POST", "/automation-studio/automations", value.Object("automation", value.MustParse(asking).With("name", value.String("Mine")).
		With("_id", value.String(admin)).With("created_by", value.String("admin"))).String()).Get("created")
	if by := flow.Path("created_by", "username").Text() + flow.Get("created_by").Text(); strings.Contains(by, "admin") && !strings.Contains(by, "dora") {
		t.Errorf("a workflow that somebody else made: %s", flow.Get("created_by"))
	}
	id = designer.must(t, "POST", "/operations-manager/automations", `{"name":"A","createdBy":"admin","_id":"`+admin+`"}`).Path("data", "_id").Text()
	if id == admin {
		t.Error("an automation takes the identifier it is given")
	}
}

// One header or parameter says who calls, whatever others say.
func TestAttack_pollution(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	eve := a.as(t, "eve", []string{"viewer"})
	send := func(headers map[string]string, path string) reply {
		r := httptest.NewRequest("GET", path, nil)
		for k, v := range headers {
			r.Header.Set(k, v)
		}
		return a.send(t, r)
	}
	for name, tc := range map[string]struct {
		headers map[string]string
		path    string
		status  int
		who     string
	}{
		"two tokens":           {nil, "/whoami?token=bad&token=" + a.token, 401, ""},
		"header before query":  {map[string]string{"Authorization": "Bearer " + eve.token}, "/whoami?token=" + a.token, 200, "eve"},
		"bad header":           {map[string]string{"Authorization": "Bearer bad"}, "/whoami?token=" + a.token, 401, ""},
		"empty bearer":         {map[string]string{"Authorization": "Bearer "}, "/whoami", 401, ""},
		"basic":                {map[string]string{"Authorization": "Basic YWRtaW46Y29ycmVjdCBob3JzZSBiYXR0ZXJ5"}, "/whoami", 401, ""},
		"names in headers":     {map[string]string{"X-Forwarded-User": "admin", "X-Remote-User": "admin", "Authorization": "Bearer " + eve.token}, "/whoami", 200, "eve"},
		"another method":       {map[string]string{"X-HTTP-Method-Override": "DELETE", "Authorization": "Bearer " + eve.token}, "/whoami", 200, "eve"},
		"another path":         {map[string]string{"X-Original-URL": "/whoami", "X-Rewrite-URL": "/whoami"}, "/whoami", 401, ""},
		"token of 10 kB":       {map[string]string{"Authorization": "Bearer " + strings.Repeat("a", 10_000)}, "/whoami", 401, ""},
		"token with operators": {nil, "/whoami?token[$ne]=x", 401, ""},
		"digest of a session":  {map[string]string{"Authorization": "Bearer " + strings.Repeat("0", 64)}, "/whoami", 401, ""},
	} {
		r := send(tc.headers, tc.path)
		if r.StatusCode != tc.status || r.json.Get("username").Text() != tc.who {
			t.Errorf("%s: status %d, %q; want %d, %q", name, r.StatusCode, r.json.Get("username").Text(), tc.status, tc.who)
		}
	}
	for _, method := range []string{"TRACE", "CONNECT", "PROPFIND", "DEBUG"} {
		r := httptest.NewRequest(method, "/whoami", nil)
		r.Header.Set("Authorization", "Bearer "+a.token)
		if got := a.send(t, r); got.StatusCode != 405 && got.StatusCode != 404 {
			t.Errorf("%s: status %d", method, got.StatusCode)
		}
	}
}

// Whoever guesses passwords is stopped, whatever addresses they claim and names they try; others
// log in meanwhile. What they claim is not taken into the log as lines.
func TestAttack_bruteForce(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	try := func(name, password, from, claimed string) int {
		r := httptest.NewRequest("POST", "/login", strings.NewReader(value.Object("username", value.String(name), "password", value.String(password)).String()))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-Forwarded-For", claimed)
		r.Header.Set("X-Real-IP", claimed)
		r.RemoteAddr = from + ":1234"
		return a.send(t, r).StatusCode
	}
	statuses := map[int]int{}
	for i := range 20 {
		statuses[try(auth.Admin, fmt.Sprintf("guess number %d", i), "198.51.100.7", fmt.Sprintf("203.0.113.%d", i))]++
	}
	if statuses[401] != 10 || statuses[429] != 10 {
		t.Errorf("20 guesses: %v", statuses)
	}
	if got := try(auth.Admin, adminPassword, "198.51.100.7", ""); got != 429 {
		t.Errorf("the right password after the guesses: %d, want 429", got)
	}
	if got := try(auth.Admin, adminPassword, "198.51.100.8", "198.51.100.7"); got != 200 {
		t.Errorf("the owner elsewhere: %d, want 200", got)
	}
	for i := range 110 {
		statuses[try(fmt.Sprintf("user-%d\nlevel=ERROR msg=forged", i), "one password", "198.51.100.9", "")]++
	}
	if statuses[429] < 20 {
		t.Errorf("one password for many users: %v", statuses)
	}
	for line := range strings.Lines(a.log.String()) {
		if strings.HasPrefix(line, "level=ERROR") {
			t.Errorf("a forged line: %s", line)
		}
	}
}

// Connections that dawdle are closed.
func TestAttack_slow(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for the server's patience to end")
	}
	a := newAPI(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Serve(ctx, l) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("GET /version HTTP/1.1\r\nHost: x\r\nX-Slow: ")); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Errorf("a header that never ends is waited for: %v", err)
	}
	smuggled, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer smuggled.Close()
	fmt.Fprintf(smuggled, "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\nGET /whoami HTTP/1.1\r\n\r\n")
	if err := smuggled.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(smuggled), nil)
	if err != nil || res.StatusCode != 400 {
		t.Errorf("two lengths: %v, %v", res, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
