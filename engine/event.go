package engine

import (
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// EventType names a fact the machine can take in.
type EventType string

// The facts. The comment names the fields of [Event] each one uses besides Type and At.
const (
	JobStarted       EventType = "JobStarted"       // Start
	JobPaused        EventType = "JobPaused"        // By, Text
	JobResumed       EventType = "JobResumed"       // By, Text
	JobCanceled      EventType = "JobCanceled"      // By, Text, Graceful
	JobContinued     EventType = "JobContinued"     // By, Task: go on from this task with its last finish state
	JobReverted      EventType = "JobReverted"      // By, Task, To: jump back to an ancestor
	VariablesPatched EventType = "VariablesPatched" // By, Variables: they replace those of the same name
	AccessChanged    EventType = "AccessChanged"    // By, Groups, Watchers: the new lists; nil leaves one as it is
	JobArchived      EventType = "JobArchived"      // By, Text: lists leave it out; only of a job at rest
	JobRestored      EventType = "JobRestored"      // By, Text: lists show it again
	TaskStarted      EventType = "TaskStarted"      // Task, Iteration, Worker: a worker took it
	TaskProgressed   EventType = "TaskProgressed"   // Task, Iteration, Percent, Text: also a sign of life
	TaskFinished     EventType = "TaskFinished"     // Task, Iteration, Outcome, By (who worked a manual task)
	TaskClaimed      EventType = "TaskClaimed"      // Task, Iteration, By
	TaskAssigned     EventType = "TaskAssigned"     // Task, Iteration, By, Owner
	TaskReleased     EventType = "TaskReleased"     // Task, Iteration, By
	TaskRetried      EventType = "TaskRetried"      // By, Task, Variables
	TaskSkipped      EventType = "TaskSkipped"      // By, Task, Text
	TaskCompleted    EventType = "TaskCompleted"    // By, Task, Outcome, Text: an operator, or the System, gives the result
	TaskApproved     EventType = "TaskApproved"     // By, Task, Text, Mode: accepts what blocked it, restarts nothing
	TaskRepaired     EventType = "TaskRepaired"     // By, Task, Text, Mode: approves and resumes at once
	ChildStarted     EventType = "ChildStarted"     // Task, Iteration, Element, Child
	ChildFinished    EventType = "ChildFinished"    // Task, Iteration, Element, Child, Status, Variables (its job variables)
	ChildRefused     EventType = "ChildRefused"     // Task, Iteration, Element, Outcome.Error: it could not be started
	EventReceived    EventType = "EventReceived"    // Task, Iteration, Variables: payload for an eventListenerJob
	TimersDue        EventType = "TimersDue"        // every timer whose due time is not after At fires
)

// Event is a fact about a job. At is when it happened, in milliseconds since 1970.
type Event struct {
	Type      EventType
	At        int64
	Start     *Start
	By        string // account that acted
	Task      string
	To        string
	Iteration int // counts from 1
	Element   int
	Child     string // child job's id
	Status    Status
	Outcome   Outcome
	Variables value.Value
	Groups    []string
	Watchers  []string
	Owner     string
	Worker    string
	Text      string
	Percent   float64 // 0..100
	Graceful  bool
	Mode      string // ModeValidate or ModeForce; "" is what suits the method
}

// MaxDescription is how long the description of a job may be, in bytes: it is part of every document of the
// job and its tasks.
const MaxDescription = 32 << 10

// Start is what a job begins with.
type Start struct {
	ID          string // 24 hexadecimal digits
	Description string
	Type        string // "automation" unless said otherwise
	Variables   value.Value
	Groups      []string
	Initiator   string // user name that started it
	User        string // account id that started it
	Ancestors   []string
	Triggers    []string // ids of the triggers that led to it, first one first
	Force       int64    // how far its guards are waived, see Job.Force
	Only        []string // ids of the tasks to run; nil for all
	Parent      *Parent
	Repair      *Repair   // of a virtual job
	Priority    *Priority // nil = what the workflow says
}

// Parent names the childJob task a job was started by.
type Parent struct {
	Job       string
	Task      string
	Iteration int
	Element   int // index in the loop; -1 for a single child
}

// Outcome is what a task's work gave.
type Outcome struct {
	State    workflows.FinishState // success, failure, error or blocked
	Outgoing value.Value           // object of output name to value; Absent = none
	Error    value.Value           // what went wrong, when State is error or blocked
	Writes   []Write               // job variables, set before the outgoing bindings
	Counters []Count               // the job's named counters, see reattempt
	Changes  value.Value           // the change set of a guarded method
	Describe string                // new job description; "" leaves it
	Delay    int64                 // milliseconds from the event until the outcome counts
}

// Write sets a job variable; an Absent value removes it.
type Write struct {
	Name  string
	Value value.Value
}

// Count sets a named counter of the job.
type Count struct {
	Name string
	N    int64
}

// Succeed is the outcome of a task that worked and gave the named outputs.
func Succeed(outputs ...any) Outcome {
	return Outcome{State: workflows.Success, Outgoing: value.Object(outputs...)}
}

// Fail is the outcome of a task that had a problem of the given class. The error object
// carries the text where clients of Itential Platform look for it, too.
func Fail(class, text string) Outcome {
	return Outcome{State: workflows.Failed, Error: Problem(class, text)}
}

// Problem is an error object: {class, message, IAPerror: {displayString, code}}.
func Problem(class, text string) value.Value {
	return value.Object(
		"class", value.String(class),
		"message", value.String(text),
		"IAPerror", value.Object("displayString", value.String(text), "code", value.String(class)),
	)
}

// The classes of errors that the engine and the built-in tasks report. Retry settings may
// choose by them; adapters add their own.
const (
	ClassInput     = "input"             // a parameter is missing or of the wrong kind
	ClassReference = "reference"         // a reference could not be resolved
	ClassData      = "data"              // the data could not be worked on: bad JSON, unknown form, ...
	ClassDocument  = "document"          // a workflow, transformation or template is missing or broken
	ClassLimit     = "limit"             // a limit of size, depth, time or number was reached
	ClassProtocol  = "protocol"          // a worker answered what its method may not answer
	ClassChild     = "child"             // a child job was canceled or could not start
	ClassQueue     = "queue-timeout"     // no worker started it in time
	ClassRun       = "run-timeout"       // it took too long
	ClassHeartbeat = "heartbeat-timeout" // its worker fell silent
	ClassKey       = "encryption-key"    // a key is not to be had
	ClassInternal  = "internal"          // a defect of Heddle itself
)
