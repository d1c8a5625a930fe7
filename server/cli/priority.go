package cli

import (
	"fmt"
	"strconv"

	"github.com/heddlehq/heddle/workflows"
)

// priorityFlag is a flag with the priority of a job; less than 0 is none.
type priorityFlag int

func (p *priorityFlag) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > workflows.MaxPriority {
		return fmt.Errorf("want a whole number from 0 to %d", workflows.MaxPriority)
	}
	*p = priorityFlag(n)
	return nil
}

func (p *priorityFlag) String() string {
	if *p < 0 {
		return ""
	}
	return strconv.Itoa(int(*p))
}

// Type names what the flag takes in the help.
func (p *priorityFlag) Type() string { return "level" }
