package drift

import (
	"context"
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"sync"
	"time"
)

// Take samples the running process. It costs about as much as listing a small folder.
func Take() Sample {
	heap := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(heap)
	s := Sample{At: time.Now(), Heap: -1, Goroutines: int64(runtime.NumGoroutine()), Files: files()}
	if heap[0].Value.Kind() == metrics.KindUint64 {
		if n := heap[0].Value.Uint64(); n > 0 { // 0 before the first collection
			s.Heap = int64(n)
		}
	}
	return s
}

// files counts the open file descriptors, -1 where the system does not list them.
func files() int64 {
	for _, folder := range []string{"/proc/self/fd", "/dev/fd"} {
		if list, err := os.ReadDir(folder); err == nil {
			return int64(len(list)) - 1 // without the one that lists them
		}
	}
	return -1
}

// Watch keeps a series of samples of the running process. The zero Watch is ready to use, and
// safe for concurrent use.
type Watch struct {
	mu     sync.Mutex
	series []Sample
	every  int // of the samples offered, how many make one that is kept: 1, 2, 4, ...
	since  int // samples offered since the last one kept
}

// kept is how many samples a watch holds at most.
const kept = 480

// Add offers a sample. A series that is full gives up every second sample and from then on
// takes half as many, so that it always spans the whole life of the process.
func (w *Watch) Add(s Sample) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.every = max(w.every, 1)
	if w.since++; w.since < w.every {
		return
	}
	w.since = 0
	w.series = append(w.series, s)
	if len(w.series) < kept {
		return
	}
	for i := range kept / 2 {
		w.series[i] = w.series[2*i+1]
	}
	w.series = w.series[:kept/2]
	w.every *= 2
}

// Samples returns the series so far, oldest first.
func (w *Watch) Samples() []Sample {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.series)
}

// Verdict judges the series so far.
func (w *Watch) Verdict(b Bounds) Verdict { return Judge(w.Samples(), b) }

// Run samples the process at an interval until ctx ends.
func (w *Watch) Run(ctx context.Context, every time.Duration) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		w.Add(Take())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
