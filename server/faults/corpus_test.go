//go:build linux

package faults

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/heddlehq/heddle/workflows/value"
	"github.com/heddlehq/heddle/workflows/workflowtest"
)

// corpus are real workflows of some size.
type corpus struct {
	flows []value.Value
}

// newCorpus imports the projects in the folder HEDDLE_CORPUS.
func newCorpus(s *server) *corpus {
	s.t.Helper()
	files, err := filepath.Glob(filepath.Join(os.Getenv("HEDDLE_CORPUS"), "projects", "*.json"))
	if err != nil || len(files) == 0 {
		s.t.Fatalf("HEDDLE_CORPUS has no projects: %v", err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			s.t.Fatal(err)
		}
		s.post("/automation-studio/projects/import", value.Object("project", value.MustParse(string(data))))
	}
	c := &corpus{}
	for _, w := range s.get("/automation-studio/workflows", url.Values{"limit": {"0"}, "sort": {"name"}}).body.Get("items").Elements() {
		if w.Get("tasks").Len() >= 12 && w.Get("errors").Len() == 0 {
			c.flows = append(c.flows, w)
		}
	}
	if len(c.flows) == 0 {
		s.t.Fatal("HEDDLE_CORPUS has no workflow of twelve tasks")
	}
	return c
}

// pick is a workflow with variables that fit its input schema.
func (c *corpus) pick(n int) (string, value.Value) {
	w := c.flows[n%len(c.flows)]
	return w.Get("name").Text(), workflowtest.Sample(w.Get("inputSchema"))
}

// giveUp cancels what only waits for a time that no test has, and children in error, whose
// parents wait for somebody to repair them.
func (c *corpus) giveUp(l *load) {
	var ids []value.Value
	for _, j := range l.all(jobs, url.Values{"in[status]": {"running,error"}, "include": {"name,status,ancestors"}}) {
		if _, mine := l.byName[j.Get("name").Text()]; mine {
			continue
		}
		if j.Get("status").Text() == "error" {
			if j.Get("ancestors").Len() > 1 {
				ids = append(ids, j.Get("_id"))
			}
			continue
		}
		if waitsLong(l.explained(j.Get("_id").Text())) {
			ids = append(ids, j.Get("_id"))
		}
	}
	if len(ids) > 0 {
		_, _ = l.s.call(http.MethodPost, jobs+"/cancel", value.Object("jobIds", value.Array(ids...))) // else the next round does
	}
}

// waitsLong tells whether all a job waits for is more than a few seconds away.
func waitsLong(reasons value.Value) bool {
	for _, r := range reasons.Elements() {
		until, _ := r.Get("until").Int()
		if until < time.Now().Add(5*time.Second).UnixMilli() || !slices.Contains([]string{"timer", "retry"}, r.Get("kind").Text()) {
			return false
		}
	}
	return reasons.Len() > 0
}
