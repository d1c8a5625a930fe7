//go:build linux

package faults

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/heddlehq/heddle/workflows/value"
)

const jobs = "/operations-manager/jobs"

// reply is an answer of the API.
type reply struct {
	status int
	header http.Header
	text   string
	body   value.Value // Absent when it is no JSON
}

func (r reply) String() string {
	text := r.text
	if len(text) > 300 {
		text = text[:300] + "…"
	}
	return fmt.Sprintf("%d %s", r.status, text)
}

func (r reply) total() int {
	n, _ := r.body.Path("metadata", "total").Int()
	return int(n)
}

// call sends a request. An error means that there is no answer.
func (s *server) call(method, path string, body value.Value) (reply, error) {
	return s.send(method, path, body.String())
}

// send sends a body as it is; "" sends none.
func (s *server) send(method, path, body string) (reply, error) {
	var r reply
	req, err := http.NewRequest(method, "http://"+s.listen+path, strings.NewReader(body))
	if err != nil {
		return r, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if token, ok := s.token.Load().(string); ok {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return r, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	r = reply{status: resp.StatusCode, header: resp.Header, text: string(data)}
	if v, bad := value.ParseLast(data); bad == nil {
		r.body = v
	}
	return r, err
}

// get reads what must be there.
func (s *server) get(path string, query url.Values) reply {
	s.t.Helper()
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	r, err := s.call(http.MethodGet, path, value.Absent)
	if err != nil || r.status != http.StatusOK {
		s.t.Fatalf("GET %s: %s %v", path, r, err)
	}
	return r
}

// post does what must succeed.
func (s *server) post(path string, body value.Value) reply {
	s.t.Helper()
	r, err := s.call(http.MethodPost, path, body)
	if err != nil || r.status != http.StatusOK {
		s.t.Fatalf("POST %s: %s %v", path, r, err)
	}
	return r
}

// install stores workflows.
func (s *server) install(docs ...value.Value) {
	s.t.Helper()
	for _, d := range docs {
		r := s.post("/automation-studio/workflows/validate", value.Object("workflow", d))
		if wrong := r.body.Get("errors"); wrong.Len() > 0 {
			s.t.Fatalf("workflow %s is a draft: %s", d.Get("name"), wrong)
		}
		s.post("/automation-studio/automations/import", value.Object("automations", value.Array(d)))
	}
}

// begin starts a job that must be accepted and returns its id.
func (s *server) begin(workflow string, variables value.Value) string {
	s.t.Helper()
	return s.post(jobs+"/start", startBody(workflow, "", variables)).body.Path("data", "_id").Text()
}

func startBody(workflow, description string, variables value.Value) value.Value {
	return value.Object("workflow", value.String(workflow),
		"options", value.Object("description", value.String(description), "variables", variables))
}

// job is the document of a job.
func (s *server) job(id string) value.Value {
	s.t.Helper()
	return s.get(jobs+"/"+id, nil).body.Get("data")
}

// history is the list of events a job took in.
func (s *server) history(id string) []value.Value {
	s.t.Helper()
	var out []value.Value
	for _, e := range s.get(jobs+"/"+id+"/history", url.Values{"limit": {"0"}}).body.Get("data").Elements() {
		out = append(out, e)
	}
	return out
}
