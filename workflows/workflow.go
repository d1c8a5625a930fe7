package workflows

import (
	"slices"

	"github.com/heddlehq/heddle/workflows/value"
)

// The reserved task ids.
const (
	StartID        = "workflow_start"
	EndID          = "workflow_end"
	ErrorHandlerID = "error_handler"
)

// The priorities of jobs go from 0, the lowest, to MaxPriority.
const (
	UsualPriority = 5
	MaxPriority   = 9
)

// Workflow is a graph of tasks joined by transitions, normalised: transitions name only
// tasks that exist, and every task is a key of the graph. Doc keeps the document as it was
// written, left-over keys and unknown fields included, so that export loses nothing.
type Workflow struct {
	Doc          value.Value
	ID           string // UUID; "" until stored
	Name         string
	Description  string
	Type         string // "automation" unless said otherwise
	Groups       []string
	Tags         value.Value // array of tag documents
	Tasks        []Task      // workflow_start and workflow_end included, ordered by id
	Transitions  []Transition
	InputSchema  value.Value // as supplied; Absent when the document has none
	OutputSchema value.Value
	Priority     int    // of its jobs unless a start says otherwise: 0 lowest, 9 highest, UsualPriority when the document says nothing
	ErrorHandler string // name of the workflow to run before the job enters "error"; "" = none
	SLA          int64  // longest expected run time in milliseconds; 0 = none
	Timeout      int64  // longest allowed run time in milliseconds; 0 = none
	Decorators   []Decorator
	Leftover     []string // keys of transitions that name no task
}

// Task is one place of a workflow's graph.
type Task struct {
	ID            string
	Name          string // method inside App
	CanvasName    string
	Summary       string
	Description   string
	App           string
	Location      string // Application, Adapter or Broker
	LocationType  string
	DisplayName   string
	Type          TaskType
	Actor         string // "", Pronghorn, job, or the id of a manual task upstream
	View          string
	Groups        []string
	Incoming      value.Value // object of parameters
	Outgoing      value.Value // object of output name to null, "" or "$var.job.<name>"
	ErrorVariable string      // job variable that takes the error object; "" = none
	Decorators    []Decorator
	Retry         *Retry
	Timeouts      Timeouts
	Children      Children
	Person        Person
	ContinueOnErr bool // an error only adds a warning and counts as success
	Guard         Guard
	Step          string   // what it is called in the sequence it comes from; "" on a canvas
	Order         int      // of its group in the sequence, from 1; 0 on a canvas
	Join          Join     // what it takes to run after several tasks
	Parents       []string // tasks that must have given something, or this one is skipped
	Pool          string   // of agents that do the work; "" is the server's own choice
}

// Join is how a task with several transitions into it decides, once all of them are decided.
type Join string

// The joins.
const (
	JoinAny Join = ""    // it runs when at least one was chosen
	JoinAll Join = "all" // it runs when every one was chosen
)

// TaskType tells who does a task's work.
type TaskType string

// The types of tasks.
const (
	Automatic TaskType = "automatic" // a worker calls app.method
	Operation TaskType = "operation" // built into the engine, may touch job state
	Manual    TaskType = "manual"    // waits for a person
)

// Transition is a directed link of the graph.
type Transition struct {
	From, To string
	Type     TransitionType
	State    FinishState
}

// TransitionType is a transition's direction.
type TransitionType string

// Standard transitions go forward, revert transitions jump back to an ancestor.
const (
	Standard TransitionType = "standard"
	Revert   TransitionType = "revert"
)

// FinishState is how a task ended, and the state a transition binds to.
type FinishState string

// The finish states. Loop is only a binding: it leads from a forEach into its body.
const (
	Success FinishState = "success"
	Failure FinishState = "failure"
	Failed  FinishState = "error"
	Blocked FinishState = "blocked"
	Loop    FinishState = "loop"
)

// Decorator marks a place in a document, for instance as encrypted.
type Decorator struct {
	Type    string // "encryption", "query"
	Pointer string
}

// Retry is a task's retrySettings: the five fields of Itential Platform and Heddle's own.
type Retry struct {
	Auto       bool
	States     []FinishState
	Limit      int     // re-executions
	Delay      int64   // milliseconds before the first one
	Backoff    float64 // factor on the delay from one attempt to the next; 0 or 1 = fixed
	MaxDelay   int64   // milliseconds; 0 = no bound
	Jitter     float64 // part of the delay, 0..1, drawn from the finishing event
	Budget     int64   // milliseconds from the first start in which retries may begin; 0 = no bound
	Classes    []string
	NotClasses []string
	Exhausted  Exhausted
}

// Exhausted says what happens when no retry is left.
type Exhausted string

// What happens when no retry is left.
const (
	ExhaustedFail  Exhausted = "fail"  // follow the transitions of the last state
	ExhaustedBlock Exhausted = "block" // the job becomes blocked until a person approves
	ExhaustedPause Exhausted = "pause" // the job pauses with the task still to be retried
)

// Person says what is special about the work of a person on a manual task. Times are in
// milliseconds from when the task began to wait, 0 for none.
type Person struct {
	Due        int64    // when it should be done
	Remind     int64    // when those who can work it are reminded
	Escalate   int64    // when it is taken from its owner and given to more people
	EscalateTo []string // groups it is for, too, once it was escalated
	Approvals  int      // how many people must finish it with success; 0 or 1 = one
	NotStarter bool     // whoever started the job may not work it
}

// Timeouts bound a task, each in milliseconds and 0 for none. A breach ends the iteration
// with an error of the class named like the field, in kebab case.
type Timeouts struct {
	Queue     int64 // from order to start by a worker
	Run       int64 // from order to result ("start-to-end")
	Heartbeat int64 // between signs of life
}

// Children is a childJob's extra policy.
type Children struct {
	Concurrency int    // cap for parallel loops; 0 = no cap
	OnError     string // what a child in "error" does to the parent: "wait" (default) or "error"
	Fail        string // when a loop fails: "all" (default, none completed), "any", "never"
}

// Task returns the task called id.
func (w *Workflow) Task(id string) (*Task, bool) {
	i, ok := slices.BinarySearchFunc(w.Tasks, id, func(t Task, id string) int {
		switch {
		case t.ID < id:
			return -1
		case t.ID > id:
			return 1
		}
		return 0
	})
	if !ok {
		return nil, false
	}
	return &w.Tasks[i], true
}

// IsReserved tells whether id names a task that no worker runs.
func IsReserved(id string) bool {
	return id == StartID || id == EndID || id == ErrorHandlerID
}
