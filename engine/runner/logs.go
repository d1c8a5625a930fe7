package runner

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// Bounds of what is kept of the log of one task run. The oldest lines make room.
const (
	maxLogLines = 1000
	maxLogBytes = 256 << 10
	maxLogLine  = 16 << 10
)

// logEvery is how long lines are gathered: a line that waits is safe on the bus.
const logEvery = 200 * time.Millisecond

// LogID is the identifier of the log of a task's iteration.
func LogID(job, task string, iteration int) string {
	return fmt.Sprintf("%s/%s/%d", job, task, iteration)
}

// logs are the lines that workers wrote and that are not stored yet.
type logs struct {
	mu      sync.Mutex
	waiting map[string]*lines // by LogID
	order   []string
	bell    chan struct{}
}

type lines struct {
	job, task  string
	iteration  int
	added      []value.Value
	deliveries []bus.Delivery
}

// add takes a line, which is acknowledged once it is stored.
func (l *logs) add(job string, v value.Value, d bus.Delivery) {
	n, _ := v.Get("iteration").Int()
	task, iteration := v.Get("task").Text(), int(n)
	line := value.Object("at", v.Get("at"), "level", v.Get("level"), "text", v.Get("text"), "fields", v.Get("fields"), "worker", v.Get("worker"), "attempt", v.Get("attempt"))
	if line.Exceeds(maxLogLine) {
		line = line.Without("fields").With("text", value.String(clipped(v.Get("text").Text(), maxLogLine/2)))
	}
	id := LogID(job, task, iteration)
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.waiting[id]
	if of == nil {
		of = &lines{job: job, task: task, iteration: iteration}
		l.waiting[id] = of
		l.order = append(l.order, id)
	}
	of.added = append(of.added, line)
	of.deliveries = append(of.deliveries, d)
	select {
	case l.bell <- struct{}{}:
	default:
	}
}

func clipped(s string, n int) string {
	if len(s) > n {
		return s[:n] + " ..."
	}
	return s
}

// take empties the list.
func (l *logs) take() (ids []string, of map[string]*lines) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids, of = l.order, l.waiting
	l.order, l.waiting = nil, map[string]*lines{}
	return ids, of
}

// keepLogs stores lines until ctx ends.
func (r *Runner) keepLogs(ctx context.Context) error {
	for {
		select {
		case <-r.logs.bell:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case <-time.After(logEvery):
		case <-ctx.Done():
			return ctx.Err()
		}
		ids, all := r.logs.take()
		r.keepLines(ctx, ids, all)
	}
}

// keepLines adds lines to those that are stored. What cannot be stored now comes again.
func (r *Runner) keepLines(ctx context.Context, ids []string, all map[string]*lines) {
	var batches []store.Batch
	var of []*lines
	for _, id := range ids {
		l := all[id]
		w, err := r.logWrite(ctx, id, l)
		if err != nil {
			r.logged(l, err)
			continue
		}
		batches, of = append(batches, store.Batch{w}), append(of, l)
	}
	for i, err := range r.Store.Commit(ctx, batches...) {
		r.logged(of[i], err)
	}
}

func (r *Runner) logged(l *lines, err error) {
	if err != nil && !errors.Is(err, store.ErrConflict) && !errors.Is(err, context.Canceled) {
		r.Log.Warn("log of a task not stored yet", "err", err, "job", l.job, "task", l.task)
	}
	for _, d := range l.deliveries {
		if err != nil {
			d.Nak(time.Second)
			continue
		}
		d.Ack()
	}
}

func (r *Runner) logWrite(ctx context.Context, id string, l *lines) (store.Write, error) {
	w := store.Write{Collection: store.Logs, ID: id, Expect: store.New, Index: []any{l.job}}
	before := value.Absent
	doc, err := r.Store.Get(ctx, store.Logs, id)
	if err == nil {
		w.Expect = doc.Revision
		before, err = value.ParseLast(doc.Body)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return w, err
	}
	w.Body = l.onto(before).AppendJSON(nil)
	return w, nil
}

// onto is the log with the new lines behind the old ones, within bounds.
func (l *lines) onto(before value.Value) value.Value {
	all := append(before.Get("lines").Slice(), l.added...)
	dropped, _ := before.Get("dropped").Int()
	from, size := len(all), 0
	for from > 0 && len(all)-from < maxLogLines {
		if size += len(all[from-1].String()); size > maxLogBytes {
			break
		}
		from--
	}
	return value.Object("job", value.String(l.job), "task", value.String(l.task), "iteration", value.Int(int64(l.iteration)),
		"lines", value.Array(all[from:]...), "dropped", value.Int(dropped+int64(from)))
}

// TaskLog reads the lines that workers wrote about a task's iteration, oldest first, and how
// many older ones made room for them.
func (r *Runner) TaskLog(ctx context.Context, job, task string, iteration int) (lines []value.Value, dropped int, err error) {
	doc, err := r.Store.Get(ctx, store.Logs, LogID(job, task, iteration))
	if errors.Is(err, store.ErrNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("log of task %q of job %q: %w", task, job, err)
	}
	v, err := value.ParseLast(doc.Body)
	n, _ := v.Get("dropped").Int()
	return v.Get("lines").Slice(), int(n), err
}
