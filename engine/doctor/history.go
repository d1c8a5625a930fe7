package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// history is what the replay of a job's history gave.
type history struct {
	job     *engine.Job
	seq     int64
	results map[string]int // accepted, by iteration
	runs    map[string]run // the last picture of each iteration
	broken  bool           // the replay does not lead to the stored job
}

// run is what the document of a task run must say.
type run struct {
	task                   string
	iteration              int
	status, finish, owner  string
	started, ended         int64
	listens, retried, late bool
}

func (h *history) stop(s *subject, i Invariant, format string, args ...any) {
	if !h.broken {
		s.suspect(i, format, args...)
	}
	h.broken = true
}

// replay steps through a job's history and compares what comes out with the stored job. The
// first thing that does not fit ends the steps; results are counted to the end. Turn, unless
// nil, is told the runs that each turn recorded, with the job as the turn left it.
func (c *checker) replay(ctx context.Context, s *subject, turn func(*engine.Job, map[string]*engine.Run)) (*history, error) {
	h := &history{results: map[string]int{}, runs: map[string]run{}}
	q := store.Query{Where: store.Where("job", store.Eq, s.doc.ID), Sort: []store.Order{{Field: "seq"}}}
	err := c.each(ctx, store.History, q, func(docs []store.Doc) error {
		for _, d := range docs {
			if recorded := h.take(ctx, c, s, d); turn != nil && !h.broken {
				turn(h.job, recorded)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	c.report.Events += int(h.seq)
	switch {
	case h.broken:
	case h.seq == 0:
		h.stop(s, Once, "It has no history: nothing tells that it was started.")
	case h.seq < s.job.Seq:
		h.stop(s, Replay, "Its history ends with event %d; the job has taken in %d.", h.seq, s.job.Seq)
	default:
		h.compare(s)
	}
	return h, nil
}

// take steps through one turn's events and gives the runs they recorded.
func (h *history) take(ctx context.Context, c *checker, s *subject, d store.Doc) map[string]*engine.Run {
	v, err := value.ParseLast(d.Body)
	if err == nil {
		v, err = c.payloads.Unfold(ctx, s.job.Ancestors[0], v)
	}
	if err != nil {
		h.stop(s, Replay, "History document %s cannot be read: %v.", d.ID, err)
		return nil
	}
	if first, _ := v.Get("seq").Int(); first != h.seq+1 {
		h.stop(s, Replay, "Its history goes from event %d to %d.", h.seq, first)
	}
	recorded := map[string]*engine.Run{}
	for _, e := range v.Get("events").Elements() {
		h.seq++
		ev := engine.DecodeEvent(e)
		h.count(s, ev)
		if !h.broken {
			h.step(s, ev, recorded)
		}
	}
	for id, r := range recorded {
		h.runs[id] = brief(s.machine, r)
	}
	return recorded
}

// count sees that an iteration got no second result.
func (h *history) count(s *subject, ev engine.Event) {
	key := ""
	switch {
	case ev.Type == engine.TaskFinished:
		key = fmt.Sprintf("iteration %d of task %q", ev.Iteration, ev.Task)
	case ev.Type == engine.ChildFinished && ev.Status.Final():
		key = fmt.Sprintf("child job %s of task %q", ev.Child, ev.Task)
	default:
		return
	}
	if h.results[key]++; h.results[key] == 2 {
		h.broken = true
		s.suspect(Accepted, "Event %d is a second result for %s.", h.seq, key)
	}
}

func (h *history) step(s *subject, ev engine.Event, recorded map[string]*engine.Run) {
	switch {
	case h.job == nil && (ev.Type != engine.JobStarted || ev.Start == nil):
		h.stop(s, Once, "Its history begins with %s, not with the start of the job.", ev.Type)
		return
	case h.job == nil && ev.Start.ID != s.doc.ID:
		h.stop(s, Once, "Its history begins with the start of job %q.", ev.Start.ID)
		return
	case h.job != nil && ev.Type == engine.JobStarted:
		h.stop(s, Once, "Event %d of its history starts the job again.", h.seq)
		return
	case h.job != nil && h.job.Status.Final():
		h.stop(s, Over, "Event %d (%s %s) was taken in after the job was %s.", h.seq, ev.Type, ev.Task, h.job.Status)
		return
	case h.seq > s.job.Seq:
		h.stop(s, Replay, "Its history goes on to event %d; the job has taken in only %d.", h.seq, s.job.Seq)
		return
	}
	next, effects, err := s.machine.Step(h.job, ev)
	if err != nil {
		h.stop(s, Replay, "Event %d (%s %s) of its history cannot be replayed: %v.", h.seq, ev.Type, ev.Task, err)
		return
	}
	for i := range effects {
		switch e := &effects[i]; {
		case e.Type == engine.RecordTask:
			recorded[e.Run.ID] = e.Run
		case e.Type == engine.RunTask && h.job != nil && h.job.Status == engine.Canceling:
			s.suspect(Over, "Event %d ordered iteration %d of task %q although the job was being canceled.", h.seq, e.Iteration, e.Task)
		}
	}
	h.job = next
}

// brief keeps of a run what its document is compared by.
func brief(m *engine.Machine, r *engine.Run) run {
	return run{
		task: r.Task, iteration: r.Iteration, status: runner.TaskWireStatus(r.Status), finish: string(r.Finish), owner: r.Owner,
		started: r.StartedAt, ended: r.EndedAt, listens: r.Subscribed, retried: r.Retrying,
		// Work that just went out is shown a little later, or never when it ends at once.
		late: r.Status == engine.TaskRunning && r.Worker == "" && m.ForWorker(r.Task),
	}
}

// compare sets the replayed job against the stored one, outboxes aside: those are emptied
// without an event. A task that began more or fewer times than the history allows is a join
// that went wrong.
func (h *history) compare(s *subject) {
	got, want := *h.job, *s.job
	got.Outbox, want.Outbox = nil, nil
	replayed, stored := s.machine.Append(nil, &got), s.machine.Append(nil, &want)
	if string(replayed) == string(stored) {
		return
	}
	for i, t := range s.states() {
		if r := got.Tasks[i]; r.Iteration != t.Iteration || r.Never != t.Never {
			h.broken = true
			s.suspect(Joins, "Task %q %s; by its history it %s.", t.id, began(t.TaskState), began(r))
		}
	}
	if places := differences(parsed(replayed), parsed(stored)); len(places) > 0 {
		h.broken = true
		s.suspect(Replay, "Replaying its history gives another job; they differ at %s.", strings.Join(places, ", "))
	}
}

func began(t *engine.TaskState) string {
	switch {
	case t.Never:
		return "never runs"
	case t.Iteration == 0:
		return "did not start"
	case t.Iteration == 1:
		return "started once"
	}
	return fmt.Sprintf("started %d times", t.Iteration)
}

func parsed(body []byte) value.Value {
	v, err := value.ParseLast(body)
	if err != nil {
		return value.Absent
	}
	return v
}

// differences are JSON pointers to where two jobs differ, the states of tasks one by one. What
// tells of a task's start is left out: it is the business of joins.
func differences(a, b value.Value) []string {
	const most = 5
	var out []string
	members := func(at string, a, b value.Value, skip ...string) {
		for _, key := range keys(a, b) {
			if len(out) < most && !slices.Contains(skip, key) && !value.Equal(a.Get(key), b.Get(key)) {
				out = append(out, at+"/"+value.EscapePointer(key))
			}
		}
	}
	members("", a, b, "tasks")
	for _, id := range keys(a.Get("tasks"), b.Get("tasks")) {
		members("/tasks/"+value.EscapePointer(id), a.Path("tasks", id), b.Path("tasks", id), "iteration", "never")
	}
	return out
}

// keys are the names of the members of two objects, sorted.
func keys(a, b value.Value) []string {
	var out []string
	for _, v := range []value.Value{a, b} {
		for k := range v.Members() {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
