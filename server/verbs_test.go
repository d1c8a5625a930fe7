package server_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heddlehq/heddle/workflows/value"
)

// choosing asks a person and goes on to another question, from which one may go back.
var choosing = frame(`"b1":{"name":"ViewData","canvasName":"ViewData","summary":"First","description":"","location":"Application","locationType":null,
	"app":"WorkFlowEngine","displayName":"WorkFlowEngine","type":"manual","groups":[],"view":"/workflow_engine/task/ViewData",
	"variables":{"incoming":{"header":"1","message":"m","body":"","variables":{},"btn_success":"Yes","btn_failure":"No"},"outgoing":{}}},
	"b2":{"name":"ViewData","canvasName":"ViewData","summary":"Second","description":"","location":"Application","locationType":null,
	"app":"WorkFlowEngine","displayName":"WorkFlowEngine","type":"manual","groups":[],"view":"/workflow_engine/task/ViewData",
	"variables":{"incoming":{"header":"2","message":"m","body":"","variables":{},"btn_success":"Yes","btn_failure":"No"},"outgoing":{}}}`,
	`{"workflow_start":{"b1":{"type":"standard","state":"success"}},"b1":{"b2":{"type":"standard","state":"success"}},
	"b2":{"workflow_end":{"type":"standard","state":"success"}},"workflow_end":{}}`)

