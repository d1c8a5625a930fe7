// Package doctor checks a store against the promises the engine makes about it: no job lost
// or counted twice, histories without gaps that lead to the stored jobs, parents and children
// that agree, nothing left behind, no secret written down. What follows from the jobs
// themselves it can write anew. Whether a process keeps its memory is for package drift, of the
// process itself, to judge.
//
// The store may be in use. Documents are read a page at a time, and whatever looks wrong is
// looked at again: it may have moved while it was read, or what completes it be on its way. A
// document is only judged by reads between which it kept its revision.
//
// Histories are replayed by the machine of this release, with the limits of the library given.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/payload"
	"github.com/heddlehq/heddle/engine/store"
)

// Invariant names a promise.
type Invariant string

// The promises that are checked.
const (
	Once     Invariant = "INV-1"  // a job exists once and begins with its start
	Live     Invariant = "INV-2"  // an unfinished job has something to wait for
	Accepted Invariant = "INV-3"  // an iteration has at most one result
	Over     Invariant = "INV-4"  // nothing starts in a job that has ended
	Replay   Invariant = "INV-5"  // a history has no gaps and leads to the stored job
	Joins    Invariant = "INV-6"  // tasks started when their predecessors allowed it
	Family   Invariant = "INV-7"  // parents and children agree
	Left     Invariant = "INV-8"  // nothing is left behind or filed wrongly
	Counts   Invariant = "INV-9"  // statistics equal a recount
	Secret   Invariant = "INV-10" // secrets are not written down
	Chain    Invariant = "INV-11" // the audit log is as it was written
	Steady   Invariant = "INV-12" // memory, goroutines and open files do not grow; see package drift
)

// Finding is one broken promise. Fixable tells whether what is wrong follows from other
// documents, so that it can be written anew without guessing.
type Finding struct {
	Invariant  Invariant `json:"invariant"`
	Collection string    `json:"collection"`
	ID         string    `json:"id"` // of the document at fault; a value of a field for INV-9
	Text       string    `json:"text"`
	Fixable    bool      `json:"fixable"`
}

func (f Finding) String() string {
	return fmt.Sprintf("%s %s %s: %s", f.Invariant, f.Collection, f.ID, f.Text)
}

// Options say what to check. Store and Library are required; the library reads that store.
type Options struct {
	Store   store.Store
	Library *library.Library
	// Sample checks that many jobs drawn by chance, each with its history and task
	// runs, and leaves out what needs the whole store: orphans, statistics, canaries and the
	// audit log. 0 checks all.
	Sample int
	// Canaries are secrets that must not stand in any document. Reports do not repeat them.
	Canaries []string
	// Audit verifies the audit log and tells where it is broken; its findings become ones of
	// Chain. Nil when there is none to verify.
	Audit func(context.Context) ([]Finding, error)
	// Fix repairs what is fixable: index fields, the documents of task runs, and orphans,
	// which are deleted. What a job says is never changed.
	Fix bool
	// Wait is how long to wait before what looks wrong is looked at again, so that what is on
	// its way between the servers of a live store can arrive. The second and third time it
	// is doubled. 0 suits a stopped store, where one more look is enough.
	Wait time.Duration
	// Progress is told, now and then, how much of a stage has been read.
	Progress func(stage string, done, total int)
}

// MaxFindings is how many findings a report holds; the others are only counted.
const MaxFindings = 10_000

// Report is the outcome of a check.
type Report struct {
	Jobs     int       `json:"jobs"`   // checked
	Events   int       `json:"events"` // replayed
	Tasks    int       `json:"tasks"`  // task runs compared
	Findings []Finding `json:"findings"`
	Fixed    []Finding `json:"fixed"`
	More     int       `json:"more"` // findings and repairs beyond MaxFindings
}

// Clean tells whether nothing is left to be found.
func (r *Report) Clean() bool { return len(r.Findings) == 0 && r.More == 0 }

// Check reads the store and reports what breaks a promise. The error is that of a store that
// cannot be read, or the context's; the report then holds what was found before.
func Check(ctx context.Context, o Options) (Report, error) {
	c := &checker{Options: o, payloads: payload.InStore(o.Store, payload.Options{}), report: Report{Findings: []Finding{}, Fixed: []Finding{}}}
	if o.Sample > 0 {
		err := c.sample(ctx)
		return c.report, err
	}
	// What is filed wrongly or left behind comes first: once mended, the jobs find their own.
	for _, check := range []func(context.Context) error{c.records, c.large, c.jobs, c.statistics, c.secrets, c.audit} {
		if err := check(ctx); err != nil {
			return c.report, err
		}
	}
	return c.report, nil
}

