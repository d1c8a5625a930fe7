package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/server/system"
	"github.com/heddlehq/heddle/workflows/value"
)

// finish fills a store with n finished jobs, as it looks after years: one is really run, the
// others are copies of its documents under ids and times of their own, one every second.
func finish(ctx context.Context, s *system.System, n int) error {
	if _, err := s.Library.CreateWorkflow(ctx, linear("bench finished", 1), "bench"); err != nil {
		return err
	}
	id := library.NewID()
	if _, err := s.Runner.Start(ctx, runner.Begin{Workflow: "bench finished", Start: engine.Start{ID: id, Initiator: "bench"}}); err != nil {
		return err
	}
	for {
		st, err := s.Runner.Job(ctx, id)
		if err != nil {
			return err
		}
		if st.Job.Status.Final() {
			break
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	docs, err := documentsOf(ctx, s.Store, id)
	if err != nil {
		return err
	}
	const together = 100 // jobs
	began := time.Now()
	var g errgroup.Group
	g.SetLimit(4)
	for from := 0; from < n; from += together {
		var batches []store.Batch
		for i := range min(together, n-from) {
			at := began.Add(time.Duration(from+i-n) * time.Second).UnixMilli()
			batches = append(batches, copied(docs, id, at))
		}
		g.Go(func() error { return errors.Join(s.Store.Commit(ctx, batches...)...) })
	}
	return g.Wait()
}

// filed is a stored document with the values it is searched by.
type filed struct {
	store.Doc
	in    *store.Collection
	index []any
}

// documentsOf reads what a job left in the store.
func documentsOf(ctx context.Context, st store.Store, job string) ([]filed, error) {
	schema, err := store.NewSchema(store.Collections)
	if err != nil {
		return nil, err
	}
	var out []filed
	for name, field := range map[string]string{store.Jobs: store.ID, store.History: "job", store.Tasks: "job._id"} {
		c, err := schema.Collection(name)
		if err != nil {
			return nil, err
		}
		p, err := st.Find(ctx, name, store.Query{Where: store.Where(field, store.Eq, job)})
		if err != nil {
			return nil, err
		}
		for _, d := range p.Docs {
			doc, err := value.ParseLast(d.Body)
			if err != nil {
				return nil, fmt.Errorf("%s %q: %w", name, d.ID, err)
			}
			out = append(out, filed{d, c, c.IndexOf(doc)})
		}
	}
	return out, nil
}

// copied returns the documents of a job under another id, as if it had run at a time.
func copied(docs []filed, job string, at int64) store.Batch {
	id := library.NewID()
	var out store.Batch
	for _, d := range docs {
		w := store.Write{
			Collection: d.in.Name, ID: strings.ReplaceAll(d.ID, job, id), Expect: store.New,
			Body: bytes.ReplaceAll(d.Body, []byte(job), []byte(id)), Index: make([]any, len(d.index)),
		}
		if w.ID == d.ID {
			w.ID = library.NewID()
		}
		for i, f := range d.in.Fields {
			switch v := d.index[i].(type) {
			case string:
				w.Index[i] = strings.ReplaceAll(v, job, id)
			case int64:
				w.Index[i] = v
				if f.Type == store.Time {
					w.Index[i] = at
				}
			default:
				w.Index[i] = v
			}
		}
		out = append(out, w)
	}
	return out
}

// wait starts n jobs that do not end: half wait for a timer, half for a person.
func wait(ctx context.Context, s *system.System, n int) error {
	var timer, person graph
	timer.task("1", "WorkFlowEngine", "delay", "Application", "operation", value.Object("time", value.Int(7*24*3600)), "time_in_milliseconds")
	person.tasks.Set("1", value.MustParse(`{"name": "ViewData", "canvasName": "ViewData", "summary": "Wait", "description": "", "app": "WorkFlowEngine",
		"displayName": "WorkFlowEngine", "location": "Application", "locationType": "WorkFlowEngine", "type": "manual", "groups": [],
		"view": "/workflow_engine/task/ViewData", "variables": {"error": "", "decorators": [], "outgoing": {},
		"incoming": {"header": "Wait", "message": "", "body": "", "variables": {}, "btn_success": "Go on", "btn_failure": ""}}}`))
	for name, g := range map[string]*graph{"bench timer": &timer, "bench person": &person} {
		g.join("workflow_start", "1")
		g.join("1", "workflow_end")
		if _, err := s.Library.CreateWorkflow(ctx, g.document(name), "bench"); err != nil {
			return err
		}
	}
	var g errgroup.Group
	g.SetLimit(64)
	for i := range n {
		g.Go(func() error {
			name := "bench timer"
			if i%2 == 0 {
				name = "bench person"
			}
			_, err := s.Runner.Start(ctx, runner.Begin{Workflow: name, Start: engine.Start{ID: library.NewID(), Initiator: "bench"}})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	living, err := s.Store.Group(ctx, store.Jobs, store.Grouping{Where: store.Where("status", store.Eq, "running")})
	if err != nil {
		return err
	}
	if living[0].Count != n {
		return fmt.Errorf("%d of %d jobs wait", living[0].Count, n)
	}
	return nil
}
