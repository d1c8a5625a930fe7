package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"strconv"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// System is the account that acts when nobody does. Documents of Itential Platform carry it.
const System = "Pronghorn"

// Status is a job's state.
type Status string

// The statuses of a job. Complete and Canceled are final. Canceling is a graceful cancel
// whose running tasks have not ended yet; the API shows it as canceled with "finishing".
const (
	Running   Status = "running"
	Paused    Status = "paused"
	BlockedJ  Status = "blocked"
	Errored   Status = "error"
	Canceling Status = "canceling"
	Complete  Status = "complete"
	Canceled  Status = "canceled"
)

// Final tells whether a job in this status can change no more.
func (s Status) Final() bool { return s == Complete || s == Canceled }

// Shown is the status as people and the API are shown it: a canceled job whose last tasks
// still finish is canceled.
func (s Status) Shown() Status {
	if s == Canceling {
		return Canceled
	}
	return s
}

// TaskStatus is the state of a task inside a job.
type TaskStatus string

// The states of a task. Ready, Waiting and Working are all shown as "running" or, before the
// start, "incomplete" by the API.
const (
	TaskIdle     TaskStatus = ""         // not decided yet, or never (see TaskState.Never)
	TaskReady    TaskStatus = "ready"    // would start, but the job is held
	TaskRunning  TaskStatus = "running"  // an iteration is under way
	TaskRetrying TaskStatus = "retrying" // waits for the next attempt
	TaskBlocked  TaskStatus = "blocked"  // a guard stopped it
	TaskComplete TaskStatus = "complete"
	TaskFailure  TaskStatus = "failure"
	TaskError    TaskStatus = "error"
	TaskCanceled TaskStatus = "canceled"
)

// How an attempt goes about a guard that stopped the one before it.
const (
	ModeValidate = "validate" // writes the very change set that was blocked, and nothing else
	ModeForce    = "force"    // runs anew and does not ask the guard
)

// Active tells whether work is outstanding.
func (s TaskStatus) Active() bool {
	return s == TaskReady || s == TaskRunning || s == TaskRetrying || s == TaskBlocked
}

// Finished tells whether the task ended and chose its transitions.
func (s TaskStatus) Finished() bool {
	return s == TaskComplete || s == TaskFailure || s == TaskError
}

// Job is one run of a workflow. It is immutable: Step returns a new one that shares what did
// not change.
type Job struct {
	ID          string
	Revision    string // content hash of the workflow snapshot it runs
	Name        string // the workflow's name at the start
	Description string
	Type        string
	Status      Status
	Seq         int64 // events taken in so far
	Variables   value.Value
	Errors      []Record
	Warnings    []Record
	Priority    Priority
	Groups      []string
	Watchers    []string
	Ancestors   []string // root first, the job itself last
	Triggers    []string // that led to it, first one first: a trigger never fires for what it led to itself
	Parent      *Parent
	Repair      *Repair // what a virtual job is for; nil for other jobs
	Initiator   string
	User        string
	StartedAt   int64
	EndedAt     int64 // 0 until final
	UpdatedAt   int64
	HeldAt      int64    // since when it is paused or blocked
	HeldBy      string   // who or what holds it
	Archived    bool     // lists leave it out
	Breached    bool     // the SLA was missed
	Handling    bool     // the error handler's child runs
	Handled     bool     // the error handler was used
	Reverts     int      // jumps back so far
	Force       int64    // 0 = guards count; 1 = they do not; N > 1 = they do not for at most N changes
	Only        []string // tasks it was started for; nil for all
	Counters    []Count
	Timers      []Timer // ordered by due time
	Held        []int   // tasks that finished while the job was held, not followed yet
	Outbox      []Effect
	Tasks       []*TaskState // aligned with the workflow's tasks
}

// Record is an entry of a job's error or warning list.
type Record struct {
	Task     string // task id, or "job" for the engine's own
	Name     string
	Message  value.Value // text or object
	At       int64
	Resolved bool // the task was retried, skipped or reverted since
}

// TaskState is what a job knows of one task.
type TaskState struct {
	Status     TaskStatus
	Never      bool // decided: it will not run
	Skip       bool // finish it without work when its turn comes
	Iteration  int  // iterations so far; the latest is current
	Retries    int  // automatic retries since the task was last started afresh
	Exhausted  bool
	Skipped    string // why it was passed over, see SkippedRange
	Mode       string // how to run the next attempt: "", ModeValidate or ModeForce
	Approved   string // who approved what blocked it
	Because    string // why, in that person's words
	Incoming   value.Value
	Outgoing   value.Value
	Error      value.Value
	Changes    value.Value // what a guarded method changed, or would have changed when it was blocked
	FirstAt    int64       // start of the first attempt
	StartedAt  int64
	EndedAt    int64
	ClaimedAt  int64
	AliveAt    int64 // last sign of life of its worker
	ReportedAt int64 // the same by the worker's own clock
	Owner      string
	Votes      []string // accounts that finished it with success, while more are needed
	Escalated  bool     // it is for more people than at first
	Worker     string
	Percent    float64
	Text       string
	Pending    *Outcome // a result that counts only later, see Outcome.Delay
	Loop       *Loop
	Subscribed bool // an eventListenerJob waiting for its event
}

