package engine

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/heddlehq/heddle/workflows/value"
)

// A job of thousands of tasks is stored with each of its events, although most of its tasks
// are over. Where values may be kept apart from the job's document, so may the states of such
// tasks, many of them in one text: those that ended first are in the first one, so that each is
// written once. They are texts because what they hold is stored as it is.

const (
	settledFrom = 512 // tasks that are over, before any is stored in this way
	settledEach = 128 // tasks in a text
	settledMost = 512 // bytes that a value of such a task may have
)

// settles tells whether a task is over and small.
func (t *TaskState) settles() bool {
	return t.Status.Finished() && t.Pending == nil && t.Loop == nil &&
		!t.Incoming.Exceeds(settledMost) && !t.Outgoing.Exceeds(settledMost) && !t.Error.Exceeds(settledMost) && !t.Changes.Exceeds(settledMost)
}

// settled writes the texts of tasks that are over and tells which tasks these are.
func (w *writer) settled(m *Machine, j *Job) (written []bool) {
	if w.Values == nil || len(j.Tasks) < settledFrom {
		return nil
	}
	var over []int
	for i, t := range j.Tasks {
		if t.settles() {
			over = append(over, i)
		}
	}
	if len(over) < settledFrom {
		return nil
	}
	slices.SortFunc(over, func(a, b int) int { return cmp.Or(cmp.Compare(j.Tasks[a].EndedAt, j.Tasks[b].EndedAt), a-b) })
	written = make([]bool, len(j.Tasks))
	w.Open("settled", '[')
	for ; len(over) >= settledEach; over = over[settledEach:] {
		text := write(nil, nil)
		text.Open("", '{')
		for _, i := range over[:settledEach] {
			written[i] = true
			text.OpenNamed(m.places[i].task.ID, '{')
			text.task(j.Tasks[i])
			text.Close('}')
		}
		text.Close('}')
		w.Buf = w.Values(w.element(), value.String(string(text.Buf)))
	}
	w.Close(']')
	return written
}

// unsettled reads the texts and gives each task's stored state to f.
func unsettled(stored value.Value, f func(id string, t value.Value) error) error {
	for n, text := range stored.Elements() {
		tasks, err := value.ParseLast([]byte(text.Text()))
		if err != nil {
			return fmt.Errorf("/settled/%d cannot be read: %w", n, err)
		}
		for id, t := range tasks.Members() {
			if err := f(id, t); err != nil {
				return err
			}
		}
	}
	return nil
}
