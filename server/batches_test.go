package server_test

import (
	"testing"
	"time"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// calling runs the workflow "Child" as a child job.
var calling = frame(`"c1":{"name":"childJob","canvasName":"childJob","summary":"","description":"","location":"Application","locationType":null,"app":"WorkFlowEngine",
	"displayName":"WorkFlowEngine","type":"operation","actor":"job","groups":[],"variables":{"incoming":{"task":"","workflow":"Child","variables":{"host":{"task":"static","value":{"name":"r1"}}},
	"data_array":"","transformation":"","loopType":""},"outgoing":{"job_details":null}}}`,
	`{"workflow_start":{"c1":{"type":"standard","state":"success"}},"c1":{"workflow_end":{"type":"standard","state":"success"}},"workflow_end":{}}`)

// ended waits for a batch.
func (a *api) ended(t *testing.T, b value.Value) value.Value {
	t.Helper()
	for b.Get("status").Text() == "running" {
		time.Sleep(5 * time.Millisecond)
		b = a.must(t, "GET", "/operations-manager/batches/"+b.Get("_id").Text(), "").Get("data")
	}
	return b
}

func (a *api) total(t *testing.T, path string) string {
	t.Helper()
	return a.must(t, "GET", path, "").Path("metadata", "total").String()
}

func TestJobs_archive(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.add(t, "Pick", picking)
	a.add(t, "Ask", asking)
	done := a.start(t, "Pick", `{"host":{"name":"r1"}}`)
	a.job(t, done, "complete")
	waits := a.start(t, "Ask", `{}`)
	a.refused(t, 409, "POST", jobsPath+"/archive", `{"jobIds":["`+done+`","`+waits+`"]}`)
	a.refused(t, 404, "POST", jobsPath+"/archive", `{"jobIds":["nothing"]}`)
	for _, body := range []string{`{}`, `{"jobIds":[]}`, `{"jobIds":["x"],"query":{}}`, `{"query":{}}`, `{"query":{"equals":{"colour":"red"}}}`, `{"query":{"limit":5}}`} {
		a.refused(t, 400, "POST", jobsPath+"/archive", body)
	}
	b := a.ended(t, a.must(t, "POST", jobsPath+"/archive", `{"query":{"equals":{"name":"Pick"}}}`).Get("data"))
	if b.Get("status").Text() != "complete" || b.Get("done").String() != "1" || b.Get("by").Text() != "admin" {
		t.Errorf("batch = %s", b)
	}
	for path, want := range map[string]string{"": "1", "?archived=true": "1", "?archived=false": "1", "?in[status]=running,complete": "1", "?equals[_id]=" + done: "1", "?equals[name]=Pick": "0"} {
		if got := a.total(t, jobsPath+path); got != want {
			t.Errorf("%s: %s jobs, want %s", path, got, want)
		}
	}
	if got := a.must(t, "GET", jobsPath+"/"+done, "").Get("data"); !got.Get("archived").Truth() || got.Get("status").Text() != "complete" {
		t.Errorf("archived job = %s", got)
	}
	a.must(t, "POST", jobsPath+"/unarchive", `{"jobIds":["`+done+`"]}`)
	if got := a.total(t, jobsPath); got != "2" {
		t.Errorf("%s jobs after unarchive, want 2", got)
	}
	history := a.must(t, "GET", jobsPath+"/"+done+"/history", "").Get("data").Slice()
	if last := history[len(history)-1]; last.Get("type").Text() != "JobRestored" || last.Get("by").Text() != "admin" {
		t.Errorf("last event = %s", last)
	}
	if got := a.total(t, "/operations-manager/batches"); got != "2" {
		t.Errorf("%s batches, want 2", got)
	}
}

func TestJobs_delete(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.add(t, "Child", picking)
	a.add(t, "Parent", calling)
	a.add(t, "Ask", asking)
	parent := a.start(t, "Parent", `{}`)
	a.job(t, parent, "complete")
	child := a.must(t, "GET", jobsPath+"?equals[parent.job]="+parent, "").Get("data").At(0).Get("_id").Text()
	waits := a.start(t, "Ask", `{}`)
	a.refused(t, 409, "POST", jobsPath+"/delete", `{"jobIds":["`+parent+`","`+waits+`"]}`)
	a.refused(t, 409, "DELETE", jobsPath+"/"+waits, "")
	a.refused(t, 409, "DELETE", jobsPath+"/"+child, "")
	a.as(t, "vera", []string{"viewer"}).refused(t, 403, "DELETE", jobsPath+"/"+parent, "")
	if got := a.must(t, "DELETE", jobsPath+"/"+parent, "").Get("data"); got.Get("status").Text() != "complete" || got.Get("done").String() != "1" {
		t.Errorf("batch = %s", got)
	}
	for _, id := range []string{parent, child} {
		a.refused(t, 404, "GET", jobsPath+"/"+id, "")
		a.nothingOf(t, id)
	}
	for range 3 {
		a.job(t, a.start(t, "Parent", `{}`), "complete")
	}
	b := a.ended(t, a.must(t, "POST", jobsPath+"/delete", `{"query":{"lte":{"created":"2100-01-01"}}}`).Get("data"))
	if b.Get("total").String() != "3" || b.Get("done").String() != "3" || a.total(t, jobsPath) != "1" {
		t.Errorf("batch = %s, %s jobs are left", b, a.total(t, jobsPath))
	}
	a.must(t, "GET", jobsPath+"/"+waits, "")
}

// nothingOf makes sure that nothing of a job is left in the store.
func (a *api) nothingOf(t *testing.T, job string) {
	t.Helper()
	for collection, field := range map[string]string{store.Tasks: "job._id", store.History: "job", store.Payloads: "job", store.Quarantine: "job"} {
		found, err := a.store.Find(t.Context(), collection, store.Query{Where: store.Where(field, store.Eq, job)})
		if err != nil || found.Total > 0 {
			t.Errorf("%d documents of %s are left in %s (%v)", found.Total, job, collection, err)
		}
	}
}

func TestRetention(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	const path = "/heddle/retention"
	if got := a.must(t, "GET", path, "").Get("data"); got.String() != `{"rules":[]}` {
		t.Errorf("rules = %s", got)
	}
	rules := `{"rules":[{"name":"old-ones","statuses":["complete"],"after":"30d","action":"delete","export":true}]}`
	if got := a.must(t, "PUT", path, rules).Get("data"); got.String() != rules {
		t.Errorf("rules = %s, want %s", got, rules)
	}
	bad := a.refused(t, 400, "PUT", path, `{"rules":[{"name":"../x","statuses":["running"],"after":"soon","action":"hide","colour":"red"}]}`)
	if n := bad.Path("metadata", "errors").Len(); n != 5 {
		t.Errorf("%d problems, want 5: %s", n, bad)
	}
	a.as(t, "otto", []string{"operations"}).refused(t, 403, "PUT", path, rules)
}
