package bus

import "time"

// Stream describes one stream of a bus. Drivers create what is missing.
type Stream struct {
	Name string
	// Subjects are the patterns it takes; no two streams' may overlap.
	Subjects []string
	// Queue streams drop a message once acknowledged and refuse new ones at their limits
	// (ErrFull); others keep every message and make room by dropping the oldest.
	Queue bool
	// Limits; 0 means none.
	MaxAge   time.Duration
	MaxBytes int64
	MaxMsgs  int64
	// Dedupe is how long a message's ID is remembered.
	Dedupe time.Duration
}

// Streams returns the streams of the public contract with their default limits.
func Streams() []Stream {
	// As long as a publisher tries, which is all that repeats without a reason of its own. The
	// broker keeps every ID so long in memory.
	const window = 30 * time.Second
	return []Stream{
		{Name: Events, Subjects: []string{"heddle.event.*.*"}, Queue: true, MaxBytes: 2 << 30, Dedupe: window},
		{Name: Tasks, Subjects: []string{"heddle.task.*.*.*"}, Queue: true, MaxBytes: 2 << 30, Dedupe: window},
		{Name: Feed, Subjects: []string{"heddle.feed.job.*.*", "heddle.feed.platform.*.*"}, MaxAge: time.Hour, MaxBytes: 256 << 20, Dedupe: window},
	}
}

// Takes reports whether the stream stores messages to subject.
func (s Stream) Takes(subject string) bool {
	for _, p := range s.Subjects {
		if Match(p, subject) {
			return true
		}
	}
	return false
}
