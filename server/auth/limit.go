package auth

import (
	"sync"
	"time"
)

// Failed logins are counted by user and address together, so that nobody can lock out
// somebody else, and by address alone, so that nobody can try many users.
const (
	failuresEach    = 10
	failuresAddress = 100
	failureWindow   = 5 * time.Minute
	maxCounted      = 100_000
)

type limiter struct {
	mu     sync.Mutex
	now    func() time.Time
	counts map[string]failures
}

type failures struct {
	n     int
	until time.Time
}

func newLimiter(now func() time.Time) *limiter {
	return &limiter{now: now, counts: map[string]failures{}}
}

func keys(user, address string) [2]string { return [2]string{address + "\x00" + user, address} }

// wait tells how long a caller must wait before the next attempt; 0 = not at all.
func (l *limiter) wait(user, address string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	var wait time.Duration
	for i, bound := range [2]int{failuresEach, failuresAddress} {
		f := l.counts[keys(user, address)[i]]
		if left := f.until.Sub(l.now()); f.n >= bound && left > 0 {
			wait = max(wait, left)
		}
	}
	return wait
}

// failed counts a failure.
func (l *limiter) failed(user, address string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if len(l.counts) >= maxCounted {
		for k, f := range l.counts {
			if !f.until.After(now) {
				delete(l.counts, k)
			}
		}
		if len(l.counts) >= maxCounted {
			clear(l.counts) // a flood from very many addresses: counting has lost its meaning
		}
	}
	for _, k := range keys(user, address) {
		f := l.counts[k]
		if !f.until.After(now) {
			f = failures{until: now.Add(failureWindow)}
		}
		f.n++
		l.counts[k] = f
	}
}

// succeeded forgets the failures of a user at an address.
func (l *limiter) succeeded(user, address string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.counts, keys(user, address)[0])
}
