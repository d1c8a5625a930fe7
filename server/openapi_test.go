package server_test

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestOpenAPI_page(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ask := func(query string) reply {
		r := httptest.NewRequest("GET", "/help/openapi"+query, nil)
		r.Header.Set("Authorization", "Bearer "+a.token)
		r.Header.Set("Accept", "text/html,*/*")
		return a.send(t, r)
	}
	page := ask("")
	if !strings.HasPrefix(page.Header.Get("Content-Type"), "text/html") || !strings.Contains(page.Header.Get("Content-Security-Policy"), "style-src 'sha256-") {
		t.Errorf("headers of the page: %v", page.Header)
	}
	for _, part := range []string{"<code>/operations-manager/jobs/start</code>", "id=\"startJob\"", "jobs:start", "Job"} {
		if !strings.Contains(page.text, part) {
			t.Errorf("the page has no %s", part)
		}
	}
	for _, part := range []string{"<script", "http://", "https://", "operations_manager"} {
		if strings.Contains(page.text, part) {
			t.Errorf("the page has %s", part)
		}
	}
	if got := ask("?format=json"); got.json.Get("openapi").Text() != "3.1.0" {
		t.Errorf("as JSON: %.100s", got.text)
	}
	if got := a.must(t, "GET", "/help/openapi?url=", ""); !got.Has("paths") {
		t.Errorf("for programs: %.100s", got)
	}
}
