package cli

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

func TestGCPercent(t *testing.T) {
	t.Parallel()
	for live, want := range map[uint64]int{0: 200, 10 << 20: 200, 48 << 20: 200, 64 << 20: 150, 96 << 20: 100, 1 << 34: 100} {
		if got := gcPercent(live); got != want {
			t.Errorf("%d MiB alive: %d, want %d", live>>20, got, want)
		}
	}
}

// TestTuneMemory holds much memory and lets it go again.
func TestTuneMemory(t *testing.T) {
	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(150)
	defer debug.SetGCPercent(before)
	tuneMemory()
	await := func(what string, want func(int) bool) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) { // collections run on their own time
			runtime.GC()
			now := []metrics.Sample{{Name: "/gc/gogc:percent"}}
			metrics.Read(now)
			if want(int(now[0].Value.Uint64())) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: GOGC is %d", what, now[0].Value.Uint64())
			}
		}
	}
	held := make([]byte, 200<<20)
	await("with a large heap", func(p int) bool { return p == 100 })
	runtime.KeepAlive(held)
	held = nil
	await("with a small one again", func(p int) bool { return p > 150 })
}
