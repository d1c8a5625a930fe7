package store

import (
	"context"
	"time"
)

// Store keeps documents. It is safe for concurrent use.
//
// A write is visible to every read that begins after its Commit returned nil.
type Store interface {
	// Commit stores each batch whole or not at all, durably, and returns one
	// result a batch, in order: nil, a *[Conflict], an error that wraps
	// [ErrInvalid], or the store's own failure. What becomes of one batch
	// never touches another.
	//
	// A context that ends before the store took up the work gives its error
	// and nothing is stored; afterwards the outcome is awaited. After any
	// other failure the outcome is unknown and must be read back.
	Commit(ctx context.Context, batches ...Batch) []error

	// Get returns one document, or [ErrNotFound].
	Get(ctx context.Context, collection, id string) (Doc, error)

	// Find returns the documents that pass a filter, in order.
	Find(ctx context.Context, collection string, q Query) (Page, error)

	// Group counts and measures documents by their keys inside the store.
	// Buckets come in the order of their keys. Without keys there is exactly
	// one bucket, even over nothing.
	Group(ctx context.Context, collection string, g Grouping) ([]Bucket, error)

	// Close waits for work in hand and releases the store. Later calls give
	// [ErrClosed].
	Close() error
}

// Doc is a stored document. The body belongs to the receiver.
type Doc struct {
	ID       string
	Revision int64
	Body     []byte
}

// Special values of Write.Expect.
const (
	// New demands that no document has the identifier yet.
	New int64 = 0
	// Any accepts whatever is stored, also nothing.
	Any int64 = -1
)

// MaxBody is the size a body may have, in bytes. It leaves room for the index
// values within the 16 MiB document limit of other engines.
const MaxBody = 15 << 20

// Write replaces, creates or deletes one document.
type Write struct {
	Collection, ID string
	// Expect is the revision the stored document must have, New or Any.
	Expect int64
	// Body is the new content; nil deletes. The store never changes it and
	// the caller must not until Commit has returned.
	Body []byte
	// Index holds one value for each field of the collection, in its order:
	// nil for missing, else string for Text, int64 or float64 for Number,
	// int64 for Time, bool for Bool, []string for Texts. See
	// [Collection.IndexOf]. It is ignored when Body is nil.
	Index []any
}

// Revision returns the revision a document gets by a write that expected
// revision expect. A write with Any adds one to what it finds, which only the
// store knows; it answers 0.
func Revision(expect int64) int64 { return expect + 1 }

// Batch is a list of writes that are stored together, in order, or not at
// all. Later writes see earlier ones.
type Batch []Write

// Query selects and orders documents.
type Query struct {
	// Where must hold; nil selects all.
	Where Filter
	// Sort orders the result. Ties are broken by `_id`, in the direction of
	// the last key, so every order is total.
	Sort []Order
	// Skip drops that many documents from the front.
	Skip int
	// Limit bounds the documents returned; 0 returns all.
	Limit int
	// NoTotal spares the count of all matches.
	NoTotal bool
	// After continues behind the last document of an earlier page with the
	// same Where and Sort. Unlike Skip it neither repeats nor misses a
	// document when others come and go meanwhile.
	After Cursor
}

// Order is one sort key.
type Order struct {
	Field string
	Desc  bool
}

// Cursor marks a place in a sorted result: the values of all sort keys of
// one document, `_id` last. It survives a round trip through JSON.
type Cursor []any

// Page is one answer to a [Query].
type Page struct {
	Docs []Doc
	// Total counts all matches of Where exactly, whatever Skip, Limit and
	// After say, as of the same moment as Docs. It is 0 under NoTotal.
	Total int
	// Next continues behind this page; nil when Limit found no more.
	Next Cursor
}

// Unit is a calendar unit, in UTC.
type Unit string

// The units a time key may be cut to.
const (
	Exact Unit = ""
	Hour  Unit = "hour"
	Day   Unit = "day"
	Month Unit = "month"
)

// Start returns the beginning of the unit that holds ms, both in milliseconds
// since 1970.
func (u Unit) Start(ms int64) int64 {
	t := time.UnixMilli(ms).UTC()
	switch u {
	case Hour:
		return t.Truncate(time.Hour).UnixMilli()
	case Day:
		return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).UnixMilli()
	case Month:
		return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	}
	return ms
}

// Grouping asks for counts and measures of documents that share keys.
type Grouping struct {
	Where   Filter
	By      []Key
	Measure []Measure
}

// Key is a field to group by; a Time field may be cut to a unit.
type Key struct {
	Field string
	Unit  Unit
}

// Aggregate names what a [Measure] computes over the documents that have its
// field.
type Aggregate string

// The aggregates. Sum and Avg are float64 and want a Number or Time field;
// Min and Max have the field's type and want Number, Time or Text. Over no
// values Sum is 0 and the others are nil.
const (
	Sum Aggregate = "sum"
	Avg Aggregate = "avg"
	Min Aggregate = "min"
	Max Aggregate = "max"
)

// Measure is one aggregate of one field.
type Measure struct {
	Of    Aggregate
	Field string
}

// Bucket is the outcome for one combination of keys.
type Bucket struct {
	// Keys holds the values of Grouping.By in order, nil for missing; a time
	// cut to a unit is the unit's first millisecond.
	Keys []any
	// Count is the number of documents.
	Count int
	// Measures holds the values of Grouping.Measure in order.
	Measures []any
}
