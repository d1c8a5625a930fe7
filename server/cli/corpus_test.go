package cli

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/heddlehq/heddle/workflows/value"
	"github.com/heddlehq/heddle/workflows/workflowtest"
)

// corpusMock answers for outside systems in the form their applications do; every other
// adapter succeeds without outputs.
const corpusMock = `{"methods":{
 "MOP.RunCommandTemplate":[{"outgoing":{"mop_template_results":{"result":true,"commands_results":[]}}}],
 "AGManager.itential_cli":[{"outgoing":{"stdout":{"completed":[{"host":"r1","response":[{"status":"SUCCESS"}]}]}}}]}}`

// TestCorpus_liveServer starts every real workflow that comes, with its child jobs, to at
// least 20 tasks, on a live server. Only outside systems are
// mocked. People approve what waits for them. Each job must come to an end that its graph
// allows, and its document must have the members clients read.
func TestCorpus_liveServer(t *testing.T) {
	dir := os.Getenv("HEDDLE_CORPUS")
	if dir == "" {
		t.Skip("HEDDLE_CORPUS names no folder of exported projects")
	}
	files, err := filepath.Glob(filepath.Join(dir, "projects", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no projects in %s: %v", dir, err)
	}
	mock := filepath.Join(t.TempDir(), "mock.json")
	if err := os.WriteFile(mock, []byte(corpusMock), 0o600); err != nil {
		t.Fatal(err)
	}
	p := serveLive(t, "--mock", mock)
	for _, f := range files {
		p.importFile(f)
	}
	list := p.get("/automation-studio/workflows", url.Values{"limit": {"0"}})
	byName := map[string]value.Value{}
	for _, w := range list.Get("items").Elements() {
		byName[w.Get("name").Text()] = w
	}
	complete := 0
	for name, w := range byName {
		size, kinds := tree(byName, name, map[string]bool{})
		if size < 20 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			ran, status := p.runToItsEnd(t, w)
			t.Logf("%d tasks drawn, %d iterations run, %s", size, ran, status)
			if status == "complete" && ran >= 20 && kinds["childJob"] && kinds["transformation"] && kinds["manual"] {
				complete++
			}
		})
	}
	if complete == 0 {
		t.Error("no workflow with child jobs, transformations and manual tasks ran at least 20 tasks to a complete end")
	}
}

// tree counts the tasks of a workflow and of its child jobs.
func tree(all map[string]value.Value, name string, above map[string]bool) (size int, kinds map[string]bool) {
	kinds = map[string]bool{}
	if above[name] {
		return 0, kinds
	}
	above[name] = true
	defer delete(above, name)
	for _, task := range all[name].Get("tasks").Members() {
		if task.Get("app").IsAbsent() {
			continue
		}
		size++
		kinds[task.Get("name").Text()], kinds[task.Get("type").Text()] = true, true
		if task.Get("name").Text() == "childJob" {
			n, below := tree(all, task.Path("variables", "incoming", "workflow").Text(), above)
			size += n
			for k := range below {
				kinds[k] = true
			}
		}
	}
	return size, kinds
}

// runToItsEnd starts a job with inputs made from the schema, plays the people, and checks the
// end.
func (p *liveServer) runToItsEnd(t *testing.T, w value.Value) (ran int64, status string) {
	t.Helper()
	variables := workflowtest.Sample(w.Get("inputSchema"))
	answer, err := p.api.post(t.Context(), jobs+"/start", value.Object("workflow", w.Get("name"), "options", value.Object("variables", variables)))
	if err != nil {
		t.Fatalf("start with %s: %v", variables, err)
	}
	id := answer.Path("data", "_id").Text()
	var job value.Value
	deadline := time.Now().Add(40 * time.Second)
	for rejected := 0; ; {
		job = p.get(jobs+"/"+id, nil).Get("data")
		if s := job.Get("status").Text(); s != "running" {
			break
		}
		waiting := p.get("/operations-manager/tasks", url.Values{"equals[type]": {"manual"}, "equals[status]": {"running"}, "equals[job.root]": {id}, "limit": {"0"}})
		for _, task := range waiting.Get("data").Elements() {
			// Most retry pages offer "retry" as success: say no after a while.
			state := "success"
			if rejected++; rejected > 6 {
				state = "failure"
			}
			_, err := p.api.post(t.Context(), fmt.Sprintf("%s/%s/tasks/%s/finish", jobs, task.Path("job", "_id").Text(), task.Path("job", "task").Text()),
				value.Object("taskData", value.Object("finish_state", value.String(state), "variables", value.Object())))
			if err != nil {
				t.Logf("finish: %v", err)
			}
		}
		stuck := p.get(jobs, url.Values{"in[status]": {"error"}, "equals[ancestors]": {id}, "limit": {"0"}, "include": {"ancestors"}})
		for _, child := range stuck.Get("data").Elements() {
			if child.Get("_id").Text() != id {
				p.post(jobs+"/cancel", value.Object("jobIds", value.Array(child.Get("_id"))))
			}
		}
		if time.Now().After(deadline) {
			why := p.get(jobs+"/"+id+"/explain", nil)
			if onlyTimers(why) {
				return 0, "waiting" // a delay of minutes or hours: it says so, and that is all there is to show
			}
			t.Fatalf("still running: %s", why)
		}
		time.Sleep(20 * time.Millisecond)
	}
	switch s := job.Get("status").Text(); s {
	case "complete":
	case "error":
		found := false
		for _, e := range job.Get("error").Elements() {
			found = found || e.Get("task").Text() == "job"
		}
		t.Logf("errors: %s", job.Get("error"))
		if !found {
			t.Errorf("in error without a record of the job's own: %s", job.Get("error"))
		}
	default:
		t.Errorf("ended %s", s)
	}
	for _, key := range []string{
		"_id", "name", "description", "type", "status", "tasks", "transitions", "metrics", "variables", "ancestors", "groups", "watchers",
		"created", "last_updated", "warnings", "inputSchema", "outputSchema",
	} {
		if job.Get(key).IsAbsent() {
			t.Errorf("the job document has no %q", key)
		}
	}
	if job.Get("tasks").Len() < w.Get("tasks").Len() {
		t.Errorf("the job shows %d tasks of %d", job.Get("tasks").Len(), w.Get("tasks").Len())
	}
	all := p.get("/operations-manager/tasks", url.Values{"equals[job.root]": {id}, "limit": {"1"}})
	ran, _ = all.Path("metadata", "total").Int()
	return ran, job.Get("status").Text()
}

// onlyTimers tells whether a job waits for nothing but time.
func onlyTimers(explain value.Value) bool {
	reasons := explain.Path("data", "reasons")
	for _, r := range reasons.Elements() {
		if k := r.Get("kind").Text(); k != "timer" && k != "retry" {
			return false
		}
	}
	return reasons.Len() > 0
}
