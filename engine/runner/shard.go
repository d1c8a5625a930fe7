package runner

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/payload"
	"github.com/heddlehq/heddle/engine/store"
)

// item is one thing to do for a job. Exactly one of delivery and reply is set, or neither.
type item struct {
	job      string
	event    engine.Event
	machine  *engine.Machine // for JobStarted
	delivery bus.Delivery    // acknowledged once the turn and its orders are safe
	reply    chan answer
	stands   atomic.Int32
	child    bool            // JobStarted of a child: answer the parent when it is there already
	recover  bool            // no event: issue again what should be in force
	lost     map[string]bool // with recover: of the orders to workers only these
	sent     []string        // no event: these orders of the outbox were carried out
	tries    int
	tight    error // the job became too large to store: refuse large outputs
}

// Where an item stands on which a caller waits.
const (
	notBegun int32 = iota
	begun
	withdrawn
)

// begin is called before a turn takes the item, and false when its caller has gone.
func (it *item) begin() bool {
	return it.reply == nil || it.stands.CompareAndSwap(notBegun, begun) || it.stands.Load() == begun
}

// withdraw keeps an item that has not begun from ever beginning.
func (it *item) withdraw() bool { return it.stands.CompareAndSwap(notBegun, withdrawn) }

type answer struct {
	state State
	err   error
}

func (it *item) answer(s State, err error) {
	if it.reply != nil {
		it.reply <- answer{s, err}
	}
}

// ack ends an item: if it came from the bus, it will not come again.
func (it *item) ack() {
	if it.delivery != nil {
		it.delivery.Ack()
	}
}

// entry is a job in a shard's memory.
type entry struct {
	job      *engine.Job
	machine  *engine.Machine
	revision int64
	used     int64           // the shard's round, for eviction
	fresh    int64           // the round in which it was read from the store
	due      int64           // for which its timer was set last
	folder   *payload.Folder // nil until something was written
	marks    *marks          // of its workflow, once read
	read     bool
}

// marked are the marks of the job's workflow, nil without any.
func (e *entry) marked() *marks {
	if !e.read {
		e.marks, e.read = marksOf(e.machine.Workflow()), true
	}
	return e.marks
}

// shard steps the jobs that hash to it, one turn at a time. Its memory is its own.
type shard struct {
	r      *Runner
	in     chan *item // from outside: bounded, so that senders wait
	own    inbox      // from the runner itself: what turns caused never waits
	out    chan []*turn
	done   chan struct{}
	intake intake
	cache  map[string]*entry
	heavy  map[string]bool // jobs in memory that hold large values
	late   late
	rounds int64
	free   [][]byte // buffers for bodies, in use until their commit returns
}

func newShard(r *Runner) *shard {
	return &shard{
		r: r, in: make(chan *item, r.Batch), out: make(chan []*turn, 8), done: make(chan struct{}),
		cache: map[string]*entry{}, heavy: map[string]bool{}, late: late{}, own: inbox{bell: make(chan struct{}, 1)},
	}
}

// inbox is an unbounded queue with a bell. Its length is bounded by the work committed.
type inbox struct {
	mu    sync.Mutex
	items []*item
	bell  chan struct{}
}

func (q *inbox) push(it *item) {
	q.mu.Lock()
	q.items = append(q.items, it)
	q.mu.Unlock()
	select {
	case q.bell <- struct{}{}:
	default:
	}
}

// pop takes up to n items; more tells whether there are others.
func (q *inbox) pop(n int) (items []*item, more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n = min(n, len(q.items))
	items = slices.Clone(q.items[:n])
	q.items = q.items[n:]
	if len(q.items) == 0 {
		q.items = nil
	}
	return items, len(q.items) > 0
}