// The verbs of the workflow engine's older API, as its clients call them.
func TestVerbs(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.add(t, "Choose", choosing)
	id := a.start(t, "Choose", `{}`)
	a.start(t, "Choose", `{}`)
	const e = "/workflow_engine"
	body := func(more string) string { return `{"job_id":"` + id + `"` + more + `}` }
	status := func(v value.Value) string { return v.Get("status").Text() }

	if got := status(a.must(t, "POST", e+"/pauseJob", body(""))); got != "paused" {
		t.Errorf("pauseJob = %s", got)
	}
	a.refused(t, 409, "POST", e+"/pauseJob", body(""))
	if got := status(a.must(t, "POST", e+"/resumeJob", body(""))); got != "running" {
		t.Errorf("resumeJob = %s", got)
	}
	run := a.must(t, "POST", e+"/getTask", `{"query":{"job._id":"`+id+`","status":"running"},"filter":{"name":1}}`)
	if diff := cmp.Diff([]string{"_id", "name"}, run.Keys()); diff != "" {
		t.Errorf("getTask (-want +got):\n%s", diff)
	}
	claimed := a.must(t, "POST", e+"/tasks/claim", `{"task_id":"`+run.Get("_id").Text()+`","user":"admin"}`)
	if claimed.Path("metrics", "owner").Text() == "" {
		t.Errorf("claim = %s", claimed)
	}
	if got := a.must(t, "POST", e+"/tasks/release", `{"task_id":"`+run.Get("_id").Text()+`"}`).Path("metrics", "owner"); !got.IsNothing() {
		t.Errorf("owner after release = %s", got)
	}
	a.must(t, "POST", e+"/finishTask", body(`,"task_id":"`+run.Get("_id").Text()+`","task_data":{"anything":1}`))
	if got := a.must(t, "GET", e+"/job/statuses/"+id, ""); got.Get("b1").Text() != "complete" || got.Get("b2").Text() != "running" {
		t.Errorf("statuses = %s", got)
	}
	a.must(t, "POST", e+"/finishTask", body(`,"task_id":"b2","task_data":{"finish_state":"failure","variables":{}}`))
	a.job(t, id, "error")
	if got := a.must(t, "POST", e+"/fixJob", body(`,"errored_task":"b2","revert_task":"b1"`)); status(got) != "running" {
		t.Errorf("fixJob = %s", got)
	}
	a.refused(t, 400, "POST", e+"/revertToTask", body(""))
	a.must(t, "POST", e+"/finishTask", body(`,"task_id":"b1"`))
	a.must(t, "POST", e+"/pauseJob", body(""))
	a.must(t, "POST", e+"/revertToTask", body(`,"current_task":"b2","target_task":"b1"`))

	shallow := a.must(t, "GET", e+"/getJobShallow/"+id, "").Path("tasks", "b1")
	if shallow.Has("variables") || shallow.Has("app") || !shallow.Has("status") {
		t.Errorf("shallow task = %s", shallow)
	}
	for path, want := range map[string]int{
		"/getJobList/active":        2,
		"/getJobList/cancelled":     0,
		"/getAssociatedJobs":        2,
		"/jobs/search":              2,
		"/tasks/search":             5,
		"/workflows/search":         1,
		"/getJobList/error?limit=1": 0,
	} {
		got := a.must(t, "POST", e+path, `{"options":{"fields":{"tasks":0},"page":{"skip":0,"limit":10},"sort":{"field":"name","direction":-1},"local":true}}`)
		if n, _ := got.Get("total").Int(); int(n) != want || got.Get("results").Len() != want {
			t.Errorf("%s: %s, want %d", path, got, want)
		}
	}
	a.refused(t, 400, "POST", e+"/getJobList/lost", `{}`)
	for path, body := range map[string]string{
		"/queryJobs": `{"query":{"_id":"` + id + `"}}`, "/jobs/find": `{"query":{"status":{"$in":["running","paused"]},"_id":"` + id + `"},"options":{"sort":{"name":1}}}`,
		"/getJobFromTaskQuery": `{"task_query":{"job.task":"b2"},"options":{"filter":{"name":"Choose"}}}`, "/queryTasksBrief": `{"query":{"job.task":"b2","metrics.finish_state":"failure"}}`,
	} {
		if got := a.must(t, "POST", e+path, body); got.Len() != 1 {
			t.Errorf("%s: %d, want 1: %s", path, got.Len(), got)
		}
	}
	a.refused(t, 400, "POST", e+"/queryJobs", `{"query":{"$where":"1"}}`)
	if got := a.must(t, "PUT", e+"/job/"+id+"/watch", "").Path("data", "watchers"); got.Len() != 1 {
		t.Errorf("watchers = %s", got)
	}
	a.must(t, "PUT", e+"/job/"+id+"/watch", "")
	if got := a.must(t, "POST", e+"/job/watchers/watch", body(`,"watchers":["x"]`)); got.Len() != 2 {
		t.Errorf("watchers = %s", got)
	}
	a.must(t, "DELETE", e+"/job/"+id+"/watch", "")
	group := a.must(t, "POST", "/authorization/groups", `{"group":{"name":"core"}}`).Path("data", "_id").Text()
	a.must(t, "POST", e+"/jobs/"+id+"/groups", `{"group":"`+group+`"}`)
	if got := a.must(t, "GET", e+"/jobs/"+id+"/groups", ""); got.Len() != 1 {
		t.Errorf("groups = %s", got)
	}
	a.must(t, "DELETE", e+"/jobs/"+id+"/groups", "")
	if got := status(a.must(t, "POST", e+"/cancelJob", body(""))); got != "canceled" {
		t.Errorf("cancelJob = %s", got)
	}
	a.refused(t, 404, "POST", e+"/cancelJob", `{"job_id":"nothing"}`)
	details := `,"workflow_details":` + choosing + `}`
	if got := a.must(t, "POST", e+"/findForwardPaths", `{"start_task":"workflow_start","end_task":"b2"`+details); got.String() != `[["workflow_start","b1","b2"]]` {
		t.Errorf("paths = %s", got)
	}
	if got := a.must(t, "POST", e+"/validateAllLoops", `{`+details[1:]); !got.Get("isValid").Truth() {
		t.Errorf("loops = %s", got)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.add(t, "Pick", strings.Replace(picking, `"groups":[],"tags"`, `"preAutomationTime":60000,"groups":[],"tags"`, 1))
	a.add(t, "Other", picking)
	for range 3 {
		a.job(t, a.start(t, "Pick", `{"host":{"name":"r1"}}`), "complete")
	}
	a.job(t, a.start(t, "Other", `{"host":{"name":"r1"}}`), "complete")
	a.job(t, a.start(t, "Pick", `{"host":{}}`), "error")
	jobs := a.must(t, "GET", "/workflow_engine/jobs/metrics?limit=100&skip=0&containsField=workflow.name&contains=pick", "")
	m := jobs.Get("results").At(0)
	if jobs.Get("total").String() != "1" || m.Path("workflow", "name").Text() != "Pick" || m.Get("jobsComplete").String() != "3" || m.Get("_id").Text() == "" {
		t.Errorf("metrics of jobs = %s", jobs)
	}
	runTime, _ := m.Get("totalRunTime").Int()
	if saved, _ := m.Get("totalTimeSaved").Int(); saved != 180_000-runTime {
		t.Errorf("time saved = %d with a run time of %d", saved, runTime)
	}
	if span := m.Get("metrics").At(0); span.Get("jobsComplete").String() != "3" || !span.Get("startDate").IsString() {
		t.Errorf("metrics = %s", m)
	}
	tasks := a.must(t, "GET", "/workflow_engine/tasks/metrics?equalsField=name&equals=query", "")
	if got := tasks.Get("results").At(0); !got.Get("global").Truth() || got.Get("totalSuccesses").String() != "4" || got.Get("totalErrors").String() != "1" || tasks.Get("total").String() != "3" {
		t.Errorf("metrics of tasks = %s", tasks)
	}
	if got := a.must(t, "GET", "/workflow_engine/tasks/metrics?equals[workflow.name]=Other&period=day", "").Get("results").At(0); got.Get("taskId").Text() != "a1" {
		t.Errorf("metrics of a task = %s", got)
	}
	a.refused(t, 400, "GET", "/workflow_engine/jobs/metrics?period=eon", "")
	a.refused(t, 400, "GET", "/workflow_engine/jobs/metrics?equals[colour]=red", "")
}

func TestWorkers(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.add(t, "Pick", picking)
	const e = "/workflow_engine"
	if got := a.must(t, "GET", e+"/workers/status", ""); !got.Path("jobWorker", "running").Truth() || !got.Path("taskWorker", "running").Truth() {
		t.Errorf("status = %s", got)
	}
	a.must(t, "POST", e+"/jobWorker/deactivate", "")
	a.refused(t, 503, "POST", "/operations-manager/jobs/start", `{"workflow":"Pick","options":{"variables":{"host":{"name":"x"}}}}`)
	a.must(t, "POST", e+"/jobWorker/activate", "")
	a.must(t, "POST", e+"/deactivate", "")
	id := a.start(t, "Pick", `{"host":{"name":"x"}}`)
	if got := a.must(t, "GET", e+"/active", ""); got.Truth() {
		t.Errorf("active = %s", got)
	}
	held := a.must(t, "GET", "/operations-manager/jobs/"+id, "").Get("data")
	if held.Get("status").Text() != "running" || held.Path("tasks", "a1", "status").Text() != "running" {
		t.Errorf("a job whose tasks are held: %s", held)
	}
	a.must(t, "POST", e+"/activate", "")
	a.job(t, id, "complete")
}

func TestBuilder(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	const b = "/workflow_builder/workflows"
	saved := a.must(t, "POST", b+"/save", `{"workflow":`+strings.Replace(picking, `"name":"x"`, `"name":"A/B c"`, 1)+`}`)
	again := a.must(t, "POST", b+"/save", `{"workflow":`+strings.Replace(picking, `"name":"x"`, `"name":"A/B c","preAutomationTime":5`, 1)+`}`)
	if saved.Get("_id").Text() != again.Get("_id").Text() {
		t.Errorf("saved twice: %s and %s", saved.Get("_id"), again.Get("_id"))
	}
	if got := a.must(t, "POST", b+"/rename", `{"workflow":{"_id":"`+saved.Get("_id").Text()+`","name":"A/B c"},"newName":"D/E"}`); got.Get("name").Text() != "D/E" {
		t.Errorf("renamed = %s", got)
	}
	a.refused(t, 404, "POST", b+"/rename", `{"workflow":{"name":"A/B c"},"newName":"F"}`)
	if got := a.must(t, "POST", b+"/schemas", `{"workflow":`+picking+`}`); !got.Path("inputSchema", "properties").Has("host") || !got.Path("outputSchema", "properties").Has("reply") {
		t.Errorf("schemas = %s", got)
	}
	if got := a.must(t, "GET", "/workflow_engine/workflows/variables/D/E", ""); got.String() != `["host"]` {
		t.Errorf("variables = %s", got)
	}
	group := a.must(t, "POST", "/authorization/groups", `{"group":{"name":"core"}}`).Path("data", "_id").Text()
	a.must(t, "POST", b+"/D%2FE/groups", `{"group":"`+group+`"}`)
	if got := a.must(t, "GET", b+"/D%2FE/groups/", ""); got.Len() != 1 {
		t.Errorf("groups = %s", got)
	}
	a.refused(t, 400, "PUT", b+"/D%2FE/groups", `{"groups":["nobody"]}`)
	if got := a.must(t, "DELETE", b+"/D%2FE/groups/"+group, ""); got.Len() != 0 {
		t.Errorf("groups = %s", got)
	}
	a.must(t, "PUT", b+"/D%2FE/groups/", `{"groups":["`+group+`"]}`)
	if got := a.must(t, "DELETE", b+"/D%2FE/groups", `{"groups":"x"}`); got.Len() != 0 {
		t.Errorf("groups = %s", got)
	}
}
