package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/heddlehq/heddle/workflows/value"
)

// asks is a workflow with one manual task, whose member "person" is given.
func asks(person string) string {
	return strings.Replace(asking, `"view":"/workflow_engine/task/ViewData",`, `"view":"/workflow_engine/task/ViewData","person":`+person+`,`, 1)
}

const yes = `{"taskData":{"finish_state":"success","variables":{}}}`

// Several people must agree, each once, and not the one who started it.
func TestPerson_approvals(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	eve := a.as(t, "eve", []string{"operations"})
	ada, ben := a.as(t, "ada", []string{"approver"}), a.as(t, "ben", []string{"approver"})
	a.add(t, "Agree", asks(`{"approvals":2,"notStarter":true}`))
	id := eve.start(t, "Agree", `{}`)
	finish := jobsPath + "/" + id + "/tasks/b1/finish"
	eve.refused(t, 409, "POST", finish, yes)
	run := a.must(t, "GET", "/operations-manager/worklist", "").Get("data").At(0)
	eve.refused(t, 409, "POST", "/operations-manager/tasks/"+run.Get("_id").Text()+"/claim", "")
	ada.must(t, "POST", "/operations-manager/tasks/"+run.Get("_id").Text()+"/claim", "")
	if got := ada.must(t, "POST", finish, yes).Get("data"); got.Get("status").Text() != "running" {
		t.Errorf("after one of two: %s", got.Get("status"))
	}
	ada.refused(t, 409, "POST", finish, yes)
	run = a.must(t, "GET", "/operations-manager/worklist", "").Get("data").At(0)
	if got := run.Get("approvals"); got.Get("needed").String() != "2" || got.Get("by").Len() != 1 || run.Path("metrics", "owner").IsString() {
		t.Errorf("run after one of two: %s", run)
	}
	ben.must(t, "POST", finish, yes)
	a.job(t, id, "complete")

	second := eve.start(t, "Agree", `{}`)
	ada.must(t, "POST", jobsPath+"/"+second+"/tasks/b1/finish", `{"taskData":{"finish_state":"failure"}}`) // one no is enough
	a.job(t, second, "error")
}

// A task that waits is reminded of, falls due, and is then for more people.
func TestPerson_waits(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	group := func(name string) string {
		return a.must(t, "POST", "/authorization/groups", `{"group":{"name":"`+name+`"}}`).Path("data", "_id").Text()
	}
	first, more := group("first"), group("more")
	one, chief := a.as(t, "one", []string{"operations"}, first), a.as(t, "chief", []string{"operations"}, more)
	doc := asks(`{"due":1,"remind":5,"escalate":30,"escalateTo":["` + more + `"]}`)
	a.add(t, "Wait", strings.Replace(doc, `"type":"manual","groups":[]`, `"type":"manual","groups":["`+first+`"]`, 1))
	next := a.follow(t, "/operations-manager/events/stream", "")
	id := a.start(t, "Wait", `{}`)
	const worklist = "/operations-manager/worklist"
	if got := chief.total(t, worklist); got != "0" {
		t.Errorf("%v tasks for the chief before they escalate", got)
	}
	run := one.must(t, "GET", worklist, "").Get("data").At(0).Get("_id").Text()
	one.must(t, "POST", "/operations-manager/tasks/"+run+"/claim", "")
	var seen []string
	for len(seen) < 2 {
		if e := next(); strings.HasPrefix(e.name, "task") {
			seen = append(seen, e.name)
			if e.data.Path("job", "task").Text() != "b1" || e.data.Path("job", "iteration").Text() != run {
				t.Errorf("event = %s", e.data)
			}
		}
	}
	if seen[0] != "taskReminder" || seen[1] != "taskEscalated" {
		t.Errorf("events = %v", seen)
	}
	var got value.Value
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if got = chief.must(t, "GET", worklist+"?overdue=true&owner=none", "").Get("data"); got.Len() == 1 {
			break
		}
	}
	if got.Len() != 1 || !got.At(0).Get("escalated").Truth() || !got.At(0).Get("overdue").Truth() {
		t.Fatalf("worklist of the chief = %s", got)
	}
	a.refused(t, 400, "GET", worklist+"?owner=you", "")
	chief.must(t, "POST", jobsPath+"/"+id+"/tasks/b1/finish", yes)
	a.job(t, id, "complete")
}

// What is filled into a form must fit it, also into one of the workflow's own project.
func TestForm_checked(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	showing := frame(`"f1":{"name":"ShowJsonForm","canvasName":"ShowJsonForm","summary":"","description":"","location":"Application","locationType":null,"app":"JsonForms",
		"displayName":"JsonForms","type":"manual","groups":[],"view":"/json-forms/task/ShowJsonForm","variables":{"incoming":{"form_id":"Device","instance_data":{}},"outgoing":{"export":"$var.job.device"}}}`,
		`{"workflow_start":{"f1":{"type":"standard","state":"success"}},"f1":{"workflow_end":{"type":"standard","state":"success"}},"workflow_end":{}}`)
	project := a.must(t, "POST", "/automation-studio/projects", `{"name":"P","components":[]}`).Path("data", "_id").Text()
	a.must(t, "POST", "/json-forms/forms", `{"name":"Device","struct":{},"schema":{"type":"object","required":["host"],"properties":{"host":{"type":"string"},"port":{"type":"integer"}}}}`)
	a.add(t, "Fill", showing)
	a.must(t, "POST", "/automation-studio/projects/"+project+"/components/add", `{"mode":"copy","components":[{"type":"jsonForm","reference":"Device"},{"type":"workflow","reference":"Fill"}]}`)
	for _, name := range []string{"Fill", "@" + project + ": Fill"} {
		id := a.start(t, name, `{}`)
		finish := jobsPath + "/" + id + "/tasks/f1/finish"
		bad := a.refused(t, 400, "POST", finish, `{"taskData":{"finish_state":"success","variables":{"export":{"host":"r1","port":"x"}}}}`)
		if got := bad.Path("metadata", "errors").At(0).Get("pointer").Text(); got != "/taskData/variables/export/port" {
			t.Errorf("%s: pointer %q", name, got)
		}
		a.refused(t, 400, "POST", finish, yes)
		a.must(t, "POST", finish, `{"taskData":{"finish_state":"success","variables":{"export":{"host":"r1"}}}}`)
		if got := a.job(t, id, "complete").Path("variables", "device", "host").Text(); got != "r1" {
			t.Errorf("%s: device = %q", name, got)
		}
	}
}
