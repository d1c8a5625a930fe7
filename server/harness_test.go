package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heddlehq/heddle/adapters/openapi"
	"github.com/heddlehq/heddle/adapters/registry"
	"github.com/heddlehq/heddle/adapters/standard"
	"github.com/heddlehq/heddle/engine/builtin"
	"github.com/heddlehq/heddle/engine/bus/membus"
	"github.com/heddlehq/heddle/engine/keyring"
	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/secrets"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/memstore"
	"github.com/heddlehq/heddle/server"
	"github.com/heddlehq/heddle/server/auth"
	"github.com/heddlehq/heddle/server/lifecycle"
	"github.com/heddlehq/heddle/server/metrics"
	"github.com/heddlehq/heddle/workflows/value"
)

const adminPassword = "correct horse battery"

// api is a server with a running engine, and a caller.
type api struct {
	*server.Server
	auth   *auth.Auth
	store  *memstore.Store
	runner *runner.Runner
	bus    *membus.Bus
	token  string
	log    *syncBuffer
}

// syncBuffer collects what is logged.
type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newAPI(t testing.TB) *api {
	t.Helper()
	return newAPIOn(t, func(s store.Store) store.Store { return s })
}

// newAPIOn is newAPI with something between the server and its store.
func newAPIOn(t testing.TB, between func(store.Store) store.Store) *api {
	t.Helper()
	memory, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	st := between(memory)
	feed := membus.New(membus.Options{})
	master, err := keyring.NewLocal(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := keyring.New(st, master, nil)
	if err != nil {
		t.Fatal(err)
	}
	vault, err := secrets.New(st, keys, nil)
	if err != nil {
		t.Fatal(err)
	}
	known, err := registry.New(registry.Options{Store: st, Bus: feed, Kinds: standard.Kinds(), Import: openapi.Import, Base: builtin.Catalog(), Secrets: vault.Get, Idle: true})
	if err != nil {
		t.Fatal(err)
	}
	lib := library.New(library.Options{Store: st, Catalog: known})
	counts := metrics.New()
	run := runner.New(runner.Options{Seal: keys, Store: st, Bus: feed, Library: lib, Observer: counts})
	counts.Watch(st, run)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("runner: %v", err)
		}
	})
	who, err := auth.New(auth.Options{Store: st})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := who.Bootstrap(t.Context(), adminPassword); err != nil {
		t.Fatal(err)
	}
	log := &syncBuffer{}
	life, err := lifecycle.New(lifecycle.Options{Store: st, Engine: run, Export: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(running(life.Run))
	s, err := server.New(server.Options{Keys: keys, Runner: run, Library: lib, Store: st, Auth: who, Adapters: known, Secrets: vault, Lifecycle: life, Metrics: counts, Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	a := &api{Server: s, auth: who, store: memory, runner: run, bus: feed, log: log}
	a.token = a.login(t, auth.Admin, adminPassword)
	return a
}

// running runs something until what it returns is called.
func running(run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	return func() {
		cancel()
		<-ended
	}
}

// withStore is another server over another store, with the same accounts.
func (a *api) withStore(t *testing.T, st store.Store) *server.Server {
	t.Helper()
	o := a.Options
	o.Store = st
	s, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (a *api) login(t testing.TB, user, password string) string {
	t.Helper()
	token, _, err := a.auth.Login(t.Context(), user, password, "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// as is the same server for another caller: a new account with the roles and groups.
func (a *api) as(t *testing.T, name string, roles []string, groups ...string) *api {
	t.Helper()
	if _, err := a.auth.CreateAccount(t.Context(), auth.NewAccount{Username: name, Password: adminPassword, Roles: roles, Groups: groups}); err != nil {
		t.Fatal(err)
	}
	other := *a
	other.token = a.login(t, name, adminPassword)
	return &other
}

// reply is an answer with its body read.
type reply struct {
	*http.Response
	text string
	json value.Value
}

// send makes a call as it is.
func (a *api) send(t *testing.T, r *http.Request) reply {
	t.Helper()
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	out := reply{Response: w.Result(), text: w.Body.String()}
	if strings.HasPrefix(out.Header.Get("Content-Type"), "application/json") {
		v, err := value.Parse(w.Body.Bytes())
		if err != nil {
			t.Fatalf("%s %s: answer is not JSON: %v\n%s", r.Method, r.URL, err, out.text)
		}
		out.json = v
	}
	return out
}

// call sends JSON with the caller's token.
func (a *api) call(t *testing.T, method, path, body string) reply {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if strings.HasSuffix(path, "/stream") { // which would go on for ever
		ctx, cancel := context.WithTimeout(r.Context(), 20*time.Millisecond)
		defer cancel()
		r = r.WithContext(ctx)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if a.token != "" {
		r.Header.Set("Authorization", "Bearer "+a.token)
	}
	return a.send(t, r)
}

// must is call, for an answer of 200.
func (a *api) must(t *testing.T, method, path, body string) value.Value {
	t.Helper()
	r := a.call(t, method, path, body)
	if r.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: status %d: %s", method, path, r.StatusCode, r.text)
	}
	return r.json
}

// refused is call, for an answer with another status.
func (a *api) refused(t *testing.T, status int, method, path, body string) value.Value {
	t.Helper()
	r := a.call(t, method, path, body)
	if r.StatusCode != status {
		t.Fatalf("%s %s: status %d, want %d: %s", method, path, r.StatusCode, status, r.text)
	}
	if r.json.Get("message").Text() == "" {
		t.Errorf("%s %s: refusal without a message: %s", method, path, r.text)
	}
	return r.json
}

// job waits until a job has the status.
func (a *api) job(t *testing.T, id, status string) value.Value {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		j := a.must(t, "GET", "/operations-manager/jobs/"+id, "").Get("data")
		if j.Get("status").Text() == status {
			return j
		}
		if time.Now().After(deadline) {
			t.Fatalf("job is %s, want %s: %s", j.Get("status"), status, j)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// start starts a job and returns its id.
func (a *api) start(t *testing.T, workflow, variables string) string {
	t.Helper()
	body := fmt.Sprintf(`{"workflow":%q,"options":{"description":"a test","variables":%s}}`, workflow, variables)
	return a.must(t, "POST", "/operations-manager/jobs/start", body).Path("data", "_id").Text()
}

// add stores a workflow under a name, and returns its id.
func (a *api) add(t *testing.T, name, doc string) string {
	t.Helper()
	body := value.Object("automation", value.MustParse(doc).With("name", value.String(name)))
	return a.must(t, "POST", "/automation-studio/automations", body.String()).Path("created", "_id").Text()
}

// frame is a workflow's document around its tasks and transitions.
func frame(tasks, transitions string) string {
	return `{"name":"x","type":"automation","canvasVersion":3,"font_size":12,"groups":[],"tags":[],"description":"",
	"tasks":{"workflow_start":{"name":"workflow_start","groups":[]},"workflow_end":{"name":"workflow_end","groups":[]},` + tasks + `},
	"transitions":` + transitions + `}`
}

// picking takes a part of the variable "host" and ends.
var picking = frame(`"a1":{"name":"query","canvasName":"query","summary":"Pick","description":"","location":"Application","locationType":null,
	"app":"WorkFlowEngine","displayName":"WorkFlowEngine","type":"operation","actor":"Pronghorn","groups":[],
	"variables":{"incoming":{"pass_on_null":false,"query":"name","obj":"$var.job.host"},"outgoing":{"return_data":"$var.job.reply"}}}`,
	`{"workflow_start":{"a1":{"type":"standard","state":"success"}},"a1":{"workflow_end":{"type":"standard","state":"success"}},"workflow_end":{}}`)

// asking waits for a person, who may say yes or no; no leads nowhere.
var asking = frame(`"b1":{"name":"ViewData","canvasName":"ViewData","summary":"Ask","description":"","location":"Application","locationType":null,
	"app":"WorkFlowEngine","displayName":"WorkFlowEngine","type":"manual","groups":[],"view":"/workflow_engine/task/ViewData",
	"variables":{"incoming":{"header":"Sure?","message":"m","body":"","variables":{},"btn_success":"Yes","btn_failure":"No"},"outgoing":{}}}`,
	`{"workflow_start":{"b1":{"type":"standard","state":"success"}},"b1":{"workflow_end":{"type":"standard","state":"success"}},"workflow_end":{}}`)
