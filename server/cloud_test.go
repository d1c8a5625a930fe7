package server_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/scim"
	"github.com/heddlehq/heddle/workflows/value"
)

// cloud is a SCIM service that creates, lists and deletes users, and counts what is written.
type cloud struct {
	*httptest.Server
	mu     sync.Mutex
	users  map[string]value.Value
	n      int
	writes int
}

func newCloud(t *testing.T, names ...string) *cloud {
	t.Helper()
	s := &cloud{users: map[string]value.Value{}}
	for _, name := range names {
		s.add(value.Object("userName", value.String(name), "active", value.True))
	}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *cloud) add(user value.Value) value.Value {
	s.n++
	id := fmt.Sprint("u", s.n)
	s.users[id] = user.With("id", value.String(id))
	return s.users[id]
}

func (s *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := value.Absent
	switch r.Method {
	case http.MethodGet:
		var all []value.Value
		for _, u := range s.users {
			all = append(all, u)
		}
		answer = value.Object("totalResults", value.Int(int64(len(all))), "startIndex", value.Int(1), "Resources", value.Array(all...))
	case http.MethodPost:
		data, _ := io.ReadAll(r.Body) // what is missing shows in the accounts
		s.writes++
		answer = s.add(value.OfBody(data))
		w.WriteHeader(http.StatusCreated)
	case http.MethodDelete:
		s.writes++
		delete(s.users, strings.TrimPrefix(r.URL.Path, "/Users/"))
		w.WriteHeader(http.StatusNoContent)
		return
	}
	_, _ = w.Write(answer.AppendJSON(nil)) // who asked may be gone
}

// accounts are the names of the users there are, and how much was written.
func (s *cloud) accounts() (names []string, writes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.users {
		names = append(names, u.Get("userName").Text())
	}
	slices.Sort(names)
	return names, s.writes
}

func TestSequence_cloudAccounts(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.lab(t, adapters.DefaultPool)
	service := newCloud(t, "old-1", "old-2", "old-3", "old-4", "old-5", "ada")
	ctx, stop := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	t.Cleanup(func() { stop(); serving.Wait() })
	serving.Go(func() {
		config := value.Object("url", value.String(service.URL), "allow", value.Strings("127.0.0.0/8"))
		s := &adapters.Server{Bus: a.bus, Kind: scim.Kind(), Instances: []adapters.Instance{{ID: "cloud", Config: config}}, Payloads: a.runner.Payloads}
		if err := s.Run(ctx); err != nil {
			t.Errorf("scim: %v", err)
		}
	})
	a.example(t, "cloud-accounts.yaml")
	users := func(names ...string) string {
		var all []value.Value
		for _, n := range names {
			all = append(all, value.Object("userName", value.String(strings.TrimSuffix(n, "-")), "active", value.Bool(!strings.HasSuffix(n, "-"))))
		}
		return `{"variables":{"users":` + value.Array(all...).String() + `}}`
	}
	// Four leave and one comes.
	j := a.job(t, a.launch(t, "Cloud accounts", users("ada", "bob", "carl-", "old-1")), "complete")
	if names, writes := service.accounts(); strings.Join(names, " ") != "ada bob old-1" || writes != 5 {
		t.Errorf("%d writes, accounts %s: %s", writes, names, taskNamed(t, j, "Provision cloud"))
	}
	// Five more would leave after these have come: too many at once.
	a.job(t, a.launch(t, "Cloud accounts", users("ada", "bob", "carl", "dora", "emil", "finn")), "complete")
	_, before := service.accounts()
	id := a.launch(t, "Cloud accounts", users("ada"))
	a.job(t, id, "blocked")
	if names, writes := service.accounts(); writes != before || len(names) != 6 {
		t.Errorf("%d writes although blocked, accounts %s", writes-before, names)
	}
	a.must(t, "POST", jobPath+id+"/repair", `{"reason":"a site was closed"}`)
	a.job(t, id, "complete")
	if names, writes := service.accounts(); writes != before+5 || strings.Join(names, " ") != "ada" {
		t.Errorf("%d writes, accounts %s", writes-before, names)
	}
}
