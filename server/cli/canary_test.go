package cli

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heddlehq/heddle/workflows/value"
)

// step is a task of a canary workflow.
func step(id, name, app, location, incoming, outgoing string) string {
	return fmt.Sprintf(`%q:{"name":%q,"canvasName":%q,"summary":%q,"description":"","location":%q,"locationType":%q,"app":%q,"displayName":%q,
		"type":"automatic","actor":"Pronghorn","groups":[],"variables":{"incoming":%s,"outgoing":%s,"error":"","decorators":[]}}`,
		id, name, name, id, location, app, app, app, incoming, outgoing)
}

func chain(name, decorators string, ids []string, steps ...string) value.Value {
	edges := `"workflow_start":{"` + ids[0] + `":{"type":"standard","state":"success"}}`
	for i, id := range ids {
		next := "workflow_end"
		if i+1 < len(ids) {
			next = ids[i+1]
		}
		edges += fmt.Sprintf(`,%q:{%q:{"type":"standard","state":"success"}}`, id, next)
	}
	return value.MustParse(fmt.Sprintf(`{"name":%q,"type":"automation","canvasVersion":3,"font_size":12,"description":"","groups":[],"tags":[],"decorators":%s,
		"tasks":{"workflow_start":{"name":"workflow_start","groups":[]},"workflow_end":{"name":"workflow_end","groups":[]},%s},
		"transitions":{%s,"workflow_end":{}}}`, name, decorators, strings.Join(steps, ","), edges))
}

