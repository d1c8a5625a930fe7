package server_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/workflows/value"
)

// letters are the steps A to E, which give back their names.
func (a *api) letters(t *testing.T, name string) {
	t.Helper()
	var steps []string
	for _, s := range []string{"A", "B", "C", "D", "E"} {
		steps = append(steps, `"task":"`+s+`","method":"echo","incoming":{"value":"`+s+`"}`)
	}
	a.sequence(t, name, steps...)
}

// The plan is there before anything but the first step has started.
func TestUC01_planBeforeStart(t *testing.T) {
	t.Parallel()
	a := newAPI(t) // nobody works
	a.letters(t, "L")
	id := a.launch(t, "L", `{}`)
	plan := a.must(t, "GET", jobPath+id+"?include=plan", "").Path("data", "plan")
	var got []string
	for _, p := range plan.Elements() {
		got = append(got, p.Get("order").String()+p.Get("step").Text()+p.Get("type").Text()+p.Get("runOn").Text())
	}
	if want := "1ALab.echoserver 2BLab.echoserver 3CLab.echoserver 4DLab.echoserver 5ELab.echoserver"; strings.Join(got, " ") != want {
		t.Errorf("plan %s, want %s", got, want)
	}
	if a.must(t, "GET", jobPath+id, "").Path("data", "plan").Kind() != value.KindAbsent {
		t.Error("the plan is shown to those who did not ask")
	}
}

// A later group starts when all of the one before it have finished, and one group starts together.
func TestUC03_groups(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.lab(t, adapters.DefaultPool)
	a.sequence(t, "G",
		`"task":"slow","order":1,"method":"sleep","incoming":{"seconds":0.3}`,
		`"task":"fast","order":1,"method":"sleep","incoming":{"seconds":0.1}`,
		`"task":"after","order":2,"method":"echo","incoming":{"value":1}`)
	j := a.job(t, a.launch(t, "G", `{}`), "complete")
	at := func(step, key string) int64 {
		ms, _ := taskNamed(t, j, step).Path("metrics", key).Int()
		return ms
	}
	if at("slow", "start_time") != at("fast", "start_time") {
		t.Error("the first group did not start together")
	}
	if at("after", "start_time") < at("slow", "end_time") {
		t.Error("the second group did not wait for the first")
	}
	if p := j.Path("metrics", "progress"); p.Float() != 1 {
		t.Errorf("UC-07: progress %s", p)
	}
}

func TestUC04_listSteps(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.letters(t, "a/b c")
	steps := a.must(t, "GET", "/operations-manager/workflows/a%2Fb%20c/steps", "").Path("data", "steps")
	if steps.Len() != 5 || steps.At(4).Get("step").Text() != "E" {
		t.Errorf("steps %s", steps)
	}
	if text := a.refused(t, http.StatusNotFound, "GET", "/operations-manager/workflows/nope/steps", "").Get("message").Text(); !strings.Contains(text, "nope") {
		t.Errorf("the refusal does not name the workflow: %s", text)
	}
}

// What gives nothing, or fails in warning mode, keeps its children from running, and only them.
func TestUC05_parents(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.lab(t, adapters.DefaultPool)
	a.sequence(t, "P",
		`"task":"none","order":1,"method":"synchronise","incoming":{"target":"x","entries":{}}`,
		`"task":"bad","order":1,"method":"export","incoming":{"target":"x","error":"disk full"},"continueOnError":true`,
		`"task":"good","order":1,"method":"synchronise","incoming":{"target":"y","entries":{"a":1}}`,
		`"task":"of none","order":2,"method":"echo","incoming":{"value":1},"parents":["none"]`,
		`"task":"of bad","order":2,"method":"echo","incoming":{"value":1},"parents":["bad"]`,
		`"task":"of good","order":2,"method":"echo","incoming":{"value":1},"parents":["good"]`,
		`"task":"alone","order":2,"method":"echo","incoming":{"value":1}`)
	id := a.launch(t, "P", `{}`)
	j := a.job(t, id, "complete")
	want := "none complete, bad complete, good complete, of none skipped(parent-no-output), of bad skipped(parent-error), of good complete, alone complete"
	if got := a.states(t, id); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if w := j.Get("warnings"); w.Len() != 1 || !strings.Contains(w.String(), "disk full") {
		t.Errorf("UC-11: warnings %s", w)
	}
}

