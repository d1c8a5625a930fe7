package auth

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/memstore"
)

// clock is a time that a test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newAuth(t *testing.T) (*Auth, *memstore.Store, *clock) {
	t.Helper()
	s, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := &clock{time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)}
	a, err := New(Options{Store: s, Now: c.now, Idle: time.Hour, Absolute: 3 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return a, s, c
}

func TestBootstrap(t *testing.T) {
	t.Parallel()
	a, _, _ := newAuth(t)
	secret, err := a.Bootstrap(t.Context(), "")
	if err != nil || len(secret) < 30 {
		t.Fatalf("Bootstrap = %q, %v", secret, err)
	}
	_, who, err := a.Login(t.Context(), Admin, secret, "a")
	if err != nil || !who.IsAdmin() || !who.May(WriteAccounts) {
		t.Fatalf("login with the first password: %v, %v", who, err)
	}
	if again, err := a.Bootstrap(t.Context(), "another password"); again != "" || err != nil {
		t.Errorf("second Bootstrap = %q, %v", again, err)
	}
	if _, _, err := a.Login(t.Context(), Admin, "another password", "a"); !errors.Is(err, ErrCredentials) {
		t.Errorf("second Bootstrap changed the password: %v", err)
	}
	b, _, _ := newAuth(t)
	if secret, err := b.Bootstrap(t.Context(), "chosen password"); secret != "" || err != nil {
		t.Errorf("Bootstrap with a password = %q, %v", secret, err)
	}
	if _, _, err := b.Login(t.Context(), Admin, "chosen password", "a"); err != nil {
		t.Error(err)
	}
}

func TestStore_holdsNoSecrets(t *testing.T) {
	t.Parallel()
	a, s, _ := newAuth(t)
	if _, err := a.Bootstrap(t.Context(), "chosen password"); err != nil {
		t.Fatal(err)
	}
	token, _, err := a.Login(t.Context(), Admin, "chosen password", "a")
	if err != nil {
		t.Fatal(err)
	}
	robot, err := a.CreateAccount(t.Context(), NewAccount{Username: "robot", Service: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []string{store.Accounts, store.Sessions} {
		page, err := s.Find(t.Context(), c, store.Query{})
		if err != nil || len(page.Docs) == 0 {
			t.Fatal(len(page.Docs), err)
		}
		for _, d := range page.Docs {
			for _, secret := range []string{token, "chosen password", robot.Secret} {
				if strings.Contains(d.ID+string(d.Body), secret) {
					t.Errorf("%s %s holds a secret: %s", c, d.ID, d.Body)
				}
			}
		}
	}
}

func TestSession_times(t *testing.T) {
	t.Parallel()
	a, _, c := newAuth(t)
	if _, err := a.Bootstrap(t.Context(), "chosen password"); err != nil {
		t.Fatal(err)
	}
	begin := func() string {
		token, _, err := a.Login(t.Context(), Admin, "chosen password", "a")
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	live := func(token string) bool {
		_, err := a.Identify(t.Context(), token)
		if err != nil && !errors.Is(err, ErrNoSession) {
			t.Fatal(err)
		}
		return err == nil
	}
	idle := begin()
	c.at = c.at.Add(59 * time.Minute)
	used := begin()
	if !live(idle) {
		t.Error("a session ends before it is idle for an hour")
	}
	c.at = c.at.Add(61 * time.Minute)
	if live(idle) || live(used) {
		t.Error("a session outlives an idle hour")
	}
	busy := begin()
	for range 5 {
		c.at = c.at.Add(30 * time.Minute)
		if !live(busy) {
			t.Fatal("a session in use ends early")
		}
	}
	c.at = c.at.Add(30 * time.Minute)
	if live(busy) {
		t.Error("a session in use outlives its absolute end")
	}
	for _, token := range []string{"", "x", strings.Repeat("x", 10_000), digest(busy)} {
		if live(token) {
			t.Errorf("token %.20q has a session", token)
		}
	}
}

func TestGroups_nest(t *testing.T) {
	t.Parallel()
	a, _, _ := newAuth(t)
	ctx := t.Context()
	group := func(name string, roles []string, of ...string) string {
		g, err := a.CreateGroup(ctx, NewGroup{Name: name, Roles: roles, Groups: of})
		if err != nil {
			t.Fatal(err)
		}
		return g.Get("_id").Text()
	}
	outer := group("outer", []string{"operations"})
	inner := group("inner", nil, outer)
	made, err := a.CreateAccount(ctx, NewAccount{Username: "ann", Password: "long enough", Groups: []string{inner}})
	if err != nil {
		t.Fatal(err)
	}
	id := made.Account.Get("_id").Text()
	login := func() *Identity {
		_, who, err := a.Login(ctx, "ann", "long enough", "a")
		if err != nil {
			t.Fatal(err)
		}
		return who
	}
	who := login()
	if !who.Reaches([]string{outer}) || !who.Reaches([]string{"inner"}) || !who.Reaches(nil) || who.Reaches([]string{"other"}) || !who.May(StartJobs) || who.May(WriteDocuments) {
		t.Errorf("groups %v, roles %v, permissions %v", who.Groups, who.Roles, who.Permissions())
	}
	if _, err := a.DeleteGroup(ctx, outer); err != nil {
		t.Fatal(err)
	}
	if who := login(); who.Reaches([]string{outer}) || who.May(StartJobs) {
		t.Error("a deleted group still gives rights")
	}
	if _, err := a.ChangeAccount(ctx, id, AccountChange{Roles: &[]string{"viewer"}, Groups: &[]string{}}); err != nil {
		t.Fatal(err)
	}
	if who := login(); !who.May(ReadJobs) || who.Reaches([]string{inner}) {
		t.Error("the account was not changed")
	}
	if _, err := a.ChangeAccount(ctx, "nothing", AccountChange{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("change of nobody: %v", err)
	}
}

func TestLimiter(t *testing.T) {
	t.Parallel()
	a, _, c := newAuth(t)
	if _, err := a.Bootstrap(t.Context(), "chosen password"); err != nil {
		t.Fatal(err)
	}
	l := a.limiter
	for range failuresEach {
		l.failed(Admin, "evil")
	}
	_, _, err := a.Login(t.Context(), Admin, "chosen password", "evil")
	if e, ok := errors.AsType[*TooMany](err); !ok || e.Wait <= 0 || e.Wait > failureWindow {
		t.Errorf("login after too many failures: %v", err)
	}
	if _, _, err := a.Login(t.Context(), Admin, "chosen password", "home"); err != nil {
		t.Errorf("login from elsewhere: %v", err)
	}
	c.at = c.at.Add(failureWindow)
	if _, _, err := a.Login(t.Context(), Admin, "chosen password", "evil"); err != nil {
		t.Errorf("login after the wait: %v", err)
	}
	for i := range failuresAddress {
		l.failed(strings.Repeat("u", i), "scanner")
	}
	if l.wait("fresh", "scanner") == 0 {
		t.Error("an address may try many users")
	}
}

func TestHash(t *testing.T) {
	t.Parallel()
	h := newHasher(1)
	stored, err := h.hash(t.Context(), "secret words")
	if err != nil || !strings.HasPrefix(stored, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatalf("hash = %q, %v", stored, err)
	}
	for _, tc := range []struct {
		password, stored string
		want             bool
	}{
		{"secret words", stored, true}, {"Secret words", stored, false}, {"", stored, false}, {"", "", false},
		{"secret words", strings.Replace(stored, "argon2id", "argon2i", 1), false},
		{"secret words", strings.Replace(stored, "m=19456", "m=0", 1), false},
		{"secret words", stored[:len(stored)-4], false}, {strings.Repeat("x", 2000), stored, false},
	} {
		if got, err := h.matches(t.Context(), tc.password, tc.stored); got != tc.want || err != nil {
			t.Errorf("matches(%.20q, %q) = %v, %v", tc.password, tc.stored, got, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h.slots <- struct{}{}
	if _, err := h.matches(ctx, "x", stored); !errors.Is(err, context.Canceled) {
		t.Errorf("a canceled wait gives %v", err)
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	last := ""
	for _, r := range Roles() {
		if r.Name <= last || r.Description == "" {
			t.Errorf("role %q after %q: %q", r.Name, last, r.Description)
		}
		last = r.Name
	}
	var nobody *Identity
	if nobody.May(Known) || nobody.IsAdmin() || nobody.Reaches([]string{"g"}) {
		t.Error("nobody has rights")
	}
}
