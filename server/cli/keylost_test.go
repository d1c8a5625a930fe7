package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/heddlehq/heddle/workflows/value"
)

// A job that needs a key which is lost waits and says for what; with the key back it goes on.
func TestKey_lostAndFound(t *testing.T) {
	t.Parallel()
	p := serveLive(t)
	ask := `"b1":{"name":"ViewData","canvasName":"ViewData","summary":"Ask","description":"","location":"Application","locationType":null,
		"app":"WorkFlowEngine","displayName":"WorkFlowEngine","type":"manual","groups":[],"view":"/workflow_engine/task/ViewData",
		"variables":{"incoming":{"header":"Sure?","message":"m","body":"","variables":{},"btn_success":"Yes","btn_failure":"No"},"outgoing":{},"error":"","decorators":[]}}`
	p.importDoc(chain("Later", `[]`, []string{"b1", "a1"}, ask,
		strings.Replace(step("a1", "stringConcat", "WorkFlowEngine", "Application", `{"str":"Bearer ","stringN":"$var.job.password"}`, `{"combinedStrings":"$var.job.header"}`),
			`"decorators":[]`, `"decorators":[{"type":"encryption","pointer":"/incoming/stringN"}]`, 1)))
	job := "/operations-manager/jobs/" + p.post("/operations-manager/jobs/start", value.MustParse(`{"workflow":"Later","options":{"variables":{"password":"swordfish"}}}`)).Path("data", "_id").Text()
	if got := p.get(job, nil).Path("data", "variables", "password").Text(); got != "********" {
		t.Fatalf("what a task's decorator names is shown: %q", got)
	}
	key := filepath.Join(p.dir, "data", "master.key")
	restart := func(from, to string) {
		t.Helper()
		p.kill()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
		p.start()
	}
	until := func(what string, is func() bool) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: %s", what, p.get(job+"/explain", nil))
			}
		}
	}
	restart(key, key+".lost")
	p.post(job+"/tasks/b1/finish", value.MustParse(`{"taskData":{"finish_state":"success"}}`))
	until("the job does not say what it waits for", func() bool {
		text := p.get(job+"/explain", nil).String()
		return strings.Contains(text, "the encryption key is not available") && strings.Contains(text, "master key local:")
	})
	restart(key+".lost", key)
	p.post(job+"/tasks/a1/approve", value.Object())
	p.post("/operations-manager/jobs/resume", value.Object("jobIds", value.Strings(filepath.Base(job))))
	until("the job does not go on", func() bool { return p.get(job, nil).Path("data", "status").Text() == "complete" })
	if got := p.get(job, map[string][]string{"reveal": {"true"}}).Path("data", "variables", "header").Text(); got != "Bearer swordfish" {
		t.Errorf("the header is %q", got)
	}
}
