package cli

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// headroom is how much garbage may gather before it is collected, in bytes: up to twice the live
// heap, which saves a tenth of the processor time, but beyond this only as much as the live heap.
const headroom = 96 << 20

// tuneMemory lets garbage grow while the heap is small; GOGC in the environment wins.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent(0))
		afterEachCollection()
	}
}

// gcPercent is the right GOGC for a live heap of so many bytes.
func gcPercent(live uint64) int {
	const most, least = 200, 100
	if live <= headroom*100/most {
		return most
	}
	return int(max(headroom*100/live, least))
}

// afterEachCollection sets GOGC anew when the live heap has changed. An object that nobody holds is
// found by each collection and makes the next one.
func afterEachCollection() {
	type witness struct{ _ [16]byte }
	runtime.AddCleanup(&witness{}, func(struct{}) {
		now := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/gogc:percent"}}
		metrics.Read(now)
		want, is := gcPercent(now[0].Value.Uint64()), int(now[1].Value.Uint64())
		if want < is-10 || want > is+10 { // each change stops the world for a moment
			debug.SetGCPercent(want)
		}
		afterEachCollection()
	}, struct{}{})
}
