// Package value holds JSON values as the engine moves them: immutable, ordered and exact.
//
// A [Value] is a JSON value or Absent, the engine's word for JavaScript's undefined: a job
// variable that does not exist is Absent, a task output that does not exist is Null, and an
// object never holds an Absent member. Objects keep the order their keys were written in,
// because scripts written for the systems Heddle replaces can observe it. Numbers keep their
// literal, so an integer beyond 2^53 survives a round trip.
//
// Values are safe to share between goroutines; every method that "changes" one returns a
// new Value.
package value