// A step that is for an agent waits for it and holds up nothing else.
func TestUC06_agent(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.lab(t, adapters.DefaultPool)
	a.sequence(t, "W",
		`"task":"here","order":1,"method":"echo","incoming":{"value":1},"runOn":"server"`,
		`"task":"there","order":1,"method":"echo","incoming":{"value":1},"runOn":"agent:site-1"`)
	id := a.launch(t, "W", `{}`)
	deadline := time.Now().Add(10 * time.Second)
	for !strings.HasPrefix(a.states(t, id), "here complete, there running") {
		if time.Now().After(deadline) {
			t.Fatalf("steps are %s", a.states(t, id))
		}
		time.Sleep(2 * time.Millisecond)
	}
	there := taskNamed(t, a.must(t, "GET", jobPath+id, "").Get("data"), "there")
	reasons := a.must(t, "GET", jobPath+id+"/explain", "").String()
	if there.Get("waitingFor").Text() != "worker agent:site-1" || !strings.Contains(reasons, "on agent:site-1") {
		t.Errorf("it does not say what it waits for: %s; %s", there, reasons)
	}
	a.lab(t, "site-1")
	a.job(t, id, "complete")
}

// An error stops the job: nothing later starts.
func TestUC08_errorStops(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.lab(t, adapters.DefaultPool)
	a.sequence(t, "F",
		`"task":"A","order":1,"method":"echo","incoming":{"value":1}`,
		`"task":"B","order":2,"method":"fail","incoming":{"text":"no route"}`,
		`"task":"beside","order":2,"method":"echo","incoming":{"value":1}`,
		`"task":"C","order":3,"method":"echo","incoming":{"value":1}`,
		`"task":"D","order":4,"method":"echo","incoming":{"value":1}`)
	id := a.launch(t, "F", `{}`)
	j := a.job(t, id, "error")
	if got, want := a.states(t, id), "A complete, B error, beside complete, C incomplete, D incomplete"; got != want {
		t.Errorf("steps are %s, want %s", got, want)
	}
	if e := j.Get("error").At(0); e.Get("task").Text() != taskNamed(t, j, "B").Get("taskId").Text() || !strings.Contains(e.String(), "no route") {
		t.Errorf("error %s", j.Get("error"))
	}
}

// Warning mode is for methods that allow it.
func TestUC11_onlyWhereAllowed(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	doc := `{"automation":{"name":"X","steps":[{"task":"A","app":"Lab","method":"synchronise","adapter":"lab","incoming":{"target":"x"},"continueOnError":true}]}}`
	errs := a.must(t, "POST", "/automation-studio/automations", doc).Path("created", "errors")
	if errs.Len() != 1 || errs.At(0).Get("pointer").Text() != "/steps/0/continueOnError" {
		t.Errorf("errors %s", errs)
	}
	a.refused(t, http.StatusBadRequest, "POST", starting, `{"workflow":"X","options":{}}`)
}

