package mongostore_test

import (
	"bytes"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/mongostore"
)

// BenchmarkCommit measures turns as the runner commits them: a job of 3 KB, an
// event of its history and two task runs, by writers that each have a job at
// a time.
func BenchmarkCommit(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s := closing(b, open(b, mongostore.Options{}))
			var jobs atomic.Int64
			b.ReportAllocs()
			b.SetParallelism(max(1, writers/runtime.GOMAXPROCS(0)))
			if writers == 1 {
				turn := 0
				for b.Loop() {
					commit(b, s, turns(turn/turnsPerJob, turn%turnsPerJob))
					turn++
				}
			} else {
				b.RunParallel(func(pb *testing.PB) {
					n, turn := int(jobs.Add(1)), 0
					for ; pb.Next(); turn++ {
						if turn == turnsPerJob {
							n, turn = int(jobs.Add(1)), 0
						}
						commit(b, s, turns(n, turn))
					}
				})
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "batches/s")
		})
	}
}

// BenchmarkCommit_single measures what needs no transaction.
func BenchmarkCommit_single(b *testing.B) {
	s := closing(b, open(b, mongostore.Options{}))
	rev := int64(0)
	for b.Loop() {
		commit(b, s, store.Batch{write(store.Jobs, "job", rev, 3000, map[string]any{"status": "running"})})
		rev++
	}
}

func commit(b *testing.B, s *mongostore.Store, batch store.Batch) {
	if err := s.Commit(b.Context(), batch)[0]; err != nil {
		b.Error(err)
	}
}

const turnsPerJob = 10

func turns(n, turn int) store.Batch {
	job := fmt.Sprintf("%024x", uint64(n)*0x9e3779b97f4a7c15)
	task := func(k int, status string) store.Write {
		return write(store.Tasks, fmt.Sprintf("%s-%d", job, k), store.Any, 700, map[string]any{"job._id": job, "status": status, "name": "runCommand"})
	}
	return store.Batch{
		write(store.Jobs, job, int64(turn), 3000, map[string]any{"status": "running", "live": true, "name": "Upgrade router", "metrics.start_time": int64(n)}),
		write(store.History, fmt.Sprintf("%s-%d", job, turn), store.New, 250, map[string]any{"job": job, "seq": int64(turn)}),
		task(turn, "complete"), task(turn+1, "running"),
	}
}

var benchSchema = func() *store.Schema {
	s, err := store.NewSchema(store.Collections)
	if err != nil {
		panic(err)
	}
	return s
}()

// write puts values, given by field, into the collection's order.
func write(collection, id string, expect int64, size int, values map[string]any) store.Write {
	c, err := benchSchema.Collection(collection)
	if err != nil {
		panic(err)
	}
	w := store.Write{Collection: collection, ID: id, Expect: expect, Body: append(append([]byte(`{"x":"`), bytes.Repeat([]byte("heddle "), size/7)...), `"}`...)}
	for _, f := range c.Fields {
		w.Index = append(w.Index, values[f.Name])
	}
	return w
}
