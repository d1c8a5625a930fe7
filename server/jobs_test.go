package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/heddlehq/heddle/workflows/value"
	"github.com/heddlehq/heddle/workflows/workflowtest"
)

func TestJob_runs(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.add(t, "Pick", picking)
	id := a.start(t, "Pick", `{"host":{"name":"r1"}}`)
	job := a.job(t, id, "complete")
	if got := job.Path("variables", "reply").Text(); got != "r1" {
		t.Errorf("reply = %q, want r1: %s", got, job)
	}
	me := a.must(t, "GET", "/whoami", "")
	if got, want := job.Path("metrics", "user").Text(), me.Get("_id").Text(); got != want {
		t.Errorf("metrics.user = %q, want the account %q", got, want)
	}
	task := job.Path("tasks", "a1")
	if got := task.Get("finish_state").Text(); got != "success" {
		t.Errorf("finish_state = %q, want success: %s", got, task)
	}
	run := a.must(t, "GET", "/operations-manager/tasks/"+task.Get("iterations").At(0).Text(), "").Get("data")
	if got := run.Path("variables", "incoming", "obj", "name").Text(); got != "r1" {
		t.Errorf("resolved incoming = %s, want host r1", run.Get("variables"))
	}
	if out := a.must(t, "GET", "/workflow_engine/job/"+id+"/output", ""); out.Get("reply").Text() != "r1" {
		t.Errorf("output = %s", out)
	}
	for _, path := range []string{"/workflow_engine/getJob/" + id, "/workflow_engine/job/" + id + "/details"} {
		if got := a.must(t, "GET", path, "").Get("status").Text(); got != "complete" {
			t.Errorf("GET %s: status %q, want complete", path, got)
		}
	}
}

func TestJob_start_refused(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.add(t, "Pick", picking)
	a.add(t, "Draft", frame(`"zzzz":{"name":"nothing"}`, `{}`))
	const path = "/operations-manager/jobs/start"
	for body, want := range map[string]struct {
		status  int
		pointer string
	}{
		`{}`:                                     {400, "/workflow"},
		`{"workflow":"Pick"}`:                    {400, "/options"},
		`{"options":{}}`:                         {400, "/workflow"},
		`{"workflow":1}`:                         {400, "/workflow"},
		`[]`:                                     {400, "/workflow"},
		`{"workflow":"Pick","options":{},"x":1}`: {400, "/x"},
		`{"workflow":"Pick","options":{"variables":[]}}`:                  {400, "/variables"},
		`{"workflow":"Pick","options":{"groups":["65f0"]}}`:               {400, "/options/groups/0"},
		`{"workflow":"Pick","options":{}}`:                                {400, "/options/variables"},
		`{"workflow":"No","options":{}}`:                                  {404, ""},
		`{"workflow":"Draft","options":{}}`:                               {400, "/"},
		`{"workflow":"Pick","workflow":"Ask","options":{}}`:               {400, "/workflow"},
		`{"workflow":"Pick","options":{"variables":{"a":{"b":1,"b":2}}}}`: {400, "/options/variables/a/b"},
		"{\"workflow\":\"\xff\"}":                                         {400, "/workflow"},
		``:                                                                {400, ""},
		strings.Repeat("[", 600):                                          {400, "/0/0"},
	} {
		got := a.refused(t, want.status, "POST", path, body)
		pointer := got.Path("metadata", "errors").At(0).Get("pointer").Text()
		if !strings.HasPrefix(pointer, want.pointer) {
			t.Errorf("%.80s: pointer %q, want %q…: %s", body, pointer, want.pointer, got)
		}
	}
	if total := a.must(t, "GET", "/operations-manager/jobs", "").Path("metadata", "total"); !value.Equal(total, value.Int(0)) {
		t.Errorf("%s jobs exist after refused starts", total)
	}
	violations := a.refused(t, 400, "POST", path, `{"workflow":"Pick","options":{}}`).Path("data", "validationErrors")
	if got := violations.At(0).Get("keyword").Text(); got != "required" {
		t.Errorf("validationErrors = %s, want keyword required", violations)
	}
	if got := a.refused(t, 404, "POST", path, `{"workflow":"No such","options":{}}`).Get("message").Text(); !strings.Contains(got, "No such") {
		t.Errorf("message %q does not name the workflow", got)
	}
}

