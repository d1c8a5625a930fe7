package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// runs compares the documents of a job's task runs with what its history recorded. Any of
// them can be written again from there.
func (c *checker) runs(ctx context.Context, s *subject, h *history) error {
	missing := maps.Clone(h.runs)
	q := store.Query{Where: store.Where("job._id", store.Eq, s.doc.ID), Sort: []store.Order{{Field: store.ID}}}
	err := c.each(ctx, store.Tasks, q, func(docs []store.Doc) error {
		c.report.Tasks += len(docs)
		for _, d := range docs {
			delete(missing, d.ID)
			c.run(s, h, d)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("task runs of job %q: %w", s.doc.ID, err)
	}
	for _, id := range slices.Sorted(maps.Keys(missing)) {
		want := missing[id]
		if want.late {
			continue
		}
		switch doc, err := c.Store.Get(ctx, store.Tasks, id); {
		case err == nil:
			c.run(s, h, doc) // not found by its job: a finding about its index fields
		case errors.Is(err, store.ErrNotFound):
			s.suspects = append(s.suspects, finding(Left, store.Tasks, id,
				"Iteration %d of task %q in job %s has no document.", want.iteration, want.task, s.doc.ID).by(c.rewrite(s, id, store.New)))
		default:
			return fmt.Errorf("read task run %q: %w", id, err)
		}
	}
	return nil
}

// run compares one document.
func (c *checker) run(s *subject, h *history, d store.Doc) {
	report := func(i Invariant, format string, args ...any) *suspect {
		s.suspects = append(s.suspects, finding(i, store.Tasks, d.ID, format, args...))
		return &s.suspects[len(s.suspects)-1]
	}
	mend := c.rewrite(s, d.ID, d.Revision)
	want, known := h.runs[d.ID]
	v, err := value.ParseLast(d.Body)
	switch {
	case err != nil && known:
		f := report(Left, "It cannot be read: %v.", err)
		*f = f.by(mend)
		return
	case err != nil:
		report(Left, "It cannot be read: %v.", err)
		return
	case !known:
		i, started := Left, number(v, "metrics", "start_time")
		if s.job.Status.Final() && started > s.job.EndedAt {
			i = Over
		}
		report(i, "Job %s, which is %s, knows no iteration %d of task %q.", s.doc.ID, s.job.Status, number(v, "iteration"), v.Path("job", "task").Text())
		return
	}
	got := run{
		task: v.Path("job", "task").Text(), iteration: int(number(v, "iteration")),
		status: v.Get("status").Text(), finish: v.Path("metrics", "finish_state").Text(), owner: v.Path("metrics", "owner").Text(),
		started: number(v, "metrics", "start_time"), ended: number(v, "metrics", "end_time"),
		listens: v.Get("listens").IsString(), retried: v.Path("metrics", "retrying").Truth(), late: want.late,
	}
	if wrong := got.differ(want); len(wrong) > 0 {
		f := report(Left, "Iteration %d of task %q in job %s: %s.", want.iteration, want.task, s.doc.ID, strings.Join(wrong, ", "))
		*f = f.by(mend)
	}
}

// differ tells where a document says something else than the history.
func (r run) differ(want run) []string {
	var out []string
	for _, x := range []struct {
		name      string
		got, want any
	}{
		{"task", r.task, want.task},
		{"iteration", r.iteration, want.iteration},
		{"status", r.status, want.status},
		{"finish_state", r.finish, want.finish},
		{"owner", r.owner, want.owner},
		{"start_time", r.started, want.started},
		{"end_time", r.ended, want.ended},
		{"listening", r.listens, want.listens},
		{"retrying", r.retried, want.retried},
	} {
		if x.got != x.want {
			out = append(out, fmt.Sprintf("%s is %s, by the history %s", x.name, shown(x.got), shown(x.want)))
		}
	}
	return out
}

func shown(v any) string {
	if s, ok := v.(string); ok {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprint(v)
}

func number(v value.Value, path ...string) int64 {
	n, _ := v.Path(path...).Int()
	return n
}

// rewrite gives the write of a task run's document as the history has it, unless somebody
// else writes it meanwhile.
func (c *checker) rewrite(s *subject, id string, revision int64) func(context.Context) (store.Batch, error) {
	return func(ctx context.Context) (store.Batch, error) {
		var batch store.Batch
		var kept error
		_, err := c.replay(ctx, &subject{doc: s.doc, job: s.job, machine: s.machine}, func(job *engine.Job, recorded map[string]*engine.Run) {
			if r := recorded[id]; r != nil {
				f := c.payloads.Folder(job.Ancestors[0])
				w := runner.TaskWrite(s.machine, job, r, f.Append)
				w.Expect = revision
				batch, kept = store.Batch{w}, f.Save(ctx, true)
			}
		})
		return batch, errors.Join(err, kept)
	}
}
