package doctor

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/sqlitestore"
)

// BenchmarkCheck checks an embedded store that holds 1,000 jobs of ten workers' tasks each.
func BenchmarkCheck(b *testing.B) {
	const jobs = 1000
	s, err := sqlitestore.Open(b.Context(), filepath.Join(b.TempDir(), "heddle.db"), sqlitestore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	operate(b, s, 1, func(p *plant) {
		var row parts
		for c := 'a'; c < 'j'; c++ {
			row.add(task(string(c), "Lab", "quick", "automatic", `{"adapter_id":"lab"}`, string(c+1)))
		}
		row.add(task("j", "Lab", "quick", "automatic", `{"adapter_id":"lab"}`, "workflow_end"))
		p.save(row.workflow("Row", "a"))
		for n := range jobs {
			p.start(n+1, "Row")
		}
		for end := time.Now().Add(time.Minute); ended(b, s) < jobs; {
			time.Sleep(10 * time.Millisecond) // real time: the store does real work
			if time.Now().After(end) {
				b.Fatalf("%d of %d jobs ended", ended(b, s), jobs)
			}
		}
	})
	b.ReportAllocs()
	var r Report
	for b.Loop() {
		r = examined(b, s, Options{})
		if !r.Clean() {
			b.Fatal(r.Findings)
		}
	}
	b.ReportMetric(float64(r.Events), "events")
	b.ReportMetric(float64(r.Tasks), "taskruns")
}

func ended(b *testing.B, s store.Store) int {
	b.Helper()
	page, err := s.Find(b.Context(), store.Jobs, store.Query{Where: store.Where("status", store.Eq, "complete"), Limit: 1})
	if err != nil {
		b.Fatal(err)
	}
	return page.Total
}
