package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/heddlehq/heddle/workflows/value"
)

// The rules of the wire that clients cannot do without, one a row.
func TestWire_rules(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	robot := a.must(t, "POST", "/authorization/accounts", `{"account":{"username":"robot","isServiceAccount":true,"assignedRoles":["apiread"]}}`).Get("data")
	a.add(t, "Pick", picking)
	for range 3 {
		a.job(t, a.start(t, "Pick", `{"host":{"name":"r1"}}`), "complete")
	}
	a.job(t, a.start(t, "Pick", `{"host":{}}`), "error")
	const (
		good = `{"user":{"username":"admin","password":"` + adminPassword + `"}}`
		flat = `{"username":"admin","password":"` + adminPassword + `"}`
		list = "/operations-manager/jobs"
	)
	ask := func(method, path, kind, body string, with ...string) reply {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		if kind != "" {
			r.Header.Set("Content-Type", kind)
		}
		for i := 0; i < len(with); i += 2 {
			r.Header.Set(with[i], with[i+1])
		}
		return a.send(t, r)
	}
	token := ask("POST", "/login", "application/json", good).text
	bearer := []string{"Authorization", "Bearer " + a.token}
	total := func(r reply) string { return r.json.Path("metadata", "total").String() }
	for _, rule := range []struct {
		name   string
		answer reply
		holds  func(r reply) bool
	}{
		{"login takes the user within \"user\"", ask("POST", "/login", "application/json", good), isToken},
		{"login takes the user flat", ask("POST", "/login", "application/json", flat), isToken},
		{"login may end in a slash", ask("POST", "/login/", "application/json", good), isToken},
		{"login answers the cookie \"token\" and no other", ask("POST", "/login", "application/json", good), func(r reply) bool {
			c := r.Cookies()
			return len(c) == 1 && c[0].Name == "token" && c[0].Path == "/" && !c[0].Secure && c[0].Value == r.text
		}},
		{"a session is taken from the cookie", ask("GET", "/whoami", "", "", "Cookie", "token="+token), answers(200)},
		{"a session is taken from the query", ask("GET", "/whoami?token="+token, "", ""), answers(200)},
		{"a session is taken from a bearer header", ask("GET", "/whoami", "", "", "Authorization", "Bearer "+token), answers(200)},
		{"later answers set no cookie", ask("GET", "/whoami", "", "", "Cookie", "token="+token), func(r reply) bool { return len(r.Cookies()) == 0 }},
		{"OAuth takes a form and answers a numeric expires_in", ask("POST", "/oauth/token", "application/x-www-form-urlencoded",
			"grant_type=client_credentials&client_id="+robot.Get("client_id").Text()+"&client_secret="+robot.Get("client_secret").Text()), func(r reply) bool {
			byQuery := ask("GET", "/whoami?token="+r.json.Get("access_token").Text(), "", "")
			return r.StatusCode == 200 && r.json.Get("expires_in").IsNumber() && byQuery.json.Get("username").Text() == "robot"
		}},
		{"OAuth refuses JSON", ask("POST", "/oauth/token", "application/json", `{"grant_type":"client_credentials"}`), answers(415)},
		{"a bad password is 401 with a message", ask("POST", "/login", "application/json", `{"username":"admin","password":"no"}`), refuses(401)},
		{"no session is 401 with a message", ask("GET", list, "", ""), refuses(401)},
		{"an old session is 401", ask("GET", list, "", "", "Authorization", "Bearer gone"), refuses(401)},
		{"a create is 200", ask("POST", "/operations-manager/automations", "application/json", `{"name":"A","description":"","componentType":"workflows"}`, bearer...), answers(200)},
		{"repeated slashes are one, without a redirect", ask("GET", "//version", "", ""), answers(200)},
		{"repeated slashes are one for a POST, too", ask("POST", "//workflow_engine//jobs/search", "application/json", `{"options":{}}`, bearer...), answers(200)},
		{"operations_manager is operations-manager", ask("GET", "/operations_manager/jobs", "", "", bearer...), answers(200)},
		{"a GET may carry its query in the body", ask("GET", list, "application/json", `{"queryParameters":{"limit":1,"include":"name,status","in":{"status":"error,paused"}}}`, bearer...), func(r reply) bool {
			return total(r) == "1" && r.json.Get("data").At(0).Len() == 3
		}},
		{"or as queryOptions", ask("GET", list, "application/json", `{"queryOptions":{"equals":{"status":"error"}}}`, bearer...), func(r reply) bool { return total(r) == "1" }},
		{"or as options", ask("GET", list, "application/json", `{"options":{"limit":2}}`, bearer...), func(r reply) bool { return r.json.Get("data").Len() == 2 && total(r) == "4" }},
		{"JSON answers say that they are JSON", ask("GET", list, "", "", bearer...), func(r reply) bool { return r.Header.Get("Content-Type") == "application/json" }},
		{"refusals are {message, data, metadata}", ask("GET", "/nothing", "", "", bearer...), refuses(404)},
		{"a failed import gives its reasons", ask("PUT", "/operations-manager/automations", "application/json", `{"automations":[{"name":""}]}`, bearer...), func(r reply) bool {
			return r.StatusCode == 400 && r.json.Path("metadata", "errors").At(0).Get("reason").IsString()
		}},
		{"a tail may hold slashes, spaces and UTF-8", ask("DELETE", "/workflow_builder/workflows/delete/My%20WF/1%20%C3%A9", "", "", bearer...), refuses(404)},
		{"a body may have tens of megabytes", ask("POST", "/workflow_engine/query", "application/json", `{"obj":"`+strings.Repeat("x", 20<<20)+`","query":"a","pass_on_null":false}`, bearer...), func(r reply) bool {
			return r.StatusCode == 200 || r.StatusCode == 400
		}},
		{"brackets filter", ask("GET", list+"?equals[status]=error", "", "", bearer...), func(r reply) bool { return total(r) == "1" }},
		{"pairs filter", ask("GET", list+"?equals=error&equalsField=status", "", "", bearer...), func(r reply) bool { return total(r) == "1" }},
		{"a limit of 0 is legal", ask("GET", list+"?limit=0", "", "", bearer...), func(r reply) bool { return r.json.Get("data").Len() == 4 }},
		{"sort takes a minus", ask("GET", list+"?sort=-created", "", "", bearer...), func(r reply) bool { return r.json.Get("data").At(0).Get("status").Text() == "error" }},
		{"sort takes an order", ask("GET", list+"?sort=created&order=-1", "", "", bearer...), func(r reply) bool { return r.json.Get("data").At(0).Get("status").Text() == "error" }},
		{"include keeps _id", ask("GET", list+"?include=name", "", "", bearer...), func(r reply) bool { return r.json.Get("data").At(0).Has("_id") && r.json.Get("data").At(0).Len() == 2 }},
		{"totals are exact on every page", ask("GET", list+"?limit=3&skip=3", "", "", bearer...), func(r reply) bool { return total(r) == "4" && r.json.Get("data").Len() == 1 }},
		{"operations-manager wraps in data and metadata", ask("GET", list+"?limit=2&skip=1", "", "", bearer...), func(r reply) bool {
			m := r.json.Get("metadata")
			return m.Get("skip").String() == "1" && m.Get("limit").String() == "2" && m.Get("nextPageSkip").String() == "3" && m.Get("previousPageSkip").String() == "0" && m.Get("currentPageSize").String() == "2"
		}},
		{"the studio wraps in items", ask("GET", "/automation-studio/workflows?limit=1", "", "", bearer...), hasKeys("items", "skip", "end", "count", "total", "limit", "previous", "next")},
		{"the older lists wrap in results", ask("GET", "/authorization/accounts?limit=1", "", "", bearer...), hasKeys("results", "skip", "limit", "total")},
		{"the release reads as an old one", ask("GET", "/health/server", "", "", bearer...), func(r reply) bool {
			var release float64
			text := r.json.Get("release").Text()
			_, err := fmt.Sscanf(text[:strings.LastIndexByte(text, '.')], "%g", &release)
			return err == nil && release > 2021.1
		}},
		{"the version is a JSON text for strangers", ask("GET", "/version", "", ""), func(r reply) bool { return r.json.IsString() }},
	} {
		if !rule.holds(rule.answer) {
			t.Errorf("%s: it does not: %d %.300s", rule.name, rule.answer.StatusCode, rule.answer.text)
		}
	}
}

