// Package drift tells whether a process keeps what it takes: it samples the memory, goroutines
// and open files of the running process and judges from a series of samples whether one of
// them grows without end (INV-12).
//
// Under load each of them goes up and down, so single samples say little. A series is cut into
// windows of equal length after the warm-up, and the lowest sample of each stands for the base
// level, to which everything must return. A straight line through the base levels, by least
// squares, is drift only when all of this holds: it rises faster than the bound even at the low
// end of its confidence interval; what it rises over the whole series is worth a word; and the
// second half of the series alone rises faster than the bound, too. The last tells a leak from
// a cache that was filled.
package drift

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// Sample is what a process held at a moment. A count below zero is not known.
type Sample struct {
	At         time.Time `json:"at"`
	Heap       int64     `json:"heap"` // bytes that the last garbage collection found in use
	Goroutines int64     `json:"goroutines"`
	Files      int64     `json:"files"` // open file descriptors, sockets among them
}

// Bound is how much of a quantity may be gained.
type Bound struct {
	PerHour float64 // by the straight line
	Least   float64 // over the whole series; what rises less is no drift, however steadily
}

// Bounds are what a series is judged by. The zero value is right for a server that runs for
// hours; a shorter test needs a PerHour to match.
type Bounds struct {
	Warmup     time.Duration // left out at the beginning; a fifth of the series unless set
	Heap       Bound         // 4 MiB an hour and 16 MiB in all unless set
	Goroutines Bound         // 10 and 20 unless set
	Files      Bound         // 5 and 10 unless set
}

func (b Bounds) orDefault(span time.Duration) Bounds {
	for _, d := range []struct {
		bound *Bound
		value Bound
	}{{&b.Heap, Bound{4 << 20, 16 << 20}}, {&b.Goroutines, Bound{10, 20}}, {&b.Files, Bound{5, 10}}} {
		if *d.bound == (Bound{}) {
			*d.bound = d.value
		}
	}
	if b.Warmup <= 0 {
		b.Warmup = span / 5
	}
	return b
}

// Trend is the judgement about one quantity.
type Trend struct {
	Quantity string  `json:"quantity"` // "heap", "goroutines" or "files"
	Base     float64 `json:"base"`     // at the end of the series, by the line
	PerHour  float64 `json:"perHour"`  // the line's slope
	Surely   float64 `json:"surely"`   // the low end of the slope's confidence interval (95 %)
	Gained   float64 `json:"gained"`   // by the line over the series
	Drifts   bool    `json:"drifts"`
}

func (t Trend) String() string {
	word := "steady"
	if t.Drifts {
		word = "drifts"
	}
	return fmt.Sprintf("%s %s: %+.3g an hour (surely %+.3g), %+.3g in all to %.4g", t.Quantity, word, t.PerHour, t.Surely, t.Gained, t.Base)
}

// Verdict is the judgement about a series.
type Verdict struct {
	// Enough tells whether the series was long enough to be judged: nothing drifts otherwise.
	Enough bool    `json:"enough"`
	Trends []Trend `json:"trends"` // of the quantities that are known
}

// Drifts lists the trends that break their bounds.
func (v Verdict) Drifts() []Trend {
	return slices.DeleteFunc(slices.Clone(v.Trends), func(t Trend) bool { return !t.Drifts })
}

// How a series is cut: windows that hold a sample are counted.
const (
	most  = 24
	least = 8
)

// Judge decides about a series of samples, in any order.
func Judge(series []Sample, b Bounds) Verdict {
	series = slices.Clone(series)
	slices.SortStableFunc(series, func(a, b Sample) int { return a.At.Compare(b.At) })
	if len(series) == 0 {
		return Verdict{}
	}
	b = b.orDefault(series[len(series)-1].At.Sub(series[0].At))
	warm := series[0].At.Add(b.Warmup)
	series = slices.DeleteFunc(series, func(s Sample) bool { return s.At.Before(warm) })
	var v Verdict
	for _, q := range []struct {
		name  string
		bound Bound
		of    func(Sample) int64
	}{
		{"heap", b.Heap, func(s Sample) int64 { return s.Heap }},
		{"goroutines", b.Goroutines, func(s Sample) int64 { return s.Goroutines }},
		{"files", b.Files, func(s Sample) int64 { return s.Files }},
	} {
		base := bases(series, q.of)
		if len(base) < least {
			continue
		}
		v.Enough = true
		v.Trends = append(v.Trends, judge(q.name, base, q.bound))
	}
	return v
}

// point is a base level.
type point struct{ hours, level float64 }

// bases cuts a series into windows and takes the lowest sample of each.
func bases(series []Sample, of func(Sample) int64) []point {
	series = slices.DeleteFunc(slices.Clone(series), func(s Sample) bool { return of(s) < 0 })
	if len(series) < 2 {
		return nil
	}
	first := series[0].At
	span := series[len(series)-1].At.Sub(first)
	if span <= 0 {
		return nil
	}
	lowest := map[int]Sample{}
	for _, s := range series {
		n := min(int(most*s.At.Sub(first)/span), most-1)
		if low, ok := lowest[n]; !ok || of(s) < of(low) {
			lowest[n] = s
		}
	}
	out := make([]point, 0, len(lowest))
	for _, s := range lowest {
		out = append(out, point{s.At.Sub(first).Hours(), float64(of(s))})
	}
	slices.SortFunc(out, func(a, b point) int { return cmp.Compare(a.hours, b.hours) })
	return out
}

func judge(name string, base []point, b Bound) Trend {
	slope, level, doubt := line(base)
	late, _, _ := line(base[len(base)/2:])
	span := base[len(base)-1].hours - base[0].hours
	t := Trend{Quantity: name, Base: level, PerHour: slope, Surely: slope - 2*doubt, Gained: slope * span}
	t.Drifts = t.Surely > b.PerHour && t.Gained > b.Least && late > b.PerHour
	return t
}

// line fits a straight line by least squares: its slope, its level at the last point and the
// standard error of the slope.
func line(ps []point) (slope, level, doubt float64) {
	n := float64(len(ps))
	var x, y float64
	for _, p := range ps {
		x += p.hours / n
		y += p.level / n
	}
	var xx, xy float64
	for _, p := range ps {
		xx += (p.hours - x) * (p.hours - x)
		xy += (p.hours - x) * (p.level - y)
	}
	slope = xy / xx
	var rest float64
	for _, p := range ps {
		r := p.level - y - slope*(p.hours-x)
		rest += r * r
	}
	return slope, y + slope*(ps[len(ps)-1].hours-x), math.Sqrt(rest / (n - 2) / xx)
}
