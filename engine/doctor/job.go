package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/payload"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// subject is a job under examination.
type subject struct {
	doc      store.Doc
	job      *engine.Job
	machine  *engine.Machine
	suspects []suspect
}

func (s *subject) suspect(i Invariant, format string, args ...any) {
	s.suspects = append(s.suspects, finding(i, store.Jobs, s.doc.ID, format, args...))
}

// jobs examines every job.
func (c *checker) jobs(ctx context.Context) error {
	return c.all(ctx, "jobs", store.Jobs, func(docs []store.Doc) error { return c.examine(ctx, docs) })
}

// sample examines jobs at places drawn by chance, none of them twice.
func (c *checker) sample(ctx context.Context) error {
	total, err := c.size(ctx, store.Jobs)
	if err != nil {
		return err
	}
	if c.Sample >= total {
		return c.jobs(ctx)
	}
	places := map[int]bool{}
	for len(places) < c.Sample {
		places[rand.IntN(total)] = true
	}
	for n, place := range slices.Sorted(maps.Keys(places)) {
		found, err := c.Store.Find(ctx, store.Jobs, store.Query{Sort: []store.Order{{Field: store.ID}}, Skip: place, Limit: 1, NoTotal: true})
		if err != nil {
			return fmt.Errorf("read jobs: %w", err)
		}
		if err := c.examine(ctx, found.Docs); err != nil {
			return err
		}
		c.tell("jobs", n+1, c.Sample)
	}
	return nil
}

// examine checks a page of jobs. Those that look wrong are read again.
func (c *checker) examine(ctx context.Context, docs []store.Doc) error {
	index, err := c.indexed(ctx, store.Jobs, ids(docs))
	if err != nil {
		return err
	}
	var first []suspect
	var again []string
	for _, d := range docs {
		found, err := c.inspect(ctx, d, index[d.ID])
		if err != nil {
			return err
		}
		if len(found) > 0 {
			again = append(again, d.ID)
			first = append(first, found...)
		}
	}
	c.report.Jobs += len(docs)
	return c.settle(ctx, first, func() ([]suspect, error) {
		var second []suspect
		for _, id := range again {
			found, err := c.still(ctx, id)
			if err != nil {
				return nil, err
			}
			second = append(second, found...)
		}
		return second, nil
	})
}

// still inspects a job between two reads that give the same revision. One that moves faster
// than it can be read is alive, which is all that can be said.
func (c *checker) still(ctx context.Context, id string) ([]suspect, error) {
	for range 5 {
		c.parent = lineage{}
		doc, err := c.Store.Get(ctx, store.Jobs, id)
		if errors.Is(err, store.ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read job %q: %w", id, err)
		}
		index, err := c.indexed(ctx, store.Jobs, []string{id})
		if err != nil {
			return nil, err
		}
		found, err := c.inspect(ctx, doc, index[id])
		if err != nil {
			return nil, err
		}
		after, err := c.Store.Get(ctx, store.Jobs, id)
		if err == nil && after.Revision == doc.Revision {
			return found, nil
		}
	}
	return nil, nil
}

// inspect checks one job, as it was read, in every way.
func (c *checker) inspect(ctx context.Context, doc store.Doc, index []any) ([]suspect, error) {
	s := &subject{doc: doc}
	var err error
	s.job, s.machine, err = decode(ctx, c.Library, c.payloads, doc.Body)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		s.suspect(Replay, "It cannot be read: %v.", err)
		return s.suspects, nil
	}
	if s.job.ID != doc.ID {
		s.suspect(Once, "The document says that it is job %q.", s.job.ID)
		return s.suspects, nil
	}
	s.alive()
	s.filed(index)
	history, err := c.replay(ctx, s, nil)
	if err != nil {
		return nil, err
	}
	if err := c.family(ctx, s); err != nil {
		return nil, err
	}
	if !history.broken {
		err = c.runs(ctx, s, history)
	}
	return s.suspects, err
}

// decode reads a stored job with the machine of its workflow revision.
func decode(ctx context.Context, l *library.Library, p *payload.Payloads, body []byte) (*engine.Job, *engine.Machine, error) {
	v, err := value.ParseLast(body)
	if err != nil {
		return nil, nil, err
	}
	if v, err = p.Unfold(ctx, v.Get("ancestors").At(0).Text(), v); err != nil {
		return nil, nil, err
	}
	m, err := l.Revision(ctx, engine.Revision(v))
	if err != nil {
		return nil, nil, err
	}
	job, err := m.Decode(v)
	return job, m, err
}

func ids(docs []store.Doc) []string {
	out := make([]string, len(docs))
	for i, d := range docs {
		out[i] = d.ID
	}
	return out
}
