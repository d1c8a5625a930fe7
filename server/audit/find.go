package audit

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/heddlehq/heddle/engine/store"
)

// Query selects links. A zero member selects all. A text that ends in "*" selects by what
// stands before it, any other exactly: "job/65f0" is one job, "job/*" all of them.
type Query struct {
	Who     string // the account's name
	Action  string
	Target  string // see [Target.String]
	Outcome string
	Since   time.Time // not earlier
	Until   time.Time // earlier

	Oldest bool // oldest first; else newest first
	Skip   int
	Limit  int          // links on a page; 100 unless set
	After  store.Cursor // continues behind an earlier page
}

// Page is an answer to a [Query].
type Page struct {
	Links []Link
	Total int          // links that the query selects
	Next  store.Cursor // nil behind the last page
}

// page is how many links are read at once.
const page = 500

// Find returns a page of the links that a query selects.
func (l *Log) Find(ctx context.Context, q Query) (Page, error) {
	find := q.find()
	find.Skip, find.Limit, find.After = q.Skip, q.Limit, q.After
	if find.Limit == 0 {
		find.Limit = 100
	}
	found, err := l.Store.Find(ctx, store.Audit, find)
	if err != nil {
		return Page{}, fmt.Errorf("search the audit log: %w", err)
	}
	out := Page{Links: make([]Link, len(found.Docs)), Total: found.Total, Next: found.Next}
	for i, d := range found.Docs {
		if out.Links[i], err = read(d.Body); err != nil {
			return Page{}, fmt.Errorf("read audit entry %q: %w", d.ID, err)
		}
	}
	return out, nil
}

// find is the store's form of what a query selects, in its order.
func (q Query) find() store.Query {
	var where store.And
	text := func(field, s string) {
		if prefix, ok := strings.CutSuffix(s, "*"); ok {
			where = append(where, store.Where(field, store.StartsWith, prefix))
		} else if s != "" {
			where = append(where, store.Where(field, store.Eq, s))
		}
	}
	text("who", q.Who)
	text("action", q.Action)
	text("target", q.Target)
	text("outcome", q.Outcome)
	if !q.Since.IsZero() {
		where = append(where, store.Where("at", store.Gte, q.Since.UnixMilli()))
	}
	if !q.Until.IsZero() {
		where = append(where, store.Where("at", store.Lt, q.Until.UnixMilli()))
	}
	return store.Query{Where: where, Sort: []store.Order{{Field: store.ID, Desc: !q.Oldest}}}
}

// Export writes all links that a query selects, one line of JSON each, oldest first, as they
// are stored. Its paging members are of no account. What a query without members exports can
// be verified by [VerifyExport].
func (l *Log) Export(ctx context.Context, w io.Writer, q Query) error {
	q.Oldest = true
	find := q.find()
	find.Limit, find.NoTotal = page, true
	for {
		found, err := l.Store.Find(ctx, store.Audit, find)
		if err != nil {
			return fmt.Errorf("export the audit log: %w", err)
		}
		for _, d := range found.Docs {
			if _, err := w.Write(append(d.Body, '\n')); err != nil {
				return fmt.Errorf("export the audit log: %w", err)
			}
		}
		if found.Next == nil {
			return nil
		}
		find.After = found.Next
	}
}
