// Package faults attacks live heddle processes and judges what is left of their promises.
//
// It is tests and their harness only. A test reads as the story of a fault: a server is
// started, jobs of all sorts are given to it, the fault happens and passes, and the judge
// looks at every job that was accepted. Tests are named after the fault they cause,
// TestFT01_… to TestFT40_…
//
// What needs a clock that jumps (FT-20) is for the simulator of engine/runner: a Go program asks
// the kernel for the time and not a library that could lie to it.
//
// A plain go test runs the two most telling ones; -faults.all runs all, each for seconds, and
// wants the machine for itself. The flags -faults.jobs, -faults.kills, -faults.long and -faults.soak make them as long as one likes,
// -faults.binary attacks a given program instead of this checkout.
package faults
