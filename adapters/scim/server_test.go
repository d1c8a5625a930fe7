package scim_test

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/heddlehq/heddle/workflows/value"
)

// server is a SCIM service in memory. It counts what is written.
type server struct {
	url string
	// refuse answers a request in place of the service, if it gives a status
	refuse func(r *http.Request, body value.Value) int

	mu        sync.Mutex
	resources map[string]map[string]value.Value // by kind and id
	versions  map[string]int
	n         int
	writes    []string
	lists     []string
}

func start(t *testing.T) *server {
	t.Helper()
	s := &server{resources: map[string]map[string]value.Value{"Users": {}, "Groups": {}}, versions: map[string]int{}}
	h := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(h.Close)
	s.url = h.URL
	return s
}

// add puts a resource there.
func (s *server) add(kind, text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.put(kind, "", value.MustParse(text))
}

func (s *server) put(kind, id string, v value.Value) string {
	if id == "" {
		s.n++
		id = fmt.Sprintf("%s-%d", strings.ToLower(kind[:1]), s.n)
	}
	s.versions[id]++
	version := fmt.Sprintf(`W/"%d"`, s.versions[id])
	s.resources[kind][id] = v.Without("password").With("id", value.String(id)).With("meta", value.Object("resourceType", value.String(kind), "version", value.String(version)))
	return id
}

func (s *server) wrote() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := slices.Sorted(slices.Values(s.writes))
	s.writes = nil
	return strings.Join(out, "; ")
}

// holding shows the resources of a kind by an attribute.
func (s *server) holding(kind, by string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, r := range s.resources[kind] {
		out = append(out, r.Get(by).Text()+" "+r.Without("id", "meta", "schemas", by).String())
	}
	slices.Sort(out)
	return strings.Join(out, "; ")
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	data, _ := io.ReadAll(r.Body)
	body := value.OfBody(data)
	if r.Header.Get("Authorization") != "Bearer opensesame" {
		fail(w, http.StatusUnauthorized, "", "who are you?")
		return
	}
	if s.refuse != nil {
		if status := s.refuse(r, body); status != 0 {
			fail(w, status, "", "not today")
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	kind, id, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if r.Method != http.MethodGet {
		s.writes = append(s.writes, strings.TrimSpace(r.Method+" "+kind+" "+cmp.Or(id, body.Get("userName").Text(), body.Get("displayName").Text())))
	}
	have, there := s.resources[kind][id]
	switch match := r.Header.Get("If-Match"); {
	case id == "" && r.Method == http.MethodGet:
		s.list(w, r, kind)
		return
	case id == "":
		s.create(w, kind, body)
		return
	case !there:
		fail(w, http.StatusNotFound, "", "there is no "+id)
		return
	case r.Method != http.MethodGet && match != "" && match != have.Path("meta", "version").Text():
		fail(w, http.StatusPreconditionFailed, "", "it has another version")
		return
	}
	switch r.Method {
	case http.MethodDelete:
		delete(s.resources[kind], id)
		w.WriteHeader(http.StatusNoContent)
		return
	case http.MethodPut:
		s.put(kind, id, body)
	case http.MethodPatch:
		for _, o := range body.Get("Operations").Elements() {
			have = change(have, o.Get("op").Text(), o.Get("path").Text(), o.Get("value"))
		}
		s.put(kind, id, have)
	}
	answer(w, http.StatusOK, s.resources[kind][id])
}

func (s *server) create(w http.ResponseWriter, kind string, body value.Value) {
	by := map[string]string{"Users": "userName", "Groups": "displayName"}[kind]
	for _, r := range s.resources[kind] {
		if strings.EqualFold(r.Get(by).Text(), body.Get(by).Text()) {
			fail(w, http.StatusConflict, "uniqueness", "there is one already")
			return
		}
	}
	if body.Get("schemas").Len() == 0 {
		fail(w, http.StatusBadRequest, "invalidSyntax", "no schemas")
		return
	}
	answer(w, http.StatusCreated, s.resources[kind][s.put(kind, "", body)])
}

var memberPath = regexp.MustCompile(`^members\[value eq "([^"]*)"\]$`)

func change(r value.Value, op, path string, v value.Value) value.Value {
	member := memberPath.FindStringSubmatch(path)
	switch {
	case member != nil:
		var left []value.Value
		for _, m := range r.Get("members").Elements() {
			if m.Get("value").Text() != member[1] {
				left = append(left, m)
			}
		}
		return r.With("members", value.Array(left...))
	case op == "remove":
		return r.Without(path)
	case path == "":
		for name, m := range v.Members() {
			r = r.With(name, m)
		}
		return r
	case op == "add" && r.Get(path).IsArray():
		return r.With(path, r.Get(path).Append(v.Slice()...))
	}
	return r.With(path, v)
}

var equals = regexp.MustCompile(`^(\w+) eq ("(?:[^"\\]|\\.)*")$`)

func (s *server) list(w http.ResponseWriter, r *http.Request, kind string) {
	query := r.URL.Query()
	s.lists = append(s.lists, query.Get("filter"))
	var fit []value.Value
	m := equals.FindStringSubmatch(query.Get("filter"))
	for _, v := range s.resources[kind] {
		if m == nil || v.Get(m[1]).String() == m[2] {
			fit = append(fit, v)
		}
	}
	slices.SortFunc(fit, func(a, b value.Value) int { return cmp.Compare(a.Get("id").Text(), b.Get("id").Text()) })
	from, _ := strconv.Atoi(query.Get("startIndex"))
	count, _ := strconv.Atoi(query.Get("count"))
	from = min(max(from-1, 0), len(fit))
	page := fit[from:min(from+count, len(fit))]
	answer(w, http.StatusOK, value.Object("totalResults", value.Int(int64(len(fit))), "startIndex", value.Int(int64(from+1)), "Resources", value.Array(page...)))
}

func answer(w http.ResponseWriter, status int, v value.Value) {
	w.Header().Set("Content-Type", "application/scim+json")
	w.WriteHeader(status)
	_, _ = w.Write(v.AppendJSON(nil))
}

func fail(w http.ResponseWriter, status int, kind, detail string) {
	answer(w, status, value.Object("status", value.String(strconv.Itoa(status)), "scimType", value.String(kind), "detail", value.String(detail)))
}
