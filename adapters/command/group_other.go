//go:build !unix

package command

import "os/exec"

// alone leaves the program as it is: there are no process groups here.
func alone(*exec.Cmd) {}

// killAll has nothing to kill: the program itself has ended.
func killAll(*exec.Cmd) {}