// run works until ctx ends. What was taken in by then is finished.
func (s *shard) run(ctx context.Context) error {
	defer close(s.done)
	defer close(s.out)
	beat := time.NewTicker(lateAfter)
	defer beat.Stop()
	for {
		if s.intake.n == 0 {
			select {
			case it := <-s.in:
				s.take(it)
			case <-s.own.bell:
			case <-beat.C:
				s.flush(context.WithoutCancel(ctx))
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		select {
		case <-beat.C:
			s.flush(context.WithoutCancel(ctx))
		case <-ctx.Done():
			return ctx.Err()
		default:
		}
		s.fill()
		if s.intake.n == 0 {
			continue
		}
		// A turn that began is finished, with a deadline of its own.
		work, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		s.round(work, s.intake.pick(s.r.Batch))
		cancel()
	}
}

// handBack returns to the bus what was taken in and not begun, after run has ended.
func (s *shard) handBack() {
	for {
		s.fill()
		if s.intake.n == 0 {
			return
		}
		for _, it := range s.intake.pick(s.r.Batch) {
			if it.delivery != nil {
				it.delivery.Nak(0)
			}
		}
	}
}

// fill takes in what waits, within bounds.
func (s *shard) fill() {
	room := 4*s.r.Batch - s.intake.n
	mine, more := s.own.pop(max(room, 0))
	if more {
		s.own.push(nil) // ring again
	}
	for _, it := range mine {
		if it != nil {
			s.take(it)
		}
	}
	for s.intake.n < 4*s.r.Batch {
		select {
		case it := <-s.in:
			s.take(it)
		default:
			return
		}
	}
}

// take puts an item into its workflow's lane. Jobs that are not in memory share one, of the usual
// priority.
func (s *shard) take(it *item) {
	workflow, priority := "", engine.Priority(0)
	if it.machine != nil {
		workflow, priority = it.machine.Workflow().Name, engine.PriorityOf(it.machine.Workflow().Priority)
		if start := it.event.Start; start != nil && start.Priority != nil {
			priority = *start.Priority
		}
	} else if e := s.cache[it.job]; e != nil {
		workflow, priority = e.machine.Workflow().Name, e.job.Priority
	}
	s.intake.add(workflow, priority, it)
}

// round makes one turn for each job of the batch, commits them together and passes them on
// for publishing.
func (s *shard) round(ctx context.Context, batch []*item) {
	s.rounds++
	var turns []*turn
	byJob := map[string]*turn{}
	for _, it := range batch {
		if !it.begin() {
			continue
		}
		t := byJob[it.job]
		if t == nil {
			t = &turn{shard: s, id: it.job}
			byJob[it.job] = t
			turns = append(turns, t)
		}
		t.items = append(t.items, it)
	}
	var batches []store.Batch
	var writing []*turn
	for _, t := range turns {
		t.take(ctx)
		t.fold()
		var b store.Batch
		if t.changed() {
			b = t.batch()
		}
		if err := t.keep(ctx); err != nil {
			s.unkept(t, err)
			continue
		}
		if b != nil {
			if t.next.Status.Final() {
				t.ending = s.r.endings.add(t.id, t.next.EndedAt)
			}
			batches = append(batches, b)
			writing = append(writing, t)
		}
	}
	if len(batches) > 0 {
		for i, err := range s.commit(ctx, writing, batches) {
			s.committed(ctx, writing[i], err)
		}
		s.recycle(batches)
	}
	for _, t := range turns {
		t.answer()
	}
	s.evict()
	select {
	case s.out <- turns:
	case <-ctx.Done():
	}
}

// commit stores the turns, those that end jobs only while others know that this server lives.
func (s *shard) commit(ctx context.Context, writing []*turn, batches []store.Batch) []error {
	if slices.ContainsFunc(writing, func(t *turn) bool { return t.next.Status.Final() }) {
		if err := s.r.standing(ctx); err != nil {
			return slices.Repeat([]error{err}, len(batches))
		}
	}
	began := time.Now()
	errs := s.r.Store.Commit(ctx, batches...)
	if o := s.r.Observer; o != nil {
		o.Committed(len(batches), time.Since(began), errors.Join(errs...))
	}
	return errs
}

// buffer returns room for a body.
func (s *shard) buffer() []byte {
	n := len(s.free)
	if n == 0 {
		return make([]byte, 0, 2<<10)
	}
	b := s.free[n-1]
	s.free = s.free[:n-1]
	return b[:0]
}

// recycle takes back the buffers of committed bodies, but not so many nor so large ones that
// a rare rush keeps memory for ever.
func (s *shard) recycle(batches []store.Batch) {
	for _, b := range batches {
		for _, w := range b {
			if len(s.free) < 256 && cap(w.Body) <= 32<<10 {
				s.free = append(s.free, w.Body)
			}
		}
	}
}

// unkept gives up a turn whose large values could not be stored.
func (s *shard) unkept(t *turn, err error) {
	delete(s.cache, t.id)
	s.r.Log.Warn("large values not stored, the turn is taken again", "job", t.id, "err", err)
	t.next, t.effects, t.failed = nil, nil, err
}

// committed settles a turn's fate.
func (s *shard) committed(ctx context.Context, t *turn, err error) {
	if err == nil {
		s.stored(t)
		return
	}
	delete(s.cache, t.id)
	log := s.r.Log.With("job", t.id)
	if !errors.Is(err, store.ErrConflict) {
		// The outcome is unknown: the turn's history document tells.
		if s.applied(ctx, t) {
			log.Warn("commit outcome read back as stored", "err", err)
			s.stored(t)
			return
		}
		log.Warn("commit failed, the turn is taken again", "err", err)
		if t.next.Status.Final() {
			s.later(&item{job: t.id, recover: true}) // it may have ended all the same
		}
	} else {
		if t.ending {
			s.r.endings.told(t.id) // by whoever ended it
		}
		log.Debug("revision conflict, the turn is taken again", "err", err)
	}
	t.effects, t.failed = nil, err
}

// stored keeps the new state in memory and sets its timer.
func (s *shard) stored(t *turn) {
	t.observed()
	t.entry.job, t.entry.revision = t.next, t.entry.revision+1
	s.cache[t.id] = t.entry
	if t.entry.folder.Bytes() > 0 {
		s.heavy[t.id] = true
	}
	for id := range t.runs {
		delete(s.late, id)
	}
	for _, run := range t.begun {
		s.late.add(t, run)
	}
	if due := t.next.Due(); due > 0 && due != t.entry.due {
		s.r.timers.set(t.id, due)
		t.entry.due = due
	}
}

// evict drops the least recently used jobs above the bound. Nothing is lost: the store has
// them.
func (s *shard) evict() {
	s.lighten()
	if len(s.cache) <= s.r.Cached {
		return
	}
	old := s.rounds - 8
	for id, e := range s.cache {
		if e.used < old || e.job.Status.Final() {
			delete(s.cache, id)
		}
	}
	if len(s.cache) <= s.r.Cached {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(s.cache))[:len(s.cache)-s.r.Cached] {
		delete(s.cache, id)
	}
}

// maxHeavy bounds the large values that the jobs in the memory of a shard may hold, as the
// length of their texts.
const maxHeavy = 128 << 20

// lighten drops the jobs with large values that were not used in this round, the oldest
// first, above the bound.
func (s *shard) lighten() {
	total := 0
	var heavy []string
	for id := range s.heavy {
		e := s.cache[id]
		if e == nil || e.folder == nil || e.folder.Bytes() == 0 {
			delete(s.heavy, id)
			continue
		}
		total += e.folder.Bytes()
		heavy = append(heavy, id)
	}
	if total <= maxHeavy {
		return
	}
	slices.SortFunc(heavy, func(a, b string) int {
		return cmp.Or(cmp.Compare(s.cache[a].used, s.cache[b].used), cmp.Compare(a, b))
	})
	for _, id := range heavy {
		if e := s.cache[id]; total > maxHeavy && e.used < s.rounds {
			total -= e.folder.Bytes()
			delete(s.cache, id)
			delete(s.heavy, id)
		}
	}
}

// load finds a job in memory or in the store.
func (s *shard) load(ctx context.Context, id string) (*entry, error) {
	if e, ok := s.cache[id]; ok {
		e.used = s.rounds
		return e, nil
	}
	doc, err := s.r.Store.Get(ctx, store.Jobs, id)
	if err != nil {
		return nil, err
	}
	st, err := s.r.Decode(ctx, doc.Body)
	if err != nil {
		return nil, err
	}
	if err := s.r.fill(ctx, st); err != nil {
		return nil, err
	}
	return &entry{job: st.Job, machine: st.Machine, revision: doc.Revision, used: s.rounds, fresh: s.rounds}, nil
}