func TestUC20_partialLaunch(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.lab(t, adapters.DefaultPool)
	a.letters(t, "L")
	for options, want := range map[string]string{
		`{"range":{"begin":"B","end":"D"}}`:            "A skipped, B complete, C complete, D complete, E skipped",
		`{"range":{"begin":"D"}}`:                      "A skipped, B skipped, C skipped, D complete, E complete",
		`{"only":"C"}`:                                 "A skipped, B skipped, C complete, D skipped, E skipped",
		`{"firstOfType":"echo"}`:                       "A complete, B skipped, C skipped, D skipped, E skipped",
		`{"contains":"B","range":{"end":"C"}}`:         "A skipped, B complete, C skipped, D skipped, E skipped",
		`{"firstOfType":"echo","range":{"begin":"A"}}`: "A complete, B skipped, C skipped, D skipped, E skipped",
	} {
		id := a.launch(t, "L", options)
		j := a.job(t, id, "complete")
		if got := strings.ReplaceAll(a.states(t, id), "(out-of-range)", ""); got != want {
			t.Errorf("%s: %s, want %s", options, got, want)
		}
		for _, task := range j.Get("tasks").Members() {
			if task.Get("status").Text() == "skipped" && task.Get("iterations").Len() > 0 {
				t.Errorf("%s: a skipped task ran: %s", options, task)
			}
		}
	}
	before := a.must(t, "GET", "/operations-manager/jobs", "").Path("metadata", "total").String()
	for options, status := range map[string]int{
		`{"range":{"begin":"D","end":"B"}}`: http.StatusBadRequest,
		`{"only":"Z"}`:                      http.StatusNotFound,
		`{"contains":"xyz"}`:                http.StatusNotFound,
		`{"firstOfType":"read"}`:            http.StatusNotFound,
		`{"only":"A","contains":"A"}`:       http.StatusBadRequest,
		`{"range":"A"}`:                     http.StatusBadRequest,
		`{"only":5}`:                        http.StatusBadRequest,
	} {
		a.refused(t, status, "POST", starting, `{"workflow":"L","options":`+options+`}`)
	}
	if after := a.must(t, "GET", "/operations-manager/jobs", "").Path("metadata", "total").String(); after != before {
		t.Errorf("a refused start left a job: %s before, %s after", before, after)
	}
}

// A workflow that others need is not deleted; they are named.
func TestSI14_deleteInUse(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.add(t, "Used", picking)
	parent := frame(`"a1":{"name":"childJob","canvasName":"childJob","summary":"","description":"","location":"Application","locationType":null,
		"app":"WorkFlowEngine","displayName":"WorkFlowEngine","type":"operation","actor":"job","groups":[],
		"variables":{"incoming":{"task":"","workflow":"Used","variables":{},"data_array":"","transformation":"","loopType":""},"outgoing":{"job_details":null}}}`,
		`{"workflow_start":{"a1":{"type":"standard","state":"success"}},"a1":{"workflow_end":{"type":"standard","state":"success"}},"workflow_end":{}}`)
	user := a.add(t, "User", parent)
	automation := a.must(t, "POST", "/operations-manager/automations", `{"name":"Nightly","componentType":"workflows","componentName":"Used"}`).Path("data", "_id").Text()
	path := "/automation-studio/automations/"
	refusal := a.refused(t, http.StatusConflict, "DELETE", path+id, "")
	if got, want := refusal.Path("data", "usedBy").String(), `[{"type":"automation","name":"Nightly"},{"type":"workflow","name":"User"}]`; got != want {
		t.Errorf("used by %s, want %s", got, want)
	}
	a.must(t, "DELETE", "/operations-manager/automations/"+automation, "")
	a.refused(t, http.StatusConflict, "DELETE", path+id, "")
	a.must(t, "DELETE", path+user, "")
	a.must(t, "DELETE", path+id, "")
}