// checker is one run of Check.
type checker struct {
	Options
	payloads *payload.Payloads
	report   Report
	parent   lineage // the parent read last
}

// page is how many documents are read at once.
const page = 200

// fewer is how many of the largest documents are read at once.
const fewer = 4

// suspect is a finding that has not been confirmed, with the writes that would repair it; no
// mend means that nothing does.
type suspect struct {
	Finding
	mend func(context.Context) (store.Batch, error)
}

func finding(i Invariant, collection, id, format string, args ...any) suspect {
	return suspect{Finding: Finding{Invariant: i, Collection: collection, ID: id, Text: fmt.Sprintf(format, args...)}}
}

// by makes the suspect fixable.
func (s suspect) by(mend func(context.Context) (store.Batch, error)) suspect {
	s.Fixable, s.mend = true, mend
	return s
}

// with makes the suspect fixable by one write.
func (s suspect) with(w store.Write) suspect {
	return s.by(func(context.Context) (store.Batch, error) { return store.Batch{w}, nil })
}

// settle looks again, more than once if the store is in use, at what the first look suspected.
// What every look found is repaired or reported.
func (c *checker) settle(ctx context.Context, found []suspect, again func() ([]suspect, error)) error {
	// What is read twice counts once.
	events, tasks := c.report.Events, c.report.Tasks
	defer func() { c.report.Events, c.report.Tasks = events, tasks }()
	looks := 3
	if c.Wait <= 0 {
		looks = 1
	}
	for look := range looks {
		if len(found) == 0 {
			return nil
		}
		if err := pause(ctx, c.Wait<<look); err != nil {
			return err
		}
		next, err := again()
		if err != nil {
			return err
		}
		found = both(found, next)
	}
	for _, s := range found {
		if err := c.close(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// both keeps of the later suspects those that were suspected before.
func both(before, later []suspect) []suspect {
	type key struct {
		Invariant
		collection, id string
	}
	seen := map[key]bool{}
	for _, s := range before {
		seen[key{s.Invariant, s.Collection, s.ID}] = true
	}
	return slices.DeleteFunc(later, func(s suspect) bool { return !seen[key{s.Invariant, s.Collection, s.ID}] })
}

// close repairs a confirmed suspect, or reports it.
func (c *checker) close(ctx context.Context, s suspect) error {
	list := &c.report.Findings
	if c.Fix && s.mend != nil {
		batch, err := s.mend(ctx)
		if err != nil {
			return err
		}
		switch err := c.Store.Commit(ctx, batch)[0]; {
		case err == nil:
			list = &c.report.Fixed
		case !errors.Is(err, store.ErrConflict): // somebody else wrote it meanwhile
			return fmt.Errorf("repair %s %q: %w", s.Collection, s.ID, err)
		}
	}
	if len(*list) >= MaxFindings {
		c.report.More++
		return nil
	}
	*list = append(*list, s.Finding)
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// each reads the documents a query selects, a page at a time.
func (c *checker) each(ctx context.Context, collection string, q store.Query, f func([]store.Doc) error) error {
	q.Limit, q.NoTotal = page, true
	if collection == store.Payloads {
		q.Limit = fewer
	}
	for {
		found, err := c.Store.Find(ctx, collection, q)
		if err != nil {
			return fmt.Errorf("read %s: %w", collection, err)
		}
		if err := f(found.Docs); err != nil || found.Next == nil {
			return err
		}
		q.After = found.Next
	}
}

// all reads a whole collection in the order of its identifiers and tells the progress.
func (c *checker) all(ctx context.Context, stage, collection string, f func([]store.Doc) error) error {
	total, err := c.size(ctx, collection)
	if err != nil {
		return err
	}
	done := 0
	return c.each(ctx, collection, store.Query{Sort: []store.Order{{Field: store.ID}}}, func(docs []store.Doc) error {
		if err := f(docs); err != nil {
			return err
		}
		done += len(docs)
		c.tell(stage, done, max(total, done))
		return nil
	})
}

func (c *checker) size(ctx context.Context, collection string) (int, error) {
	buckets, err := c.Store.Group(ctx, collection, store.Grouping{})
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", collection, err)
	}
	return buckets[0].Count, nil
}

func (c *checker) tell(stage string, done, total int) {
	if c.Progress != nil {
		c.Progress(stage, done, total)
	}
}
