package server_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/heddlehq/heddle/engine/store"
)

// A link lets one person decide one task, once.
func TestLinks(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.as(t, "ada", []string{"approver"})
	a.as(t, "vera", []string{"viewer"})
	a.add(t, "Ask", asking)
	stranger := *a
	stranger.token = ""
	id := a.start(t, "Ask", `{}`)
	links := jobsPath + "/" + id + "/tasks/b1/links"
	for _, body := range []string{`{}`, `{"user":"nobody"}`, `{"user":"vera"}`, `{"user":"ada","expires":"-1h"}`, `{"user":"ada","expires":"9000h"}`} {
		a.refused(t, 400, "POST", links, body)
	}
	a.refused(t, 404, "POST", jobsPath+"/"+id+"/tasks/zz/links", `{"user":"ada"}`)
	first := a.must(t, "POST", links, `{"user":"ada"}`).Path("data", "path").Text()
	second := a.must(t, "POST", links, `{"user":"ada","expires":"1h"}`).Path("data", "path").Text()
	if stored, err := a.store.Find(t.Context(), store.Links, store.Query{}); err != nil || stored.Total != 2 || strings.Contains(string(stored.Docs[0].Body), strings.TrimPrefix(first, "/approvals/")) {
		t.Errorf("links are stored as %v (%v)", stored, err)
	}
	if got := stranger.must(t, "GET", first, "").Get("data"); got.Get("workflow").Text() != "Ask" || got.Path("variables", "header").Text() != "Sure?" {
		t.Errorf("link shows %s", got)
	}
	page := httptest.NewRequest("GET", first, nil)
	page.Header.Set("Accept", "text/html")
	if got := a.send(t, page); !strings.Contains(got.text, "Sure?") || !strings.Contains(got.text, `value="failure">No`) || strings.Contains(got.text, "<script") {
		t.Errorf("page = %s", got.text)
	}
	stranger.refused(t, 400, "POST", first, `{"finish_state":"perhaps"}`)
	form := httptest.NewRequest("POST", first, strings.NewReader("finish_state=success"))
	form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	form.Header.Set("Accept", "text/html")
	if got := a.send(t, form); got.StatusCode != 200 || !strings.Contains(got.text, "Thank you") {
		t.Fatalf("decided: %d %s", got.StatusCode, got.text)
	}
	job := a.job(t, id, "complete")
	owner := job.Path("tasks", "b1", "metrics", "owner").Text()
	if got := a.must(t, "GET", "/authorization/accounts/"+owner, "").Get("username").Text(); got != "ada" {
		t.Errorf("worked by %q, want ada", got)
	}
	for _, path := range []string{first, second, "/approvals/guess"} {
		stranger.refused(t, 404, "GET", path, "")
		stranger.refused(t, 404, "POST", path, `{"finish_state":"success"}`)
	}
	a.refused(t, 409, "POST", links, `{"user":"ada"}`)
}
