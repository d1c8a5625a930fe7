package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
)

// Engine applies acts to jobs; a [runner.Runner] is one.
type Engine interface {
	Act(ctx context.Context, job string, ev engine.Event) (runner.State, error)
}

// Options are what a lifecycle works with. Store and Engine are required.
type Options struct {
	Store  store.Store
	Engine Engine
	Log    *slog.Logger
	Now    func() time.Time // the wall clock unless a test gives another
	// Export is the folder of what is written down before it is deleted; without one, nothing
	// is deleted that should be written down first.
	Export string
	// Look is how often batches of other servers are looked at; 5 s unless set.
	Look time.Duration
	// Apply is how often the rules are applied; 10 min unless set.
	Apply time.Duration
	// AtOnce is how many documents one commit deletes; 2000 unless set.
	AtOnce int
}

// Lifecycle works on batches and applies the rules.
type Lifecycle struct {
	Options
	name string // of this server, in leases
	bell chan struct{}
}

const (
	pageSize = 200              // documents read at once
	lease    = 30 * time.Second // how long a server may be silent about its batch
)

// New builds a lifecycle.
func New(o Options) (*Lifecycle, error) {
	if o.Store == nil || o.Engine == nil {
		return nil, errors.New("new lifecycle: options Store and Engine are required")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Look <= 0 {
		o.Look = 5 * time.Second
	}
	if o.Apply <= 0 {
		o.Apply = 10 * time.Minute
	}
	if o.AtOnce <= 0 {
		o.AtOnce = 2000
	}
	return &Lifecycle{Options: o, name: library.NewID(), bell: make(chan struct{}, 1)}, nil
}

// Run works on batches and applies the rules until ctx ends.
func (l *Lifecycle) Run(ctx context.Context) error {
	look, apply := time.NewTicker(l.Look), time.NewTicker(l.Apply)
	defer look.Stop()
	defer apply.Stop()
	for {
		if err := l.work(ctx); err != nil && ctx.Err() == nil {
			l.Log.Warn("batches not worked on, trying again", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-l.bell:
		case <-look.C:
		case <-apply.C:
			if err := l.ApplyRules(ctx); err != nil && ctx.Err() == nil {
				l.Log.Warn("rules of retention not applied", "err", err)
			}
		}
	}
}

// Submit stores a batch, which is worked on in the background, and returns it. Named jobs are
// looked at first: ErrAtWork, ErrChild and store.ErrNotFound refuse the whole batch.
func (l *Lifecycle) Submit(ctx context.Context, b Batch) (*Batch, error) {
	for _, id := range b.IDs {
		switch jobs, err := l.jobs(ctx, id); {
		case err != nil:
			return nil, err
		case len(jobs) == 0:
			return nil, fmt.Errorf("job %q: %w", id, store.ErrNotFound)
		}
	}
	return l.submit(ctx, b)
}

func (l *Lifecycle) submit(ctx context.Context, b Batch) (*Batch, error) {
	if b.ID == "" {
		b.ID = library.NewID()
	}
	b.Status, b.Created = Running, l.Now().UnixMilli()
	b.Updated = b.Created
	b.Total = len(b.IDs)
	if b.Filter != nil {
		buckets, err := l.Store.Group(ctx, store.Jobs, store.Grouping{Where: b.where()})
		if err != nil {
			return nil, fmt.Errorf("new batch: %w", err)
		}
		b.Total = buckets[0].Count
	}
	if err := l.Store.Commit(ctx, store.Batch{b.write()})[0]; err != nil {
		return nil, fmt.Errorf("new batch: %w", err)
	}
	b.revision = store.Revision(b.revision)
	l.ring()
	return &b, nil
}

// ring has the batches looked at.
func (l *Lifecycle) ring() {
	select {
	case l.bell <- struct{}{}:
	default:
	}
}

// Read returns a batch. The error wraps store.ErrNotFound.
func (l *Lifecycle) Read(ctx context.Context, id string) (*Batch, error) {
	d, err := l.Store.Get(ctx, store.Batches, id)
	if err != nil {
		return nil, fmt.Errorf("batch %q: %w", id, err)
	}
	return decodeBatch(d)
}

// Wait returns a batch once it has ended, or as it is when the time is up.
func (l *Lifecycle) Wait(ctx context.Context, id string, most time.Duration) (*Batch, error) {
	deadline := time.NewTimer(most)
	defer deadline.Stop()
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		b, err := l.Read(ctx, id)
		if err != nil || b.Status != Running {
			return b, err
		}
		select {
		case <-time.After(pause):
		case <-deadline.C:
			return b, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Cancel stops a batch. What it did is done.
func (l *Lifecycle) Cancel(ctx context.Context, id string) (*Batch, error) {
	for {
		b, err := l.Read(ctx, id)
		if err != nil || b.Status != Running {
			return b, err
		}
		b.stopped, b.lease = true, 0
		if len(b.left) == 0 { // else a family without its jobs is finished first
			b.Status, b.Ended = Canceled, l.Now().UnixMilli()
		}
		err = l.Store.Commit(ctx, store.Batch{b.write()})[0]
		if !errors.Is(err, store.ErrConflict) {
			l.ring()
			return b, err
		}
	}
}

// where selects the families that a batch is about: at rest, and unchanged since.
func (b *Batch) where() store.Filter {
	return store.And{
		b.Filter, store.Where("parent.job", store.Exists, false), store.Where("last_updated", store.Lte, b.Created),
		store.Where("status", store.In, []string{string(engine.Complete), string(engine.Canceled), string(engine.Errored)}),
	}
}
