package runner

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows"
)

// Observer is told what a runner does. Its methods are called while jobs wait: they must be
// quick and safe for concurrent use.
type Observer interface {
	// Committed tells of one commit: of how many turns, how long it took, and its error.
	Committed(turns int, took time.Duration, err error)
	// Turned tells of a turn that was stored.
	Turned(Turned)
	// Swept tells that a search of the store found so many jobs with something overdue.
	Swept(jobs int)
}

// Turned is a turn that was stored. What it holds must not be changed.
type Turned struct {
	Job      *engine.Job // as it is now
	Workflow *workflows.Workflow
	Events   []engine.Event
	Ended    []*engine.Run // iterations of tasks that ended
}

// Depths is how much waits in this server.
type Depths struct {
	Intake int // events and acts that shards have not taken up
	Own    int // work that turns caused
	Timers int // timers in memory
}

// Depths tells how much waits in this server now, more or less.
func (r *Runner) Depths() (d Depths) {
	for _, s := range r.shards {
		d.Intake += len(s.in)
		s.own.mu.Lock()
		d.Own += len(s.own.items)
		s.own.mu.Unlock()
	}
	d.Timers = r.timers.count()
	return d
}

// observed tells the observer, if there is one, of a turn that was stored.
func (t *turn) observed() {
	o := t.shard.r.Observer
	if o == nil {
		return
	}
	told := Turned{Job: t.next, Workflow: t.entry.machine.Workflow(), Events: t.events}
	for _, run := range t.runs {
		if run.EndedAt > 0 {
			told.Ended = append(told.Ended, run)
		}
	}
	o.Turned(told)
}

// TraceID is the id of the W3C trace that all that is done for a job and its relatives belongs
// to. It derives from the first of them, so that all servers agree on it.
func TraceID(job *engine.Job) (id [16]byte) {
	sum := sha256.Sum256([]byte("trace\x00" + family(job)))
	copy(id[:], sum[:])
	return id
}

// SpanID is the id of the span of an iteration of a task, or of the job itself without one.
func SpanID(job, task string, iteration int) (id [8]byte) {
	sum := sha256.Sum256([]byte("span\x00" + job + "\x00" + task + "\x00" + strconv.Itoa(iteration)))
	copy(id[:], sum[:])
	return id
}

// traceParent is the header that makes what a worker does a part of its order's span.
func traceParent(job *engine.Job, task string, iteration int) string {
	trace, span := TraceID(job), SpanID(job.ID, task, iteration)
	return "00-" + hex.EncodeToString(trace[:]) + "-" + hex.EncodeToString(span[:]) + "-01"
}
