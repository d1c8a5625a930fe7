package server

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heddlehq/heddle/schemas"
	"github.com/heddlehq/heddle/server/auth"
	"github.com/heddlehq/heddle/workflows/value"
)

func TestRoutes_havePermissions(t *testing.T) {
	t.Parallel()
	known := append(auth.Permissions(), auth.Public, auth.Known)
	names, places := map[string]bool{}, map[string]bool{}
	var public []string
	for _, r := range routes() {
		if !slices.Contains(known, r.may) {
			t.Errorf("%s %s: permission %q is unknown; nobody could call it, or anybody", r.method, r.path, r.may)
		}
		if r.handle == nil || r.name == "" || names[r.name] || places[r.method+r.path] {
			t.Errorf("%s %s: not a complete route of its own: %q", r.method, r.path, r.name)
		}
		names[r.name], places[r.method+r.path] = true, true
		if r.may == auth.Public {
			public = append(public, r.path)
		}
		if r.method != get && strings.HasSuffix(string(r.may), ":read") && !readingPosts[r.name] && !slices.Contains(readersActs, r.name) {
			t.Errorf("%s %s: a call that changes something must need more than %q", r.method, r.path, r.may)
		}
	}
	if diff := cmp.Diff([]string{"/login", "/login/oidc", "/login/oidc/callback", "/oauth/token", "/health/status", "/version", "/webhooks/:name"}, public); diff != "" {
		t.Errorf("routes open to strangers (-want +got):\n%s", diff)
	}
}

// readersActs are the acts of a reader: exports, and to follow a job.
var readersActs = []string{
	"exportMop", "exportWorkflow", "unwatchJob", "unwatchJobAlias", "unwatchOneJob", "validateIntegrationModel", "watchJob", "watchJobAlias", "watchOneJob",
}

func TestOpenAPI_describesRoutes(t *testing.T) {
	t.Parallel()
	doc, err := value.Parse(schemas.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	want, got := map[string]string{}, map[string]string{}
	param := regexp.MustCompile(`:(\w+)`)
	for _, r := range routes() {
		path := param.ReplaceAllString(r.path, "{$1}")
		if before, ok := strings.CutSuffix(path, "*"); ok {
			path = before + "{name}"
		}
		want[r.method+" "+path] = r.name + " for " + string(r.may)
	}
	for path, operations := range doc.Get("paths").Members() {
		for method, op := range operations.Members() {
			place := strings.ToUpper(method) + " " + path
			got[place] = op.Get("operationId").Text() + " for " + op.Get("x-permission").Text()
			if op.Get("summary").Text() == "" {
				t.Errorf("%s has no summary", place)
			}
			public := op.Has("security") && op.Get("security").Len() == 0
			if public != (op.Get("x-permission").Text() == string(auth.Public)) {
				t.Errorf("%s: security does not agree with the permission", place)
			}
			for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1) {
				if !hasParameter(op, m[1]) {
					t.Errorf("%s: path parameter %q is not described", place, m[1])
				}
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("routes and their description differ (-routes +openapi.json):\n%s", diff)
	}
	checkReferences(t, doc, doc)
}

func hasParameter(op value.Value, name string) bool {
	for _, p := range op.Get("parameters").Elements() {
		if p.Get("name").Text() == name && p.Get("in").Text() == "path" {
			return true
		}
	}
	return false
}

// checkReferences makes sure that every $ref leads to something in the document.
func checkReferences(t *testing.T, doc, v value.Value) {
	t.Helper()
	if ref := v.Get("$ref"); ref.IsString() && doc.Lookup(strings.TrimPrefix(ref.Text(), "#")).IsAbsent() {
		t.Errorf("reference %s leads nowhere", ref)
	}
	for i := range v.Len() {
		checkReferences(t, doc, v.At(i))
	}
}

func TestCollapse(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": "/", "/": "/", "///": "/", "//a///b/": "/a/b", "/a": "/a", "a/": "/a"} {
		if got := collapse(in); got != want {
			t.Errorf("collapse(%q) = %q, want %q", in, got, want)
		}
	}
}

// Routes lends the table to the tests outside of the package.
func Routes() (out [][3]string) {
	for _, r := range routes() {
		out = append(out, [3]string{r.method, r.path, string(r.may)})
	}
	return out
}

// Acting lends the routes that leave an audit entry each time: name, method, path.
func Acting() (out [][3]string) {
	for _, r := range routes() {
		if r.acts() {
			out = append(out, [3]string{strings.TrimSuffix(r.name, "Alias"), r.method, r.path})
		}
	}
	return out
}

// What changes nothing is named; a name that is no route's, or a GET's, is a mistake.
func TestReadingPosts(t *testing.T) {
	t.Parallel()
	for name := range readingPosts {
		if !slices.ContainsFunc(routes(), func(r route) bool {
			return r.name == name && r.method != get && strings.HasSuffix(string(r.may), ":read")
		}) {
			t.Errorf("%q is not a route that reads by another method than GET", name)
		}
	}
}
