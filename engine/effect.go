package engine

import "github.com/heddlehq/heddle/workflows/value"

// EffectType names an order the machine gives.
type EffectType string

// The orders. The comment names the fields of [Effect] each one uses besides Type and Key.
const (
	RunTask      EffectType = "RunTask"      // Task, Iteration, Attempt, App, Method, Pool, Incoming, Actor, Deadline, Mode, ResumeOf, Guard, Accept, Changes
	StopTask     EffectType = "StopTask"     // Task, Iteration: its result no longer counts
	StartChild   EffectType = "StartChild"   // Task, Iteration, Element, Child, Workflow, Variables, Transformation, Current; or Repair and Actor in place of Workflow
	ControlChild EffectType = "ControlChild" // Child, Act (pause, resume, cancel, cancel-graceful)
	NotifyParent EffectType = "NotifyParent" // Parent, Status, Variables
	RecordTask   EffectType = "RecordTask"   // Run: the state of one iteration, to be stored
	Announce     EffectType = "Announce"     // Topic, Variables: a platform event about the job
)

// Effect is an order. Key is unique for the life of the job, and the same order re-issued
// has the same key.
type Effect struct {
	Type           EffectType
	Key            string
	Task           string
	Iteration      int
	Attempt        int // 1 plus the retries so far
	App            string
	Method         string
	Incoming       value.Value
	Pool           string      // of agents that are to do it; "" is up to whoever sends it
	Actor          string      // user name the call runs as
	Deadline       int64       // milliseconds since 1970; 0 = none
	Mode           string      // "", ModeValidate or ModeForce
	ResumeOf       string      // the iteration that was blocked, see IterationID
	Guard          value.Value // its limits, Absent for none
	Accept         int64       // as many changes may be made although a guard says no
	Changes        value.Value // the change set to write, for ModeValidate
	Element        int
	Child          string
	Workflow       string
	Variables      value.Value
	Transformation string      // id of the transformation to run per element; "" = none
	Current        value.Value // the element
	Act            string
	Parent         *Parent
	Repair         *Repair // of a virtual job, whose workflow is that of Machine.Virtual
	Status         Status
	Topic          string
	Run            *Run
}
