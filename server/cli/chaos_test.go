package cli

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/heddlehq/heddle/workflows/value"
)

var (
	chaosJobs  = flag.Int("chaos.jobs", 200, "how many jobs TestChaos runs")
	chaosKills = flag.Int("chaos.kills", 3, "how often TestChaos kills the server while they run")
)

// chaosWorkflow has two slow adapter tasks at once, a join, built-in tasks, a retry and a
// child job.
const chaosWorkflow = `{
 "name":"Chaos","type":"automation","canvasVersion":3,"groups":[],
 "inputSchema":{"type":"object","properties":{"n":{"type":"number"}},"required":["n"]},
 "tasks":{
  "workflow_start":{"name":"workflow_start","groups":[]},
  "a":{"name":"slow","canvasName":"slow","summary":"A","description":"","location":"Adapter","locationType":"Lab","app":"Lab","displayName":"Lab","type":"automatic","actor":"Pronghorn","groups":[],
       "variables":{"incoming":{"adapter_id":"lab"},"outgoing":{"result":"$var.job.a"},"error":"","decorators":[]}},
  "b":{"name":"slow","canvasName":"slow","summary":"B","description":"","location":"Adapter","locationType":"Lab","app":"Lab","displayName":"Lab","type":"automatic","actor":"Pronghorn","groups":[],
       "variables":{"incoming":{"adapter_id":"lab"},"outgoing":{"result":null},"error":"","decorators":[]}},
  "c":{"name":"merge","canvasName":"merge","summary":"C","description":"","location":"Application","app":"WorkFlowEngine","displayName":"WorkFlowEngine","type":"operation","actor":"Pronghorn","groups":[],
       "variables":{"incoming":{"data_to_merge":[{"key":"a","value":{"task":"a","variable":"result"}},{"key":"b","value":{"task":"b","variable":"result"}}]},"outgoing":{"merged_object":null},"error":"","decorators":[]}},
  "d":{"name":"childJob","canvasName":"childJob","summary":"D","description":"","location":"Application","app":"WorkFlowEngine","displayName":"WorkFlowEngine","type":"operation","actor":"job","groups":[],
       "variables":{"incoming":{"task":"","workflow":"Chaos child","variables":{},"data_array":[{"i":1},{"i":2}],"transformation":"","loopType":"parallel"},"outgoing":{"job_details":null},"error":"","decorators":[]}},
  "e":{"name":"slow","canvasName":"slow","summary":"E","description":"","location":"Adapter","locationType":"Lab","app":"Lab","displayName":"Lab","type":"automatic","actor":"Pronghorn","groups":[],
       "variables":{"incoming":{"adapter_id":"lab"},"outgoing":{"result":null},"error":"","decorators":[]}},
  "workflow_end":{"name":"workflow_end","groups":[]}},
 "transitions":{"workflow_start":{"a":{"type":"standard","state":"success"},"b":{"type":"standard","state":"success"}},
  "a":{"c":{"type":"standard","state":"success"}},"b":{"c":{"type":"standard","state":"success"}},
  "c":{"d":{"type":"standard","state":"success"}},"d":{"e":{"type":"standard","state":"success"}},
  "e":{"workflow_end":{"type":"standard","state":"success"}},"workflow_end":{}}}`

const chaosChild = `{
 "name":"Chaos child","type":"automation","canvasVersion":3,"groups":[],
 "tasks":{
  "workflow_start":{"name":"workflow_start","groups":[]},
  "a":{"name":"slow","canvasName":"slow","summary":"A","description":"","location":"Adapter","locationType":"Lab","app":"Lab","displayName":"Lab","type":"automatic","actor":"Pronghorn","groups":[],
       "variables":{"incoming":{"adapter_id":"lab"},"outgoing":{"result":null},"error":"","decorators":[]}},
  "workflow_end":{"name":"workflow_end","groups":[]}},
 "transitions":{"workflow_start":{"a":{"type":"standard","state":"success"}},"a":{"workflow_end":{"type":"standard","state":"success"}},"workflow_end":{}}}`

