// Package engine is the pure machine at the heart of Heddle: a job and an event give the next
// job and its effects.
//
//	m, err := engine.Compile(workflow, catalog)      // once per workflow revision; safe to share
//	next, effects, err := m.Step(job, event)         // job is never changed; err means no step
//
// It has no clock, no chance, no I/O and no logging. Time comes in with the event, ids derive
// from the job's id, so the same job and event always give the same step. The seven laws a
// Step keeps are tested by name in laws_test.go.
//
// Semantics follow Itential Platform's workflow engine where that is documented or was
// observed; where it is not, DESIGN.md says what was chosen.
package engine
