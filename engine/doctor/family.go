package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows"
)

// lineage is a parent job that was read for one of its children. Brothers often follow each
// other.
type lineage struct {
	id      string
	job     *engine.Job
	machine *engine.Machine
	err     error // why it cannot be read
}

// family checks a job against its parent and sees that the children it knows of exist.
func (c *checker) family(ctx context.Context, s *subject) error {
	if s.job.Parent != nil {
		if err := c.child(ctx, s); err != nil {
			return err
		}
	}
	var known []string
	for _, t := range s.states() {
		if t.Loop == nil {
			continue
		}
		for _, k := range t.Loop.Kids {
			if k.Started {
				known = append(known, k.ID)
			}
		}
	}
	there, err := c.exist(ctx, known)
	if err != nil {
		return err
	}
	for _, id := range known {
		if !there[id] {
			s.suspect(Family, "Its child job %s does not exist.", id)
		}
	}
	return nil
}

// exist tells which of the jobs exist.
func (c *checker) exist(ctx context.Context, jobs []string) (map[string]bool, error) {
	out := map[string]bool{}
	for part := range slices.Chunk(jobs, 1000) {
		buckets, err := c.Store.Group(ctx, store.Jobs, store.Grouping{Where: store.Where(store.ID, store.In, part), By: []store.Key{{Field: store.ID}}})
		if err != nil {
			return nil, fmt.Errorf("read jobs: %w", err)
		}
		for _, b := range buckets {
			if id, ok := b.Keys[0].(string); ok {
				out[id] = true
			}
		}
	}
	return out, nil
}

// child checks a job against its parent.
func (c *checker) child(ctx context.Context, s *subject) error {
	p := s.job.Parent
	if want := engine.ChildID(p.Job, p.Task, p.Iteration, p.Element); s.job.ID != want {
		s.suspect(Family, "The child for element %d of iteration %d of task %q in job %s has id %s.", p.Element, p.Iteration, p.Task, p.Job, want)
		return nil
	}
	parent, err := c.parentOf(ctx, s.job)
	switch {
	case err != nil:
		return err
	case errors.Is(parent.err, store.ErrNotFound):
		s.suspect(Family, "Its parent job %s does not exist.", p.Job)
		return nil
	case parent.err != nil:
		return nil // the parent's own finding
	}
	if want := append(slices.Clone(parent.job.Ancestors), s.job.ID); !slices.Equal(s.job.Ancestors, want) {
		s.suspect(Family, "Its ancestors are %q; by its parent they are %q.", s.job.Ancestors, want)
	}
	if p.Task == workflows.ErrorHandlerID {
		s.handler(parent.job)
		return nil
	}
	t, ok := parent.machine.Task(parent.job, p.Task)
	if !ok || t.Iteration < p.Iteration {
		s.suspect(Family, "Its parent job %s has not started iteration %d of task %q.", p.Job, p.Iteration, p.Task)
		return nil
	}
	if t.Loop != nil {
		if at := slices.IndexFunc(t.Loop.Kids, func(k engine.Kid) bool { return k.ID == s.job.ID }); at >= 0 {
			s.agree(parent.job, t, t.Loop.Kids[at])
			return nil
		}
		if t.Iteration == p.Iteration {
			s.suspect(Family, "Its parent job %s does not name it in task %q.", p.Job, p.Task)
			return nil
		}
	}
	s.forgotten(parent.job)
	return nil
}

// parentOf reads a job's parent.
func (c *checker) parentOf(ctx context.Context, job *engine.Job) (*lineage, error) {
	id := job.Parent.Job
	if c.parent.id == id {
		return &c.parent, nil
	}
	c.parent = lineage{id: id}
	doc, err := c.Store.Get(ctx, store.Jobs, id)
	if err == nil {
		c.parent.job, c.parent.machine, c.parent.err = decode(ctx, c.Library, c.payloads, doc.Body)
		if errors.Is(c.parent.err, store.ErrNotFound) {
			c.parent.err = errors.New("its workflow revision is missing")
		}
	} else if c.parent.err = err; !errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("read job %q: %w", id, err)
	}
	return &c.parent, ctx.Err()
}

// agree compares what a parent knows of a child with the child.
func (s *subject) agree(parent *engine.Job, t *engine.TaskState, kid engine.Kid) {
	status := s.job.Status
	switch {
	case kid.Done && kid.Status != engine.Errored && kid.Status != status:
		s.suspect(Family, "It is %s; its parent job %s counted it as %s.", status, parent.ID, kid.Status)
	case kid.Done && !status.Final():
		s.forgotten(parent)
	case !kid.Done && t.Status == engine.TaskRunning && (status.Final() || (status == engine.Errored) != (kid.Status == engine.Errored)):
		s.news(parent)
	}
}

// handler compares a job with the parent whose errors it handles.
func (s *subject) handler(parent *engine.Job) {
	switch {
	case !parent.Handled:
		s.suspect(Family, "Its parent job %s started no error handler.", parent.ID)
	case parent.Handling && s.job.Status.Final():
		s.news(parent)
	case !parent.Handling:
		s.forgotten(parent)
	}
}

// onItsWay is how long the news of an ended job may take to its parent.
const onItsWay = time.Minute

// news checks that a parent which knows an older status is still being told. The outbox of a
// job that has ended says for good what it had to tell.
func (s *subject) news(parent *engine.Job) {
	for _, e := range s.job.Outbox {
		if s.job.Status.Final() && time.Since(time.UnixMilli(s.job.EndedAt)) > onItsWay {
			break
		}
		if e.Type == engine.NotifyParent && e.Status == s.job.Status {
			return
		}
	}
	s.suspect(Family, "It is %s; its parent job %s does not know, and the news is not on its way. A server that starts tells it again.", s.job.Status, parent.ID)
}

// forgotten checks that a child which its parent no longer waits for is over, or is told to
// stop.
func (s *subject) forgotten(parent *engine.Job) {
	if s.job.Status.Final() || s.job.Status == engine.Canceling {
		return
	}
	for _, e := range parent.Outbox {
		if e.Type == engine.ControlChild && e.Child == s.job.ID {
			return
		}
	}
	s.suspect(Family, "It is %s, but its parent job %s, which is %s, no longer waits for it.", s.job.Status, parent.ID, parent.Status)
}
