// Package lifecycle is what becomes of jobs at rest: they are archived and restored, deleted
// with all that belongs to them, and kept as long as rules say.
//
// Work on many jobs is a [Batch]: a document with what is to be done and how far it is. One
// server works on it at a time, under a lease; another goes on when that one falls silent.
//
// A job is deleted with its whole family: child jobs, task runs, history, large values,
// quarantined events. A family of ordinary size goes in one commit together with the progress
// of its batch, guarded by the revisions of its jobs. A large one goes in steps: the first
// takes the jobs and notes in the batch what is left, so that a crash leaves no orphans for
// longer than it takes to go on.
package lifecycle
