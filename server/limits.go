package server

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/heddlehq/heddle/server/auth"
)

// Limits says how many calls of each kind a second are let through; twice as many may come at
// once. The kinds: "login" and "token" by address, "start" and "query" and "preview" by account,
// and "endpoint" by trigger, whoever calls. A kind that is missing has its default; 0 or less
// is no limit.
type Limits map[string]float64

// DefaultLimits are far above what people and their scripts do, and below what one of them can
// harm the others with.
var DefaultLimits = Limits{"login": 100, "token": 100, "start": 500, "query": 2000, "preview": 20, "endpoint": 200}

// Check reports a kind that does not exist.
func (l Limits) Check() error {
	for _, kind := range slices.Sorted(maps.Keys(l)) {
		if _, ok := DefaultLimits[kind]; !ok {
			return fmt.Errorf("there is no limit for %q; there are %s", kind, strings.Join(slices.Sorted(maps.Keys(DefaultLimits)), ", "))
		}
	}
	return nil
}

// limiter counts calls by kind and subject. It forgets subjects that have been quiet.
type limiter struct {
	now    func() time.Time
	limits Limits

	mu    sync.Mutex
	each  map[[2]string]*rate.Limiter
	swept time.Time
}

// Bounds on what a limiter remembers.
const (
	maxSubjects = 100_000
	sweepEvery  = time.Minute
)

func newLimiter(limits Limits, now func() time.Time) *limiter {
	all := maps.Clone(DefaultLimits)
	maps.Copy(all, limits)
	return &limiter{now: now, limits: all, each: map[[2]string]*rate.Limiter{}, swept: now()}
}

// tooMany is the answer to a call beyond the limit of its kind.
type tooMany struct {
	kind string
	wait time.Duration
}

func (e *tooMany) Error() string { return fmt.Sprintf("too many calls of the kind %q", e.kind) }

// take lets a call through or refuses it.
func (l *limiter) take(kind, subject string) error {
	limit := l.limits[kind]
	if limit <= 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	key := [2]string{kind, subject}
	b := l.each[key]
	if b == nil {
		l.sweep(now)
		b = rate.NewLimiter(rate.Limit(limit), int(max(1, 2*limit)))
		l.each[key] = b
	}
	if b.AllowN(now, 1) {
		return nil
	}
	missing := 1 - b.TokensAt(now)
	return &tooMany{kind, time.Duration(missing / limit * float64(time.Second))}
}

// sweep forgets subjects that may do all they might at first.
func (l *limiter) sweep(now time.Time) {
	if now.Sub(l.swept) < sweepEvery && len(l.each) < maxSubjects {
		return
	}
	l.swept = now
	maps.DeleteFunc(l.each, func(_ [2]string, b *rate.Limiter) bool { return b.TokensAt(now) >= float64(b.Burst()) })
	if len(l.each) >= maxSubjects {
		clear(l.each) // a flood from very many subjects: counting has lost its meaning
	}
}

// previews are the operations that compute what a caller thought up.
var previews = []string{"runEvaluationGroup", "runEvaluationGroups", "runQuery"}

// limited refuses a call whose account or address has made too many of its kind.
func (c *call) limited() error {
	r := c.deed.route
	switch {
	case r.name == "login", r.name == "beginOIDC", r.name == "finishOIDC":
		return c.limiter.take("login", address(c.Request()))
	case r.may == auth.Public && r.method != get:
		return c.limiter.take("token", address(c.Request()))
	case c.who == nil:
		return nil
	case strings.HasPrefix(r.name, "runEndpointTrigger"):
		return c.limiter.take("endpoint", c.tail(3))
	case r.may == auth.StartJobs:
		return c.limiter.take("start", c.who.ID)
	case slices.Contains(previews, r.name):
		return c.limiter.take("preview", c.who.ID)
	case !r.acts():
		return c.limiter.take("query", c.who.ID)
	}
	return nil
}
