package server_test

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/workflows/value"

	"github.com/heddlehq/heddle/engine/bus"
)

// sse is one server-sent event.
type sse struct {
	id, name string
	data     value.Value
}

// follow reads a stream until the test ends; next waits for its next event.
func (a *api) follow(t *testing.T, path, last string) (next func() sse) {
	t.Helper()
	srv := httptest.NewServer(a)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(func() { cancel(); srv.Close() })
	r, err := http.NewRequestWithContext(ctx, "GET", srv.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+a.token)
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("GET %s: %d %s", path, res.StatusCode, res.Header)
	}
	events := make(chan sse, 100)
	go func() {
		defer close(events)
		defer res.Body.Close()
		lines, e := bufio.NewScanner(res.Body), sse{}
		for lines.Scan() {
			key, text, _ := strings.Cut(lines.Text(), ": ")
			switch key {
			case "id":
				e.id = text
			case "event":
				e.name = text
			case "data":
				e.data = value.MustParse(text)
			case "":
				if e.name != "" {
					events <- e
				}
				e = sse{}
			}
		}
	}()
	return func() sse {
		t.Helper()
		select {
		case e := <-events:
			return e
		case <-time.After(5 * time.Second):
			t.Fatal("no event within 5 s")
			return sse{}
		}
	}
}

// One who follows a job sees each event of its history once, also after being cut off.
func TestStream_job(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.add(t, "Ask", asking)
	id := a.start(t, "Ask", `{}`)
	path := jobsPath + "/" + id + "/events/stream"
	next := a.follow(t, path, "")
	if e := next(); e.id != "1" || e.name != "JobStarted" || e.data.Get("seq").String() != "1" {
		t.Fatalf("first event = %v", e)
	}
	a.must(t, "POST", jobsPath+"/pause", `{"jobIds":["`+id+`"]}`)
	if e := next(); e.id != "2" || e.name != "JobPaused" {
		t.Errorf("second event = %v", e)
	}
	a.must(t, "POST", jobsPath+"/resume", `{"jobIds":["`+id+`"]}`)
	a.must(t, "POST", jobsPath+"/"+id+"/tasks/b1/finish", `{"taskData":{"finish_state":"success"}}`)
	var names []string
	again := a.follow(t, path, "2")
	for n := 3; n <= 4; n++ {
		e := again()
		if e.id != strconv.Itoa(n) {
			t.Errorf("event %d has the id %s", n, e.id)
		}
		names = append(names, e.name)
	}
	if diff := cmp.Diff([]string{"JobResumed", "TaskFinished"}, names); diff != "" {
		t.Errorf("events behind the second (-want +got):\n%s", diff)
	}
	a.refused(t, 400, "GET", path+"?lastEventId=x", "")
	a.refused(t, 404, "GET", jobsPath+"/nothing/events/stream", "")
}

// One who follows all jobs sees those of their groups alone.
func TestStream_jobs(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	group := a.must(t, "POST", "/authorization/groups", `{"group":{"name":"core"}}`).Path("data", "_id").Text()
	other := a.as(t, "otto", []string{"operations"})
	a.add(t, "Pick", picking)
	const path = "/operations-manager/events/stream"
	mine, theirs := a.follow(t, path, ""), other.follow(t, path, "")
	hidden := a.must(t, "POST", startPath, `{"workflow":"Pick","options":{"variables":{"host":{"name":"x"}},"groups":["`+group+`"]}}`).Path("data", "_id").Text()
	a.job(t, hidden, "complete")
	shown := a.start(t, "Pick", `{"host":{"name":"x"}}`)
	saw := func(next func() sse, topic string) (string, string) {
		for {
			if e := next(); e.name == topic {
				return e.data.Path("job", "_id").Text(), e.id
			}
		}
	}
	first, at := saw(mine, "jobComplete")
	if first != hidden {
		t.Errorf("admin sees the end of %s first, want %s", first, hidden)
	}
	if got, _ := saw(theirs, "jobComplete"); got != shown {
		t.Errorf("the other sees the end of %s, want %s", got, shown)
	}
	if got, _ := saw(a.follow(t, path, at), "jobComplete"); got != shown {
		t.Errorf("behind the first end comes that of %s, want %s", got, shown)
	}
	if e := a.follow(t, path, "999999999")(); e.name != "reset" {
		t.Errorf("behind an event that never was: %v, want a reset", e)
	}
	odd := value.Object("source", value.String("x"), "topic", value.String("a\ndata: {}"), "job", value.Object())
	if err := a.bus.Publish(t.Context(), bus.Message{Subject: bus.PlatformFeedSubject("x", "y"), Data: odd.AppendJSON(nil)})[0]; err != nil {
		t.Fatal(err)
	}
	if got, _ := saw(mine, "event"); got != "" {
		t.Errorf("an event with an odd topic is about %q", got)
	}
	if got := a.must(t, "GET", "/operations-manager/events", "").Get("data").At(0).Get("source").Text(); got != runner.EngineSource {
		t.Errorf("source of the first event = %q", got)
	}
}

func TestStream_bounded(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for range 20 {
		a.follow(t, "/operations-manager/events/stream", "")
	}
	a.refused(t, 429, "GET", "/operations-manager/events/stream", "")
}