func isToken(r reply) bool {
	return r.StatusCode == 200 && strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain") && !json.Valid([]byte(r.text)) && len(r.text) > 20
}

func answers(status int) func(reply) bool {
	return func(r reply) bool { return r.StatusCode == status }
}

func refuses(status int) func(reply) bool {
	return func(r reply) bool {
		return r.StatusCode == status && r.json.Get("message").Text() != "" && r.json.Has("data") && r.json.Has("metadata")
	}
}

func hasKeys(keys ...string) func(reply) bool {
	return func(r reply) bool {
		for _, k := range keys {
			if !r.json.Has(k) {
				return false
			}
		}
		return true
	}
}

// Every operator, on fields of every type, in both dialects where there are two.
func TestWire_operators(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.add(t, "Pick", picking)
	a.add(t, "Ask", asking)
	done := a.start(t, "Pick", `{"host":{"name":"r1"}}`)
	a.job(t, done, "complete")
	waits := a.start(t, "Ask", `{}`)
	began, _ := a.job(t, waits, "running").Path("metrics", "start_time").Int()
	iso := value.Time(time.UnixMilli(began)).Text()
	for query, want := range map[string]int{
		"equals[name]=Ask": 1, "not-equals[name]=Ask": 1, "contains[name]=IC": 1, "starts-with[name]=Pi": 1, "ends-with[name]=ck": 1,
		"in[name]=Ask,Pick,None": 2, "not-in[name]=Ask,None": 1, "gt[name]=Ask": 1, "gte[name]=Ask": 2, "lt[name]=Pick": 1, "lte[name]=Pick": 2,
		"exists[metrics.end_time]=true": 1, "exists[metrics.end_time]=false": 1, "equals=Ask&equalsField=name": 1, "contains=ic&containsField=name": 1,
		"startsWith=Pi&startsWithField=name": 1, "endsWith=ck&endsWithField=name": 1, "starts-with=Pi&starts-withField=name": 1,
		"equals[error]=false": 2, "equals[error]=true": 0, "not-equals[error]=false": 0, "in[error]=true,false": 2,
		"equals[metrics.progress]=1": 1, "lt[metrics.progress]=1.5": 2, "gt[metrics.progress]=0.99": 1,
		"lte[metrics.start_time]=" + iso: 2, "equals[metrics.start_time]=0": 0, "gte[created]=2020-01-01": 2, "lt[created]=2020-01-01T00:00:00Z": 0,
		"equals[_id]=" + done: 1, "in[_id]=" + done + "," + waits: 2, "equals[ancestors]=" + done: 1, "contains[ancestors]=" + done: 1, "equals[groups]=x": 0,
		"equals[name]=Ask&equals[status]=complete": 0, "equals[name]=Ask&starts-with[name]=A": 1, "archived=false": 2, "archived=true": 0,
	} {
		if got := a.must(t, "GET", "/operations-manager/jobs?"+query, ""); got.Path("metadata", "total").String() != fmt.Sprint(want) || got.Get("data").Len() != want {
			t.Errorf("%s: %s, want %d", query, got.Get("metadata"), want)
		}
	}
	for query, named := range map[string]string{
		"equals[colour]=red": "colour", "colour=red": "colour", "like[name]=x": "like", "equals=x": "equals", "equalsField=name": "equals",
		"gt[metrics.start_time]=soon": "metrics.start_time", "gt[metrics.progress]=much": "metrics.progress", "equals[error]=maybe": "error", "contains[metrics.progress]=1": "metrics.progress",
		"sort=colour": "colour", "limit=-1": "limit", "skip=x": "skip", "order=up": "order", "limit=1&limit=2": "limit", "dereference=moon": "dereference",
	} {
		r := a.call(t, "GET", "/operations-manager/jobs?"+query, "")
		if r.StatusCode != http.StatusBadRequest || !strings.Contains(r.json.Get("message").Text(), named) {
			t.Errorf("%s: %d %s, want 400 naming %q", query, r.StatusCode, r.text, named)
		}
	}
}
