package lifecycle

import (
	"context"
	"errors"
	"fmt"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
)

// work goes on with every batch that nobody works on.
func (l *Lifecycle) work(ctx context.Context) error {
	found, err := l.Store.Find(ctx, store.Batches, store.Query{
		Where: store.Where("live", store.Eq, true), Sort: []store.Order{{Field: "created"}}, Limit: pageSize, NoTotal: true,
	})
	if err != nil {
		return err
	}
	for _, d := range found.Docs {
		b, err := decodeBatch(d)
		if err != nil {
			return fmt.Errorf("batch %q: %w", d.ID, err)
		}
		if b.worker != l.name && b.lease > l.Now().UnixMilli() {
			continue
		}
		b.worker = l.name
		err = l.advance(ctx, b)
		if errors.Is(err, store.ErrConflict) {
			continue // somebody else has it, or canceled it
		}
		if err != nil {
			return fmt.Errorf("batch %q: %w", b.ID, err)
		}
	}
	return nil
}

// commit stores writes together with the progress of the batch they are for.
func (l *Lifecycle) commit(ctx context.Context, b *Batch, writes store.Batch) error {
	now := l.Now()
	b.Updated, b.lease = now.UnixMilli(), now.Add(lease).UnixMilli()
	if err := l.Store.Commit(ctx, append(writes, b.write()))[0]; err != nil {
		return err
	}
	b.revision = store.Revision(b.revision)
	return nil
}

// advance works on a batch until it has ended.
func (l *Lifecycle) advance(ctx context.Context, b *Batch) error {
	if err := l.commit(ctx, b, nil); err != nil { // the lease
		return err
	}
	for ctx.Err() == nil {
		if len(b.left) > 0 {
			if err := l.sweepUp(ctx, b); err != nil {
				return err
			}
			continue
		}
		roots, err := l.upcoming(ctx, b)
		if err != nil {
			return err
		}
		if len(roots) == 0 {
			b.Status, b.Ended = Complete, l.Now().UnixMilli()
			if b.stopped {
				b.Status = Canceled
			}
			l.Log.Info("batch ended", "batch", b.ID, "kind", b.Kind, "done", b.Done, "failed", b.Failed)
			return l.commit(ctx, b, nil)
		}
		if b.Kind == Delete {
			err = l.deleteAll(ctx, b, roots)
		} else {
			err = l.archiveAll(ctx, b, roots)
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// upcoming are the next families of a batch.
func (l *Lifecycle) upcoming(ctx context.Context, b *Batch) ([]string, error) {
	if b.stopped {
		return nil, nil
	}
	if b.Filter == nil {
		return b.IDs[b.next:min(b.next+pageSize, len(b.IDs))], nil
	}
	found, err := l.Store.Find(ctx, store.Jobs, store.Query{
		Where: store.And{b.where(), store.Where(store.ID, store.Gt, b.last)}, Sort: []store.Order{{Field: store.ID}}, Limit: pageSize, NoTotal: true,
	})
	return ids(found.Docs), err
}

// passed notes that a family has been dealt with.
func (b *Batch) passed(root string) {
	b.last = root
	if b.Filter == nil {
		b.next++
	}
}

// archiveAll archives or restores families.
func (l *Lifecycle) archiveAll(ctx context.Context, b *Batch, roots []string) error {
	ev := engine.Event{Type: engine.JobArchived, By: b.By}
	if b.Kind == Restore {
		ev.Type = engine.JobRestored
	}
	for _, root := range roots {
		err := l.archive(ctx, root, ev)
		switch {
		case err == nil:
			b.Done++
		case ctx.Err() != nil || errors.Is(err, runner.ErrBusy):
			return err
		default:
			b.failed(root, err)
		}
		b.passed(root)
	}
	return l.commit(ctx, b, nil)
}

func (l *Lifecycle) archive(ctx context.Context, root string, ev engine.Event) error {
	jobs, err := l.jobs(ctx, root)
	if err != nil {
		return err
	}
	for _, d := range jobs {
		if _, err := l.Engine.Act(ctx, d.ID, ev); err != nil && !errors.Is(err, engine.ErrStale) {
			return err
		}
	}
	return nil
}

// deleteAll deletes families, as many together as fit one commit.
func (l *Lifecycle) deleteAll(ctx context.Context, b *Batch, roots []string) error {
	var together []*family
	size := 0
	flush := func() error {
		err := l.deleteFamilies(ctx, b, together)
		together, size = nil, 0
		return err
	}
	for _, root := range roots {
		f, err := l.family(ctx, root)
		if err != nil && !errors.Is(err, ErrAtWork) && !errors.Is(err, ErrChild) {
			return err
		}
		if err == nil && f != nil && size+f.size() > l.AtOnce || err != nil || f == nil {
			if err := flush(); err != nil {
				return err
			}
		}
		switch {
		case err != nil:
			b.failed(root, err)
			b.passed(root)
		case f == nil: // gone already
			b.passed(root)
		default:
			together = append(together, f)
			size += f.size()
		}
	}
	if err := flush(); err != nil {
		return err
	}
	return l.commit(ctx, b, nil)
}

// deleteFamilies deletes families together. When one of them was changed meanwhile they go one
// by one, and that one is left.
func (l *Lifecycle) deleteFamilies(ctx context.Context, b *Batch, families []*family) error {
	if len(families) == 0 {
		return nil
	}
	if b.Export {
		if l.Export == "" {
			return errors.New("there is no folder for what must be written down before it is deleted")
		}
		if err := l.export(ctx, b, families); err != nil {
			return err
		}
	}
	before := *b
	var writes store.Batch
	for _, f := range families {
		writes = append(writes, f.deletions()...)
		if f.size() <= l.AtOnce {
			writes = append(writes, f.rest...)
		} else {
			b.left = append(b.left, remains{f.root, ids(f.jobs)})
		}
		b.Done++
		b.passed(f.root)
	}
	err := l.commit(ctx, b, writes)
	if err == nil {
		return nil
	}
	*b = before
	conflict, ok := errors.AsType[*store.Conflict](err)
	if !ok || conflict.Collection == store.Batches {
		return err
	}
	if len(families) == 1 {
		b.failed(families[0].root, fmt.Errorf("job %s was changed meanwhile", conflict.ID))
		b.passed(families[0].root)
		return nil
	}
	for _, f := range families {
		if err := l.deleteFamilies(ctx, b, []*family{f}); err != nil {
			return err
		}
	}
	return nil
}

// sweepUp deletes what is left of a large family, a part at a time.
func (l *Lifecycle) sweepUp(ctx context.Context, b *Batch) error {
	r := b.left[0]
	jobs := r.jobs[:min(10, len(r.jobs))]
	rest, err := l.rest(ctx, r.root, jobs)
	if err != nil {
		return err
	}
	for len(rest) > l.AtOnce {
		if err := l.commit(ctx, b, rest[:l.AtOnce:l.AtOnce]); err != nil {
			return err
		}
		rest = rest[l.AtOnce:]
	}
	if r.jobs = r.jobs[len(jobs):]; len(r.jobs) > 0 {
		b.left = append([]remains{r}, b.left[1:]...)
	} else {
		b.left = b.left[1:]
	}
	return l.commit(ctx, b, rest)
}
