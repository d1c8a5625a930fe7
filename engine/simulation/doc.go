// Package simulation runs a job and its child jobs in virtual time: no clock, no adapter, no
// person and no network, one goroutine, and equal input gives an equal trace.
//
// A task's iteration is answered by the first of these that has an answer:
//
//  1. the [Script] of the [Options], for instance a mock file ([ParseMock]);
//  2. the built-in task itself, unless it reaches outside the process;
//  3. for adapters, people and built-in tasks that reach outside: success without outputs.
//
// Child jobs run inside the same simulation, forEach bodies as they are drawn. An
// eventListenerJob that no script answers waits for an event that never comes. When nothing
// is left that could happen, the simulation is over, and [Result] says what the job still
// waits for.
//
// # What a script may answer
//
//   - Manual tasks, adapters and built-in tasks: any finish state.
//   - childJob: success, with the child job's variables in the output "job_details" (for a
//     loop, those of each element in its member "loop"), or error, as if the child job could
//     not be started. No child job runs then.
//   - eventListenerJob: success, with the event's payload in the output "result".
//   - forEach: nothing. Its state is what becomes of its body.
package simulation