// Loop is the progress of a childJob or forEach.
type Loop struct {
	Total int
	Next  int // index of the next element to start
	Live  int // children under way
	Done  int
	Any   bool // at least one child completed
	Kids  []Kid
}

// Kid is a child job of a task.
type Kid struct {
	ID        string
	Iteration int // of the task that started it; an element that completed outlives a retry
	Element   int // -1 for a single child
	Status    Status
	Output    value.Value // its job variables, or why it was refused
	Started   bool        // known to exist
	Done      bool        // its result counted
}

// ended tells whether the child has a final document, which holds its output as well.
func (k *Kid) ended() bool { return k.Done && k.Status.Final() }

// TimerKind says what a timer is for.
type TimerKind string

// The kinds of timers.
const (
	TimerDelay     TimerKind = "delay"     // an outcome starts to count
	TimerRetry     TimerKind = "retry"     // the next attempt starts
	TimerQueue     TimerKind = "queue"     // nobody took the task
	TimerRun       TimerKind = "run"       // the task takes too long
	TimerHeartbeat TimerKind = "heartbeat" // the worker may have died
	TimerRemind    TimerKind = "remind"    // a person lets the task wait
	TimerEscalate  TimerKind = "escalate"  // a person lets the task wait for too long
	TimerSLA       TimerKind = "sla"
	TimerJob       TimerKind = "job" // the job takes too long
)

// Timer is a due time, in milliseconds since 1970.
type Timer struct {
	Kind      TimerKind
	Task      string // "" for the job's own
	Iteration int
	Due       int64
}

// Due is the time of the job's next timer; 0 when nothing is to ring, for instance while the
// job is held.
func (j *Job) Due() int64 {
	if len(j.Timers) == 0 || j.Status.Final() || j.held() {
		return 0
	}
	return j.Timers[0].Due
}

func (j *Job) held() bool { return j.Status == Paused || j.Status == BlockedJ }

// Counter is the value of a named counter, 0 when it was never set.
func (j *Job) Counter(name string) int64 {
	for _, c := range j.Counters {
		if c.Name == name {
			return c.N
		}
	}
	return 0
}

// Run is one iteration of a task, as it is stored for people to look at.
type Run struct {
	ID         string // IterationID
	Task       string
	Iteration  int
	Attempt    int
	Status     TaskStatus
	Finish     workflows.FinishState // "" until finished
	Incoming   value.Value
	Outgoing   value.Value
	Error      value.Value
	Changes    value.Value // what they come to
	StartedAt  int64
	EndedAt    int64
	ClaimedAt  int64
	DueAt      int64 // when a person should have done it; 0 = no such time
	Owner      string
	Votes      []string
	Escalated  bool
	Worker     string
	Actor      string
	Retrying   bool // another attempt follows by itself
	Parent     string
	Percent    float64
	Text       string
	Subscribed bool
}

// IterationID is the id of the n-th iteration of a task in a job: a UUID that derives from
// the three.
func IterationID(job, task string, n int) string {
	sum := sha256.Sum256([]byte("iteration\x00" + job + "\x00" + task + "\x00" + strconv.Itoa(n)))
	u := sum[:16]
	beside(job, u)
	u[6] = u[6]&0x0f | 0x80 // version 8: custom
	u[8] = u[8]&0x3f | 0x80
	var text [36]byte
	hex.Encode(text[:], u[:4])
	for i, at := range []int{4, 6, 8} {
		text[9+5*i-1] = '-'
		hex.Encode(text[9+5*i:], u[at:at+2])
	}
	text[23] = '-'
	hex.Encode(text[24:], u[10:])
	return string(text[:])
}

// ChildID is the id of the child job for an element of a task's iteration.
func ChildID(job, task string, iteration, element int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "child\x00%s\x00%s\x00%d\x00%d", job, task, iteration, element))
	beside(job, sum[:])
	return hex.EncodeToString(sum[:12])
}

// beside lets an id that derives from a job's begin with when that job was made and the end
// of its count. What is written together then lies together in the store, in which the
// identifiers of busy jobs would else be all over the place.
func beside(job string, id []byte) {
	if b, err := hex.DecodeString(job); err == nil && len(b) == 12 {
		copy(id, b[:4])
		copy(id[4:], b[10:])
	}
}

// Partition is the partition, from 0 to n-1, that a job's events go to.
func Partition(job string, n int) int {
	h := fnv.New32a()
	h.Write([]byte(job))
	return int(h.Sum32() % uint32(n))
}