func TestJob_manual(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.add(t, "Ask", asking)
	id := a.start(t, "Ask", `{}`)
	waiting := a.must(t, "GET", "/operations-manager/tasks?equals[type]=manual&equals[status]=running", "")
	task := waiting.Get("data").At(0)
	if got := task.Path("job", "task").Text(); got != "b1" {
		t.Fatalf("waiting tasks: %s", waiting)
	}
	run := "/operations-manager/tasks/" + task.Get("_id").Text()
	me := a.must(t, "GET", "/whoami", "").Get("_id").Text()

	claimed := a.must(t, "POST", run+"/claim", "").Get("data")
	if got := claimed.Path("metrics", "owner").Text(); got != me {
		t.Errorf("owner after claim = %q, want %q", got, me)
	}
	expanded := a.must(t, "GET", run+"?dereference=accounts.metrics.owner", "").Get("data")
	if got := expanded.Path("metrics", "owner", "username").Text(); got != "admin" {
		t.Errorf("dereferenced owner = %s", expanded.Get("metrics"))
	}
	bob := a.as(t, "bob", []string{"operations"})
	bob.refused(t, 409, "POST", run+"/claim", "")
	finish := "/operations-manager/jobs/" + id + "/tasks/b1/finish"
	bob.refused(t, 409, "POST", finish, `{"taskData":{"finish_state":"success","variables":{}}}`)
	a.must(t, "POST", run+"/release", "")
	view := bob.must(t, "GET", "/operations-manager/jobs/"+id+"/tasks/b1/manual-controller", "").Get("data")
	if got := view.Path("variables", "btn_success").Text(); got != "Yes" {
		t.Errorf("manual controller = %s", view)
	}
	a.refused(t, 400, "POST", finish, `{"taskData":{"finish_state":"perhaps"}}`)
	bob.must(t, "POST", finish, `{"taskData":{"finish_state":"success","variables":{}}}`)
	a.job(t, id, "complete")
	a.refused(t, 409, "POST", finish, `{"taskData":{"finish_state":"success","variables":{}}}`)
}

func TestJob_repairs(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.add(t, "Ask", asking)
	id := a.start(t, "Ask", `{}`)
	base := "/operations-manager/jobs/" + id
	a.must(t, "POST", base+"/tasks/b1/finish", `{"taskData":{"finish_state":"error","variables":{}}}`)
	failed := a.job(t, id, "error")
	last := failed.Get("error").At(failed.Get("error").Len() - 1)
	if text := last.Get("message").Text(); !strings.Contains(strings.ToLower(text), "no available transitions") {
		t.Errorf("error = %s", failed.Get("error"))
	}
	if !failed.Path("metrics", "end_time").IsAbsent() {
		t.Error("a job in error has an end time")
	}
	why := a.must(t, "GET", base+"/explain", "").Path("data", "reasons").At(0)
	if why.Get("kind").Text() != "error" || why.Get("unblock").Text() == "" {
		t.Errorf("explain = %s", why)
	}
	a.refused(t, 404, "POST", base+"/tasks/ffff/retry", "")
	a.must(t, "POST", base+"/tasks/b1/retry", `{"variables":{"again":true}}`)
	again := a.job(t, id, "running")
	if !again.Path("variables", "again").Truth() || again.Path("tasks", "b1", "iterations").Len() != 2 {
		t.Errorf("after retry: %s", again)
	}
	a.must(t, "PATCH", base+"/variables", `{"variables":{"x":1}}`)
	a.refused(t, 400, "PATCH", base+"/variables", `{"variables":{"_id":"1"}}`)
	a.must(t, "POST", base+"/tasks/b1/skip", `{"reason":"enough"}`)
	done := a.job(t, id, "complete")
	if n, _ := done.Path("variables", "x").Int(); n != 1 {
		t.Errorf("variables = %s, want x 1", done.Get("variables"))
	}
	history := a.must(t, "GET", base+"/history?limit=100", "")
	if first := history.Get("data").At(0).Get("type").Text(); first != "JobStarted" {
		t.Errorf("history begins with %q: %s", first, history)
	}
	a.refused(t, 409, "POST", base+"/continue", `{"fromTask":"b1"}`)
	a.refused(t, 400, "POST", base+"/revert", `{"fromTask":"b1"}`)
}

