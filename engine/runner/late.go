package runner

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/payload"
	"github.com/heddlehq/heddle/engine/store"
)

// lateAfter is how long a task may be at work before its document says so.
const lateAfter = 200 * time.Millisecond

// late holds the pictures of work that just went out, by iteration. Most work ends before
// anybody can look, and its end is stored anyway: storing each start as well would nearly
// double what a task costs. Nothing is lost with them: they derive from the job's state.
type late map[string]lateRun

type lateRun struct {
	machine *engine.Machine
	job     *engine.Job
	run     *engine.Run
	folder  *payload.Folder
	since   time.Time
}

func (l late) add(t *turn, run *engine.Run) {
	l[run.ID] = lateRun{t.entry.machine, t.current(), run, t.shard.folds(t.entry, t.current()), t.shard.r.Now()}
}

// flush stores the pictures of work that has taken long enough.
func (s *shard) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	now := s.r.Now()
	var batches []store.Batch
	var ids, due []string
	for id, l := range s.late {
		if now.Sub(l.since) >= lateAfter {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return
	}
	slices.Sort(ids)
	for _, id := range ids {
		l := s.late[id]
		write := TaskWrite(l.machine, l.job, l.run, l.folder.Append)
		if err := l.folder.Save(ctx, true); err != nil {
			s.r.Log.Warn("task at work not shown yet", "err", err)
			if e := s.cache[l.job.ID]; e != nil && e.folder == l.folder {
				delete(s.cache, l.job.ID)
			}
			l.folder = s.r.Payloads.Folder(family(l.job))
			s.late[id] = l
			continue
		}
		due = append(due, id)
		write.Expect = store.New // what another server stored of it is newer
		batches = append(batches, store.Batch{write})
	}
	ids = due
	for i, err := range s.r.Store.Commit(ctx, batches...) {
		if err != nil && !errors.Is(err, store.ErrConflict) {
			s.r.Log.Warn("task at work not shown yet", "err", err)
			continue
		}
		delete(s.late, ids[i])
	}
}