// A cancel with grace lets the running step finish and starts no other.
func TestUC09_gracefulCancel(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.lab(t, adapters.DefaultPool)
	a.sequence(t, "G",
		`"task":"A","method":"sleep","incoming":{"seconds":0.5}`,
		`"task":"B","method":"echo","incoming":{"value":1}`)
	id := a.launch(t, "G", `{}`)
	a.working(t, id, "A")
	began := time.Now()
	a.must(t, "POST", "/operations-manager/jobs/cancel", `{"jobIds":["`+id+`"],"mode":"graceful"}`)
	if took := time.Since(began); took > 400*time.Millisecond {
		t.Errorf("the answer took %s", took)
	}
	j := a.job(t, id, "canceled")
	if !j.Get("finishing").Truth() {
		t.Error("the job does not tell that it is finishing")
	}
	for deadline := time.Now().Add(10 * time.Second); j.Get("finishing").Truth(); j = a.must(t, "GET", jobPath+id, "").Get("data") {
		if time.Now().After(deadline) {
			t.Fatal("the running step did not finish")
		}
		time.Sleep(5 * time.Millisecond)
	}
	if s := taskNamed(t, j, "A").Get("status").Text(); s != "complete" || times(t, j, "B") != "" {
		t.Errorf("A is %s, B started at %s", s, times(t, j, "B"))
	}
}

// A cancel without grace reaches whoever works.
func TestUC10_workersNotice(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	stop := a.lab(t, adapters.DefaultPool)
	a.sequence(t, "G", `"task":"A","method":"silent","incoming":{}`)
	id := a.launch(t, "G", `{}`)
	a.working(t, id, "A")
	a.must(t, "POST", "/operations-manager/jobs/cancel", `{"jobIds":["`+id+`"]}`)
	a.job(t, id, "canceled")
	// The lab's worker is free again: it says nothing until its context ends, and would hold up the stop.
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	select {
	case <-stopped:
	case <-time.After(10 * time.Second):
		t.Error("the worker did not notice")
	}
}

// working waits until a worker has taken a step.
func (a *api) working(t *testing.T, id, step string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		j := a.must(t, "GET", jobPath+id, "").Get("data")
		if taskNamed(t, j, step).Path("metrics", "server_id").Text() != "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("nobody works on %s: %s", step, j)
		}
	}
}

// Every task run of a launch is found by its job, those of repairs included.
func TestUC17_runsOfOneLaunch(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.lab(t, adapters.DefaultPool)
	a.guarded(t, "G", "synchronise", `{"delete":6}`, `{"delete":6}`)
	id := a.launch(t, "G", `{"range":{"begin":"B"}}`)
	a.job(t, id, "blocked")
	a.must(t, "POST", jobPath+id+"/repair", `{}`)
	a.job(t, id, "complete")
	runs := func(filter string) (out []string) {
		for _, r := range a.must(t, "GET", "/operations-manager/tasks?limit=100&sort=metrics.start_time&order=1&"+filter, "").Get("data").Elements() {
			out = append(out, r.Get("summary").Text())
		}
		return out
	}
	got := runs("equals[job._id]=" + id)
	slices.Sort(got) // some begin within the same millisecond
	if strings.Join(got, " ") != "B C C D E" {
		t.Errorf("runs of the job: %s", got)
	}
	if got := runs("equals[job.root]=" + id); len(got) != 6 {
		t.Errorf("runs of the job and its repair: %s", got)
	}
}

// Ten rows unless said otherwise, with the number of all of them; each row shows its steps.
func TestSI02_pages(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.lab(t, adapters.DefaultPool)
	a.sequence(t, "One", `"task":"A","method":"echo","incoming":{"value":1}`)
	for range 12 {
		a.job(t, a.launch(t, "One", `{}`), "complete")
	}
	first := a.must(t, "GET", "/operations-manager/jobs", "")
	if n := first.Get("data").Len(); n != 10 || first.Path("metadata", "total").String() != "12" {
		t.Errorf("%d rows of %s", n, first.Path("metadata", "total"))
	}
	if rest := a.must(t, "GET", "/operations-manager/jobs?limit=25&skip=10", "").Get("data"); rest.Len() != 2 {
		t.Errorf("%d rows on the second page", rest.Len())
	}
	// SI-04
	if m := taskNamed(t, first.Get("data").At(0), "A"); m.Get("status").Text() != "complete" || !m.Path("metrics", "start_time").IsNumber() || !m.Path("metrics", "end_time").IsNumber() {
		t.Errorf("the row does not tell its steps: %s", m)
	}
}
