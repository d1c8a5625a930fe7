package cli

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/heddlehq/heddle/workflows/value"
)

// heddle runs a command of the command line against the server.
func (p *liveServer) heddle(stdin string, args ...string) (out string, err error) {
	p.t.Helper()
	var b strings.Builder
	root := newRoot(&console{in: strings.NewReader(stdin), out: &b, err: io.Discard})
	root.SetArgs(append(args, "--server", p.api.base, "--token", p.api.token))
	err = root.ExecuteContext(p.t.Context())
	return b.String(), err
}

func (p *liveServer) must(stdin string, args ...string) string {
	p.t.Helper()
	out, err := p.heddle(stdin, args...)
	if err != nil {
		p.t.Fatalf("heddle %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// until waits until a command prints a text.
func (p *liveServer) until(text string, args ...string) {
	p.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		out, err := p.heddle("", args...)
		if err == nil && strings.Contains(out, text) {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("heddle %s: %v, want %q:\n%s", strings.Join(args, " "), err, text, out)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// oneCall is a workflow of one adapter task.
func oneCall(name, app, method, output string, incoming value.Value) value.Value {
	task := value.Object("name", value.String(method), "canvasName", value.String(method), "summary", value.String(""), "description", value.String(""),
		"location", value.String("Adapter"), "locationType", value.String(app), "app", value.String(app), "displayName", value.String(app), "type", value.String("automatic"),
		"actor", value.String("Pronghorn"), "groups", value.Array(),
		"variables", value.Object("incoming", incoming, "outgoing", value.Object(output, value.String("$var.job.answer")), "error", value.String(""), "decorators", value.Array()))
	next := value.Object("type", value.String("standard"), "state", value.String("success"))
	return value.Object("name", value.String(name), "type", value.String("automation"), "groups", value.Array(), "tasks", value.Object(
		"workflow_start", value.MustParse(`{"name":"workflow_start","groups":[]}`), "a1", task, "workflow_end", value.MustParse(`{"name":"workflow_end","groups":[]}`)),
		"transitions", value.Object("workflow_start", value.Object("a1", next), "a1", value.Object("workflow_end", next), "workflow_end", value.Object()))
}

// A task waits for its adapter instance, which is then configured without a restart and with
// a secret that nobody sees.
func TestAdapter_life(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server")
	}
	t.Parallel()
	const canary = "opensesame-canary"
	system := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+canary {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"token":"`+canary+`","number":7}`)
	}))
	defer system.Close()
	p := serveLive(t)
	p.importDoc(oneCall("Ask", "Http", "request", "response", value.Object("adapter_id", value.String("tickets"), "path", value.String("/x"))))
	job := p.post(jobs+"/start", value.Object("workflow", value.String("Ask"), "options", value.Object())).Path("data", "_id").Text()
	p.until("There is no adapter instance of Http yet", "job", "explain", job)

	if out := p.must("", "adapter", "kinds"); !strings.Contains(out, "Http") {
		t.Errorf("kinds:\n%s", out)
	}
	file := filepath.Join(t.TempDir(), "tickets.yaml")
	writeFile(t, file, "name: tickets\napp: Http\nconfig:\n  url: "+system.URL+"\n  allow: [127.0.0.0/8]\n  auth: {type: bearer, token: $secret.tickets}\nlimits: {concurrency: 2}\n")
	p.must(canary+"\n", "secret", "set", "tickets")
	if out := p.must("", "adapter", "apply", file); out != "made adapter instance tickets\n" {
		t.Errorf("apply said %q", out)
	}
	p.done(job)
	if out := p.must("", "adapter", "check", "tickets"); out != "tickets works\n" {
		t.Errorf("check said %q", out)
	}
	p.until("RUNNING", "adapter", "list")

	p.must("", "adapter", "stop", "tickets")
	p.until("STOPPED", "adapter", "list")
	job = p.post(jobs+"/start", value.Object("workflow", value.String("Ask"), "options", value.Object())).Path("data", "_id").Text()
	p.until(`"tickets" is stopped`, "job", "explain", job)
	p.must("", "adapter", "start", "tickets")
	p.done(job)
	for _, args := range [][]string{{"job", "get", job, "--json"}, {"adapter", "show", "tickets"}, {"secret", "list"}, {"job", "history", job, "--json"}, {"adapter", "list", "--json"}} {
		if out := p.must("", args...); strings.Contains(out, canary) {
			t.Errorf("heddle %s shows the secret:\n%s", strings.Join(args, " "), out)
		}
	}
	tasks := p.get("/workflow_builder/tasks/list", nil)
	if !strings.Contains(tasks.String(), `"app":"Http"`) || !strings.Contains(p.get("/automation-studio/apps/list", nil).String(), `"Lab"`) {
		t.Error("the palette has no adapters")
	}
	p.must("", "adapter", "delete", "tickets")
	if _, err := p.heddle("", "adapter", "show", "tickets"); err == nil || !strings.Contains(err.Error(), "no adapter instance") {
		t.Errorf("show after delete: %v", err)
	}
}

// What an adapter says about a task is kept with it.
func TestJob_logs(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server")
	}
	t.Parallel()
	p := serveLive(t)
	p.importDoc(oneCall("Say", "Lab", "progress", "result", value.Object("adapter_id", value.String("lab"), "seconds", value.Int(0), "steps", value.Int(3))))
	job := p.post(jobs+"/start", value.Object("workflow", value.String("Say"), "options", value.Object())).Path("data", "_id").Text()
	p.done(job)
	p.until("step 3 of 3", "job", "logs", job)
	out := p.must("", "job", "logs", job, "a1", "--json")
	if n := strings.Count(out, "\n"); n != 3 || !strings.Contains(out, `"text":"step 1 of 3"`) {
		t.Errorf("%d lines:\n%s", n, out)
	}
	runs := p.get("/operations-manager/tasks", url.Values{"equals[job._id]": {job}})
	answer := p.get("/operations-manager/tasks/"+runs.Get("data").At(0).Get("_id").Text()+"/logs", url.Values{"limit": {"2"}, "skip": {"1"}})
	if answer.Get("data").Len() != 2 || answer.Path("metadata", "total").String() != "3" || answer.Path("metadata", "dropped").String() != "0" {
		t.Errorf("answered %s", answer)
	}
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// An adapter in another process and another language is found with what it can do, works
// with credentials for its own orders, and may go and come back.
func TestAdapter_otherProcess(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server")
	}
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed: the worker in another language is not tried")
	}
	p := serveLive(t, "--bus-listen", "127.0.0.1:0")
	address := strings.TrimSpace(p.local("adapter", "credentials", "--data-dir", filepath.Join(p.dir, "data"), "--app", "Python"))
	if !strings.HasPrefix(address, "nats://worker.default.Python:") {
		t.Fatalf("credentials %q", address)
	}
	p.importDoc(oneCall("Far", "Python", "echo", "result", value.Object("adapter_id", value.String("any"), "value", value.Int(7))))
	start := func() string {
		return p.post(jobs+"/start", value.Object("workflow", value.String("Far"), "options", value.Object())).Path("data", "_id").Text()
	}
	job := start()
	p.until("No adapter of Python is connected", "job", "explain", job)
	work := func() (stop func()) {
		ctx, cancel := context.WithCancel(t.Context())
		worker := exec.CommandContext(ctx, python, "../../testdata/adapters/python/worker.py", address)
		worker.Stderr = t.Output()
		if err := worker.Start(); err != nil {
			t.Fatal(err)
		}
		return func() { cancel(); _ = worker.Wait() } // killed is what we want
	}
	stop := work()
	p.done(job)
	p.until("Python", "adapter", "kinds")
	for path, want := range map[string]string{"/workflow_builder/tasks/list": `"app":"Python"`, "/automation-studio/apps/list": `"Python"`} {
		if got := p.get(path, nil).String(); !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", path, want)
		}
	}
	p.importDoc(oneCall("Wrong", "Python", "echo", "nothing", value.Object()))
	_, err = p.api.post(t.Context(), jobs+"/start", value.Object("workflow", value.String("Wrong"), "options", value.Object()))
	refused(t, "wrong output", err, "echo gives no output")
	stop()
	job = start() // it waits for the adapter to come back
	defer work()()
	p.done(job)
}

// local runs a command that needs no server.
func (p *liveServer) local(args ...string) string {
	p.t.Helper()
	var b strings.Builder
	root := newRoot(&console{in: strings.NewReader(""), out: &b, err: io.Discard})
	root.SetArgs(args)
	if err := root.ExecuteContext(p.t.Context()); err != nil {
		p.t.Fatalf("heddle %s: %v", strings.Join(args, " "), err)
	}
	return b.String()
}

// Each operation of an imported description is a task at once, and survives a restart.
func TestIntegrationModel(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server")
	}
	t.Parallel()
	system := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"asked":"`+r.Method+" "+r.URL.Path+" "+r.Header.Get("X-Key")+`"}`)
	}))
	defer system.Close()
	p := serveLive(t)
	description := value.MustParse(`{"openapi":"3.0.3","info":{"title":"Pets","version":"1.2"},"servers":[{"url":"` + system.URL + `"}],
	 "components":{"securitySchemes":{"key":{"type":"apiKey","in":"header","name":"X-Key"}}},"security":[{"key":[]}],
	 "paths":{"/pets/{id}":{"get":{"operationId":"getPet","parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"string"}}],
	  "responses":{"200":{"description":"ok","content":{"application/json":{"schema":{"type":"object"}}}}}}}}}`)
	p.post("/integration-models/validation", value.Object("model", description))
	p.post("/integration-models", value.Object("model", description))
	_, err := p.api.post(t.Context(), "/integration-models", value.Object("model", description))
	refused(t, "a second one", err, "Pets:1.2")
	_, err = p.api.post(t.Context(), "/integration-models", value.Object("model", value.Object("openapi", value.String("3.0.3"))))
	refused(t, "no title", err, "info")
	p.must("spot", "secret", "set", "pets")
	p.post("/integrations", value.MustParse(`{"properties":{"name":"zoo","model":"Pets:1.2","type":"Adapter","virtual":true,"properties":{"id":"zoo","type":"Adapter",
	 "properties":{"allow":["127.0.0.0/8"],"security":{"key":{"key":"$secret.pets"}}}}}}`))
	if list := p.get("/integrations", nil); list.Get("total").String() != "1" || list.Get("results").At(0).Path("data", "model").Text() != "Pets:1.2" {
		t.Errorf("integrations %s", list)
	}
	p.importDoc(oneCall("Pet", "Pets:1.2", "getPet", "response", value.Object("adapter_id", value.String("zoo"), "id", value.String("7"))))
	run := func() {
		t.Helper()
		job := p.post(jobs+"/start", value.Object("workflow", value.String("Pet"), "options", value.Object())).Path("data", "_id").Text()
		p.done(job)
		got := p.get("/workflow_engine/job/"+job+"/output", nil)
		if text := got.Path("answer", "body", "asked").Text(); text != "GET /pets/7 ***" && text != "GET /pets/7 spot" {
			t.Errorf("answered %s", got)
		}
	}
	run()
	p.kill()
	p.start()
	run()
	if doc := p.get("/integration-models/Pets:1.2/export", nil); !value.Equal(doc, description) {
		t.Errorf("export %s", doc)
	}
	if _, err := p.raw("DELETE", "/integration-models/Pets:1.2", ""); err != nil {
		t.Error(err)
	}
	if got := p.get("/automation-studio/apps/list", nil).String(); strings.Contains(got, "Pets") {
		t.Errorf("the palette still has %s", got)
	}
}

// done waits until a job is complete.
func (p *liveServer) done(job string) {
	p.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		j := p.get(jobs+"/"+job, nil).Get("data")
		if j.Get("status").Text() == "complete" {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("job is %s: %s", j.Get("status"), j.Get("error"))
		}
		time.Sleep(20 * time.Millisecond)
	}
}
