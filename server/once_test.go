package server_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/server"
)

// keyed is a call with an idempotency key.
func (a *api) keyed(t *testing.T, key, method, path, body string) reply {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+a.token)
	r.Header.Set(server.OnceHeader, key)
	return a.send(t, r)
}

func (a *api) count(t *testing.T, path string) int64 {
	t.Helper()
	n, _ := a.must(t, "GET", path, "").Path("metadata", "total").Int()
	return n
}

const jobsPath, startPath = "/operations-manager/jobs", "/operations-manager/jobs/start"

func TestOnce(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.add(t, "Ask", asking)
	const body = `{"workflow":"Ask","options":{"variables":{"x":1}}}`
	first := a.keyed(t, "k-1", "POST", startPath, body)
	if first.StatusCode != 200 || first.Header.Get("Idempotency-Replayed") != "" {
		t.Fatalf("first: %d %s", first.StatusCode, first.text)
	}
	another := *a
	another.Server = a.withStore(t, a.store) // after a restart, or next to the first
	for _, who := range []*api{a, &another} {
		again := who.keyed(t, "k-1", "POST", "//operations-manager//jobs/start/", body)
		if again.text != first.text || again.StatusCode != 200 || again.Header.Get("Idempotency-Replayed") != "true" || again.Header.Get("Content-Type") != first.Header.Get("Content-Type") {
			t.Errorf("again: %d %v %s", again.StatusCode, again.Header, again.text)
		}
		for name, other := range map[string][2]string{
			"another body": {startPath, strings.Replace(body, "1", "2", 1)},
			"another path": {jobsPath + "/pause", body},
			"with a query": {startPath + "?x=1", body},
		} {
			if got := who.keyed(t, "k-1", "POST", other[0], other[1]); got.StatusCode != 422 {
				t.Errorf("%s: status %d, want 422: %s", name, got.StatusCode, got.text)
			}
		}
	}
	if n := a.count(t, jobsPath); n != 1 {
		t.Errorf("%d jobs, want 1", n)
	}
	if n := a.count(t, "/heddle/audit?action=startJob&outcome=200"); n != 1 {
		t.Errorf("%d audit entries of the start, want 1", n)
	}
	bob := a.as(t, "bob", []string{"operator"})
	if got := bob.keyed(t, "k-1", "POST", startPath, body); got.StatusCode != 200 || got.text == first.text {
		t.Errorf("somebody else's key: %d %s", got.StatusCode, got.text)
	}
	id := first.json.Path("data", "_id").Text()
	pause := `{"jobIds":["` + id + `"]}`
	if one, two := a.keyed(t, "k-2", "POST", jobsPath+"/pause", pause), a.keyed(t, "k-2", "POST", jobsPath+"/pause", pause); one.StatusCode != 200 || one.text != two.text {
		t.Errorf("pause: %s, again: %s", one.text, two.text)
	}
	// What is refused changes nothing: the key is free.
	if got := a.keyed(t, "k-3", "POST", startPath, `{"workflow":"Later","options":{}}`); got.StatusCode != 404 {
		t.Errorf("unknown workflow: %d", got.StatusCode)
	}
	a.add(t, "Later", asking)
	if got := a.keyed(t, "k-3", "POST", startPath, `{"workflow":"Later","options":{}}`); got.StatusCode != 200 {
		t.Errorf("once it is there: %d %s", got.StatusCode, got.text)
	}
	for _, key := range []string{"with space", strings.Repeat("x", 256), "é"} {
		if got := a.keyed(t, key, "POST", startPath, body); got.StatusCode != 400 {
			t.Errorf("key %q: status %d, want 400", key, got.StatusCode)
		}
	}
	if got := a.keyed(t, "k-1", "GET", jobsPath, ""); got.StatusCode != 200 {
		t.Errorf("a GET with a key: %d", got.StatusCode)
	}
}

// Many calls at once with one key start one job.
func TestOnce_together(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.add(t, "Ask", asking)
	texts := make([]string, 16)
	var wg sync.WaitGroup
	for i := range texts {
		wg.Go(func() { texts[i] = a.keyed(t, "same", "POST", startPath, `{"workflow":"Ask","options":{}}`).text })
	}
	wg.Wait()
	for _, text := range texts {
		if text != texts[0] {
			t.Errorf("answers differ: %s and %s", text, texts[0])
		}
	}
	if n := a.count(t, jobsPath); n != 1 {
		t.Errorf("%d jobs, want 1", n)
	}
}

// A server that is lost between the start and its answer leaves the key; who repeats the call
// later gets the job that was started.
func TestOnce_lostServer(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.add(t, "Ask", asking)
	const body = `{"workflow":"Ask","options":{}}`
	lost := *a
	lost.Server = a.withStore(t, &forgetfulStore{Store: a.store})
	first := lost.keyed(t, "k", "POST", startPath, body)
	o := a.Options
	later := *a
	for _, tc := range []struct {
		after  time.Duration
		status int
		jobs   int64
	}{{3 * time.Minute, 200, 1}, {25 * time.Hour, 200, 2}} {
		o.Now = func() time.Time { return time.Now().Add(tc.after) }
		s, err := server.New(o)
		if err != nil {
			t.Fatal(err)
		}
		later.Server = s
		got := later.keyed(t, "k", "POST", startPath, body)
		if same := got.json.Path("data", "_id").Text() == first.json.Path("data", "_id").Text(); got.StatusCode != tc.status || same != (tc.jobs == 1) {
			t.Errorf("after %s: %d %s; at first: %s", tc.after, got.StatusCode, got.text, first.text)
		}
		if n := a.count(t, jobsPath); n != tc.jobs {
			t.Errorf("after %s: %d jobs, want %d", tc.after, n, tc.jobs)
		}
	}
}

// forgetfulStore loses answers: it takes no change of a key's document.
type forgetfulStore struct{ store.Store }

func (s *forgetfulStore) Commit(ctx context.Context, batches ...store.Batch) []error {
	if w := batches[0][0]; w.Collection == store.Answers && w.Expect != store.New {
		return []error{errors.New("gone")}
	}
	return s.Store.Commit(ctx, batches...)
}

// Answers are kept for a day, then swept.
func TestOnce_forgets(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.add(t, "Ask", asking)
	for _, key := range []string{"a", "b", "c"} {
		if got := a.keyed(t, key, "POST", startPath, `{"workflow":"Ask","options":{}}`); got.StatusCode != http.StatusOK {
			t.Fatal(got.text)
		}
	}
	o := a.Options
	o.Now = func() time.Time { return time.Now().Add(25 * time.Hour) }
	s, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	later := *a
	later.Server = s
	later.keyed(t, "d", "POST", startPath, `{"workflow":"Ask","options":{}}`)
	page, err := a.store.Find(t.Context(), store.Answers, store.Query{})
	if err != nil || page.Total != 1 {
		t.Errorf("%d answers are kept, want 1: %v", page.Total, err)
	}
}
