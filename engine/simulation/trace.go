package simulation

import (
	"slices"
	"strconv"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// Mark is what a line of the trace tells of a task.
type Mark string

// The marks. A task is reset by a revert and by the next round of the forEach around it.
const (
	Started  Mark = "started"
	Finished Mark = "finished"
	Never    Mark = "never"
	Reset    Mark = "reset"
)

// Line is a line of the trace. The start and the end of a workflow have none.
type Line struct {
	T         int64  // milliseconds of virtual time since the root job started
	Job       string // id of the child job; "" for the root job
	Task      string
	Name      string // the task's method; not part of the JSON text
	Iteration int    // 0 for a task that never ran
	Mark      Mark
	State     workflows.FinishState // when finished
}

// AppendJSON appends the line as it stands in a trace, without a line feed.
func (l Line) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"t":`...)
	dst = strconv.AppendInt(dst, l.T, 10)
	if l.Job != "" {
		dst = append(dst, `,"job":`...)
		dst = value.AppendString(dst, l.Job)
	}
	dst = append(dst, `,"task":`...)
	dst = value.AppendString(dst, l.Task)
	dst = append(dst, `,"iteration":`...)
	dst = strconv.AppendInt(dst, int64(l.Iteration), 10)
	dst = append(dst, `,"event":"`...)
	dst = append(append(dst, l.Mark...), '"')
	if l.State != "" {
		dst = append(append(append(dst, `,"finishState":"`...), l.State...), '"')
	}
	return append(dst, '}')
}

// tracer knows what the trace of one job says of its tasks so far.
type tracer struct {
	job    string // "" for the root job
	tasks  []traced
	index  map[string]int
	order  []int   // of the tasks, each after those that lead to it
	before [][]int // of each task, those that lead to it
}

type traced struct {
	iteration int // the last one that started
	phase     phase
}

type phase uint8

const (
	idle phase = iota
	running
	ended    // finished or canceled
	retrying // finished, and another iteration follows without a reset
	never
)

// open gets to know the tasks of a workflow.
func (t *tracer) open(w *workflows.Workflow) {
	t.tasks = make([]traced, len(w.Tasks))
	t.index = make(map[string]int, len(w.Tasks))
	for i := range w.Tasks {
		t.index[w.Tasks[i].ID] = i
	}
	missing := make([]int, len(w.Tasks))
	after := make([][]int, len(w.Tasks))
	t.before = make([][]int, len(w.Tasks))
	for _, e := range w.Transitions {
		if e.Type == workflows.Standard {
			from, to := t.index[e.From], t.index[e.To]
			missing[to]++
			after[from] = append(after[from], to)
			if e.From != workflows.StartID {
				t.before[to] = append(t.before[to], from)
			}
		}
	}
	var queue []int
	for i, n := range missing {
		if n == 0 {
			queue = append(queue, i)
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		if !workflows.IsReserved(w.Tasks[queue[0]].ID) {
			t.order = append(t.order, queue[0])
		}
		for _, to := range after[queue[0]] {
			if missing[to]--; missing[to] == 0 {
				queue = append(queue, to)
			}
		}
	}
}

// trace writes what a step did to the tasks: first the end of the one that the event was
// about, then what that reset and ruled out, then what it started.
func (w *world) trace(l *live, next *engine.Job, effects []engine.Effect) {
	if w.o.Trace == nil && w.o.Watch == nil {
		return
	}
	t := &l.tracer
	if t.tasks == nil {
		t.open(l.machine.Workflow())
	}
	var runs []*engine.Run
	for i := range effects {
		if effects[i].Type == engine.RecordTask {
			runs = append(runs, effects[i].Run)
		}
	}
	if len(runs) > 0 && runs[0].Status != engine.TaskRunning && runs[0].Iteration == t.tasks[t.index[runs[0].Task]].iteration {
		w.record(l, runs[0])
		runs = runs[1:]
	}
	w.resets(l, next, runs)
	w.nevers(l, next, false)
	for i, r := range runs {
		w.around(l, r.Task, runs[i+1:])
		w.record(l, r)
		w.nevers(l, next, false)
	}
	w.resets(l, next, nil)
	w.nevers(l, next, true)
}

// resets writes what was reset: what is undecided again, and what began anew other than by a
// retry. Tasks whose end is still to be written have to wait.
func (w *world) resets(l *live, next *engine.Job, later []*engine.Run) {
	for _, i := range l.tracer.order {
		s, known := next.Tasks[i], &l.tracer.tasks[i]
		again := s.Iteration > known.iteration && known.phase != retrying || s.Status == engine.TaskIdle
		ends := func(r *engine.Run) bool {
			return r.Finish != "" && r.Iteration == known.iteration && l.tracer.index[r.Task] == i
		}
		if known.phase != idle && again && !(known.phase == never && s.Never) && !slices.ContainsFunc(later, ends) {
			w.line(l, i, known.iteration, Reset, "")
			known.phase = idle
		}
	}
}

// nevers writes what is ruled out now: if that is already plain from what was written, or
// else all of it.
func (w *world) nevers(l *live, next *engine.Job, all bool) {
	for _, i := range l.tracer.order {
		known := &l.tracer.tasks[i]
		if next.Tasks[i].Never && known.phase == idle && (all || l.tracer.decided(i)) {
			w.line(l, i, known.iteration, Never, "")
			known.phase = never
		}
	}
}

// decided tells whether everything before task i has a mark that decides.
func (t *tracer) decided(i int) bool {
	return !slices.ContainsFunc(t.before[i], func(p int) bool {
		return t.tasks[p].phase != ended && t.tasks[p].phase != never
	})
}

// around writes the start of a forEach before that of its body's first task. The machine
// records it after, with its first element in hand.
func (w *world) around(l *live, task string, later []*engine.Run) {
	for i, r := range later {
		starts := workflows.Transition{From: r.Task, To: task, Type: workflows.Standard, State: workflows.Loop}
		if r.Status == engine.TaskRunning && slices.Contains(l.machine.Workflow().Transitions, starts) {
			w.around(l, r.Task, later[i+1:])
			w.record(l, r)
			return
		}
	}
}

// record writes the start and the end of an iteration, as far as they are new.
func (w *world) record(l *live, r *engine.Run) {
	i := l.tracer.index[r.Task]
	known := &l.tracer.tasks[i]
	if r.Iteration > known.iteration {
		if known.phase != idle && known.phase != retrying {
			w.line(l, i, known.iteration, Reset, "")
		}
		known.iteration, known.phase = r.Iteration, running
		w.line(l, i, r.Iteration, Started, "")
	}
	if known.phase != running || r.Status == engine.TaskRunning {
		return
	}
	known.phase = ended
	if r.Retrying {
		known.phase = retrying
	}
	switch {
	case r.Status == engine.TaskBlocked:
		w.line(l, i, r.Iteration, Finished, workflows.Blocked)
	case r.Finish != "":
		w.line(l, i, r.Iteration, Finished, r.Finish)
	}
}

func (w *world) line(l *live, task, iteration int, m Mark, s workflows.FinishState) {
	t := &l.machine.Workflow().Tasks[task]
	line := Line{T: w.now - w.epoch, Job: l.tracer.job, Task: t.ID, Name: t.Name, Iteration: iteration, Mark: m, State: s}
	if w.o.Watch != nil {
		w.o.Watch(line)
	}
	if w.o.Trace != nil && w.traced == nil {
		_, w.traced = w.o.Trace.Write(append(line.AppendJSON(nil), '\n'))
	}
}