func TestJob_many(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.add(t, "Ask", asking)
	one, two := a.start(t, "Ask", `{}`), a.start(t, "Ask", `{}`)
	ids := func(ids ...string) string { return value.Object("jobIds", value.Strings(ids...)).String() }
	const jobs = "/operations-manager/jobs"

	paused := a.must(t, "POST", jobs+"/pause", ids(one, two))
	if got := paused.Path("data", one, "status").Text(); got != "paused" {
		t.Errorf("pause answers %s", paused)
	}
	a.must(t, "POST", jobs+"/resume", ids(one))
	a.job(t, one, "running")
	part := a.must(t, "POST", jobs+"/cancel", ids(one, "ffffffffffffffffffffffff"))
	if !strings.Contains(part.Get("message").Text(), "canceled 1 of 2") || part.Path("data", "ffffffffffffffffffffffff", "success").Truth() {
		t.Errorf("cancel answers %s", part)
	}
	a.job(t, one, "canceled")
	none := a.refused(t, 500, "POST", jobs+"/cancel", ids("ffffffffffffffffffffffff"))
	if none.Get("message").Text() != "Failed to cancel all jobs" || !none.Get("data").Has("ffffffffffffffffffffffff") {
		t.Errorf("failed cancel answers %s", none)
	}
	a.must(t, "POST", jobs+"/cancel", ids(one)) // again is fine
	tooMany := make([]string, 101)
	for i := range tooMany {
		tooMany[i] = fmt.Sprint(i)
	}
	a.refused(t, 400, "POST", jobs+"/cancel", ids(tooMany...))
	a.refused(t, 400, "POST", jobs+"/cancel", ids())
	a.refused(t, 400, "POST", jobs+"/cancel", `{"jobIds":"x"}`)
	a.refused(t, 400, "POST", jobs+"/pause", `{"jobIds":["x"],"mode":"graceful"}`)
}

