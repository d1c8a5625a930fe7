package ui

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func get(t *testing.T, method, target string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) []byte {
	t.Helper()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestHandler_paths(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]struct {
		status int
		kind   string
		page   bool
	}{
		"/":                            {200, "text/html; charset=utf-8", true},
		"/ui":                          {200, "text/html; charset=utf-8", true},
		"/ui/":                         {200, "text/html; charset=utf-8", true},
		"/ui/jobs/b3b76eb38e95?task=a": {200, "text/html; charset=utf-8", true},
		"/ui/workflows/A%2FB%20C":      {200, "text/html; charset=utf-8", true},
		"/ui/../../../etc/passwd":      {200, "text/html; charset=utf-8", true},
		"/ui/assets/index.js":          {200, "text/javascript; charset=utf-8", false},
		"/ui/assets/index.css":         {200, "text/css; charset=utf-8", false},
		"/ui/mark.svg":                 {200, "image/svg+xml", false},
		"/ui/assets/gone.js":           {404, "text/plain; charset=utf-8", false},
	} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			r := get(t, http.MethodGet, target)
			if kind := r.Header.Get("Content-Type"); r.StatusCode != want.status || kind != want.kind {
				t.Errorf("%d %q, want %d %q", r.StatusCode, kind, want.status, want.kind)
			}
			if page := bytes.Contains(body(t, r), []byte(`<div id="root">`)); page != want.page {
				t.Errorf("is the page: %v, want %v", page, want.page)
			}
		})
	}
}

func TestHandler_answersOnlyReading(t *testing.T) {
	t.Parallel()
	if r := get(t, http.MethodPost, "/ui/"); r.StatusCode != http.StatusMethodNotAllowed || r.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d, Allow %q", r.StatusCode, r.Header.Get("Allow"))
	}
	r := get(t, http.MethodHead, "/ui/assets/index.js")
	if n := len(body(t, r)); r.StatusCode != http.StatusOK || n != 0 || r.ContentLength <= 0 {
		t.Errorf("HEAD: %d, %d bytes of body, length %d", r.StatusCode, n, r.ContentLength)
	}
}

func TestHandler_packs(t *testing.T) {
	t.Parallel()
	plain := get(t, http.MethodGet, "/ui/assets/index.js", "Accept-Encoding", "gzip;q=0, br")
	packed := get(t, http.MethodGet, "/ui/assets/index.js", "Accept-Encoding", "br, gzip")
	if e := plain.Header.Get("Content-Encoding"); e != "" {
		t.Errorf("refused gzip, got %q", e)
	}
	if e := packed.Header.Get("Content-Encoding"); e != "gzip" {
		t.Fatalf("accepted gzip, got %q", e)
	}
	if packed.Header.Get("ETag") == plain.Header.Get("ETag") {
		t.Error("the packed form has the plain form's ETag")
	}
	z, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, body(t, plain)) {
		t.Error("the packed form is not the plain form packed")
	}
}

func TestHandler_asksAgainByETag(t *testing.T) {
	t.Parallel()
	first := get(t, http.MethodGet, "/ui/")
	tag := first.Header.Get("ETag")
	if c := first.Header.Get("Cache-Control"); c != "no-cache" || tag == "" {
		t.Fatalf("Cache-Control %q, ETag %q", c, tag)
	}
	for _, list := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
		if r := get(t, http.MethodGet, "/ui/jobs", "If-None-Match", list); r.StatusCode != http.StatusNotModified || len(body(t, r)) != 0 {
			t.Errorf("If-None-Match %s: %d, want 304 without a body", list, r.StatusCode)
		}
	}
	if r := get(t, http.MethodGet, "/ui/", "If-None-Match", `"other"`); r.StatusCode != http.StatusOK {
		t.Errorf("another ETag: %d, want 200", r.StatusCode)
	}
}

// TestHandler_pageNeedsNothingElse holds the page to its own policy: no inline script or
// style, and nothing from another host.
func TestHandler_pageNeedsNothingElse(t *testing.T) {
	t.Parallel()
	r := get(t, http.MethodGet, "/ui/")
	policy := r.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %q", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q allows what it should keep out", policy)
	}
	page := body(t, r)
	if m := regexp.MustCompile(`(?i)<script(?:\s+[^>]*)?>[^<]+|<style|\son\w+=|style="`).Find(page); m != nil {
		t.Errorf("the page has inline code: %s", m)
	}
	for _, m := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllSubmatch(page, -1) {
		target := string(m[1])
		if !strings.HasPrefix(target, "/ui/") {
			t.Errorf("the page loads %q", target)
			continue
		}
		if r := get(t, http.MethodGet, target); r.StatusCode != http.StatusOK || strings.Contains(r.Header.Get("Content-Type"), "html") {
			t.Errorf("%s: %d %s", target, r.StatusCode, r.Header.Get("Content-Type"))
		}
	}
}
