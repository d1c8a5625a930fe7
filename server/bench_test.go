package server_test

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func BenchmarkStart(b *testing.B) {
	a := newBench(b)
	b.ReportAllocs()
	for b.Loop() {
		a.quick(b, "POST", "/operations-manager/jobs/start", `{"workflow":"Pick","options":{"variables":{"host":{"name":"r1"}}}}`)
	}
}

func BenchmarkGetJob(b *testing.B) {
	a := newBench(b)
	a.quick(b, "POST", "/operations-manager/jobs/start", `{"workflow":"Pick","options":{"variables":{"host":{"name":"r1"}}}}`)
	id := a.quick(b, "GET", "/operations-manager/jobs?include=_id", "")
	id = id[strings.Index(id, `"_id":"`)+7:][:24]
	b.ReportAllocs()
	for b.Loop() {
		a.quick(b, "GET", "/operations-manager/jobs/"+id, "")
	}
}

func BenchmarkListJobs(b *testing.B) {
	a := newBench(b)
	for range 100 {
		a.quick(b, "POST", "/operations-manager/jobs/start", `{"workflow":"Pick","options":{"variables":{"host":{"name":"r1"}}}}`)
	}
	for _, query := range []string{"?limit=100", "?limit=100&include=name,status"} {
		b.Run(query, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				a.quick(b, "GET", "/operations-manager/jobs"+query, "")
			}
		})
	}
}

func newBench(b *testing.B) *api {
	a := newAPI(b)
	a.quick(b, "POST", "/automation-studio/automations", `{"automation":`+strings.Replace(picking, `"name":"x"`, `"name":"Pick"`, 1)+`}`)
	return a
}

// quick is call without reading the answer's JSON.
func (a *api) quick(b *testing.B, method, path, body string) string {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+a.token)
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	if w.Code != 200 {
		b.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	return w.Body.String()
}