func TestJob_list(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.add(t, "Pick", picking)
	a.add(t, "Ask", asking)
	for range 3 {
		a.job(t, a.start(t, "Pick", `{"host":{"name":"r1"}}`), "complete")
	}
	a.start(t, "Ask", `{}`)
	for query, want := range map[string]int64{
		"":                                              4,
		"?limit=0":                                      4,
		"?limit=1&skip=1":                               4,
		"?equals[name]=Pick":                            3,
		"?not-equals[name]=Pick":                        1,
		"?equals=Pick&equalsField=name":                 3,
		"?contains[name]=IC":                            3,
		"?starts-with[name]=A":                          1,
		"?startsWith=A&startsWithField=name":            1,
		"?ends-with[name]=k":                            4,
		"?in[status]=running,paused":                    1,
		"?not-in[status]=running,paused":                3,
		"?gt[metrics.start_time]=0":                     4,
		"?lt[metrics.start_time]=2001-01-01":            0,
		"?gte[metrics.start_time]=2001-01-01T00:00:00Z": 4,
		"?equals[metrics.progress]=1":                   3,
		"?equals[error]=true":                           0,
		"?equals[name]=Pick&in[status]=running":         0,
		"?exists[metrics.end_time]=true":                3,
	} {
		got := a.must(t, "GET", "/operations-manager/jobs"+query, "")
		if n, _ := got.Path("metadata", "total").Int(); n != want {
			t.Errorf("%s: total %d, want %d", query, n, want)
		}
	}
	page := a.must(t, "GET", "/operations-manager/jobs?limit=3&skip=3&sort=name&order=-1&include=name,metrics.user", "")
	want := `{"skip":3,"limit":3,"total":4,"nextPageSkip":null,"previousPageSkip":0,"currentPageSize":1}`
	if got := page.Get("metadata"); !value.Equal(got, value.MustParse(want)) {
		t.Errorf("metadata = %s, want %s", got, want)
	}
	job := page.Get("data").At(0)
	if got := strings.Join(job.Keys(), " "); got != "name _id metrics" && got != "_id name metrics" {
		t.Errorf("included members: %s", got)
	}
	if job.Get("name").Text() != "Ask" || job.Get("metrics").Len() != 1 {
		t.Errorf("last job by falling name: %s", job)
	}
	if job := a.must(t, "GET", "/operations-manager/jobs?exclude=tasks,variables&limit=1", "").Get("data").At(0); job.Has("tasks") || !job.Has("name") {
		t.Errorf("excluded members are there: %v", job.Keys())
	}
	body := `{"queryParameters":{"limit":1,"include":"name,status","in":{"status":"running,paused"}}}`
	if got := a.must(t, "GET", "/operations-manager/jobs", body); got.Get("data").Len() != 1 || got.Path("metadata", "limit").String() != "1" {
		t.Errorf("query in a body: %s", got)
	}
	body = `{"options":{"query":{"name":"Ask"},"limit":5}}`
	if got := a.must(t, "GET", "/automation-studio/workflows", body); got.Get("total").String() != "1" {
		t.Errorf("search in the body of a GET: %s", got)
	}
	search := `{"options":{"query":{"metrics.progress":1,"status":{"$in":["complete"]}},"limit":2,"sort":{"name":-1},"fields":{"name":1},"expand":["x"]}}`
	if got := a.must(t, "POST", "/workflow_engine/jobs/search", search); got.Get("results").Len() != 2 || got.Get("total").String() != "3" {
		t.Errorf("search: %s", got)
	}
	found := a.must(t, "POST", "/workflow_engine/workflows/search", `{"options":{"query":{"name":"Ask"}}}`)
	if found.Get("results").Len() != 1 || !found.Get("metadata").Has("nextPageSkip") {
		t.Errorf("workflow search: %s", found)
	}
}

func TestJob_list_refused(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for query, name := range map[string]string{
		"equals[$where]=1":              "$where",
		"equals[nme]=x":                 "metrics.start_time",
		"equals[name][$ne]=x":           "equals[name][$ne]",
		"near[name]=x":                  "near",
		"colour=red":                    "colour",
		"equals=x":                      "equalsField",
		"limit=-1":                      "limit",
		"limit=many":                    "limit",
		"skip=1&skip=2":                 "skip",
		"order=up":                      "order",
		"sort=$natural":                 "$natural",
		"gt[metrics.start_time]=monday": "metrics.start_time",
		"equals[archived]=perhaps":      "archived",
		"gt[archived]=true":             "archived",
		"dereference=everything":        "everything",
		"include=name&exclude=status":   "exclude",
		"equals[name]=%ff":              "name",
		"a=%zz":                         "query string",
	} {
		got := a.refused(t, 400, "GET", "/operations-manager/jobs?"+query, "")
		if !strings.Contains(got.Get("message").Text(), name) {
			t.Errorf("%s: message %q does not name %q", query, got.Get("message"), name)
		}
	}
	for _, query := range []string{`{"$where":"1"}`, `{"name":{"$regex":".*"}}`, `{"name":{"$ne":{"$gt":""}}}`, `[]`, `{"name":["a"]}`} {
		a.refused(t, 400, "POST", "/workflow_engine/jobs/search", `{"options":{"query":`+query+`}}`)
	}
	a.refused(t, 400, "GET", "/operations-manager/jobs", `{"queryParameters":{"equals":{"name":{"$ne":""}}}}`)
}

