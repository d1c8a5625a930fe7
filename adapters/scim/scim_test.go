package scim_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/adaptertest"
	"github.com/heddlehq/heddle/adapters/scim"
	"github.com/heddlehq/heddle/workflows/value"
)

func (s *server) config() value.Value {
	return value.Object("url", value.String(s.url), "auth", value.MustParse(`{"type":"bearer","token":"$secret.s"}`), "allow", value.Strings("127.0.0.0/8"))
}

func order(t *testing.T, config value.Value, o adapters.Order) value.Value {
	t.Helper()
	secrets := func(context.Context, string) (string, error) { return "opensesame", nil }
	v, err := adaptertest.CallOrder(t.Context(), scim.Kind(), adapters.Instance{ID: "x", Config: config}, secrets, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(v.String(), "opensesame") {
		t.Errorf("a secret in %s", v)
	}
	return v
}

func call(t *testing.T, config value.Value, method, in string) value.Value {
	t.Helper()
	return order(t, config, adapters.Order{Method: method, Incoming: value.MustParse(in)})
}

func want(t *testing.T, v value.Value, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(v.String(), p) {
			t.Errorf("got %s, want %s", v, p)
		}
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	s := start(t)
	for i := range 25 {
		s.add("Users", fmt.Sprintf(`{"userName":"u%02d","active":true}`, i))
	}
	config := s.config().With("pageSize", value.Int(10))
	v := call(t, config, "list", `{"resource":"Users"}`)
	if n := v.Path("outgoing", "resources").Len(); n != 25 || len(s.lists) != 3 {
		t.Errorf("%d resources on %d pages: %s", n, len(s.lists), v)
	}
	v = call(t, config, "list", `{"resource":"Users","limit":12}`)
	if n := v.Path("outgoing", "resources").Len(); n != 12 || v.Path("outgoing", "total").String() != "25" {
		t.Errorf("%d resources: %s", n, v)
	}
	want(t, call(t, config, "list", `{"resource":"Users","where":[{"attribute":"userName","value":"u07"}]}`), `"total":1`, `"userName":"u07"`)
	call(t, config, "list", `{"resource":"Users","where":[{"attribute":"name.familyName","op":"sw","value":"a\" or userName pr or \""},{"attribute":"active","value":true},{"attribute":"emails","op":"pr"}]}`)
	if got := s.lists[len(s.lists)-1]; got != `name.familyName sw "a\" or userName pr or \"" and active eq true and emails pr` {
		t.Errorf("asked for %s", got)
	}
}

func TestOne(t *testing.T) {
	t.Parallel()
	s := start(t)
	config := s.config()
	v := call(t, config, "create", `{"resource":"Users","value":{"userName":"ada","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"x"}}}`)
	want(t, v, `"finishState":"success"`, `"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]`, `"id":"u-1"`)
	want(t, call(t, config, "create", `{"resource":"Users","value":{"userName":"ada"}}`), `"class":"http"`, `answered 409 Conflict: uniqueness there is one already`, `"retryable":false`)
	want(t, call(t, config, "get", `{"resource":"Users","id":"u-1"}`), `"version":"W/\"1\""`)
	want(t, call(t, config, "get", `{"resource":"Users","id":"../Groups"}`), `"finishState":"error"`)
	want(t, call(t, config, "patch", `{"resource":"Users","id":"u-1","etag":"W/\"1\"","operations":[{"op":"replace","path":"active","value":false}]}`), `"active":false`, `"version":"W/\"2\""`)
	want(t, call(t, config, "patch", `{"resource":"Users","id":"u-1","etag":"W/\"1\"","operations":[{"op":"replace","path":"active","value":true}]}`), `answered 412`)
	want(t, call(t, config, "delete", `{"resource":"Users","id":"u-1"}`), `"outgoing":{"result":"u-1"}`)
	want(t, call(t, config, "delete", `{"resource":"Users","id":"u-1"}`), `answered 404`)
	want(t, call(t, config, "delete", `{"resource":"Users","id":"u-1","mayBeGone":true}`), `"finishState":"success"`)
}

func sorted(parts ...string) string { return strings.Join(slices.Sorted(slices.Values(parts)), "; ") }

const wanted = `{"resource":"Users","complete":true,"entries":[
	{"userName":"ADA","active":true,"emails":[{"value":"b@x"},{"value":"a@x","type":"work"}]},
	{"userName":"grace","active":false,"title":null,"password":"first"},
	{"userName":"lin","active":true,"password":"second"}]}`

func people(s *server) {
	s.add("Users", `{"userName":"ada","active":false,"emails":[{"value":"a@x","type":"work","primary":true},{"value":"b@x"}]}`)
	s.add("Users", `{"userName":"grace","active":true,"title":"Admiral"}`)
	s.add("Users", `{"userName":"mallory","active":true}`)
}

func TestPlan(t *testing.T) {
	t.Parallel()
	s := start(t)
	people(s)
	v := call(t, s.config().With("pageSize", value.Int(2)), "plan", wanted)
	want(t, v, `"outgoing":{"present":3,"create":1,"modify":2,"delete":1,"changes":[`,
		`{"kind":"modify","id":"ADA","before":{"active":false,"id":"u-1","meta":{"version":"W/\"1\""}},"after":{"active":true}}`,
		`{"kind":"modify","id":"grace","before":{"active":true,"title":"Admiral","id":"u-2","meta":{"version":"W/\"1\""}},"after":{"active":false,"title":null}}`,
		`{"kind":"create","id":"lin","after":{"userName":"lin","active":true}}`, `{"kind":"delete","id":"mallory","before":{"id":"u-3","meta":{"version":"W/\"1\""}}}`)
	if got := s.wrote(); got != "" {
		t.Errorf("planning wrote %s", got)
	}
}

func TestApply(t *testing.T) {
	t.Parallel()
	for _, noPatch := range []bool{false, true} {
		s := start(t)
		people(s)
		config := s.config().With("noPatch", value.Bool(noPatch))
		v := call(t, config, "apply", wanted)
		want(t, v, `"finishState":"success"`, `"outgoing":{"created":1,"modified":2,"deleted":1}`, `"changes":{"present":3,"total":4,"counts":{"create":1,"modify":2,"delete":1}`)
		if strings.Contains(v.String(), "second") {
			t.Errorf("a password in %s", v)
		}
		if got := s.holding("Users", "userName"); got != `ada {"active":true,"emails":[{"value":"a@x","type":"work","primary":true},{"value":"b@x"}]}; grace {"active":false}; lin {"active":true}` {
			t.Errorf("it holds %s", got)
		}
		verb := map[bool]string{false: "PATCH", true: "PUT"}[noPatch]
		if got := s.wrote(); got != sorted("DELETE Users u-3", verb+" Users u-1", verb+" Users u-2", "POST Users lin") {
			t.Errorf("wrote %s", got)
		}
		// Once more: nothing is left to do.
		want(t, call(t, config, "apply", wanted), `"outgoing":{"created":0,"modified":0,"deleted":0}`)
		if got := s.wrote(); got != "" {
			t.Errorf("the second time it wrote %s", got)
		}
	}
}

// Too many changes are not begun with; once approved, just these are made.
func TestApply_guard(t *testing.T) {
	t.Parallel()
	s := start(t)
	people(s)
	guard := value.MustParse(`{"delete":1}`)
	blocked := order(t, s.config(), adapters.Order{Method: "apply", Incoming: value.MustParse(wanted), Guard: guard})
	want(t, blocked, `"finishState":"blocked"`, `"class":"threshold"`)
	want(t, call(t, s.config().With("guard", guard), "apply", wanted), `"finishState":"blocked"`)
	if got := s.wrote(); got != "" {
		t.Errorf("blocked, it wrote %s", got)
	}
	s.add("Users", `{"userName":"late"}`) // not part of what was approved
	v := order(t, s.config(), adapters.Order{Method: "apply", Incoming: value.MustParse(wanted), Guard: guard, Mode: "validate", Changes: blocked.Get("changes")})
	want(t, v, `"finishState":"success"`, `"outgoing":{"created":1,"modified":2,"deleted":1}`)
	if got := s.holding("Users", "userName"); !strings.Contains(got, "late") || strings.Contains(got, "mallory") {
		t.Errorf("it holds %s", got)
	}
}

// After a crash a change set comes again: what is in place counts as done.
func TestApply_again(t *testing.T) {
	t.Parallel()
	s := start(t)
	people(s)
	blocked := order(t, s.config(), adapters.Order{Method: "apply", Incoming: value.MustParse(wanted), Guard: value.MustParse(`{"delete":1}`)})
	again := adapters.Order{Method: "apply", Incoming: value.MustParse(wanted), Mode: "validate", Changes: blocked.Get("changes")}
	for range 2 {
		want(t, order(t, s.config(), again), `"finishState":"success"`, `"outgoing":{"created":1,"modified":2,"deleted":1}`)
	}
	if got := s.holding("Users", "userName"); strings.Count(got, ";") != 2 {
		t.Errorf("it holds %s", got)
	}
}

// A resource that changed since is left alone, the others are not.
func TestApply_changedSince(t *testing.T) {
	t.Parallel()
	for _, noPatch := range []bool{false, true} {
		s := start(t)
		people(s)
		config := s.config().With("noPatch", value.Bool(noPatch))
		blocked := order(t, config, adapters.Order{Method: "apply", Incoming: value.MustParse(wanted), Guard: value.MustParse(`{"delete":1}`)})
		call(t, config, "patch", `{"resource":"Users","id":"u-2","operations":[{"op":"replace","path":"title","value":"Rear Admiral"}]}`)
		v := order(t, config, adapters.Order{Method: "apply", Incoming: value.MustParse(wanted), Mode: "validate", Changes: blocked.Get("changes")})
		want(t, v, `"finishState":"failure"`, `"created":1,"modified":1,"deleted":1,"failed":[{"kind":"modify","id":"grace"`)
		if got := s.holding("Users", "userName"); !strings.Contains(got, "Rear Admiral") {
			t.Errorf("it holds %s", got)
		}
	}
}

func TestApply_groups(t *testing.T) {
	t.Parallel()
	s := start(t)
	people(s)
	s.add("Groups", `{"displayName":"ops","members":[{"value":"u-1","display":"Ada"},{"value":"u-3","display":"Mallory"}]}`)
	s.add("Groups", `{"displayName":"same","members":[{"value":"u-2","display":"Grace"},{"value":"u-1","display":"Ada"}]}`)
	config := s.config()
	v := call(t, config, "apply", `{"resource":"Groups","entries":[{"displayName":"ops","members":["Ada","grace"]},{"displayName":"same","members":["ada","grace"]},{"displayName":"new","members":[{"value":"u-2"}]}]}`)
	want(t, v, `"outgoing":{"created":1,"modified":1,"deleted":0}`)
	if got := s.holding("Groups", "displayName"); got != `new {"members":[{"value":"u-2"}]}; ops {"members":[{"value":"u-1","display":"Ada"},{"value":"u-2"}]}; same {"members":[{"value":"u-2","display":"Grace"},{"value":"u-1","display":"Ada"}]}` {
		t.Errorf("it holds %s", got)
	}
	want(t, call(t, config, "apply", `{"resource":"Groups","entries":[{"displayName":"ops","members":["nobody","zoe"]}]}`), `"class":"input"`, `there is no user \"nobody\", \"zoe\"`)
}

// An entry that is turned down does not harm the others; a service that does not answer ends it all.
func TestApply_troubles(t *testing.T) {
	t.Parallel()
	s := start(t)
	people(s)
	s.refuse = func(r *http.Request, _ value.Value) int {
		if r.Method == http.MethodDelete {
			return http.StatusForbidden
		}
		return 0
	}
	want(t, call(t, s.config(), "apply", wanted), `"finishState":"failure"`, `1 of 4 changes were turned down, the first to delete \"mallory\"`, `"created":1,"modified":2,"deleted":0,"failed":[{"kind":"delete","id":"mallory"`)

	s = start(t)
	people(s)
	s.refuse = func(r *http.Request, _ value.Value) int {
		if r.Method == http.MethodPatch && strings.HasSuffix(r.URL.Path, "u-2") {
			return http.StatusServiceUnavailable
		}
		return 0
	}
	want(t, call(t, s.config().With("parallel", value.Int(1)), "apply", wanted), `"finishState":"error"`, `broken off after 1 of 4 changes`, `"retryable":true`, `"modified":1`)
	if got := s.wrote(); got != "PATCH Users u-1" {
		t.Errorf("wrote %s", got)
	}

	want(t, call(t, s.config().With("auth", value.MustParse(`{"type":"bearer","token":"wrong"}`)), "apply", wanted), `"class":"auth"`, `who are you?`)
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	s := start(t)
	people(s)
	for _, tc := range []struct{ method, in, text string }{
		{"list", `{"resource":"Devices"}`, "/resource"},
		{"list", `{"resource":"Users","filter":"a pr","where":[]}`, "either /filter or /where"},
		{"list", `{"resource":"Users","where":[{"attribute":"a eq 1 or b","value":1}]}`, "/where/0/attribute must be the path"},
		{"list", `{"resource":"Users","where":[{"attribute":"a","value":[1]}]}`, "/where/0/value must be a text"},
		{"get", `{"resource":"Users","id":""}`, "/id must not be empty"},
		{"patch", `{"resource":"Users","id":"u-1","operations":[]}`, "/operations must not be empty"},
		{"patch", `{"resource":"Users","id":"u-1","operations":[{"op":"remove"}]}`, "/operations/0/path must be given"},
		{"patch", `{"resource":"Users","id":"u-1","operations":[{"op":"add","path":"a"}]}`, "/operations/0/value must be given"},
		{"create", `{"resource":"Users","value":"ada"}`, "/value must be an object"},
		{"apply", `{"resource":"Users","entries":[{"name":"x"}]}`, "/entries/0/userName must be a text"},
		{"apply", `{"resource":"Users","entries":[5]}`, "/entries/0 must be an object"},
		{"apply", `{"resource":"Users","entries":[{"userName":"a"},{"userName":"A"}]}`, `/entries/1: another entry has the userName \"a\"`},
		{"apply", `{"resource":"Users","entries":[],"complete":true}`, "/entries must not be empty with /complete"},
		{"apply", `{"resource":"Users","entries":[],"key":"a b"}`, "/key must be the name"},
	} {
		want(t, call(t, s.config(), tc.method, tc.in), `"class":"input"`, tc.text)
	}
	for config, text := range map[string]string{
		`{}`: "/url must be the address",
		`{"url":"http://127.0.0.1:1","pageSize":5000}`: "/pageSize must be from 0 to 1000",
		`{"url":"http://127.0.0.1:1","parallel":500}`:  "/parallel must be from 0 to 32",
	} {
		want(t, call(t, value.MustParse(config), "list", `{"resource":"Users"}`), `"class":"input"`, text)
	}
	if got := s.wrote(); got != "" {
		t.Errorf("wrote %s", got)
	}
}

// Services that are none are found out.
func TestList_badServices(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.add("Users", `{"userName":"a"}`)
	s.add("Users", `{"userName":"b"}`)
	config := s.config().With("pageSize", value.Int(1))
	s.refuse = func(r *http.Request, _ value.Value) int {
		query := r.URL.Query()
		query.Set("startIndex", "1") // as services do that have no pages
		r.URL.RawQuery = query.Encode()
		return 0
	}
	want(t, call(t, config, "plan", `{"resource":"Users","entries":[]}`), `"finishState":"error"`, `gives \"u-1\" twice`)
	s.refuse = func(r *http.Request, _ value.Value) int { r.URL.Path = "/Users/u-1"; return 0 }
	want(t, call(t, config, "list", `{"resource":"Users"}`), `has no totalResults`)
}