// TestChaos kills the server again and again in the middle of running jobs. Every accepted
// job must end, and each task's result must count once.
func TestChaos(t *testing.T) {
	mock := filepath.Join(t.TempDir(), "mock.json")
	if err := os.WriteFile(mock, []byte(`{"methods":{"Lab.slow":[{"outgoing":{"result":{"ok":true}},"after":"400ms"}]}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	p := serveLive(t, "--mock", mock)
	t.Logf("ready after %s", p.took)
	p.importDoc(value.MustParse(chaosChild))
	p.importDoc(value.MustParse(chaosWorkflow))
	started := map[string]bool{}
	for i := range *chaosJobs {
		job := p.post(jobs+"/start", value.Object("workflow", value.String("Chaos"), "options", value.Object("variables", value.Object("n", value.Int(int64(i))))))
		started[job.Path("data", "_id").Text()] = true
	}
	for k := range *chaosKills {
		time.Sleep(time.Duration(200+rand.IntN(500)) * time.Millisecond) // the moment is a matter of luck, as in life
		p.kill()
		p.start()
		t.Logf("kill %d: ready again after %s", k+1, p.took)
	}
	waitFor(t, 3*time.Minute, func() (bool, string) {
		left := p.get(jobs, url.Values{"in[status]": {"running,paused,error,incomplete"}, "limit": {"1"}})
		n, _ := left.Path("metadata", "total").Int()
		return n == 0, fmt.Sprintf("%d jobs have not ended", n)
	})
	all := p.get(jobs, url.Values{"limit": {"0"}, "include": {"name,status,ancestors"}})
	children := 0
	for _, j := range all.Get("data").Elements() {
		id := j.Get("_id").Text()
		if s := j.Get("status").Text(); s != "complete" {
			t.Errorf("job %s ended %s", id, s)
		}
		if j.Get("ancestors").Len() > 1 {
			children++
		} else {
			delete(started, id)
		}
	}
	if len(started) > 0 {
		t.Errorf("%d accepted jobs are gone: %v", len(started), slices.Sorted(maps.Keys(started)))
	}
	if want := 2 * *chaosJobs; children != want {
		t.Errorf("%d child jobs, want %d", children, want)
	}
	for _, j := range all.Get("data").Elements() {
		once(t, p, j.Get("_id").Text())
	}
	p.kill()
	var said strings.Builder
	if code := Main([]string{"doctor", "--data-dir", filepath.Join(p.dir, "data")}, strings.NewReader(""), &said, &said); code != 0 {
		t.Errorf("heddle doctor ends with %d:\n%s", code, said.String())
	}
}

// once checks that each task of a job ran in one iteration and that the history holds one
// result for it, without gaps.
func once(t *testing.T, p *liveServer, job string) {
	t.Helper()
	results := map[string]int{}
	var last int64
	for _, e := range p.get(jobs+"/"+job+"/history", url.Values{"limit": {"0"}}).Get("data").Elements() {
		seq, _ := e.Get("seq").Int()
		if seq != last+1 {
			t.Errorf("history of job %s goes from %d to %d", job, last, seq)
		}
		last = seq
		if e.Get("type").Text() == "TaskFinished" {
			n, _ := e.Get("iteration").Int()
			results[fmt.Sprintf("%s/%d", e.Get("task").Text(), n)]++
			if n != 1 {
				t.Errorf("job %s: task %s has an iteration %d without a reason", job, e.Get("task").Text(), n)
			}
		}
	}
	if last == 0 {
		t.Errorf("job %s has no history", job)
	}
	for key, n := range results {
		if n != 1 {
			t.Errorf("job %s: %d results for %s", job, n, key)
		}
	}
}

// waitFor polls until done, and fails with what it was told last.
func waitFor(t *testing.T, patience time.Duration, done func() (bool, string)) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		ok, state := done()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %s: %s", patience, state)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