// A secret that decorators name goes through a job, a child job, built-in tasks, an adapter and
// a call to another system, which all work with it, and is found nowhere: in no file of the
// store or the bus, in no log, and in nothing that the API tells.
func TestCanary(t *testing.T) {
	t.Parallel()
	const canary = "canary-5f1e8c-swordfish"
	var mu sync.Mutex
	var heard []string
	device := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		heard = append(heard, r.Header.Get("X-Password"))
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"ok":true,"echo":%q}`, r.Header.Get("X-Password"))
	}))
	defer device.Close()

	var log bytes.Buffer
	p := &liveServer{t: t, dir: t.TempDir(), args: []string{"--log-level", "debug", "--allow-address", "127.0.0.0/8"}, log: &log}
	p.start()
	t.Cleanup(p.kill)

	ids := []string{"a1", "a2", "a3", "a4", "a5"}
	parent := chain("Parent", `[{"type":"encryption","pointer":"/variables/password"},{"type":"encryption","pointer":"/variables/login/token"}]`, ids,
		step("a1", "merge", "WorkFlowEngine", "Application", `{"data_to_merge":[{"key":"x-password","value":{"task":"job","variable":"password"}},{"key":"n","value":{"task":"static","variable":1}}]}`, `{"merged_object":"$var.job.headers"}`),
		step("a2", "stringConcat", "WorkFlowEngine", "Application", `{"str":"Bearer ","stringN":"$var.job.password"}`, `{"combinedStrings":null}`),
		step("a3", "echo", "Lab", "Adapter", `{"adapter_id":"lab","value":"$var.job.password"}`, `{"result":"$var.job.echoed"}`),
		step("a4", "restCall", "WorkFlowEngine", "Application", `{"uri":"`+device.URL+`","method":"GET","headers":"$var.a1.merged_object"}`, `{"response":"$var.job.reply"}`),
		step("a5", "childJob", "WorkFlowEngine", "Application", `{"task":"","workflow":"Child","variables":{"secret":{"task":"job","value":"password"}},"data_array":"","transformation":"","loopType":""}`, `{"job_details":null}`))
	child := chain("Child", `[]`, []string{"b1"},
		step("b1", "echo", "Lab", "Adapter", `{"adapter_id":"lab","value":"$var.job.secret"}`, `{"result":"$var.job.seen"}`))
	p.importDoc(child)
	p.importDoc(parent)
	start := func() string {
		return p.post("/operations-manager/jobs/start", value.MustParse(`{"workflow":"Parent","options":{"variables":{"password":"`+canary+`","login":{"user":"ada","token":"`+canary+`"}}}}`)).Path("data", "_id").Text()
	}
	id := start()
	status := p.ends(id)
	job := p.get("/operations-manager/jobs/"+id, nil).Get("data")
	if status != "complete" {
		t.Fatalf("the job is %s: %s", status, job)
	}
	if job.Path("variables", "password").Text() != "********" || job.Path("variables", "login", "token").Text() != "********" || job.Path("variables", "login", "user").Text() != "ada" {
		t.Errorf("variables: %s", job.Get("variables"))
	}
	mu.Lock()
	if len(heard) != 1 || heard[0] != canary {
		t.Errorf("the device heard %q", heard)
	}
	mu.Unlock()
	reveal := url.Values{"reveal": {"true"}}
	clear := p.get("/operations-manager/jobs/"+id, reveal).Path("data", "variables")
	if clear.Get("password").Text() != canary || clear.Path("headers", "x-password").Text() != canary || clear.Get("echoed").Text() != canary {
		t.Errorf("revealed: %s", clear)
	}
	if n, _ := p.get("/heddle/audit", url.Values{"target": {"job/" + id}, "action": {"getJob"}}).Path("metadata", "total").Int(); n != 1 {
		t.Errorf("%d audit entries of what was revealed, want 1", n)
	}

	// Rotation: what was encrypted before can be read as before.
	rotated := p.post("/heddle/keys/rotate", value.Object())
	if rotated.Path("data", "active").Text() == "" {
		t.Errorf("rotated: %s", rotated)
	}
	if again := p.get("/operations-manager/jobs/"+id, reveal).Path("data", "variables", "password").Text(); again != canary {
		t.Errorf("after a rotation: %q", again)
	}

	var told strings.Builder
	told.WriteString(job.String())
	for _, path := range []string{
		"/operations-manager/jobs", "/operations-manager/tasks?limit=0", "/operations-manager/jobs/" + id + "/history?limit=0",
		"/operations-manager/jobs/" + id + "/explain", "/workflow_engine/job/" + id + "/output", "/workflow_engine/getJob/" + id,
		"/heddle/audit?limit=0", "/heddle/quarantine", "/automation-studio/workflows",
	} {
		data, err := p.api.text(t.Context(), "GET", path, "")
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		told.Write(data)
	}
	export, err := p.api.text(t.Context(), "GET", "/heddle/audit/export", "")
	if err != nil {
		t.Fatal(err)
	}
	told.Write(export)
	p.kill()
	if strings.Contains(told.String(), canary) {
		t.Error("the API tells the secret")
	}
	if strings.Contains(log.String(), canary) {
		t.Error("the log holds the secret")
	}
	files := 0
	if err := filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		data, err := os.ReadFile(path)
		if at := bytes.Index(data, []byte(canary)); at >= 0 {
			t.Errorf("%s holds the secret at %d: %q", path, at, data[max(0, at-200):min(len(data), at+60)])
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if files < 4 {
		t.Errorf("only %d files were looked at", files)
	}

	// Without its key a job does not start, and nothing is stored in clear.
	key := filepath.Join(p.dir, "data", "master.key")
	if err := os.Rename(key, key+".lost"); err != nil {
		t.Fatal(err)
	}
	p.start()
	_, err = p.api.post(t.Context(), "/operations-manager/jobs/start", value.MustParse(`{"workflow":"Parent","options":{"variables":{"password":"x"}}}`))
	if err == nil || !strings.Contains(err.Error(), "the encryption key is not available") || !strings.Contains(err.Error(), "master key local:") {
		t.Errorf("start without the key: %v", err)
	}
	if got := p.get("/operations-manager/jobs/"+id, nil).Path("data", "variables", "password").Text(); got != "********" {
		t.Errorf("without the key the job shows %q", got)
	}
}

// ends waits until a job has ended, and tells how.
func (p *liveServer) ends(id string) string {
	p.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		status := p.get("/operations-manager/jobs/"+id, nil).Path("data", "status").Text()
		if status != "running" || time.Now().After(deadline) {
			return status
		}
	}
}