// One job, one task run and a history are shown with whole values; lists spare their readers the
// large ones.
func TestJob_largeValues(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.add(t, "Pick", picking)
	large := strings.Repeat("interface Gi0/1 ", 20_000)
	id := a.start(t, "Pick", `{"host":{"name":"`+large+`"}}`)
	job := a.job(t, id, "complete")
	if got := job.Path("variables", "reply").Text(); got != large {
		t.Errorf("reply = %.200s of %d bytes", got, len(got))
	}
	run := a.must(t, "GET", "/operations-manager/tasks/"+job.Path("tasks", "a1", "iterations").At(0).Text(), "").Get("data")
	if got := run.Path("variables", "incoming", "obj", "name").Text(); got != large {
		t.Errorf("incoming = %.200s", run.Get("variables"))
	}
	history := a.must(t, "GET", "/operations-manager/jobs/"+id+"/history?limit=100", "").Get("data")
	if got := history.At(0).Path("start", "variables", "host", "name").Text(); got != large {
		t.Errorf("history begins with %.300s", history)
	}
	for _, list := range []string{"jobs", "tasks"} {
		data := a.must(t, "GET", "/operations-manager/"+list, "").Get("data")
		if data.Len() == 0 || data.Exceeds(len(large)) || !strings.Contains(data.String(), `{"$payload":"`) {
			t.Errorf("the list of %s is %.300s", list, data)
		}
	}
}

// A job has the priority that its start gives it, else its workflow's, and children have their parent's.
func TestJob_priority(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.add(t, "Usual", asking)
	a.add(t, "Urgent", value.MustParse(asking).With("priority", value.Int(8)).String())
	a.add(t, "Parent", workflowtest.Draw("Parent", "start>a1 a1>end", workflowtest.Operation("a1", "childJob",
		`{"task":"","workflow":"Urgent","variables":{},"data_array":"","transformation":"","loopType":""}`, `{"job_details":null}`)).String())
	for name, tc := range map[string]struct{ workflow, options, want string }{
		"usual":              {"Usual", `{}`, "5"},
		"the workflow's":     {"Urgent", `{}`, "8"},
		"the start's":        {"Urgent", `{"priority":0}`, "0"},
		"the start's, usual": {"Urgent", `{"priority":5}`, "5"},
	} {
		job := a.must(t, "POST", "/operations-manager/jobs/start", `{"workflow":"`+tc.workflow+`","options":`+tc.options+`}`).Get("data")
		stored := a.must(t, "GET", "/operations-manager/jobs/"+job.Get("_id").Text(), "").Get("data")
		if got := job.Get("priority").String(); got != tc.want || stored.Get("priority").String() != tc.want {
			t.Errorf("%s: priority %s, stored %s, want %s", name, got, stored.Get("priority"), tc.want)
		}
	}
	for _, bad := range []string{`-1`, `10`, `"high"`, `1.5`} {
		r := a.refused(t, http.StatusBadRequest, "POST", "/operations-manager/jobs/start", `{"workflow":"Usual","options":{"priority":`+bad+`}}`)
		if at := r.Path("metadata", "errors").At(0).Get("pointer").Text(); at != "/options/priority" {
			t.Errorf("priority %s is refused at %q", bad, at)
		}
	}
	parent := a.must(t, "POST", "/operations-manager/jobs/start", `{"workflow":"Parent","options":{"priority":9}}`).Path("data", "_id").Text()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) { // the engine's own time
		child := a.must(t, "GET", "/operations-manager/jobs?equals[parent.job]="+parent, "").Get("data").At(0)
		if child.Get("priority").String() == "9" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the child's priority is %s, want its parent's 9", child.Get("priority"))
		}
	}
	refused := a.call(t, "POST", "/automation-studio/automations", `{"automation":`+value.MustParse(asking).With("name", value.String("Bad")).With("priority", value.Int(11)).String()+`}`)
	if !strings.Contains(refused.text, "/priority") {
		t.Errorf("a workflow of priority 11: %d %s", refused.StatusCode, refused.text)
	}
}
