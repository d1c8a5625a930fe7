package bus

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Streams of the public contract.
const (
	Events = "HEDDLE_EVENTS" // queue: adapters, API and timers to the engine
	Tasks  = "HEDDLE_TASKS"  // queue: the engine to adapters
	Feed   = "HEDDLE_FEED"   // what happened: to live pages, event triggers, anyone
)

// maxSubject keeps a protocol line, with the reply subject of the broker's making, below
// the 4096 bytes servers accept.
const maxSubject = 2048

// EventSubject is where an event for a job goes: heddle.event.<partition>.<job>.
func EventSubject(partition int, job string) string {
	return "heddle.event." + strconv.Itoa(partition) + "." + Token(job)
}

// EventFilter matches every event of a partition.
func EventFilter(partition int) string {
	return "heddle.event." + strconv.Itoa(partition) + ".>"
}

// TaskSubject is where an order for an adapter goes: heddle.task.<pool>.<app>.<method>.
func TaskSubject(pool, app, method string) string {
	return "heddle.task." + Token(pool) + "." + Token(app) + "." + Token(method)
}

// TaskFilter matches every method of an app in a pool, or of every app when app is empty.
func TaskFilter(pool, app string) string {
	if app == "" {
		return "heddle.task." + Token(pool) + ".>"
	}
	return "heddle.task." + Token(pool) + "." + Token(app) + ".>"
}

// JobFeedSubject is where the news of a job goes: heddle.feed.job.<job>.<event>.
func JobFeedSubject(job, event string) string {
	return "heddle.feed.job." + Token(job) + "." + Token(event)
}

// PlatformFeedSubject is where other news goes: heddle.feed.platform.<source>.<topic>.
func PlatformFeedSubject(source, topic string) string {
	return "heddle.feed.platform." + Token(source) + "." + Token(topic)
}

// IsPlatformFeed tells whether news of that source and topic belongs on the subject. What stands
// in a message is its writer's word; where it may write is the bus' decision.
func IsPlatformFeed(subject, source, topic string) bool {
	return subject == PlatformFeedSubject(source, topic)
}

// PoolLease is how long whoever takes an order from a pool may be silent.
const PoolLease = 10 * time.Second

// PoolConsumer is the consumer that all who work for an app in a pool share; for app "" that
// of those who work for every app of it.
func PoolConsumer(pool, app string) Consumer {
	name := "pool-" + Token(pool)
	if app != "" {
		name += "-" + Token(app)
	}
	return Consumer{
		Stream: Tasks, Name: strings.NewReplacer("%", "_", "~", "_").Replace(name), Filter: []string{TaskFilter(pool, app)},
		AckWait: PoolLease, MaxPending: 4096,
	}
}

// CancelSubject is the signal that a job was canceled: heddle.cancel.<job>.
func CancelSubject(job string) string { return "heddle.cancel." + Token(job) }

// ChangedSubject is the signal that a job took events in: heddle.changed.<job>.
func ChangedSubject(job string) string { return ChangedPrefix + Token(job) }

// ChangedPrefix is how the subjects of these signals begin.
const ChangedPrefix = "heddle.changed."

// emptyToken stands for "": a subject has no empty tokens, and Token escapes '~' itself.
const emptyToken = "~"

// Token escapes any string into one subject token: ASCII letters, digits, '-' and '_' stand
// for themselves, every other byte becomes %XX, as in a URL; "" becomes "~". Different strings give
// different tokens, and [Untoken] undoes it.
func Token(s string) string {
	if s == "" {
		return emptyToken
	}
	escapes := 0
	for i := range len(s) {
		if !plain(s[i]) {
			escapes++
		}
	}
	if escapes == 0 {
		return s
	}
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, len(s)+2*escapes)
	for i := range len(s) {
		if c := s[i]; plain(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}

// Untoken is the inverse of [Token]. It takes lower-case hex too, since others may escape
// their own way, and refuses what no escaping produces.
func Untoken(token string) (string, error) {
	if token == emptyToken {
		return "", nil
	}
	if token == "" {
		return "", fmt.Errorf("%w: empty subject token", ErrMessage)
	}
	b := make([]byte, 0, len(token))
	for i := 0; i < len(token); i++ {
		c := token[i]
		switch {
		case plain(c):
			b = append(b, c)
		case c == '%' && i+2 < len(token):
			n, err := strconv.ParseUint(token[i+1:i+3], 16, 8)
			if err != nil {
				return "", fmt.Errorf("%w: subject token %q: bad escape at byte %d", ErrMessage, token, i)
			}
			b = append(b, byte(n))
			i += 2
		default:
			return "", fmt.Errorf("%w: subject token %q: unescaped %q at byte %d", ErrMessage, token, c, i)
		}
	}
	return string(b), nil
}

func plain(c byte) bool {
	return c-'a' < 26 || c-'A' < 26 || c-'0' < 10 || c == '-' || c == '_'
}

// Match reports whether subject fits pattern, where '*' stands for one token and a final
// '>' for one or more.
func Match(pattern, subject string) bool {
	for {
		p, morePattern, _ := cutToken(pattern)
		s, moreSubject, last := cutToken(subject)
		if p == ">" {
			return s != ""
		}
		if p != "*" && p != s || s == "" {
			return false
		}
		if last || morePattern == "" {
			return last && morePattern == ""
		}
		pattern, subject = morePattern, moreSubject
	}
}

// Overlap reports whether some subject fits both patterns.
func Overlap(a, b string) bool {
	for {
		x, moreA, _ := cutToken(a)
		y, moreB, _ := cutToken(b)
		if x == ">" || y == ">" {
			return x != "" && y != ""
		}
		if x != y && x != "*" && y != "*" {
			return false
		}
		if moreA == "" || moreB == "" {
			return moreA == "" && moreB == ""
		}
		a, b = moreA, moreB
	}
}

func cutToken(s string) (token, rest string, last bool) {
	token, rest, more := strings.Cut(s, ".")
	return token, rest, !more
}
