package engine

import "github.com/heddlehq/heddle/workflows"

// Priority says which jobs come first when there is more to do than can be done: how far a job is
// above the usual, so that the zero value is the usual. People see its Level.
type Priority int8

// PriorityOf is the priority of a level from 0, the lowest, to workflows.MaxPriority; levels beyond
// count as these.
func PriorityOf(level int) Priority {
	return Priority(min(max(level, 0), workflows.MaxPriority) - workflows.UsualPriority)
}

// Level is the priority as people give it, from 0, the lowest, to workflows.MaxPriority.
func (p Priority) Level() int { return int(p) + workflows.UsualPriority }
