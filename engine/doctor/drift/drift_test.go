package drift

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// series samples a function of the hours every minute.
func series(hours float64, heap func(h float64) float64) []Sample {
	var out []Sample
	for m := range int(hours*60) + 1 {
		out = append(out, Sample{At: start.Add(time.Duration(m) * time.Minute), Heap: int64(heap(float64(m) / 60)), Goroutines: 40, Files: 30})
	}
	return out
}

const mib = 1 << 20

func TestJudge(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 7))
	noise := func(of float64) float64 { return of * rng.Float64() }
	for name, tc := range map[string]struct {
		hours  float64
		heap   func(h float64) float64
		drifts bool
	}{
		"constant":                       {6, func(float64) float64 { return 50 * mib }, false},
		"noise":                          {6, func(float64) float64 { return 50*mib + noise(30*mib) }, false},
		"load that comes and goes":       {24, func(h float64) float64 { return 50*mib + 40*mib*math.Abs(math.Sin(h)) + noise(5*mib) }, false},
		"a burst at the end":             {6, func(h float64) float64 { return 50*mib + 400*mib*over(h, 5.8) }, false},
		"a single peak":                  {6, func(h float64) float64 { return 50*mib + 9000*mib*(over(h, 3)-over(h, 3.01)) }, false},
		"higher and higher peaks":        {6, func(h float64) float64 { return 50*mib + 40*mib*h*over(h*6-math.Floor(h*6), 0.5) }, false},
		"warming up":                     {6, func(h float64) float64 { return 50*mib - 45*mib*math.Exp(-4*h) + noise(2*mib) }, false},
		"a cache that fills by the half": {6, func(h float64) float64 { return 50*mib + 60*mib*math.Min(h/3, 1) + noise(2*mib) }, false},
		"falling":                        {6, func(h float64) float64 { return 150*mib - 10*mib*h }, false},
		"slower than the bound":          {24, func(h float64) float64 { return 50*mib + 2*mib*h + noise(mib) }, false},
		"too little to speak of":         {0.5, func(h float64) float64 { return 50*mib + 20*mib*h }, false},
		"a leak":                         {6, func(h float64) float64 { return 50*mib + 8*mib*h + noise(10*mib) }, true},
		"a leak under waves of load":     {24, func(h float64) float64 { return 50*mib + 8*mib*h + 30*mib*math.Abs(math.Sin(3*h)) + noise(5*mib) }, true},
		"a fast leak":                    {0.5, func(h float64) float64 { return 50*mib + 200*mib*h + noise(10*mib) }, true},
		"a leak in steps":                {6, func(h float64) float64 { return 50*mib + 10*mib*math.Floor(h*2) + noise(2*mib) }, true},
		"a leak that begins late":        {6, func(h float64) float64 { return 50*mib + 30*mib*math.Max(h-3, 0) + noise(2*mib) }, true},
	} {
		v := Judge(series(tc.hours, tc.heap), Bounds{})
		if !v.Enough || len(v.Trends) != 3 {
			t.Errorf("%s: not judged: %+v", name, v)
			continue
		}
		if got := len(v.Drifts()) > 0; got != tc.drifts {
			t.Errorf("%s: drift found: %v, want %v: %s", name, got, tc.drifts, v.Trends[0])
		}
	}
}

// over is 1 from an hour on.
func over(h, from float64) float64 {
	if h >= from {
		return 1
	}
	return 0
}

func TestJudge_line(t *testing.T) {
	t.Parallel()
	s := series(10, func(h float64) float64 { return 10*mib + 16*mib*h })
	rng := rand.New(rand.NewPCG(1, 1))
	rng.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
	got := Judge(s, Bounds{Warmup: time.Hour}).Trends[0]
	for name, x := range map[string][2]float64{
		"slope": {got.PerHour, 16 * mib}, "surely": {got.Surely, 16 * mib}, "gained": {got.Gained, 16 * 8.6 * mib}, "base": {got.Base, 166 * mib},
	} {
		if math.Abs(x[0]-x[1]) > 0.05*x[1] {
			t.Errorf("%s of a straight line is %g, want %g", name, x[0], x[1])
		}
	}
	if text := got.String(); !strings.HasPrefix(text, "heap drifts") {
		t.Errorf("told as %q", text)
	}
}

func TestJudge_eachQuantity(t *testing.T) {
	t.Parallel()
	s := series(6, func(float64) float64 { return 50 * mib })
	for i := range s {
		s[i].Goroutines += int64(i)
		s[i].Files += int64(i / 2)
	}
	if got := Judge(s, Bounds{}).Drifts(); len(got) != 2 || got[0].Quantity != "goroutines" || got[1].Quantity != "files" {
		t.Errorf("drifting: %v, want goroutines and files", got)
	}
	for i := range s {
		s[i].Files = -1
	}
	if v := Judge(s, Bounds{Goroutines: Bound{PerHour: 100, Least: 1}}); len(v.Trends) != 2 || len(v.Drifts()) > 0 {
		t.Errorf("with files unknown and goroutines allowed: %v", v.Trends)
	}
}

func TestJudge_tooShort(t *testing.T) {
	t.Parallel()
	one := Sample{At: start, Heap: 1, Goroutines: 1, Files: 1}
	few := series(0.1, func(h float64) float64 { return 9000 * mib * h })[:6]
	for name, s := range map[string][]Sample{"none": nil, "one": {one}, "one moment": {one, one, one}, "few": few} {
		if v := Judge(s, Bounds{}); v.Enough || len(v.Drifts()) > 0 {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

func TestTake(t *testing.T) {
	runtime.GC()
	before := Take()
	if before.Heap <= 0 || before.Goroutines <= 0 || runtime.GOOS == "linux" && before.Files <= 0 {
		t.Fatalf("sample %+v", before)
	}
	memory := make([]byte, 64*mib)
	stop := make(chan struct{})
	for range 50 {
		go func() { <-stop }()
	}
	var open []*os.File
	for range 20 {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, f)
	}
	runtime.GC()
	after := Take()
	runtime.KeepAlive(memory)
	close(stop)
	for _, f := range open {
		f.Close()
	}
	if after.Heap-before.Heap < 60*mib || after.Goroutines-before.Goroutines < 45 || before.Files >= 0 && after.Files-before.Files < 20 {
		t.Errorf("from %+v to %+v; 64 MiB, 50 goroutines and 20 files were added", before, after)
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	var w Watch
	for _, s := range series(100, func(h float64) float64 { return 50*mib + 8*mib*h }) {
		w.Add(s)
	}
	s := w.Samples()
	if len(s) > kept || len(s) < kept/2-1 {
		t.Errorf("%d samples kept, want up to %d", len(s), kept)
	}
	if first, last := s[0].At.Sub(start), s[len(s)-1].At.Sub(start); first > time.Hour || last < 99*time.Hour {
		t.Errorf("the samples kept span %s to %s of 100 h", first, last)
	}
	for i := range s[1:] {
		if s[i+1].At.Sub(s[i].At) != s[1].At.Sub(s[0].At) {
			t.Fatalf("sample %d is at %s: not evenly spaced", i+1, s[i+1].At)
		}
	}
	if v := w.Verdict(Bounds{}); len(v.Drifts()) != 1 {
		t.Errorf("verdict %v", v.Trends)
	}
}

func TestWatch_run(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour+time.Second)
		defer cancel()
		var w Watch
		if err := w.Run(ctx, time.Minute); err != nil {
			t.Error(err)
		}
		if n := len(w.Samples()); n != 61 {
			t.Errorf("%d samples in an hour, want 61", n)
		}
	})
}
