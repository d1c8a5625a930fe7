package sqlitestore_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/sqlitestore"
)

// fixture holds documents of the sizes and shapes Heddle writes.
type fixture struct {
	s                    *sqlitestore.Store
	jobs, tasks, history *store.Collection
}

func newFixture(tb testing.TB) *fixture {
	tb.Helper()
	schema, err := store.NewSchema(store.Collections)
	if err != nil {
		tb.Fatal(err)
	}
	f := &fixture{}
	for name, c := range map[string]**store.Collection{store.Jobs: &f.jobs, store.Tasks: &f.tasks, store.History: &f.history} {
		if *c, err = schema.Collection(name); err != nil {
			tb.Fatal(err)
		}
	}
	if f.s, err = sqlitestore.Open(tb.Context(), filepath.Join(tb.TempDir(), "bench.db"), sqlitestore.Options{}); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := f.s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return f
}

const epoch = 1_700_000_000_000

// jobID and taskID are identifiers as the engine makes them: in the order of time.
func jobID(n int) string { return fmt.Sprintf("%08x%010x%06x", epoch/1000+n/300, 0x5eed, n) }

func taskID(n, k int) string {
	return jobID(n)[:8] + jobID(n)[20:] + fmt.Sprintf("%012x", (uint64(n)*31+uint64(k))*0x9e3779b97f4a7c15>>16)
}

// index puts values, given by field, into the collection's order.
func index(c *store.Collection, values map[string]any) []any {
	out := make([]any, len(c.Fields))
	for i, f := range c.Fields {
		out[i] = values[f.Name]
	}
	return out
}

func (f *fixture) job(n int, revision int64, status string) store.Write {
	id := jobID(n)
	var live any
	if status == "running" {
		live = true
	}
	return store.Write{Collection: store.Jobs, ID: id, Expect: revision, Body: filler(3000), Index: index(f.jobs, map[string]any{
		"name": fmt.Sprintf("Upgrade router %d", n%50), "status": status, "live": live, "type": "automation",
		"description": fmt.Sprintf("change CHG%06d for site %d", n, n%97), "uuid": id, "root": id, "ancestors": []string{id},
		"groups": []string{"ops", fmt.Sprint("team", n%7)}, "created": epoch + n, "last_updated": epoch + n + int(revision),
		"metrics.start_time": epoch + n*60_000, "metrics.progress": 0.5, "metrics.owner": "Pronghorn",
	})}
}

func (f *fixture) task(n, k int, status string) store.Write {
	return store.Write{Collection: store.Tasks, ID: taskID(n, k), Expect: store.Any, Body: filler(700), Index: index(f.tasks, map[string]any{
		"name": "runCommand", "app": "Devices", "type": "automatic", "status": status, "job._id": jobID(n), "job.task": "ab12",
		"job.name": "Upgrade router", "job.root": jobID(n), "metrics.start_time": epoch + n, "metrics.owner": "Pronghorn",
	})}
}

func (f *fixture) event(n int, seq int64) store.Write {
	return store.Write{Collection: store.History, ID: fmt.Sprintf("%s/%012d", jobID(n), seq), Expect: store.New, Body: filler(250),
		Index: index(f.history, map[string]any{"job": jobID(n), "seq": seq, "at": epoch + n})}
}

func filler(size int) []byte {
	return append(append([]byte(`{"x":"`), bytes.Repeat([]byte("heddle "), size/7)...), `"}`...)
}

// fill stores n finished and running jobs.
func (f *fixture) fill(tb testing.TB, n int) {
	tb.Helper()
	for at := 0; at < n; at += 500 {
		var b store.Batch
		for i := at; i < min(at+500, n); i++ {
			b = append(b, f.job(i, store.New, []string{"complete", "complete", "complete", "error", "running"}[i%5]))
		}
		if err := f.s.Commit(tb.Context(), b)[0]; err != nil {
			tb.Fatal(err)
		}
	}
}

// BenchmarkCommit measures turns as the runner commits them: a job of 3 KB, an
// event of its history and a task run, by 64 writers that each have a job at a
// time.
func BenchmarkCommit(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			f := newFixture(b)
			var jobs atomic.Int64
			b.ReportAllocs()
			spent := cpu()
			b.SetParallelism(max(1, writers/runtime.GOMAXPROCS(0)))
			if writers == 1 {
				n, turn := 0, int64(0)
				for b.Loop() {
					if turn == turnsPerJob {
						n, turn = n+1, 0
					}
					f.turn(b, n, turn)
					turn++
				}
			} else {
				b.RunParallel(func(pb *testing.PB) {
					n, turn := int(jobs.Add(1)), int64(0)
					for pb.Next() {
						if turn == turnsPerJob {
							n, turn = int(jobs.Add(1)), 0
						}
						f.turn(b, n, turn)
						turn++
					}
				})
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "batches/s")
			b.ReportMetric(float64((cpu()-spent).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}

const turnsPerJob = 10

// cpu is the processor time this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // it cannot fail for oneself
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (f *fixture) turn(b *testing.B, n int, turn int64) {
	status := "running"
	if turn == turnsPerJob-1 {
		status = "complete"
	}
	batch := store.Batch{f.job(n, turn, status), f.event(n, turn), f.task(n, int(turn), "complete")}
	if err := f.s.Commit(b.Context(), batch)[0]; err != nil {
		b.Error(err)
	}
}

// BenchmarkFind measures lists over 100,000 jobs.
func BenchmarkFind(b *testing.B) {
	f := newFixture(b)
	const n = 100_000
	f.fill(b, n)
	newest := []store.Order{{Field: "metrics.start_time", Desc: true}}
	for _, bc := range []struct {
		name string
		q    store.Query
	}{
		{"all", store.Query{Sort: newest, Limit: 25}},
		{"status", store.Query{Where: store.Where("status", store.Eq, "error"), Sort: newest, Limit: 25}},
		{"name", store.Query{Where: store.Where("name", store.Eq, "Upgrade router 7"), Sort: newest, Limit: 25}},
		{"contains", store.Query{Where: store.Where("description", store.Contains, "chg0042"), Sort: newest, Limit: 25}},
		{"group", store.Query{Where: store.Where("groups", store.In, []string{"team3", "team4"}), Sort: newest, Limit: 25}},
		{"deep", store.Query{Sort: newest, Skip: 90_000, Limit: 25}},
		{"live", store.Query{Where: store.Where("live", store.Eq, true), Limit: 100, NoTotal: true}},
	} {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.s.Find(b.Context(), store.Jobs, bc.q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("statistics", func(b *testing.B) {
		g := store.Grouping{By: []store.Key{{Field: "metrics.start_time", Unit: store.Day}, {Field: "status"}}}
		for b.Loop() {
			if _, err := f.s.Group(b.Context(), store.Jobs, g); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkGet measures the read of one job among 10,000.
func BenchmarkGet(b *testing.B) {
	f := newFixture(b)
	f.fill(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.s.Get(b.Context(), store.Jobs, jobID(rand.IntN(10_000))); err != nil {
			b.Fatal(err)
		}
	}
}
