package server_test

import (
	"context"
	"errors"
	"net"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/server"
	"github.com/heddlehq/heddle/server/audit"
	"github.com/heddlehq/heddle/server/auth"
	"github.com/heddlehq/heddle/workflows/value"
)

// pathParts replaces the parameters of a route's path by something.
var pathParts = strings.NewReplacer(":id", "x", ":task", "x", ":group", "x", ":action", "x", ":location", "x", ":package", "x", ":method", "x", "*", "x")

// Every route that changes something, or exports, leaves an entry when an administrator calls
// it.
func TestAudit_everyRoute(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	log := audit.New(audit.Options{Store: a.store})
	last := func(action string) audit.Link {
		page, err := log.Find(t.Context(), audit.Query{Action: action, Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Links) == 0 {
			return audit.Link{}
		}
		return page.Links[0]
	}
	acting := server.Acting()
	if len(acting) < 50 {
		t.Fatalf("only %d routes leave an entry", len(acting))
	}
	for _, r := range acting {
		name, method, path := r[0], r[1], pathParts.Replace(r[2])
		before := last(name).Seq
		caller := *a
		if name == "logout" {
			caller.token = a.login(t, auth.Admin, adminPassword)
		}
		answer := caller.call(t, method, path, "")
		got := last(name)
		if got.Seq == before || !strings.HasPrefix(answer.Status, got.Outcome) || got.From == "" {
			t.Errorf("%s %s answers %s and leaves %+v", method, path, answer.Status, got.Entry)
		}
		if known := name != "login" && name != "getToken" && name != "finishOIDC"; known && got.Who.Name != auth.Admin {
			t.Errorf("%s: done by %q, want %q", name, got.Who.Name, auth.Admin)
		}
	}
	if r, err := log.Verify(t.Context()); err != nil || r.Broken != nil {
		t.Errorf("the chain: %v, %v", r.Broken, err)
	}
}

func TestAudit_entries(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.add(t, "Ask", asking)
	id := a.start(t, "Ask", `{"password":"canary-3721"}`)
	other := a.start(t, "Ask", `{}`)
	a.must(t, "POST", "/authorization/accounts", `{"account":{"username":"bob","password":"canary-3722","assignedRoles":["viewer"]}}`)
	r := httptest.NewRequest("POST", "/operations-manager/jobs/"+id+"/watch", nil)
	r.Header.Set("Authorization", "Bearer "+a.token)
	r.Header.Set(server.ReasonHeader, "to learn")
	if got := a.send(t, r); got.StatusCode != 200 {
		t.Fatalf("watch: %s", got.text)
	}
	a.must(t, "POST", "/operations-manager/jobs/cancel", `{"jobIds":["`+id+`","`+other+`","none"],"reason":"change window is over"}`)
	stranger := *a
	stranger.token = ""
	stranger.refused(t, 401, "POST", "/login", `{"username":"eve","password":"canary-3723"}`)
	stranger.refused(t, 401, "GET", "/operations-manager/jobs", "")
	token := a.call(t, "POST", "/login", `{"username":"bob","password":"canary-3722"}`)
	bob := *a
	bob.token = token.text
	bob.refused(t, 403, "GET", "/heddle/audit", "")
	bob.must(t, "POST", "/logout", "")

	for filter, want := range map[string][4]string{ // who, target, outcome, reason
		"action=startJob":                              {"admin", "job/" + other, "200", ""},
		"target=job/" + id + "&action=cancelJobs":      {"admin", "job/" + id, "200", "change window is over"},
		"equals[target]=job/none":                      {"admin", "job/none", "404", `there is no job "none"`},
		"action=createAccount":                         {"admin", "account/", "200", ""},
		"equals[action]=watchJob&sort=_id&order=-1":    {"admin", "job/" + id, "200", "to learn"},
		"equals=eve&equalsField=who":                   {"eve", "session", "401", auth.ErrCredentials.Error()},
		"action=getJobs&outcome=401":                   {"", "job", "401", auth.ErrNoSession.Error()},
		"starts-with[action]=getAudit&equals[who]=bob": {"bob", "audit", "403", "permission"},
		"action=login&who=bob":                         {"bob", "session", "200", ""},
		"action=logout":                                {"bob", "session", "200", ""},
	} {
		list := a.must(t, "GET", "/heddle/audit?"+strings.ReplaceAll(filter, " ", "%20"), "")
		e := list.Get("data").At(0)
		for i, key := range []string{"who", "target", "outcome", "reason"} {
			if got := e.Get(key).Text(); got != want[i] && (want[i] == "" || !strings.Contains(got, want[i])) {
				t.Errorf("%s: %s is %q, want %q", filter, key, got, want[i])
			}
		}
	}
	if v := a.must(t, "GET", "/heddle/audit/verify", "").Path("data", "broken"); v.Kind() != value.KindNull {
		t.Errorf("the chain: %s", v)
	}
	export := a.call(t, "GET", "/heddle/audit/export", "")
	if r, err := audit.VerifyExport(strings.NewReader(export.text)); err != nil || r.Broken != nil || r.Links < 9 {
		t.Errorf("export: %+v, %v", r, err)
	}
	for _, secret := range []string{"canary-37", token.text, a.token, "Hash"} {
		if strings.Contains(export.text, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	a.refused(t, 400, "GET", "/heddle/audit/verify?seq=0", "")
	a.refused(t, 400, "GET", "/heddle/audit?nonsense=1", "")
	auditor := a.as(t, "carol", []string{"auditor"})
	auditor.must(t, "GET", "/heddle/audit?limit=1", "")
	wrong := strings.Repeat("0", 64)
	if v := auditor.must(t, "GET", "/heddle/audit/verify?seq=1&hash="+wrong, "").Path("data", "broken", "seq").String(); v != "1" {
		t.Errorf("a chain written anew is found broken at %s, want 1", v)
	}
}

// Nobody fills the store by knocking: of many denials of one caller few are noted, the others
// are counted.
func TestAudit_manyDenials(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	stranger := *a
	stranger.token = ""
	for range 300 {
		stranger.call(t, "GET", "/whoami", "")
	}
	if n, _ := a.must(t, "GET", "/heddle/audit?outcome=401", "").Path("metadata", "total").Int(); n < 20 || n > 40 {
		t.Errorf("300 denials leave %d entries", n)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := a.Serve(ended, l); err != nil {
		t.Fatal(err)
	}
	if n := a.must(t, "GET", "/heddle/audit?outcome=401", "").Get("data").At(0).Get("reason").Text(); !strings.Contains(n, "more denials") {
		t.Errorf("the others are not counted: %q", n)
	}
}

// When the log cannot be written nothing more is changed, and what was done is noted later.
func TestAudit_storeRefuses(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	st := &muteStore{Store: a.store}
	mute := *a
	mute.Server = a.withStore(t, st)
	const group = `{"group":{"name":"ops"}}`
	st.mute.Store(true)
	mute.must(t, "POST", "/authorization/groups", group)
	mute.refused(t, 503, "POST", "/authorization/groups", strings.ReplaceAll(group, "ops", "net"))
	mute.must(t, "GET", "/authorization/groups", "")
	st.mute.Store(false)
	mute.must(t, "POST", "/authorization/groups", strings.ReplaceAll(group, "ops", "dev"))
	if n, _ := a.must(t, "GET", "/heddle/audit?action=createGroup", "").Path("metadata", "total").Int(); n != 2 {
		t.Errorf("%d entries, want 2", n)
	}
}

// muteStore takes no audit entries at times.
type muteStore struct {
	store.Store
	mute atomic.Bool
}

func (s *muteStore) Commit(ctx context.Context, batches ...store.Batch) []error {
	if s.mute.Load() && batches[0][0].Collection == store.Audit {
		errs := make([]error, len(batches))
		for i := range errs {
			errs[i] = errors.New("no")
		}
		return errs
	}
	return s.Store.Commit(ctx, batches...)
}
